"""Ranks that say what they do not know: places, the places left open, and groups of ties."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfc

from modelmetry.errors import BadInput
from modelmetry.leaderboards.entry import Entry

LEVEL = 0.05
"""Family-wise error rate at which two entries of a board are told apart."""

MOST = 8_000
"""Entries of one board: all its pairs are compared, 32 million of these."""

_Z = 1.959964  # standard normal quantile of a two-sided 95 % interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The places of a board's entries, in the order in which they were given; shape (n,) each.

    Attributes:
        rank: From 1, by value; equal values share it.
        low: Best place that the uncertainty leaves open.
        high: Worst place that it leaves open.
        group: From 1; entries of one group are not told apart from the group's first.
    """

    rank: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    group: NDArray[np.int64]


def ranked(entries: Iterable[Entry]) -> list[Entry]:
    """Rank every board anew.

    Two entries of a board are told apart when a two-sided z test on their difference says so at
    5 %, Holm-corrected over all pairs of the board. The standard errors are added as if the models
    had met different items: leaderboards hold no answers to pair. On the same items, where
    models tend to fail together, that is conservative: it misses differences rather than
    inventing them; `modelmetry compare` pairs.

    Returns:
        The entries sorted by board, rank, model and digest, with the four rank fields filled in.

    Raises:
        BadInput: A board has too many entries to compare all pairs.
    """
    ordered = sorted(entries, key=lambda e: (e.board, -e.value, e.model, e.run_digest))
    return [
        entry
        for _, board in groupby(ordered, key=lambda e: e.board)
        for entry in _board(list(board))
    ]


def _board(entries: Sequence[Entry]) -> list[Entry]:
    """One board's entries, best first, ranked."""
    if len(entries) > MOST:
        first = entries[0]
        raise BadInput(
            f"{first.suite}: {first.split}: {len(entries):,} entries on one board, whose pairs are "
            f"too many to rank; allowed: {MOST:,}"
        )
    found = places(
        [e.value for e in entries], [error_of(e.std_error, e.ci_low, e.ci_high) for e in entries]
    )
    columns = (found.rank.tolist(), found.low.tolist(), found.high.tolist(), found.group.tolist())
    return [
        dataclasses.replace(entry, rank=rank, rank_low=low, rank_high=high, tie_group=group)
        for entry, rank, low, high, group in zip(entries, *columns, strict=True)
    ]


def places(values: ArrayLike, errors: ArrayLike) -> Places:
    """The places of one board's entries.

    Args:
        values: Shape (n,), falling.
        errors: Their standard errors, shape (n,), >= 0; NaN where there is none, which
            is told apart from nothing.
    """
    value, error = np.asarray(values, dtype=float), np.asarray(errors, dtype=float)
    n = len(value)
    apart = told_apart(value, error)
    # Places from 1: those above that are surely better, and those below that are surely worse.
    low = 1 + apart.sum(axis=0, dtype=np.int64)
    high = n - apart.sum(axis=1, dtype=np.int64)
    group = np.zeros(n, dtype=np.int64)
    first = 0
    while first < n:
        beyond = np.flatnonzero(apart[first, first:])
        end = first + int(beyond[0]) if len(beyond) else n
        group[first:end] = group[first - 1] + 1 if first else 1
        first = end
    rank = 1 + np.searchsorted(-value, -value, side="left")
    return Places(rank=rank, low=low, high=high, group=group)


def told_apart(value: NDArray[np.float64], error: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where row is surely better than column: shape (n, n), True above the diagonal only.

    Arguments as for `places`. Holm's procedure without sorting all p-values: those below level/m pass whatever their place,
    those from the level on never do, and only the rest are put in order.
    """
    n = len(value)
    apart = np.zeros((n, n), dtype=bool)
    if n < 2:
        return apart
    better, worse = np.triu_indices(n, 1)
    spread = np.hypot(error[better], error[worse])
    difference = np.abs(value[better] - value[worse])
    with np.errstate(divide="ignore", invalid="ignore"):
        p = erfc(difference / spread / np.sqrt(2))
    p = np.where(spread == 0, (difference == 0).astype(float), p)
    p[np.isnan(p)] = 1.0  # no uncertainty stated
    m = len(p)
    passed = p * m < LEVEL
    between = np.flatnonzero(~passed & (p < LEVEL))
    order = between[np.argsort(p[between], kind="stable")]
    factors = m - int(passed.sum()) - np.arange(len(order))
    fails = np.flatnonzero(p[order] * factors >= LEVEL)
    passed[order[: fails[0]] if len(fails) else order] = True
    apart[better[passed], worse[passed]] = True
    return apart


def error_of(std_error: float | None, low: float | None, high: float | None) -> float:
    """The standard error, or what the interval implies where that is more; NaN without an interval.

    At 0 % and 100 % the plain standard error is 0 while the interval is honest; an anytime-valid
    interval comes without one.
    """
    if low is None or high is None:
        return math.nan
    return max(std_error or 0.0, (high - low) / (2 * _Z))
