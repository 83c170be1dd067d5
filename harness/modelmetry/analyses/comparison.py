"""Runs on the same items, compared: every pair, corrected, and the ranks of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import combinations

import numpy as np
import pyarrow as pa

from modelmetry.analyses.measures import LEVEL
from modelmetry.analyses.stopping import anytime_difference
from modelmetry.analyses.table import Items, read_items
from modelmetry.errors import BadInput
from modelmetry.runs.record import RunRecord
from modelmetry.statistics import Comparison, equivalence, paired_tests, pairs, ranks
from modelmetry.statistics.multiplicity import CORRECTION_NAMES, CORRECTIONS

FAMILY_ERROR = 0.05
"""Error rate of the family of comparisons at which two runs are told apart."""


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

    @property
    def equivalent(self) -> str:
        """The same held against the stated margin; empty where none was stated."""
        found = self.comparison
        if found.equivalence is None:
            return ""
        p = found.equivalence.p_adjusted
        return equivalence.verdict(p, found.p_adjusted, alpha=FAMILY_ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Three or more runs on one split.

    Attributes:
        split: The split's label.
        names: The runs, in the order in which they were given.
        ranks: Where each stands, over the items that all could score.
        omnibus: Cochran's Q: whether they differ at all.
        unscored: Items left out because a run could not score them.
    """

    split: str
    names: tuple[str, ...]
    ranks: ranks.Ranks
    omnibus: paired_tests.Omnibus
    unscored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparisons:
    """What comparing runs found.

    Attributes:
        rows: Every pair on every split: one family.
        standings: All runs on every split, where there are three or more.
        correction: How the p-values of the rows were corrected; see `multiplicity.CORRECTIONS`.
    """

    rows: tuple[Row, ...]
    standings: tuple[Standing, ...]
    correction: str

    @property
    def corrected_by(self) -> str:
        """The correction as people call it."""
        return CORRECTION_NAMES[self.correction]

    @property
    def warnings(self) -> list[str]:
        """Reasons for care, each once per split."""
        said = [
            f"{row.split}: {warning}"
            for row in self.rows
            for warning in row.comparison.difference.warnings
        ]
        fewest = min(row.comparison.difference.clusters for row in self.rows)
        if len(self.rows) > fewest:
            said.append(f"{len(self.rows)} comparisons rest on as few as {fewest} clusters")
        return list(dict.fromkeys(said))


def compare(
    runs: Sequence[tuple[RunRecord, pa.Table]],
    *,
    seed: int = 0,
    intersection: bool = False,
    margin: float | None = None,
    correction: str = "holm",
) -> Comparisons:
    """Compare every pair of runs on every split, matched item by item, and rank them all.

    Item means over repeats are paired; standard errors are clustered; p-values are corrected over
    all rows. An item that one of the two runs could not score is left out of the pair and counted.

    Args:
        runs: Two or more scored runs.
        seed: Of the resampling.
        intersection: Whether to compare on the items that all have, where the sets differ.
        margin: Largest difference that does not matter, in (0, 1); None for no test of equivalence.
        correction: One of `multiplicity.CORRECTIONS`.

    Raises:
        BadInput: Fewer than two runs, runs of other items, no item in common, or an argument out of
            range.
    """
    if len(runs) < 2:
        raise BadInput(f"compare: {len(runs)} runs; allowed: two or more")
    if margin is not None and not 0 < margin < 1:
        raise BadInput(f"margin: {margin}; allowed: between 0 and 1, both excluded")
    if correction not in CORRECTIONS:
        raise BadInput(f"correction: {correction}; allowed: {', '.join(CORRECTIONS)}")
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
        for row in _pair(
            _Pair(
                names=(names[i], names[j]),
                items=(tables[i], tables[j]),
                strata=_common_strata(runs[i][0], runs[j][0]),
            ),
            rng,
            intersection,
            margin,
        )
    ]
    if not rows:
        raise BadInput("compare: no item was scored in two runs; allowed: runs that share items")
    family = pairs.adjusted([row.comparison for row in rows], correction)
    return Comparisons(
        rows=tuple(replace(row, comparison=c) for row, c in zip(rows, family, strict=True)),
        standings=tuple(_standings(names, tables, rng)) if len(runs) > 2 else (),
        correction=correction,
    )


