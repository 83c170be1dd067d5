"""A scene: objects on the ground, the camera that sees them, the lamps, and who stands where."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from modelmetry.scenes.kinds import Kind

RADII: Mapping[str, float] = {"large": 0.7, "small": 0.35}
"""Radius of an object's footprint on the ground, in scene units; a cube's is that of its corners."""

RELATIONS = ("left", "right", "front", "behind")

OPPOSITE: Mapping[str, str] = {
    "left": "right",
    "right": "left",
    "front": "behind",
    "behind": "front",
}

APART = 0.2
"""How far to one side, in scene units, an object must stand to be said to stand there."""

CAMERA = (7.48, -6.51, 5.34)
"""Where the camera stands before its jitter; it looks at the origin, z points up."""

LAMPS: Mapping[str, tuple[float, float, float]] = {
    "key": (6.45, -2.91, 4.26),
    "fill": (-4.67, -4.01, 3.01),
    "back": (-1.11, 2.65, 5.82),
}
"""Where the lamps stand before their jitter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """An object on the ground.

    Attributes:
        size: `large` or `small`.
        color: One of eight.
        material: `rubber` or `metal`.
        shape: `cube`, `sphere` or `cylinder`.
        x: Position of its center, in scene units, usually in [-3, 3].
        y: The same.
        turn: Rotation about the vertical, in degrees, in [0, 360).
    """

    size: str
    color: str
    material: str
    shape: str
    x: float
    y: float
    turn: float = 0.0

    @property
    def kind(self) -> Kind:
        """Its four attributes."""
        return Kind(self.size, self.color, self.material, self.shape)

    @property
    def radius(self) -> float:
        """Radius of its footprint: of the sphere, the cylinder, or through the cube's corners."""
        return RADII[self.size]

    @property
    def half(self) -> float:
        """Half its height, which is also the height of its center; half a cube's edge."""
        return self.radius / math.sqrt(2) if self.shape == "cube" else self.radius


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Objects, camera and lamps: all that a picture, a description or a question needs.

    Attributes:
        things: The objects; their places in this tuple are their indices.
        camera: Jitter added to `CAMERA`, in scene units.
        lamps: Lamp name -> jitter added to its place in `LAMPS`.
    """

    things: tuple[Thing, ...]
    camera: tuple[float, float, float] = (0.0, 0.0, 0.0)
    lamps: Mapping[str, tuple[float, float, float]]

    @property
    def eye(self) -> tuple[float, float, float]:
        """Where the camera stands."""
        x, y, z = (place + moved for place, moved in zip(CAMERA, self.camera, strict=True))
        return x, y, z

    @cached_property
    def directions(self) -> Mapping[str, tuple[float, float]]:
        """Relation -> unit vector on the ground that points there, as the camera sees it."""
        x, y, _ = self.eye
        far = math.hypot(x, y)
        behind = (-x / far, -y / far)
        right = (behind[1], -behind[0])
        return {
            "left": (-right[0], -right[1]),
            "right": right,
            "front": (-behind[0], -behind[1]),
            "behind": behind,
        }

    @cached_property
    def places(self) -> tuple[tuple[float, float], ...]:
        """Per object, how far right and how far to the front it stands, as the camera sees it."""
        (ax, ay), (bx, by) = self.directions["right"], self.directions["front"]
        return tuple((t.x * ax + t.y * ay, t.x * bx + t.y * by) for t in self.things)

    @cached_property
    def relations(self) -> Mapping[str, tuple[int, ...]]:
        """Relation -> per object i, the objects that stand there seen from i, as a bit mask.

        Bit j of `relations["left"][i]` says that object j stands left of object i.
        """
        places = self.places
        found: dict[str, list[int]] = {name: [0] * len(places) for name in RELATIONS}
        for i, (right, front) in enumerate(places):
            for j, (other_right, other_front) in enumerate(places):
                across, along = other_right - right, other_front - front
                if across > APART:
                    found["right"][i] |= 1 << j
                elif across < -APART:
                    found["left"][i] |= 1 << j
                if along > APART:
                    found["front"][i] |= 1 << j
                elif along < -APART:
                    found["behind"][i] |= 1 << j
        return {name: tuple(masks) for name, masks in found.items()}
