"""Placing: CLEVR's rules kept by every scene, what is drawn how often, and scenes by hand."""

from __future__ import annotations

import math
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.errors import BadInput
from modelmetry.scenes.kinds import KINDS, TYPES, VALUES, Kind
from modelmetry.scenes.placing import RULES, Rules, check, hidden, place, placed, scattered
from modelmetry.scenes.world import LAMPS, Scene, Thing

RED = Kind("large", "red", "metal", "cube")
BLUE = Kind("small", "blue", "rubber", "sphere")

NO_JITTER = dict.fromkeys(LAMPS, (0.0, 0.0, 0.0))

FINGERPRINT = """
import hashlib, random, msgspec
from modelmetry.scenes.kinds import KINDS
from modelmetry.scenes.placing import placed
rng = random.Random(5)
made = [placed(lambda r: r.choices(KINDS, k=r.randint(3, 10)), rng) for _ in range(20)]
print(hashlib.sha256(msgspec.json.encode(made)).hexdigest())
"""


def three_to_ten(rng: random.Random) -> list[Kind]:
    return rng.choices(KINDS, k=rng.randint(3, 10))


@cache
def many() -> tuple[Scene, ...]:
    """Scenes as CLEVR has them."""
    rng = random.Random(20)
    return tuple(placed(three_to_ten, rng) for _ in range(1200))


def by_hand(*spots: tuple[Kind, float, float], camera: Sequence[float] = (0, 0, 0)) -> Scene:
    things = tuple(Thing(**kind._asdict(), x=x, y=y) for kind, x, y in spots)
    return Scene(things=things, camera=(camera[0], camera[1], camera[2]), lamps=NO_JITTER)


@settings(max_examples=100)
@given(st.integers(0, 2**32), st.integers(3, 9))
def test_every_rule_is_kept(seed: int, count: int) -> None:
    """Gaps, margins, the square, the jitters and three decimals are as CLEVR's rules say."""
    scene = placed(lambda rng: rng.choices(KINDS, k=count), random.Random(seed))
    assert len(scene.things) == count
    azimuth = math.atan2(scene.eye[1], scene.eye[0])
    for a, b in combinations(scene.things, 2):
        apart = complex(b.x - a.x, b.y - a.y)
        assert abs(apart) - a.radius - b.radius >= 0.25 - 1e-9
        seen = apart * complex(math.cos(azimuth), -math.sin(azimuth))
        assert min(abs(seen.real), abs(seen.imag)) >= 0.4 - 1e-9
    for value in (*(t.x for t in scene.things), *(t.y for t in scene.things)):
        assert -3 <= value <= 3
        assert value == round(value, 3)
    assert all(0 <= t.turn < 360 and t.turn == round(t.turn, 3) for t in scene.things)
    assert all(abs(part) <= 0.5 and part == round(part, 3) for part in scene.camera)
    assert list(scene.lamps) == list(LAMPS)
    assert all(abs(part) <= 1 for jitter in scene.lamps.values() for part in jitter)
    assert hidden(scene) == ()
    check(scene)


def test_relations_are_never_ambiguous() -> None:
    """Of two objects, one is to the left of the other and one in front, in every scene."""
    for scene in many()[:200]:
        for name, other in (("left", "right"), ("front", "behind")):
            for i, (here, there) in enumerate(
                zip(scene.relations[name], scene.relations[other], strict=True)
            ):
                assert here & there == 0
                assert here | there == (1 << len(scene.things)) - 1 - (1 << i)


