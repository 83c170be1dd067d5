"""Gaps of several runs: differences, and trends with what they were trained on."""

from __future__ import annotations

import pytest
from tests.simulated_gaps import hope_run, hope_suite

from modelmetry.analyses.gap_trends import gap_study
from modelmetry.errors import BadInput

PAIRS = ("red cylinder", "gray cube", "brown sphere", "cyan cylinder", "purple sphere")
"""Of color and shape, whose diversity can be anything from 8 to 23."""


def _scored(*sections):
    return [(section.record, section.scores) for section in sections]


def _sweep(per_doubling, *, seed=0):
    """Runs over three diversities and two amounts of training data, the latter without effect."""
    return [
        hope_run(
            hope_suite(),
            pairs=PAIRS,
            variants=16,
            diversity=diversity,
            shift=-2.5,
            per_doubling=per_doubling,
            model=f"test/{diversity}-{amount}",
            seed=100 * seed + 10 * diversity + amount // 1000,
        )
        for diversity in (8, 12, 23)
        for amount in (1000, 4000)
    ]


def _amounts(runs):
    return {run.record.model: float(run.record.model.split("-")[1]) for run in runs}


def test_a_gap_that_falls_with_diversity_alone_is_told():
    """Over runs the gap falls with diversity, and not with the amount of data, as planted."""
    runs = _sweep(0.8)
    study = gap_study(_scored(*runs), amounts=_amounts(runs))
    found = {trend.of: trend.regression.slope for trend in study.trends}
    assert found["diversity"].high < 0
    assert found["amount"].low < 0 < found["amount"].high
    assert found["diversity"].n == found["amount"].n == 6


def test_the_run_is_the_unit_of_a_trend():
    """Slopes have the runs less their coefficients as degrees of freedom, not the pairs."""
    runs = _sweep(0.0)
    study = gap_study(_scored(*runs), amounts=_amounts(runs))
    # Two intercepts (one per amount) and three (one per diversity), and a slope.
    assert [trend.regression.df for trend in study.trends] == [3, 2]
    assert all(t.regression.slope.low < 0 < t.regression.slope.high for t in study.trends)


def test_without_amounts_there_is_the_trend_with_diversity_alone():
    """An amount that was not said is in no trend; runs of one diversity have none."""
    runs = _sweep(0.0)
    assert [trend.of for trend in gap_study(_scored(*runs)).trends] == ["diversity"]
    assert gap_study(_scored(*runs[:2])).trends == ()


def test_two_runs_of_one_edition_are_paired():
    """On the same problems the difference of gaps is paired; a planted one is seen."""
    one = hope_run(hope_suite(), shift=-1.5, variants=8, seed=1, model="test/one")
    two = hope_run(hope_suite(), variants=8, seed=2, model="test/two")
    (apart,) = gap_study(_scored(one, two)).apart
    assert (apart.a, apart.b, apart.paired) == ("test/one", "test/two", True)
    assert apart.pooled.mean.low > 0
    found = gap_study(_scored(one, two)).runs
    gaps = [run.found[0].pooled.mean.value for run in found]
    assert apart.pooled.mean.value == pytest.approx(gaps[0] - gaps[1], abs=0.03)


def test_runs_on_other_problems_are_compared_pair_by_pair():
    """Runs of other diversities share no problem: their gaps differ as independent ones do."""
    runs = _sweep(0.8)
    studied = gap_study(_scored(runs[0], runs[4]))
    (apart,) = studied.apart
    assert not apart.paired
    one, two = (run.found[0].pooled.mean.value for run in studied.runs)
    assert apart.pooled.mean.value == pytest.approx(one - two, abs=0.03)
    assert apart.pooled.mean.low > 0


def test_one_run_has_no_difference():
    """A single run is studied alone."""
    study = gap_study(_scored(hope_run(hope_suite())))
    assert len(study.runs) == 1
    assert study.apart == study.trends == ()


def test_amounts_are_of_runs_and_above_zero():
    """An amount of no run, or not above 0, is refused in one line."""
    runs = _scored(hope_run(hope_suite(), variants=2))
    with pytest.raises(BadInput, match="no run 'other'"):
        gap_study(runs, amounts={"other": 1.0})
    with pytest.raises(
        BadInput, match=r"no run 'test/simulatd' \(did you mean 'test/simulated'\?\)"
    ):
        gap_study(runs, amounts={"test/simulatd": 1.0})
    with pytest.raises(BadInput, match="numbers above 0"):
        gap_study(runs, amounts={"test/simulated": 0.0})
