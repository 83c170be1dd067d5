"""Facts about spaces: they are the sets that listing them would give."""

from __future__ import annotations

import random
from collections import Counter
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.errors import BadInput
from modelmetry.spaces import Arrangements, Numbers, Space
from modelmetry.spaces.space import LISTING_LIMIT

Points = set[tuple[tuple[str, object], ...]]

_levels = st.one_of(
    st.builds(range, st.integers(0, 3), st.integers(0, 6), st.integers(1, 2)),
    st.builds(range, st.integers(3, 6), st.integers(0, 3), st.just(-2)),
    st.lists(st.sampled_from([0, 1, 2, 3, 4, 5]), unique=True, max_size=4),
    st.builds(Numbers, st.integers(0, 3), st.integers(0, 6), st.integers(1, 2)),
)
_pairs = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), unique=True, max_size=6)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """Spaces over the factors a, b, c, d: two of one factor each, and a listed pair."""
    one = Space.of(a=draw(_levels), b=draw(_levels))
    two = Space.listed(("c", "d"), draw(_pairs))
    return two * one if draw(st.booleans()) else one * two


def _set(space: Space) -> Points:
    return {tuple(sorted(point.items())) for point in space}


@given(a=st.lists(st.integers(), unique=True, max_size=4), n=st.integers(0, 4), k=st.integers(0, 4))
@settings(deadline=None, max_examples=50)
def test_a_product_is_the_product(a: list[int], n: int, k: int) -> None:
    """Points are all combinations of levels, in rank order, the last factor fastest."""
    arrangements = [Arrangements(n, k)[rank] for rank in range(Arrangements(n, k).size)]
    space = Space.of(a=a, b=range(3), c=Arrangements(n, k))
    expected = [{"a": x, "b": y, "c": z} for x, y, z in product(a, range(3), arrangements)]
    assert list(space) == expected
    assert space.count == len(expected)


@given(space=spaces())
@settings(deadline=None, max_examples=50)
def test_every_rank_is_another_point(space: Space) -> None:
    """As many ranks as points, each point in the set, none twice."""
    points = [space.at(rank) for rank in range(space.count)]
    assert all(point in space for point in points)
    assert len(_set(space)) == space.count


@given(space=spaces(), point=st.tuples(*[st.integers(-1, 6)] * 4))
@settings(deadline=None, max_examples=50)
def test_contains_is_membership(space: Space, point: tuple[int, ...]) -> None:
    """A point is in the space exactly when listing the space shows it."""
    named = dict(zip("abcd", point, strict=True))
    assert (named in space) == (tuple(sorted(named.items())) in _set(space))


@given(space=spaces())
@settings(deadline=None, max_examples=50)
def test_a_point_over_other_factors_is_outside(space: Space) -> None:
    """A missing or an extra factor keeps a point out."""
    for point in space:
        assert {**point, "e": 0} not in space
        assert {name: point[name] for name in "abc"} not in space


@given(space=spaces(), total=st.integers(0, 12))
@settings(deadline=None, max_examples=50)
def test_where_is_a_comprehension(space: Space, total: int) -> None:
    """Restricting keeps the points for which the predicate holds and no others."""
    kept = space.where(lambda a, d: a + d < total)
    assert _set(kept) == {
        tuple(sorted(point.items())) for point in space if point["a"] + point["d"] < total
    }
    assert kept.count == len(_set(kept))


@given(left=spaces(), right=spaces())
@settings(deadline=None, max_examples=50)
def test_minus_is_the_difference(left: Space, right: Space) -> None:
    """Subtracting leaves the points of the first that the second lacks."""
    rest = left.minus(right)
    assert _set(rest) == _set(left) - _set(right)
    assert rest.count == len(_set(rest))
    assert rest.isdisjoint(right)


