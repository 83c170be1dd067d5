"""The camera's geometry, ray intersections against a slow twin, and object-id maps."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.scenes import rays
from modelmetry.scenes.kinds import VALUES
from modelmetry.scenes.rays import (
    View,
    _at_least,
    distances,
    fewer_pixels,
    id_map,
    normals,
    visible_pixels,
)
from modelmetry.scenes.world import CAMERA, LAMPS, Scene, Thing

Point = tuple[float, float, float]

NO_JITTER = dict.fromkeys(LAMPS, (0.0, 0.0, 0.0))

places = st.integers(-3000, 3000).map(lambda k: k / 1000)

things = st.builds(
    Thing,
    size=st.sampled_from(VALUES["size"]),
    color=st.just("red"),
    material=st.just("metal"),
    shape=st.sampled_from(VALUES["shape"]),
    x=places,
    y=places,
    turn=st.integers(0, 359_999).map(lambda k: k / 1000),
)

jitters = st.tuples(*[st.integers(-500, 500).map(lambda k: k / 1000)] * 3)


def world(*objects: Thing, camera: Point = (0.0, 0.0, 0.0)) -> Scene:
    return Scene(things=objects, camera=camera, lamps=NO_JITTER)


def thing(
    shape: str, size: str = "large", x: float = 0.0, y: float = 0.0, turn: float = 0
) -> Thing:
    return Thing(size=size, color="red", material="metal", shape=shape, x=x, y=y, turn=turn)


def gauge(body: Thing, point: Point) -> float:
    """Below 1 inside, 1 on the surface, more outside; convex."""
    x, y, z = point[0] - body.x, point[1] - body.y, point[2] - body.half
    if body.shape == "sphere":
        return math.hypot(x, y, z) / body.radius
    if body.shape == "cylinder":
        return max(math.hypot(x, y), abs(z)) / body.radius
    angle = -math.radians(body.turn)
    turned = complex(x, y) * complex(math.cos(angle), math.sin(angle))
    return max(abs(turned.real), abs(turned.imag), abs(z)) * math.sqrt(2) / body.radius


def along(origin: Point, direction: Point, t: float) -> Point:
    (x, y, z), (dx, dy, dz) = origin, direction
    return x + t * dx, y + t * dy, z + t * dz


def slow_distance(body: Thing, origin: Point, direction: Point) -> tuple[float, float]:
    """Where a ray enters, by bisection, and the least gauge on it, by ternary search."""

    def at(t: float) -> float:
        return gauge(body, along(origin, direction, t))

    low, high = 0.0, 100.0
    for _ in range(200):
        a, b = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, b) if at(a) < at(b) else (a, high)
    least = at(low)
    if least >= 1 or at(0.0) < 1:
        return math.inf, least
    outside, inside = 0.0, low
    for _ in range(80):
        middle = (outside + inside) / 2
        outside, inside = (middle, inside) if at(middle) >= 1 else (outside, middle)
    return inside, least


@settings(max_examples=300)
@given(things, jitters, st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1))
def test_rays_meet_objects_where_a_search_finds_them(
    body: Thing, jitter: Point, a: float, b: float, c: float
) -> None:
    """Distances agree with a bisection of the object's convex gauge; grazing rays aside."""
    origin = along(CAMERA, jitter, 1.0)
    aim = (body.x + a * body.radius, body.y + b * body.radius, body.half * (1 + c))
    direction = along(aim, origin, -1.0)
    slow, least = slow_distance(body, origin, direction)
    fast = float(distances(body, origin, direction))
    if abs(least - 1) > 1e-6:
        assert fast == pytest.approx(slow, abs=1e-6)


@given(things, jitters, st.floats(-0.6, 0.6), st.floats(-0.6, 0.6))
def test_normals_point_out_of_the_surface(body: Thing, jitter: Point, a: float, b: float) -> None:
    """A normal has length 1, leads out of the object and against the ray that came."""
    origin = along(CAMERA, jitter, 1.0)
    aim = (body.x + a * body.radius, body.y + b * body.radius, body.half)
    direction = along(aim, origin, -1.0)
    point = along(origin, direction, float(distances(body, origin, direction)))
    x, y, z = (float(part) for part in normals(body, point))
    assert x * x + y * y + z * z == pytest.approx(1)
    assert x * direction[0] + y * direction[1] + z * direction[2] < 1e-9
    assert gauge(body, along(point, (x, y, z), 1e-4)) > 1
    assert gauge(body, along(point, (x, y, z), -1e-4)) < 1


