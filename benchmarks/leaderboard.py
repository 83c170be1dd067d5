"""Make a large leaderboard, build its site, open its pages, and print time and peak memory.

    python benchmarks/leaderboard.py [--models 500] [--suites 30] [--nights 365] [--keep FOLDER]

Every night is an edition of its own on which every model has one entry. Abilities differ between
models and suites and drift over the nights. Ranks are those of the package. The files are written by
pyarrow in the package's columns, which is much faster than an update per night; `update` is timed
apart, on one more night of one suite. Pages are opened in a headless Chromium, each in a fresh tab.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from modelmetry.leaderboards import COLUMNS, Entry, read, update
from modelmetry.leaderboards.ranks import places
from modelmetry.leaderboards.site import build

FIRST = dt.date(2026, 1, 1)
ITEMS, UNITS = 400, 200


def suite_file(data: Path, suite: int, models: int, nights: int) -> None:
    """Write the file of one suite."""
    rng = np.random.default_rng(suite)
    names = np.array([f"vendor-{i % 23}/model-{i}-{7 + i % 60}b-instruct" for i in range(models)])
    ability = rng.normal(0.6, 1.2, models)
    with (data / f"suite-{suite:02d}.csv").open("wb") as file:
        file.write((",".join(COLUMNS) + "\n").encode())
        for night in range(nights):
            ability += rng.normal(0, 0.02, models)
            share = rng.binomial(UNITS, 1 / (1 + np.exp(-ability))) / UNITS
            file.write(night_of(suite, night, names, share, rng))


def night_of(
    suite: int, night: int, names: np.ndarray, share: np.ndarray, rng: np.random.Generator
) -> bytes:
    """One board as CSV, ranked."""
    order = np.lexsort((names, -share))
    names, share = names[order], share[order]
    n = len(share)
    error = np.sqrt(share * (1 - share) / (UNITS - 1))
    middle = (share + 2 / UNITS) / (1 + 4 / UNITS)
    half = 2 * np.sqrt(share * (1 - share) / UNITS + 1 / UNITS**2) / (1 + 4 / UNITS)
    low, high = np.clip(middle - half, 0, share), np.clip(middle + half, share, 1)
    found = places(share, np.maximum(error, (high - low) / (2 * 1.959964)))
    seed = hashlib.sha256(f"{suite} {night}".encode()).hexdigest()
    constant = {
        "model_revision": "",
        "suite": f"suite-{suite:02d}",
        "suite_version": 1,
        "generator_hash": f"{suite:016x}",
        "seed_commitment": seed,
        "split": "held-out",
        "estimand": "accuracy",
        "ci_method": "mean; clustered Wilson interval, t with 199 df",
        "n_items": ITEMS,
        "n_clusters": UNITS,
        "n_repeats": 1,
        "n_unscored": 0,
        "judge": "",
        "date": (FIRST + dt.timedelta(days=night)).isoformat(),
        "harness_version": "0.1.0",
    }
    columns = {
        "rank": found.rank,
        "rank_low": found.low,
        "rank_high": found.high,
        "tie_group": found.group,
        "model": names,
        "value": share,
        "ci_low": low.round(6),
        "ci_high": high.round(6),
        "std_error": error.round(6),
        "input_tokens": rng.integers(20_000, 90_000, n),
        "output_tokens": rng.integers(2_000, 9_000, n),
        "cost_usd": rng.uniform(0.01, 2, n).round(6),
        "run_digest": [rng.bytes(32).hex() for _ in range(n)],
        **{name: [value] * n for name, value in constant.items()},
    }
    out = pa.BufferOutputStream()
    csv.write_csv(
        pa.table({name: columns[name] for name in COLUMNS}),
        out,
        csv.WriteOptions(include_header=False, quoting_style="needed"),
    )
    return out.getvalue().to_pybytes()


def one_more_night(path: Path) -> tuple[int, float]:
    """Rows before, and seconds that an update with one more night takes."""
    before = read(path)
    newest = max(entry.date for entry in before)
    last = [entry for entry in before if entry.date == newest]
    values = {name: getattr(e, name) for e in last[:1] for name in COLUMNS}
    fresh = [
        Entry(**values | {"model": e.model, "value": e.value, "seed_commitment": "f" * 64,
                          "run_digest": hashlib.sha256(e.run_digest.encode()).hexdigest()})
        for e in last
    ]  # fmt: skip
    started = time.perf_counter()
    update(path, fresh)
    return len(before), time.perf_counter() - started


def opened(site: Path) -> None:
    """Open a page of each kind and print the seconds until it answers."""
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from tests.leaderboards.chromium import Browser

    kinds = {
        "index": site / "index.html",
        "suite": site / "suites" / "suite-00" / "index.html",
        "model": min((site / "models").iterdir()),
    }
    print("| page | kB | s until it answers |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as profile, Browser(Path(profile) / "p") as browser:
        browser.look(1280)
        for kind, path in kinds.items():
            seconds = browser.open(path.as_uri())
            print(f"| {kind} | {path.stat().st_size / 1024:,.0f} | {seconds:.2f} |", flush=True)
            if kind == "suite":
                acted(browser)
        assert not browser.console, browser.console


def acted(browser: Any) -> None:
    """Sort a suite's page and ask for its oldest edition; print the seconds until it answers."""
    choose = "e.selectedIndex = e.options.length - 1; e.dispatchEvent(new Event('change'))"
    said = "document.getElementById('status').textContent"
    for what, script in (
        ("sorted", "document.querySelectorAll('button.sort')[2].click()"),
        ("oldest edition", f"(e => {{ {choose} }})(document.getElementById('edition'))"),
    ):
        before = browser.run(said)
        started = time.monotonic()
        browser.run(script)
        browser.until(f"![{before!r}, 'Loading the edition'].includes({said})")
        print(f"| suite, {what} | | {time.monotonic() - started:.2f} |", flush=True)


def built(data: Path, site: Path) -> None:
    """Build in this process and print what it took."""
    started = time.perf_counter()
    done = build(data, site)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) / 2**20
    print("| entries | build, s | peak MB | pages | site, MB |\n|---|---|---|---|---|")
    print(f"| {done.entries:,} | {seconds:.1f} | {peak:,.0f} | {done.pages:,} | {size:,.0f} |")


def main() -> None:
    """Make, build in a fresh process, open."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", type=int, default=500)
    parser.add_argument("--suites", type=int, default=30)
    parser.add_argument("--nights", type=int, default=365)
    parser.add_argument("--keep", type=Path, help="Folder to make, kept, and used again.")
    parser.add_argument("--build", type=Path, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.build:
        built(*given.build)
        return
    with tempfile.TemporaryDirectory() as folder:
        place = given.keep or Path(folder)
        data, site = place / "data", place / "site"
        data.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        for suite in range(given.suites):
            if not (data / f"suite-{suite:02d}.csv").exists():
                suite_file(data, suite, given.models, given.nights)
        size = sum(path.stat().st_size for path in data.iterdir()) / 2**20
        print(f"made {size:,.0f} MB of CSV in {time.perf_counter() - started:.0f} s\n", flush=True)
        again = [sys.executable, __file__, "--build", str(data), str(site)]
        subprocess.run(again, check=True, env=os.environ)
        print(flush=True)
        opened(site)
        with tempfile.TemporaryDirectory() as other:
            path = Path(other) / "suite-00.csv"
            path.write_bytes((data / "suite-00.csv").read_bytes())
            rows, seconds = one_more_night(path)
        print(f"\nupdate of a file of {rows:,} rows with one more night: {seconds:.1f} s")


if __name__ == "__main__":
    main()
