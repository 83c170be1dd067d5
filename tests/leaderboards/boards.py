"""Small leaderboards for tests: entries, files of them, and a site's names that mean harm."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelmetry.leaderboards import Entry, update

SCRIPT = "evil/<script>alert(1)</script>"
FORMULA = '=HYPERLINK("http://example.org","x")'
UPWARDS = "../../x"


def entry(model: str, value: float, error: float | None = 0.02, **changes: Any) -> Entry:
    """An entry of a board, with what a test does not care about filled in."""
    interval = (None, None) if error is None else (value - 2 * error, value + 2 * error)
    plain = {
        "model": model,
        "suite": "sums",
        "suite_version": 1,
        "generator_hash": "g",
        "seed_commitment": "c",
        "split": "held-out",
        "estimand": "accuracy",
        "value": value,
        "ci_low": interval[0],
        "ci_high": interval[1],
        "ci_method": "m",
        "std_error": error,
        "n_items": 10,
        "n_clusters": 10,
        "n_repeats": 1,
        "n_unscored": 0,
        "date": "2026-01-01",
        "harness_version": "0",
    }
    given = {**plain, **changes}
    told = repr(sorted(given.items()))
    return Entry(**{"run_digest": hashlib.sha256(told.encode()).hexdigest(), **given})


def night(
    number: int, models: Sequence[tuple[str, float]], suite: str = "sums", **changes: Any
) -> list[Entry]:
    """One night: an edition of its own, every model once."""
    date = (dt.date(2026, 1, 1) + dt.timedelta(days=number)).isoformat()
    seed = hashlib.sha256(f"{suite} {number}".encode()).hexdigest()
    return [
        entry(name, value, 0.01, suite=suite, date=date, seed_commitment=seed, **changes)
        for name, value in models
    ]


MODELS = (
    ("a/good", 0.9),
    ("b/fair", 0.61),
    ("c/like-fair", 0.6),
    ("d/poor", 0.2),
    ("reference/oracle", 0.95),
    (SCRIPT, 0.3),
    (FORMULA, 0.31),
    (UPWARDS, 0.4),
)


def leaderboards(folder: Path, nights: int = 3) -> Path:
    """Two suites over some nights; the folder."""
    entries = [e for number in range(nights) for e in night(number, MODELS)]
    update(folder / "sums.csv", entries)
    update(folder / "words.csv", night(1, MODELS[:2], suite="words", split="task/<b>train"))
    return folder