@pytest.mark.parametrize("shape", VALUES["shape"])
def test_rays_along_the_axes_are_met(shape: str) -> None:
    """Rays with zeros in their directions hit at the right distance or miss, without warnings."""
    body = thing(shape)
    high = 2 * body.half
    assert distances(body, (0.0, 0.0, 5.0), (0.0, 0.0, -1.0)) == pytest.approx(5 - high)
    assert distances(body, (0.0, 0.0, 5.0), (0.0, 0.0, 1.0)) == np.inf
    assert distances(body, (2.0, 0.0, 5.0), (0.0, 0.0, -1.0)) == np.inf
    assert distances(body, (4.0, 0.0, body.half), (-2.0, 0.0, 0.0)) == pytest.approx(
        (4 - body.half) / 2
    )
    assert distances(body, (4.0, 0.0, body.half), (0.0, 1.0, 0.0)) == np.inf
    assert distances(body, (4.0, 0.0, high + 0.1), (-1.0, 0.0, 0.0)) == np.inf


@pytest.mark.parametrize("shape", VALUES["shape"])
def test_a_ray_that_starts_inside_meets_nothing(shape: str) -> None:
    """A shadow ray that starts just below the surface is not stopped by its own object."""
    body = thing(shape)
    for direction in ((1.0, 0.2, 0.3), (0.0, 0.0, 1.0), (-1.0, 0.0, 0.0)):
        assert distances(body, (0.0, 0.0, body.half), direction) == np.inf


def test_origins_and_directions_may_both_be_many() -> None:
    """A ray among many with their own origins is met where it is met alone."""
    rng = np.random.default_rng(0)
    origins = [rng.uniform(-4, 4, 50) for _ in range(3)]
    steps = [rng.uniform(-1, 1, 50) for _ in range(3)]
    for shape in VALUES["shape"]:
        body = thing(shape, turn=30)
        many = distances(body, (origins[0], origins[1], origins[2]), (steps[0], steps[1], steps[2]))
        alone = [
            distances(
                body,
                (float(origins[0][i]), float(origins[1][i]), float(origins[2][i])),
                (float(steps[0][i]), float(steps[1][i]), float(steps[2][i])),
            )
            for i in range(50)
        ]
        assert many.tolist() == [float(each) for each in alone]


@given(jitters, st.floats(-20, 340), st.floats(-20, 260), st.floats(0.5, 20))
def test_projection_undoes_a_ray(jitter: Point, column: float, row: float, depth: float) -> None:
    """A point on the ray through a place in the picture is projected back to that place."""
    view = View.of(world(camera=jitter))
    step = view.directions(column, row)
    x, y, z = (e + depth * float(d) for e, d in zip(view.eye, step, strict=True))
    assert view.project(x, y, z) == pytest.approx((column, row, depth))


@given(jitters)
def test_the_camera_looks_at_the_origin_with_a_35_mm_lens(jitter: Point) -> None:
    """The origin is in the middle; the picture's sides are atan(16/35) from it; axes are square."""
    scene = world(camera=jitter)
    view = View.of(scene, 64, 48)
    assert view.project(0.0, 0.0, 0.0)[:2] == pytest.approx((32, 24))
    side = view.directions(0.0, 24.0)
    cosine = sum(float(a) * b for a, b in zip(side, view.forward, strict=True)) / math.hypot(
        *map(float, side)
    )
    assert math.acos(cosine) == pytest.approx(math.atan(16 / 35))
    axes = np.array([view.forward, view.right, view.up])
    assert axes @ axes.T == pytest.approx(np.eye(3))
    assert view.up[2] > 0
    assert view.right == pytest.approx((*scene.directions["right"], 0.0))


@settings(max_examples=40)
@given(st.lists(things, min_size=1, max_size=6), jitters)
def test_windows_leave_nothing_out(bodies: list[Thing], jitter: Point) -> None:
    """The id map is the one that every ray against every object gives."""
    scene = world(*bodies, camera=jitter)
    view = View.of(scene, 160, 120)
    every = [np.broadcast_to(distances(b, view.eye, view.pixels()), (120, 160)) for b in bodies]
    nearest = np.min(every, axis=0)
    slow = np.where(nearest < np.inf, np.argmin(every, axis=0) + 1, 0)
    assert np.array_equal(slow, id_map(scene, 160, 120))


def test_an_id_map_has_the_size_asked_for() -> None:
    """Rows come first; twice the size shows objects in four times as many pixels."""
    scene = world(thing("cube", turn=20), thing("sphere", "small", -2.0, 1.0))
    small, big = id_map(scene), id_map(scene, 640, 480)
    assert (small.shape, small.dtype, big.shape) == ((240, 320), np.int8, (480, 640))
    for i in (0, 1, 2):
        assert (big == i).sum() == pytest.approx(4 * (small == i).sum(), rel=0.03)


