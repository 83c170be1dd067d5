"""CLEVR: questions of nine families about scenes made here, or about those of a CLEVR file."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import ClassVar

from modelmetry.errors import BadInput
from modelmetry.items import Draft, Field, Generator, content_hash, digest
from modelmetry.scenes import clevr_json, reading
from modelmetry.scenes.asking import TEMPLATES, Question, Seen, ask
from modelmetry.scenes.complex_tests import LEAST, LEVELS, answer_at
from modelmetry.scenes.kinds import KINDS, Kind
from modelmetry.scenes.placing import placed
from modelmetry.scenes.telling import FIELDS, canonical, told_fields, told_target
from modelmetry.scenes.world import Scene
from modelmetry.spaces import Point, Space

_NUMBERS = range(2**40)
_PER_SCENE = 10_000
"""Questions that are told apart about each scene of a file."""

_TEST = 4
"""One scene of a file in so many is for testing."""


@dataclass(frozen=True, kw_only=True)
class Clevr(Generator):
    """How many metal things are left of the big cube? Visual question answering without holdouts.

    After Johnson et al., "CLEVR: A Diagnostic Dataset for Compositional Language and Elementary
    Visual Reasoning" (CVPR 2017): the same world, functional programs and families; templates,
    sampling and pictures are our own. About scenes made here, the answers of each template are
    equally frequent; about those of a file as nearly so as its scenes admit.

    Attributes:
        scenes: Path of a JSON file of scenes in CLEVR's schema; empty for scenes made here.
        fewest: Fewest objects in a scene made here, >= 1.
        most: Most objects in it, 6 to 10.
    """

    scenes: str = ""
    fewest: int = 3
    most: int = 10

    name: ClassVar[str] = "clevr"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = FIELDS
    factors: ClassVar[tuple[str, ...]] = ("family", "template", "objects", "steps")
    difficulty: ClassVar[str] = "steps"
    splits: ClassVar[Mapping[str, str]] = {
        "train": "scenes to learn from: three of four of a file",
        "held-out": "other scenes: the fourth of a file",
    }

    def __post_init__(self) -> None:
        """Check the options, and the file's scenes where there is one."""
        if not 1 <= self.fewest <= self.most <= 10 or self.most < LEAST:
            raise BadInput(
                f"clevr: fewest is {self.fewest}, most is {self.most}; "
                f"allowed: 1 <= fewest <= most, most from {LEAST} to 10"
            )
        if self.scenes:
            _read(self.scenes)

    def strata(self, split: str) -> Sequence[Space]:
        """One stratum: any template, any of its answers, any scene."""
        place = Space.of(split=(split,))
        if not self.scenes:
            requests = Space.of(template=tuple(TEMPLATES), level=range(LEVELS), number=_NUMBERS)
            return [place * requests]
        held_out = split == "held-out"
        mine = [i for i in range(len(_read(self.scenes))) if (i % _TEST == _TEST - 1) == held_out]
        if not mine:
            raise BadInput(
                f"clevr/{split}: {self.scenes} has too few scenes; allowed: {_TEST} or more"
            )
        return [place * Space.of(scene=mine, number=range(_PER_SCENE))]

    def build(self, point: Point, rng: random.Random) -> Draft:
        scene, question = self._of_file(point) if self.scenes else self._made(point)
        template = TEMPLATES[question.template]
        return Draft(
            fields=told_fields(scene, question, rng.randrange(2**32), {}),
            target=told_target(question, {}),
            factors={
                "family": template.family,
                "template": template.name,
                "objects": len(scene.things),
                "steps": template.steps,
            },
            canonical=canonical(scene, question),
            cluster=content_hash(scene)[:16],
        )

    def _made(self, point: Point) -> tuple[Scene, Question]:
        """The first scene that admits the template's question with the level's answer."""
        template = TEMPLATES[point["template"]]
        answer = answer_at(template, point["level"])
        key = (template.name, point["level"], point["number"])
        rng = random.Random(digest("clevr", point["split"], *key))
        while True:
            count = rng.randint(self.fewest, self.most)
            scene = placed(partial(_any, count), rng)
            question = ask(Seen(scene), template, rng, answer=answer)
            if question is not None:
                return scene, question

    def _of_file(self, point: Point) -> tuple[Scene, Question]:
        """A question about a given scene: requests are drawn until the scene admits one."""
        scene = _read(self.scenes)[point["scene"]]
        rng = random.Random(digest("clevr", content_hash(scene), point["number"]))
        seen, templates = Seen(scene), tuple(TEMPLATES.values())
        while True:
            template = rng.choice(templates)
            question = ask(seen, template, rng, answer=rng.choice(template.answers))
            if question is not None:
                return scene, question

    def solve(self, fields: Mapping[str, Field]) -> str:
        """Read the question's words, and answer it from the list of objects by set algebra."""
        return reading.solve(fields["question"], fields["objects"], fields["names"])


def _any(count: int, rng: random.Random) -> list[Kind]:
    return rng.choices(KINDS, k=count)


@cache
def _read(path: str) -> Sequence[Scene]:
    return tuple(clevr_json.read(Path(path)))
