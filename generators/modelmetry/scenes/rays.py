"""The camera, and where its rays meet objects: distances, normals, object-id maps, visible pixels.

Vectors are kept as three arrays (x, y, z) that broadcast against each other, and every sum is
written out: elementwise IEEE arithmetic gives the same bits on every machine, BLAS does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from modelmetry.scenes.world import Scene, Thing

Array = npt.NDArray[np.float64]

Component = Array | float

Vectors = tuple[Component, Component, Component]
"""One or many vectors: their x, y and z."""

Window = tuple[int, int, int, int]
"""First column, first row, last column + 1, last row + 1, in pixels."""

WIDTH, HEIGHT = 320, 240
"""CLEVR's picture size in pixels, at which visibility is decided."""

LENS, SENSOR = 35.0, 32.0
"""Focal length and sensor width of the camera, in millimeters."""

_TINY = 1e-300

_ROUNDED = 0.999
"""Makes a circle a little smaller, so that no rounding matters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A pinhole camera that looks at the origin of the ground, with z up.

    Attributes:
        eye: Where it stands, in scene units.
        forward: Unit vector along which it looks.
        right: Unit vector to the right of the picture; it is level.
        up: Unit vector to the top of the picture.
        focal: Focal length, in pixels.
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
    """

    eye: tuple[float, float, float]
    forward: tuple[float, float, float]
    right: tuple[float, float, float]
    up: tuple[float, float, float]
    focal: float
    width: int
    height: int

    @classmethod
    def of(cls, scene: Scene, width: int = WIDTH, height: int = HEIGHT) -> View:
        """The view of a scene's camera in a picture of that many pixels."""
        x, y, z = scene.eye
        far = math.sqrt(x * x + y * y + z * z)
        forward = (-x / far, -y / far, -z / far)
        level = math.sqrt(x * x + y * y)
        right = (-y / level, x / level, 0.0)
        up = (right[1] * forward[2], -right[0] * forward[2], level / far)
        return cls(
            eye=(x, y, z),
            forward=forward,
            right=right,
            up=up,
            focal=width * LENS / SENSOR,
            width=width,
            height=height,
        )

    def depth(self, x: float, y: float, z: float) -> float:
        """How far a point is in front of the eye along `forward`, in scene units."""
        cx, cy, cz = self.forward
        return (x - self.eye[0]) * cx + (y - self.eye[1]) * cy + (z - self.eye[2]) * cz

    def project(self, x: float, y: float, z: float) -> tuple[float, float, float]:
        """Column, row and depth of a point.

        Columns and rows are counted in pixels from the top left corner of the picture: the center
        of the first pixel is at 0.5, 0.5. The point's depth must not be 0.
        """
        dx, dy, dz = x - self.eye[0], y - self.eye[1], z - self.eye[2]
        ax, ay, _ = self.right
        bx, by, bz = self.up
        depth = self.depth(x, y, z)
        column = self.width / 2 + self.focal * (dx * ax + dy * ay) / depth
        row = self.height / 2 - self.focal * (dx * bx + dy * by + dz * bz) / depth
        return column, row, depth

    def directions(self, columns: Component, rows: Component) -> Vectors:
        """Directions of the rays through places in the picture, one unit of depth long.

        Args:
            columns: Places counted as `project` does, so that pixel centers end in .5; they need
                not be inside the picture.
            rows: The same, in a shape that broadcasts against that of the columns.

        Returns:
            Three arrays that broadcast to the common shape; z has the shape of the rows.
        """
        across = (columns - self.width / 2) / self.focal
        along = (self.height / 2 - rows) / self.focal
        return (
            self.forward[0] + along * self.up[0] + across * self.right[0],
            self.forward[1] + along * self.up[1] + across * self.right[1],
            self.forward[2] + along * self.up[2],
        )

    def pixels(self, window: Window | None = None) -> Vectors:
        """Directions of the rays through the centers of a window's pixels, or of all."""
        left, top, right, bottom = window or (0, 0, self.width, self.height)
        columns, rows = _centers(self.width), _centers(self.height)
        return self.directions(columns[None, left:right], rows[top:bottom, None])

    def window(self, thing: Thing) -> Window:
        """The pixels that an object may cover, from its bounding box; empty where it is outside."""
        half = thing.half
        c, s = _turn(thing.turn) if thing.shape == "cube" else self.right[:2]
        columns, rows = [], []
        for a, b in ((half, half), (half, -half), (-half, half), (-half, -half)):
            x, y = thing.x + a * c - b * s, thing.y + a * s + b * c
            for z in (0.0, 2 * half):
                if self.depth(x, y, z) <= 0:
                    return (0, 0, self.width, self.height)
                column, row, _ = self.project(x, y, z)
                columns.append(column)
                rows.append(row)
        left, right = _within(min(columns), max(columns), self.width)
        top, bottom = _within(min(rows), max(rows), self.height)
        return left, top, right, bottom


