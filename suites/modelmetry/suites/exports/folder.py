"""The folder of an export: lines of JSON and pictures in it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from modelmetry.suites.editions.tables import Painted

encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export wrote.

    Attributes:
        count: Examples, or items.
        names: What the other harness calls what it can run; empty for training data.
        left_out: A line for each wording that the form cannot hold.
    """

    count: int
    names: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def write_lines(path: Path, lines: Iterable[dict[str, Any]]) -> int:
    """Write a file of JSON Lines; returns how many."""
    count = 0
    with path.open("wb") as file:
        for line in lines:
            file.write(encode(line) + b"\n")
            count += 1
        file.flush()
        os.fsync(file.fileno())
    return count


def write_pictures(folder: Path, pictures: Painted) -> list[str]:
    """Write pictures that are not there yet as `images/<address>.png`; returns these paths."""
    paths = []
    for address, png in pictures:
        path = folder / "images" / f"{address}.png"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(png)
        paths.append(f"images/{path.name}")
    return paths
