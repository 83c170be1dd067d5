"""From the scores of a run to the readings of a night, and to the loss between two runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from modelmetry.analyses.measures import accuracy
from modelmetry.analyses.table import Items, matched
from modelmetry.nightly.night import Kind, Reading
from modelmetry.runs.record import RunRecord
from modelmetry.statistics import Estimate, pairs
from modelmetry.statistics.distributions import t_tail, two_sided
from modelmetry.statistics.paired_tests import sign_flip

MOST_DRAWS = 1_000_000
"""Most assignments of signs that one test draws."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is known of a finished run besides its scores.

    Attributes:
        date: The night, ISO 8601.
        suite: What the job calls the suite.
        model: What it calls the model.
        kind: Fresh problems or anchors.
        seed_commitment: SHA-256 that fixes the seed without showing it.
        run_digest: SHA-256 of what was asked and how it was scored.
        cost_usd: Price of the run in US dollars.
    """

    date: str
    suite: str
    model: str
    kind: Kind
    seed_commitment: str
    run_digest: str
    cost_usd: float


def edition_told(record: RunRecord) -> str:
    """The edition's name without the seed that it begins with, which the night does not tell."""
    return record.edition.rpartition("-")[2]


def readings_of(
    asked: Asked, record: RunRecord, items: Items, reference: Items | None
) -> Iterator[Reading]:
    """Accuracy on every split of a run, the primary ones first.

    Args:
        asked: What is known of the run.
        record: Its identity card.
        items: Its items.
        reference: Of anchors, those of the first night; None on that night, and for fresh problems.
    """
    suite = record.suite
    order = [suite.label(task.name, split) for task in suite.tasks for split in task.splits]
    primary = suite.primary or tuple(order)
    for label in dict.fromkeys((*primary, *order)):
        where = items.split.at(label)
        found = accuracy(items, where) if where.any() else None
        if found is None:
            continue
        change = None if reference is None else difference(items, reference, label)
        yield Reading(
            date=asked.date,
            suite=asked.suite,
            suite_version=suite.version,
            model=asked.model,
            kind=asked.kind,
            split=label,
            estimand="accuracy",
            value=found.value,
            std_error=found.std_error,
            ci_low=found.low,
            ci_high=found.high,
            ci_method=found.method,
            n_items=found.n,
            n_clusters=found.clusters,
            n_unscored=found.unscored,
            edition=edition_told(record),
            seed_commitment=asked.seed_commitment,
            run_digest=asked.run_digest,
            cost_usd=asked.cost_usd,
            primary=label in primary,
            change=None if change is None else change.value,
            change_error=None if change is None else error_of(change),
            change_clusters=None if change is None else change.clusters,
        )


def error_of(found: Estimate) -> float | None:
    """Standard error of an estimate; what its interval implies where that is more.

    Where all items agree the plain error is 0 while the interval is honest.
    """
    if found.low is None or found.high is None:
        return found.std_error or None
    return max(found.std_error or 0.0, (found.high - found.low) / (2 * two_sided(found.level)))


def _paired(a: Items, b: Items, label: str) -> tuple[pairs.Paired, int] | None:
    """Differences on the items that both could score, and how many items were left out."""
    here, there = matched(a, b, label)
    scored = a.scored[here] & b.scored[there]
    if not scored.any():
        return None
    here, there = here[scored], there[scored]
    found = pairs.paired(a.value[here], b.value[there], a.cluster[here])
    asked = max(int(a.split.at(label).sum()), int(b.split.at(label).sum()))
    return found, asked - len(here)


def difference(a: Items, b: Items, label: str) -> Estimate | None:
    """Paired difference a - b of two runs on a split; None where no item was scored in both."""
    here, there = matched(a, b, label)
    scored = a.scored[here] & b.scored[there]
    if not scored.any():
        return None
    here, there = here[scored], there[scored]
    return pairs.difference(a.value[here], b.value[there], a.cluster[here])


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Two runs on one split, and the one-sided test that the first is worse than the second.

    Attributes:
        paired: The differences, first less second.
        margin: Loss that does not matter.
        p: One-sided p-value of a loss of at most the margin; 1 where there is no test.
        left_out: Items that one of the two did not ask or could not score.
    """

    paired: pairs.Paired
    margin: float
    p: float
    left_out: int

    @property
    def value(self) -> float:
        """The mean difference; below 0 for a loss."""
        return self.paired.mean.value

    def detectable(self, alpha: float) -> float:
        """The smallest true loss, beyond the margin, found with 80 % power at a one-sided error rate."""
        return pairs.detectable(self.paired, power=0.8, level=1 - 2 * alpha)


def loss(
    a: Items, b: Items, label: str, *, margin: float, alpha: float, family: int
) -> Loss | None:
    """Test whether the first run scores worse than the second by more than a margin.

    p is of the score test that the interval of `pairs.difference` inverts. That is an approximation, and
    far out in the tail, where a family of tests is corrected, not always a safe one: where it would
    count, and there is no margin, the clusters' signs are flipped too (McNemar's exact test where
    every cluster is one item answered right or wrong), and the larger p is taken.

    Args:
        a: Items of the first.
        b: Items of the second.
        label: The split's label.
        margin: Loss that does not matter, in [0, 1).
        alpha: Error rate of the family.
        family: How many tests it has about, for the number of draws.

    Returns:
        The loss; None where no item was scored in both.
    """
    found = _paired(a, b, label)
    if found is None:
        return None
    paired, left_out = found
    statistic = paired.statistic(-margin)
    p = 1.0 if statistic is None else t_tail(-statistic, paired.df)
    if p < alpha and margin == 0:
        # Enough draws that the correction leaves something to find; the same ones every time.
        draws = int(min(MOST_DRAWS, max(10_000, 50 * family / alpha)))
        flipped, _ = sign_flip(
            paired.deltas, paired.codes, rng=np.random.default_rng(0), resamples=draws
        )
        p = max(p, flipped / 2)
    return Loss(paired=paired, margin=margin, p=p, left_out=left_out)
