"""From a table of scores to the rows of estimates.csv."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelmetry.analyses import estimate, headline
from modelmetry.analyses.contrasts import contrast_rows
from modelmetry.analyses.measures import Row, accuracy
from modelmetry.analyses.splits import split_rows
from modelmetry.analyses.table import Items, read_items
from modelmetry.suites import Contrast


@pytest.fixture(scope="module")
def suite(addition_suite):
    """Two splits of forty problems."""
    return addition_suite({"held-out": 40, "longer": 40})


@pytest.fixture(scope="module")
def rows(simulated, suite):
    """All estimates of a run in which answers also fail."""
    section = simulated(suite, failing=0.2, repeats=2)
    return estimate(section.record, section.scores)


def _rows(items: Items) -> list[Row]:
    """The rows of the split `held-out`."""
    return list(split_rows(items, "held-out", accuracy(items, items.split.at("held-out"))))


def _value(rows, split, estimand):
    (found,) = [row for row in rows if (row.split, row.estimand) == (split, estimand)]
    return found.estimate


def test_accuracy_is_the_mean_of_item_means(table):
    """Four items with two, one, one and one answers count the same."""
    scores = table(
        [
            {"problem": "a", "value": 1.0},
            {"problem": "a", "value": 0.0, "repeat": 1},
            {"problem": "b", "value": 1.0},
            {"problem": "c", "value": 1.0},
            {"problem": "d", "value": 0.0},
        ]
    )
    found = _value(_rows(read_items(scores)), "held-out", "accuracy")
    assert found.value == pytest.approx(2.5 / 4)
    assert (found.n, found.clusters) == (4, 4)


def test_wordings_of_a_problem_share_its_cluster(rows):
    """Forty problems in two wordings are eighty items and forty clusters."""
    found = _value(rows, "held-out", "accuracy")
    assert (found.n, found.clusters) == (80, 40)


def test_unscored_answers_are_bounded(rows):
    """The accuracy lies between all unscored answers wrong and all right, and they are counted."""
    accuracy = _value(rows, "held-out", "accuracy")
    low = _value(rows, "held-out", "accuracy if unscored wrong")
    high = _value(rows, "held-out", "accuracy if unscored right")
    assert low.value < accuracy.value < high.value
    assert accuracy.unscored == low.unscored > 0


def test_a_split_without_a_score_has_bounds_only(table):
    """Where nothing could be read there is no accuracy, but the bounds 0 and 1."""
    scores = table([{"problem": str(i), "value": None} for i in range(3)])
    found = {row.estimand: row.value for row in _rows(read_items(scores))}
    assert found == {
        "accuracy if unscored wrong": 0.0,
        "accuracy if unscored right": 1.0,
        "outcome: instrument failed": 1.0,
    }


def test_answers_given_are_more_often_right_than_all(rows):
    """What was refused or cut short counts as wrong overall and not at all among the answered."""
    among = _value(rows, "held-out", "accuracy among answered")
    assert among.value > _value(rows, "held-out", "accuracy").value


def test_an_item_that_was_only_refused_is_not_among_the_answered(table):
    """One right and one refused item: half right overall, all right among the answered."""
    rows = [{"value": 1.0}, {"problem": "b", "value": 0.0, "outcome": "refused"}]
    found = {row.estimand: row for row in _rows(read_items(table(rows)))}
    assert found["accuracy"].value == 0.5
    assert found["accuracy among answered"].value == 1.0
    assert found["accuracy among answered"].n_items == 1
    assert found["outcome: refused"].value == 0.5


def test_the_spread_of_wordings_is_their_standard_deviation(table):
    """Accuracies of 50 % and 75 % have a standard deviation of 17.7 points, and differ by 25."""
    rows = [
        {"problem": str(i), "wording": wording, "value": float(i >= wrong)}
        for wording, wrong in (("plain", 2), ("sum", 1))
        for i in range(4)
    ]
    found = {row.estimand: row.value for row in _rows(read_items(table(rows)))}
    assert found["wording spread"] == pytest.approx(0.25 / 2**0.5)
    assert found["wording difference: sum - plain"] == pytest.approx(0.25)


def test_every_wording_level_and_outcome_has_a_row(rows):
    """The estimands are those of the design, for each split."""
    found = {row.estimand for row in rows if row.split == "held-out"}
    expected = {
        *("accuracy", "accuracy among answered", "chance", "accuracy: plain", "accuracy: sum"),
        *("wording spread", "wording difference: sum - plain"),
        *("accuracy | digits=1", "accuracy | digits=2", "outcome: refused"),
        *("errors divisible: by 10", "errors divisible: by 10, if guessed"),
    }
    assert expected <= found


def test_chance_is_known_and_has_no_interval(rows):
    """Chance is computed from the problems, so it has no interval of width 0 either."""
    found = _value(rows, "held-out", "chance")
    assert found.std_error is found.low is found.high is None


def test_no_interval_has_width_zero(rows):
    """Every interval is wider than a point."""
    ends = [(row.ci_low, row.ci_high) for row in rows if row.ci_low is not None]
    assert ends
    assert all(low < high for low, high in ends)


def test_contrasts_are_differences_of_accuracies(rows):
    """The contrast of two splits is the difference of their accuracies."""
    found = _value(rows, "held-out - longer", "contrast: longer gap")
    accuracies = [_value(rows, split, "accuracy").value for split in ("held-out", "longer")]
    assert found.value == pytest.approx(accuracies[0] - accuracies[1])


def test_a_contrast_across_different_chances_is_adjusted(table, suite):
    """Guessing half right on one side is no ability: the adjusted contrast takes it out."""
    scores = table(
        [{"problem": f"a{i}", "value": float(i % 4 > 0), "chance": 0.5} for i in range(20)]
        + [{"problem": f"b{i}", "value": 0.0, "split": "longer"} for i in range(20)]
    )
    plain, adjusted = contrast_rows(suite, read_items(scores))
    assert plain.value == pytest.approx(0.75)
    assert adjusted.value == pytest.approx(0.5)
    assert any("chance differs" in line for line in plain.estimate.warnings)


def test_different_answer_marginals_are_pointed_out(table, suite):
    """Splits whose right answers are differently common are not compared in silence."""
    rows = [
        {"problem": f"{s}{i}", "split": s, "value": 1.0, "expected": "yes" if i < n else "no"}
        for s, n in (("held-out", 10), ("longer", 15))
        for i in range(20)
    ]
    (found,) = contrast_rows(suite, read_items(table(rows)))
    assert any("total variation 0.25" in line for line in found.estimate.warnings)


def test_a_constant_answer_gains_nothing_in_balanced_accuracy(table):
    """Always saying yes is 75 % right on 75 % yes, and 50 % balanced."""
    rows = [
        {"problem": str(i), "value": float(i % 4 > 0), "expected": "yes" if i % 4 else "no"}
        for i in range(40)
    ]
    found = {row.estimand: row.value for row in _rows(read_items(table(rows)))}
    assert found["accuracy"] == 0.75
    assert found["balanced accuracy"] == 0.5


def test_the_headline_is_the_accuracy_on_primary_splits(simulated, suite):
    """Only primary splits make the headline; without any, all do."""
    section = simulated(suite)
    assert [row.split for row in headline(section.record, section.scores)] == ["held-out"]
    record = replace(section.record, suite=replace(suite, primary=()))
    assert [row.split for row in headline(record, section.scores)] == ["held-out", "longer"]


def test_a_contrast_with_an_unasked_split_is_left_out(simulated, suite):
    """A contrast whose split has no answers gives no row rather than a fault."""
    section = simulated(suite)
    contrast = Contrast(name="gone", a="held-out", b="carry")
    items = read_items(section.scores)
    assert contrast_rows(replace(suite, contrasts=(contrast,)), items) == []


def test_the_constant_answer_is_a_reference(simulated, addition_suite):
    """One-digit sums allow a constant answer that beats nothing but shows what blind luck gives."""
    section = simulated(addition_suite({"held-out": 7, "carry": 30}, options={"digits": 1}))
    found = [r for r in estimate(section.record, section.scores) if r.kind == "constant answer"]
    assert [row.split for row in found] == ["held-out", "carry"]
    assert all(0 <= row.value < 0.6 for row in found)


def test_no_constant_answer_without_the_generator_that_asked(simulated, addition_suite):
    """A run made by another version of the generator is not measured against today's problems."""
    section = simulated(addition_suite({"held-out": 10}))
    (task,) = section.record.suite.tasks
    other = replace(section.record.suite, tasks=(replace(task, fingerprint="0" * 16),))
    rows = estimate(replace(section.record, suite=other), section.scores)
    assert not [row for row in rows if row.kind == "constant answer"]
