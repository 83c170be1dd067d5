"""What an object can be: four attributes, the 96 kinds they make, and filters that name some."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import NamedTuple

VALUES: Mapping[str, tuple[str, ...]] = {
    "size": ("large", "small"),
    "color": ("gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow"),
    "material": ("rubber", "metal"),
    "shape": ("cube", "sphere", "cylinder"),
}
"""Attribute type -> its values, in the order in which English lists them before a noun."""

TYPES = tuple(VALUES)

TYPE_OF: Mapping[str, str] = {value: kind for kind, values in VALUES.items() for value in values}
"""Attribute value -> its type; no value belongs to two."""


class Kind(NamedTuple):
    """The four attributes of an object."""

    size: str
    color: str
    material: str
    shape: str


class Filter(NamedTuple):
    """A description such as `small metal thing`: a value per attribute, or None where it is open."""

    size: str | None = None
    color: str | None = None
    material: str | None = None
    shape: str | None = None

    @classmethod
    def of(cls, *values: str) -> Filter:
        """The filter that names exactly these values, in any order."""
        return cls(**{TYPE_OF[value]: value for value in values})

    def admits(self, kind: Kind) -> bool:
        """Whether an object of the kind fits the description."""
        return all(want in (None, value) for want, value in zip(self, kind, strict=True))

    @property
    def named(self) -> tuple[str, ...]:
        """The values named, in the order of `TYPES`."""
        return tuple(value for value in self if value is not None)


KINDS: tuple[Kind, ...] = tuple(Kind(*values) for values in product(*VALUES.values()))
"""All 96 kinds."""
