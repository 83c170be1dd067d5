"""Reading a recipe, and what the studio's numbers mean."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from modelmetry.errors import BadInput
from modelmetry.scenes.kinds import VALUES
from modelmetry.scenes.studio import (
    AMBIENT,
    REFLECTANCES,
    lamps,
    png,
    reflectance,
    scene_of,
    sky,
    srgb,
)
from modelmetry.scenes.world import LAMPS, Scene, Thing

THING = Thing(size="large", color="red", material="metal", shape="cube", x=0.0, y=0.0)
SCENE = Scene(things=(THING,), lamps=dict.fromkeys(LAMPS, (0.1, -0.2, 0.3)))
RECIPE = msgspec.to_builtins(SCENE)


def changed(**parts: Any) -> dict[str, Any]:
    return {**RECIPE, **parts}


def test_a_recipe_is_read_back() -> None:
    """The JSON form of a scene gives the scene."""
    assert scene_of(msgspec.json.decode(msgspec.json.encode(RECIPE))) == SCENE


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ({}, "missing required field `things`"),
        (None, "Expected `object`, got `null`"),
        ("scene", "Expected `object`, got `str`"),
        (changed(things=[]), "0 objects; allowed: 1 to 100"),
        (changed(things=RECIPE["things"] * 101), "101 objects"),
        (changed(things=[{**RECIPE["things"][0], "color": "pink"}]), "color 'pink'; allowed: gray"),
        (changed(things=[{**RECIPE["things"][0], "shape": "cone"}]), "object 0: shape 'cone'"),
        (changed(things=[{**RECIPE["things"][0], "x": "left"}]), "$.things[0].x"),
        (changed(things=[{**RECIPE["things"][0], "x": float("nan")}]), "object 0: x, y or turn"),
        (changed(lamps={}), "lamps none; allowed: key, fill, back"),
        (changed(lamps=RECIPE["lamps"] | {"sun": [0, 0, 0]}), "back, fill, key, sun"),
        (changed(camera=[0, 0, -5]), "camera at (7.48, -6.51, 0.34)"),
        (changed(camera=[-7.48, 6.51, 0]), "away from the vertical"),
        (changed(lamps=RECIPE["lamps"] | {"back": [0, 0, -9]}), "lamp back at"),
    ],
)
def test_what_is_no_scene_is_named_in_one_line(recipe: Any, words: str) -> None:
    """A malformed recipe is answered with what is wrong and what is allowed."""
    with pytest.raises(BadInput) as caught:
        scene_of(recipe)
    line = str(caught.value)
    assert line.startswith("picture: ")
    assert words in line
    assert "allowed: " in line
    assert "\n" not in line


def test_lamps_stand_where_jitter_puts_them() -> None:
    """Key, fill and back lamp come in this order, each moved by its jitter."""
    places = [lamp.place for lamp in lamps(SCENE)]
    expected = [tuple(np.add(place, (0.1, -0.2, 0.3))) for place in LAMPS.values()]
    assert places == expected


def test_every_color_reflects() -> None:
    """Each of the eight colors has a reflectance, and no two the same."""
    assert tuple(REFLECTANCES) == VALUES["color"]
    assert len(set(REFLECTANCES.values())) == 8
    assert reflectance(THING) == (173 / 255, 35 / 255, 35 / 255)


def test_the_ambient_light_is_that_of_the_sky() -> None:
    """`AMBIENT` is the mean of the sky's radiance, weighted by the cosine."""
    up = (np.arange(10_000) + 0.5) / 10_000
    assert pytest.approx(np.mean(2 * up * sky(up)), rel=0.01) == AMBIENT


@given(st.lists(st.floats(0, 2), min_size=2, max_size=9))
def test_more_light_is_never_shown_darker(light: list[float]) -> None:
    """Encoding keeps order, black is black, and 1 or more is white."""
    shown = srgb(np.array(sorted(light)))
    assert (np.diff(shown.astype(int)) >= 0).all()
    assert srgb(np.array([-1.0, 0.0, 1.0, 7.0])).tolist() == [0, 0, 255, 255]


def test_linear_half_is_displayed_as_the_standard_says() -> None:
    """Radiance 0.5 is 188 of 255 in sRGB, and 0.002 lies on the straight part."""
    assert srgb(np.array([0.5, 0.002])).tolist() == [188, 7]


def test_a_png_holds_the_pixels() -> None:
    """What is encoded is decoded to the same pixels."""
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    assert (np.array(Image.open(io.BytesIO(png(pixels)))) == pixels).all()
