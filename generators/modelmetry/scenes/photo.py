"""The painter of scenes that are taken for photographs: light followed by Mitsuba 3, then denoised.

The renderer is Mitsuba 3 (Jakob et al., 2022), which the extra `photo` installs. Camera, lamps and
colors are those of `modelmetry.scenes.raster`, the objects' edges are round.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from modelmetry.errors import BadInput
from modelmetry.items import Painter
from modelmetry.scenes.denoising import denoised
from modelmetry.scenes.raster import Pixels
from modelmetry.scenes.rays import HEIGHT, LENS, SENSOR, WIDTH, Array
from modelmetry.scenes.shading import BEVEL
from modelmetry.scenes.studio import GROUND, SUN, Lamp, lamps, png, reflectance, scene_of, sky, srgb
from modelmetry.scenes.world import Scene, Thing

__all__ = ["PAINTER", "Maker", "masks", "paint", "render", "round_cube", "round_cylinder"]

Mesh = tuple[Array, Array, npt.NDArray[np.intp]]
"""Vertices, (v, 3); their unit normals, (v, 3); triangles as vertex numbers, (f, 3)."""

Maker = Callable[[float, float], Mesh]
"""Half the height and the width of the rounded edge -> a mesh around the origin."""

_SAMPLES = 9
"""Paths of light per pixel and pass; a square number, as they are stratified."""

_LONGEST = 5
"""Surfaces that a path of light touches, the lamp included."""

_HORIZON = 150.0
"""Radius of the ground, in scene units."""

_SUN_AWAY = 2000.0
"""Distance at which the sun's disc stands, in scene units."""

_ROUND = 4
"""Facets across a rounded edge."""

_AROUND = 96
"""Facets around a cylinder."""


def paint(recipe: Any) -> bytes:
    """The PNG of a scene's JSON form, 320 x 240 pixels.

    Raises:
        BadInput: The recipe is no scene, or Mitsuba is not installed.
    """
    return png(render(scene_of(recipe)))


PAINTER = Painter(version=1, paint=paint)
"""The painter `photo`."""


def render(scene: Scene, width: int = WIDTH, height: int = HEIGHT) -> Pixels:
    """The picture of a scene: red, green and blue as displayed, shape (height, width, 3).

    The light of sun and sky, that of key and fill lamp, and that of the back lamp are followed in
    three passes and added: in one world the lamps would cast shadows of their own.

    Raises:
        BadInput: Mitsuba is not installed.
    """
    mi = _mitsuba()
    things = _things(mi, scene)
    light = np.zeros((height, width, 3))
    key, fill, back = (_lamp(mi, lamp) for lamp in lamps(scene))
    passes = (_outdoors(mi), {"key": key, "fill": fill}, {"back": back})
    for seed, sources in enumerate(passes):
        world = mi.load_dict(
            {"type": "scene", "integrator": {"type": "path", "max_depth": _LONGEST}}
            | {"camera": _camera(mi, scene, width, height), "ground": _ground(mi)}
            | sources
            | things
        )
        light += np.array(mi.render(world, seed=seed), dtype=np.float64)
    return srgb(denoised(light, scene))


def masks(scene: Scene, width: int = WIDTH, height: int = HEIGHT) -> Pixels:
    """Which object each pixel's center shows: 0 none, i + 1 object i; shape (height, width).

    Found by Mitsuba on its own, so that it can be held against that of the built-in painter.

    Raises:
        BadInput: Mitsuba is not installed.
    """
    mi = _mitsuba()
    sensor = mi.load_dict(_camera(mi, scene, width, height))
    world = mi.load_dict({"type": "scene", "ground": _ground(mi)} | _things(mi, scene))
    numbers = {f"thing-{index}": index for index in range(1, len(scene.things) + 1)}
    found = np.zeros((height, width), np.uint8)
    for row in range(height):
        for column in range(width):
            place = mi.Point2f((column + 0.5) / width, (row + 0.5) / height)
            ray, _ = sensor.sample_ray(0.0, 0.5, place, mi.Point2f(0.5, 0.5))
            hit = world.ray_intersect_preliminary(ray)
            if hit.is_valid():
                found[row, column] = numbers.get(hit.shape.id(), 0)
    return found


def _mitsuba() -> Any:
    """Mitsuba in its scalar variant, which compiles nothing and repeats its bits."""
    try:
        mi = importlib.import_module("mitsuba")
    except ImportError:
        raise BadInput(
            "painter photo: mitsuba is not installed; allowed: the painter raster, or "
            'pip install "modelmetry[photo]"'
        ) from None
    mi.set_variant("scalar_rgb")
    return mi


def _camera(mi: Any, scene: Scene, width: int, height: int) -> dict[str, Any]:
    return {
        "type": "perspective",
        "fov_axis": "x",
        "fov": 2 * math.degrees(math.atan(SENSOR / 2 / LENS)),
        "to_world": mi.ScalarTransform4f().look_at(
            origin=list(scene.eye), target=[0, 0, 0], up=[0, 0, 1]
        ),
        # A box filter keeps the pixels apart: threads then cannot add in another order.
        "film": {
            "type": "hdrfilm",
            "width": width,
            "height": height,
            "rfilter": {"type": "box"},
            "pixel_format": "rgb",
            "component_format": "float32",
        },
        "sampler": {"type": "multijitter", "sample_count": _SAMPLES},
    }


def _ground(mi: Any) -> dict[str, Any]:
    return {
        "type": "disk",
        "to_world": mi.ScalarTransform4f().scale(_HORIZON),
        "bsdf": {"type": "diffuse", "reflectance": _rgb((GROUND,) * 3)},
    }


