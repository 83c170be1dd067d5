"""How long a large log of another harness takes to import, and how much memory.

    python benchmarks/importing.py --samples 200000

Writes a log of Inspect's form (a zip of one Zstandard entry per sample, of about 4 kB) and one of
lm-eval's, imports each in a process of its own, and prints seconds and peak memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))


def main() -> None:
    """Write the logs and measure their imports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=200_000)
    parser.add_argument("--read", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        _read(Path(given.read))
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, write in (("inspect", _inspect), ("lm-eval", _lm_eval)):
            path = write(Path(folder), given.samples)
            done = subprocess.run(
                [sys.executable, __file__, "--read", str(path)],
                check=True,
                capture_output=True,
                text=True,
            )
            size = path.stat().st_size / 1e6
            print(f"{name}: {given.samples:,} samples, {size:,.0f} MB: {done.stdout.strip()}")


def _inspect(folder: Path, n: int) -> Path:
    from tests.imported_logs import ZSTANDARD, inspect_log, sample, write_zip

    log = inspect_log([])
    log["eval"]["dataset"]["samples"] = n
    head = {key: value for key, value in log.items() if key != "samples"}
    events = [{"event": "model", "text": f"{i} some words of an event"} for i in range(80)]

    def entries() -> Iterator[tuple[str, bytes]]:
        yield "header.json", json.dumps(head).encode()
        for i in range(n):
            facts = {"passage": i // 4}
            one = sample(i, "CI"[i % 3 == 0], metadata=facts, events=events)
            yield f"samples/{i}_epoch_1.json", json.dumps(one).encode()

    write_zip(folder / "log.eval", entries(), ZSTANDARD)
    return folder / "log.eval"


def _lm_eval(folder: Path, n: int) -> Path:
    from tests.imported_logs import document, write_lm_eval

    rows = (
        document(i, {"acc": float(i % 3 > 0)}, options=("red", "green", "blue")) for i in range(n)
    )
    return write_lm_eval(folder / "lm", rows)


def _read(path: Path) -> None:
    from modelmetry import api

    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        (done,) = api.import_logs(path, log_dir=folder, cluster="passage")
        took = time.perf_counter() - started
        rows = done.run.scores.num_rows
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"{rows:,} answers in {took:.1f} s with its report, {peak:,.0f} MB of memory at most")


if __name__ == "__main__":
    main()
