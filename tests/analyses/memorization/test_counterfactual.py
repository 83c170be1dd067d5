"""Counterfactual memorization of simulated models whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.memorized_runs import Law, memorized_run, some

from modelmetry.analyses.memorization.counterfactual import find_counterfactual
from modelmetry.analyses.memorization.probes import find_probes
from modelmetry.memory.taxonomy import CATEGORIES, categories
from modelmetry.statistics import multiplicity, paired_proportions, pairs


def _probes(law=None, **given):
    section = memorized_run(law, **given)
    (found,) = find_probes(section.record, section.scores)
    return found


@pytest.fixture(scope="module")
def probes():
    """Some replies lost."""
    return _probes(failing=0.05)


def _by_pair(probes, where):
    """Extraction of planted and twin of every pair of which both were scored, by a plain loop."""
    sides = {True: {}, False: {}}
    for i in np.flatnonzero(where):
        if probes.extracted[i] == probes.extracted[i]:
            sides[bool(probes.inserted[i])][probes.cluster[i]] = probes.extracted[i]
    both = sorted(set(sides[True]) & set(sides[False]))
    return [(sides[True][c], sides[False][c]) for c in both]


def test_differences_are_those_of_the_pairs(probes):
    """Every difference is the mean within pairs that were scored on both sides."""
    found = find_counterfactual(probes)
    masks = {
        "all": lambda _: ~probes.canary,
        "category": lambda level: ~probes.canary & (probes.category == level),
        "duplicates": lambda level: ~probes.canary & (probes.planned == int(level)),
        "canary": lambda _: probes.canary,
    }
    assert [each.by for each in found] == ["all"] + ["category"] * 3 + ["duplicates"] * 7 + [
        "canary"
    ]
    for each in found:
        by_hand = _by_pair(probes, masks[each.by](each.level))
        a, b = (np.array(side) for side in zip(*by_hand, strict=True))
        assert each.paired
        assert each.difference.value == pytest.approx((a - b).mean())
        assert (each.difference.n, each.difference.clusters) == (len(a), len(a))
        assert each.planted.value == pytest.approx(a.mean())
        assert each.twins.value == pytest.approx(b.mean())
        table = [int(((a == i) & (b == j)).sum()) for i in (1, 0) for j in (1, 0)]
        tango = paired_proportions.tango(*table)
        assert (each.difference.low, each.difference.high) == pytest.approx((tango.low, tango.high))


def test_p_values_are_corrected_within_a_family(probes):
    """Holm's correction over categories, and over numbers of duplicates; `all` stands alone."""
    found = find_counterfactual(probes)
    for by in ("all", "category", "duplicates"):
        mine = [each for each in found if each.by == by]
        bare = []
        for each in mine:
            where = ~probes.canary
            if by == "category":
                where &= probes.category == each.level
            elif by == "duplicates":
                where &= probes.planned == int(each.level)
            a, b = (np.array(side) for side in zip(*_by_pair(probes, where), strict=True))
            bare.append(pairs.p_value(pairs.paired(a, b)))
        assert [each.p for each in mine] == pytest.approx(multiplicity.holm(bare).tolist())


def test_a_model_that_only_reconstructs_has_none():
    """Going on by templates without recall is extraction, and no counterfactual memorization."""
    law = Law(recall=0.0, rules=0.8)
    base = _probes(law)
    chances = np.where(base.template == "none", 0.0, 0.8)
    rng, hits, alarms = np.random.default_rng(0), [], []
    for _ in range(200):
        drawn = (rng.random(len(base)) < chances).astype(float)
        all_, *others = find_counterfactual(replace(base, extracted=drawn))
        assert all_.planted.value > 0.4
        hits.append(all_.difference.low <= 0 <= all_.difference.high)
        alarms.append(min(each.p for each in others if each.by == "duplicates") < 0.05)
    assert 0.91 <= np.mean(hits) <= 0.985
    assert np.mean(alarms) <= 0.09


