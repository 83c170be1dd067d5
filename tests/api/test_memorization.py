"""Memorization studies through the public interface: one run, several along an axis, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.reports.memorization.folders import LIMIT, answered

from modelmetry import api
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
