"""The built-in painter of scenes: a ray caster in numpy, soft in its shadows, smooth at its edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from modelmetry.errors import BadInput
from modelmetry.items import Painter
from modelmetry.scenes.rays import HEIGHT, WIDTH, Array, Vectors, View, id_map, nearest
from modelmetry.scenes.shading import (
    CELLS,
    Ints,
    Surfaces,
    Triples,
    radiance,
    surfaces,
    trace,
    visible_light,
)
from modelmetry.scenes.studio import png, scene_of, srgb
from modelmetry.scenes.world import Scene

__all__ = [
    "PAINTER",
    "Pixels",
    "borders",
    "light",
    "mask",
    "masks",
    "paint",
    "render",
    "seen_surfaces",
    "sides",
]

Pixels = npt.NDArray[np.uint8]

_LARGEST = 2048
"""Pixels along either side of a picture, at most."""

_INSIDE = ((0.125, -0.375), (-0.375, -0.125), (0.375, 0.125), (-0.125, 0.375))
"""Where in a pixel at an edge further rays go, from its center: no two in a row or column."""


def paint(recipe: Any) -> bytes:
    """The PNG of a scene's JSON form, 320 x 240 pixels.

    Raises:
        BadInput: The recipe is no scene.
    """
    return png(render(scene_of(recipe)))


PAINTER = Painter(version=1, paint=paint)
"""The painter `raster`."""


def mask(recipe: Any) -> bytes:
    """The PNG (gray) of `masks` for a scene's JSON form, 320 x 240 pixels.

    Raises:
        BadInput: The recipe is no scene.
    """
    return png(masks(scene_of(recipe)))


def masks(scene: Scene, width: int = WIDTH, height: int = HEIGHT) -> Pixels:
    """Which object each pixel's center shows: 0 none, i + 1 object i; shape (height, width)."""
    return id_map(scene, width, height).astype(np.uint8)


def render(scene: Scene, width: int = WIDTH, height: int = HEIGHT) -> Pixels:
    """The picture of a scene: red, green and blue as displayed, shape (height, width, 3)."""
    return srgb(light(scene, width, height))


def light(scene: Scene, width: int = WIDTH, height: int = HEIGHT) -> Array:
    """The same as radiances, 1 being white: what `render` shows, before it is encoded.

    Every pixel is lit once, at its center. Where that shows another object or another side of one
    than beside it, four more rays are averaged.

    Raises:
        BadInput: No picture can have that size.
    """
    if not (1 <= width <= _LARGEST and 1 <= height <= _LARGEST):
        raise BadInput(f"picture: {width} x {height} pixels; allowed: 1 to {_LARGEST} each")
    view = View.of(scene, width, height)
    at = seen_surfaces(scene, view)
    seen = _smooth(visible_light(scene, at), sides(at, view))
    found = radiance(scene, at, seen)
    edges = np.flatnonzero(borders(at, view))
    rows, columns = np.divmod(edges, width)
    places = np.array(_INSIDE)
    rays = _flat(
        view.directions(columns + 0.5 + places[:, :1], rows + 0.5 + places[:, 1:]),
        (len(places), len(edges)),
    )
    cells = (at.cells[edges] + 5 * np.arange(1, len(places) + 1)[:, None]) % CELLS
    eyes = _eyes(view, rays)
    inside = surfaces(scene, eyes, rays, trace(scene, eyes, rays), cells.ravel())
    more = np.minimum(radiance(scene, inside, visible_light(scene, inside)), 1.0)
    more = more.reshape(3, len(places), -1).sum(axis=1)
    found[:, edges] = (np.minimum(found[:, edges], 1.0) + more) / (1 + len(places))
    return found.T.reshape(height, width, 3)


def seen_surfaces(scene: Scene, view: View) -> Surfaces:
    """The surfaces seen through the centers of all pixels, row by row."""
    rows, columns = np.divmod(np.arange(view.width * view.height), view.width)
    rays = _flat(view.pixels(), (view.height, view.width))
    cells = columns % 4 + 4 * (rows % 4)
    return surfaces(scene, _eyes(view, rays), rays, _first(scene, view, rays), cells)


def sides(at: Surfaces, view: View) -> Ints:
    """A number per pixel, (height, width), that differs between objects and the sides of one."""
    nx, ny, nz = at.normals
    numbers = at.ids * 8 + (nx > 0.7) + 2 * (ny > 0.7) + 4 * (nz > 0.7)
    return numbers.reshape(view.height, view.width)


def borders(at: Surfaces, view: View) -> npt.NDArray[np.bool_]:
    """Pixels, (height x width), beside one that shows another object, or a side that faces away."""
    shape = (view.height, view.width)
    ids = at.ids.reshape(shape)
    x, y, z = (np.reshape(part, shape) for part in at.normals)
    found = np.zeros(shape, bool)
    here, there = slice(1, None), slice(None, -1)
    for a, b in (((here,), (there,)), ((slice(None), here), (slice(None), there))):
        differ = (ids[a] != ids[b]) | (x[a] * x[b] + y[a] * y[b] + z[a] * z[b] < 0.9)
        found[a] |= differ
        found[b] |= differ
    return found.ravel()


def _first(scene: Scene, view: View, rays: Triples) -> tuple[Ints, Array]:
    """What `trace` finds through all pixels, but each object sought only where it may be."""
    ids, far, _ = nearest(scene, view)
    down = rays[2] < 0
    found = np.where(ids.ravel() > 0, ids.ravel(), np.where(down, 0, -1))
    ground = np.where(down, -view.eye[2] / np.minimum(rays[2], -1e-12), np.inf)
    return found, np.minimum(far.ravel(), ground)


def _smooth(seen: Array, side: Ints) -> Array:
    """Means over 4 x 4 pixels of one side, in which all patterns of shadow rays occur."""
    height, width = side.shape
    rows = np.pad(seen.reshape(-1, height, width), ((0, 0), (2, 1), (2, 1)))
    sides_around = np.pad(side, ((2, 1), (2, 1)), constant_values=-9)
    total, count = np.zeros((len(seen), height, width)), np.zeros((height, width))
    for down in range(4):
        for right in range(4):
            window = (slice(down, down + height), slice(right, right + width))
            same = sides_around[window] == side
            total += rows[(slice(None), *window)] * same
            count += same
    return (total / count).reshape(seen.shape)


def _flat(vectors: Vectors, shape: tuple[int, ...]) -> Triples:
    """The same vectors as flat arrays."""
    x, y, z = (np.ravel(np.broadcast_to(part, shape)) for part in vectors)
    return x, y, z


def _eyes(view: View, rays: Triples) -> Triples:
    """Where the rays start."""
    x, y, z = (np.full(rays[0].shape, part) for part in view.eye)
    return x, y, z
