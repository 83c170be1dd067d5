"""The studio in which both painters picture a scene: colors, ground, lamps, sun and sky.

Colors, camera and the places of the lamps are CLEVR's (Johnson et al., CVPR 2017), whose color
triples are linear reflectances, not display values. Powers, tints and sizes of the lamps, the sun
and the two materials are those with which Kubric (Greff et al., CVPR 2022) recreates that studio.
The sky is ours: brighter near the horizon than Kubric's, so that metal has something to reflect.
Radiances are linear and such that 1 is white.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelmetry.errors import BadInput
from modelmetry.scenes.kinds import VALUES
from modelmetry.scenes.world import LAMPS, Scene, Thing

__all__ = [
    "AMBIENT",
    "GROUND",
    "MOST",
    "REFLECTANCES",
    "SUN",
    "Lamp",
    "lamps",
    "png",
    "reflectance",
    "scene_of",
    "sky",
    "srgb",
]

Triple = tuple[float, float, float]

REFLECTANCES: Mapping[str, tuple[int, int, int]] = {
    "gray": (87, 87, 87),
    "red": (173, 35, 35),
    "blue": (42, 75, 215),
    "green": (29, 105, 20),
    "brown": (129, 74, 25),
    "purple": (129, 38, 192),
    "cyan": (41, 208, 208),
    "yellow": (255, 238, 51),
}
"""Color -> share of red, green and blue light reflected, in 255ths."""

GROUND = 0.8
"""Share of light that the ground reflects, evenly in all directions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lamp:
    """A source of light that looks at the origin and does not stand in another's way.

    Attributes:
        place: Where its center is; for the sun, a point in its direction at distance 1.
        size: Edge of the square it is, in scene units; for the sun, the diameter of its disc seen
            from the ground, in radians.
        power: Irradiance (red, green, blue) at distance 1 on a surface that faces it; for the sun,
            at any distance.
    """

    place: Triple
    size: float
    power: Triple


MOST = 100
"""Objects in a picture, at most."""

_EXPOSURE = 1.25
"""Factor on all light: how long the shutter is open."""

AMBIENT = _EXPOSURE * 0.082
"""Radiance of the sky averaged over the directions from which level ground is lit."""

_WATTS: Mapping[str, tuple[float, float, tuple[int, int, int]]] = {
    "key": (100.0, 0.5, (255, 237, 208)),
    "fill": (30.0, 0.5, (194, 208, 255)),
    "back": (50.0, 1.0, (255, 255, 255)),
}
"""Lamp -> power in watts, edge in scene units, tint as displayed."""

_SUN = (11.66, -6.63, 25.82)

SUN = Lamp(
    place=(
        _SUN[0] / math.hypot(*_SUN),
        _SUN[1] / math.hypot(*_SUN),
        _SUN[2] / math.hypot(*_SUN),
    ),
    size=0.2,
    power=(0.45 * _EXPOSURE, 0.45 * _EXPOSURE, 0.45 * _EXPOSURE),
)
"""The sun, which has no jitter."""


def lamps(scene: Scene) -> tuple[Lamp, ...]:
    """The key, fill and back lamps of a scene, where its jitter puts them."""
    found: list[Lamp] = []
    for name, (watts, size, tint) in _WATTS.items():
        (x, y, z), (dx, dy, dz) = LAMPS[name], scene.lamps[name]
        red, green, blue = (_EXPOSURE * watts / 4 * _linear(value / 255) for value in tint)
        found.append(Lamp(place=(x + dx, y + dy, z + dz), size=size, power=(red, green, blue)))
    return tuple(found)


def sky(up: NDArray[np.floating]) -> NDArray[np.floating]:
    """Radiance of the sky, any shape, in directions whose upward part is `up`, in [0, 1]."""
    return _EXPOSURE * (0.035 + 0.24 * np.exp(up * -2.8))


def reflectance(thing: Thing) -> Triple:
    """Share of red, green and blue light that an object reflects, each in [0, 1]."""
    red, green, blue = REFLECTANCES[thing.color]
    return red / 255, green / 255, blue / 255


def _linear(value: float) -> float:
    """The linear intensity of a displayed one, both in [0, 1] (IEC 61966-2-1)."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def srgb(radiance: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Radiance, any shape, as displayed, in [0, 255]; what is brighter than white is white."""
    light = np.clip(radiance, 0.0, 1.0)
    shown = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return (shown * 255 + 0.5).astype(np.uint8)


def png(pixels: NDArray[np.uint8]) -> bytes:
    """The bytes of a PNG without a date: colors (height, width, 3) or gray (height, width)."""
    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(pixels).save(held, format="PNG", optimize=False, compress_level=6)
    return held.getvalue()


def scene_of(recipe: Any) -> Scene:
    """The scene of which a recipe is the JSON form.

    Raises:
        BadInput: It is no scene, or one that cannot be pictured.
    """
    try:
        scene = msgspec.convert(recipe, Scene)
    except msgspec.ValidationError as error:
        raise BadInput(f"picture: {error}; allowed: the JSON form of a scene") from None
    if not 1 <= len(scene.things) <= MOST:
        raise BadInput(f"picture: {len(scene.things)} objects; allowed: 1 to {MOST}")
    for index, thing in enumerate(scene.things):
        for kind, value in zip(VALUES, thing.kind, strict=True):
            if value not in VALUES[kind]:
                raise BadInput(
                    f"picture: object {index}: {kind} {value!r}; allowed: {', '.join(VALUES[kind])}"
                )
    if sorted(scene.lamps) != sorted(LAMPS):
        raise BadInput(
            f"picture: lamps {', '.join(sorted(scene.lamps)) or 'none'}; "
            f"allowed: {', '.join(LAMPS)}, each once"
        )
    _check_numbers(scene)
    return scene


def _check_numbers(scene: Scene) -> None:
    """Refuse numbers that are none, and a camera or lamp that cannot look at the origin aslant."""
    for index, thing in enumerate(scene.things):
        if not all(math.isfinite(number) for number in (thing.x, thing.y, thing.turn)):
            raise BadInput(f"picture: object {index}: x, y or turn; allowed: finite numbers")
    points = {"camera": scene.eye} | {
        f"lamp {name}": lamp.place for name, lamp in zip(_WATTS, lamps(scene), strict=True)
    }
    for name, (x, y, z) in points.items():
        if not (1 <= math.hypot(x, y) < math.inf and 1 <= z < math.inf):
            raise BadInput(
                f"picture: {name} at ({x:g}, {y:g}, {z:g}); allowed: at least 1 above the ground "
                "and 1 away from the vertical through the origin"
            )