def distances(thing: Thing, origins: Vectors, directions: Vectors) -> Array:
    """How far rays go until they enter an object.

    Args:
        thing: The object.
        origins: Where the rays start.
        directions: Where they go; of any length but 0.

    Returns:
        Distances in units of the directions' lengths, in the common shape of all that is given;
        `inf` where a ray misses or starts inside. A ray that starts on the surface therefore never
        meets its own object again.
    """
    if thing.shape == "sphere":
        return _sphere(thing, origins, directions)
    if thing.shape == "cylinder":
        return _cylinder(thing, origins, directions)
    return _cube(thing, origins, directions)


def normals(thing: Thing, points: Vectors) -> Vectors:
    """Outward unit normals of an object at points on its surface."""
    x, y, z = points[0] - thing.x, points[1] - thing.y, points[2] - thing.half
    if thing.shape == "sphere":
        return x / thing.half, y / thing.half, z / thing.half
    if thing.shape == "cylinder":
        level = np.sqrt(x * x + y * y)
        cap = np.abs(z) > level
        level = np.maximum(level, _TINY)
        return (
            np.where(cap, 0.0, x / level),
            np.where(cap, 0.0, y / level),
            np.where(cap, np.sign(z), 0.0),
        )
    c, s = _turn(thing.turn)
    x, y = c * x + s * y, c * y - s * x
    ax, ay, az = np.abs(x), np.abs(y), np.abs(z)
    face_z = (az >= ax) & (az >= ay)
    face_x = ~face_z & (ax >= ay)
    nx = np.where(face_x, np.sign(x), 0.0)
    ny = np.where(face_z | face_x, 0.0, np.sign(y))
    return c * nx - s * ny, s * nx + c * ny, np.where(face_z, np.sign(z), 0.0)


def id_map(scene: Scene, width: int = WIDTH, height: int = HEIGHT) -> npt.NDArray[np.int8]:
    """Which object is nearest at each pixel's center.

    Returns:
        Shape (height, width): 0 where there is no object, i + 1 where it is object i.
    """
    return nearest(scene, View.of(scene, width, height))[0]


def visible_pixels(scene: Scene) -> tuple[int, ...]:
    """How many pixels of a picture of 320 x 240 show each object."""
    ids, _, windows = nearest(scene, View.of(scene))
    return tuple(
        int(np.count_nonzero(ids[top:bottom, left:right] == i))
        for i, (left, top, right, bottom) in enumerate(windows, 1)
    )


def fewer_pixels(scene: Scene, least: int) -> tuple[int, ...]:
    """The objects of which a picture of 320 x 240 shows fewer than so many pixels.

    Pixels are counted only of objects of which it is not certain without.
    """
    view = View.of(scene)
    windows = [view.window(thing) for thing in scene.things]
    doubtful, drawn = [], set()
    for i, thing in enumerate(scene.things):
        # What stands elsewhere in the picture hides nothing of it.
        near = {j: _common(windows[i], other) for j, other in enumerate(windows) if j != i}
        if _at_least(view, thing) - sum(near.values()) < least:
            doubtful.append(i)
            drawn.update([i], (j for j, common in near.items() if common))
    if not doubtful:
        return ()
    part = replace(scene, things=tuple(scene.things[i] for i in sorted(drawn)))
    seen = dict(zip(sorted(drawn), visible_pixels(part), strict=True))
    return tuple(i for i in doubtful if seen[i] < least)


def _at_least(view: View, thing: Thing) -> float:
    """No more pixels than an object covers by itself: those in a circle inside its outline.

    The circle is the picture of a disc that faces the camera in the middle of the object. A convex
    area holds at least as many points of a unit grid as its size less half its border (Nosarzewska
    1948).
    """
    middle = (thing.x, thing.y, thing.half)
    if view.depth(*middle) <= 0:
        return 0.0
    column, row, depth = view.project(*middle)
    radius = _ROUNDED * view.focal * thing.half / depth
    inside = radius <= column <= view.width - radius and radius <= row <= view.height - radius
    return math.pi * radius * (radius - 1) if inside else 0.0


