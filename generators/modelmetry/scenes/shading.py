"""How much light surfaces of a scene send to the eye: lamps with soft shadows, sky, reflections.

Where rays meet objects is `modelmetry.scenes.rays`. Arrays of n points hold one number each;
vectors are three such arrays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from modelmetry.scenes.rays import Array, distances
from modelmetry.scenes.studio import AMBIENT, GROUND, SUN, Lamp, lamps, reflectance, sky
from modelmetry.scenes.world import Scene, Thing

__all__ = [
    "BEVEL",
    "CELLS",
    "Ints",
    "Surfaces",
    "Triples",
    "radiance",
    "surfaces",
    "trace",
    "visible_light",
]

Ints = npt.NDArray[np.intp]

Triples = tuple[Array, Array, Array]
"""Vectors: their x, y and z."""

CELLS = 16
"""Patterns of shadow rays: 16 neighbors with one each sample a lamp on a grid of 8 x 8."""

BEVEL = 0.06
"""Width of the rounded edges of cubes and cylinders, as a share of the object's radius."""

_ABOVE = 1e-3
"""How far above its surface a ray starts, in scene units, so that rounding hides nothing."""

_LOBE = 2 * (0.2**2) ** 2
"""Variance per axis, in square radians, of directions that metal of roughness 0.2 reflects into."""

_GLOSSY = 4
"""Rays into a mirrored lobe, per point of metal."""

_FAR_GROUND = 0.28
"""Radiance taken for what lies beyond the second bounce, as of lit ground."""

