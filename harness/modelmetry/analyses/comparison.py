"""Runs on the same items, compared pair by pair: paired, clustered and corrected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pyarrow as pa

from modelmetry.analyses.measures import LEVEL
from modelmetry.analyses.table import Items, read_items
from modelmetry.errors import BadInput
from modelmetry.runs.record import RunRecord
from modelmetry.statistics import Comparison, pairs

FAMILY_ERROR = 0.05
"""Family-wise error rate at which two runs are told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Two runs on one split.

    Attributes:
        split: The split's label.
        comparison: The paired difference and its tests; one family over all rows.
        left_out: Items that only one of the two runs has; 0 unless the intersection was asked for.
    """

    split: str
    comparison: Comparison
    left_out: int = 0

    @property
    def verdict(self) -> str:
        """Which run is better, or that they are tied: not told apart after correction."""
        found = self.comparison
        if found.p_adjusted >= FAMILY_ERROR:
            return "tie"
        return f"{found.a if found.difference.value > 0 else found.b} is better"


def compare(
    runs: Sequence[tuple[RunRecord, pa.Table]], *, seed: int = 0, intersection: bool = False
) -> list[Row]:
    """Compare every pair of runs on every split, matched item by item.

    Item means over repeats are paired; standard errors are clustered; p-values are corrected by
    Holm over all rows. An item that one of the two runs could not score is left out of the pair
    and counted.

    Args:
        runs: Two or more scored runs.
        seed: Of the sign-flip tests that are too large to be exact.
        intersection: Whether to compare on the items that both have, where the sets differ.

    Raises:
        BadInput: Fewer than two runs, runs of other items, or no item in common.
    """
    if len(runs) < 2:
        raise BadInput(f"compare: {len(runs)} runs; allowed: two or more")
    editions = {record.edition: record.id for record, _ in runs}
    if len(editions) > 1 and not intersection:
        # Small spaces can give two seeds the same problems, but never the same examples.
        asked = ", ".join(f"{run} asked {edition}" for edition, run in editions.items())
        raise BadInput(f"compare: {asked}; allowed: runs of one edition (one suite, seed, limit)")
    names = run_names([record for record, _ in runs])
    tables = [read_items(scores) for _, scores in runs]
    rng = np.random.default_rng(seed)
    rows = [
        row
        for i, j in combinations(range(len(runs)), 2)
        for row in _pair((names[i], names[j]), (tables[i], tables[j]), rng, intersection)
    ]
    if not rows:
        raise BadInput("compare: no item was scored in two runs; allowed: runs that share items")
    family = pairs.adjusted([row.comparison for row in rows])
    return [replace(row, comparison=c) for row, c in zip(rows, family, strict=True)]


def run_names(records: Sequence[RunRecord]) -> list[str]:
    """What to call the runs: the model, with the run's folder where that is not unique."""
    known = Counter(record.model for record in records)
    return [r.model if known[r.model] == 1 else f"{r.model} ({r.id})" for r in records]


def same_items(runs: Sequence[tuple[RunRecord, pa.Table]]) -> bool:
    """Whether all runs hold answers to exactly the same items."""
    sets = [set(scores.column("item").unique().to_pylist()) for _, scores in runs]
    return all(found == sets[0] for found in sets)


def _pair(
    names: tuple[str, str],
    items: tuple[Items, Items],
    rng: np.random.Generator,
    intersection: bool,
) -> list[Row]:
    left, right = (_places(part) for part in items)
    both = [key for key in left if key in right]
    missing = len(left) + len(right) - 2 * len(both)
    if missing and not intersection:
        raise BadInput(
            f"compare: {names[0]} and {names[1]} differ in {missing} of "
            f"{len(left) + len(right) - len(both)} items; allowed: finished runs of one edition"
        )
    rows = []
    for split in dict.fromkeys(key[0] for key in both):
        here = [key for key in both if key[0] == split]
        a, b = ([places[key] for key in here] for places in (left, right))
        found = _compare(names, items, np.array(a), np.array(b), rng)
        if found is not None:
            only = sum(k[0] == split for k in left) + sum(k[0] == split for k in right)
            rows.append(Row(split=split, comparison=found, left_out=only - 2 * len(here)))
    return rows


def _places(items: Items) -> dict[tuple[str, str], int]:
    """(split, item uid) -> position."""
    splits = [items.split.names[code] for code in items.split.codes.tolist()]
    keys = zip(splits, items.uid.to_pylist(), strict=True)
    return {key: place for place, key in enumerate(keys)}


def _compare(
    names: tuple[str, str],
    items: tuple[Items, Items],
    a: np.ndarray,
    b: np.ndarray,
    rng: np.random.Generator,
) -> Comparison | None:
    """The comparison at matched positions; None where no item was scored in both."""
    scored = items[0].scored[a] & items[1].scored[b]
    if not scored.any():
        return None
    a, b = a[scored], b[scored]
    return pairs.compare(
        items[0].value[a],
        items[1].value[b],
        items[0].cluster[a],
        names=names,
        rng=rng,
        level=LEVEL,
        unscored=int((~scored).sum()),
    )