def _outdoors(mi: Any) -> dict[str, Any]:
    """Sun and sky."""
    radius = _SUN_AWAY * SUN.size / 2
    place = [_SUN_AWAY * part for part in SUN.place]
    bright = (_SUN_AWAY / radius) ** 2 / math.pi
    up = np.cos((np.arange(64) + 0.5) / 64 * math.pi)
    glow = np.where(up > 0, sky(np.abs(up)), 0.0)[:, None, None] * np.ones((1, 8, 3))
    transform = mi.ScalarTransform4f()
    return {
        "sun": {
            "type": "disk",
            "to_world": transform.look_at(origin=place, target=[0, 0, 0], up=[0, 0, 1])
            @ transform.scale(radius),
            "emitter": {"type": "area", "radiance": _rgb(bright * p for p in SUN.power)},
        },
        "sky": {
            "type": "envmap",
            "bitmap": mi.Bitmap(glow.astype(np.float32)),
            "to_world": transform.rotate([1, 0, 0], 90),
        },
    }


def _lamp(mi: Any, lamp: Lamp) -> dict[str, Any]:
    transform = mi.ScalarTransform4f()
    return {
        "type": "rectangle",
        "to_world": transform.look_at(origin=list(lamp.place), target=[0, 0, 0], up=[0, 0, 1])
        @ transform.scale(lamp.size / 2),
        "emitter": {"type": "area", "radiance": _rgb(p / lamp.size**2 for p in lamp.power)},
        "bsdf": {"type": "diffuse", "reflectance": _rgb((0, 0, 0))},
    }


def _things(mi: Any, scene: Scene) -> dict[str, Any]:
    return {
        f"thing-{index}": _thing(mi, f"thing-{index}", t) for index, t in enumerate(scene.things, 1)
    }


def _thing(mi: Any, name: str, thing: Thing) -> Any:
    matter = {"type": "principled", "base_color": _rgb(reflectance(thing))} | (
        {"metallic": 1.0, "roughness": 0.2}
        if thing.material == "metal"
        else {"roughness": 0.7, "specular": 0.2}
    )
    if thing.shape == "sphere":
        center = [thing.x, thing.y, thing.half]
        return {"type": "sphere", "center": center, "radius": thing.radius, "bsdf": matter}
    bevel = BEVEL * thing.radius
    make = round_cube if thing.shape == "cube" else round_cylinder
    points, normals, faces = make(thing.half, bevel)
    angle = math.radians(thing.turn)
    c, s = math.cos(angle), math.sin(angle)
    turned = [np.stack([c * x - s * y, s * x + c * y, z]) for x, y, z in (points.T, normals.T)]
    moved = turned[0].T + np.array([thing.x, thing.y, thing.half])
    properties = mi.Properties()
    properties["bsdf"] = mi.load_dict(matter)
    mesh = mi.Mesh(name, len(points), len(faces), has_vertex_normals=True, props=properties)
    parts = mi.traverse(mesh)
    parts["vertex_positions"] = moved.astype(np.float32).ravel()
    parts["vertex_normals"] = turned[1].T.astype(np.float32).ravel()
    parts["faces"] = faces.astype(np.uint32).ravel()
    parts.update()
    return mesh


def round_cube(half: float, bevel: float) -> Mesh:
    """A cube with rounded edges, around the origin."""
    flat = half - bevel
    bow = bevel * np.tan(np.linspace(0, math.pi / 4, _ROUND + 1))
    line = np.concatenate([-flat - bow[::-1], flat + bow])
    across, along = (part.ravel() for part in np.meshgrid(line, line, indexing="ij"))
    points, faces = [], []
    for axis in range(3):
        for side in (-half, half):
            face = np.empty((len(across), 3))
            face[:, axis], face[:, (axis + 1) % 3], face[:, (axis + 2) % 3] = side, across, along
            squares = _grid(len(line), len(line)) + len(points) * len(across)
            points.append(face)
            faces.append(squares if side > 0 else squares[:, ::-1])
    outer = np.concatenate(points)
    inner = np.clip(outer, -flat, flat)
    normals = outer - inner
    normals /= np.sqrt((normals * normals).sum(axis=1, keepdims=True))
    return inner + bevel * normals, normals, np.concatenate(faces)


def round_cylinder(half: float, bevel: float) -> Mesh:
    """An upright cylinder as high as it is wide, with rounded edges, around the origin."""
    angle = np.linspace(0, math.pi / 2, _ROUND + 1)
    out = np.concatenate([[0.0], np.sin(angle), np.sin(angle[::-1]), [0.0]])
    up = np.concatenate([[1.0], np.cos(angle), -np.cos(angle[::-1]), [-1.0]])
    flat = half - bevel
    level = np.full(len(out), flat)
    level[[0, -1]] = 1e-6
    height = np.where(np.arange(len(up)) < len(up) / 2, flat, -flat)
    around = np.linspace(0, 2 * math.pi, _AROUND + 1)
    c, s = np.cos(around), np.sin(around)

    def turned(radius: Array, z: Array) -> Array:
        x, y = radius[:, None] * c, radius[:, None] * s
        return np.stack([x, y, z[:, None] + 0 * x], axis=-1).reshape(-1, 3)

    points = turned(level + bevel * out, height + bevel * up)
    return points, turned(out, up), _grid(len(out), _AROUND + 1)


def _grid(rows: int, columns: int) -> npt.NDArray[np.intp]:
    """Triangles (vertex numbers) that cover a grid of vertices."""
    first = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    return np.concatenate(
        [
            np.stack([first, first + columns, first + 1], axis=1),
            np.stack([first + 1, first + columns, first + columns + 1], axis=1),
        ]
    )


def _rgb(parts: Any) -> dict[str, Any]:
    return {"type": "rgb", "value": [float(part) for part in parts]}
