"""The painter of photographs: the same camera, the same colors, the same bytes again."""

from __future__ import annotations

import hashlib
import io
import math
import os
import subprocess
import sys
from functools import cache

import msgspec
import numpy as np
import pytest
from PIL import Image

from modelmetry.errors import BadInput
from modelmetry.items import Picture
from modelmetry.scenes import photo, raster
from modelmetry.scenes.studio import REFLECTANCES
from modelmetry.scenes.world import LAMPS, Scene, Thing

SCENE = Scene(
    things=(
        Thing(size="large", color="yellow", material="rubber", shape="cube", x=-2, y=-1, turn=30),
        Thing(size="large", color="gray", material="metal", shape="sphere", x=0.2, y=0.6),
        Thing(size="small", color="red", material="rubber", shape="sphere", x=1.5, y=-1.2),
        Thing(size="small", color="cyan", material="metal", shape="cube", x=-0.9, y=-2.2, turn=77),
        Thing(size="large", color="blue", material="rubber", shape="cylinder", x=2.3, y=1.2),
        Thing(size="small", color="purple", material="metal", shape="cylinder", x=-0.7, y=2.1),
    ),
    camera=(0.3, -0.2, 0.4),
    lamps=dict(zip(LAMPS, ((0.5, 0.2, -0.3), (-0.4, 0.1, 0.6), (0.0, -0.7, 0.2)), strict=True)),
)


@cache
def pictures() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The scene by both painters at half size, and the masks."""
    return (
        photo.render(SCENE, 160, 120).astype(float),
        raster.render(SCENE, 160, 120).astype(float),
        raster.masks(SCENE, 160, 120),
    )


def test_without_mitsuba_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Mitsuba is missing the line names the extra, and the painter that needs nothing."""
    monkeypatch.setitem(sys.modules, "mitsuba", None)
    with pytest.raises(BadInput) as caught:
        photo.paint(msgspec.to_builtins(SCENE))
    line = str(caught.value)
    assert 'pip install "modelmetry[photo]"' in line
    assert "painter raster" in line
    assert "\n" not in line


def test_an_empty_recipe_is_named() -> None:
    """What is no scene is answered with one line, before Mitsuba is looked for."""
    with pytest.raises(BadInput, match="picture: Object missing required field"):
        photo.paint({})


@pytest.mark.parametrize("make", [photo.round_cube, photo.round_cylinder])
def test_meshes_are_closed_and_face_outward(make: photo.Maker) -> None:
    """Triangles turn their front to the outside, and enclose the body's volume but the edges."""
    points, normals, faces = make(0.5, 0.05)
    a, b, c = (points[faces[:, k]] for k in range(3))
    front = np.cross(b - a, c - a)
    volume = (a * np.cross(b, c)).sum() / 6
    whole = 1.0 if make is photo.round_cube else math.pi / 4
    assert 0.97 * whole < volume < whole
    assert (np.einsum("ij,ij->i", front, normals[faces].sum(axis=1)) > -1e-12).all()
    assert np.allclose((normals**2).sum(axis=1), 1.0)
    assert np.abs(points).max() <= 0.5 + 1e-9


@pytest.mark.photo
def test_both_painters_see_the_same_objects() -> None:
    """Masks agree but for round edges: the cameras are the same."""
    found, expected = photo.masks(SCENE), raster.masks(SCENE)
    assert (found == expected).mean() > 0.995
    for index in range(len(SCENE.things) + 1):
        both = ((found == index) & (expected == index)).sum()
        assert both / ((found == index) | (expected == index)).sum() > 0.93


@pytest.mark.photo
def test_spheres_are_seen_alike_to_the_pixel() -> None:
    """Masks of spheres, which have no edges, differ in almost no pixel."""
    scene = Scene(things=SCENE.things[1:3], camera=SCENE.camera, lamps=SCENE.lamps)
    assert (photo.masks(scene, 480, 320) != raster.masks(scene, 480, 320)).sum() <= 3


@pytest.mark.photo
def test_both_painters_show_the_same_light() -> None:
    """Pictures differ by a few of 256 levels on the average, object by object."""
    taken, painted, masks = pictures()
    assert taken.shape == painted.shape
    for index in range(len(SCENE.things) + 1):
        where = masks == index
        assert np.abs(taken[where].mean(axis=0) - painted[where].mean(axis=0)).max() < 16


@pytest.mark.photo
def test_objects_have_the_hue_of_their_color() -> None:
    """Of the eight colors, the one an object has is nearest to its pixels'."""
    taken, _, masks = pictures()
    shares = {name: np.array(rgb) / sum(rgb) for name, rgb in REFLECTANCES.items()}
    for index, thing in enumerate(SCENE.things, 1):
        mean = ((np.median(taken[masks == index], axis=0) / 255) ** 2.2).tolist()
        share = np.array(mean) / sum(mean)
        near = min(shares, key=lambda name: float(np.abs(shares[name] - share).sum()))
        assert near == thing.color


@pytest.mark.photo
def test_there_is_no_grain() -> None:
    """Neighboring pixels of open ground differ by about a level."""
    taken, _, masks = pictures()
    ground = masks == 0
    steps = np.abs(np.diff(taken.mean(axis=2), axis=1))[ground[:, 1:] & ground[:, :-1]]
    assert np.median(steps) < 1.5


@pytest.mark.photo
def test_the_same_bytes_in_another_process() -> None:
    """Another process paints the same bytes, however its threads take turns."""
    recipe = msgspec.json.encode(SCENE)
    program = (
        "import hashlib, sys, msgspec; from modelmetry.scenes.photo import paint;"
        "print(hashlib.sha256(paint(msgspec.json.decode(sys.stdin.buffer.read()))).hexdigest())"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        input=recipe,
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    png = Picture(
        painter="photo", version=photo.PAINTER.version, recipe=msgspec.json.decode(recipe)
    ).png()
    assert found.stdout.decode().strip() == hashlib.sha256(png).hexdigest()
    assert np.array(Image.open(io.BytesIO(png))).shape == (240, 320, 3)
