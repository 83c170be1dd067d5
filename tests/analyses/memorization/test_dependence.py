"""How extraction goes with each feature: steps, rates and rankings."""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import replace

import numpy as np
import pytest
from benchmarks.calibrations.probes import CATEGORIES, simulated
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.analyses.memorization.dependence import LEAST, STEPS, Dependence, find_dependence
from modelmetry.analyses.memorization.probes import Probes
from modelmetry.statistics import means, ranking


def rng(seed: int = 0) -> np.random.Generator:
    """A stream."""
    return np.random.default_rng(seed)


def one(found: tuple[Dependence, ...], category: str, feature: str) -> Dependence:
    """One of them."""
    (mine,) = (each for each in found if (each.category, each.feature) == (category, feature))
    return mine


def made(values: np.ndarray, extracted: np.ndarray) -> Probes:
    """Probes of one feature."""
    probes = simulated(len(values), rng())
    return replace(probes, features={"x": values}, extracted=extracted)


def test_all_and_every_category_have_each_feature() -> None:
    """In the order of the features; what is constant in a category is not there."""
    found = find_dependence(simulated(500, rng(1), features=6))
    by = {name: [e.feature for e in found if e.category == name] for name in ("all", *CATEGORIES)}
    six = ["duplicates", "entropy", "repeating", "incrementing", "frequency_max", "frequency_mean"]
    assert by["all"] == by["recitation"] == by["reconstruction"] == six
    assert by["recollection"] == ["duplicates", "entropy", "frequency_max", "frequency_mean"]
    assert sum(map(len, by.values())) == len(found)


