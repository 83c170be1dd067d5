"""Exposure of canaries, its interval, and its test."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu
from tests.memorized_runs import Law, memorized_run

from modelmetry.analyses.memorization.exposure import as_high, find_exposure, mean_exposure
from modelmetry.analyses.memorization.probes import find_probes
from modelmetry.statistics import multiplicity


@pytest.fixture(scope="module")
def probes():
    """Canaries that every doubling of their copies makes two bits likelier."""
    section = memorized_run(Law(bits=2, spread=3), logprobs=True)
    (found,) = find_probes(section.record, section.scores)
    return found


def test_ranks_are_those_of_a_plain_loop(probes):
    """Each canary stands behind the references that are at least as probable, and no other sequence."""
    known = list(
        zip(
            probes.continuation_logprob.tolist(),
            probes.duplicates.tolist(),
            probes.canary.tolist(),
            strict=True,
        )
    )
    references = [x for x, d, canary in known if canary and d == 0]
    found = find_exposure(probes)
    assert [each.duplicates for each in found] == [1, 2, 4, 8, 16, 32, 64]
    for each in found:
        mine = [x for x, d, canary in known if canary and d == each.duplicates]
        ranks = [1 + sum(r >= x for r in references) for x in mine]
        assert list(each.ranks) == ranks
        assert (each.canaries, each.references) == (len(mine), len(references))
        most = math.log2(len(references) + 1)
        assert each.most == pytest.approx(most)
        assert each.bits.value == pytest.approx(np.mean([most - math.log2(r) for r in ranks]))
        assert 0 <= each.bits.low <= each.bits.value <= each.bits.high <= most + 1e-9


def test_p_values_are_corrected(probes):
    """Holm over the numbers of duplicates of one-sided rank-sum tests; much-repeated canaries are told."""
    references = probes.continuation_logprob[probes.canary & ~probes.inserted]
    bare = [
        mannwhitneyu(
            probes.continuation_logprob[probes.canary & (probes.duplicates == d)],
            references,
            alternative="greater",
            method="exact",
        ).pvalue
        for d in (1, 2, 4, 8, 16, 32, 64)
    ]
    found = find_exposure(probes)
    assert [each.p for each in found] == pytest.approx(multiplicity.holm(bare).tolist())
    assert found[-1].p < 0.001


def test_without_log_probabilities_there_is_none(probes):
    """No log-probability, no canary or no reference: nothing is ranked."""
    nothing = replace(probes, continuation_logprob=np.full(len(probes), np.nan))
    assert find_exposure(nothing) == ()
    assert find_exposure(replace(probes, canary=np.zeros(len(probes), dtype=bool))) == ()
    assert find_exposure(replace(probes, inserted=np.ones(len(probes), dtype=bool))) == ()


def test_what_lacks_a_log_probability_is_not_ranked(probes):
    """A canary or a reference without one is left out of either side."""
    partly = probes.continuation_logprob.copy()
    partly[np.flatnonzero(probes.canary & (probes.duplicates == 4))[0]] = np.nan
    partly[np.flatnonzero(probes.canary & ~probes.inserted)[:2]] = np.nan
    found = {e.duplicates: e for e in find_exposure(replace(probes, continuation_logprob=partly))}
    whole = find_exposure(probes)[0]
    assert found[4].canaries == whole.canaries - 1
    assert found[8].canaries == whole.canaries
    assert found[8].references == whole.references - 2


def test_ties_go_to_the_reference(probes):
    """Where all are as probable nobody is exposed, and p is 1."""
    level = replace(probes, continuation_logprob=np.zeros(len(probes)))
    for each in find_exposure(level):
        assert set(each.ranks) == {each.references + 1}
        assert each.bits.value == 0
        assert each.bits.high > 0
        assert each.p == pytest.approx(1)


def test_one_canary_has_a_p_but_no_interval():
    """A single canary that ranks first of 255 and itself: p = 1 / 256, 8 bits, no interval."""
    found = mean_exposure(np.array([0]), 255)
    assert found.value == 8
    assert found.low is None
    assert as_high(255, 1, 255) == pytest.approx(1 / 256)
    assert as_high(0, 1, 255) == pytest.approx(1)


@pytest.mark.parametrize(("canaries", "references"), [(1, 6), (2, 5), (3, 4), (4, 4), (5, 2)])
def test_the_rank_sum_is_that_of_all_orders(canaries, references):
    """The probability of each number of wins is its share of all ways to place the canaries."""
    n = canaries + references
    wins = [
        sum(place - i for i, place in enumerate(places))
        for places in combinations(range(n), canaries)
    ]
    for least in range(canaries * references + 1):
        share = np.mean([won >= least for won in wins])
        assert as_high(least, canaries, references) == pytest.approx(share)


def test_the_normal_approximation_takes_over_smoothly():
    """For many canaries it is near the exact test."""
    for wins in (2100, 2300, 2600):
        u = as_high(wins, 40, 101)
        mean, sd = 40 * 101 / 2, math.sqrt(40 * 101 * 142 / 12)
        near = as_high(wins, 40, 99)
        assert u == pytest.approx(0.5 * math.erfc((wins - 0.5 - mean) / sd / math.sqrt(2)))
        assert abs(u - near) < 0.1


@given(
    st.integers(2, 9).flatmap(
        lambda refs: st.tuples(
            st.lists(st.integers(0, refs), min_size=2, max_size=8), st.just(refs)
        )
    )
)
def test_the_error_is_that_of_canaries_and_the_jackknife(case):
    """The squared error is the canaries' s^2 / m and the jackknife's over references, by plain loops."""
    ahead, references = np.array(case[0]), case[1]
    bits = math.log2(references + 1) - np.log2(1 + ahead)
    own = bits.var(ddof=1) / len(bits)
    without = []
    for j in range(1, references + 1):
        left = [a - (a >= j) for a in case[0]]
        without.append(np.mean([math.log2(references) - math.log2(1 + a) for a in left]))
    shared = (references - 1) / references * sum((x - np.mean(without)) ** 2 for x in without)
    found = mean_exposure(ahead, references)
    assert found.std_error == pytest.approx(math.sqrt(own + shared), abs=1e-9)
    assert found.low < found.high
    assert found.low <= found.value + 1e-9
    assert found.value <= found.high + 1e-9


@pytest.mark.parametrize(("gap", "least"), [(0.0, 0.91), (1.0, 0.91), (2.0, 0.93)])
def test_intervals_hold_other_canaries_and_other_references(gap, least):
    """Over 400 draws of 20 canaries and 35 references, the mean over many such is covered."""
    rng = np.random.default_rng(int(gap * 10))

    def ahead():
        references = np.sort(rng.standard_normal(35))
        return 35 - np.searchsorted(references, gap + rng.standard_normal(20), "left")

    truth = np.mean([mean_bits(ahead()) for _ in range(4000)])
    hits = []
    for _ in range(400):
        found = mean_exposure(ahead(), 35)
        hits.append(found.low <= truth <= found.high)
    assert least <= np.mean(hits)


def mean_bits(ahead):
    """Mean exposure among 35 references."""
    return float((math.log2(36) - np.log2(1 + ahead)).mean())


def test_never_seen_identifiers_show_a_bit_and_a_half():
    """A canary that is like the references has log2(e) = 1.44 bits of exposure on average."""
    ranks = np.arange(1, 1025)
    assert (math.log2(1024) - np.log2(ranks)).mean() == pytest.approx(math.log2(math.e), abs=0.01)
    found = mean_exposure(ranks - 1, 1023)
    assert found.value == pytest.approx(math.log2(math.e), abs=0.01)


def test_an_odd_canary_counts_for_less_beside_what_references_add():
    """Satterthwaite's degrees of the interval are of the whole spread, of which it makes up a part."""
    ahead, references = np.array([0] * 9 + [6]), 12
    bits = math.log2(references + 1) - np.log2(1 + ahead)
    away = (bits - bits.mean()) ** 2
    own = bits.var(ddof=1) / len(bits)
    found = mean_exposure(ahead, references)
    shared = found.std_error**2 - own
    peak = (away**2).sum() / away.sum() ** 2 * (own / (own + shared)) ** 2
    degrees = (own + shared) ** 2 / (own**2 / (len(bits) - 1) + shared**2 / (references - 1))
    assert 3 / peak - 1 < degrees, "or the canary would not matter"
    assert found.method.endswith(f"t with {3 / peak - 1:.4g} df")
