"""Complex tests: scenes of several objects, and questions that name one combination of two values."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from modelmetry.errors import BadInput
from modelmetry.items import digest
from modelmetry.scenes.asking import TEMPLATES, Question, Seen, Template, ask
from modelmetry.scenes.holdouts import Combination, Holdout
from modelmetry.scenes.kinds import Filter, Kind
from modelmetry.scenes.placing import placed
from modelmetry.scenes.world import Scene

LEVELS = 120
"""Equal shares into which the answers of a template are cut: a multiple of 2, 3, 5 and 8."""

LEAST = 6
"""Objects that a scene must have room for: some question with some answer needs so many."""

_PLANTED = (1, 1, 1, 1, 2, 2, 3, 4)
"""How many objects of the named combination are put into a scene, before the rest is drawn."""

_MOST_SCENES = 3_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A scene and a question about it.

    Attributes:
        scene: The scene.
        question: The question.
        named: The combination that the question names once.
        scenes: Scenes that were drawn until one admitted the question with its answer.
    """

    scene: Scene
    question: Question
    named: Combination
    scenes: int


@lru_cache(maxsize=256)
def nameable(types: tuple[str, str]) -> tuple[str, ...]:
    """Names of the templates in which two attribute types can be named together."""
    return tuple(name for name, template in TEMPLATES.items() if template.can_name(types))


def answer_at(template: Template, level: int) -> str:
    """The answer that a level in range(LEVELS) stands for: each of a template's equally often."""
    return template.answers[level * len(template.answers) // LEVELS]


@lru_cache(maxsize=2048)  # 20 MB: tasks that differ in words or protocol ask of the same scenes
def draw(
    held: Holdout, template: str, level: int, number: int, *, ood: bool, sizes: tuple[int, int]
) -> Asked:
    """The question of a template with a given answer, about the first scene that admits it.

    The answer is fixed before anything is drawn, so the answers of a split are distributed as its
    points are, exactly, and alike in the splits compared. So is what the question names, a
    combination of the holdout's two types: it tells nothing about the answer, in no split. Then
    scenes are drawn until one admits such a question.

    Args:
        held: What is held out.
        template: Name of a template in `nameable(held.types)`.
        level: Stands for the answer, in range(LEVELS).
        number: Which of the scenes, any integer >= 0.
        ood: Whether what is held out is shown and said; else neither is.
        sizes: Fewest and most objects.

    Raises:
        BadInput: No scene of so many objects admits the question.
    """
    answer = answer_at(TEMPLATES[template], level)
    rng = random.Random(digest("complex", held.name, template, level, number, int(ood)))
    named, world = _world(held, rng, ood=ood)
    for attempt in range(1, _MOST_SCENES + 1):
        found = _once(held, TEMPLATES[template], answer, named, world, rng, sizes)
        if found is not None:
            scene, question = found
            return Asked(scene=scene, question=question, named=named, scenes=attempt)
    raise BadInput(
        f"clevr-hope: no scene of {sizes[0]} to {sizes[1]} objects admits {template} with the "
        f"answer {answer!r}; allowed: more objects"
    )


def _world(
    held: Holdout, rng: random.Random, *, ood: bool
) -> tuple[Combination, frozenset[Combination]]:
    """What is named, and the combinations that the scene may show and the question may say.

    An OOD scene does without one of those that training shows, so that it has as many to choose
    from as an IID scene; else it would be more varied, the more so the fewer there are, and show
    less of what is named. A value of the two types never goes with it.
    """
    if not ood:
        return rng.choice(sorted(held.peers)), held.shown
    named, every = rng.choice(sorted(held.held)), held.tested
    values = set(chain.from_iterable(every))
    spare = [c for c in sorted(held.shown) if values == set(chain.from_iterable(every - {c}))]
    return named, every - {rng.choice(spare)} if spare and len(every) > len(held.shown) else every


def ask_more(held: Holdout, asked: Asked, key: tuple[str, int, int], member: int) -> Asked:
    """A further question about a training scene: requests are drawn until the scene admits one.

    Args:
        held: What is held out.
        asked: The scene's first question.
        key: Template, level and number of the first question.
        member: Which further question, from 1.
    """
    rng = random.Random(digest("further", held.name, *key, member))
    seen = Seen(asked.scene)
    present = sorted(
        c for c in held.peers if any(held.combination(t.kind) == c for t in asked.scene.things)
    )
    templates = nameable(held.types)
    while True:
        template = TEMPLATES[rng.choice(templates)]
        answer, named = rng.choice(template.answers), rng.choice(present)
        question = ask_about(held, seen, template, answer, named, rng, held.shown)
        if question is not None:
            return Asked(scene=asked.scene, question=question, named=named, scenes=0)


def _once(
    held: Holdout,
    template: Template,
    answer: str,
    named: Combination,
    world: frozenset[Combination],
    rng: random.Random,
    sizes: tuple[int, int],
) -> tuple[Scene, Question] | None:
    """A scene with the combination in it and a question that names it; None where there is none."""
    count, kinds, some = rng.randint(*sizes), held.kinds(world), held.kinds(frozenset([named]))
    scene = placed(lambda r: planted(some, kinds, r, count), rng)
    question = ask_about(held, Seen(scene), template, answer, named, rng, world)
    return None if question is None else (scene, question)


def ask_about(
    held: Holdout,
    seen: Seen,
    template: Template,
    answer: str | None,
    named: Combination,
    rng: random.Random,
    world: frozenset[Combination],
) -> Question | None:
    """A question about a scene that names a combination once, and no strange one.

    Args:
        held: What is held out.
        seen: The scene.
        template: The question's template.
        answer: The answer it must have, or None for any.
        named: The combination that it names.
        rng: Random stream.
        world: The combinations that descriptions may name.
    """

    def strange(described: Filter) -> bool:
        combination = held.combination(described)
        return None not in combination and combination not in world

    return ask(seen, template, rng, answer=answer, naming=Filter.of(*named), strange=strange)


def planted(
    some: Sequence[Kind], kinds: Sequence[Kind], rng: random.Random, count: int
) -> list[Kind]:
    """Kinds of the objects of a scene: one or a few of `some`, the rest uniformly."""
    first = min(count, rng.choice(_PLANTED))
    found = [rng.choice(some) for _ in range(first)]
    found += [rng.choice(kinds) for _ in range(count - first)]
    rng.shuffle(found)
    return found


def shows(held: Holdout, scene: Scene) -> bool:
    """Whether an object of the scene shows what is held out."""
    return any(held.holds(thing.kind) for thing in scene.things)


def says(held: Holdout, question: Question) -> int:
    """How many descriptions of the question say what is held out."""
    return sum(held.mentions(described) for described in question.filters)