def test_recall_is_recovered():
    """Intervals hold (1 - rules) x recall averaged over the pairs, in 200 runs about 95 % of them."""
    law = Law(halfway=6, rules=0.5, recall=0.8)
    base = _probes(law)
    chances = np.array(
        [law.extracted(d, t) for d, t in zip(base.duplicates, base.template, strict=True)]
    )
    planted = base.planted
    lifts = [
        law.recalled(d) * (1 if t == "none" else 0.5)
        for d, t in zip(base.duplicates[planted], base.template[planted], strict=True)
    ]
    rng, hits = np.random.default_rng(1), []
    for _ in range(200):
        drawn = (rng.random(len(base)) < chances).astype(float)
        found = find_counterfactual(replace(base, extracted=drawn))[0]
        hits.append(found.difference.low <= np.mean(lifts) <= found.difference.high)
        assert found.p < 1e-6
    assert np.mean(hits) >= 0.93


def _unpaired(probes):
    """The same with controls that belong to nobody: no cluster holds both sides."""
    lone = np.where(probes.inserted, probes.cluster, probes.cluster + probes.cluster.max() + 1)
    repeating, incrementing = (probes.template == name for name in ("repeating", "incrementing"))
    category = categories(probes.duplicates, repeating, incrementing)
    return replace(probes, cluster=lone, planned=probes.duplicates, category=category)


def test_controls_that_are_no_twins_are_a_set_of_their_own(probes):
    """Without pairs the difference is of two means, recitations against all controls."""
    lone = _unpaired(probes)
    found = {(each.by, each.level): each for each in find_counterfactual(lone)}
    controls = ~lone.inserted & ~lone.canary & lone.scored
    assert {level for by, level in found if by == "category"} == set(CATEGORIES)
    for (by, level), each in found.items():
        assert not each.paired
        mine = lone.inserted & lone.scored & (lone.canary == (by == "canary"))
        theirs = controls if by != "canary" else ~lone.inserted & lone.canary & lone.scored
        if by == "category":
            mine &= lone.category == level
            templates = lone.template != "none"
            if level != "recitation":
                theirs = controls & (templates == (level == "reconstruction"))
        elif by == "duplicates":
            mine &= lone.duplicates == int(level)
        assert each.planted.n == mine.sum()
        assert each.twins.n == theirs.sum()
        value = lone.extracted[mine].mean() - lone.extracted[theirs].mean()
        assert each.difference.value == pytest.approx(value)


@pytest.mark.parametrize("lift", [0.0, 0.1, 0.25, 0.6])
def test_an_unpaired_p_is_where_its_interval_reaches_nothing(lift):
    """p is below 5 % just where the 95 % interval leaves out 0, and small where all differ."""
    base = _unpaired(_probes())
    rng = np.random.default_rng(int(100 * lift))
    chances = 0.3 + lift * base.inserted
    for _ in range(10):
        drawn = (rng.random(len(base)) < chances).astype(float)
        (found,) = (
            each for each in find_counterfactual(replace(base, extracted=drawn)) if each.by == "all"
        )
        outside = found.difference.low > 0 or found.difference.high < 0
        assert (found.p < 0.05) == outside
        if lift == 0.6:
            assert found.p < 1e-12


def test_an_unpaired_p_is_uniform_where_nothing_differs():
    """In 150 runs without an effect a twentieth of the p-values is below 5 %, half of them below half."""
    base = _unpaired(_probes())
    rng = np.random.default_rng(9)
    small = some(base, ~base.canary & (base.problem < "5"))
    found = []
    for _ in range(150):
        drawn = (rng.random(len(small)) < 0.4).astype(float)
        found.append(find_counterfactual(replace(small, extracted=drawn))[0].p)
    assert np.mean(np.array(found) < 0.05) <= 0.09
    assert 0.4 <= np.mean(np.array(found) < 0.5) <= 0.6


def test_without_controls_there_is_nothing_to_compare(probes):
    """Planted sequences alone give no counterfactual."""
    section = memorized_run(splits={"planted": 200})
    (alone,) = find_probes(section.record, section.scores)
    assert find_counterfactual(alone) == ()
