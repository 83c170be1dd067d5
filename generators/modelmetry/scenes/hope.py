"""CLEVR-HOPE: what a model can tell of attributes it has never seen, or heard of, together."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from modelmetry.errors import BadInput
from modelmetry.items import Draft, Field, Generator, Problem, Scalar, content_hash, digest
from modelmetry.scenes import complex_tests, minimal_tests, reading
from modelmetry.scenes.asking import TEMPLATES, Question, Seen, question_of
from modelmetry.scenes.holdouts import COGENT, PAIRS, Combination, Holdout, holdout, holdouts
from modelmetry.scenes.telling import FIELDS, canonical, retold, told_fields, told_target
from modelmetry.scenes.vocabulary import invented
from modelmetry.scenes.world import Scene
from modelmetry.spaces import Point, Space

_NUMBERS = range(2**40)
"""Scenes, and variants of quads, that a template and a level tell apart."""

_EXIST = "zero-hop-exist"
"""The template of the minimal tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """A scene, a question about it and where they stand in the design."""

    scene: Scene
    question: Question
    named: Combination
    cluster: str
    variant: int = -1
    row: int = -1
    cell: int = -1
    wording: int


@dataclass(frozen=True, kw_only=True)
class ClevrHope(Generator):
    """Is the red cylinder left of the big cube metal? Asked of scenes with and without a held-out pair.

    After Berlot-Attwell et al., "Attribute Diversity Determines the Systematicity Gap in VQA"
    (EMNLP 2024, arXiv 2311.08695), on worlds and questions in the manner of CLEVR (Johnson et al.,
    CVPR 2017), all made here. Training and the IID tests never show or say a held-out pair of
    values; every OOD test does both. IID and OOD tests have the same answers, problem by problem,
    so that no constant answer shows a gap.

    Attributes:
        pairs: Held-out pairs, such as `rubber cylinder`; by default the 29 of CLEVR-HOPE. `cogent`
            may be among them: then `train` also shows condition A of CLEVR-CoGenT.
        diversity: How many combinations of a pair's two types training shows, or None for all but
            the pair.
        fewest: Fewest objects in a complex scene, >= 1.
        most: Most objects in a complex scene, 6 to 10.
        per_scene: Questions about each training scene, >= 1. With more than one, the answers
            beyond each scene's first are balanced only as far as its scene admits.
        words: `english`, or `invented` for words that only solved examples explain.
    """

    pairs: tuple[str, ...] = PAIRS
    diversity: int | None = None
    fewest: int = 3
    most: int = 10
    per_scene: int = 1
    words: Literal["english", "invented"] = "english"

    name: ClassVar[str] = "clevr-hope"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = FIELDS
    factors: ClassVar[tuple[str, ...]] = (
        *("pair", "types", "diversity", "named", "family", "template"),
        *("objects", "steps", "variant", "row", "cell"),
    )
    difficulty: ClassVar[str] = "steps"
    splits: ClassVar[Mapping[str, str]] = {
        "train": "several objects, questions of nine families; the pair is neither shown nor said",
        "complex-iid": "new scenes and questions as in train",
        "complex-ood": "the pair is shown and said; otherwise as complex-iid, the answers included",
        "minimal-iid": "one object: is it what is asked for? other pairs of the same two types",
        "minimal-ood": "one object: is it the held-out pair? otherwise as minimal-iid",
        "minimal-train": "more quads as in minimal-iid, for training that has met their form",
        "cogent-a": "complex scenes of CLEVR-CoGenT's condition A: each color on one of two shapes",
        "cogent-b": "condition B: cubes and cylinders in each other's colors; answers as cogent-a",
    }
    matched: ClassVar[Mapping[str, str]] = {
        "complex-ood": "complex-iid",
        "minimal-ood": "minimal-iid",
        "cogent-b": "cogent-a",
    }
    alike: ClassVar[tuple[str, ...]] = ("pair",)

    def __post_init__(self) -> None:
        """Check the options."""
        if not 1 <= self.fewest <= self.most <= 10:
            raise BadInput(
                f"clevr-hope: fewest is {self.fewest}, most is {self.most}; "
                "allowed: 1 <= fewest <= most <= 10"
            )
        if self.most < complex_tests.LEAST:
            raise BadInput(
                f"clevr-hope: most is {self.most}; allowed: {complex_tests.LEAST} to 10, "
                "so that every question can be asked"
            )
        if self.per_scene < 1:
            raise BadInput(f"clevr-hope: per_scene is {self.per_scene}; allowed: from 1")
        names = tuple(held.name for held in holdouts(self.pairs, self.diversity))
        object.__setattr__(self, "pairs", names)

    def members(self, split: str) -> int:
        if split.startswith("minimal"):
            return minimal_tests.CELLS
        return self.per_scene if split == "train" else 1

    def strata(self, split: str) -> Sequence[Space]:
        """One stratum per held-out pair, each with every template that can name it."""
        return [self._stratum(split, name) for name in self._held_out(split)]

    def _held_out(self, split: str) -> Sequence[str]:
        if split.startswith("cogent"):
            return (COGENT,)
        names = [name for name in self.pairs if split == "train" or name != COGENT]
        if not names:
            raise BadInput(
                f"clevr-hope/{split}: pairs are only cogent; allowed: cogent-a, cogent-b"
            )
        return names

    def _stratum(self, split: str, name: str) -> Space:
        place = Space.of(split=(split,), pair=(name,))
        if split.startswith("minimal"):
            return place * Space.of(variant=_NUMBERS)
        return place * Space.of(
            template=complex_tests.nameable(self._holdout(name).types),
            level=range(complex_tests.LEVELS),
            number=_NUMBERS,
        )

    def _holdout(self, name: str) -> Holdout:
        return holdout(name, None if name == COGENT else self.diversity)

    def build(self, point: Point, rng: random.Random) -> Draft:
        held = self._holdout(point["pair"])
        ood = point["split"] in self.matched
        told = (self._quad if "variant" in point else self._complex)(held, point, ood=ood)
        # Both ways, what is shown and what is said: a held-out pair that leaks is no held-out pair.
        if (complex_tests.says(held, told.question) > 0) != ood:
            raise AssertionError(f"{point}: the question says what is held out: {not ood}")
        if complex_tests.shows(held, told.scene) != (ood and told.cell < 1):
            raise AssertionError(f"{point}: the scene shows what is held out: {not ood}")
        names = invented(rng) if self.words == "invented" else {}
        return Draft(
            fields=told_fields(told.scene, told.question, told.wording, names),
            target=told_target(told.question, names),
            factors=self._factors(held, told),
            canonical=canonical(told.scene, told.question),
            cluster=told.cluster,
        )

    def _quad(self, held: Holdout, point: Point, *, ood: bool) -> _Told:
        variant, cell = point["variant"], point["member"]
        diversity = None if held.name == COGENT else self.diversity
        found = minimal_tests.quad(held.name, diversity, variant, ood=ood)
        scene = found.scenes[cell]
        question = question_of(
            TEMPLATES[_EXIST], (minimal_tests.asked_about(found.target),), (), Seen(scene)
        )
        return _Told(
            scene=scene,
            question=question,
            named=found.target,
            cluster=f"{held.name}/{variant}",
            variant=variant,
            row=found.row,
            cell=cell,
            wording=digest("wording", held.name, variant) % 2**32,
        )

    def _complex(self, held: Holdout, point: Point, *, ood: bool) -> _Told:
        sizes = (self.fewest, self.most)
        key = (point["template"], point["level"], point["number"])
        asked = complex_tests.draw(held, *key, ood=ood, sizes=sizes)
        if member := point.get("member", 0):
            asked = complex_tests.ask_more(held, asked, key, member)
        return _Told(
            scene=asked.scene,
            question=asked.question,
            named=asked.named,
            cluster=content_hash(asked.scene)[:16],
            wording=digest("wording", held.name, *key, point.get("member", 0)) % 2**32,
        )

    def _factors(self, held: Holdout, told: _Told) -> dict[str, Scalar]:
        template = TEMPLATES[told.question.template]
        return {
            "pair": held.name,
            "types": " x ".join(held.types),
            "diversity": held.diversity,
            "named": " ".join(told.named),
            "family": template.family,
            "template": template.name,
            "objects": len(told.scene.things),
            "steps": template.steps,
            "variant": told.variant,
            "row": told.row,
            "cell": told.cell,
        }

    def example(self, solved: Problem, problem: Problem) -> Problem:
        """The solved problem in the vocabulary of another, where words are invented."""
        if self.words == "english":
            return solved
        return retold(solved, problem.fields["names"])

    def solve(self, fields: Mapping[str, Field]) -> str:
        """Read the question's words, and answer it from the list of objects by set algebra."""
        return reading.solve(fields["question"], fields["objects"], fields["names"])
