"""Accuracy against difficulty."""

from __future__ import annotations

import pytest

from modelmetry.analyses.difficulty import MOST_POINTS, find_curves, threshold_rows
from modelmetry.analyses.table import read_items


def _holds(found, truth):
    return found.low < truth < found.high


def test_the_threshold_of_a_known_respondent_is_found(simulated, addition_suite):
    """A respondent whose logit is 3.5 minus the digits is half-way at 3.5 digits."""
    suite = addition_suite({"held-out": 100, "longer": 300})
    items = read_items(simulated(suite, ability=3.5, repeats=2).scores)
    (curve,) = find_curves(suite, items)
    assert curve.threshold is not None
    assert _holds(curve.threshold, 3.5)
    assert curve.threshold.value == pytest.approx(3.5, abs=0.3)
    rows = threshold_rows([curve])
    assert {row.split for row in rows} == {"addition"}
    assert [row.estimand for row in rows] == [
        "difficulty threshold: digits",
        "difficulty slope: digits",
        "lapse rate: digits",
    ]
    assert curve.slope is not None
    assert _holds(curve.slope, 1.0)


def test_lapses_are_a_ceiling_and_not_a_lower_threshold(table, addition_suite):
    """Someone who loses one answer in six at any difficulty has a ceiling of five sixths."""
    levels = ((1.0, 100), (2.0, 100), (3.0, 98), (4.0, 82), (5.0, 22), (6.0, 4))
    rows = [
        {"problem": f"{level}-{i}", "value": float(i < right), "difficulty": level}
        for level, right in levels
        for i in range(120)
    ]
    (curve,) = find_curves(addition_suite({"held-out": 10}), read_items(table(rows)))
    assert curve.lapse is not None
    assert curve.lapse.value == pytest.approx(1 / 6, abs=0.02)
    assert curve.threshold is not None
    assert curve.threshold.value == pytest.approx(4.5, abs=0.1)
    assert {round(top, 9) for _, top in curve.ceiling} == {round(1 - curve.lapse.value, 9)}


def test_the_threshold_is_above_guessing(table, addition_suite):
    """With two choices, half-way is 75 %: 90 % falling to 60 % passes it, though never 50 %."""
    rows = [
        {
            "problem": f"{level}-{i}",
            "value": float(i < 100 - 10 * level),
            "difficulty": float(level),
            "chance": 0.5,
        }
        for level in (1, 2, 3, 4)
        for i in range(100)
    ]
    (curve,) = find_curves(addition_suite({"held-out": 10}), read_items(table(rows)))
    assert curve.threshold is not None
    assert curve.threshold.value == pytest.approx(2.5, abs=0.2)
    assert {chance for _, chance in curve.chance} == {0.5}


def test_a_flat_respondent_has_a_reason_instead_of_a_threshold(simulated, addition_suite):
    """Someone who is always right has no threshold, and the curve says why."""
    suite = addition_suite({"held-out": 30, "longer": 30})
    (curve,) = find_curves(suite, read_items(simulated(suite, ability=30.0).scores))
    assert curve.threshold is None
    assert "saturated" in curve.reason


def test_points_cover_every_split_and_level(simulated, addition_suite):
    """Two digits in one split and three to six in the other are six points."""
    suite = addition_suite({"held-out": 60, "longer": 60})
    (curve,) = find_curves(suite, read_items(simulated(suite).scores))
    found = [(point.split, point.level) for point in curve.points]
    assert found == [("held-out", 1.0), ("held-out", 2.0), *(("longer", d) for d in (3, 4, 5, 6))]


def test_many_levels_share_points(table, addition_suite):
    """A hundred levels make at most twelve points that hold every item once."""
    rows = [
        {"problem": str(i), "value": float(i % 3 == 0), "difficulty": float(i)} for i in range(100)
    ]
    suite = addition_suite({"held-out": 10})
    (curve,) = find_curves(suite, read_items(table(rows)))
    assert 1 < len(curve.points) <= MOST_POINTS
    assert sum(point.estimate.n for point in curve.points) == 100


def test_one_level_is_no_curve(table, addition_suite):
    """Accuracy at a single difficulty is a point, not a curve."""
    items = read_items(table([{"value": 1.0}, {"problem": "b", "value": 0.0}]))
    assert find_curves(addition_suite({"held-out": 10}), items) == []
