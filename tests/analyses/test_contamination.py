"""What tells a model that has seen an edition: ranks, ties, fair orders, shared items, one-sided tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.simulated_runs import addition_suite, simulated

from modelmetry.analyses.contamination.asked import Asked
from modelmetry.analyses.contamination.canary import find_canary
from modelmetry.analyses.contamination.frozen import frozen_less_fresh
from modelmetry.analyses.contamination.order import find_order
from modelmetry.analyses.contamination.rows import find_rows
from modelmetry.analyses.contamination.study import Published, studies
from modelmetry.items import Seed
from modelmetry.suites import edition as edition_name

SUITE = addition_suite({"held-out": 60, "carry": 60})


def _asked(n: int, **given: Any) -> Asked:
    """Questions under one wording, each a cluster of its own, unless told otherwise."""
    names = np.array([f"p{i:03}" for i in range(n)], dtype=object)
    plain = Asked(
        wordings=("whole",),
        wording=np.zeros(n, dtype=int),
        problem=names,
        index=np.arange(n),
        cluster=names,
        place=np.full(n, "", dtype=object),
        published=np.zeros(n, dtype=bool),
        order=np.zeros(n, dtype=int),
        exchangeable=np.ones(n, dtype=bool),
        extracted=np.zeros(n),
        shown=np.full(n, np.nan),
        target=np.full(n, np.nan),
    )
    return replace(plain, **given)


def _canary(logprobs: Sequence[float]) -> Asked:
    """The true identifier's log-probability, then the references'."""
    n = len(logprobs)
    return _asked(n, published=np.arange(n) == 0, target=np.array(logprobs, dtype=float))


def test_the_rank_of_a_canary() -> None:
    """Worked by hand: two of seven references are likelier, so it is third of eight."""
    found = find_canary(_canary([-5, -1, -9, -3, -7, -8, -6, -10]))
    assert found is not None
    assert (found.rank, found.references) == (3, 7)
    assert found.bits == pytest.approx(3 - math.log2(3))
    assert (found.most, found.p) == (3, 3 / 8)


def test_a_tie_goes_to_the_reference() -> None:
    """Where all are as likely, as of a server that tells nothing, the canary is last."""
    found = find_canary(_canary([-5.0] * 10))
    assert found is not None
    assert (found.rank, found.bits, found.p) == (10, 0, 1)


def test_a_canary_that_was_never_seen_is_rarely_first() -> None:
    """Over 2,000 draws p is at most 0.05 in about 5 %: its test errs as often as it says."""
    rng = np.random.default_rng(0)
    found = [find_canary(_canary(rng.normal(size=40).tolist())) for _ in range(2000)]
    assert np.mean([each.p <= 0.05 for each in found if each and each.p]) == pytest.approx(
        0.05, abs=0.015
    )


def test_without_logprobs_a_canary_has_no_rank() -> None:
    """What came back is still there; and nothing at all where it was not asked."""
    asked = _canary([math.nan] * 4)
    found = find_canary(replace(asked, extracted=np.array([1.0, 0, 0, 0])))
    assert found is not None
    assert found.came_back
    assert (found.rank, found.bits, found.p, found.references) == (None, None, None, 0)
    assert find_canary(replace(asked, published=np.zeros(4, dtype=bool))) is None


def _blocks(n: int, orders: int, *, fair: int, gain: float, pattern: float) -> Asked:
    """Blocks of a published and a fresh edition; `fair` of them could have come in other orders."""
    rng = np.random.default_rng(1)
    size = 2 * n * (1 + orders)
    number = np.arange(size) // (2 * (1 + orders))
    published = np.arange(size) // (1 + orders) % 2 == 0
    order = np.arange(size) % (1 + orders)
    target = rng.normal(size=size) - 50 + (order == 0) * (gain * published)
    target += (order == 0) * (pattern * (number >= fair))
    return _asked(
        size,
        cluster=np.array([f"b{i}" for i in number], dtype=object),
        published=published,
        order=order,
        exchangeable=number < fair,
        target=target,
    )


def test_blocks_whose_orders_are_no_fair_ones_count_beside_controls_only() -> None:
    """A pattern that both editions have in their own order fools neither test."""
    found = find_order(_blocks(30, 6, fair=12, gain=0.0, pattern=40.0))
    assert found is not None
    assert found.published is not None
    assert found.published.gain.n == 12
    assert abs(found.published.gain.value) < 2
    assert found.fresh is not None
    assert found.fresh.gain.n == 12
    assert found.beyond is not None
    assert found.main is found.beyond
    assert found.beyond.gain.n == 30
    assert abs(found.beyond.gain.value) < 2
    shown = find_order(_blocks(30, 6, fair=12, gain=3.0, pattern=40.0))
    assert shown is not None
    assert shown.main is not None
    assert shown.main.p is not None
    assert shown.main.p < 1e-6
    assert shown.main.gain.value == pytest.approx(3.0, abs=1)


def test_the_text_shown_counts_too() -> None:
    """A block's log-probability is that of what is shown and of what follows."""
    asked = _blocks(10, 3, fair=10, gain=0.0, pattern=0.0)
    moved = replace(asked, shown=np.where((asked.order == 0) & asked.published, 5.0, 0.0))
    one, two = find_order(asked), find_order(moved)
    assert one is not None
    assert two is not None
    assert one.beyond is not None
    assert two.beyond is not None
    assert two.beyond.gain.value == pytest.approx(one.beyond.gain.value + 5)


