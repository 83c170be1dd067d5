"""A painter of tiny pictures, and problems about them, installed for the length of a test."""

from __future__ import annotations

import os
import random
import struct
import sys
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from modelmetry.errors import BadInput
from modelmetry.items import Draft, Field, Generator, Painter, Picture, Problem, Target, plugins
from modelmetry.spaces import Point, Space

ENTRIES = """\
[modelmetry.painters]
tiny = tests.tiny_pictures:PAINTER
[modelmetry.generators]
dots = tests.tiny_pictures:Dots
"""

SUITE = """\
# How many dots does it see?
version: 1
sampling: {temperature: 0, max_tokens: 8}
tasks:
  dots:
    generator: dots
    scorer: number
    splits: {held-out: 6, unseen: 4}
    prompts:
      see: {template: see}
      shown: {template: see, shots: 2, system: "Count."}
      read: {template: read, shots: 2}
"""

SEE = '{{ scene | paint("tiny") }}\nHow many {{ word }} dots?'
READ = "{{ scene.dots }} {{ word }} dots. How many?"


def paint(recipe: Any) -> bytes:
    """A PNG of 6 x 2 pixels, one white per dot; every painting leaves a line in TINY_LOG."""
    if not isinstance(recipe, dict) or "dots" not in recipe:
        raise BadInput(f"tiny: the recipe is {recipe!r}; allowed: a number of dots")
    if recipe["dots"] == 99:
        os._exit(7)
    if recipe["dots"] == 98:
        raise ZeroDivisionError("no such number")
    sys.stdout.write("a library that talks must not get among the pictures\n")
    if log := os.environ.get("TINY_LOG"):
        with Path(log).open("a") as file:
            file.write(f"{recipe['dots']} {recipe.get('place')} {os.getpid()}\n")
    dots, shade = recipe["dots"], int(recipe.get("place", 0)) % 200
    row = b"".join(bytes([255] * 3 if i < dots else [shade, 0, shade]) for i in range(6))
    header = struct.pack(">IIBBBBB", 6, 2, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (
            (b"IHDR", header),
            (b"IDAT", zlib.compress(b"\0" + row + b"\0" + row)),
            (b"IEND", b""),
        )
    )


PAINTER = Painter(version=3, paint=paint)


def picture(dots: int, place: int = 0) -> Picture:
    """A picture of the tiny painter."""
    return Picture(painter="tiny", version=3, recipe={"dots": dots, "place": place})


@dataclass(frozen=True, kw_only=True)
class Dots(Generator):
    """How many dots are there; examples agree in the hue and are told in the problem's word."""

    name: ClassVar[str] = "dots"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("scene", "word")
    factors: ClassVar[tuple[str, ...]] = ("hue", "dots")
    difficulty: ClassVar[str] = "dots"
    alike: ClassVar[tuple[str, ...]] = ("hue",)
    splits: ClassVar[Mapping[str, str]] = {
        "train": "even places",
        "held-out": "odd places",
        "unseen": "a hue that train shows once",
    }

    def strata(self, split: str) -> Sequence[Space]:
        places = range(0, 400, 2) if split == "train" else range(1, 400, 2)
        spaces = [
            Space.of(hue=(hue,), dots=range(7), place=places)
            for hue in (("rare",) if split == "unseen" else ("red", "blue"))
        ]
        if split == "train":
            spaces.append(Space.of(hue=("rare",), dots=(1,), place=(0,)))
        return spaces

    def build(self, point: Point, rng: random.Random) -> Draft:
        dots, place, hue = point["dots"], point["place"], point["hue"]
        return Draft(
            fields={"scene": {"dots": dots, "place": place}, "word": f"{hue}{place % 10}"},
            target=Target(answers=(str(dots),), domain=(0, 6)),
            factors={"hue": hue, "dots": dots},
        )

    def example(self, solved: Problem, problem: Problem) -> Problem:
        from dataclasses import replace

        return replace(solved, fields={**solved.fields, "word": problem.fields["word"]})

    def solve(self, fields: Mapping[str, Field]) -> str:
        return str(fields["scene"]["dots"])


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make painter and generator known to this process and its children; the painter's log."""
    info = folder / "site" / "tiny_pictures-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-pictures\nVersion: 1\n")
    (info / "entry_points.txt").write_text(ENTRIES)
    monkeypatch.syspath_prepend(str(info.parent))
    assert str(Path(__file__).parent.parent) in map(os.path.abspath, sys.path)
    log = folder / "painted.txt"
    log.touch()
    monkeypatch.setenv("TINY_LOG", str(log))
    plugins._table.cache_clear()
    return log


def write_suite(folder: Path, text: str = SUITE, **templates: str) -> Path:
    """A suite about dots, with its templates."""
    (folder / "prompts").mkdir(parents=True, exist_ok=True)
    for name, source in {"see": SEE, "read": READ, **templates}.items():
        (folder / "prompts" / f"{name}.jinja").write_text(source)
    path = folder / "dots.yaml"
    path.write_text(text)
    return path
