"""Ranks that say what they do not know: places, the places left open, and groups of ties."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from itertools import combinations, groupby

from modelmetry.leaderboards.entry import Entry
from modelmetry.statistics import holm

LEVEL = 0.05
"""Family-wise error rate at which two entries of a board are told apart."""

_Z = 1.959964  # standard normal quantile of a two-sided 95 % interval


def ranked(entries: Iterable[Entry]) -> list[Entry]:
    """Rank every board anew.

    Two entries of a board are told apart when a two-sided z test on their difference says so at
    5 %, Holm-corrected over all pairs of the board. The standard errors are added as if the models
    had met different items: leaderboards hold no answers to pair. On the same items, where
    models tend to fail together, that is conservative: it misses differences rather than
    inventing them; `modelmetry compare` pairs.

    Returns:
        The entries sorted by board, rank, model and digest, with the four rank fields filled in.
    """
    ordered = sorted(entries, key=lambda e: (e.board, -e.value, e.model, e.run_digest))
    return [
        entry
        for _, board in groupby(ordered, key=lambda e: e.board)
        for entry in _board(list(board))
    ]


def _board(entries: Sequence[Entry]) -> list[Entry]:
    """One board's entries, best first, ranked."""
    apart = _told_apart(entries)
    places = []
    group, first = 0, 0
    for place, entry in enumerate(entries):
        if place == 0 or (first, place) in apart:
            group, first = group + 1, place
        better = sum((other, place) in apart for other in range(place))
        worse = sum((place, other) in apart for other in range(place + 1, len(entries)))
        places.append(
            dataclasses.replace(
                entry,
                rank=1 + sum(other.value > entry.value for other in entries),
                rank_low=1 + better,
                rank_high=len(entries) - worse,
                tie_group=group,
            )
        )
    return places


def _told_apart(entries: Sequence[Entry]) -> set[tuple[int, int]]:
    """Pairs (better place, worse place) whose difference is significant after correction."""
    pairs = list(combinations(range(len(entries)), 2))
    if not pairs:
        return set()
    adjusted = holm([_p_value(entries[a], entries[b]) for a, b in pairs])
    return {pair for pair, p in zip(pairs, adjusted, strict=True) if p < LEVEL}


def _p_value(a: Entry, b: Entry) -> float:
    """Two-sided p-value of equal values, unpaired; 1 where an entry states no uncertainty."""
    left, right = _error(a), _error(b)
    if left is None or right is None:
        return 1.0
    spread = math.hypot(left, right)
    difference = abs(a.value - b.value)
    if spread == 0:
        return float(difference == 0)
    return math.erfc(difference / spread / math.sqrt(2))


def _error(entry: Entry) -> float | None:
    """The standard error, or what the interval implies where that is more.

    At 0 % and 100 % the plain standard error is 0 while the interval is honest; an anytime-valid
    interval comes without one.
    """
    if entry.ci_low is None or entry.ci_high is None:
        return None
    return max(entry.std_error or 0.0, (entry.ci_high - entry.ci_low) / (2 * _Z))