_SHEEN = 0.025
"""Share of light that rubber reflects whatever its color."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surfaces:
    """Where n rays end.

    Attributes:
        ids: Per ray 0 for the ground, i + 1 for object i, -1 for the sky.
        points: Where it ends, just above the surface.
        normals: Unit normals there; of a cube or cylinder near an edge, as if it were rounded.
        directions: Unit directions in which the rays went.
        cells: Which pattern of shadow rays to use, in [0, 16).
    """

    ids: Ints
    points: Triples
    normals: Triples
    directions: Triples
    cells: Ints

    def at(self, where: npt.NDArray[np.bool_] | Ints) -> Surfaces:
        """Some of them."""
        return Surfaces(
            ids=self.ids[where],
            points=_at(self.points, where),
            normals=_at(self.normals, where),
            directions=_at(self.directions, where),
            cells=self.cells[where],
        )


def trace(scene: Scene, origins: Triples, directions: Triples) -> tuple[Ints, Array]:
    """What n rays meet first (ids as in `Surfaces`) and how far away, `inf` for the sky."""
    down = np.minimum(directions[2], -1e-12)
    found = np.where(directions[2] < 0, -origins[2] / down, np.inf)
    ids = np.where(directions[2] < 0, 0, -1)
    for index, thing in enumerate(scene.things, 1):
        far = distances(thing, origins, directions)
        closer = far < found
        found = np.where(closer, far, found)
        ids[closer] = index
    return ids, found


def surfaces(
    scene: Scene, origins: Triples, directions: Triples, hits: tuple[Ints, Array], cells: Ints
) -> Surfaces:
    """The surfaces that `trace` found with these rays."""
    ids, far = hits
    length = np.sqrt(_dot(directions, directions))
    far = np.where(ids < 0, 0.0, far)
    x, y, z = (o + far * d for o, d in zip(origins, directions, strict=True))
    nx, ny, nz = np.zeros_like(x), np.zeros_like(x), np.ones_like(x)
    for index, thing in enumerate(scene.things, 1):
        own = np.flatnonzero(ids == index)
        nx[own], ny[own], nz[own] = _rounded(thing, x[own], y[own], z[own])
    dx, dy, dz = (d / length for d in directions)
    return Surfaces(
        ids=ids,
        points=(x + _ABOVE * nx, y + _ABOVE * ny, np.maximum(z + _ABOVE * nz, 0.0)),
        normals=(nx, ny, nz),
        directions=(dx, dy, dz),
        cells=cells,
    )


def visible_light(scene: Scene, at: Surfaces) -> Array:
    """How much of the key, fill and back lamps and of the sun n points see, (4, n), in [0, 1]."""
    lights = (*lamps(scene), SUN)
    seen = np.ones((len(lights), len(at.ids)))
    for row, lamp in zip(seen, lights, strict=True):
        away, far = _toward(lamp, at.points)
        for index, thing in enumerate(scene.things, 1):
            near = _may_shadow(thing, lamp, at.points, away, far)
            near &= at.ids != index
            where = np.flatnonzero(near)
            if where.size:
                row[where] *= 1.0 - _shadow(thing, lamp, at, where)
    return seen


def radiance(scene: Scene, at: Surfaces, seen: Array, *, mirrors: bool = True) -> Array:
    """Light that n points send back along the rays that found them, (3, n).

    Args:
        scene: The scene.
        at: Where the rays ended.
        seen: What the points see of the lamps, from `visible_light`.
        mirrors: Whether metal reflects objects; if not, it reflects an empty studio.
    """
    light = np.zeros((3, len(at.ids)))
    above = at.ids < 0
    light[:, above] = sky(np.maximum(at.directions[2][above], 0.0))
    metal = np.zeros(len(scene.things) + 1, bool)
    metal[1:] = [thing.material == "metal" for thing in scene.things]
    shiny = metal[at.ids] & ~above
    matte = ~shiny & ~above
    light[:, matte] = _matte(scene, at.at(matte), seen[:, matte])
    if shiny.any():
        light[:, shiny] = _shiny(scene, at.at(shiny), seen[:, shiny], mirrors)
    return light


def _matte(scene: Scene, at: Surfaces, seen: Array) -> Array:
    """Light that ground and rubber scatter evenly, (3, n)."""
    n = at.normals
    bright = np.zeros((3, len(at.ids)))
    level = np.zeros(len(at.ids))
    for row, lamp in zip(seen, (*lamps(scene), SUN), strict=True):
        away, far = _toward(lamp, at.points)
        arriving = _arriving(lamp, away, far)
        level += arriving * away[2] * lamp.power[1]
        arriving = arriving * row * np.maximum(_dot(n, away), 0.0)
        for channel, power in enumerate(lamp.power):
            bright[channel] += power * arriving
    bright /= math.pi
    open_sky = 0.5 + 0.5 * n[2]
    near = np.ones(len(at.ids))
    colors = np.zeros((3, len(at.ids)))
    for index, thing in enumerate(scene.things, 1):
        hidden = np.where(at.ids == index, 0.0, _hidden(thing, at))
        near *= 1.0 - hidden
        for channel, part in enumerate(reflectance(thing)):
            colors[channel] += _FAR_GROUND * part * hidden
    below = (1.0 - open_sky) * GROUND * (level / math.pi + AMBIENT) * _lit_ground(scene, at)
    bright += near * (open_sky * (AMBIENT * (2.0 - n[2])) + below) + colors
    return bright * (_reflectances(scene)[:, at.ids] + _SHEEN * (at.ids > 0))


def _shiny(scene: Scene, at: Surfaces, seen: Array, mirrors: bool) -> Array:
    """Light that metal reflects, (3, n)."""
    facing = -_dot(at.normals, at.directions)
    x, y, z = (d + 2.0 * facing * n for d, n in zip(at.directions, at.normals, strict=True))
    turned = x, y, z
    if mirrors:
        light = _mirrored(scene, at, turned)
    else:
        light = np.where(turned[2] > 0, sky(np.abs(turned[2])), _FAR_GROUND) * np.ones((3, 1))
    for row, lamp in zip(seen, (*lamps(scene), SUN), strict=True):
        away, far = _toward(lamp, at.points)
        half = lamp.size / 2 / (1.0 if lamp is SUN else far)
        spread = 2.0 * (_LOBE + half * half / 4)
        off = 2.0 * np.maximum(1.0 - _dot(turned, away), 0.0)
        glint = _arriving(lamp, away, far) * row / (math.pi * spread * (1 + off / spread) ** 2)
        glint *= _dot(at.normals, away) > 0
        for channel, power in enumerate(lamp.power):
            light[channel] += power * glint
    grazing = np.clip(1.0 - facing, 0.0, 1.0) ** 5
    tint = _reflectances(scene)[:, at.ids]
    return light * (tint + (1.0 - tint) * grazing)


def _mirrored(scene: Scene, at: Surfaces, turned: Triples) -> Array:
    """What metal mirrors of ground, sky and objects, blurred by its roughness, (3, n)."""
    # The same spiral at every point: what varied from pixel to pixel would show as grain.
    rays = np.arange(_GLOSSY)[:, None]
    off = np.sqrt(-2.0 * _LOBE * np.log(1.0 - (rays + 0.5) / _GLOSSY))
    a, b = off * np.cos(2.4 * rays), off * np.sin(2.4 * rays)
    x, y, z = turned
    level = np.maximum(np.sqrt(x * x + y * y), 1e-9)
    spread = (x - (a * y + b * z * x) / level, y + (a * x - b * z * y) / level, z + b * level)
    starts = _each(at.points, _GLOSSY)
    ways = spread[0].ravel(), spread[1].ravel(), spread[2].ravel()
    cells = np.repeat(5 * np.arange(_GLOSSY) % CELLS, len(at.ids))
    found = surfaces(scene, starts, ways, trace(scene, starts, ways), cells)
    light = radiance(scene, found, visible_light(scene, found), mirrors=False)
    return light.reshape(3, _GLOSSY, -1).mean(axis=1)


def _each(vectors: Triples, times: int) -> Triples:
    """All vectors, that many times one after the other."""
    x, y, z = (np.tile(part, times) for part in vectors)
    return x, y, z


def _reflectances(scene: Scene) -> Array:
    """Reflectance per id, (3, objects + 1)."""
    return np.array([(GROUND,) * 3, *map(reflectance, scene.things)]).T


def _toward(lamp: Lamp, points: Triples) -> tuple[Triples, Array]:
    """Unit vectors from points to a lamp's center, and its distance; the sun's is infinite."""
    if lamp is SUN:
        x, y, z = (np.broadcast_to(place, points[0].shape) for place in lamp.place)
        return (x, y, z), np.broadcast_to(np.inf, points[0].shape)
    x, y, z = (place - point for place, point in zip(lamp.place, points, strict=True))
    far = np.sqrt(x * x + y * y + z * z)
    return (x / far, y / far, z / far), far


def _arriving(lamp: Lamp, away: Triples, far: Array) -> Array | float:
    """Share of a lamp's power that falls on points that face it: it looks at the origin."""
    if lamp is SUN:
        return 1.0
    x, y, z = _unit(lamp.place)
    return np.maximum(away[0] * x + away[1] * y + away[2] * z, 0.0) / (far * far)


