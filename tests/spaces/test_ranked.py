"""Facts about ranked sequences: they are what listing them would give."""

from __future__ import annotations

import math
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.errors import BadInput
from modelmetry.spaces import Arrangements, Numbers
from modelmetry.spaces.ranked import Ranked, disjoint

numbers = st.builds(Numbers, st.integers(-5, 20), st.integers(-5, 30), st.integers(1, 7))


def _listed(sequence: Ranked) -> list[object]:
    return [sequence[rank] for rank in range(sequence.size)]


@pytest.mark.parametrize(("n", "k"), [(0, 0), (3, 0), (1, 1), (5, 2), (5, 5), (6, 3)])
def test_arrangements_are_the_permutations(n: int, k: int) -> None:
    """Every ordered selection stands at exactly one rank."""
    arrangements = Arrangements(n, k)
    assert sorted(map(str, _listed(arrangements))) == sorted(map(str, permutations(range(n), k)))
    assert arrangements.size == math.perm(n, k)


@given(n=st.integers(1, 6), k=st.integers(0, 6), element=st.lists(st.integers(-1, 6), max_size=4))
@settings(deadline=None, max_examples=50)
def test_arrangements_contain_what_they_list(n: int, k: int, element: list[int]) -> None:
    """Membership agrees with the list, for elements and for others."""
    listed = set(_listed(Arrangements(n, k)))
    assert (tuple(element) in Arrangements(n, k)) == (tuple(element) in listed)
    assert all(arrangement in Arrangements(n, k) for arrangement in listed)


def test_arrangements_of_any_size_are_ranked() -> None:
    """The last of 10**191 arrangements is found without listing any."""
    arrangements = Arrangements(1000, 64)
    assert arrangements.size > 10**190
    last = arrangements[arrangements.size - 1]
    assert last in arrangements
    assert arrangements[arrangements.size - 2] != last


@given(sequence=numbers, other=st.integers(-10, 40))
@settings(deadline=None, max_examples=50)
def test_numbers_are_a_range(sequence: Numbers, other: int) -> None:
    """Size, elements and membership are those of the range with the same ends."""
    twin = range(sequence.start, sequence.stop, sequence.step)
    assert _listed(sequence) == list(twin)
    assert sequence.size == len(twin)
    assert (other in sequence) == (other in twin)


def test_numbers_may_be_longer_than_a_range() -> None:
    """A size that `len` cannot return is exact."""
    assert Numbers(0, 10**30, 3).size == 333333333333333333333333333334


def test_numbers_that_do_not_rise_are_refused() -> None:
    """A step below 1 is refused."""
    with pytest.raises(BadInput, match="step is 0; allowed: from 1"):
        Numbers(0, 5, 0)


@given(a=numbers, b=numbers)
@settings(deadline=None, max_examples=50)
def test_disjoint_numbers_share_none(a: Numbers, b: Numbers) -> None:
    """What is called disjoint is; as sets of levels the answer is exact."""
    share = bool(set(_listed(a)) & set(_listed(b)))
    assert not (disjoint(a, b) and share)
    assert disjoint(set(_listed(a)), b) == disjoint(a, set(_listed(b))) == (not share)


def test_progressions_of_one_step_are_told_apart() -> None:
    """Equal steps with starts that differ modulo the step are disjoint at any length."""
    assert disjoint(Numbers(0, 10**40, 5), Numbers(3, 10**40, 5))
    assert not disjoint(Numbers(0, 10**40, 5), Numbers(10, 10**40, 5))


def test_what_is_not_known_is_not_disjoint() -> None:
    """Arrangements are not taken to be disjoint from one another."""
    assert not disjoint(Arrangements(4, 2), Arrangements(4, 2))
    assert disjoint({(0, 0), (4, 1)}, Arrangements(4, 2))
