"""Problems of CLEVR-HOPE as arrays of numbers, drawn for one training set and its tests."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import NamedTuple

import msgspec
import numpy as np

from modelmetry.items import Problem, Seed, digest
from modelmetry.scenes import complex_tests as complex_
from modelmetry.scenes.asking import TEMPLATES, Question, Seen, ask
from modelmetry.scenes.holdouts import Holdout, holdout
from modelmetry.scenes.hope import ClevrHope
from modelmetry.scenes.kinds import KINDS, TYPES, VALUES, Filter
from modelmetry.scenes.world import RELATIONS, Scene

MOST = 5
"""Objects in a scene, 1 to so many: single objects occur, so minimal tests are of a known form."""

PER_SCENE = 6
"""Questions about a training scene."""

BINS = 24
REACH = 4.5
"""Places are told as one of so many equal bins from -REACH to REACH, in scene units."""

WIDTH, HEIGHT = 64, 48
"""Pixels of a picture."""

NONE = len(KINDS)
"""Stands for no object."""

_VALUES = tuple(chain.from_iterable(VALUES[kind] for kind in TYPES))
_OPERATIONS = sorted({n.op for t in TEMPLATES.values() for n in t.program.walk()} - {"scene"})

WORDS = ("", *_OPERATIONS, *_VALUES, *RELATIONS)
"""What a question's tokens are made of; the first stands for nothing."""

ANSWERS = (*map(str, range(11)), "yes", "no", *_VALUES)
"""All answers that there are."""

_WORD = {word: i for i, word in enumerate(WORDS)}
_ANSWER = {answer: i for i, answer in enumerate(ANSWERS)}
_KIND = {kind: i for i, kind in enumerate(KINDS)}


