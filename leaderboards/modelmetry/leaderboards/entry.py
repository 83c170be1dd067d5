"""Leaderboard entries: what a run claims on one split, in the columns of the published CSV."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from modelmetry.analyses import split_estimates
from modelmetry.analyses.measures import Row
from modelmetry.analyses.table import labels
from modelmetry.errors import BadInput
from modelmetry.items import content_hash, digest
from modelmetry.runs.record import RunRecord

RANKED = ("accuracy", "balanced accuracy")
"""Estimands that have a better and a worse end, and so a rank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row of a leaderboard; the fields are the CSV's columns, in order.

    Attributes:
        rank: Place by value within its board, from 1; equal values share it. 0 until ranked.
        rank_low: Best place that the uncertainty leaves open.
        rank_high: Worst place that the uncertainty leaves open.
        tie_group: From 1; entries of one group are not told apart from the group's first.
        model: The model's spec.
        model_revision: The weights' revision, where the back end states one.
        suite: The suite's name.
        suite_version: The suite's version.
        generator_hash: Fingerprint of the split's generator.
        seed_commitment: SHA-256 that fixes the seed without showing it.
        split: The split's label.
        estimand: What was estimated.
        value: The estimate.
        ci_low: Lower end of the 95 % interval, or None.
        ci_high: Upper end of the 95 % interval, or None.
        ci_method: How value and interval were made.
        std_error: Standard error, or None.
        n_items: Items that entered.
        n_clusters: Independently drawn units among them.
        n_repeats: How often each item was asked.
        n_unscored: Answers that the instrument failed to read.
        judge: The judging model; empty where answers are read by rule.
        input_tokens: Prompt tokens spent on the split; 0 if unknown.
        output_tokens: Generated tokens spent on the split; 0 if unknown.
        cost_usd: Price of the split in US dollars; 0 without prices.
        date: Day on which the run ended, ISO 8601, UTC.
        harness_version: Version of modelmetry that asked.
        run_digest: SHA-256 of what was asked and how it was scored.
    """

    rank: int = 0
    rank_low: int = 0
    rank_high: int = 0
    tie_group: int = 0
    model: str
    model_revision: str = ""
    suite: str
    suite_version: int
    generator_hash: str
    seed_commitment: str
    split: str
    estimand: str
    value: float
    ci_low: float | None
    ci_high: float | None
    ci_method: str
    std_error: float | None
    n_items: int
    n_clusters: int
    n_repeats: int
    n_unscored: int
    judge: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    date: str
    harness_version: str
    run_digest: str

    @property
    def board(self) -> tuple[str, int, str, str, str, str]:
        """What two entries must share to be ranked against each other."""
        return (
            self.suite,
            self.suite_version,
            self.split,
            self.estimand,
            self.generator_hash,
            self.seed_commitment,
        )


COLUMNS = tuple(field.name for field in dataclasses.fields(Entry))
"""The CSV's columns, in order."""


def seed_commitment(suite: str, seed: int) -> str:
    """SHA-256 (hex) over the suite's name and the seed: publish now, open later.

    It hides the seed only as well as the seed hides itself: draw it from at least 128 bits where
    it is to stay secret.
    """
    return f"{digest('seed commitment', suite, seed):064x}"


def run_digest(record: RunRecord, scores: pa.Table) -> str:
    """SHA-256 (hex) of what was asked, of which model, and how every answer was scored.

    The same answers give the same digest, whenever and however often interrupted the run was.
    """
    columns = ("item", "repeat", "value", "outcome", "answer")
    table = [scores.column(name).to_pylist() for name in columns]
    asked = [record.suite.name, record.suite.version, record.edition, record.repeats]
    return content_hash([asked, record.model, record.identity, record.sampling, table])


def entries_of(
    record: RunRecord, scores: pa.Table, rows: Sequence[Row] | None = None
) -> list[Entry]:
    """The entries of a finished run: one per split and ranked estimand.

    Args:
        record: The run's identity card.
        scores: Its table of scores.
        rows: Its estimates, where they are at hand.

    Raises:
        BadInput: The run is not finished, so its numbers are not the edition's; or its answers chose
            how hard its problems were, so that they compare with no other run's.
    """
    if record.status != "finished":
        raise BadInput(
            f"{record.id}: the run is {record.status}; allowed on a leaderboard: finished runs"
        )
    if record.until is not None and record.until.adaptive:
        raise BadInput(
            f"{record.id}: the answers chose how hard the problems were; allowed on a leaderboard: "
            "runs whose problems do not depend on them"
        )
    suite = record.suite
    prints = {suite.label(t.name, split): t.fingerprint for t in suite.tasks for split in t.splits}
    usage = _usage(scores)
    commitment, run = seed_commitment(suite.name, record.seed), run_digest(record, scores)
    return [
        Entry(
            model=record.model,
            model_revision=str(
                record.found.get("revision") or record.identity.get("revision") or ""
            ),
            suite=suite.name,
            suite_version=suite.version,
            generator_hash=prints[row.split],
            seed_commitment=commitment,
            split=row.split,
            estimand=row.estimand,
            value=row.estimate.value,
            ci_low=row.estimate.low,
            ci_high=row.estimate.high,
            ci_method=row.estimate.method,
            std_error=row.estimate.std_error,
            n_items=row.estimate.n,
            n_clusters=row.estimate.clusters,
            n_repeats=record.repeats,
            n_unscored=row.estimate.unscored,
            input_tokens=int(usage[row.split][0]),
            output_tokens=int(usage[row.split][1]),
            cost_usd=round(usage[row.split][2], 9),
            date=(record.ended_at or record.started_at)[:10],
            harness_version=record.versions.get("modelmetry", ""),
            run_digest=run,
        )
        for row in (split_estimates(record, scores) if rows is None else rows)
        if row.estimand in RANKED
    ]


def _usage(scores: pa.Table) -> dict[str, tuple[float, float, float]]:
    """Input tokens, output tokens and US dollars of each split."""
    split = labels(scores, "split")
    columns = [
        scores.column(name).to_numpy() for name in ("input_tokens", "output_tokens", "cost_usd")
    ]
    sums = [np.bincount(split.codes, weights=column).tolist() for column in columns]
    return dict(zip(split.names, zip(*sums, strict=True), strict=True))
