"""The rows on which the best rule is searched for."""

from __future__ import annotations

import numpy as np
from benchmarks.calibrations.probes import simulated

from modelmetry.analyses.memorization.ways import Ways


def test_the_rule_is_searched_for_on_rows_drawn_at_random() -> None:
    """Of training rows that stand in order of their outcome, both ends are among those searched."""
    probes = simulated(500, np.random.default_rng(1))
    x, y = np.column_stack(list(probes.features.values())), probes.extracted
    train, test = np.arange(400), np.arange(400, 500)
    train = train[np.argsort(y[train], kind="stable")]
    ways = Ways(y, x, probes.category, np.arange(500), np.random.default_rng(2), 100)
    ways.scored(train, test)
    rule = ways.first.rule
    assert rule is not None
    assert (ways.first.searched, sum(rule.sizes)) == (100, 100)
    assert y[train[:100]].sum() == 0
    assert abs(sum(rule.positives) - 100 * y[train].mean()) < 15
