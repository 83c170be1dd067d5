"""Write editions with pictures of growing size, and print time and peak memory of each.

    python benchmarks/editions.py [--suite FILE] [--items 2000 4000] [--processes N] [--data-uri]

Memory is flat where the last line's is hardly above the first line's. By default the suite is one of
noise, whose painter is fast and whose PNG files of 40 KB do not shrink, so that what is measured is
the writing; `--suite` takes any other. Each size runs in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from modelmetry.items import Draft, Field, Generator, Painter, Seed, Target
from modelmetry.spaces import Point, Space
from modelmetry.suites import items, read, write

SUITE = """\
# How fast are pictures written?
version: 1
tasks:
  noise:
    generator: noise
    scorer: exact
    splits: {test: 1000000}
    prompts:
      one: {template: see}
      two: {template: see}
"""


def paint(recipe: Any) -> bytes:
    """A PNG of gray noise, 200 x 200 pixels."""
    noise = random.Random(recipe["number"]).randbytes(200 * 201)
    rows = b"".join(b"\0" + noise[n * 201 : n * 201 + 200] for n in range(200))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 200, 200, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 1)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


PAINTER = Painter(version=1, paint=paint)


@dataclass(frozen=True, kw_only=True)
class Noise(Generator):
    """Problems whose pictures are noise."""

    name: ClassVar[str] = "noise"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("scene",)
    factors: ClassVar[tuple[str, ...]] = ("size",)
    difficulty: ClassVar[str] = "size"
    splits: ClassVar[Mapping[str, str]] = {"test": "noise"}

    def strata(self, split: str) -> Sequence[Space]:
        """One stratum."""
        return [Space.of(number=range(10_000_000))]

    def build(self, point: Point, rng: random.Random) -> Draft:
        """One picture."""
        return Draft(
            fields={"scene": {"number": point["number"]}},
            target=Target(answers=("yes",)),
            factors={"size": 1},
        )

    def solve(self, fields: Mapping[str, Field]) -> str:
        """Always yes."""
        return "yes"


def installed(folder: Path) -> Path:
    """Make generator and painter known to this process and its children; the suite's file."""
    info = folder / "site" / "noise-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: noise\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[modelmetry.painters]\nnoise = editions:PAINTER\n"
        "[modelmetry.generators]\nnoise = editions:Noise\n"
    )
    sys.path[:0] = [str(info.parent), str(Path(__file__).parent)]
    (folder / "prompts").mkdir()
    (folder / "prompts" / "see.jinja").write_text('{{ scene | paint("noise") }}\nNoise?')
    path = folder / "noise.yaml"
    path.write_text(SUITE)
    return path


def measure(suite: str, count: int, processes: int | None, *, data_uri: bool = False) -> str:
    """Write an edition of about `count` items; one line of a table."""
    with tempfile.TemporaryDirectory() as folder:
        chosen = read(suite or installed(Path(folder)))
        tasks = list(chosen.tasks)
        wordings = sum(len(task.prompts) * len(task.splits) for task in tasks)
        limit = -(-count // wordings)
        tasks = [replace(t, splits=dict.fromkeys(t.splits, limit)) for t in tasks]
        chosen = replace(chosen, tasks=tuple(tasks))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.perf_counter()
        out = Path(folder) / "out"
        edition = write(out, chosen, Seed(root=0), data_uri=data_uri, processes=processes)
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        made = edition.manifest.item_count
        size = sum(path.stat().st_size for path in edition.folder.rglob("*") if path.is_file())
        pictures = len({p.address for item in items(chosen, Seed(root=0)) for p in item.pictures})
        files = sum(name.endswith(".parquet") for name in edition.manifest.files)
    return (
        f"| {made:,} | {pictures:,} | {seconds:.1f} | {made / seconds:,.0f} | "
        f"{size / 2**20:,.0f} | {files} | {before / 1024:.0f} | {peak / 1024:.0f} |"
    )


def main() -> None:
    """Measure each size in a fresh process."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--suite", default="")
    parser.add_argument("--items", type=int, nargs="+", default=[2000, 4000])
    parser.add_argument("--processes", type=int)
    parser.add_argument("--data-uri", action="store_true", help="pictures as data URIs as well")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        made = measure(given.suite, given.one, given.processes, data_uri=given.data_uri)
        print(made, flush=True)
        return
    print("| items | pictures | s | items/s | MB on disk | files | MB before | peak MB |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for count in given.items:
        again = [sys.executable, __file__, "--suite", given.suite, "--one", str(count)]
        again += ["--data-uri"] if given.data_uri else []
        if given.processes:
            again += ["--processes", str(given.processes)]
        subprocess.run(again, check=True, env=os.environ)


if __name__ == "__main__":
    main()