def _may_shadow(
    thing: Thing, lamp: Lamp, points: Triples, away: Triples, far: Array
) -> npt.NDArray[np.bool_]:
    """Which points may lie in the shadow of an object: those in the cone behind its hull."""
    x, y, z = thing.x - points[0], thing.y - points[1], thing.half - points[2]
    along = x * away[0] + y * away[1] + z * away[2]
    square = x * x + y * y + z * z - along * along
    hull = math.sqrt(thing.half**2 + thing.radius**2) if thing.shape != "sphere" else thing.radius
    if lamp is SUN:
        reach = hull + 0.15 * along
    else:
        reach = hull + 0.75 * lamp.size * np.minimum(along / far, 1.0)
    return (along > -hull) & (square < reach * reach)


def _shadow(thing: Thing, lamp: Lamp, at: Surfaces, where: Ints) -> Array:
    """Which part of a lamp an object hides from points, by four rays each."""
    across, along = _square(lamp)
    cells = at.cells[where]
    quarter = np.arange(4)[:, None]
    u = ((quarter % 2) + (cells % 4 + 0.5) / 4) / 2 - 0.5
    v = ((quarter // 2) + (cells // 4 + 0.5) / 4) / 2 - 0.5
    x, y, z = _at(at.points, where)
    rays = [p + u * a + v * b for p, a, b in zip(lamp.place, across, along, strict=True)]
    if lamp is SUN:
        hit = distances(thing, (x, y, z), (rays[0], rays[1], rays[2])) < np.inf
    else:
        hit = distances(thing, (x, y, z), (rays[0] - x, rays[1] - y, rays[2] - z)) < 1.0
    return hit.mean(axis=0)


def _square(lamp: Lamp) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The two edges of a lamp's square, as vectors; the sun's disc counts as one of its area."""
    x, y, z = _unit(lamp.place)
    level = math.hypot(x, y)
    edge = lamp.size * (math.sqrt(math.pi) / 2 if lamp is SUN else 1.0)
    right = (-y / level * edge, x / level * edge, 0.0)
    return right, (-z * x / level * edge, -z * y / level * edge, level * edge)


def _hidden(thing: Thing, at: Surfaces) -> Array:
    """Which part of the light from all around an object hides, as if it were a ball."""
    x, y, z = (c - p for c, p in zip((thing.x, thing.y, thing.half), at.points, strict=True))
    ball = thing.half * {"sphere": 1.0, "cube": 1.24, "cylinder": 1.14}[thing.shape]
    square = np.maximum(x * x + y * y + z * z, ball * ball)
    cosine = _dot(at.normals, (x, y, z)) / np.sqrt(square)
    return np.maximum(cosine, 0.0) * (ball * ball) / square


def _lit_ground(scene: Scene, at: Surfaces) -> Array:
    """Which part of the light on open ground reaches the ground around an object, seen from it."""
    height = np.array([1.0, *(2 * thing.half for thing in scene.things)])[at.ids]
    return 0.55 + 0.4 * np.minimum(at.points[2] / height, 1.0)


def _rounded(thing: Thing, x: Array, y: Array, z: Array) -> Triples:
    """Unit normals at points of an object's surface, edges rounded."""
    x, y, z = x - thing.x, y - thing.y, z - thing.half
    if thing.shape == "sphere":
        return x / thing.half, y / thing.half, z / thing.half
    flat = thing.half - BEVEL * thing.radius
    nz = z - np.clip(z, -flat, flat)
    if thing.shape == "cylinder":
        level = np.maximum(np.sqrt(x * x + y * y), 1e-9)
        out = level - np.minimum(level, flat)
        length = np.maximum(np.sqrt(out * out + nz * nz), 1e-9)
        return x / level * out / length, y / level * out / length, nz / length
    angle = math.radians(thing.turn)
    c, s = math.cos(angle), math.sin(angle)
    x, y = c * x + s * y, c * y - s * x
    nx, ny = x - np.clip(x, -flat, flat), y - np.clip(y, -flat, flat)
    length = np.maximum(np.sqrt(nx * nx + ny * ny + nz * nz), 1e-9)
    return (c * nx - s * ny) / length, (s * nx + c * ny) / length, nz / length


def _dot(a: Triples, b: Triples) -> Array:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _unit(place: tuple[float, float, float]) -> tuple[float, float, float]:
    length = math.hypot(*place)
    return place[0] / length, place[1] / length, place[2] / length


def _at(vectors: Triples, where: npt.NDArray[np.bool_] | Ints) -> Triples:
    return vectors[0][where], vectors[1][where], vectors[2][where]
