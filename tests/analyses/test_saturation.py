"""Headroom."""

from __future__ import annotations

import pytest

from modelmetry.analyses.estimates import estimate
from modelmetry.analyses.saturation import headroom_rows, saturations


def _flags(rows):
    return {label: found.flag for label, found in saturations(rows, [r.split for r in rows])}


@pytest.mark.parametrize(("ability", "flag"), [(30.0, "saturated"), (2.0, ""), (-30.0, "floor")])
def test_the_place_of_a_known_respondent(simulated, addition_suite, ability, flag):
    """Always right is saturated, half right has room, and never right is at the floor."""
    section = simulated(addition_suite({"held-out": 200}), ability=ability)
    rows = estimate(section.record, section.scores)
    assert set(_flags(rows).values()) == {flag}
    (row,) = [row for row in rows if row.kind == "headroom"]
    accuracy = next(row for row in rows if row.kind == "accuracy")
    assert row.split == accuracy.split
    assert row.value == pytest.approx(1 - accuracy.value)


def test_only_the_headline_has_headroom(simulated, addition_suite):
    """Splits that are not primary have no such row, and unknown ones none either."""
    section = simulated(addition_suite({"held-out": 40, "longer": 40}))
    rows = estimate(section.record, section.scores)
    assert [row.split for row in rows if row.kind == "headroom"] == ["held-out"]
    assert headroom_rows(rows, ["gone"]) == []