def _common(one: Window, other: Window) -> int:
    """How many pixels two windows share."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0) * max(height, 0)


def nearest(scene: Scene, view: View) -> tuple[npt.NDArray[np.int8], Array, list[Window]]:
    """What the rays through all pixels' centers meet first.

    Returns:
        The id map; how far away each object is, in units of `View.pixels`, `inf` where there is
        none; and per object the window outside which it cannot be.
    """
    ids = np.zeros((view.height, view.width), np.int8)
    far = np.full((view.height, view.width), np.inf)
    windows = [view.window(thing) for thing in scene.things]
    for i, (thing, window) in enumerate(zip(scene.things, windows, strict=True), 1):
        left, top, right, bottom = window
        found = distances(thing, view.eye, view.pixels(window))
        before = far[top:bottom, left:right]
        closer = found < before
        np.copyto(before, found, where=closer)
        np.putmask(ids[top:bottom, left:right], closer, i)
    return ids, far, windows


def _sphere(thing: Thing, origins: Vectors, directions: Vectors) -> Array:
    x, y, z = origins[0] - thing.x, origins[1] - thing.y, origins[2] - thing.half
    dx, dy, dz = directions
    a = dx * dx + dy * dy + dz * dz
    b = dx * x + dy * y + dz * z
    c = x * x + y * y + z * z - thing.half * thing.half
    square = b * b - a * c
    entry = (-b - np.sqrt(np.maximum(square, 0.0))) / a
    return np.where((square > 0.0) & (entry > 0.0), entry, np.inf)


def _cylinder(thing: Thing, origins: Vectors, directions: Vectors) -> Array:
    x, y, z = origins[0] - thing.x, origins[1] - thing.y, origins[2] - thing.half
    dx, dy, dz = directions
    # A vertical ray has a = b = 0: the tiny number sends it to minus and plus infinity, or past.
    a = np.maximum(dx * dx + dy * dy, _TINY)
    b = dx * x + dy * y
    c = x * x + y * y - thing.radius * thing.radius
    square = b * b - a * c
    root = np.sqrt(np.maximum(square, 0.0))
    near, far = _slab(z, dz, thing.half)
    entry = np.maximum((-b - root) / a, near)
    leave = np.minimum((root - b) / a, far)
    return np.where((square > 0.0) & (entry < leave) & (entry > 0.0), entry, np.inf)


def _cube(thing: Thing, origins: Vectors, directions: Vectors) -> Array:
    x, y, z = origins[0] - thing.x, origins[1] - thing.y, origins[2] - thing.half
    dx, dy, dz = directions
    c, s = _turn(thing.turn)
    near_x, far_x = _slab(c * x + s * y, c * dx + s * dy, thing.half)
    near_y, far_y = _slab(c * y - s * x, c * dy - s * dx, thing.half)
    near_z, far_z = _slab(z, dz, thing.half)
    entry = np.maximum(np.maximum(near_x, near_y), near_z)
    leave = np.minimum(np.minimum(far_x, far_y), far_z)
    return np.where((entry < leave) & (entry > 0.0), entry, np.inf)


def _slab(start: Component, step: Component, half: float) -> tuple[Component, Component]:
    """Where rays are between -half and half of one coordinate."""
    inverse = 1.0 / np.where(np.abs(step) < _TINY, _TINY, step)
    middle = -start * inverse
    reach = half * np.abs(inverse)
    return middle - reach, middle + reach


@lru_cache(maxsize=4096)
def _turn(degrees: float) -> tuple[float, float]:
    """Cosine and sine, without the last digits in which mathematical libraries differ."""
    angle = math.radians(degrees)
    return round(math.cos(angle), 12), round(math.sin(angle), 12)


@lru_cache(maxsize=8)
def _centers(count: int) -> Array:
    centers = np.arange(0.5, count)
    centers.flags.writeable = False
    return centers


def _within(least: float, most: float, count: int) -> tuple[int, int]:
    """First pixel and last + 1 of those whose centers lie between two places."""
    first = min(max(math.floor(least), 0), count)
    return first, max(min(math.ceil(most), count), first)