@given(st.integers(0, 500), st.integers(12, 150), st.booleans())
@settings(max_examples=25, deadline=None)
def test_steps_part_the_probes(seed: int, n: int, few: bool) -> None:
    """Each probe is in one step, steps rise and do not overlap, and rates are clustered means."""
    stream = rng(seed)
    x = stream.integers(0, 5, n) * 1.5 if few else np.round(stream.normal(size=n), 1)
    x[:2] = -9, 9
    probes = replace(made(x, (stream.random(n) < 0.4) * 1.0), cluster=np.arange(n) // 2)
    steps = one(find_dependence(probes), "all", "x").steps
    assert sum(step.extracted.n for step in steps) == n
    assert all(a.high < b.low for a, b in itertools.pairwise(steps))
    for step in steps:
        mine = (x >= step.low) & (x <= step.high)
        assert step.extracted == means.mean(probes.extracted[mine], probes.cluster[mine])
        assert step.middle == np.median(x[mine])
        assert {step.low, step.high} <= set(x)
    if few:
        assert [step.low for step in steps] == np.unique(x).tolist()
    else:
        assert len(steps) <= max(STEPS, 1)


def test_steps_are_as_equal_as_ties_allow_and_fewer_of_few() -> None:
    """Eighths of many probes, tens of few, two of very few; a step for each of eight values."""
    for n, sizes in ((800, [100] * 8), (45, [12, 11, 11, 11]), (12, [6, 6])):
        extracted = (np.arange(n) % 2) * 1.0
        steps = one(find_dependence(made(rng().permutation(n) * 1.0, extracted)), "all", "x").steps
        assert [step.extracted.n for step in steps] == sizes
        assert min(sizes) >= LEAST or n < 2 * LEAST
    eight = one(
        find_dependence(made(np.arange(80) % 8 * 1.0, np.arange(80) % 3 // 2 * 1.0)), "all", "x"
    )
    assert [step.extracted.n for step in eight.steps] == [10] * 8
    tied = np.where(np.arange(200) < 150, 0.0, np.arange(200.0))
    heavy = one(find_dependence(made(tied, np.arange(200) % 2 * 1.0)), "all", "x").steps
    assert heavy[0].extracted.n == 150


def test_areas_are_those_of_scikit_learn_with_delongs_errors() -> None:
    """The area, its interval by clusters, and Holm's p-values over the features of a category."""
    metrics = pytest.importorskip("sklearn.metrics")
    probes = replace(simulated(400, rng(2)), cluster=np.arange(400) // 2)
    found = find_dependence(probes)
    for category in ("all", *CATEGORIES):
        mine = np.ones(400, dtype=bool) if category == "all" else probes.category == category
        group = [each for each in found if each.category == category]
        raw = []
        for each in group:
            y, x, codes = (
                probes.extracted[mine],
                probes.features[each.feature][mine],
                probes.cluster[mine],
            )
            assert each.auc is not None
            assert each.auc == ranking.roc_auc(y, x, codes)
            assert each.auc.value == pytest.approx(metrics.roc_auc_score(y, x))
            raw.append(ranking.auc_difference(y, x, np.zeros(len(x)), codes).p)
        order = np.argsort(raw)
        twin = np.maximum.accumulate(np.sort(raw) * np.arange(len(raw), 0, -1)).clip(0, 1)
        assert [group[k].p for k in order] == pytest.approx(twin.tolist())


def test_a_feature_that_matters_is_found_and_another_is_not() -> None:
    """Entropy goes with extraction in all; an unrelated feature has an area about 1/2."""
    found = find_dependence(simulated(1500, rng(3), features=14))
    entropy, position = (one(found, "all", name) for name in ("entropy", "position"))
    assert entropy.auc is not None
    assert position.auc is not None
    assert entropy.p < 1e-6
    assert entropy.auc.value < 0.4
    assert position.p > 0.05
    assert abs(position.auc.value - 0.5) < 0.05
    rates = [step.extracted.value for step in entropy.steps]
    assert rates[0] > rates[-1] + 0.3


def test_under_no_dependence_few_p_values_are_small() -> None:
    """In about one of twenty sets of features any is below 0.05."""
    small = 0
    for seed in range(60):
        probes = simulated(80, rng(seed), features=4)
        mixed = replace(probes, extracted=rng(seed + 999).permutation(probes.extracted))
        all_ = [each.p for each in find_dependence(mixed) if each.category == "all"]
        small += min(all_) < 0.05
    assert small <= 8


def test_a_perfect_ranking_has_an_interval_and_a_small_p_value() -> None:
    """Where no cluster differs from another the p-value is that of the order by chance."""
    y = (np.arange(20) >= 12) * 1.0
    found = one(find_dependence(made(np.arange(20.0), y)), "all", "x")
    assert found.auc is not None
    assert found.auc.value == 1
    assert found.auc.low is not None
    assert 0.5 < found.auc.low < 1
    assert found.p == pytest.approx(2 / math.comb(20, 8))
    twice = replace(
        made(np.repeat(np.arange(20.0), 2), np.repeat(y, 2)), cluster=np.arange(40) // 2
    )
    assert one(find_dependence(twice), "all", "x").p == found.p, "clusters are what is in order"
    back = one(find_dependence(made(-np.arange(20.0), y)), "all", "x")
    assert back.p == found.p
    alone = one(find_dependence(made(np.arange(3.0), np.array([0.0, 0, 1]))), "all", "x")
    assert alone.p == 1.0
    assert alone.auc is not None
    assert alone.auc.low is None


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_where_all_or_none_are_extracted_there_is_no_area(outcome: float) -> None:
    """The rates remain, the p-value is 1."""
    for each in find_dependence(made(np.arange(50.0), np.full(50, outcome))):
        assert (each.auc, each.p) == (None, 1.0)
        assert all(step.extracted.value == outcome for step in each.steps)
        assert all(step.extracted.low != step.extracted.high for step in each.steps)


def test_rows_are_planted_scored_and_known() -> None:
    """Twins, canaries and failures are left out, and of a feature the probes it is not known of."""
    probes = simulated(200, rng(4), twins=True)
    probes.canary[0] = True
    probes.extracted[1] = np.nan
    probes.features["entropy"][:10] = np.nan
    probes.features["frequency_max"] = np.full(400, np.nan)
    probes.features["near"] = np.where(np.arange(400) == 20, np.inf, 1.0)
    found = find_dependence(probes)
    sizes = {e.feature: sum(s.extracted.n for s in e.steps) for e in found if e.category == "all"}
    assert sizes == {"duplicates": 198, "entropy": 190, "repeating": 198, "incrementing": 198}


def test_repeats_count_as_shares_and_rank_by_half() -> None:
    """The rate is the mean of shares; the area is of half or more against less."""
    x = np.arange(40.0)
    shares = np.where(x % 2 == 0, 0.25, 0.75)
    found = one(find_dependence(made(x, shares)), "all", "x")
    assert [step.extracted.value for step in found.steps] == pytest.approx([0.5] * 4)
    assert found.auc == ranking.roc_auc(shares >= 0.5, x, np.arange(40))


def test_nothing_to_tell() -> None:
    """No probes, and no features, have none."""
    probes = simulated(50, rng(5))
    assert find_dependence(replace(probes, inserted=np.zeros(50, dtype=bool))) == ()
    assert find_dependence(replace(probes, features={})) == ()


def test_speed() -> None:
    """20,000 probes of 14 features take under three seconds."""
    probes = simulated(20_000, rng(6), features=14)
    started = time.process_time()
    find_dependence(probes)
    assert time.process_time() - started < 3
