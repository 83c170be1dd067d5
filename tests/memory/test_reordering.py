"""Blocks of rows and the orders in which they could have come."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmetry.memory.reordering import ENOUGH, Block, blocks, orders

LABELS = st.lists(st.sampled_from("ab"), min_size=1, max_size=5).map(tuple)


@given(LABELS)
def test_ways_are_those_that_there_are(labels: tuple[str, ...]) -> None:
    """By listing all orders: those in which every place keeps its stratum."""
    kept = [
        order
        for order in permutations(range(len(labels)))
        if all(labels[unit] == label for unit, label in zip(order, labels, strict=True))
    ]
    assert Block(first=0, labels=labels).ways == len(kept)


@given(LABELS.filter(lambda labels: Block(first=0, labels=labels).ways > 3), st.text(max_size=3))
def test_orders_are_distinct_and_keep_strata(labels: tuple[str, ...], key: str) -> None:
    """The published order first, then others, none twice, every place with a unit of its stratum."""
    found = orders(labels, 3, key)
    assert found[0] == tuple(range(len(labels)))
    assert len(set(found)) == 4
    for order in found:
        assert sorted(order) == list(range(len(labels)))
        assert all(labels[unit] == label for unit, label in zip(order, labels, strict=True))


def test_every_other_order_is_as_likely() -> None:
    """Over many keys each of the five other orders of three units comes as often."""
    counts = Counter(orders((0, 0, 0), 1, str(n))[1] for n in range(2000))
    assert len(counts) == 5
    assert all(330 < n < 470 for n in counts.values())


def test_blocks_are_as_short_as_tells_and_no_longer_than_allowed() -> None:
    """Units of one stratum: six have 720 ways; of two strata in turn it takes more of them."""
    assert ENOUGH == 500
    one = blocks([0] * 20, [10] * 20, 1000, 2)
    assert [len(block.labels) for block in one] == [6, 6, 6, 2]
    assert [block.first for block in one] == [0, 6, 12, 18]
    two = blocks([0, 1] * 10, [10] * 20, 1000, 2)
    assert len(two[0].labels) == 8
    short = blocks([0] * 20, [10] * 20, 45, 2)
    assert {len(block.labels) for block in short} == {4}


@pytest.mark.parametrize(("stretch", "ways"), [(25, 3), (5, 2)])
def test_blocks_without_enough_orders_are_left_out(stretch: int, ways: int) -> None:
    """Two units have two ways, one has one: neither will do."""
    assert blocks([0] * 8, [10] * 8, stretch, ways) == []
    assert blocks([], [], stretch, ways) == []


def test_more_orders_than_there_are_is_refused() -> None:
    """Two units of one stratum have one other order, and no second."""
    assert len(orders((0, 0), 1, "")) == 2
    with pytest.raises(ValueError, match="orders: 2; allowed: fewer than 2"):
        orders((0, 0), 2, "")
