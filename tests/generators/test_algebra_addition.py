"""Facts about addition that the contract does not state."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.algebra.addition import Addition, carries
from modelmetry.errors import BadInput
from modelmetry.items import Seed


def _numbers(split: str, n: int = 400) -> list[tuple[int, int]]:
    problems = Addition().problems(Seed(root=3), split, n)
    return [(problem.fields["a"], problem.fields["b"]) for problem in problems]


@given(a=st.integers(0, 10**18), b=st.integers(0, 10**18))
@settings(deadline=None, max_examples=50)
def test_carries_make_up_for_digit_sums(a: int, b: int) -> None:
    """Each carry takes nine off the digit sum: digits(a) + digits(b) - digits(a + b) = 9 carries."""
    digit_sums = [sum(map(int, str(x))) for x in (a, b, a + b)]
    assert digit_sums[0] + digit_sums[1] - digit_sums[2] == 9 * carries(a, b)


def test_every_column_carries_in_carry() -> None:
    """In the split `carry` every column of every pair carries."""
    for a, b in _numbers("carry"):
        tail = 1
        while tail <= max(a, b):
            tail *= 10
            assert a % tail + b % tail >= tail


@pytest.mark.parametrize("split", ["train", "held-out"])
def test_some_column_does_not_carry_elsewhere(split: str) -> None:
    """Neither train nor its held-out pairs carry in every column."""
    assert all(carries(a, b) < len(str(max(a, b))) for a, b in _numbers(split))


def test_a_pair_and_its_mirror_are_on_the_same_side() -> None:
    """If a + b is in train then b + a is not held out: neither gives the other away."""
    generator = Addition()
    pairs = {
        split: {
            (point["a"], point["b"])
            for space in generator.stratification(split).spaces
            for point in space
        }
        for split in ("train", "held-out")
    }
    assert pairs["train"] == {(b, a) for a, b in pairs["train"]}
    assert pairs["held-out"] == {(b, a) for a, b in pairs["held-out"]}


def test_every_pair_is_in_one_split() -> None:
    """Train, held-out and carry together are all pairs of equal length up to the longest seen."""
    generator = Addition(digits=2)
    counted = sum(generator.count(split) for split in ("train", "held-out", "carry"))
    assert counted == 10 * 10 + 90 * 90


@given(longest=st.integers(3, 18), root=st.integers(0, 2**64), index=st.integers(0, 1000))
@settings(deadline=None, max_examples=50)
def test_longer_numbers_are_longer(longest: int, root: int, index: int) -> None:
    """Numbers of the split `longer` have as many digits as stated, more than train shows."""
    generator = Addition(digits=2, longest=longest)
    problem = generator.problem(Seed(root=root), "longer", index)
    lengths = {len(str(problem.fields[name])) for name in "ab"}
    assert lengths == {problem.factors["digits"]}
    assert 2 < min(lengths) <= longest
    assert generator.solve(problem.fields) == problem.target.answers[0]


@pytest.mark.parametrize("options", [{"digits": 0}, {"digits": 4}, {"longest": 2}, {"longest": 19}])
def test_options_out_of_range_are_refused(options: dict[str, int]) -> None:
    """An option out of range is refused with its name, its value and what is allowed."""
    (name, value), *_ = options.items()
    with pytest.raises(BadInput, match=f"{name} is {value}; allowed: "):
        Addition(**options)
