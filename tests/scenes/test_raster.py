"""The built-in painter: true to every attribute, softly shadowed, smooth, the same everywhere."""

from __future__ import annotations

import hashlib
import io
import math
import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from modelmetry.errors import BadInput
from modelmetry.items import Picture
from modelmetry.scenes import raster
from modelmetry.scenes.kinds import KINDS, Kind
from modelmetry.scenes.rays import View
from modelmetry.scenes.studio import REFLECTANCES
from modelmetry.scenes.world import LAMPS, Scene, Thing

STILL = dict.fromkeys(LAMPS, (0.0, 0.0, 0.0))


def thing(words: str, x: float = 0.0, y: float = 0.0, turn: float = 25.0) -> Thing:
    size, color, material, shape = words.split()
    return Thing(size=size, color=color, material=material, shape=shape, x=x, y=y, turn=turn)


def world(*things: Thing, **parts: Any) -> Scene:
    return Scene(things=things, lamps=STILL, **parts)


MANY = world(
    thing("large yellow rubber cube", -2.4, -1.6),
    thing("large gray metal sphere", 0.2, 0.4),
    thing("small red rubber sphere", 1.5, -1.2),
    thing("small cyan metal cube", -0.9, -2.0),
    thing("large blue rubber cylinder", 2.3, 1.2),
    thing("small purple metal cylinder", -0.7, 1.9),
    thing("small brown rubber cube", 2.9, -0.6),
    thing("large green metal cylinder", -2.5, 1.0),
    thing("small yellow metal sphere", 1.2, -2.7),
    thing("small gray rubber cylinder", -2.9, 2.9),
)


@cache
def alone(kind: Kind) -> tuple[np.ndarray, np.ndarray]:
    """A quarter-size picture of one object (as light), and where the object is."""
    scene = world(thing(" ".join(kind)))
    return raster.light(scene, 160, 120), raster.masks(scene, 160, 120) == 1


def decoded(png: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(png)))


@pytest.mark.parametrize("kind", KINDS, ids=" ".join)
def test_an_object_has_the_hue_of_its_color(kind: Kind) -> None:
    """Of the eight colors, the one an object has is nearest to its pixels' shares of light."""
    light, where = alone(kind)
    # The brightest pixels are highlights, which have the lamps' color; edges mix with the ground.
    inside = light[where]
    level = inside.sum(axis=1)
    mean = inside[level <= np.quantile(level, 0.8)].mean(axis=0)
    shares = {name: np.array(rgb) / sum(rgb) for name, rgb in REFLECTANCES.items()}
    nearest = min(shares, key=lambda name: float(np.abs(shares[name] - mean / mean.sum()).sum()))
    assert nearest == kind.color


@pytest.mark.parametrize("shape", ["cube", "sphere", "cylinder"])
@pytest.mark.parametrize("size", ["large", "small"])
def test_metal_differs_from_rubber(size: str, shape: str) -> None:
    """The light of metal spreads at least half again as far around its median as that of rubber."""
    spread = {}
    for material in ("metal", "rubber"):
        light, where = alone(Kind(size, "cyan", material, shape))
        low, middle, high = np.quantile(light[where].sum(axis=1), (0.02, 0.5, 0.98))
        spread[material] = (high - low) / middle
    assert spread["metal"] > 1.5 * spread["rubber"]


def test_metal_mirrors_what_stands_beside_it() -> None:
    """A gray metal sphere between red rubber cubes is redder than alone."""
    ball = thing("large gray metal sphere")
    cubes = [thing("large red rubber cube", 1.4, 0.4), thing("large red rubber cube", -0.4, -1.4)]
    redness = []
    for scene in (world(ball), world(ball, *cubes)):
        light = raster.light(scene, 160, 120)[raster.masks(scene, 160, 120) == 1]
        redness.append(light[:, 0].mean() / light[:, 1].mean())
    assert redness[1] > redness[0] * 1.07


def test_objects_cast_shadows_and_no_light() -> None:
    """With an object more, a thousand pixels of ground are darker and none is much brighter."""
    far = thing("small gray rubber cube", -3.0, 3.0)
    more = world(far, thing("large gray rubber cube"))
    ground = raster.masks(more) == 0
    change = (raster.light(more) - raster.light(world(far)))[ground].mean(axis=1)
    assert (change < -0.01).sum() > 1000
    assert change.max() < 0.01


def test_shadows_are_soft() -> None:
    """Where the ground darkens from light to shadow it does so in many steps, not in one."""
    scene = world(thing("large gray rubber cube"))
    ground = raster.masks(scene) == 0
    steps = np.abs(np.diff(raster.light(scene).mean(axis=2), axis=1))
    steps = steps[ground[:, 1:] & ground[:, :-1]]
    # Pixels beside the object mix with it: they are few.
    assert np.quantile(steps, 0.995) < 0.015


def test_shadows_have_no_grain() -> None:
    """On the ground away from objects the light bends by less than 0.01 from pixel to pixel."""
    ground = raster.masks(MANY) == 0
    open_ground = ground.copy()
    for axis in (0, 1):
        for step in (-3, -2, -1, 1, 2, 3):
            open_ground &= np.roll(ground, step, axis)
    light = raster.light(MANY).mean(axis=2)
    bend = np.abs(2 * light[:, 1:-1] - light[:, :-2] - light[:, 2:])[open_ground[:, 1:-1]]
    assert np.quantile(bend, 0.99) < 0.01


