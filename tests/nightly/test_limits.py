"""Limits of many charts: run lengths by a Markov chain, held against tables and simulation."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from modelmetry.nightly.job import Drift
from modelmetry.nightly.limits import rule_of, run_length_of, with_limit
from modelmetry.statistics.control_rules import CUSUM, EWMA, Rule, Shewhart


@pytest.mark.parametrize(
    ("rule", "published"),
    [
        (CUSUM(limit=4.0), 168.0),  # Montgomery, table 9.3
        (CUSUM(limit=5.0), 465.0),
        (EWMA(limit=2.814, weight=0.1), 500.0),  # Lucas and Saccucci (1990)
        (EWMA(limit=2.998, weight=0.25), 500.0),
        (Shewhart(limit=3.0), 370.4),
    ],
)
def test_run_lengths_are_the_published_ones(rule: Rule, published: float) -> None:
    """Within one in a hundred of what the tables say."""
    assert run_length_of(rule) == pytest.approx(published, rel=0.01)


@pytest.mark.parametrize("name", ["cusum", "ewma", "shewhart"])
def test_charts_together_alarm_as_often_as_stated(
    name: Literal["cusum", "ewma", "shewhart"],
) -> None:
    """Ten independent charts alarm once in 50 nights, as simulation finds."""
    rule, length = with_limit(rule_of(Drift(rule=name)), 50, 10)
    assert length.value == 500
    rng = np.random.default_rng(0)
    runs, charts = 300, 10
    sides = np.zeros((2, runs, charts))
    first = np.zeros(runs)
    for night in range(1, 1000):
        z = rng.standard_normal((runs, charts))
        sides = rule.step(sides, np.stack([z, -z]))
        out = sides.max(axis=(0, 2)) > rule.threshold
        first[(first == 0) & out] = night
        if first.all():
            break
    assert first.mean() == pytest.approx(50, abs=4 * 50 / np.sqrt(runs))


def test_more_charts_need_a_higher_limit() -> None:
    """The limit grows with the charts and with the run length."""
    limits = [
        with_limit(CUSUM(), nights, n)[0].limit for nights, n in ((100, 1), (365, 1), (365, 50))
    ]
    assert limits == sorted(limits)
    assert limits[0] < limits[1] < limits[2]
