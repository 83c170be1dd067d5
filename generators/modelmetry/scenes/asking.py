"""Questions about a scene: one that has a wanted answer, and the words that ask it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from modelmetry.errors import BadInput
from modelmetry.scenes.kinds import TYPE_OF, TYPES, Filter
from modelmetry.scenes.programs import Program, Seen, Step, run
from modelmetry.scenes.searching import Search, drawn
from modelmetry.scenes.templates import TEMPLATES, Node, Template
from modelmetry.scenes.wording import phrased

__all__ = ["TEMPLATES", "Question", "Template", "ask", "question_of", "words"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A template with its slots filled, and the answer in the scene it was made for.

    Attributes:
        template: The template's name.
        family: The template's family.
        program: The question as CLEVR's functions.
        filters: Per description slot, what it says.
        relations: Per relation slot, where it looks.
        answer: `yes`, `no`, a number or an attribute value.
        tries: Descriptions tried until this one was found; at best one per description slot.
    """

    template: str
    family: str
    program: Program
    filters: tuple[Filter, ...]
    relations: tuple[str, ...]
    answer: str
    tries: int = field(compare=False)


def ask(
    seen: Seen,
    template: Template,
    rng: random.Random,
    *,
    answer: str | None = None,
    naming: Filter | None = None,
    strange: Callable[[Filter], bool] | None = None,
) -> Question | None:
    """A question about a scene that has this answer.

    Every part of it matters: each relation leaves out an object that fits the description after
    it, each side of `and` and `or` changes the result, sets that are compared differ and neither is
    a part of the other by what is said, and no object is pointed out twice. Every description names
    something. One that should fit one object does so, half the time so that nothing can be left
    out. One that fits nothing where it is asked about (`0`, `no`) fits nothing in the whole scene if
    there is no relation, and something elsewhere if there is one.

    The answer is given, all else is drawn: the slot for `naming` uniformly, then objects and
    relations from the scene outwards, uniformly among those that are not ruled out at once; where
    they lead nowhere, the next in random order. Of a description that fits several objects or none,
    the types it names are drawn uniformly among those that admit the answer, then its values
    uniformly. Where the answer is `yes` or `no` these types must admit either, so that the
    answer cannot be guessed from how much is said; counts can be (the more is said, the fewer fit).

    Args:
        seen: The scene.
        template: What is asked.
        rng: Where all choices come from.
        answer: The answer, or None for the first of the template's answers, in random order, that
            the scene allows.
        naming: Values that exactly one description names together, with others or alone.
        strange: Filters that no description may be; where `naming` itself is one, the
            description that holds it is not asked about.

    Returns:
        None if no question was found within `searching.TRIES` descriptions (per answer and per
        slot for `naming`), mostly because there is none.

    Raises:
        BadInput: The template never has this answer.
    """
    if answer is not None and not template.admits(answer):
        raise BadInput(
            f"{template.name}: answer {answer!r}; allowed: {', '.join(template.answers)}"
        )
    slots = (-1,)
    if naming is not None:
        slots = template.slots_for([TYPE_OF[value] for value in naming.named])
    tries = 0
    for wanted in drawn(template.answers, rng) if answer is None else (answer,):
        for slot in drawn(slots, rng):
            search = Search(seen, template, rng, naming=naming, slot=slot, strange=strange)
            for _ in search.questions(wanted):
                return Question(
                    template=template.name,
                    family=template.family,
                    program=_program(template.program, search.filters, search.relations),
                    filters=tuple(search.filters),
                    relations=tuple(search.relations),
                    answer=wanted,
                    tries=tries + search.tries,
                )
            tries += search.tries
    return None


def question_of(
    template: Template, filters: Sequence[Filter], relations: Sequence[str], seen: Seen
) -> Question:
    """A template with its slots filled as given, and the answer that the scene has to it.

    Args:
        template: What is asked.
        filters: One per description slot.
        relations: One per relation slot.
        seen: The scene.

    Raises:
        Invalid: The question has no answer in this scene.
    """
    program = _program(template.program, list(filters), list(relations))
    return Question(
        template=template.name,
        family=template.family,
        program=program,
        filters=tuple(filters),
        relations=tuple(relations),
        answer=run(program, seen),
        tries=0,
    )


def _program(node: Node, filters: list[Filter], relations: list[str]) -> Program:
    """The functions of a template with its slots filled, each description being expanded."""
    steps: list[Step] = []

    def add(node: Node) -> int:
        inputs = tuple([add(each) for each in node.inputs])
        if node.op == "filter":
            for kind, value in zip(TYPES, filters[node.slot], strict=True):
                if value is not None:
                    steps.append(Step(f"filter_{kind}", inputs, value))
                    inputs = (len(steps) - 1,)
        else:
            steps.append(Step(node.op, inputs, relations[node.slot] if node.op == "relate" else ""))
        return len(steps) - 1

    add(node)
    return tuple(steps)


def words(question: Question, rng: random.Random, names: Mapping[str, str] | None = None) -> str:
    """The question in English: one of its template's wordings, with synonyms.

    Args:
        question: What is asked.
        rng: Chooses the wording, the synonyms and what is left out.
        names: Invented words for attribute values and for types of attributes; each replaces a
            word and all its synonyms, and takes -s in the plural.
    """
    names = names or {}
    template = TEMPLATES[question.template]
    choices = template.wordings if names.keys() & set(TYPES) else template.every_wording
    wording = choices[int(rng.random() * len(choices))]
    return phrased(wording, question.filters, question.relations, rng, names)
