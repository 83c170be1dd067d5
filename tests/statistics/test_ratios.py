"""Ratios of two totals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics import means, ratios

PAIRS = st.lists(
    st.tuples(st.floats(-5, 5), st.floats(0.5, 4), st.integers(0, 8)), min_size=3, max_size=30
)


@given(PAIRS)
@settings(deadline=None, max_examples=50)
def test_ends_are_where_the_test_turns(sample: list[tuple[float, float, int]]) -> None:
    """At an end R the clustered t statistic of the mean of y - R x is just the quantile."""
    from scipy.stats import t

    y, x, clusters = (np.array(column) for column in zip(*sample, strict=True))
    found = ratios.ratio_of_totals(y, x, clusters)
    assert found.value == pytest.approx(y.sum() / x.sum())
    if found.low is None or found.high is None:
        return
    assert found.low <= found.value <= found.high
    share = np.array([x[clusters == c].sum() for c in np.unique(clusters)]) / x.sum()
    quantile = t.ppf(0.975, max(0.5, 1 / (share @ share) - 1))
    for end in (found.low, found.high):
        # The residuals' totals by cluster, as independent numbers around their mean.
        sums = np.array([(y - end * x)[clusters == c].sum() for c in np.unique(clusters)])
        error = sums.std(ddof=1) * math.sqrt(len(sums))
        assert abs(sums.sum()) == pytest.approx(quantile * error, rel=1e-4, abs=1e-6)


def test_a_constant_denominator_is_a_mean() -> None:
    """Over ones the ratio is the mean, and so is its interval, with bounds and without."""
    rng = np.random.default_rng(0)
    values, clusters = rng.random(60), np.arange(60) % 15
    for bounds in (None, (0.0, 1.0)):
        found = ratios.ratio_of_totals(values, np.ones(60), clusters, bounds=bounds)
        plain = means.mean(values, clusters, bounds=bounds)
        assert found.std_error == pytest.approx(plain.std_error)
        assert (found.low, found.high) == pytest.approx((plain.low, plain.high))


def test_a_share_is_the_mean_of_a_part() -> None:
    """Counting some of some items is the mean over these, where all clusters hold one."""
    rng = np.random.default_rng(1)
    wrong = np.arange(60) % 3 > 0
    marked, clusters = wrong & (rng.random(60) < 0.4), np.arange(60) // 3
    found = ratios.ratio_of_totals(marked, wrong, clusters, bounds=(0, 1))
    part = means.mean(marked[wrong], clusters[wrong])
    assert (found.value, found.low, found.high) == pytest.approx((part.value, part.low, part.high))


def test_where_there_is_no_interval() -> None:
    """One cluster, a denominator near 0 and no spread leave no interval, and the estimate says why."""
    one = ratios.ratio_of_totals([1, 2], [1, 1], [1, 1])
    assert (one.low, one.warnings) == (None, ("an interval needs at least 2 clusters, got 1",))
    near = ratios.ratio_of_totals(np.ones(20), np.arange(20) == 0)
    assert near.low is None
    assert near.warnings[-1] == "the denominator is not told from 0: there is no interval"
    flat = ratios.ratio_of_totals(np.arange(1, 21) * 2, np.arange(1, 21))
    assert (flat.value, flat.low, flat.std_error) == (2, None, 0)
    assert flat.warnings[-1].startswith("no cluster differs")


@pytest.mark.parametrize(
    ("y", "x", "bounds", "match"),
    [
        ([1, 2], [0, 0], None, "denominator: 0.0 to 0.0; allowed"),
        ([1, 2], [1, -1], None, "denominator: -1.0 to 1.0; allowed"),
        ([1, 2], [1], None, "denominator: 1 values; allowed: 2"),
        ([math.nan], [1], None, "value 0 is nan"),
        ([2, 0], [1, 1], (0, 1), "numerator: allowed: 0 to 1 times the denominator"),
    ],
)
def test_refused(
    y: list[float], x: list[float], bounds: tuple[float, float] | None, match: str
) -> None:
    """What has no ratio is refused in one line."""
    with pytest.raises(ValueError, match=match):
        ratios.ratio_of_totals(y, x, bounds=bounds)
