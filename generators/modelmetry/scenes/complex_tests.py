"""Complex tests: scenes of several objects, and questions that name one combination of two values."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from modelmetry.errors import BadInput
from modelmetry.items import digest
from modelmetry.scenes.asking import TEMPLATES, Question, Seen, Template, ask
from modelmetry.scenes.holdouts import Combination, Holdout
from modelmetry.scenes.kinds import Filter, Kind
from modelmetry.scenes.placing import placed
from modelmetry.scenes.world import Scene

LEVELS = 120
"""Equal shares into which the answers of a template are cut: a multiple of 2, 3, 5 and 8."""

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


@lru_cache(maxsize=16)  # the questions about one scene come one after the other
def draw(
    held: Holdout, template: str, level: int, number: int, *, ood: bool, sizes: tuple[int, int]
) -> Asked:
    """The question of a template with a given answer, about the first scene that admits it.

    The answer is fixed before anything is drawn, so the answers of a split are distributed as its
    points are, exactly, and alike in the splits compared. Scenes are drawn until one admits such
    a question. What the question names is a combination of the holdout's two types: the one held
    out, or in the IID splits one that training shows, uniformly.

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
    kinds = held.kinds(ood=ood)
    combinations = sorted(held.held if ood else held.shown)
    for attempt in range(1, _MOST_SCENES + 1):
        named = rng.choice(combinations)
        found = _once(held, TEMPLATES[template], answer, named, kinds, rng, ood=ood, sizes=sizes)
        if found is not None:
            scene, question = found
            return Asked(scene=scene, question=question, named=named, scenes=attempt)
    raise BadInput(
        f"clevr-hope: no scene of {sizes[0]} to {sizes[1]} objects admits {template} with the "
        f"answer {answer!r}; allowed: more objects, or other families"
    )


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
        c for c in held.shown if any(held.combination(t.kind) == c for t in asked.scene.things)
    )
    templates = nameable(held.types)
    while True:
        template = TEMPLATES[rng.choice(templates)]
        answer, named = rng.choice(template.answers), rng.choice(present)
        question = ask_about(held, seen, template, answer, named, rng, ood=False)
        if question is not None:
            return Asked(scene=asked.scene, question=question, named=named, scenes=0)


def _once(
    held: Holdout,
    template: Template,
    answer: str,
    named: Combination,
    kinds: Sequence[Kind],
    rng: random.Random,
    *,
    ood: bool,
    sizes: tuple[int, int],
) -> tuple[Scene, Question] | None:
    """A scene with the combination in it and a question that names it; None where there is none."""
    count = rng.randint(*sizes)
    scene = placed(lambda r: planted(held, named, kinds, r, count), rng)
    question = ask_about(held, Seen(scene), template, answer, named, rng, ood=ood)
    return None if question is None else (scene, question)


def ask_about(
    held: Holdout,
    seen: Seen,
    template: Template,
    answer: str | None,
    named: Combination,
    rng: random.Random,
    *,
    ood: bool,
) -> Question | None:
    """A question about a scene that names a combination once, and nothing that training lacks.

    Args:
        held: What is held out.
        seen: The scene.
        template: The question's template.
        answer: The answer it must have, or None for any.
        named: The combination that it names.
        rng: Random stream.
        ood: Whether the other descriptions may name what an OOD scene may show, rather than what
            training does; what is held out is named once all the same.
    """
    allowed = (held.tested - held.held) | {named} if ood else held.shown

    def strange(described: Filter) -> bool:
        combination = held.combination(described)
        return None not in combination and combination not in allowed

    return ask(seen, template, rng, answer=answer, naming=Filter.of(*named), strange=strange)


def planted(
    held: Holdout,
    named: Combination,
    kinds: Sequence[Kind],
    rng: random.Random,
    count: int,
) -> list[Kind]:
    """Kinds of the objects of a scene: some of the combination, the rest uniformly."""
    some = [kind for kind in kinds if held.combination(kind) == named]
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
