"""The e-detector: bets, evidence and its proved run length."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics.betting import log_stakes
from modelmetry.statistics.e_detectors import e_detector

CHANGES = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]), min_size=1, max_size=5)


@given(st.lists(CHANGES, min_size=1, max_size=5), st.floats(-0.5, 0.0), st.floats(0.0, 0.5))
@settings(deadline=None, max_examples=50)
def test_evidence_is_its_slow_twin(nights: list[list[float]], low: float, high: float) -> None:
    """Evidence is the sum over starting nights of the product of all later bets, averaged over bets."""
    found = e_detector(nights, run_length=50, null=(low, high))
    odds = np.expm1(log_stakes(np.ones(1))[0])
    for night in range(len(nights)):
        totals = {True: 0.0, False: 0.0}
        for odd in odds:
            mean = ((high if odd > 0 else low) + 1) / 2
            for start in range(night + 1):
                product = 1.0
                for changes in nights[start : night + 1]:
                    for x in changes:
                        product *= (1 + odd * (x + 1) / 2) / (1 + odd * mean)
                totals[bool(odd > 0)] += product / len(odds)
        assert math.exp(found.upper[night]) == pytest.approx(totals[True], rel=1e-6)
        assert math.exp(found.lower[night]) == pytest.approx(totals[False], rel=1e-6)


def test_evidence_grows_by_at_most_one_a_night() -> None:
    """While nothing changes, the mean evidence after t nights is at most t, over all outcomes."""
    outcomes = [[a, b] for a in (-1.0, 1.0) for b in (-1.0, 1.0)]
    total = 0.0
    for first in outcomes:
        for second in outcomes:
            found = e_detector([first, second], run_length=10)
            total += math.exp(found.upper[1]) + math.exp(found.lower[1])
    assert total / 16 == pytest.approx(2)


def test_items_need_not_be_alike() -> None:
    """Items whose means only average to the null keep the evidence at one a night or less."""
    total = 0.0
    for a, p in ((1.0, 0.9), (-1.0, 0.1)):
        for b, q in ((1.0, 0.1), (-1.0, 0.9)):
            found = e_detector([[a, b]], run_length=10)
            total += p * q * (math.exp(found.upper[0]) + math.exp(found.lower[0]))
    assert total <= 1


@pytest.mark.parametrize("sign", [1, -1])
def test_a_change_is_found_and_its_side_named(sign: int) -> None:
    """A mean change of 0.2 in 200 items a night alarms within days, on its own side."""
    rng = np.random.default_rng(0)
    calm = [rng.choice([-1.0, 0.0, 1.0], p=[0.1, 0.8, 0.1], size=200) for _ in range(20)]
    moved = [sign * rng.choice([-1.0, 0.0, 1.0], p=[0.05, 0.7, 0.25], size=200) for _ in range(10)]
    found = e_detector([*calm, *moved], run_length=1000)
    assert found.first is not None
    assert 20 <= found.first < 24
    assert (found.upper[-1] > found.lower[-1]) == (sign > 0)
    assert found.limit == pytest.approx(math.log(1000))
    assert e_detector(calm, run_length=1000).first is None


def test_a_wider_null_is_slower() -> None:
    """Evidence against a range is not above that against a point inside it."""
    nights = np.random.default_rng(0).uniform(-0.5, 1, (10, 5)).tolist()
    point, wide = (
        e_detector(nights, run_length=9, null=null) for null in ((0.0, 0.0), (-0.1, 0.2))
    )
    assert (wide.upper <= point.upper + 1e-12).all()
    assert (wide.lower <= point.lower + 1e-12).all()


@pytest.mark.parametrize(
    ("nights", "options", "line"),
    [
        ([], {}, "nights: no values"),
        ([[0.0], []], {}, r"nights\[1\]: no values"),
        ([[0.0, math.nan]], {}, r"nights\[0\]: value 1 is nan"),
        ([[2.0]], {}, r"nights\[0\]: 2.0 to 2.0; allowed: -1"),
        ([[0.0]], {"run_length": 1}, "run_length: 1; allowed: numbers above 1"),
        ([[0.0]], {"null": (0.1, 0.0)}, "null: 0.1 to 0.0; allowed: a range inside"),
        ([[0.0]], {"null": (-1.0, 0.0)}, "null: -1.0 to 0.0; allowed: a range inside"),
        ([[0.0]], {"bounds": (-math.inf, 1.0)}, "bounds: -inf"),
    ],
)
def test_bad_input(nights: list[list[float]], options: dict, line: str) -> None:
    """Nights without changes, changes out of bounds and nulls at a bound are refused."""
    with pytest.raises(ValueError, match=line):
        e_detector(nights, **{"run_length": 50, **options})


def test_nights_with_luck_of_their_own_are_given_as_means() -> None:
    """Where items share a night's luck, their mean as one change keeps the run length."""
    stream, lengths, promised = np.random.default_rng(4), [], 40
    for _ in range(60):
        luck = stream.normal(0, 0.08, 4 * promised)
        nights = [[float(((stream.random(50) < 0.7 + x) - 0.7).mean())] for x in luck]
        found = e_detector(nights, run_length=promised).first
        lengths.append(len(nights) if found is None else found + 1)
    assert np.mean(lengths) >= promised
