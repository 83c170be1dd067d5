"""A second solver of relations and visibility: angles, sorted lists, outlines and bit rows.

It shares no method with `world` and `rays`: the world is turned so that the camera looks along +y,
objects are convex outlines on the picture instead of ray intersections, and who covers whom follows
from the vertical plane between two footprints instead of depths.
"""

from __future__ import annotations

import cmath
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from modelmetry.scenes.world import Scene, Thing

Point = tuple[float, float]

Rows = dict[int, int]
"""Row of a picture -> its pixels as a bit mask, of which bit 0 is the first column."""

_WIDTH, _HEIGHT = 320, 240
_FOCAL = _WIDTH / 2 / (16 / 35)
_AROUND = 360
_APART = 0.2


def relations(scene: Scene) -> dict[str, list[set[int]]]:
    """Relation -> per object, the objects that stand there as seen from it."""
    turned = [complex(thing.x, thing.y) * _quarter(scene) for thing in scene.things]
    below_left, above_right = _sides([place.real for place in turned])
    below_front, above_behind = _sides([place.imag for place in turned])
    return {
        "left": below_left,
        "right": above_right,
        "front": below_front,
        "behind": above_behind,
    }


def visible(scene: Scene) -> list[Rows]:
    """Per object, the pixels of a picture of 320 x 240 that show it.

    Footprints must not overlap, and all objects must be in front of the camera.
    """
    covered = [_filled(_hull(list(_outline(scene, thing)))) for thing in scene.things]
    seen: list[Rows] = []
    for i, rows in enumerate(covered):
        before = [covered[j] for j in range(len(covered)) if j != i and _before(scene, j, i)]
        free: Rows = {}
        for row, mask in rows.items():
            for other in before:
                mask &= ~other.get(row, 0)
            if mask:
                free[row] = mask
        seen.append(free)
    return seen


def visible_pixels(scene: Scene) -> list[int]:
    """Per object, how many pixels of a picture of 320 x 240 show it."""
    return [sum(mask.bit_count() for mask in rows.values()) for rows in visible(scene)]


def _quarter(scene: Scene) -> complex:
    """The rotation of the ground after which the camera looks along +y."""
    x, y, _ = scene.eye
    return cmath.rect(1.0, math.pi / 2 - math.atan2(-y, -x))


def _sides(values: list[float]) -> tuple[list[set[int]], list[set[int]]]:
    """Per value, the indices of those clearly smaller, and of those clearly larger."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ascending = [values[i] for i in order]
    smaller = [set(order[: bisect_left(ascending, value - _APART)]) for value in values]
    larger = [set(order[bisect_right(ascending, value + _APART) :]) for value in values]
    return smaller, larger


def _outline(scene: Scene, thing: Thing) -> Iterator[Point]:
    """Points of the picture whose convex hull is the object's silhouette."""
    x, y, z = scene.eye
    quarter, far = _quarter(scene), abs(complex(x, y))
    tilt = math.atan2(z, far)
    for spot, height in _surface(thing, complex(x, y), z):
        place = spot * quarter
        level, rise = place.imag + far, height - z
        depth = level * math.cos(tilt) - rise * math.sin(tilt)
        climb = level * math.sin(tilt) + rise * math.cos(tilt)
        yield _WIDTH / 2 + _FOCAL * place.real / depth, _HEIGHT / 2 - _FOCAL * climb / depth


def _surface(thing: Thing, eye: complex, eye_height: float) -> Iterator[tuple[complex, float]]:
    """Places on the ground and heights of points that decide how an object looks from the eye."""
    middle = complex(thing.x, thing.y)
    if thing.shape == "cube":
        for corner in range(4):
            spot = middle + cmath.rect(thing.radius, math.radians(thing.turn + 45 + 90 * corner))
            yield spot, 0.0
            yield spot, thing.radius * math.sqrt(2)
        return
    angles = [2 * math.pi * step / _AROUND for step in range(_AROUND)]
    if thing.shape == "cylinder":
        for angle in angles:
            yield middle + cmath.rect(thing.radius, angle), 0.0
            yield middle + cmath.rect(thing.radius, angle), 2 * thing.radius
        return
    # The circle in which the cone from the eye touches the sphere.
    level, angle = cmath.polar(eye - middle)
    away = math.hypot(level, eye_height - thing.radius)
    tilt = math.atan2(eye_height - thing.radius, level)
    toward, wide = thing.radius**2 / away, thing.radius * math.sqrt(1 - (thing.radius / away) ** 2)
    for step in angles:
        side, climb = wide * math.cos(step), wide * math.sin(step)
        near = toward * math.cos(tilt) - climb * math.sin(tilt)
        height = thing.radius + toward * math.sin(tilt) + climb * math.cos(tilt)
        yield middle + complex(near, side) * cmath.rect(1.0, angle), height


def _hull(points: list[Point]) -> list[Point]:
    """The corners of the convex hull, in order around it (Andrew's monotone chain)."""

    def chain(ordered: list[Point]) -> list[Point]:
        corners: list[Point] = []
        for x, y in ordered:
            while len(corners) > 1:
                (ax, ay), (bx, by) = corners[-2:]
                if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                    break
                corners.pop()
            corners.append((x, y))
        return corners[:-1]

    ordered = sorted(points)
    return chain(ordered) + chain(ordered[::-1])


def _filled(corners: list[Point]) -> Rows:
    """The pixels whose centers are inside a convex polygon."""
    ends: dict[int, list[float]] = {}
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        low, high = sorted((ay, by))
        for row in range(max(math.ceil(low - 0.5), 0), min(math.ceil(high - 0.5), _HEIGHT)):
            ends.setdefault(row, []).append(ax + (row + 0.5 - ay) * (bx - ax) / (by - ay))
    rows: Rows = {}
    for row, (one, other) in ends.items():
        first, last = sorted((one, other))
        start = max(math.ceil(first - 0.5), 0)
        stop = min(math.ceil(last - 0.5), _WIDTH)
        if start < stop:
            rows[row] = (1 << stop) - (1 << start)
    return rows


def _before(scene: Scene, one: int, other: int) -> bool:
    """Whether one object may cover the other: the eye is on its side of the plane between them."""
    a, b = scene.things[one], scene.things[other]
    here, there = complex(a.x, a.y), complex(b.x, b.y)
    apart = abs(there - here)
    between = (a.radius + apart - b.radius) / 2
    eye = complex(*scene.eye[:2]) - here
    return (eye * (there - here).conjugate()).real / apart < between
