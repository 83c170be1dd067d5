"""Item response theory."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics import item_response


def draw(
    models: int, items: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Scores, abilities, discriminations and difficulties of a simulated leaderboard."""
    rng = np.random.default_rng(seed)
    ability = rng.normal(size=models)
    ability = (ability - ability.mean()) / ability.std()
    a, b = np.exp(rng.normal(0, 0.4, items)), rng.normal(0, 1, items)
    p = 1 / (1 + np.exp(-a * (ability[:, None] - b)))
    return (rng.random(p.shape) < p).astype(float), ability, a, b


def penalized(
    scores: np.ndarray, logs: np.ndarray, b: np.ndarray
) -> tuple[float, float, float, float]:
    """Marginal log-likelihood by summing model by model, the same with the priors' logarithm.

    After these two stand the mean of the abilities and their standard deviation.
    """
    nodes = np.linspace(-8, 8, 321)
    density = np.exp(-(nodes**2) / 2) / math.sqrt(2 * math.pi) * (nodes[1] - nodes[0])
    p = 1 / (1 + np.exp(-np.exp(logs) * (nodes[:, None] - b)))
    total = first = second = 0.0
    for row in scores:
        asked = ~np.isnan(row)
        chance = np.where(row[asked] == 1, p[:, asked], 1 - p[:, asked]).prod(axis=1)
        total += math.log(chance @ density)
        weights = chance * density / (chance @ density)
        first += weights @ nodes / len(scores)
        second += weights @ nodes**2 / len(scores)
    prior = (logs**2).sum() / (2 * 0.5**2) + (b**2).sum() / (2 * 2.5**2)
    return total, total - prior, first, math.sqrt(second - first**2)


def test_a_tiny_case_is_the_maximum_of_the_marginal_likelihood() -> None:
    """scipy's minimizer of the likelihood, integrated by brute force, finds the same items."""
    from scipy.optimize import minimize

    scores, *_ = draw(14, 4, seed=3)
    scores[2, 1] = scores[5, 3] = np.nan
    found = item_response.two_parameter(scores)
    assert found.items.tolist() == [0, 1, 2, 3]
    best = minimize(lambda c: -penalized(scores, c[:4], c[4:])[1], np.zeros(8), method="BFGS")
    plain, _, center, scale = penalized(scores, best.x[:4], best.x[4:])
    assert found.discrimination == pytest.approx(np.exp(best.x[:4]) * scale, rel=2e-3)
    assert found.difficulty == pytest.approx((best.x[4:] - center) / scale, abs=2e-3)
    assert found.log_likelihood == pytest.approx(plain, abs=1e-3)


def test_parameters_are_recovered() -> None:
    """60 models on 80 items: abilities, difficulties and discriminations follow the truth."""
    scores, ability, a, b = draw(60, 80, seed=1)
    found = item_response.two_parameter(scores)
    values = [estimate.value for estimate in found.abilities]
    assert np.corrcoef(values, ability)[0, 1] > 0.96
    assert np.corrcoef(found.difficulty, b[found.items])[0, 1] > 0.95
    assert np.corrcoef(np.log(found.discrimination), np.log(a[found.items]))[0, 1] > 0.6
    assert np.mean(values) == pytest.approx(0)
    squares = [estimate.value**2 for estimate in found.abilities]
    assert 0.9 < np.mean(squares) < 1
    held = [e.low < t < e.high for e, t in zip(found.abilities, ability, strict=True) if e.low]
    assert np.mean(held) > 0.85


def test_missing_answers_widen_the_interval() -> None:
    """A model that was asked a tenth of the items has a wider interval, and keeps its place."""
    scores, *_ = draw(20, 100, seed=2)
    whole = item_response.two_parameter(scores).abilities[0]
    scores[0, 10:] = np.nan
    part = item_response.two_parameter(scores).abilities[0]
    assert (part.n, part.std_error or 0) > (0, 1.5 * (whole.std_error or 1))
    assert abs(part.value - whole.value) < 3 * (part.std_error or 0)


def test_items_that_tell_nothing_are_left_out() -> None:
    """Items that all models get right, or wrong, are named and have no parameters."""
    scores, *_ = draw(12, 10, seed=4)
    scores[:, 0], scores[:, 3] = 1.0, 0.0
    found = item_response.two_parameter(scores)
    assert not {0, 3} & set(found.items.tolist())
    assert found.warnings[:2] == (
        "1 of 10 items: all models right, no information",
        "1 of 10 items: all models wrong, no information",
    )


def test_information_is_that_of_the_curve() -> None:
    """An item's information is its squared slope over p (1 - p); a test's is the sum."""
    scores, *_ = draw(12, 20, seed=5)
    found = item_response.two_parameter(scores)
    at, h = np.array([-1.0, 0.3]), 1e-5
    for k, (a, b) in enumerate(zip(found.discrimination, found.difficulty, strict=True)):
        p, up, down = (1 / (1 + np.exp(-a * (at + d - b))) for d in (0, h, -h))
        slope = (up - down) / (2 * h)
        assert found.item_information(at)[k] == pytest.approx(slope**2 / (p * (1 - p)), rel=1e-6)
    assert found.test_information(at) == pytest.approx(found.item_information(at).sum(axis=0))


def test_the_range_that_is_measured_well() -> None:
    """At its ends the information is one over the squared error; few items measure nothing well."""
    scores, *_ = draw(12, 60, seed=6)
    found = item_response.two_parameter(scores)
    ends = found.measured_well()
    assert ends is not None
    assert found.test_information(ends) == pytest.approx([4.0, 4.0], abs=0.15)
    assert found.measured_well(error=0.01) is None


def test_scores_between_right_and_wrong() -> None:
    """Means over repeats pass, and more repeats leave abilities in the same order."""
    rng = np.random.default_rng(7)
    _, ability, a, b = draw(12, 40, seed=7)
    p = 1 / (1 + np.exp(-a * (ability[:, None] - b)))
    found = item_response.two_parameter(rng.binomial(8, p) / 8)
    values = [estimate.value for estimate in found.abilities]
    assert np.corrcoef(values, ability)[0, 1] > 0.97


@given(
    st.lists(
        st.lists(st.sampled_from([0.0, 1.0, 0.5, np.nan]), min_size=5, max_size=5),
        min_size=10,
        max_size=14,
    )
)
@settings(deadline=None, max_examples=15)
def test_any_scores(scores: list[list[float]]) -> None:
    """Any table gives finite parameters with errors above 0, or is refused in one line."""
    table = np.array(scores)
    low, high = np.where(np.isnan(table), 1, table), np.where(np.isnan(table), 0, table)
    told = low.min(axis=0) < high.max(axis=0)
    if np.isnan(table[:, told]).all(axis=1).any() or not told.any():
        with pytest.raises(ValueError, match="allowed"):
            item_response.two_parameter(table)
        return
    found = item_response.two_parameter(table)
    for each in (found.difficulty_error, found.discrimination, found.discrimination_error):
        assert np.isfinite(each).all()
        assert (each > 0).all()
    assert all(e.low is not None and e.low < e.value for e in found.abilities)


def test_refused() -> None:
    """Few models, wrong shapes, scores out of range, and nothing to learn are refused."""
    scores, *_ = draw(10, 5)
    with pytest.raises(ValueError, match="scores: 6 models; allowed: 10 or more"):
        item_response.two_parameter(scores[:6])
    silent = scores.copy()
    silent[4] = np.nan
    for bad in (scores[0], scores * 2, np.ones((10, 5)), silent):
        with pytest.raises(ValueError, match="allowed"):
            item_response.two_parameter(bad)
