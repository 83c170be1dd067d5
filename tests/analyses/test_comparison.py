"""Runs on the same items, compared pair by pair."""

from __future__ import annotations

import pytest

from modelmetry.analyses.comparison import compare, run_names, same_items
from modelmetry.errors import BadInput


@pytest.fixture(scope="module")
def runs(simulated, addition_suite):
    """A good, an equally good and a poor model on the same items."""
    suite = addition_suite({"held-out": 80, "carry": 40})
    sections = [
        simulated(suite, model=model, ability=ability, draws=draws)
        for model, ability, draws in (("a/good", 3.0, 1), ("b/same", 3.0, 2), ("c/poor", 0.5, 3))
    ]
    return [(section.record, section.scores) for section in sections]


def test_a_known_difference_is_found_and_equals_tie(runs):
    """The poor model loses to both others, which tie."""
    rows = {
        (r.comparison.a, r.comparison.b): r for r in compare(runs).rows if r.split == "held-out"
    }
    assert rows["a/good", "b/same"].verdict == "tie"
    assert rows["a/good", "c/poor"].verdict == "a/good is better"
    assert rows["b/same", "c/poor"].verdict == "b/same is better"


def test_the_family_holds_every_pair_on_every_split(runs):
    """Three pairs on two splits are a family of six, and correction never helps."""
    found = [row.comparison for row in compare(runs).rows]
    assert {comparison.family_size for comparison in found} == {len(found)} == {6}
    assert all(c.p_adjusted >= c.p for c in found)
    assert all(c.p_exact is not None and c.exact_method for c in found)


def test_items_are_matched_by_name_not_by_row(runs):
    """Shuffled rows of one run change nothing."""
    (record, scores), other = runs[0], runs[2]
    backwards = scores.take(list(range(scores.num_rows - 1, -1, -1)))
    forth = {
        row.split: row.comparison.difference.value
        for row in compare([(record, scores), other]).rows
    }
    back = {
        row.split: row.comparison.difference.value
        for row in compare([(record, backwards), other]).rows
    }
    assert forth == pytest.approx(back)


def test_runs_of_other_items_are_refused(runs, simulated, addition_suite):
    """Different items are one clear line, unless the intersection is asked for."""
    (record, scores), other = runs[0], runs[1]
    part = (record, scores.slice(0, scores.num_rows - 4))
    assert not same_items([part, other])
    with pytest.raises(BadInput, match="differ in 4 of 240 items"):
        compare([part, other])
    rows = compare([part, other], intersection=True).rows
    assert sum(row.left_out for row in rows) == 4


def test_runs_without_a_common_item_are_refused(runs, simulated, addition_suite):
    """Another seed has nothing to pair, even in the intersection."""
    other = simulated(addition_suite({"longer": 10}), model="d/other", seed=3)
    with pytest.raises(BadInput, match="no item"):
        compare([runs[0], (other.record, other.scores)], intersection=True)


def test_one_run_is_no_comparison(runs):
    """Comparing needs two."""
    with pytest.raises(BadInput, match="two or more"):
        compare(runs[:1])


def test_an_item_that_one_run_could_not_score_is_left_out_of_the_pair(table, runs):
    """Three items, of which one is unscored in the second run, make two pairs."""
    record = runs[0][0]
    a = table([{"problem": p, "value": 1.0} for p in "xyz"])
    b = table([{"problem": p, "value": v} for p, v in zip("xyz", (0.0, 1.0, None), strict=True)])
    (row,) = compare([(record, a), (runs[1][0], b)]).rows
    assert row.comparison.difference.n == 2
    assert row.comparison.difference.unscored == 1


def test_runs_of_one_model_are_told_apart_by_their_folders(runs):
    """Two runs of the same model keep distinct names."""
    names = run_names([runs[0][0], runs[0][0], runs[1][0]])
    assert names[2] == "b/same"
    assert names[0] == f"a/good ({runs[0][0].id})"


def test_the_same_seed_gives_the_same_p_values(runs):
    """Resampling is seeded."""
    first, again = (
        [row.comparison.p_exact for row in compare(runs, seed=7).rows] for _ in range(2)
    )
    assert first == again


def test_three_runs_are_ranked_on_every_split(runs):
    """The poor model is last, the two good ones share the first two places and a tie group."""
    (held_out, carry) = compare(runs).standings
    assert (held_out.split, carry.split) == ("held-out", "carry")
    assert held_out.names == ("a/good", "b/same", "c/poor")
    assert held_out.ranks.low == (1, 1, 3)
    assert held_out.ranks.high == (2, 2, 3)
    assert held_out.ranks.group == (1, 1, 2)
    assert held_out.omnibus.p < 0.01
    assert held_out.omnibus.models == 3


def test_two_runs_have_no_ranks(runs):
    """Of two runs the pair says all."""
    assert compare(runs[:2]).standings == ()


def test_ranks_rest_on_what_all_runs_could_score(table, runs):
    """An item that one of three runs could not score is left out of the ranks and counted."""
    scores = [table([{"problem": p, "value": v} for p in "xyz"]) for v in (1.0, 0.0)]
    gap = table([{"problem": p, "value": v} for p, v in zip("xyz", (0.0, 1.0, None), strict=True)])
    records = [record for record, _ in runs]
    (standing,) = compare(list(zip(records, [*scores, gap], strict=True))).standings
    assert (standing.ranks.n, standing.unscored) == (2, 1)
    assert standing.ranks.values == (1.0, 0.0, 0.5)


def test_a_margin_is_tested_on_every_row(runs):
    """Equal models are equivalent within a wide margin, and unequal ones only different."""
    found = compare(runs, margin=0.3)
    rows = {(r.comparison.a, r.comparison.b): r for r in found.rows if r.split == "held-out"}
    assert rows["a/good", "b/same"].equivalent == "equivalent within the margin"
    assert rows["a/good", "c/poor"].equivalent == "different"
    assert {row.equivalent for row in compare(runs).rows} == {""}


def test_the_correction_is_chosen_and_named(runs):
    """Benjamini-Hochberg is milder than Holm on the same rows."""
    holm, mild = compare(runs), compare(runs, correction="bh")
    assert (holm.corrected_by, mild.corrected_by) == ("Holm", "Benjamini-Hochberg")
    for strict, row in zip(holm.rows, mild.rows, strict=True):
        assert row.comparison.p == strict.comparison.p
        assert row.comparison.p_adjusted <= strict.comparison.p_adjusted


def test_more_comparisons_than_clusters_are_warned_about(table, runs):
    """Six rows on three problems rest on little, and each warning stands once."""
    scores = [
        table([{"problem": p, "value": v, "split": s} for p in "xyz" for s in ("s", "t")])
        for v in (1.0, 0.0, 1.0)
    ]
    records = [record for record, _ in runs]
    warnings = compare(list(zip(records, scores, strict=True))).warnings
    assert "6 comparisons rest on as few as 3 clusters" in warnings
    assert len(warnings) == len(set(warnings))
    assert any(line.startswith("s: only 3 clusters") for line in warnings)


@pytest.mark.parametrize("settings", [{"margin": 0.0}, {"margin": 1.5}, {"correction": "no"}])
def test_settings_out_of_range_are_refused(runs, settings):
    """An impossible margin or an unknown correction is one clear line."""
    with pytest.raises(BadInput, match=f"{next(iter(settings))}: .*; allowed: "):
        compare(runs, **settings)
