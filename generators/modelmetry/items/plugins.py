"""Looking up what is installed: generators, models, painters and scorers by their entry-point names."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from modelmetry.errors import BadInput, nearest


@cache
def _table(group: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=f"modelmetry.{group}")}


def installed(group: str) -> list[str]:
    """Names installed under the entry-point group `modelmetry.<group>`, sorted."""
    return sorted(_table(group))


def load(group: str, name: str, *, where: str = "") -> Any:
    """Load the object installed as `name` in the group `modelmetry.<group>`.

    Args:
        group: `generators`, `models`, `painters` or `scorers`.
        name: The entry point's name.
        where: Prefix for the error line, such as a file and key.

    Raises:
        BadInput: Nothing is installed under that name; the line lists what is.
    """
    entry = _table(group).get(name)
    if entry is None:
        known = ", ".join(installed(group)) or "none"
        prefix = f"{where}: " if where else ""
        kind, hint = group.removesuffix("s"), nearest(name, _table(group))
        raise BadInput(f"{prefix}unknown {kind} {name!r}{hint}; installed: {known}")
    return entry.load()