def _standings(
    names: Sequence[str], tables: Sequence[Items], rng: np.random.Generator
) -> list[Standing]:
    """Ranks on every split that has items which all runs could score."""
    places = [_places(items) for items in tables]
    shared = reduce(lambda left, right: left & right.keys(), places[1:], places[0].keys())
    standings = []
    for split in dict.fromkeys(key[0] for key in places[0] if key in shared):
        keys = [key for key in places[0] if key in shared and key[0] == split]
        at = [np.array([place[key] for key in keys]) for place in places]
        scored = np.all([t.scored[a] for t, a in zip(tables, at, strict=True)], axis=0)
        if not scored.any():
            continue
        values = np.stack([t.value[a[scored]] for t, a in zip(tables, at, strict=True)])
        clusters = tables[0].cluster[at[0][scored]]
        standings.append(
            Standing(
                split=split,
                names=tuple(names),
                ranks=ranks.rank_sets(values, clusters, rng=rng, level=LEVEL),
                omnibus=paired_tests.cochrans_q(values, clusters, rng=rng),
                unscored=int((~scored).sum()),
            )
        )
    return standings


def run_names(records: Sequence[RunRecord]) -> list[str]:
    """What to call the runs: the model, and what tells it from others of that name.

    These are the options and the seed in which they differ, else the run's folder.
    """
    names = [record.model for record in records]
    for model in (model for model, n in Counter(names).items() if n > 1):
        places = [i for i, record in enumerate(records) if record.model == model]
        told = [
            {
                **records[i].identity,
                "seed": records[i].seed,
                "temperature": records[i].sampling.temperature,
            }
            for i in places
        ]
        differing = [key for key in told[0] if len({str(t.get(key)) for t in told}) > 1]
        marks = [", ".join(f"{key}={t.get(key)}" for key in differing) for t in told]
        for i, mark in zip(places, marks, strict=True):
            names[i] = f"{model} ({mark if marks.count(mark) == 1 else records[i].id})"
    return names


def same_items(runs: Sequence[tuple[RunRecord, pa.Table]]) -> bool:
    """Whether all runs hold answers to exactly the same items."""
    sets = [set(scores.column("item").unique().to_pylist()) for _, scores in runs]
    return all(found == sets[0] for found in sets)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """Two runs to compare.

    Attributes:
        names: What they are called.
        items: Their items.
        strata: Split label -> points in each stratum, where both runs ended by what they answered.
    """

    names: tuple[str, str]
    items: tuple[Items, Items]
    strata: Mapping[str, Sequence[int]]


def _common_strata(a: RunRecord, b: RunRecord) -> Mapping[str, Sequence[int]]:
    """The strata of runs that drew items until a rule was met; empty for ordinary runs."""
    if a.until is None or b.until is None:
        return {}
    return a.until.strata


def _pair(
    pair: _Pair, rng: np.random.Generator, intersection: bool, margin: float | None
) -> list[Row]:
    names, items = pair.names, pair.items
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
        found = _compare(pair, (np.array(a), np.array(b)), split, rng, margin)
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
    pair: _Pair,
    at: tuple[np.ndarray, np.ndarray],
    split: str,
    rng: np.random.Generator,
    margin: float | None,
) -> Comparison | None:
    """The comparison at matched positions; None where no item was scored in both."""
    items = pair.items
    scored = items[0].scored[at[0]] & items[1].scored[at[1]]
    if not scored.any():
        return None
    a, b = (run.value[places[scored]] for run, places in zip(items, at, strict=True))
    clusters = items[0].cluster[at[0][scored]]
    found = pairs.compare(
        a, b, clusters, names=pair.names, rng=rng, level=LEVEL, unscored=int((~scored).sum())
    )
    if margin is not None:
        shown = equivalence.tost(a, b, clusters, margin=margin, alpha=FAMILY_ERROR)
        found = replace(found, equivalence=shown)
    if split in pair.strata:
        # The runs ended by what they answered, which an ordinary interval does not allow for.
        anytime = anytime_difference(*items, *at, pair.strata[split], level=LEVEL)
        if anytime is not None:
            found = replace(found, difference=anytime[0], p=anytime[1], p_adjusted=anytime[1])
    return found
