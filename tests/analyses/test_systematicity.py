"""Gaps on held-out pairs: planted ones are recovered, and none is found where there is none."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from tests.simulated_gaps import hope_run, hope_suite

from modelmetry.analyses.estimates import analyze
from modelmetry.analyses.gaps import answers, find_twins, gaps, pooled, sampling_errors
from modelmetry.analyses.quads import quads
from modelmetry.analyses.systematicity import find_systematicity, study
from modelmetry.analyses.table import read_items
from modelmetry.scenes.holdouts import PAIRS
from modelmetry.statistics import paired_proportions, paired_tests

STUDIES = 100

FEW = PAIRS[:8]


def _studied(section):
    return study(section.record, section.scores)


def _logistic(eta):
    return 1 / (1 + np.exp(-eta))


def _coverage(kind, shift, *, ability=1.0, cluster_sd=0.0, pair_sd=0.0, seed=0):
    """Shares of simulated studies whose pooled interval, and of pairs whose own, hold the truth."""
    section = hope_run(hope_suite(splits=(kind,)), pairs=FEW[:6], variants=6, scenes=20)
    items = read_items(section.scores)
    (twins,) = find_twins(section.record.suite, items)
    found = answers(items, twins)
    pair = np.unique(found.pair, return_inverse=True)[1]
    rng = np.random.default_rng(seed)
    normal = rng.normal(size=(2, 400_000))
    usual = ability + cluster_sd * normal[0]
    truth = np.mean(_logistic(usual) - _logistic(usual + shift + pair_sd * normal[1]))
    together = alone = 0.0
    for _ in range(STUDIES):
        effects = cluster_sd * rng.normal(size=items.cluster.max() + 1)
        own = shift + pair_sd * rng.normal(size=6)
        eta = ability + effects[items.cluster[found.place]] + np.where(found.first, 0, own[pair])
        value = np.zeros_like(items.value)
        value[found.place] = rng.random(len(eta)) < _logistic(eta)
        each = gaps(replace(items, value=value), found)
        mean = pooled(each).mean
        together += mean.low <= truth <= mean.high
        alone += np.mean([gap.estimate.low <= truth <= gap.estimate.high for gap in each])
    return together / STUDIES, alone / STUDIES


@pytest.mark.parametrize("kind", ["minimal", "complex"])
@pytest.mark.parametrize("shift", [0.0, -0.9])
def test_a_planted_gap_is_recovered(kind, shift):
    """A gap of 20 points, and none, lie within their intervals about 95 % of the time."""
    together, alone = _coverage(kind, shift)
    assert together >= 0.91
    assert alone >= 0.92


def test_pairs_share_one_variance_per_cluster():
    """The errors for pooling are the pairs' mean variance, and the intervals' where there is none."""
    (found,) = _studied(hope_run(hope_suite(), pairs=FEW, variants=6))
    mean = np.mean([gap.estimate.std_error**2 for gap in found.gaps])
    assert sampling_errors(found.gaps) == pytest.approx([np.sqrt(mean)] * 8)
    (flat,) = _studied(hope_run(hope_suite(), pairs=FEW, variants=6, always="no"))
    high, quantile = flat.gaps[0].estimate.high, 2.5706
    assert sampling_errors(flat.gaps) == pytest.approx([high / quantile] * 8, rel=1e-4)


def test_errors_correlated_within_variants_are_covered():
    """What answers to one variant share is not taken for independent evidence."""
    together, alone = _coverage("minimal", -0.9, cluster_sd=2.0)
    assert together >= 0.91
    assert alone >= 0.92


def test_pairs_that_differ_are_covered():
    """Where each pair has a gap of its own the interval is for the mean of such pairs."""
    assert _coverage("complex", -0.9, pair_sd=0.8)[0] >= 0.9


@pytest.mark.parametrize("always", ["no", "yes"])
def test_a_constant_answer_has_no_gap(always):
    """A constant answer has a gap of exactly 0 on every pair and test, with a real interval."""
    section = hope_run(hope_suite(splits=("minimal", "complex")), always=always)
    for found in _studied(section):
        for gap in found.gaps:
            assert gap.estimate.value == 0.0
            assert gap.estimate.low < 0 < gap.estimate.high
        assert found.pooled.mean.value == pytest.approx(0.0)
        assert found.pooled.mean.low < -0.01
        assert found.pooled.mean.high > 0.01
        assert {(c.answer, c.a - c.b) for c in found.constants} >= {("yes", 0.0), ("no", 0.0)}


def test_marginals_that_differ_show_no_gap_of_a_constant_answer():
    """Quads that lost a "no" change the accuracy of always "no", and not its gap."""
    section = hope_run(hope_suite(), pairs=FEW, always="no")
    kept = [
        not (row["split"] == "minimal-ood" and '"cell": 3' in row["factors"])
        for row in section.scores.to_pylist()
    ]
    (found,) = study(section.record, section.scores.filter(pa.array(kept)))
    assert {gap.estimate.value for gap in found.gaps} == {0.0}
    (no,) = [c for c in found.constants if c.answer == "no"]
    assert no.a - no.b == pytest.approx(3 / 4 - 2 / 3)


def test_pairs_are_those_of_the_table_by_their_types():
    """All 29 pairs have a gap, grouped by types, with the diversity of the factor."""
    (found,) = _studied(hope_run(hope_suite()))
    assert {gap.pair for gap in found.gaps} == set(PAIRS)
    groups = [gap.types for gap in found.gaps]
    assert sum(a != b for a, b in itertools.pairwise(groups)) == 5
    assert [level for level, _ in found.by_diversity] == [3, 5, 15, 23]
    assert sum(e.n for _, e in found.by_diversity) == found.pooled.mean.n == 29 * 32


def test_a_gap_that_shrinks_with_diversity_has_a_slope():
    """A planted fall of the gap with diversity is seen, and a constant gap shows none."""
    falls = hope_run(hope_suite(), shift=-3.0, per_doubling=0.8, variants=12, seed=1)
    (found,) = _studied(falls)
    assert found.trend.slope.high < 0
    (flat,) = _studied(hope_run(hope_suite(), shift=-1.0, variants=12, seed=1))
    assert flat.trend.slope.low < 0 < flat.trend.slope.high


def test_the_control_takes_away_what_is_not_learned():
    """What the zero-shot task shows too is no gap of the examples; what it does not show is."""
    both = hope_run(hope_suite((0, 8)), shift=-1.2, variants=12, seed=2)
    zero, shown = _studied(both)
    assert zero.control is None
    assert shown.control.task == "zero-shot"
    assert shown.pooled.mean.low > 0.1
    assert shown.control.pooled.mean.low < 0 < shown.control.pooled.mean.high
    one = hope_run(hope_suite((0, 8)), shift={"in-context": -1.2}, variants=12, seed=2)
    assert _studied(one)[1].control.pooled.mean.low > 0.1


def test_difference_in_differences_is_on_the_same_problems():
    """On the same problems it is the difference of the two gaps."""
    section = hope_run(hope_suite((0, 8)), shift=-1.0, pairs=FEW, seed=3)
    zero, shown = _studied(section)
    for apart, one, two in zip(shown.control.gaps, shown.gaps, zero.gaps, strict=True):
        assert apart.estimate.value == pytest.approx(one.estimate.value - two.estimate.value)


def test_a_control_run_may_be_given():
    """A run before tuning is the control of one after, task by task."""
    tuned = hope_run(hope_suite(), shift=-1.2, variants=12, seed=4, model="test/tuned")
    before = hope_run(hope_suite(), variants=12, seed=5, model="test/before")
    (found,) = study(tuned.record, tuned.scores, (before.record, before.scores))
    assert found.control.task == "control: zero-shot"
    assert found.control.pooled.mean.low > 0.1
    others = hope_run(hope_suite(), diversity=8, pairs=("gray cube",), model="test/others")
    (alone,) = study(tuned.record, tuned.scores, (others.record, others.scores))
    assert alone.control is None


def test_quads_are_counted_as_mcnemar_does():
    """Quads right on one side alone give McNemar's mid-p and Tango's interval."""
    section = hope_run(hope_suite(), ability=2.5, shift=-1.0, variants=6, seed=6)
    (found,) = _studied(section)
    whole = found.quads[0]
    right = {}
    for row in section.scores.to_pylist():
        key = row["cluster"], row["split"]
        right[key] = right.get(key, 1.0) * row["value"]
    variants = {cluster for cluster, _ in right}
    only = [
        sum(right[v, a] > right[v, b] for v in variants)
        for a, b in (("minimal-iid", "minimal-ood"), ("minimal-ood", "minimal-iid"))
    ]
    assert [whole.only_iid, whole.only_ood] == only
    assert whole.both + whole.neither + sum(only) == len(variants) == 29 * 6
    assert whole.comparison.p_exact == paired_tests.mcnemar(*only)
    twin = paired_proportions.tango(whole.both, *only, whole.neither)
    assert whole.comparison.difference.low == pytest.approx(twin.low)
    assert found.quads[1].of == "both values"
    assert len(found.quads) == 5


def test_quads_with_a_missing_cell_do_not_count():
    """A quad of three answers is no quad; its cells still are compared."""
    section = hope_run(hope_suite(), pairs=FEW)
    items = read_items(section.scores.slice(1))
    (twins,) = find_twins(section.record.suite, items)
    whole, first, second, *_ = quads(items, answers(items, twins))
    sizes = [counts.comparison.difference.n for counts in (whole, first, second)]
    assert sizes == [31, 31, 32]


def test_a_missing_answer_is_said():
    """Where one side never has "yes" the gap is over "no" alone, and a warning says so."""
    section = hope_run(hope_suite(), pairs=FEW)
    rows = section.scores.to_pylist()
    kept = [not (r["split"] == "minimal-ood" and r["expected"] == "yes") for r in rows]
    (found,) = study(section.record, section.scores.filter(pa.array(kept)))
    assert all("left out" in gap.estimate.warnings[-1] for gap in found.gaps)
    assert all(gap.estimate.n == 24 for gap in found.gaps)


def test_one_variant_has_no_interval():
    """A pair with a single variant has a gap without an interval, and is not pooled."""
    (found,) = _studied(hope_run(hope_suite(), pairs=FEW, variants=1))
    assert len(found.gaps) == 8
    assert all(gap.estimate.low is None for gap in found.gaps)
    assert all("at least 2 clusters" in gap.estimate.warnings[0] for gap in found.gaps)
    assert found.pooled is found.trend is None


def test_one_pair_is_pooled_with_itself():
    """A run of one pair has its own gap for the pooled one, and no trend."""
    (found,) = _studied(hope_run(hope_suite(), pairs=("red cylinder",), variants=20))
    assert found.pooled.mean.value == pytest.approx(found.gaps[0].estimate.value)
    assert found.pooled.df == 0
    assert found.trend is None


def test_rare_answers_are_one_class():
    """Right answers that one scene alone has are taken together, so that none is left out."""
    section = hope_run(hope_suite(splits=("complex",)), pairs=FEW, scenes=8)
    (found,) = _studied(section)
    assert all(gap.estimate.n == 16 for gap in found.gaps)
    assert all("over 4 classes;" in gap.estimate.method for gap in found.gaps)


def test_cogent_is_found_by_its_names():
    """Conditions A and B are two sides of one gap."""
    suite = hope_suite(splits=("minimal",))
    (task,) = suite.tasks
    suite = replace(suite, tasks=(replace(task, splits={"cogent-a": 4, "cogent-b": 4}),))
    section = hope_run(suite, pairs=("cogent",), scenes=40)
    (found,) = _studied(section)
    assert (found.twins.kind, found.twins.label) == ("cogent", "cogent-a - cogent-b")
    assert found.gaps[0].pair == "cogent"


def test_other_suites_have_none(section):
    """Without the factor `pair` there is nothing to find, and nothing in the way."""
    assert find_systematicity(section.record.suite, read_items(section.scores)) == []
    assert analyze(section.record, section.scores).systematicity == ()


def test_the_rows_of_a_run_hold_them():
    """Every gap, the pooled one, its heterogeneity, trend, quads and baselines are estimates."""
    section = hope_run(hope_suite((0, 8)), shift=-1.0)
    rows = analyze(section.record, section.scores).rows
    kinds = {row.kind for row in rows}
    assert kinds >= {
        *("systematicity gap", "pooled systematicity gap", "heterogeneity of gaps"),
        *("systematicity gap by diversity", "systematicity gap per doubling"),
        *("difference in differences", "pooled difference in differences"),
        *("quad gap", "cell gap", "constant answer gap"),
    }
    each = [row for row in rows if row.kind == "systematicity gap"]
    assert len(each) == 58
    assert each[0].estimand == "systematicity gap: rubber cylinder"
    assert each[0].split == "zero-shot/minimal-iid - zero-shot/minimal-ood"


def test_unscored_answers_are_counted_with_the_gap():
    """An answer that the instrument lost is left out of its pair's gap, and counted there."""
    section = hope_run(hope_suite(), pairs=FEW)
    rows = section.scores.to_pylist()
    rows[0]["value"], rows[0]["outcome"] = None, "instrument failed"
    scores = pa.Table.from_pylist(rows, schema=section.scores.schema)
    (found,) = study(section.record, scores)
    first = next(g for g in found.gaps if g.pair == json.loads(rows[0]["factors"])["pair"])
    assert first.estimate.n == 31
