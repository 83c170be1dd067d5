"""Scores as arrays, one entry per item."""

from __future__ import annotations

import numpy as np
import pytest

from modelmetry.analyses.table import KINDS, read_items
from modelmetry.errors import BadInput


def test_repeats_of_an_item_are_averaged_first(table):
    """An item asked three times is one observation: the mean of its three scores."""
    items = read_items(
        table(
            [
                {"problem": "a", "repeat": 0, "value": 1.0},
                {"problem": "b", "repeat": 0, "value": 1.0},
                {"problem": "a", "repeat": 1, "value": 0.0},
                {"problem": "a", "repeat": 2, "value": 0.0},
            ]
        )
    )
    assert items.value.tolist() == [1 / 3, 1.0]
    assert items.repeats.tolist() == [3, 1]


def test_an_unscored_repeat_is_left_out_and_counted(table):
    """What the instrument failed to read neither helps nor harms the item's mean."""
    items = read_items(table([{"value": 1.0}, {"value": None, "repeat": 1}]))
    assert items.value.tolist() == [1.0]
    assert items.unscored.tolist() == [1]
    assert items.filled(0.0).tolist() == [0.5]
    assert items.filled(1.0).tolist() == [1.0]


def test_an_item_without_a_score_is_not_scored(table):
    """An item all of whose answers failed to be read is known to have no value."""
    items = read_items(table([{"problem": "a", "value": None}, {"problem": "b", "value": 1.0}]))
    assert items.scored.tolist() == [False, True]


def test_items_keep_the_order_of_the_table(table):
    """Items stand in the order in which the table first shows them."""
    items = read_items(table([{"problem": p, "value": 1.0} for p in "cab"]))
    assert items.uid.to_pylist() == [f"addition/{p}/plain" for p in "cab"]


def test_a_problem_in_two_splits_is_two_items(table):
    """The same problem asked in two splits counts in each."""
    items = read_items(
        table([{"split": "held-out", "value": 1.0}, {"split": "carry", "value": 0.0}])
    )
    assert items.value.tolist() == [1.0, 0.0]
    assert items.split.at("carry").tolist() == [False, True]


def test_answers_are_counted_by_kind(table):
    """Every answer is right, partly right, wrong, or what its outcome says."""
    rows = [
        {"problem": "a", "value": 1.0},
        {"problem": "b", "value": 0.5},
        {"problem": "c", "value": 0.0},
        {"problem": "d", "value": 0.0, "outcome": "refused"},
        {"problem": "e", "value": None},
    ]
    counts = read_items(table(rows)).outcomes.sum(axis=0)
    found = {kind: int(n) for kind, n in zip(KINDS, counts, strict=True) if n}
    assert found == {
        "right": 1,
        "partly right": 1,
        "wrong": 1,
        "refused": 1,
        "instrument failed": 1,
    }


def test_accuracy_among_answered_leaves_refusals_out(table):
    """A refusal is a wrong answer, but no answer."""
    rows = [{"value": 1.0}, {"value": 0.0, "repeat": 1, "outcome": "refused"}]
    items = read_items(table(rows))
    assert items.value.tolist() == [0.5]
    assert items.among.tolist() == [1.0]
    assert items.answers.tolist() == [1]


def test_levels_are_sorted_as_numbers(table):
    """Level 10 stands after level 9, and levels of other splits are not named."""
    rows = [
        {"problem": str(n), "value": 1.0, "factors": f'{{"steps":{n},"far":{str(n > 9).lower()}}}'}
        for n in (10, 9, 100)
    ]
    items = read_items(table(rows))
    levels = items.levels(np.array([True, True, False]))
    assert levels["steps"].names == ("9", "10")
    assert levels["steps"].at("10").tolist() == [True, False, False]
    assert levels["far"].names == ("false", "true")


@pytest.mark.parametrize("change", ["drop", "empty"])
def test_what_is_not_a_table_of_scores_is_refused(table, change):
    """A missing column and a table without rows are each one clear line."""
    scores = table([{"value": 1.0}])
    scores = scores.drop_columns(["value"]) if change == "drop" else scores.slice(0, 0)
    with pytest.raises(BadInput, match="allowed"):
        read_items(scores)