@given(st.lists(things, max_size=5))
def test_visible_pixels_count_the_id_map(bodies: list[Thing]) -> None:
    """Per object, as many pixels are visible as the map has with its number."""
    scene = world(*bodies)
    counts = np.bincount(id_map(scene).ravel(), minlength=len(bodies) + 1)
    assert visible_pixels(scene) == tuple(counts[1:])


@settings(max_examples=300)
@given(st.lists(things, max_size=7), jitters, st.integers(1, 1200))
def test_hidden_objects_are_those_that_counting_finds(
    bodies: list[Thing], camera: Point, least: int
) -> None:
    """What is told without counting pixels is true, of crowds, borders and overlaps alike."""
    scene = world(*bodies, camera=camera)
    counts = visible_pixels(scene)
    for limit in (least, *counts, *(count + 1 for count in counts)):
        assert fewer_pixels(scene, limit) == tuple(
            i for i, count in enumerate(counts) if count < limit
        )


@given(things, jitters, st.integers(-2500, 2500).map(lambda k: k / 1000))
def test_a_circle_inside_an_object_covers_no_more_than_it(
    body: Thing, camera: Point, off: float
) -> None:
    """The bound below is none of guesswork: near the border and outside, too."""
    scene = world(replace(body, x=body.x + off, y=body.y - off), camera=camera)
    assert _at_least(View.of(scene), scene.things[0]) <= visible_pixels(scene)[0]


def test_most_objects_need_no_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pixels are counted of objects in doubt and of what may hide them, of no others."""
    drawn: list[int] = []

    def counted(scene: Scene) -> tuple[int, ...]:
        drawn.append(len(scene.things))
        return visible_pixels(scene)

    monkeypatch.setattr(rays, "visible_pixels", counted)
    apart = thing("sphere"), thing("cylinder", x=-2.5, y=2.5), thing("cube", x=2.5, y=2.0)
    assert fewer_pixels(world(*apart), 200) == ()
    far = thing("cube", "small", x=-2.9)
    assert fewer_pixels(world(thing("sphere"), far), 200) == ()
    assert drawn == [1]


def test_the_nearer_object_is_seen() -> None:
    """An object between the camera and another hides it, whichever comes first in the scene."""
    x, y = CAMERA[0] / 6, CAMERA[1] / 6
    front, back = thing("cylinder", x=x, y=y), thing("sphere", "small")
    alone = visible_pixels(world(front))[0]
    for scene in (world(front, back), world(back, front)):
        seen = visible_pixels(scene)
        assert seen[scene.things.index(front)] == alone
        assert seen[scene.things.index(back)] < visible_pixels(world(back))[0] / 2


def test_the_sizes_of_silhouettes() -> None:
    """A sphere in the middle covers the ellipse that optics says, a farther one less."""
    ball = thing("sphere")
    view = View.of(world())
    x, y, z = view.eye
    away = math.sqrt(x * x + y * y + (z - 0.7) ** 2)
    circle = math.pi * (view.focal * math.tan(math.asin(0.7 / away))) ** 2
    assert visible_pixels(world(ball))[0] == pytest.approx(circle, rel=0.02)
    assert visible_pixels(world(replace(ball, x=-2.0, y=2.0)))[0] < 0.8 * circle


def test_objects_outside_the_picture_have_no_pixels() -> None:
    """A window off the picture is empty, and what is behind the camera is not projected."""
    aside, behind = thing("cube", x=9.0, y=9.0), thing("sphere", x=15.0, y=-13.0)
    assert visible_pixels(world(aside, behind)) == (0, 0)


@pytest.mark.parametrize(
    ("body", "eye"),
    [
        (thing("cube", x=0.72, y=-0.54), (0.62, 0.0, 0.54)),
        (thing("cylinder", x=0.93, y=0.8), (0.89, 0.0, 0.79)),
    ],
)
def test_an_object_beside_the_camera_is_not_cut(body: Thing, eye: Point) -> None:
    """An object of which a part is behind the camera keeps its pixels in front of it."""
    scene = world(body, camera=along(eye, CAMERA, -1.0))
    view = View.of(scene)
    seen = np.broadcast_to(distances(body, view.eye, view.pixels()), (240, 320)) < np.inf
    assert np.array_equal(seen, id_map(scene) == 1)
    assert seen.sum() > 2000
