"""The order test: valid where orders were as likely, blunt to what is not order, its twin by permutation."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from modelmetry.statistics.ordering import gains, order_test


def by_signs(gained: np.ndarray) -> float:
    """The twin: share of all ways to give the gains signs in which their mean is as high."""
    ways = np.array(list(product((-1, 1), repeat=len(gained))))
    return float((ways @ np.abs(gained) >= gained.sum() - 1e-9).mean())


def by_orders(logprobs: np.ndarray, rng: np.random.Generator, draws: int = 4000) -> float:
    """The other twin: in each shard any of its orders is taken for the published one, at random."""
    n, orders = logprobs.shape

    def statistic(chosen: np.ndarray) -> np.ndarray:
        value = logprobs[np.arange(n), chosen]
        rest = (logprobs.sum(axis=1) - value) / (orders - 1)
        return (value - rest).sum(axis=-1)

    first = statistic(np.zeros(n, dtype=int))
    drawn = statistic(rng.integers(0, orders, size=(draws, n)))
    return float((1 + (drawn >= first - 1e-9).sum()) / (1 + draws))


def test_gains_are_differences_from_the_mean_order() -> None:
    """Worked by hand; what is added to a whole shard does not matter."""
    found = gains([-10.0, -20.0], [[-12.0, -14.0], [-20.0, -19.0]])
    assert found == pytest.approx([3.0, -0.5])
    moved = gains([-110.0, -20.0], [[-112.0, -114.0], [-20.0, -19.0]])
    assert moved == pytest.approx(found)


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=30).filter(lambda x: np.ptp(x) > 1e-3))
def test_it_is_students_t(gained: list[float]) -> None:
    """Statistic, p and interval are scipy's."""
    found = order_test(gained)
    twin: Any = stats.ttest_1samp(gained, 0.0, alternative="greater")
    assert found.statistic == pytest.approx(twin.statistic)
    assert found.p == pytest.approx(twin.pvalue)
    both: Any = stats.ttest_1samp(gained, 0.0)
    low, high = both.confidence_interval(0.95)
    assert (found.gain.low, found.gain.high) == pytest.approx((low, high))
    assert found.df == len(gained) - 1


@pytest.mark.parametrize("seed", range(6))
def test_its_permutation_twins_agree(seed: int) -> None:
    """With gains of every size, flipping signs and exchanging orders give about the same p."""
    rng = np.random.default_rng(seed)
    logprobs = rng.normal(size=(14, 10)) + rng.normal(size=(14, 1)) * 50
    logprobs[:, 0] += 0.15 * seed
    gained = gains(logprobs[:, 0], logprobs[:, 1:])
    found = order_test(gained)
    assert found.p == pytest.approx(by_signs(gained), abs=0.03)
    assert found.p == pytest.approx(by_orders(logprobs, rng), abs=0.05)


def _errs(draw: Callable[..., np.ndarray]) -> float:
    """How often p < 0.05 where all orders are as likely, in 2,000 studies of 20 shards."""
    found = (draw(size=(20, 8)) for _ in range(2000))
    ps = [order_test(gains(x[:, 0], x[:, 1:])).p for x in found]
    return float(np.mean([p < 0.05 for p in ps if p is not None]))


def test_it_errs_as_often_as_it_says() -> None:
    """Where all orders are as likely, and no oftener where log-probabilities are skewed to the right."""
    rng = np.random.default_rng(1)
    assert _errs(rng.standard_normal) == pytest.approx(0.05, abs=0.015)
    assert 0.005 < _errs(rng.standard_exponential) < 0.05


def test_what_is_detectable_is_found_in_four_of_five() -> None:
    """A true gain of that size has p < 0.05 in about 80 % of studies."""
    rng = np.random.default_rng(2)
    noise = rng.normal(size=(3000, 20))
    least = float(np.mean([order_test(row).detectable or 0.0 for row in noise[:300]]))
    found = [order_test(row + least).p for row in noise]
    assert np.mean([p < 0.05 for p in found if p is not None]) == pytest.approx(0.8, abs=0.03)


def test_controls_take_away_what_both_editions_have() -> None:
    """A pattern that is likelier in its own order in both is no gain beyond the controls."""
    rng = np.random.default_rng(3)
    pattern = rng.normal(5, 0.5, size=25)
    gained, controls = pattern + rng.normal(size=25), pattern + rng.normal(size=25)
    alone, beyond = order_test(gained), order_test(gained, controls)
    assert alone.p is not None
    assert alone.p < 1e-9
    assert beyond.p is not None
    assert beyond.p > 0.05
    assert beyond.gain.value == pytest.approx(float((gained - controls).mean()))


def test_too_little_is_said() -> None:
    """One shard, or gains that do not differ, give a value and a warning, and no test."""
    for gained in ([1.0], [2.0, 2.0, 2.0]):
        found = order_test(gained)
        assert found.gain.value == gained[0]
        assert (found.p, found.statistic, found.gain.low, found.detectable) == (None,) * 4
        assert found.gain.warnings
    assert any("3 shards" in text for text in order_test([1.0, 2.0, 4.0]).gain.warnings)


@pytest.mark.parametrize(
    ("given", "where"),
    [
        (([], None), "gained"),
        (([1.0, np.nan], None), "gained"),
        (([1.0, 2.0], [1.0]), "controls"),
    ],
)
def test_bad_input_is_refused(given: tuple[list[float], list[float] | None], where: str) -> None:
    """What cannot be used is named."""
    with pytest.raises(ValueError, match=where):
        order_test(*given)


def test_orders_of_every_shard_are_needed() -> None:
    """Shapes that do not fit are refused."""
    with pytest.raises(ValueError, match="one for each shard"):
        gains([1.0, 2.0], [[1.0, 2.0]])
    for name in ("level", "power"):
        with pytest.raises(ValueError, match=name):
            order_test([1.0, 2.0], **{name: 1.0})
