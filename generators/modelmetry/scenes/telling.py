"""A scene and a question as a problem's fields: objects by name and place, words, admitted answers."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import msgspec

from modelmetry.items import Problem, Target, canonical_json
from modelmetry.scenes.asking import TEMPLATES, Question, Seen, question_of, words
from modelmetry.scenes.kinds import TYPE_OF, TYPES, VALUES, Filter
from modelmetry.scenes.world import Scene

FIELDS = (
    *("scene", "objects", "left_to_right", "front_to_back"),
    *("question", "options", "asked", "names"),
)
"""What a prompt may use of a scene and a question.

`scene` is what painters read; `objects` are dicts of an `id` from 1, the attributes under the
names of their types, and `right` and `front`, the place as the camera sees it in scene units;
`left_to_right` and `front_to_back` are ids in order; `options` are the admitted answers.
"""

MOST_OBJECTS = 10
"""Objects that a scene may hold: a question for a number admits 0 to so many."""


def told_fields(
    scene: Scene, question: Question, wording: int, names: Mapping[str, str]
) -> dict[str, Any]:
    """The fields that prompts may use.

    Args:
        scene: The scene.
        question: A question about it.
        wording: Seeds the choice among the question's wordings and synonyms.
        names: Attribute type or value -> the word that stands for it; what is missing stays.
    """
    across, along = _ordered(scene)
    return {
        "scene": msgspec.json.decode(canonical_json(scene)),
        "objects": told_objects(scene, names),
        "left_to_right": across,
        "front_to_back": along,
        "question": words(question, random.Random(wording), names or None),
        "options": list(told_target(question, names).choices),
        "asked": {
            "template": question.template,
            "filters": [list(described) for described in question.filters],
            "relations": list(question.relations),
            "wording": wording,
        },
        "names": dict(names),
    }


def canonical(scene: Scene, question: Question) -> list[Any]:
    """What makes two problems the same: scene and question, in whatever words, seen or read."""
    return [scene, question.template, question.filters, question.relations]


def told_target(question: Question, names: Mapping[str, str]) -> Target:
    """The right answer and the answers that the question admits, in words.

    Args:
        question: The question.
        names: Attribute value -> the word that stands for it.
    """
    answer = question.answer
    if answer in TYPE_OF:
        admitted = VALUES[TYPE_OF[answer]]
    elif answer.isdecimal():
        admitted = tuple(map(str, range(MOST_OBJECTS + 1)))
    else:
        admitted = TEMPLATES[question.template].answers
    choices = tuple(names.get(choice, choice) for choice in admitted)
    return Target(answers=(names.get(answer, answer),), choices=choices)


def retold(problem: Problem, names: Mapping[str, str]) -> Problem:
    """The same problem in another vocabulary.

    Args:
        problem: A problem whose fields are those of `told_fields`.
        names: Attribute type or value -> the word that stands for it.
    """
    scene, question = scene_and_question(problem.fields)
    fields = told_fields(scene, question, problem.fields["asked"]["wording"], names)
    return replace(problem, fields=fields, target=told_target(question, names))


def scene_and_question(fields: Mapping[str, Any]) -> tuple[Scene, Question]:
    """The scene and the question that `told_fields` was given."""
    return _read_back(canonical_json([fields["scene"], fields["asked"]]))


@lru_cache(maxsize=1024)  # 10 MB: the same solved examples are told again and again, in new words
def _read_back(told: bytes) -> tuple[Scene, Question]:
    recipe, asked = msgspec.json.decode(told)
    scene = msgspec.convert(recipe, Scene)
    filters = tuple(Filter(*described) for described in asked["filters"])
    template, relations = TEMPLATES[asked["template"]], tuple(asked["relations"])
    return scene, question_of(template, filters, relations, Seen(scene))


def told_objects(scene: Scene, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """The objects as dictionaries, in words."""
    return [
        {
            "id": number,
            **{
                names.get(kind, kind): names.get(value, value)
                for kind, value in zip(TYPES, thing.kind, strict=True)
            },
            "right": round(right, 2),
            "front": round(front, 2),
        }
        for number, (thing, (right, front)) in enumerate(
            zip(scene.things, scene.places, strict=True), 1
        )
    ]


def _ordered(scene: Scene) -> tuple[list[int], list[int]]:
    """Ids of the objects from left to right, and from front to back."""
    places = scene.places
    numbers = range(1, len(places) + 1)
    across = sorted(numbers, key=lambda number: places[number - 1][0])
    along = sorted(numbers, key=lambda number: -places[number - 1][1])
    return across, along
