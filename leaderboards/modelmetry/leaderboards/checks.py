"""What a run must fulfill before its numbers go onto a leaderboard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from modelmetry.analyses import split_estimates
from modelmetry.analyses.measures import Row
from modelmetry.analyses.saturation import saturations
from modelmetry.analyses.table import labels
from modelmetry.errors import BadInput
from modelmetry.leaderboards.entry import RANKED, Entry, entries_of
from modelmetry.runs.record import RunRecord
from modelmetry.suites import generator_of

FEWEST_CLUSTERS = 10
"""Independently drawn units that each split needs. With fewer, an interval says little: at 10 units
the t quantile is 2.26 already, and whether the units' means are near normal cannot be seen."""

MOST_UNSCORED = 0.05
"""Share of a split's answers that the instrument may have failed to read."""

REFERENCE = "reference/"
"""Models of known ability; that the oracle is at the ceiling is what it is for."""


def admitted(record: RunRecord, scores: pa.Table, *, saturated_ok: bool = False) -> list[Entry]:
    """The entries of a run that passes every check.

    Args:
        record: The run's identity card.
        scores: Its table of scores, made of the stored answers just now.
        saturated_ok: Whether a model may be so good that a better one could not be told from it.

    Raises:
        BadInput: The run is not ours, not finished, its answers chose its problems, it lacks answers, its
            generator has changed since, a split has too few clusters or no interval, too many of
            its answers are unscored, or it is saturated.
    """
    if record.origin:
        raise BadInput(
            f"{record.id}: read from another harness's log, so that its problems cannot be made "
            "again; allowed on a leaderboard: runs of modelmetry"
        )
    if not scores.num_rows:
        raise BadInput(f"{record.id}: no answers; allowed: finished runs")
    rows = split_estimates(record, scores)
    entries = entries_of(record, scores, rows)
    if scores.num_rows != record.planned:
        raise BadInput(
            f"{record.id}: {scores.num_rows:,} answers of {record.planned:,}; allowed: a run with "
            "all of its answers"
        )
    if not entries:
        raise BadInput(f"{record.id}: no accuracy to rank; allowed: {' or '.join(RANKED)}")
    _same_generators(record)
    for entry in entries:
        _certain(record, entry)
    _readable(record, scores)
    if not saturated_ok and not record.model.startswith(REFERENCE):
        _unsaturated(record, rows, list(dict.fromkeys(entry.split for entry in entries)))
    return entries


def _same_generators(record: RunRecord) -> None:
    for task in record.suite.tasks:
        installed = generator_of(task).fingerprint()
        if task.fingerprint != installed:
            raise BadInput(
                f"{record.id}: {task.name}: its problems were made by another version of the "
                f"generator {task.generator} ({task.fingerprint}, installed is {installed}); "
                "allowed: runs made with the installed version"
            )


def _certain(record: RunRecord, entry: Entry) -> None:
    if entry.n_clusters < FEWEST_CLUSTERS:
        raise BadInput(
            f"{record.id}: {entry.split}: {entry.n_clusters} independently drawn units; allowed on "
            f"a leaderboard: at least {FEWEST_CLUSTERS}"
        )
    if entry.ci_low is None or entry.ci_high is None:
        raise BadInput(
            f"{record.id}: {entry.split}: {entry.estimand} has no interval; allowed on a "
            "leaderboard: numbers with their uncertainty"
        )


def _readable(record: RunRecord, scores: pa.Table) -> None:
    split = labels(scores, "split")
    unread = scores.column("value").is_null().to_numpy()
    lost = np.bincount(split.codes, weights=unread, minlength=len(split.names))
    asked = np.bincount(split.codes, minlength=len(split.names))
    for name, share in zip(split.names, lost / asked, strict=True):
        if share > MOST_UNSCORED:
            raise BadInput(
                f"{record.id}: {name}: {share:.1%} of the answers could not be scored; allowed on a "
                f"leaderboard: up to {MOST_UNSCORED:.0%}"
            )


def _unsaturated(record: RunRecord, rows: Sequence[Row], splits: Sequence[str]) -> None:
    for label, found in saturations(rows, splits):
        if found.flag == "saturated":
            raise BadInput(
                f"{record.id}: {label}: {'; '.join(found.headroom.warnings)}, so that this split no "
                "longer tells good models apart; allowed: harder problems, or --saturated-ok"
            )
