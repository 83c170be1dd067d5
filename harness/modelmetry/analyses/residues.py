"""Structure of wrong sums: are they off by a multiple of 2, 5, 10 or 100 more than a guess is?

Models that add on circles of period 2, 5, 10 and 100 (Kantamneni and Tegmark, arXiv 2502.00873)
slip in one circle and keep the others, which leaves errors divisible by the kept periods.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from modelmetry.analyses.measures import LEVEL, Row, known
from modelmetry.analyses.table import codes, labels
from modelmetry.statistics import Estimate, means
from modelmetry.suites import Suite

PERIODS = (2, 5, 10, 100)

GENERATOR = "addition"
"""The generator whose errors are read this way."""

_INTEGER = re.compile(r"-?\d{1,18}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Residue:
    """Wrong sums of one split, read modulo one period.

    Attributes:
        split: The split's label.
        period: The divisor.
        share: Share of the wrong whole-number answers whose error it divides.
        expected: That share for a guess drawn uniformly from the admitted sums that are wrong.
    """

    split: str
    period: int
    share: Estimate
    expected: float


def find_residues(suite: Suite, scores: pa.Table) -> list[Residue]:
    """The error structure of every split of the suite's addition tasks that has wrong sums.

    Answers are counted one by one, repeats included; the interval is clustered by problem.

    Args:
        suite: What was asked.
        scores: The run's table of scores.
    """
    tasks = {task.name for task in suite.tasks if task.generator == GENERATOR}
    found: list[Residue] = []
    if not tasks:
        return found
    task, split = labels(scores, "task"), labels(scores, "split")
    adding = np.isin(task.codes, [i for i, name in enumerate(task.names) if name in tasks])
    wrong = adding & (scores.column("value").fill_null(-1.0).to_numpy() == 0)
    for label in split.names:
        rows = np.flatnonzero(wrong & split.at(label))
        errors, lowest, highest, kept = _errors(scores.take(rows))
        clusters = codes(scores, "cluster")[rows[kept]]
        for period in PERIODS if len(errors) else ():
            hits = (errors % period == 0).astype(float)
            share = means.mean(hits, clusters=clusters, level=LEVEL)
            expected = float(_expected(lowest, highest, period).mean())
            found.append(Residue(split=label, period=period, share=share, expected=expected))
    return found


def residue_rows(residues: Sequence[Residue]) -> list[Row]:
    """The observed shares, and the expected ones, as rows of the run's estimates."""
    rows = []
    for found in residues:
        guess = known(found.expected, found.share, "known from the problems")
        of = f"by {found.period}"
        rows.append(Row(split=found.split, kind="errors divisible", of=of, estimate=found.share))
        of = f"by {found.period}, if guessed"
        rows.append(Row(split=found.split, kind="errors divisible", of=of, estimate=guess))
    return rows


def _errors(rows: pa.Table) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Errors of the whole-number answers, the least and largest error a guess can make, and rows.

    All arrays have shape (answers,); the last one holds row numbers.
    """
    errors, lowest, highest, kept = [], [], [], []
    columns = (rows.column(name).to_pylist() for name in ("answer", "expected", "difficulty"))
    for row, (answer, expected, digits) in enumerate(zip(*columns, strict=True)):
        if not _INTEGER.fullmatch(answer) or int(answer) == int(expected):
            continue
        low, high = _sums(int(digits))
        errors.append(int(answer) - int(expected))
        lowest.append(low - int(expected))
        highest.append(high - int(expected))
        kept.append(row)
    found = (np.array(column, dtype=np.int64) for column in (errors, lowest, highest, kept))
    return tuple(found)  # type: ignore[return-value]


def _sums(digits: int) -> tuple[int, int]:
    """Smallest and largest sum of two numbers of so many digits; 0 counts as one digit."""
    return (0 if digits == 1 else 2 * 10 ** (digits - 1)), 2 * (10**digits - 1)


def _expected(lowest: np.ndarray, highest: np.ndarray, period: int) -> np.ndarray:
    """Share of the non-zero errors in [lowest, highest] that the period divides, shape (n,)."""
    multiples = highest // period - (lowest - 1) // period - 1
    return multiples / (highest - lowest)