@given(left=spaces(), right=spaces())
@settings(deadline=None, max_examples=50)
def test_isdisjoint_is_an_empty_intersection(left: Space, right: Space) -> None:
    """Spaces that can be listed are disjoint exactly when no point is in both."""
    assert left.isdisjoint(right) == _set(left).isdisjoint(_set(right))


def test_spaces_can_be_disjoint_though_no_factor_is() -> None:
    """Pairs on and off the diagonal share every level and no point."""
    square = Space.of(a=range(3), b=range(3))
    on, off = square.where(lambda a, b: a == b), square.where(lambda a, b: a != b)
    assert on.isdisjoint(off)
    assert not on.isdisjoint(square)


def test_a_space_minus_itself_is_empty() -> None:
    """Nothing is left, also when no block differs."""
    space = Space.of(a=range(3), b=range(4))
    assert space.minus(space).count == 0
    assert space.minus(Space.of(b=range(4), a=range(3))).count == 0


def test_large_spaces_are_told_apart_by_one_factor() -> None:
    """Spaces too large to list are disjoint if one factor is; otherwise they count as overlapping."""
    huge = range(10**30)
    even, odd = Space.of(a=Numbers(0, 10**30, 2), b=huge), Space.of(a=Numbers(1, 10**30, 2), b=huge)
    assert even.isdisjoint(odd)
    assert not even.isdisjoint(Space.of(a=huge, b=huge))


def test_what_is_untouched_is_not_listed() -> None:
    """Restricting a small factor beside a huge one is exact and cheap."""
    space = Space.of(a=range(10), b=range(10**40))
    assert space.where(lambda a: a % 3 == 0).count == 4 * 10**40
    assert space.minus(Space.of(a=range(7), b=range(10**40))).count == 3 * 10**40
    with pytest.raises(BadInput, match=f"allowed: up to {LISTING_LIMIT}"):
        space.where(lambda a, b: a < b)


def test_draw_is_uniform_over_points() -> None:
    """Each of six points is drawn about equally often."""
    space = Space.of(a=range(2), b=("x", "y", "z"))
    rng = random.Random(0)
    counts = Counter(str(space.draw(rng)) for _ in range(6000))
    assert len(counts) == 6
    assert all(abs(count - 1000) < 150 for count in counts.values())


def test_nothing_is_drawn_from_nothing() -> None:
    """Drawing from an empty space is refused."""
    with pytest.raises(BadInput, match="empty space"):
        Space.of(a=range(0)).draw(random.Random(0))


@pytest.mark.parametrize("rank", [-1, 6])
def test_ranks_outside_are_refused(rank: int) -> None:
    """There is no point at a rank below 0 or from the count on."""
    with pytest.raises(IndexError, match=f"rank {rank} of a space of 6 points"):
        Space.of(a=range(2), b=range(3)).at(rank)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Space.of(a=range(2)) * Space.of(a=range(3)), "repeated factor name"),
        (lambda: Space.of(a=("x", "x")), "repeated levels"),
        (lambda: Space.listed(("a", "b"), [(1, 2), (1, 2)]), "repeated levels"),
        (lambda: Space.listed(("a", "b"), [(1,)]), "another number of levels"),
        (lambda: Space.of(a=range(2)).where(lambda z: z), "unknown factors ['z']"),
        (lambda: Space.of(a=range(2)).minus(Space.of(b=range(2))), "the factors differ"),
        (lambda: Space.of(a=range(2)).isdisjoint(Space.of(b=range(2))), "the factors differ"),
    ],
)
def test_what_is_no_set_is_refused(make, message: str) -> None:
    """Repeated factors and levels, unknown factors and mismatched ones are refused."""
    with pytest.raises(BadInput) as caught:
        make()
    assert message in str(caught.value)


def test_repr_says_the_size() -> None:
    """A space prints its blocks and its count."""
    space = Space.of(a=range(2)) * Space.listed(("b", "c"), [(0, 1), (1, 0)])
    assert repr(space) == "Space[(a: 2) x (b, c: 2) = 4 points]"