class Asked(NamedTuple):
    """A scene, a question about it, the right answer, and the unit drawn independently."""

    scene: Scene
    template: str
    filters: Sequence[Filter]
    relations: Sequence[str]
    answer: str
    cluster: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problems:
    """Problems as arrays; n problems about s scenes.

    Attributes:
        kinds: Kind of each object, `NONE` where there is none, shape (n, MOST).
        places: Bin of its place to the right and to the front, shape (n, MOST, 2).
        words: The question's program, a token per function, each the words it is made of (its
            operation, the values of a description, a relation); shape (n, tokens, 6).
        answers: Index of the right answer, shape (n,).
        clusters: The units drawn independently, n of them.
        pictures: Red, green and blue, shape (s, HEIGHT, WIDTH, 3), uint8; s is 0 without pictures.
        scenes: Which picture each problem is about, shape (n,).
    """

    kinds: np.ndarray
    places: np.ndarray
    words: np.ndarray
    answers: np.ndarray
    clusters: tuple[str, ...]
    pictures: np.ndarray
    scenes: np.ndarray

    def first(self, n: int) -> Problems:
        """The first n problems."""
        return Problems(
            kinds=self.kinds[:n],
            places=self.places[:n],
            words=self.words[:n],
            answers=self.answers[:n],
            clusters=self.clusters[:n],
            pictures=self.pictures,
            scenes=self.scenes[:n],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What one training set and its tests are drawn from.

    Attributes:
        pair: The held-out pair.
        diversity: Combinations of its types that training shows; None for all but the pair.
        seed: Of the draws; another seed has another training set and other tests.
        families: Families of questions, in training and in the complex tests.
        pictures: Whether scenes are painted.
    """

    pair: str
    diversity: int | None
    seed: int
    families: tuple[str, ...]
    pictures: bool

    @property
    def held(self) -> Holdout:
        """What is held out."""
        return holdout(self.pair, self.diversity)

    def train(self, n: int) -> Problems:
        """The training set: never shows or says what is held out."""
        return _encoded(list(_first(self._training(), n)), pictures=self.pictures)

    def tests(self, n: int) -> dict[str, Problems]:
        """The four tests: n complex problems each, and so many quads of minimal ones."""
        found = {
            "complex-iid": list(self._complex(n, ood=False)),
            "complex-ood": list(self._complex(n, ood=True)),
            "minimal-iid": list(self._minimal("minimal-iid", n)),
            "minimal-ood": list(self._minimal("minimal-ood", n)),
        }
        return {name: _encoded(each, pictures=self.pictures) for name, each in found.items()}

    def _templates(self) -> list[str]:
        names = complex_.nameable(self.held.types)
        return [name for name in names if TEMPLATES[name].family in self.families]

    def _drawn(self, rng: random.Random, template: str, *, ood: bool) -> complex_.Asked:
        """A complex problem as the generator draws it, checked as there."""
        level, number = rng.randrange(complex_.LEVELS), rng.randrange(2**40)
        held = self.held
        found = complex_.draw(held, template, level, number, ood=ood, sizes=(1, MOST))
        _check(held, found.scene, found.question, ood=ood)
        return found

    def _training(self) -> Iterator[Asked]:
        """Endless questions, several about a scene; the first has an answer drawn beforehand."""
        held, templates = self.held, self._templates()
        for number in count():
            rng = random.Random(digest("replication", self.pair, held.diversity, self.seed, number))
            found = self._drawn(rng, rng.choice(templates), ood=False)
            cluster = f"train/{number}"
            yield _asked(found.scene, found.question, cluster)
            seen = Seen(found.scene)
            shown = sorted(held.shown & {held.combination(t.kind) for t in found.scene.things})
            more = 1
            while more < PER_SCENE:
                template = TEMPLATES[rng.choice(templates)]
                answer = rng.choice(template.answers)
                # Half of them name what they may, as CLEVR's do: only such can ask as the minimal
                # tests ask, for two values and nothing else.
                naming = rng.choice([None, Filter.of(*rng.choice(shown))])
                question = ask(
                    seen, template, rng, answer=answer, naming=naming, strange=held.strange
                )
                if question is not None:
                    _check(held, found.scene, question, ood=False)
                    yield _asked(found.scene, question, cluster)
                    more += 1

    def _complex(self, n: int, *, ood: bool) -> Iterator[Asked]:
        """The IID and the OOD test have the same templates and answers, problem by problem."""
        templates = self._templates()
        for number in range(n):
            rng = random.Random(digest("replication test", self.pair, self.seed, number))
            found = self._drawn(rng, templates[number % len(templates)], ood=ood)
            yield _asked(found.scene, found.question, f"complex/{int(ood)}/{number}")

    def _minimal(self, split: str, n: int) -> Iterator[Asked]:
        generator = ClevrHope(pairs=(self.pair,), diversity=self.diversity)
        seed = Seed(root=digest("replication test", self.seed) % 2**63)
        for index in range(n * generator.members(split)):
            yield _of_problem(generator.problem(seed, split, index))


def _check(held: Holdout, scene: Scene, question: Question, *, ood: bool) -> None:
    if complex_.shows(held, scene) != ood or complex_.says(held, question) != ood:
        raise AssertionError(f"{held.name}: what is held out leaks, or an OOD problem lacks it")


def _asked(scene: Scene, question: Question, cluster: str) -> Asked:
    return Asked(
        scene, question.template, question.filters, question.relations, question.answer, cluster
    )


def _of_problem(problem: Problem) -> Asked:
    asked = problem.fields["asked"]
    return Asked(
        msgspec.convert(problem.fields["scene"], Scene),
        asked["template"],
        [Filter(*described) for described in asked["filters"]],
        asked["relations"],
        problem.target.answers[0],
        problem.cluster,
    )


def _first(found: Iterator[Asked], n: int) -> Iterator[Asked]:
    return (each for each, _ in zip(found, range(n), strict=False))


def _encoded(found: Sequence[Asked], *, pictures: bool) -> Problems:
    kinds = np.full((len(found), MOST), NONE)
    places = np.zeros((len(found), MOST, 2), dtype=np.int64)
    programs = [_program(each) for each in found]
    words = np.zeros((len(found), max(map(len, programs)), 6), dtype=np.int64)
    scenes: list[Scene] = []
    about = []
    for i, each in enumerate(found):
        if not scenes or scenes[-1] is not each.scene:
            scenes.append(each.scene)
        about.append(len(scenes) - 1)
        here = len(each.scene.things)
        kinds[i, :here] = [_KIND[thing.kind] for thing in each.scene.things]
        places[i, :here] = _bins(each.scene)
        words[i, : len(programs[i])] = programs[i]
    return Problems(
        kinds=kinds,
        places=places,
        words=words,
        answers=np.array([_ANSWER[each.answer] for each in found]),
        clusters=tuple(each.cluster for each in found),
        pictures=_painted(scenes if pictures else []),
        scenes=np.array(about),
    )


def _bins(scene: Scene) -> np.ndarray:
    across = (np.array(scene.places) + REACH) / (2 * REACH)
    return np.clip(across * BINS, 0, BINS - 1).astype(np.int64)


def _program(asked: Asked) -> list[list[int]]:
    """Words of each function of the question's program, inputs before what takes them."""
    found = []
    for node in TEMPLATES[asked.template].program.walk():
        if node.op == "scene":
            continue
        values = asked.filters[node.slot] if node.op == "filter" else (None,) * len(TYPES)
        relation = asked.relations[node.slot] if node.op == "relate" else ""
        found.append([_WORD[node.op], *(_WORD[value or ""] for value in values), _WORD[relation]])
    return found


def _painted(scenes: Sequence[Scene]) -> np.ndarray:
    from modelmetry.scenes.raster import render

    if not scenes:
        return np.zeros((0, HEIGHT, WIDTH, 3), dtype=np.uint8)
    return np.stack([render(scene, width=WIDTH, height=HEIGHT) for scene in scenes])