def test_a_block_without_one_of_its_orders_is_left_out() -> None:
    """It is counted; a split without any log-probability has no test."""
    asked = _blocks(10, 3, fair=10, gain=0.0, pattern=0.0)
    target = asked.target.copy()
    target[2] = np.nan
    found = find_order(replace(asked, target=target))
    assert found is not None
    assert found.incomplete == 1
    assert found.beyond is not None
    assert found.beyond.gain.n == 9
    assert find_order(replace(asked, target=np.full(len(target), np.nan))) is None


def test_rows_are_paired_by_place() -> None:
    """Six of ten published rows come back and one of their controls; what failed is left out with its pair."""
    extracted = np.zeros(20)
    extracted[[0, 2, 4, 6, 8, 10]] = 1
    extracted[1] = 1
    extracted[19] = np.nan
    asked = _asked(20, published=np.arange(20) % 2 == 0, extracted=extracted)
    (found,) = find_rows(asked, np.random.default_rng(0))
    assert found.fresh is not None
    assert found.comparison is not None
    assert (found.published.value, found.fresh.value) == pytest.approx((6 / 9, 1 / 9))
    assert found.comparison.difference.value == pytest.approx(5 / 9)
    assert (found.comparison.difference.n, found.unscored) == (9, 1)


def _with(section: Any, values: Sequence[float]) -> pa.Table:
    scores = section.scores
    place = scores.column_names.index("value")
    return scores.set_column(place, "value", pa.array(list(values), pa.float64()))


def test_items_that_both_editions_have_are_left_out() -> None:
    """A model that knows nothing but the published items by heart gains on those alone."""
    published, fresh = (simulated(SUITE, seed=seed, ability=0.0) for seed in (1, 2))
    problems = [set(each.scores.column("problem").to_pylist()) for each in (published, fresh)]
    shared = problems[0] & problems[1]
    assert shared
    ones = _with(published, [1.0] * published.scores.num_rows)
    read = [float(p in problems[0]) for p in fresh.scores.column("problem").to_pylist()]
    found = frozen_less_fresh(
        ones, [_with(fresh, read)], ("held-out", "carry"), np.random.default_rng(0)
    )
    assert [each.split for each in found] == ["all", "held-out", "carry"]
    assert all(each.comparison.difference.value == 1 for each in found)
    assert found[0].shared == sum(int(x) for x in read)
    assert found[0].shared == found[1].shared + found[2].shared


def test_a_model_that_is_worse_on_the_edition_shows_nothing() -> None:
    """The tests are one-sided: a loss of 40 points is no sign of reading, however sure."""
    published, fresh = (simulated(SUITE, seed=seed, ability=0.0) for seed in (1, 2))
    rng = np.random.default_rng(0)
    runs = [
        (each.record, _with(each, (rng.random(each.scores.num_rows) < share).astype(float)))
        for each, share in ((published, 0.3), (fresh, 0.7))
    ]
    edition = Published(
        name=published.record.edition, suite=published.record.suite, seed=1, canary=True
    )
    (study,) = studies(runs, edition)
    assert study.frozen[0].comparison.difference.value < -0.2
    assert study.frozen[0].comparison.p < 0.001
    assert study.signals[0].p > 0.99
    assert not study.shown


def test_the_simulated_editions_are_named_as_editions_are() -> None:
    """What the tests above rest on: records carry the name that an edition of the seed has."""
    record = simulated(SUITE, seed=1).record
    assert record.edition == edition_name(SUITE, Seed(root=1), record.limit)


def test_splits_are_corrected_for_each_other() -> None:
    """p of two splits is Holm's; the pooled difference stands alone, as it is the headline."""
    published, fresh = (
        simulated(SUITE, seed=seed, ability=ability) for seed, ability in ((1, 3.0), (2, 2.0))
    )
    found = frozen_less_fresh(
        published.scores, [fresh.scores], ("held-out", "carry"), np.random.default_rng(0)
    )
    plain = np.array([each.comparison.p for each in found])
    adjusted = np.array([each.comparison.p_adjusted for each in found])
    low, high = np.sort(plain[1:])
    assert 0 < low < 0.5
    assert np.sort(adjusted[1:]) == pytest.approx([min(1, 2 * low), min(1, max(2 * low, high))])
    assert adjusted[0] == plain[0]


def test_what_could_not_be_read_of_fresh_items_is_no_wrong_answer() -> None:
    """A fresh item without a score leaves its place out, rather than count as anything."""
    published, fresh = (simulated(SUITE, seed=seed, ability=0.0) for seed in (1, 2))
    n = fresh.scores.num_rows
    lost = [None if i % 3 == 0 else 1.0 for i in range(n)]
    place = fresh.scores.column_names.index("value")
    scores = fresh.scores.set_column(place, "value", pa.array(lost, pa.float64()))
    ones = _with(published, [1.0] * n)
    whole, part = (
        frozen_less_fresh(ones, [given], ("held-out",), np.random.default_rng(0))
        for given in (_with(fresh, [1.0] * n), scores)
    )
    for all_of_it, some in zip(whole, part, strict=True):
        assert some.comparison.difference.value == 0
        assert some.comparison.difference.n < all_of_it.comparison.difference.n
