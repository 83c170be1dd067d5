"""A picture as a recipe: who paints it and from what, so that pixels are made when they are needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modelmetry.items.canonical import content_hash
from modelmetry.items.plugins import load


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What a message shows beside its text.

    Attributes:
        painter: Entry point in the group `modelmetry.painters`: a function from the recipe to the
            bytes of a PNG, the same bytes for the same recipe on one platform.
        recipe: All that the painter reads; anything JSON can hold.
    """

    painter: str
    recipe: Any

    @property
    def address(self) -> str:
        """SHA-256 (hex) of painter and recipe: names the picture before it is painted."""
        return content_hash([self.painter, self.recipe])

    def png(self) -> bytes:
        """The picture, painted now.

        Raises:
            BadInput: No such painter is installed, or its library is not.
        """
        return load("painters", self.painter)(self.recipe)
