"""Memorization along size or training: several runs of the same probes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import t as student
from tests.memorized_runs import Law, memorized_run

from modelmetry.analyses.memorization.growth import find_growth
from modelmetry.analyses.memorization.study import study
from modelmetry.errors import BadInput
from modelmetry.statistics import multiplicity, pairs

LAWS = (Law(halfway=40, rules=0.5), Law(halfway=12, rules=0.6), Law(halfway=4, rules=0.65))
CATEGORIES = ["recitation", "reconstruction", "recollection"]


def _study(law, draws=0, **given):
    section = memorized_run(law, draws=draws, **given)
    return study(section.record, section.scores, resamples=0)


@pytest.fixture(scope="module")
def studies():
    """A small, a middling and a large model."""
    return [_study(law, draws) for draws, law in enumerate(LAWS)]


def _growth(studies, at=(1e6, 4e6, 16e6)):
    (found,) = find_growth(studies, ["small", "middling", "large"], at, "weights")
    return found


def test_runs_stand_by_their_place(studies):
    """Runs are ordered along the axis, each with the rates and shares of its own study."""
    found = find_growth(
        [studies[2], studies[0], studies[1]], ["large", "small", "middling"], [16, 1, 4], "weights"
    )
    (growth,) = found
    assert (growth.axis, growth.task, growth.warnings) == ("weights", "memorization", ())
    assert [(run.name, run.at) for run in growth.runs] == [
        ("small", 1.0),
        ("middling", 4.0),
        ("large", 16.0),
    ]
    for run, each in zip(growth.runs, studies, strict=True):
        (task,) = each.tasks
        rates = {(rate.by, rate.level): rate.extracted for rate in task.rates}
        assert list(run.rates) == ["all", *CATEGORIES]
        assert run.rates["all"] == rates["all", "all"]
        assert run.rates["recollection"] == rates["category", "recollection"]
        assert run.twins == rates["all", "twins"]
        assert run.shares == {share.category: share.share for share in task.shares}
        assert run.halfway == task.halfway[0].duplicates


def test_changes_are_of_the_last_and_the_first(studies):
    """Rates change by paired differences on the planted sequences, corrected over the categories."""
    first, last = (each.tasks[0].probes for each in (studies[0], studies[2]))
    order = np.argsort(last.problem)
    after = last.extracted[order][np.searchsorted(last.problem[order], first.problem)]
    changes = {(c.of, c.category): c for c in _growth(studies).changes}
    assert list(changes) == [
        *(("rate", name) for name in ("all", *CATEGORIES)),
        *(("share", name) for name in CATEGORIES),
    ]
    bare = []
    for name in ("all", *CATEGORIES):
        where = first.planted & ((name == "all") | (first.category == name))
        found = pairs.paired(after[where], first.extracted[where])
        change = changes["rate", name]
        assert change.difference.value == pytest.approx(found.mean.value)
        bare.append(pairs.p_value(found))
    assert changes["rate", "all"].p == pytest.approx(bare[0])
    assert [changes["rate", name].p for name in CATEGORIES] == pytest.approx(
        multiplicity.holm(bare[1:]).tolist()
    )
    assert changes["rate", "all"].p < 1e-6


def test_the_same_problems_are_paired_in_whatever_order_they_were_asked(studies):
    """A run whose rows stand in another order changes nothing, whether it is the first or the last."""
    section = memorized_run(LAWS[2], draws=2)
    order = np.random.default_rng(0).permutation(len(section.scores))
    other = study(section.record, section.scores.take(pa.array(order)), resamples=0)
    probes, shuffled = (each.tasks[0].probes for each in (studies[2], other))
    assert (probes.problem != shuffled.problem).any()
    for at in ((1, 2), (2, 1)):
        (one,), (two,) = (
            find_growth([studies[0], last], ["a", "b"], at, "weights")
            for last in (studies[2], other)
        )
        for a, b in zip(one.changes, two.changes, strict=True):
            assert (a.of, a.category, a.difference.n) == (b.of, b.category, b.difference.n)
            assert a.difference.value == pytest.approx(b.difference.value)
            assert a.difference.std_error == pytest.approx(b.difference.std_error)
            assert a.p == pytest.approx(b.p, rel=1e-6)


def _shares(before, after, mine):
    return after[mine].sum() / after.sum() - before[mine].sum() / before.sum()


def test_changes_of_shares_have_the_jackknifes_error(studies):
    """The value is the difference of the shares, and its error is that of leaving out each sequence."""
    first, last = (each.tasks[0].probes for each in (studies[0], studies[2]))
    mine, yours = np.argsort(first.problem), np.argsort(last.problem)
    kept = first.planted[mine]
    before, after = first.extracted[mine][kept], last.extracted[yours][kept]
    category = first.category[mine][kept]
    seen = (before > 0) | (after > 0)
    before, after, category = before[seen], after[seen], category[seen]
    n = len(before)
    for change in _growth(studies).changes:
        if change.of == "share":
            of = category == change.category
            assert change.difference.value == pytest.approx(_shares(before, after, of))
            left = [
                _shares(np.delete(before, i), np.delete(after, i), np.delete(of, i))
                for i in range(n)
            ]
            jackknife = np.sqrt((n - 1) / n * ((left - np.mean(left)) ** 2).sum())
            assert change.difference.std_error == pytest.approx(jackknife, rel=0.03)
            assert change.difference.low < change.difference.value < change.difference.high
    # The weights of both runs are halves of a whole, so that degrees are Kish's clusters less one.
    weights = (before / before.sum() + after / after.sum()) / 2
    changes = [change for change in _growth(studies).changes if change.of == "share"]
    bare = [
        2
        * student.sf(abs(c.difference.value / c.difference.std_error), 1 / (weights @ weights) - 1)
        for c in changes
    ]
    assert [c.p for c in changes] == pytest.approx(multiplicity.holm(bare).tolist(), rel=1e-9)
    assert min(bare) < 0.1


def test_changes_of_shares_cover_and_keep_their_level():
    """Over 150 pairs of runs of one law no change is covered about 95 % of the time."""
    base, law = _study(Law()), Law(halfway=10, rules=0.5)
    (task,) = base.tasks
    chances = np.array(
        [
            law.extracted(d, t)
            for d, t in zip(task.probes.duplicates, task.probes.template, strict=True)
        ]
    )
    rng, hits, alarms = np.random.default_rng(0), [], []
    for _ in range(150):
        runs = []
        for _ in range(2):
            drawn = (rng.random(len(chances)) < chances).astype(float)
            probes = replace(task.probes, extracted=drawn)
            runs.append(replace(base, tasks=(replace(task, probes=probes),)))
        (found,) = find_growth(runs, ["a", "b"], [1, 2], "weights")
        hits += [c.difference.low <= 0 <= c.difference.high for c in found.changes]
        alarms.append(min(c.p for c in found.changes if c.of == "share") < 0.05)
    assert 0.925 <= np.mean(hits) <= 0.985
    assert np.mean(alarms) <= 0.1


def test_a_run_beside_itself_does_not_change(studies):
    """The same run twice changes nothing, and two at one place are told."""
    (found,) = find_growth([studies[1]] * 2, ["one", "two"], [5, 5], "training steps")
    assert found.warnings == ("one and two are at the same place, 5",)
    for change in found.changes:
        assert change.difference.value == 0
        assert change.p == 1
        assert change.difference.low < 0 < change.difference.high


def test_nothing_extracted_has_no_change_of_shares(studies):
    """Where one run extracted nothing there are rates and no shares."""
    silent = _study(Law(recall=0, rules=0))
    (found,) = find_growth([silent, studies[0]], ["silent", "small"], [0, 1], "weights")
    assert {change.of for change in found.changes} == {"rate"}
    assert set(found.runs[0].shares.values()) == {None}
    assert found.runs[0].halfway is None


def test_lost_replies_are_left_out_of_both():
    """A sequence that either run could not score does not enter the change."""
    one, two = _study(Law(), failing=0.1), _study(Law(), draws=1, failing=0.1)
    (found,) = find_growth([one, two], ["one", "two"], [1, 2], "weights")
    a, b = (each.tasks[0].probes for each in (one, two))
    scored = {p for p, s in zip(a.problem, a.scored & a.planted, strict=True) if s}
    scored &= {p for p, s in zip(b.problem, b.scored & b.planted, strict=True) if s}
    assert found.changes[0].difference.n == len(scored) < a.planted.sum()


def test_one_run_does_not_grow(studies):
    """A single run has no growth."""
    assert find_growth(studies[:1], ["small"], [1], "weights") == ()


def test_runs_that_do_not_compare_are_refused(studies):
    """Other probes, another threshold, places that are none: one clear line each."""
    fewer = _study(Law(), splits={"planted": 100, "twins": 100})
    with pytest.raises(
        BadInput, match="fewer and small asked other probes in memorization; allowed"
    ):
        find_growth([studies[0], fewer], ["small", "fewer"], [1, 2], "weights")
    other = replace(studies[1], threshold=6)
    with pytest.raises(BadInput, match="thresholds 5, 6; allowed: one for all"):
        find_growth([studies[0], other], ["a", "b"], [1, 2], "weights")
    with pytest.raises(BadInput, match="b is at nan; allowed: finite numbers"):
        find_growth(studies[:2], ["a", "b"], [1, float("nan")], "weights")
    with pytest.raises(BadInput, match="2 runs, 2 names, 1 places"):
        find_growth(studies[:2], ["a", "b"], [1], "weights")
    renamed = replace(studies[1], tasks=(replace(studies[1].tasks[0], task="elsewhere"),))
    with pytest.raises(BadInput, match="no task in common"):
        find_growth([studies[0], renamed], ["a", "b"], [1, 2], "weights")
