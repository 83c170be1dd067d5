"""Calibration: respondents and data of known truth, and whether the statistics keep their promises.

    python benchmarks/calibration.py [--runs 1000] [--only intervals comparisons ...] [--out FILE.csv]

Prints one table per part. A row is one method on one simulated truth: what was found over the runs (the
share of intervals that hold the truth, of tests that reject a true null, ...), what was promised,
and the verdict. Where a method warns or refuses it claims nothing, and the row says why. The
numbers are printed as they are. Each part counts at the end how many rows hold.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from calibrations import Case

PARTS = (
    "intervals",
    "comparisons",
    "meta_analysis",
    "components",
    "planning",
    "sequences",
    "predictions",
    "charts",
    "nightly",
    "judges",
    "personas",
    "memorization",
    "difficulty",
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--out", type=Path, help="write all rows as CSV too")
    arguments = parser.parse_args()
    rows: list[tuple[str, Case]] = []
    for part in arguments.only:
        started = time.monotonic()
        print(f"\n## {part}\n", flush=True)
        found = list(
            _shown(import_module(f"calibrations.{part}").cases(arguments.runs, arguments.seed))
        )
        rows += [(part, case) for case in found]
        verdicts = Counter(case.verdict for case in found)
        said = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
        print(f"\n{part}: {said}; {time.monotonic() - started:.0f} s", flush=True)
    if arguments.out:
        _write(arguments.out, rows)


def _shown(cases: Iterator[Case]) -> Iterator[Case]:
    """The same cases, each printed as it comes."""
    print("| promise | method | truth | found | +- | promised | verdict | note |")
    print("|---|---|---|---|---|---|---|---|")
    for case in cases:
        print(
            f"| {case.part} | {case.method} | {case.truth} | {case.found:.4g} | {case.error:.2g} "
            f"| {_promised(case)} | {case.verdict} | {case.note} |",
            flush=True,
        )
        yield case


def _promised(case: Case) -> str:
    low = "" if case.low is None else f"from {case.low:g}"
    high = "" if case.high is None else f"to {case.high:g}"
    return " ".join(part for part in (low, high) if part) or "-"


def _write(path: Path, rows: list[tuple[str, Case]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        names = [*asdict(rows[0][1]), "verdict"] if rows else []
        writer.writerow(["file", *names])
        for part, case in rows:
            writer.writerow([part, *asdict(case).values(), case.verdict])


if __name__ == "__main__":
    main()