def test_the_side_away_from_the_lamps_is_darker() -> None:
    """A sphere is brighter where it faces the key lamp than opposite."""
    scene = world(thing("large gray rubber sphere"))
    view, light = View.of(scene), raster.light(scene)
    found = []
    x, y, _ = view.right
    for side in (0.5, -0.5):
        column, row, _ = view.project(side * x, side * y, 0.7)
        found.append(light[int(row), int(column)].mean())
    toward_key = sum(a * b for a, b in zip(view.right, LAMPS["key"], strict=True)) > 0
    bright, dark = found if toward_key else found[::-1]
    assert bright > dark * 1.1


def test_what_is_under_an_object_is_darkest() -> None:
    """The ground darkens toward where an object stands."""
    scene = world(thing("large gray rubber sphere"))
    view, light = View.of(scene), raster.light(scene)
    front = scene.directions["front"]
    levels = []
    for distance in (0.75, 1.0, 1.5, 2.5):
        column, row, _ = view.project(front[0] * distance, front[1] * distance, 0.0)
        levels.append(light[int(row), int(column)].mean())
    assert levels == sorted(levels)
    assert levels[0] < 0.8 * levels[-1]


def test_edges_are_between_both_sides() -> None:
    """Pixels at an object's edge lie between its color and the ground's, and many strictly so."""
    scene = world(thing("large cyan rubber cube"))
    light, inside = raster.light(scene), raster.masks(scene) == 1
    red = light[:, :, 0]
    edge = inside & ~np.roll(inside, 1, axis=1)
    rows, columns = np.nonzero(edge)
    # Three pixels on either side are all object or all ground: cyan reflects little red.
    ground, cube = red[rows, columns - 3], red[rows, columns + 3]
    found = np.maximum(red[rows, columns], red[rows, columns - 1])
    share = (found - cube) / (ground - cube)
    assert (share > -0.2).all()
    assert (share < 1.2).all()
    assert ((share > 0.15) & (share < 0.85)).mean() > 0.25


def test_a_larger_picture_shows_the_same() -> None:
    """Twice the pixels each way, averaged by fours, are the smaller picture but for details."""
    small, large = raster.light(MANY, 160, 120), raster.light(MANY)
    averaged = np.minimum(large, 1.0).reshape(120, 2, 160, 2, 3).mean(axis=(1, 3))
    off = np.abs(averaged - np.minimum(small, 1.0)).mean(axis=2)
    assert off.mean() < 0.004
    assert (off > 0.1).mean() < 0.01


@pytest.mark.parametrize("count", [1, 3, 10])
@pytest.mark.parametrize("size", [(320, 240), (480, 320), (33, 17), (60, 200), (1, 1)])
def test_any_number_and_any_size(count: int, size: tuple[int, int]) -> None:
    """Pictures have the size asked for, tall ones that show the sky included."""
    scene = replace(MANY, things=MANY.things[:count])
    picture = raster.render(scene, *size)
    assert picture.shape == (size[1], size[0], 3)
    assert picture.dtype == np.uint8
    assert picture.min() > 10


@pytest.mark.parametrize("size", [(0, 240), (320, -1), (5000, 10)])
def test_a_size_that_cannot_be_is_refused(size: tuple[int, int]) -> None:
    """A picture without pixels, or with too many, is answered with one line."""
    with pytest.raises(BadInput, match=r"pixels; allowed: 1 to 2048 each"):
        raster.render(MANY, *size)


def test_jitter_moves_the_picture() -> None:
    """Camera and lamps change the picture; the order in which lamps are listed does not."""
    picture = raster.render(MANY, 80, 60)
    assert (raster.render(replace(MANY, camera=(0.4, 0.0, 0.0)), 80, 60) != picture).any()
    moved = STILL | {"fill": (0.5, 0.5, 0.5)}
    assert (raster.render(replace(MANY, lamps=moved), 80, 60) != picture).any()
    turned = dict(reversed(STILL.items()))
    assert (raster.render(replace(MANY, lamps=turned), 80, 60) == picture).all()


def test_a_recipe_gives_a_png() -> None:
    """The painter installed as `raster` makes the PNG of what is rendered."""
    png = Picture(
        painter="raster", version=raster.PAINTER.version, recipe=msgspec.to_builtins(MANY)
    ).png()
    assert (decoded(png) == raster.render(MANY)).all()


def test_masks_tell_every_object() -> None:
    """The mask's PNG is gray, holds 0 for the ground and each object's number."""
    found = decoded(raster.mask(msgspec.to_builtins(MANY)))
    assert found.shape == (240, 320)
    assert np.unique(found).tolist() == list(range(11))


def test_an_empty_recipe_is_named() -> None:
    """What is no scene is answered with one line."""
    with pytest.raises(BadInput, match="picture: Object missing required field"):
        raster.paint({})


def test_the_same_bytes_in_another_process() -> None:
    """Another process with another hash seed paints the same bytes."""
    recipe = msgspec.json.encode(MANY)
    program = (
        "import hashlib, sys, msgspec; from modelmetry.scenes.raster import paint;"
        "print(hashlib.sha256(paint(msgspec.json.decode(sys.stdin.buffer.read()))).hexdigest())"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        input=recipe,
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    own = hashlib.sha256(raster.paint(msgspec.json.decode(recipe))).hexdigest()
    assert found.stdout.decode().strip() == own


def test_a_turn_around_a_cube_changes_nothing() -> None:
    """A cube turned by a quarter looks as before, turned by an eighth it does not."""
    pictures = [
        raster.light(world(thing("large red rubber cube", turn=turn)), 80, 60)
        for turn in (10.0, 100.0, 55.0)
    ]
    assert np.allclose(pictures[0], pictures[1], atol=1e-6)
    assert not np.allclose(pictures[0], pictures[2], atol=0.05)
    assert math.isfinite(pictures[0].sum())