def test_a_scene_survives_json() -> None:
    """What is read back from JSON is the scene, to the last bit."""
    for scene in many()[:50]:
        assert msgspec.json.decode(msgspec.json.encode(scene), type=Scene) == scene


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_the_same_seed_gives_the_same_scenes_in_every_process(hash_seed: str) -> None:
    """Neither the process nor its hash seed matters, nor the day: the digest is fixed here."""
    run = subprocess.run(
        [sys.executable, "-c", FINGERPRINT],
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "b288cea9d18be12efdb29db7f913175199b4b1ba69e84dc3be7ba56047f51e80"


def test_kinds_keep_the_order_in_which_they_were_drawn() -> None:
    """The scene's objects are the kinds of the draw that worked out, in its order."""
    drawn: list[list[Kind]] = []

    def draw(rng: random.Random) -> list[Kind]:
        drawn.append(three_to_ten(rng))
        return drawn[-1]

    rng = random.Random(4)
    for _ in range(30):
        scene = placed(draw, rng)
        assert [thing.kind for thing in scene.things] == drawn[-1]


def test_the_number_of_objects_is_that_of_the_first_draw() -> None:
    """Three to ten objects are equally frequent, although ten fail more often."""
    counts = Counter(len(scene.things) for scene in many())
    assert sorted(counts) == list(range(3, 11))
    expected = len(many()) / 8
    assert sum((n - expected) ** 2 / expected for n in counts.values()) < 24.3  # p = 0.001, 7 df


@pytest.mark.parametrize("name", ["color", "material"])
def test_colors_and_materials_are_uniform(name: str) -> None:
    """No rule looks at colors and materials: all are equally frequent."""
    counts = Counter(getattr(t, name) for scene in many() for t in scene.things)
    expected = counts.total() / len(VALUES[name])
    assert sum((n - expected) ** 2 / expected for n in counts.values()) < 24.3
    assert len(counts) == len(VALUES[name])


@pytest.mark.parametrize("name", ["size", "shape"])
def test_sizes_and_shapes_are_nearly_uniform(name: str) -> None:
    """What crowds or hides more is a little rarer, by less than a sixth."""
    counts = Counter(getattr(t, name) for scene in many() for t in scene.things)
    even = 1 / len(VALUES[name])
    assert all(abs(n / counts.total() - even) < even / 6 for n in counts.values())


def test_lone_objects_are_uniform_on_the_square() -> None:
    """Where one object stands is uniform over sixteen fields, and so is its rotation."""
    rng = random.Random(6)
    lone = [scene.things[0] for _ in range(3000) if (scene := place([RED], rng)) is not None]
    assert len(lone) == 3000
    for field in (
        [(int((t.x + 3) / 1.5001), int((t.y + 3) / 1.5001)) for t in lone],
        [int(t.turn / 22.5) for t in lone],
    ):
        counts = Counter(field)
        expected = 3000 / 16
        assert len(counts) == 16
        assert sum((n - expected) ** 2 / expected for n in counts.values()) < 37.7  # p = 0.001


def test_an_index_tells_nothing_about_the_place() -> None:
    """The first and the last object are equally far from the middle and from the camera."""
    rng = random.Random(9)
    found = [scene for _ in range(1500) if (scene := scattered([BLUE] * 8, rng)) is not None]
    for measure in (
        lambda scene, i: math.hypot(scene.things[i].x, scene.things[i].y),
        lambda scene, i: scene.places[i][1],
    ):
        gaps = [measure(scene, 0) - measure(scene, -1) for scene in found]
        mean = sum(gaps) / len(gaps)
        error = math.sqrt(sum((gap - mean) ** 2 for gap in gaps)) / len(gaps)
        assert abs(mean) < 3.3 * error


def test_attempts_fail_without_an_exception() -> None:
    """One attempt at too many objects, or at ones that hide each other, is None."""
    rng = random.Random(1)
    assert scattered([RED] * 30, rng) is None
    strict = Rules(min_pixels=100_000)
    assert scattered([RED], rng, strict) is not None
    assert place([RED], rng, strict) is None


@pytest.mark.parametrize(("count", "rules"), [(40, RULES), (12, Rules(attempts=100))])
def test_more_objects_than_fit_are_refused(count: int, rules: Rules) -> None:
    """Forty objects and twelve large ones end in one line that says so."""
    with pytest.raises(BadInput, match=r"^scene: \d+ objects, \d+ of them large, did not fit") as e:
        placed(lambda _: [RED] * count, random.Random(0), rules)
    assert "\n" not in str(e.value)
    assert "; allowed: fewer or smaller objects" in str(e.value)


def test_ten_large_objects_fit() -> None:
    """Ten large objects are rare (one attempt in 250) but possible."""
    assert len(placed(lambda _: [RED] * 10, random.Random(2)).things) == 10


def test_scenes_by_hand_are_accepted() -> None:
    """A scene that keeps the rules passes, with any jitter of the camera."""
    check(by_hand((RED, 0, 0), (BLUE, -2, 1.2)))
    check(by_hand((RED, 0, 0), (BLUE, 0, -1.8), camera=(-1.5, 2, -1)))


LEVEL = (0.754 * 2, -0.6565 * 2)

REFUSED: dict[str, tuple[Scene, str]] = {
    "unknown value": (
        by_hand((RED, 0, 0), (BLUE._replace(color="pink"), 2, 0)),
        "scene: object 1: color 'pink'; allowed: gray, red, blue",
    ),
    "overlap": (
        by_hand((BLUE, -2, 0.5), (RED, 0.5, 0.5), (BLUE, 1.2, 0.9)),
        "scene: object 1 (large red metal cube) and object 2 (small blue rubber sphere) overlap;",
    ),
    "too near": (
        by_hand((RED, 0.5, 0.5), (BLUE, 1.6, 0.5)),
        "object 1 (small blue rubber sphere) stand 0.050 apart; allowed: gaps from 0.25",
    ),
    "off the ground": (
        by_hand((RED, 0, 0), (BLUE, 3.001, 1)),
        "object 1 (small blue rubber sphere) is off the ground, at 3.001, 1; allowed: x and y from",
    ),
    "nowhere": (by_hand((RED, math.nan, 0)), "object 0 (large red metal cube) is off the ground"),
    "neither left nor right": (
        by_hand((RED, 0, 0), (BLUE, *LEVEL)),
        "(small blue rubber sphere): neither is clearly left or right, by 0.00",
    ),
    "neither in front nor behind": (
        by_hand((RED, 0, 0), (BLUE, -LEVEL[1], LEVEL[0])),
        "(small blue rubber sphere): neither is clearly in front or behind, by 0.00",
    ),
    "hidden": (
        by_hand((BLUE, -0.6, 1.0), (RED, 0.3, -0.35)),
        "object 0 (small blue rubber sphere) is hidden or too small: ",
    ),
    "empty": (by_hand(), "scene: no objects; allowed: one or more"),
    "turn": (
        replace(by_hand(), things=(Thing(**RED._asdict(), x=0, y=0, turn=360.0),)),
        "object 0 (large red metal cube): turn 360; allowed: from 0 to below 360",
    ),
    "lamps": (replace(by_hand((RED, 0, 0)), lamps={}), "lamps none; allowed: key, fill, back"),
    "camera below": (by_hand((RED, 0, 0), camera=(0, 0, -9)), "scene: camera at [7.48, -6.51, -3."),
    "camera above": (by_hand((RED, 0, 0), camera=(-7.48, 6.51, 0)), "not right above its middle"),
    "no camera": (by_hand((RED, 0, 0), camera=(math.inf, 0, 0)), "camera: jitter [inf, 0, 0]"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_scenes_by_hand_that_break_a_rule_are_refused(name: str) -> None:
    """The line says which object or pair, what is wrong with it and what is allowed."""
    scene, line = REFUSED[name]
    with pytest.raises(BadInput) as caught:
        check(scene)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "; allowed: " in str(caught.value) or "allowed: one" in str(caught.value)


def test_rules_can_be_loosened() -> None:
    """Without margins and pixels, only overlaps are refused; the line starts as asked."""
    loose = Rules(margin=0, min_pixels=0, min_distance=0)
    for name in ("too near", "neither left nor right", "hidden"):
        check(REFUSED[name][0], loose)
    with pytest.raises(BadInput, match=r"^a\.json: scene 3: object 1 .* overlap"):
        check(REFUSED["overlap"][0], loose, "a.json: scene 3")


def test_larger_squares_hold_more() -> None:
    """The rules, not the code, say how many objects fit."""
    wide = Rules(reach=6.0, min_pixels=0)
    assert len(placed(lambda _: [RED] * 14, random.Random(0), wide).things) == 14


def test_all_kinds_occur() -> None:
    """Every one of the 96 kinds is placed."""
    assert {thing.kind for scene in many() for thing in scene.things} == set(KINDS)
    assert len(TYPES) == 4
