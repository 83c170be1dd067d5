"""Room above a score."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmetry.statistics import means, proportions
from modelmetry.statistics.saturation import saturation, smallest_gain


def power(n: int, gain: float) -> float:
    """Chance that the exact paired test sees that each item turns right with probability `gain`."""
    return sum(
        math.comb(n, k) * gain**k * (1 - gain) ** (n - k)
        for k in range(n + 1)
        # Two-sided: k changes all in one direction, or all in the other.
        if 2 * 0.5**k <= 0.05
    )


@pytest.mark.parametrize("n", [6, 40, 100, 500])
def test_the_smallest_gain_is_seen_four_times_in_five(n: int) -> None:
    """Summing the binomial distribution term by term gives the promised power."""
    assert power(n, smallest_gain(n)) == pytest.approx(0.8)


def test_a_perfect_score_is_saturated() -> None:
    """50 of 50 leaves no room, and says that a perfect model could not be told apart."""
    found = saturation(proportions.wilson(50, 50), 0.25)
    assert found.flag == "saturated"
    assert not found.improvable
    assert found.headroom.value == 0
    assert found.room is None
    assert "perfect" in found.headroom.warnings[0]


def test_more_items_find_room_again() -> None:
    """94 % of 50 items cannot be improved on visibly, 94 % of 1,000 can."""
    assert saturation(proportions.wilson(47, 50), 0.0).flag == "saturated"
    found = saturation(proportions.wilson(940, 1000), 0.0)
    assert (found.flag, found.improvable) == ("", True)
    assert found.room == pytest.approx(0.06 / math.sqrt(0.94 * 0.06 / 1000))


def test_the_last_twentieth_is_saturated_with_any_number_of_items() -> None:
    """99 % of 100,000 items has room that can be seen, of which little is left."""
    found = saturation(proportions.wilson(99_000, 100_000), 0.5)
    assert (found.flag, found.improvable) == ("saturated", True)
    assert "twentieth" in found.headroom.warnings[0]


def test_a_score_at_chance_is_at_the_floor() -> None:
    """27 of 100 with a chance of a quarter is at the floor; 10 of 100 is told apart, from below."""
    assert saturation(proportions.wilson(27, 100), 0.25).flag == "floor"
    assert saturation(proportions.wilson(10, 100), 0.25).flag == ""


def test_headroom_turns_the_interval_around() -> None:
    """The headroom's ends are the ceiling less the score's, the upper one first."""
    score = proportions.wilson(80, 100)
    found = saturation(score, 0.25, ceiling=0.9).headroom
    assert score.low is not None
    assert score.high is not None
    assert found.value == pytest.approx(0.1)
    assert (found.low, found.high) == pytest.approx((0.9 - score.high, 0.9 - score.low))
    assert found.std_error == score.std_error


def test_one_cluster_says_nothing() -> None:
    """Without a standard error there is no flag and nothing detectable."""
    found = saturation(means.mean([1.0, 0.0], [0, 0]), 0.0)
    assert (found.flag, found.detectable, found.room, found.improvable) == ("", None, None, False)


@given(n=st.integers(2, 300), share=st.floats(0, 1), chance=st.sampled_from([0.0, 0.25, 0.5]))
def test_any_score(n: int, share: float, chance: float) -> None:
    """A flag has its reason, and what is not saturated can be improved on visibly."""
    found = saturation(proportions.wilson(round(share * n), n), chance)
    assert len(found.headroom.warnings) == (found.flag != "")
    assert found.improvable or found.flag
    assert found.detectable is not None
    assert 0 < found.detectable <= 1


@given(st.lists(st.floats(1, 1e5), min_size=2, max_size=2, unique=True))
def test_more_items_see_less(sizes: list[float]) -> None:
    """The smallest gain never grows with the number of items."""
    assert smallest_gain(max(sizes)) <= smallest_gain(min(sizes)) + 1e-12


def test_refused() -> None:
    """Chance at the ceiling, a score that is none, and no items are refused with what is allowed."""
    score = proportions.wilson(5, 10)
    for chance, ceiling in ((1.0, 1.0), (-0.1, 1.0), (0.5, 0.4), (0.0, 1.1), (np.nan, 1.0)):
        with pytest.raises(ValueError, match="allowed"):
            saturation(score, chance, ceiling=ceiling)
    with pytest.raises(ValueError, match="allowed"):
        saturation(means.mean([4.0, 5.0], bounds=None), 0.0)
    for n, power in ((0, 0.8), (np.nan, 0.8), (10, 1.0)):
        with pytest.raises(ValueError, match="allowed"):
            smallest_gain(n, power=power)
