"""Memorization studies through the public interface: one run, several along an axis, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.reports.memorization.folders import LIMIT, answered

from modelmetry import api, runs
from modelmetry.errors import BadInput


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs lie."""
    return tmp_path_factory.mktemp("memorization")


@pytest.fixture(scope="module")
def small(folder: Path) -> Path:
    """What stands there 64 times is continued."""
    return answered(folder, 64, weights=1000)


@pytest.fixture(scope="module")
def large(folder: Path) -> Path:
    """What stands there 16 times or more is continued."""
    return answered(folder, 16, weights=4000)


def test_a_study_counts_what_came_back(large: Path) -> None:
    """Three of seven numbers of copies are continued, and no twin; all of it is recitation."""
    found = api.memorization(large)
    assert found.growth == ()
    (study,) = found.studies
    (task,) = study.tasks
    rates = {(r.by, r.level, r.inserted): r.extracted.value for r in task.rates}
    assert rates["all", "all", True] == pytest.approx(3 / 7)
    assert rates["all", "twins", False] == 0
    assert [rates["duplicates", str(d), True] for d in (8, 16)] == [0, 1]
    whole = next(each for each in task.counterfactual if each.by == "all")
    assert whole.difference.value == pytest.approx(3 / 7)
    assert whole.planted.n == LIMIT
    assert {s.category: s.share.value for s in task.shares if s.share}["recitation"] == 1


def test_the_threshold_moves_the_categories(large: Path) -> None:
    """With a threshold above all numbers of copies nothing is a recitation."""
    (study,) = api.memorization(large, threshold=64).studies
    (task,) = study.tasks
    assert study.threshold == 64
    assert not any(rate.level == "recitation" for rate in task.rates)


def test_several_runs_stand_along_their_weights(small: Path, large: Path) -> None:
    """The number that the back ends told is the axis, and puts the runs in order."""
    found = api.memorization([large, small])
    (growth,) = found.growth
    assert growth.axis == "weights"
    assert [run.at for run in growth.runs] == [1000, 4000]
    assert [run.rates["all"].value for run in growth.runs] == pytest.approx([1 / 7, 3 / 7])
    change = next(each for each in growth.changes if (each.of, each.category) == ("rate", "all"))
    assert change.difference.value == pytest.approx(2 / 7)


def test_stated_places_go_before_weights(small: Path, large: Path) -> None:
    """An axis of any name, in the order of the runs as given."""
    (growth,) = api.memorization([large, small], along="steps", at=[10, 20]).growth
    assert growth.axis == "training steps"
    assert [run.rates["all"].value for run in growth.runs] == pytest.approx([3 / 7, 1 / 7])
    (growth,) = api.memorization([large, small], along="depth", at=[2, 1]).growth
    assert growth.axis == "depth"
    (growth,) = api.memorization([large, small], at=[2, 1]).growth
    assert growth.axis == "place"


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"threshold": -1}, "threshold: -1; allowed: integers from 0"),
        ({"along": "steps"}, "places along training steps are not known; allowed: .*--at"),
        ({"along": " "}, "along: no name"),
        ({"at": [1]}, "1 places for 2 runs; allowed: one for each"),
        ({"at": [1, 1]}, "a place is given twice"),
        ({"at": [1, float("nan")]}, "at: nan; allowed: finite numbers"),
        ({"at": [1, float("inf")]}, "at: inf; allowed: finite numbers"),
    ],
)
def test_wrong_arguments_are_one_line(small: Path, large: Path, options: dict, line: str) -> None:
    """Each names what is allowed."""
    with pytest.raises(BadInput, match=line) as told:
        api.memorization([small, large], **options)
    assert "\n" not in str(told.value)


def test_weights_must_be_known_and_differ(folder: Path, small: Path) -> None:
    """Without a number of every run, or with one for both, places are asked for."""
    unknown = answered(folder, 16)
    with pytest.raises(BadInput, match=r"weights is not known of every run; allowed: .*--at"):
        api.memorization([small, unknown])
    same = answered(folder, 32, weights=1000)
    with pytest.raises(BadInput, match="weights is the same for several runs"):
        api.memorization([small, same], along="weights")


def test_an_axis_needs_two_runs(small: Path) -> None:
    """One run stands nowhere along anything."""
    with pytest.raises(BadInput, match="there is one run"):
        api.memorization(small, along="steps", at=[5])


def test_no_run_no_answers_and_other_suites_are_refused(folder: Path, tmp_path: Path) -> None:
    """Nothing to measure is one clear line."""
    with pytest.raises(BadInput, match="no run; allowed: one or more"):
        api.memorization([])
    with pytest.raises(BadInput, match="no answers yet; allowed: runs with answers"):
        api.memorization(answered(folder, 8, asked=False))
    other = api.run("greater-than", model="reference/chance", log_dir=tmp_path, limit=4)
    with pytest.raises(BadInput, match=r"no task asks what comes next; allowed: .*memorization"):
        api.memorization(other.folder)


def changed(folder: Path, **task: Any) -> Path:
    """A run whose suite names its one task's generator otherwise."""
    run = answered(folder, 16)
    record = runs.read_record(run)
    (asked,) = record.suite.tasks
    suite = replace(record.suite, tasks=(replace(asked, **task),))
    runs.write_record(run, replace(record, suite=suite))
    return run


def test_probes_that_were_moved_are_named(tmp_path: Path) -> None:
    """The run's folder, then the line of the generator; a report says that the study is left out."""
    gone = str(tmp_path / "gone")
    run = changed(tmp_path, generator="extraction", options={"probes": gone})
    with pytest.raises(BadInput) as told:
        api.memorization(run)
    assert str(told.value).startswith(f"{run}: ")
    assert "gone" in str(told.value)
    assert "no task asks" not in str(told.value)
    for path in api.report(run, out=tmp_path / "report")[:2]:
        text = path.read_text("utf-8")
        assert "The memorization study of memorization is left out" in text
        assert "gone" in text
    with pytest.raises(BadInput, match="gone"):
        api.report([run, answered(tmp_path, 64)], out=tmp_path / "both", at=[1, 2])


def test_a_generator_that_changed_is_named(tmp_path: Path) -> None:
    """Where a task asks what comes next, but not as it did, nothing else is said."""
    run = changed(tmp_path, fingerprint="0" * 16)
    with pytest.raises(BadInput, match="memorization no longer makes what the run was asked"):
        api.memorization(run)


def test_one_of_two_tasks_is_not_left_out_in_silence(tmp_path: Path) -> None:
    """Where another task can be studied, the one that cannot is named all the same."""
    run = answered(tmp_path, 16)
    record = runs.read_record(run)
    (asked,) = record.suite.tasks
    gone = replace(asked, name="other", generator="extraction", options={"probes": "gone"})
    runs.write_record(run, replace(record, suite=replace(record.suite, tasks=(asked, gone))))
    with pytest.raises(BadInput, match="gone"):
        api.memorization(run)
