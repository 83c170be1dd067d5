"""Corrections for many tests."""

from __future__ import annotations

import math
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics import multiplicity
from modelmetry.statistics.multiplicity import (
    CORRECTION_NAMES,
    CORRECTIONS,
    benjamini_hochberg,
    benjamini_yekutieli,
    holm,
)

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@pytest.mark.parametrize(("name", "theirs"), [("holm", "holm"), ("bh", "fdr_bh"), ("by", "fdr_by")])
@given(p_values=P_VALUES)
@settings(deadline=None, max_examples=30)
def test_statsmodels(name: str, theirs: str, p_values: list[float]) -> None:
    """statsmodels adjusts the same way."""
    from statsmodels.stats.multitest import multipletests

    # It collects garbage at every call, which takes a second where many tests were loaded.
    with patch("gc.collect"):
        expected = multipletests(p_values, method=theirs)[1]
    assert CORRECTIONS[name](p_values) == pytest.approx(expected)


@given(P_VALUES)
@settings(deadline=None, max_examples=50)
def test_holm_is_its_slow_twin(p_values: list[float]) -> None:
    """The k-th smallest of m counts m - k + 1 times, and none is below a smaller one."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    expected, worst = [0.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        worst = max(worst, min(1.0, (len(p_values) - place) * p_values[index]))
        expected[index] = worst
    assert holm(p_values).tolist() == pytest.approx(expected)


@given(P_VALUES)
@settings(deadline=None, max_examples=50)
def test_step_up_is_its_slow_twin(p_values: list[float]) -> None:
    """Each is the smallest m p / k over the k-th smallest that are at least as large."""
    m, ordered = len(p_values), sorted(p_values)
    expected = [
        min(min(1.0, m * q / (k + 1)) for k, q in enumerate(ordered) if q >= p) for p in p_values
    ]
    assert benjamini_hochberg(p_values).tolist() == pytest.approx(expected)
    harmonic = sum(1 / k for k in range(1, m + 1))
    expected = [
        min(min(1.0, harmonic * m * q / (k + 1)) for k, q in enumerate(ordered) if q >= p)
        for p in p_values
    ]
    assert benjamini_yekutieli(p_values).tolist() == pytest.approx(expected)


@given(P_VALUES)
@settings(deadline=None, max_examples=50)
def test_what_costs_more_gives_larger_p(p_values: list[float]) -> None:
    """No correction helps; Benjamini-Hochberg is the mildest."""
    mild, strict = benjamini_hochberg(p_values), benjamini_yekutieli(p_values)
    assert (mild >= np.array(p_values) - 1e-12).all()
    assert (strict >= mild - 1e-12).all()
    assert (holm(p_values) >= mild - 1e-12).all()


def test_benjamini_hochberg_published() -> None:
    """Benjamini and Hochberg (1995), section 4.1: of 15 tests, 4 are found at 5 %, Holm finds 3."""
    p_values = [
        *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
        *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000),
    ]
    assert int((benjamini_hochberg(p_values) <= 0.05).sum()) == 4
    assert int((holm(p_values) <= 0.05).sum()) == 3


def test_every_correction_has_a_name() -> None:
    """Commands and people's words know the same corrections."""
    assert CORRECTIONS.keys() == CORRECTION_NAMES.keys()


@pytest.mark.parametrize("correct", multiplicity.CORRECTIONS.values())
@pytest.mark.parametrize("p_values", [[], [0.5, 1.5], [-0.1], [math.nan]])
def test_refused(correct, p_values: list[float]) -> None:
    """What is no p-value is refused."""
    with pytest.raises(ValueError, match="allowed"):
        correct(p_values)
