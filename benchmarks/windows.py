"""How fast, and in how much memory, are probed windows counted in a corpus?

    python benchmarks/windows.py [--tokens 50000000] [--probes 100000] [--width 64]
        [--executor local [ray]]

Writes random shards into a temporary folder (raw token files, and one in ten Parquet) with planted
copies of the probes, 0 to 64 each; one probe in a hundred is given twice. Besides stand traps that
are no occurrence (copies that differ in one token, copies that a document's end cuts in two) and a
run of one token whose windows overlap. Counts in a process of its own, checks every count, and
prints tokens per second, the largest resident size of that process (with Ray, of the largest
worker), and how many times faster it is than a dictionary of tuples on a small part. Ray is started
before the clock is; given both executors, how their speeds compare is printed, too.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from modelmetry.items.cluster import Executor
from modelmetry.memory.blocks import Held
from modelmetry.memory.shards import shard
from modelmetry.memory.spreading import counted
from modelmetry.memory.windows import count

VOCABULARY = 50_000
SEPARATOR = 0
COPIES = (0, 0, 0, 1, 1, 2, 4, 8, 16, 64)
SHARD = 10_000_000
SMALL = 200_000
COPY, MISS, CUT = range(3)


def laid_out(
    cells: int, probes: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which probe stands in each cell (-1: none) and as what; how often each probe is planted."""
    copies = rng.choice(COPIES, size=probes)
    copies[0] = 0  # the run
    copies[probes - probes // 100 :] = 0  # equal to others
    copies[np.cumsum(copies) > cells // 2] = 0
    whole = np.repeat(np.arange(probes), copies)
    traps = rng.integers(1, probes, size=(cells - len(whole)) // 2)
    content = np.full(cells, -1)
    content[: len(whole) + len(traps)] = np.concatenate([whole, traps])
    kind = np.full(cells, COPY)
    kind[len(whole) :] = rng.choice([MISS, CUT], size=cells - len(whole))
    order = rng.permutation(cells)
    return content[order], kind[order], copies.astype(np.int64)


def shard_tokens(
    length: int, probes: np.ndarray, content: np.ndarray, kind: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """A shard's tokens: random ones with separators, and what stands in its cells."""
    width = probes.shape[1]
    tokens = rng.integers(1, VOCABULARY, size=length, dtype=np.uint16)
    tokens[rng.integers(length, size=length // 1_000)] = SEPARATOR
    for some in np.array_split(np.flatnonzero(content >= 0), 16):
        rows = probes[content[some]]
        trap = np.flatnonzero(kind[some] != COPY)
        where = rng.integers(width, size=len(trap))
        other = rows[trap, where] % (VOCABULARY - 1) + 1
        rows[trap, where] = np.where(kind[some][trap] == MISS, other, SEPARATOR)
        begins = some * 2 * width + rng.integers(width, size=len(some))
        tokens[begins[:, None] + np.arange(width)] = rows
    return tokens


def write(path: Path, tokens: np.ndarray) -> None:
    """A shard's file; a Parquet file has a row per document."""
    if path.suffix == ".u16":
        tokens.tofile(path)
        return
    inside = tokens != SEPARATOR
    ends = np.append(np.cumsum(inside)[~inside], inside.sum())
    offsets = pa.array(np.append(0, ends).astype(np.int32))
    lists = pa.ListArray.from_arrays(offsets, pa.array(tokens[inside]))
    pq.write_table(pa.table({"tokens": lists}), path, row_group_size=1_000)


def plant(folder: Path, total: int, number: int, width: int) -> np.ndarray:
    """Write shards and probes; returns how often each probe occurs."""
    rng = np.random.default_rng(0)
    probes = rng.integers(1, VOCABULARY, size=(number, width), dtype=np.uint16)
    probes[0] = 7
    twice = number // 100
    probes[number - twice :] = probes[:twice]
    np.save(folder / "probes.npy", probes)
    lengths = np.diff(np.append(np.arange(0, total, SHARD), total))
    cells = lengths // (2 * width) - 2  # the last two of a shard are left for the run
    content, kind, expected = laid_out(int(cells.sum()), number, rng)
    first = 0
    for i, (length, here) in enumerate(zip(lengths, cells, strict=True)):
        own = slice(first, first + here)
        tokens = shard_tokens(int(length), probes, content[own], kind[own], rng)
        run = tokens[-3 * width :]
        run[:] = 7
        run[[0, -1]] = SEPARATOR
        expected[0] += len(run) - 2 - width + 1
        first += here
        write(folder / f"{i:04}{'.parquet' if i % 10 == 1 else '.u16'}", tokens)
    expected[number - twice :] = expected[:twice]
    return expected


def resident() -> int:
    """The largest resident size of this process in KB, or of the largest worker of Ray so far."""
    sizes = [0]
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cmdline").read_bytes().startswith(b"ray::"):
                status = (process / "status").read_text()
                sizes += [int(line.split()[1]) for line in status.split("\n") if "VmHWM" in line]
    return max(sizes) or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def count_shards(folder: Path, executor: Executor) -> None:
    """Count the shards of a folder; prints seconds, tokens and the largest resident size in KB."""
    paths = sorted({*folder.glob("*.u16"), *folder.glob("*.parquet")})
    shards = [
        shard(path, separator=SEPARATOR if path.suffix == ".u16" else None, vocabulary=VOCABULARY)
        for path in paths
    ]
    probes = np.load(folder / "probes.npy")
    ray = importlib.import_module("ray") if executor == "ray" else None
    if ray:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level="error")
    started = time.perf_counter()
    found = counted(probes, shards, executor=executor)
    seconds = time.perf_counter() - started
    np.save(folder / "counts.npy", found.counts)
    print(seconds, found.tokens, resident())
    if ray:
        ray.shutdown()


def ratio(folder: Path, speed: float) -> float:
    """How many times slower a dictionary of tuples is; checks that it counts the same."""
    probes = np.load(folder / "probes.npy")
    width = probes.shape[1]
    row = np.fromfile(folder / "0000.u16", np.uint16)[-SMALL:]
    documents = [
        part[part != SEPARATOR] for part in np.split(row, np.flatnonzero(row == SEPARATOR))
    ]
    started = time.perf_counter()
    wanted = set(map(tuple, probes.tolist()))
    prepared = time.perf_counter()
    seen: Counter[tuple[int, ...]] = Counter()
    for document in documents:
        tokens = document.tolist()
        for i in range(len(tokens) - width + 1):
            window = tuple(tokens[i : i + width])
            if window in wanted:
                seen[window] += 1
    seconds = time.perf_counter() - prepared
    print(f"dictionary: {len(row) / seconds:,.0f} tokens/s after {prepared - started:.1f} s")
    found = count(probes, [Held(name="small", documents=documents)])
    assert found.counts.tolist() == [seen[tuple(probe)] for probe in probes.tolist()]
    return speed / (len(row) / seconds)


def main() -> None:
    """Plant, count in another process, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=50_000_000)
    parser.add_argument("--probes", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--executor", nargs="+", default=["local"], choices=get_args(Executor))
    parser.add_argument("--counted", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.counted:
        count_shards(given.counted, given.executor[0])
        return
    speeds, wrong = {}, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        expected = plant(folder, given.tokens, given.probes, given.width)
        print(f"{given.tokens:,} tokens, {given.probes:,} probes of {given.width}:")
        for executor in given.executor:
            command = [sys.executable, __file__, "--counted", name, "--executor", executor]
            environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}
            output = subprocess.check_output(command, text=True, env=environment)
            seconds, tokens, kilobytes = map(float, output.split())
            off = int((np.load(folder / "counts.npy") != expected).sum())
            speeds[executor], wrong = tokens / seconds, wrong + off
            print(
                f"{executor}: {expected.sum():,} occurrences planted; probes with a wrong count: {off}"
            )
            print(
                f"{seconds:.1f} s, {tokens / seconds / 1e6:.1f} million tokens/s, "
                f"{kilobytes / 1024:.0f} MB"
            )
        if len(speeds) > 1:
            print(f"Ray is {speeds['ray'] / speeds['local']:.2f} times as fast")
        speed = speeds[given.executor[0]]
        print(f"{ratio(folder, speed):.0f} times as fast as the dictionary")
    if wrong:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
