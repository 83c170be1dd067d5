"""Corrections for many tests."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics import holm

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@given(P_VALUES)
@settings(deadline=None, max_examples=50)
def test_statsmodels(p_values: list[float]) -> None:
    """statsmodels adjusts the same way."""
    from statsmodels.stats.multitest import multipletests

    expected = multipletests(p_values, method="holm")[1]
    assert holm(p_values) == pytest.approx(expected)


@given(P_VALUES)
@settings(deadline=None, max_examples=50)
def test_slow_twin(p_values: list[float]) -> None:
    """The k-th smallest of m counts m - k + 1 times, and none is below a smaller one."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    expected, worst = [0.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        worst = max(worst, min(1.0, (len(p_values) - place) * p_values[index]))
        expected[index] = worst
    assert holm(p_values).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("p_values", [[], [0.5, 1.5], [-0.1], [math.nan]])
def test_refused(p_values: list[float]) -> None:
    """What is no p-value is refused."""
    with pytest.raises(ValueError, match="allowed"):
        holm(p_values)
