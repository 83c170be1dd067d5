"""Which features make columns, and on which scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import skew

from modelmetry.analyses.memorization.design import find_design


def test_columns_are_chosen_and_the_rest_is_left_out_with_a_reason() -> None:
    """Constant, unknown, infinite and doubled features; logarithms of skewed ones, by name."""
    stream = np.random.default_rng(18)
    n = 200
    plain = stream.normal(size=n)
    counts = np.exp(stream.normal(5, 2, n))
    features = {
        "plain": plain,
        "counts": counts,
        "duplicates": 2.0 ** (np.arange(n) % 7),
        "constant": np.full(n, 3.5),
        "unknown": np.where(np.arange(n) < 3, np.nan, plain),
        "endless": np.where(np.arange(n) < 1, np.inf, plain),
        "double": 3 - 2 * plain,
        "logs": np.log1p(counts),
        "rare": (np.arange(n) < 3) * 1.0,
        "below": -counts,
        "small": stream.exponential(0.01, n),
    }
    rows = np.arange(n) < 150
    found = find_design(features, rows)
    assert found.names == (
        "plain", "log(1 + counts)", "log(1 + duplicates)", "rare", "below", "small",
    )  # fmt: skip
    assert found.features == ("plain", "counts", "duplicates", "rare", "below", "small")
    assert found.left_out == {
        "constant": "3.5 for all probes",
        "unknown": "not known, or infinite, of 3 of 150 probes",
        "endless": "not known, or infinite, of 1 of 150 probes",
        "double": "tells the same as plain",
        "logs": "tells the same as counts",
    }
    assert found.columns[:, 1] == pytest.approx(np.log1p(counts[rows]))
    assert (found.values[:, 1] == counts[rows]).all()
    assert found.columns.shape == (150, 6)


@given(st.integers(0, 1000), st.floats(0.1, 3), st.integers(3, 200))
@settings(max_examples=40, deadline=None)
def test_logarithms_are_of_what_is_skewed_and_helped(seed: int, spread: float, n: int) -> None:
    """By scipy's skewness: above 1, and at least halved; ranks never change."""
    values = np.exp(np.random.default_rng(seed).normal(2, spread, n))
    found = find_design({"x": values}, np.ones(n, dtype=bool))
    before, after = skew(values), abs(skew(np.log1p(values)))
    taken = before > 1 and after <= before / 2
    assert found.names == ("log(1 + x)" if taken else "x",)
    assert (np.argsort(found.columns[:, 0]) == np.argsort(values)).all()


def test_no_features_make_no_columns() -> None:
    """A design of no columns has its rows."""
    found = find_design({}, np.ones(5, dtype=bool))
    assert found.columns.shape == found.values.shape == (5, 0)
    assert found.names == found.features == ()


def test_counts_from_zero_are_logged_and_what_lies_below_is_not() -> None:
    """A skewed feature that reaches 0 has its logarithm; one that reaches below 0 is kept as it is."""
    counts = np.floor(np.exp(np.random.default_rng(3).normal(4, 2, 200)))
    counts[0] = 0
    for values, name in ((counts, "log(1 + x)"), (counts - 0.5, "x")):
        assert find_design({"x": values}, np.ones(200, dtype=bool)).names == (name,)
