"""The whole study of a run, and what it adds to a run's estimates."""

from __future__ import annotations

import numpy as np
import pytest
from tests.memorized_runs import Law, memorized_run
from tests.simulated_runs import addition_suite, simulated

from modelmetry.analyses.estimates import analyze
from modelmetry.analyses.memorization.rows import memorization_rows
from modelmetry.analyses.memorization.study import study


@pytest.fixture(scope="module")
def section():
    """A run with log-probabilities and two wordings."""
    return memorized_run(
        Law(halfway=6, rules=0.6), logprobs=True, wordings=("whole", "half"), failing=0.02
    )


@pytest.fixture(scope="module")
def found(section):
    """Its study, with few resamples."""
    return study(section.record, section.scores, resamples=2)


def test_a_study_has_all_parts(section, found):
    """Every question has its answer, and warnings of further wordings name them."""
    assert (found.model, found.threshold) == (section.record.model, 5)
    (task,) = found.tasks
    for part in ("rates", "shares", "counterfactual", "halfway", "exposure", "dependence"):
        assert getattr(task, part)
    assert task.predictions is not None
    assert [w.partition(":")[0] for w in task.warnings if "scored" in w][1:] == ["half"]
    without = study(section.record, section.scores, resamples=0)
    assert without.tasks[0].predictions is None
    assert without.tasks[0].rates == task.rates


def test_rows_tell_every_number_once(found):
    """Rows have distinct names, values within their intervals, and those of the study."""
    rows = memorization_rows(found)
    names = [(row.split, row.estimand) for row in rows]
    assert len(set(names)) == len(names)
    assert {row.split for row in rows} == {"memorization"}
    (task,) = found.tasks
    by_name = {row.estimand: row.estimate for row in rows}
    assert {row.kind for row in rows} == {
        *("extraction rate", "prefix recovered", "edit distance", "share of extracted"),
        *("counterfactual memorization", "duplicates at half", "canary exposure"),
        *("dependence on feature", "prediction of extraction", "gain of prediction"),
        "log odds of extraction",
    }
    assert by_name["extraction rate: all"] == task.rates[0].extracted
    assert by_name["extraction rate: twins"] == task.rates[1].extracted
    assert "extraction rate: template=none, twins" in by_name
    assert "extraction rate: canary=twins" in by_name
    assert "extraction rate: wording=half, twins" in by_name
    assert by_name["counterfactual memorization: duplicates=64"].value == pytest.approx(
        next(c for c in task.counterfactual if c.level == "64").difference.value
    )
    assert "p = " in by_name["counterfactual memorization: all"].method
    assert "at most 5.17 bits" in by_name["canary exposure: duplicates=64"].method
    for row in rows:
        assert np.isfinite(row.value)
        assert row.ci_low is None or row.ci_low <= row.value + 1e-9
        assert row.ci_high is None or row.value <= row.ci_high + 1e-9


def test_a_run_about_something_else_has_no_study():
    """No study, no rows, and the analysis says None."""
    other = simulated(addition_suite({"held-out": 30}))
    assert study(other.record, other.scores) is None
    assert memorization_rows(None) == []
    assert analyze(other.record, other.scores).memorization is None


def test_the_analysis_of_a_run_has_the_study():
    """What a report is made of holds the study, and its rows are among the estimates."""
    section = memorized_run(Law(recall=0, rules=0))
    found = analyze(section.record, section.scores)
    assert found.memorization is not None
    assert found.memorization.tasks[0].predictions is None
    wanted = [row.estimand for row in memorization_rows(found.memorization)]
    assert wanted
    assert [row.estimand for row in found.rows if row.estimand in wanted] == wanted


@pytest.mark.parametrize("failing", [1.0])
def test_a_run_of_which_nothing_was_scored(failing):
    """Where every reply was lost there are warnings and no numbers, and nothing fails."""
    section = memorized_run(failing=failing)
    found = study(section.record, section.scores)
    (task,) = found.tasks
    assert (task.rates, task.counterfactual, task.halfway) == ((), (), ())
    assert task.predictions is None
    assert any("could not be scored" in warning for warning in task.warnings)
    assert memorization_rows(found) == []


def test_a_study_of_one_table_is_the_same_again():
    """Held-out rows and resamples are drawn by the seed: the same one tells the same, another not."""
    section = memorized_run(splits={"planted": 120})
    (one,), (two,), (other,) = (
        study(section.record, section.scores, resamples=2, seed=seed).tasks for seed in (0, 0, 1)
    )
    assert one.predictions.qualities == two.predictions.qualities
    assert one.predictions.qualities != other.predictions.qualities
