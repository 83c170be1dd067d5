"""Rates and shares of what is extracted, against plain counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.memorized_runs import Law, memorized_run

from modelmetry.analyses.memorization.probes import find_probes
from modelmetry.analyses.memorization.rates import find_rates, find_shares, levels


@pytest.fixture(scope="module")
def probes():
    """Two wordings, some replies lost."""
    section = memorized_run(wordings=("whole", "half"), failing=0.05)
    (found,) = find_probes(section.record, section.scores)
    return found


def _mean(values, where):
    chosen = [v for v, kept in zip(values.tolist(), where, strict=True) if kept and v == v]
    return sum(chosen) / len(chosen), len(chosen)


def test_rates_are_means_of_the_group_they_name(probes):
    """Every rate is the mean over the scored probes of its group, with canaries in their own alone."""
    for rate in find_rates(probes):
        of = probes.other.get(rate.level, probes) if rate.by == "wording" else probes
        where = (of.inserted == rate.inserted) & (of.canary == (rate.by == "canary"))
        if rate.by == "category":
            where &= of.category == rate.level
        elif rate.by == "template":
            where &= of.template == rate.level
        elif rate.by in ("duplicates", "canary") and rate.level.isdecimal():
            where &= of.duplicates == int(rate.level)
        for name in ("extracted", "prefix", "edits"):
            value, n = _mean(getattr(of, name), where)
            found = getattr(rate, name)
            assert found.value == pytest.approx(value)
            assert (found.n, found.unscored) == (n, int(where.sum()) - n)
            assert found.low <= value <= found.high


def test_all_groups_are_there(probes):
    """Planted sequences by every kind of group, and twins where they are not beside them already."""
    found = {(rate.by, rate.level, rate.inserted) for rate in find_rates(probes)}
    numbers = ("1", "2", "4", "8", "16", "32", "64")
    categories = ("recitation", "reconstruction", "recollection")
    assert found == {
        *{("all", "all", True), ("all", "twins", False)},
        *{("category", name, True) for name in categories},
        *{("duplicates", n, True) for n in numbers},
        *{("template", t, i) for t in ("none", "repeating", "incrementing") for i in (True, False)},
        *{("canary", level, True) for level in ("all", *numbers)},
        ("canary", "twins", False),
        *{("wording", w, i) for w in ("whole", "half") for i in (True, False)},
    }


def test_rates_hold_the_truth():
    """Over 100 runs of one law the intervals of planted sequences and twins cover their truth."""
    law = Law()
    section = memorized_run(law)
    (probes,) = find_probes(section.record, section.scores)
    chances = np.array(
        [law.extracted(d, t) for d, t in zip(probes.duplicates, probes.template, strict=True)]
    )
    rng, hits = np.random.default_rng(3), {}
    for _ in range(100):
        drawn = replace(probes, extracted=(rng.random(len(probes)) < chances).astype(float))
        for rate in find_rates(drawn):
            if rate.by in ("all", "category"):
                where = (probes.inserted == rate.inserted) & ~probes.canary
                if rate.by == "category":
                    where &= probes.category == rate.level
                truth = chances[where].mean()
                hits.setdefault(rate.level, []).append(
                    rate.extracted.low <= truth <= rate.extracted.high
                )
    assert set(hits) == {"all", "twins", "recitation", "reconstruction", "recollection"}
    assert all(np.mean(each) >= 0.9 for each in hits.values())


def test_shares_are_parts_of_what_was_extracted(probes):
    """Shares are counts over counts, sum to 1, and count neither canaries nor twins."""
    got = probes.planted & (probes.extracted == 1)
    shares = find_shares(probes)
    assert sum(each.share.value for each in shares) == pytest.approx(1)
    for each in shares:
        assert each.share.value == pytest.approx(
            (probes.category[got] == each.category).sum() / got.sum()
        )
        assert each.share.low < each.share.value < each.share.high
        assert each.share.n == got.sum()


def test_nothing_extracted_has_no_shares(probes):
    """Where nothing came out there is nothing to share, and rates are 0 with an interval."""
    nothing = replace(probes, extracted=0 * probes.extracted, other={})
    assert [each.share for each in find_shares(nothing)] == [None, None, None]
    (rate,) = (each for each in find_rates(nothing) if (each.by, each.level) == ("all", "all"))
    assert rate.extracted.value == 0
    assert 0 < rate.extracted.high < 0.05


def test_a_group_without_scores_has_no_rate(probes):
    """A category none of whose replies could be scored is left out."""
    lost = np.where(probes.category == "recollection", np.nan, probes.extracted)
    rates = find_rates(replace(probes, extracted=lost, other={}))
    assert "recollection" not in {rate.level for rate in rates}
    assert "reconstruction" in {rate.level for rate in rates}


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=60), st.randoms())
def test_levels_part_the_probes(numbers, rng):
    """Every chosen probe is in one level, levels rise, and a level's number is one of its own."""
    duplicates = np.array(numbers)
    where = np.array([rng.random() < 0.8 for _ in numbers])
    found = list(levels(duplicates, where))
    assert (
        sum((mask.astype(int) for _, mask, _ in found), np.zeros(len(numbers), int)) == where
    ).all()
    middles = [middle for _, _, middle in found]
    assert middles == sorted(set(middles))
    for name, mask, middle in found:
        low, _, high = name.partition(" to ")
        assert int(low) <= duplicates[mask].min() <= middle <= duplicates[mask].max()
        assert duplicates[mask].max() <= int(high or low)
        assert middle in duplicates[mask]


def test_many_numbers_are_joined():
    """Up to 12 numbers stand each by itself; of more each power of 2 begins a level."""
    few, many = np.arange(1, 13), np.arange(0, 14)
    assert [name for name, _, _ in levels(few, few > 0)] == [str(n) for n in few]
    names = [name for name, _, _ in levels(many, many >= 0)]
    assert names == ["0", "1", "2 to 3", "4 to 7", "8 to 15"]
