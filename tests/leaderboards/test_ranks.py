"""Ranks and ties."""

from __future__ import annotations

import math
from itertools import combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.leaderboards.boards import entry

from modelmetry.errors import BadInput
from modelmetry.leaderboards import ranked
from modelmetry.leaderboards import ranks as module
from modelmetry.statistics import holm


def _places(entries):
    return {e.model: (e.rank, e.rank_low, e.rank_high, e.tie_group) for e in ranked(entries)}


def test_clear_differences_are_ranks():
    """Far apart, every place is certain and every model its own group."""
    found = _places([entry("c", 0.1), entry("a", 0.9), entry("b", 0.5)])
    assert found == {"a": (1, 1, 1, 1), "b": (2, 2, 2, 2), "c": (3, 3, 3, 3)}


def test_what_is_not_told_apart_is_tied():
    """Two models within their errors share a group and both places."""
    found = _places([entry("a", 0.90), entry("b", 0.89), entry("c", 0.2)])
    assert found == {"a": (1, 1, 2, 1), "b": (2, 1, 2, 1), "c": (3, 3, 3, 2)}


def test_a_group_is_judged_by_its_own_first():
    """The second and third are tied with each other, though both are apart from the first."""
    found = _places([entry("a", 0.9), entry("b", 0.50), entry("c", 0.49)])
    assert [found[m][3] for m in "abc"] == [1, 2, 2]


def test_equal_values_share_a_rank():
    """The next one counts both."""
    found = _places([entry("a", 0.5), entry("b", 0.5), entry("c", 0.4)])
    assert [found[m][0] for m in "abc"] == [1, 1, 3]


def test_many_pairs_are_corrected():
    """A difference that alone would be significant is none among ten models."""
    alone = _places([entry("a", 0.560), entry("b", 0.500)])
    crowd = [entry(f"m{i}", 0.5) for i in range(9)]
    assert alone["b"][1] == 2
    assert _places([entry("a", 0.560), *crowd])["m0"][1] == 1


def test_an_entry_without_uncertainty_is_told_apart_from_none():
    """Without an interval every place stays open."""
    found = _places([entry("a", 0.9), entry("b", 0.1, None)])
    assert found["b"] == (2, 1, 2, 1)


def test_a_perfect_score_is_not_certain():
    """At 100 % the standard error is 0, but the interval speaks."""
    perfect = entry("a", 1.0, 0.0, ci_low=0.8, ci_high=1.0)
    assert _places([perfect, entry("b", 0.93)])["b"] == (2, 1, 2, 1)


def test_boards_are_ranked_apart():
    """Another split, version, seed or generator is another board."""
    others = [
        *(entry("b", 0.1, split="x"), entry("c", 0.1, suite_version=2)),
        *(entry("d", 0.1, seed_commitment="x"), entry("e", 0.1, generator_hash="x")),
    ]
    assert {place[0] for place in _places([entry("a", 0.9), *others]).values()} == {1}


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.randoms())
def test_ranks_do_not_depend_on_the_order_given(values, random):
    """Any order gives the same board, with each rank within the places left open."""
    entries = [entry(f"m{i}", value) for i, value in enumerate(values)]
    shuffled = random.sample(entries, len(entries))
    assert ranked(entries) == ranked(shuffled)
    assert all(e.rank_low <= e.rank <= e.rank_high for e in ranked(entries))


def test_an_interval_without_a_standard_error_still_tells_apart():
    """Runs that ended when they knew enough have an anytime-valid interval and no error."""
    apart = [
        entry("a", 0.9, std_error=None),
        entry("b", 0.5, std_error=None),
        entry("c", 0.49, std_error=None),
    ]
    assert [_places(apart)[m][3] for m in "abc"] == [1, 2, 2]


def _slow(entries):
    """Places by the words of the rule: every pair, Holm's adjusted p-values, counting."""
    entries = sorted(entries, key=lambda e: (-e.value, e.model, e.run_digest))
    pairs = list(combinations(range(len(entries)), 2))

    def p(a, b):
        if a.ci_low is None or b.ci_low is None:
            return 1.0
        half = [max(e.std_error or 0, (e.ci_high - e.ci_low) / (2 * 1.959964)) for e in (a, b)]
        spread, difference = math.hypot(*half), abs(a.value - b.value)
        if not spread:
            return float(difference == 0)
        return math.erfc(difference / spread / math.sqrt(2))

    adjusted = holm([p(entries[a], entries[b]) for a, b in pairs]) if pairs else []
    apart = {pair for pair, value in zip(pairs, adjusted, strict=True) if value < 0.05}
    places, group, first = {}, 0, 0
    for place, one in enumerate(entries):
        if place == 0 or (first, place) in apart:
            group, first = group + 1, place
        low = 1 + sum((other, place) in apart for other in range(place))
        high = len(entries) - sum((place, other) in apart for other in range(len(entries)))
        rank = 1 + sum(other.value > one.value for other in entries)
        places[one.model] = (rank, low, high, group)
    return places


@settings(deadline=None, max_examples=70)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.2, 0.5, 0.52, 0.55, 0.6, 1.0]) | st.floats(0, 1),
            st.none() | st.sampled_from([0.0, 0.01, 0.02, 0.08]),
        ),
        max_size=14,
    )
)
def test_the_fast_ranks_are_the_slow_ones(drawn):
    """All pairs at once give what counting pair by pair gives."""
    entries = [entry(f"m{i:02d}", value, error) for i, (value, error) in enumerate(drawn)]
    assert _places(entries) == _slow(entries)


def test_a_large_board_has_the_ranks_of_the_slow_way():
    """Where hundreds of pairs lie between what surely passes and what never does."""
    random = Random(1)
    for _ in range(3):
        entries = [entry(f"m{i}", random.random(), random.uniform(0.01, 0.1)) for i in range(50)]
        assert _places(entries) == _slow(entries)


def test_a_board_that_is_too_large_is_refused(monkeypatch):
    """With its suite and the limit."""
    monkeypatch.setattr(module, "MOST", 2)
    with pytest.raises(BadInput, match=r"sums: held-out: 3 entries .* allowed: 2"):
        ranked([entry(f"m{i}", 0.5) for i in range(3)])
