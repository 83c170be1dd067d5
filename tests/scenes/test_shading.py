"""Soft shadows against many rays, and where rays end."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from modelmetry.scenes.raster import seen_surfaces
from modelmetry.scenes.rays import View, distances
from modelmetry.scenes.shading import CELLS, Surfaces, surfaces, trace, visible_light
from modelmetry.scenes.studio import SUN, lamps
from modelmetry.scenes.world import LAMPS, Scene, Thing


def world(*shapes: str) -> Scene:
    return Scene(
        things=tuple(
            Thing(
                size="large",
                color="red",
                material="rubber",
                shape=shape,
                x=1.7 * index,
                y=-0.6 * index,
                turn=20.0,
            )
            for index, shape in enumerate(shapes)
        ),
        lamps=dict.fromkeys(LAMPS, (0.0, 0.0, 0.0)),
    )


def on_ground(places: list[tuple[float, float]]) -> Surfaces:
    """Points of the ground, each 16 times, once with each pattern of rays."""
    x, y = (np.repeat(np.array(part), CELLS) for part in zip(*places, strict=True))
    zero = np.zeros_like(x)
    return Surfaces(
        ids=np.zeros(len(x), np.intp),
        points=(x, y, zero + 1e-3),
        normals=(zero, zero, zero + 1),
        directions=(zero, zero, zero - 1),
        cells=np.tile(np.arange(CELLS), len(places)),
    )


@pytest.mark.parametrize("shape", ["cube", "sphere", "cylinder"])
def test_the_patterns_together_see_what_many_rays_see(shape: str) -> None:
    """The mean over all 16 patterns is the visible share of each lamp, found with 4,096 rays."""
    scene, rng = world(shape), random.Random(0)
    places = [(rng.uniform(-2, 2), rng.uniform(-2, 2)) for _ in range(150)]
    seen = visible_light(scene, on_ground(places)).reshape(4, len(places), CELLS).mean(axis=2)
    grid = (np.arange(64) + 0.5) / 64 - 0.5
    u, v = np.meshgrid(grid, grid)
    for row, lamp in zip(seen, (*lamps(scene), SUN), strict=True):
        px, py, pz = lamp.place
        length, level = math.hypot(px, py, pz), math.hypot(px, py)
        edge = lamp.size * (math.sqrt(math.pi) / 2 if lamp is SUN else 1)
        a, b = -py / level * edge, px / level * edge
        c, d, e = -px * pz / level / length, -py * pz / level / length, level / length
        to = px + u * a + v * c * edge, py + u * b + v * d * edge, pz + v * e * edge
        for (x, y), found in zip(places, row, strict=True):
            start = (x, y, 1e-3)
            rays = to if lamp is SUN else tuple(t - s for t, s in zip(to, start, strict=True))
            far = distances(scene.things[0], start, (rays[0], rays[1], rays[2]))
            free = far == np.inf if lamp is SUN else far >= 1
            assert found == pytest.approx(free.mean(), abs=0.05)


def test_an_object_does_not_shade_itself_by_shadow_rays() -> None:
    """Points of the only object see all lamps: what faces away is dark by its normal."""
    scene = world("sphere")
    at = seen_surfaces(scene, View.of(scene, 80, 60))
    assert (visible_light(scene, at)[:, at.ids == 1] == 1).all()


def test_rays_end_where_they_first_meet_something() -> None:
    """Rays down meet the ground or an object's top, rays up the sky, with unit normals."""
    scene = world("cube", "sphere", "cylinder")
    x = np.array([0.0, 1.7, 3.4, -2.0, 0.0])
    y = np.array([0.0, -0.6, -1.2, -2.0, 0.0])
    z = np.full(5, 5.0)
    down = np.array([-2.0, -2.0, -2.0, -2.0, 2.0])
    ways = (np.zeros(5), np.zeros(5), down)
    at = surfaces(scene, (x, y, z), ways, trace(scene, (x, y, z), ways), np.zeros(5, np.intp))
    assert at.ids.tolist() == [1, 2, 3, 0, -1]
    assert np.allclose(at.points[2][:4], [0.7 * math.sqrt(2), 1.4, 1.4, 0.0], atol=2e-3)
    assert np.allclose(at.normals[2][:4], 1.0)
    assert np.allclose(sum(part * part for part in at.directions), 1.0)


def test_normals_are_round_at_edges_only() -> None:
    """All normals have length 1; most of a cube's are those of its three visible faces."""
    scene = world("cube", "cylinder")
    at = seen_surfaces(scene, View.of(scene))
    assert np.allclose(sum(part * part for part in at.normals), 1.0)
    nx, ny, nz = (part[at.ids == 1] for part in at.normals)
    c, s = math.cos(math.radians(20)), math.sin(math.radians(20))
    flat = np.maximum.reduce([np.abs(c * nx + s * ny), np.abs(c * ny - s * nx), np.abs(nz)])
    assert (flat > 0.999).mean() > 0.8
    assert (flat < 0.95).any()
