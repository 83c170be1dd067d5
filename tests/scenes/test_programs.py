"""Questions as programs: what each function does, and what is no program."""

from __future__ import annotations

import json
import random
from itertools import product
from typing import Any

import pytest

from modelmetry.errors import BadInput
from modelmetry.scenes.asking import TEMPLATES, ask
from modelmetry.scenes.kinds import KINDS, TYPES, VALUES
from modelmetry.scenes.placing import placed
from modelmetry.scenes.programs import (
    SIGNATURES,
    Invalid,
    Program,
    Seen,
    Step,
    check,
    from_clevr,
    run,
    to_clevr,
)
from modelmetry.scenes.world import APART, RELATIONS, Scene, Thing


def scenes(count: int, seed: int = 0) -> list[Scene]:
    """Scenes of three to ten objects of any kind."""
    rng = random.Random(seed)
    return [placed(lambda r: r.choices(KINDS, k=r.randint(3, 10)), rng) for _ in range(count)]


def naive(program: Program, scene: Scene) -> str:
    """The answer by sets of things, and by places as complex numbers."""
    results: list[Any] = []
    for step in program:
        given = [results[i] for i in step.inputs]
        action, kind = (*step.op.split("_"), "")[:2]
        if action == "scene":
            result: Any = set(range(len(scene.things)))
        elif action == "filter":
            result = {i for i in given[0] if getattr(scene.things[i], kind) == step.value}
        elif action == "unique":
            (result,) = given[0]
        elif action == "relate":
            result = {i for i in range(len(scene.things)) if stands(scene, i, step.value, given[0])}
        elif action == "same":
            value = getattr(scene.things[given[0]], kind)
            everything = enumerate(scene.things)
            result = {i for i, t in everything if getattr(t, kind) == value} - {given[0]}
        elif action == "query":
            result = getattr(scene.things[given[0]], kind)
        else:
            result = {
                "union": lambda a, b: a.union(b),
                "intersect": lambda a, b: a.intersection(b),
                "count": len,
                "exist": lambda a: "yes" if a else "no",
                "equal": lambda a, b: "yes" if a == b else "no",
                "less": lambda a, b: "yes" if a < b else "no",
                "greater": lambda a, b: "yes" if a > b else "no",
            }[action](*given)
        results.append(result)
    return str(results[-1])


def stands(scene: Scene, i: int, where: str, of: int) -> bool:
    """Whether thing i stands there seen from another, as far as the camera is concerned."""
    eye, one, other = scene.eye, scene.things[i], scene.things[of]
    away = complex(-eye[0], -eye[1])
    moved = complex(one.x - other.x, one.y - other.y) / (away / abs(away))
    # Looking along the real axis, the imaginary one points to the left.
    distance = {
        "behind": moved.real,
        "front": -moved.real,
        "left": moved.imag,
        "right": -moved.imag,
    }
    return distance[where] > APART


def world() -> Scene:
    """A large red metal cube to the left of two small rubber spheres, green and blue."""
    things = [
        Thing(size="large", color="red", material="metal", shape="cube", x=-2, y=-2),
        Thing(size="small", color="green", material="rubber", shape="sphere", x=1, y=2),
        Thing(size="small", color="blue", material="rubber", shape="sphere", x=2, y=0),
    ]
    return Scene(things=tuple(things), lamps={})


SCENE = Step("scene", ())


def chain(*names: str) -> Program:
    """A program without branches, written as `op` or `op:value`."""
    steps = [SCENE]
    for name in names:
        op, _, value = name.partition(":")
        steps.append(Step(op, (len(steps) - 1,), value))
    return tuple(steps)


@pytest.mark.parametrize(
    ("program", "answer"),
    [
        (chain("count"), "3"),
        (chain("filter_size:small", "count"), "2"),
        (chain("filter_color:gray", "exist"), "no"),
        (chain("filter_shape:cube", "unique", "query_color"), "red"),
        (chain("filter_shape:cube", "unique", "relate:right", "count"), "2"),
        (chain("filter_shape:cube", "unique", "relate:left", "exist"), "no"),
        (chain("filter_color:blue", "unique", "same_shape", "unique", "query_color"), "green"),
        (chain("filter_color:blue", "unique", "same_color", "count"), "0"),
        (
            (
                SCENE,
                Step("filter_color", (0,), "red"),
                Step("filter_color", (0,), "blue"),
                Step("union", (1, 2)),
                Step("count", (3,)),
            ),
            "2",
        ),
        (
            (
                SCENE,
                Step("filter_size", (0,), "small"),
                Step("filter_color", (0,), "blue"),
                Step("intersect", (1, 2)),
                Step("unique", (3,)),
                Step("query_material", (4,)),
            ),
            "rubber",
        ),
        (
            (
                *chain("filter_color:red", "unique"),
                Step("filter_shape", (0,), "cube"),
                Step("unique", (3,)),
                Step("equal_object", (2, 4)),
            ),
            "yes",
        ),
        (
            (*chain("filter_color:red", "count"), Step("count", (0,)), Step("less_than", (2, 3))),
            "yes",
        ),
        (
            (
                *chain("filter_color:red", "count"),
                Step("count", (0,)),
                Step("greater_than", (2, 3)),
            ),
            "no",
        ),
    ],
)
def test_functions_do_what_clevr_says(program: Program, answer: str) -> None:
    """Each function of CLEVR gives what it should in a world of three things."""
    check(program)
    assert run(program, Seen(world())) == answer
    assert naive(program, world()) == answer


