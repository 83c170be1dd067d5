"""Equivalence of two models."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics import pairs
from modelmetry.statistics.equivalence import tost, verdict

PAIRED = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 7)), min_size=2, max_size=30
)


def test_statsmodels() -> None:
    """Without bounds and clusters the p-value is that of two paired t tests."""
    from statsmodels.stats.weightstats import ttost_paired

    stream = np.random.default_rng(1)
    a, b = stream.normal(0, 1, 60), stream.normal(0.1, 1, 60)
    expected = float(ttost_paired(a, b, -0.4, 0.4)[0])
    assert tost(a, b, margin=0.4, bounds=None).p == pytest.approx(expected)


def test_within_bounds_it_is_near_the_t_tests() -> None:
    """On many items the score tests and the t tests tell the same."""
    from statsmodels.stats.weightstats import ttost_paired

    stream = np.random.default_rng(2)
    a, b = stream.random((2, 3000)) < 0.6
    expected = float(ttost_paired(a * 1.0, b * 1.0, -0.03, 0.03)[0])
    assert tost(a, b, margin=0.03).p == pytest.approx(expected, rel=0.05)


@given(PAIRED, st.floats(0.02, 0.9))
@settings(deadline=None, max_examples=60)
def test_the_interval_and_the_tests_agree(
    sample: list[tuple[int, int, int]], margin: float
) -> None:
    """Equivalence is found at 5 % exactly where the 90 % interval lies within the margin."""
    a, b, clusters = (np.array(column) for column in zip(*sample, strict=True))
    found = tost(a / 2, b / 2, clusters, margin=margin)
    if found.low is None or found.high is None:
        assert found.p == 1.0
        assert found.warnings
        return
    inside = max(abs(found.low), abs(found.high))
    if abs(inside - margin) > 1e-6:
        assert (found.p < 0.05) == (inside < margin)
    swapped = tost(b / 2, a / 2, clusters, margin=margin)
    assert swapped.p == pytest.approx(found.p, abs=1e-9)


def test_a_margin_on_the_interval_has_the_error_rate_as_its_p() -> None:
    """The p-value at the interval's further end is alpha."""
    stream = np.random.default_rng(3)
    a, b = stream.random((2, 80)) < 0.7
    clusters = np.repeat(np.arange(40), 2)
    low, high = pairs.paired(a, b, clusters).bounds(0.8) or (0, 0)
    found = tost(a, b, clusters, margin=max(-low, high), alpha=0.1)
    assert found.p == pytest.approx(0.1, abs=1e-6)
    assert (found.level, found.low, found.high) == (0.8, pytest.approx(low), pytest.approx(high))


def test_verdicts() -> None:
    """Two questions have four answers."""
    assert verdict(0.01, 0.5) == "equivalent within the margin"
    assert verdict(0.01, 0.01) == "different, but within the margin"
    assert verdict(0.5, 0.01) == "different"
    assert verdict(0.5, 0.5) == "undecided"


def test_identical_models_need_enough_clusters() -> None:
    """Never having differed shows equivalence on 200 items, not on 20."""
    assert tost(np.ones(200), np.ones(200), margin=0.05).p < 0.05
    assert tost(np.ones(20), np.ones(20), margin=0.05).p > 0.05


def test_one_cluster() -> None:
    """One cluster shows nothing, and a warning says so; few are called rough."""
    found = tost([1, 0], [1, 0], ["x", "x"], margin=0.1)
    assert (found.p, found.low) == (1.0, None)
    assert "at least 2 clusters" in found.warnings[0]
    assert "only 3 clusters" in tost([1, 0, 1], [1, 0, 0], margin=0.1).warnings[0]


@pytest.mark.parametrize("margin", [0.0, -0.1, 1.0, float("nan")])
def test_refused(margin: float) -> None:
    """A margin is above 0 and below the largest difference; alpha is below one half."""
    with pytest.raises(ValueError, match="margin"):
        tost([1, 0], [1, 0], margin=margin)
    with pytest.raises(ValueError, match="alpha"):
        tost([1, 0], [1, 0], margin=0.1, alpha=0.5)
    with pytest.raises(ValueError, match="allowed: 2"):
        tost([1, 0], [1], margin=0.1)
