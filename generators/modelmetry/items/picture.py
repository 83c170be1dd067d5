"""A picture as a recipe: who paints it and from what, so that pixels are made when they are needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from modelmetry.errors import BadInput
from modelmetry.items.canonical import content_hash
from modelmetry.items.plugins import load


@dataclass(frozen=True, slots=True, kw_only=True)
class Painter:
    """What an entry point in the group `modelmetry.painters` names.

    Attributes:
        version: Raised whenever the same recipe would give other pixels, >= 1.
        paint: From a recipe to the bytes of a PNG, the same bytes for the same recipe on one
            platform.
    """

    version: int
    paint: Callable[[Any], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What a message shows beside its text.

    Attributes:
        painter: The painter's entry-point name.
        version: The painter's version.
        recipe: All that the painter reads; anything JSON can hold.
    """

    painter: str
    version: int
    recipe: Any

    @property
    def address(self) -> str:
        """SHA-256 (hex) of painter, version and recipe: names the picture before it is painted."""
        return content_hash([self.painter, self.version, self.recipe])

    def png(self) -> bytes:
        """The picture, painted now.

        Raises:
            BadInput: The painter is not installed, or in another version, or its library is not.
        """
        found = installed_painter(self.painter)
        if found.version != self.version:
            raise BadInput(
                f"picture {self.address[:8]}: painter {self.painter} is installed in version "
                f"{found.version}; allowed: version {self.version}, for which the picture was made"
            )
        return found.paint(self.recipe)


def installed_painter(name: str, *, where: str = "") -> Painter:
    """The installed painter of a name.

    Args:
        name: The entry point's name.
        where: Prefix for the error line, such as a file.

    Raises:
        BadInput: Nothing is installed under that name, or no painter.
    """
    found = load("painters", name, where=where)
    if not isinstance(found, Painter):
        prefix = f"{where}: " if where else ""
        raise BadInput(f"{prefix}{name} is installed but is not a Painter")
    return found