def test_unique_needs_one_object() -> None:
    """A description of one object that fits none or two has no answer, and says how many."""
    seen = Seen(world())
    with pytest.raises(Invalid, match="2 objects"):
        run(chain("filter_size:small", "unique", "query_color"), seen)
    with pytest.raises(Invalid, match="0 objects"):
        run(chain("filter_color:gray", "unique", "query_size"), seen)


def test_two_executors_agree() -> None:
    """Masks and sets of things give the same answers to questions of every template."""
    rng = random.Random(1)
    used = set[str]()
    asked = 0
    for scene in scenes(40, seed=1):
        seen = Seen(scene)
        for template in TEMPLATES.values():
            question = ask(seen, template, rng)
            if question is None:
                continue
            asked += 1
            used |= {step.op for step in question.program}
            check(question.program)
            assert question.answer == run(question.program, seen)
            assert question.answer == naive(question.program, scene)
    assert asked > 3000
    assert used == set(SIGNATURES) - {"equal_object"}


def test_seen_knows_every_filter() -> None:
    """The objects that fit a filter, present or not, are those that have all its values."""
    scene = scenes(1)[0]
    seen = Seen(scene)
    for form, fitting in enumerate(seen.fitting):
        for named, objects in fitting.items():
            assert seen.of(named) == objects != 0
            assert [value is not None for value in named] == [form >> i & 1 for i in range(4)]
        present = {tuple(seen.of(named) for named in fitting)}
        assert present
    for i, thing in enumerate(scene.things):
        others = sum(1 << j for j, each in enumerate(scene.things) if each.color == thing.color)
        assert seen.same["color"][i] == others & ~(1 << i)
        assert seen.own[i][0b0010] == others


@pytest.mark.parametrize("key", ["function", "type"])
def test_clevr_files_hold_programs(key: str) -> None:
    """A program survives being written as CLEVR's files do, in the older and the newer style."""
    rng = random.Random(2)
    seen = Seen(scenes(1, seed=2)[0])
    for template in TEMPLATES.values():
        question = ask(seen, template, rng)
        if question is not None:
            text = json.dumps(to_clevr(question.program, key=key))
            assert from_clevr(json.loads(text)) == question.program


def test_a_program_of_clevr_is_read() -> None:
    """The form of the released question files is understood."""
    steps = [
        {"inputs": [], "function": "scene", "value_inputs": []},
        {"inputs": [0], "function": "filter_size", "value_inputs": ["large"]},
        {"inputs": [1], "function": "exist", "value_inputs": []},
    ]
    assert from_clevr(steps) == chain("filter_size:large", "exist")


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "ends with nothing"),
        ([{"function": "scene", "inputs": []}], "ends with set"),
        ([{"function": "paint", "inputs": []}], "function 'paint'; allowed: scene"),
        ([{"function": "count", "inputs": [0]}], "earlier steps"),
        ([{"function": "count", "inputs": []}], "takes nothing; allowed: set"),
        ([{"function": "scene"}], "step 0"),
        (["scene"], "step 0"),
        ([{"function": "scene", "inputs": "x"}], "step 0"),
        (to_clevr(chain("filter_color:large", "count")), "value 'large'; allowed: gray"),
        (to_clevr(chain("filter_color", "count")), "value ''"),
        (to_clevr(chain("count:red")), "allowed: none"),
        (to_clevr(chain("query_color")), "takes set; allowed: object"),
    ],
)
def test_what_is_no_program_is_refused(steps: list[Any], message: str) -> None:
    """A program that cannot run is refused in one line that says where and what is allowed."""
    with pytest.raises(BadInput, match=message) as caught:
        from_clevr(steps)
    assert "\n" not in str(caught.value)


def test_every_function_of_clevr_is_there() -> None:
    """All the functions are known, for each type of attribute where there is one per type."""
    per_type = {f"{a}_{t}" for a, t in product(("filter", "same", "query", "equal"), TYPES)}
    assert per_type <= set(SIGNATURES)
    assert len(SIGNATURES) == len(per_type) + 11
    assert all(SIGNATURES[f"filter_{t}"].values == VALUES[t] for t in TYPES)
    assert SIGNATURES["relate"].values == RELATIONS
