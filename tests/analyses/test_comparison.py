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
    rows = {(r.comparison.a, r.comparison.b): r for r in compare(runs) if r.split == "held-out"}
    assert rows["a/good", "b/same"].verdict == "tie"
    assert rows["a/good", "c/poor"].verdict == "a/good is better"
    assert rows["b/same", "c/poor"].verdict == "b/same is better"


def test_the_family_holds_every_pair_on_every_split(runs):
    """Three pairs on two splits are a family of six, and correction never helps."""
    found = [row.comparison for row in compare(runs)]
    assert {comparison.family_size for comparison in found} == {len(found)} == {6}
    assert all(c.p_adjusted >= c.p for c in found)
    assert all(c.p_exact is not None and c.exact_method for c in found)


def test_items_are_matched_by_name_not_by_row(runs):
    """Shuffled rows of one run change nothing."""
    (record, scores), other = runs[0], runs[2]
    backwards = scores.take(list(range(scores.num_rows - 1, -1, -1)))
    forth = {
        row.split: row.comparison.difference.value for row in compare([(record, scores), other])
    }
    back = {
        row.split: row.comparison.difference.value for row in compare([(record, backwards), other])
    }
    assert forth == pytest.approx(back)


def test_runs_of_other_items_are_refused(runs, simulated, addition_suite):
    """Different items are one clear line, unless the intersection is asked for."""
    (record, scores), other = runs[0], runs[1]
    part = (record, scores.slice(0, scores.num_rows - 4))
    assert not same_items([part, other])
    with pytest.raises(BadInput, match="differ in 4 of 240 items"):
        compare([part, other])
    rows = compare([part, other], intersection=True)
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
    (row,) = compare([(record, a), (runs[1][0], b)])
    assert row.comparison.difference.n == 2
    assert row.comparison.difference.unscored == 1


def test_runs_of_one_model_are_told_apart_by_their_folders(runs):
    """Two runs of the same model keep distinct names."""
    names = run_names([runs[0][0], runs[0][0], runs[1][0]])
    assert names[2] == "b/same"
    assert names[0] == f"a/good ({runs[0][0].id})"


def test_the_same_seed_gives_the_same_p_values(runs):
    """Resampling is seeded."""
    first, again = ([row.comparison.p_exact for row in compare(runs, seed=7)] for _ in range(2))
    assert first == again
