"""Duplicates at which half is extracted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.memorized_runs import Law, memorized_run, some

from modelmetry.analyses.memorization.halfway import copies, find_halfway
from modelmetry.analyses.memorization.probes import find_probes
from modelmetry.statistics import Estimate


@pytest.fixture(scope="module")
def base():
    """Probes whose outcomes each test draws anew."""
    section = memorized_run()
    (found,) = find_probes(section.record, section.scores)
    return found


def _drawn(base, law, rng):
    chances = [law.extracted(d, t) for d, t in zip(base.duplicates, base.template, strict=True)]
    return replace(base, extracted=(rng.random(len(base)) < np.array(chances)).astype(float))


def _kind(probes, kind):
    return next(each for each in find_halfway(probes) if each.kind == kind)


@pytest.mark.parametrize("halfway", [4.0, 10.0])
def test_the_halfway_number_is_recovered(base, halfway):
    """Intervals of sequences without template hold the truth in 25 runs about 95 % of the time."""
    law, rng, hits, values = Law(halfway=halfway, slope=1.5), np.random.default_rng(2), [], []
    plain = some(base, base.planted & (base.template == "none"))
    for _ in range(25):
        found = _kind(_drawn(plain, law, rng), "none").duplicates
        low = 0 if found.low is None else found.low
        hits.append(low <= halfway <= (found.high or np.inf))
        values.append(np.log2(found.value))
    assert np.mean(hits) >= 0.84
    assert np.mean(values) == pytest.approx(np.log2(halfway), abs=0.15)


def test_kinds_are_kept_apart(base):
    """Templates and canaries have their own curves; canaries are in no other."""
    law = Law(halfway=8, slope=3, rules=0.3)
    drawn = _drawn(base, law, np.random.default_rng(0))
    silent = replace(drawn, extracted=np.where(drawn.canary, 0.0, drawn.extracted))
    found = {each.kind: each for each in find_halfway(silent)}
    assert list(found) == ["all", "none", "repeating", "incrementing", "canary"]
    assert found["all"].duplicates == _kind(drawn, "all").duplicates
    assert found["canary"].duplicates is None
    for kind, each in found.items():
        if kind != "canary":
            assert each.curve is not None
            assert each.duplicates.low < each.duplicates.value < each.duplicates.high
        for number, share in each.points:
            where = silent.inserted & (silent.duplicates == number)
            where &= silent.canary if kind == "canary" else ~silent.canary
            if kind in ("none", "repeating", "incrementing"):
                where &= silent.template == kind
            assert share.value == pytest.approx(silent.extracted[where].mean())


@pytest.mark.parametrize(
    ("law", "told"),
    [
        (
            Law(recall=0, rules=0),
            "fewer than half are extracted at every number of duplicates, up to 64",
        ),
        (Law(halfway=0.01), "more than half are extracted at every number of duplicates, 1 on"),
    ],
)
def test_never_and_always_have_no_number(base, law, told):
    """Where extraction is on one side of half throughout, a warning says on which."""
    found = _kind(_drawn(base, law, np.random.default_rng(0)), "none")
    assert found.duplicates is None
    assert found.warnings == (told,)
    assert len(found.points) == 7


def test_a_flat_model_has_no_number(base):
    """Extraction that does not depend on duplicates has no halfway number, in words of duplicates."""
    rng = np.random.default_rng(4)
    for _ in range(10):
        drawn = replace(base, extracted=(rng.random(len(base)) < 0.5).astype(float))
        found = _kind(drawn, "none")
        if found.duplicates is None:
            assert found.warnings
            assert "difficult" not in " ".join(found.warnings)
            assert "duplicates" in " ".join(found.warnings)


def test_one_number_of_duplicates_is_no_curve():
    """A single number asked has a point and no curve."""
    section = memorized_run(options={"duplicates": (4,)})
    (probes,) = find_probes(section.record, section.scores)
    found = _kind(probes, "none")
    assert (found.curve, found.duplicates) == (None, None)
    assert found.warnings == ("only 4 duplicates were asked",)
    assert [number for number, _ in found.points] == [4]


def test_no_warning_speaks_of_difficulty(base):
    """Over many laws every warning is told in duplicates."""
    rng = np.random.default_rng(5)
    for halfway in (0.3, 1, 30, 300):
        for slope in (0.4, 12):
            for each in find_halfway(_drawn(base, Law(halfway=halfway, slope=slope), rng)):
                told = [*each.warnings, *(each.duplicates.warnings if each.duplicates else ())]
                assert not [w for w in told if "difficult" in w or "item" in w]


def test_ends_change_places():
    """The threshold's upper end is the fewest duplicates; an end that is not known stays so."""
    threshold = Estimate(
        value=-3.0,
        std_error=0.5,
        low=-4.0,
        high=-1.0,
        level=0.95,
        n=9,
        clusters=9,
        method="threshold of a logistic curve",
    )
    found = copies(threshold, 1, 64)
    assert (found.low, found.value, found.high) == (2, 8, 16)
    assert found.std_error == pytest.approx(8 * np.log(2) * 0.5)
    assert copies(replace(threshold, low=None), 1, 64).high is None
    assert copies(replace(threshold, high=None, std_error=None), 1, 64).low is None


def test_what_never_stood_there_is_in_no_curve(base):
    """Twins, and sequences of which another part of the corpus was counted, do not enter."""
    drawn = _drawn(base, Law(), np.random.default_rng(1))
    zero = replace(drawn, duplicates=np.where(drawn.duplicates == 1, 0, drawn.duplicates))
    assert [number for number, _ in _kind(zero, "all").points] == [2, 4, 8, 16, 32, 64]


def test_what_was_not_scored_does_not_enter(base):
    """Lost replies are as if never asked: in no curve, no point, no end of what was asked, no kind."""
    rng = np.random.default_rng(6)
    drawn = _drawn(base, Law(recall=0.3, rules=0.1), rng)
    lost = (rng.random(len(base)) < 0.1) | (base.duplicates == 64) | base.canary
    probes = replace(drawn, extracted=np.where(lost, np.nan, drawn.extracted))
    found = find_halfway(probes)
    assert found == find_halfway(some(probes, ~lost))
    assert [each.kind for each in found] == ["all", "none", "repeating", "incrementing"]
    for each in found:
        assert [number for number, _ in each.points] == [1, 2, 4, 8, 16, 32]
        assert not any(share.unscored for _, share in each.points)
        assert "64" not in " ".join(each.warnings)
