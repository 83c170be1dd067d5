"""Facts about the greater-than problems that the contract does not state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.algebra.greater_than import BLANK, NOUNS, UNSEEN_NOUNS, GreaterThan
from modelmetry.errors import BadInput
from modelmetry.items import Seed, Target
from modelmetry.spaces import Point


def _points(split: str) -> Iterator[Point]:
    for space in GreaterThan().stratification(split).spaces:
        yield from space


def _is_right(target: Target, number: int) -> bool:
    assert target.interval is not None
    return target.interval[0] <= number <= target.interval[1]


def test_saying_a_large_number_is_exposed() -> None:
    """99 is right on every held-out problem and wrong on every reversed one."""
    generator = GreaterThan()
    for split, right in (("held-out", True), ("reversed", False)):
        for problem in generator.problems(Seed(root=2), split, 500):
            assert _is_right(problem.target, 99) is right


def test_no_constant_answer_beats_a_coin() -> None:
    """Over held-out and reversed together no constant answer is right more than half the time."""
    held_out, reverse = (
        Counter(point["year"] for point in _points(split)) for split in ("held-out", "reversed")
    )
    rates = []
    for answer in range(100):
        larger = sum(n for year, n in held_out.items() if answer > year) / held_out.total()
        smaller = sum(n for year, n in reverse.items() if answer < year) / reverse.total()
        rates.append((larger + smaller) / 2)
    assert max(rates) == pytest.approx(0.5)


def test_chance_is_a_little_under_half() -> None:
    """A guess over the two directions is right with probability 0.495."""
    chances = []
    for split in ("held-out", "reversed"):
        generator = GreaterThan()
        problems = [generator.problem(Seed(root=1), split, i) for i in range(84 * 84)]
        chances.append(sum(p.target.chance for p in problems) / len(problems))
    assert sum(chances) / 2 == pytest.approx(0.495, abs=0.002)


@given(
    first=st.integers(10, 99),
    more=st.integers(0, 5),
    split=st.sampled_from(list(GreaterThan.splits)),
    root=st.integers(0, 2**64),
    index=st.integers(0, 100),
)
@settings(deadline=None, max_examples=50)
def test_right_answers_are_those_that_keep_the_order(
    first: int, more: int, split: str, root: int, index: int
) -> None:
    """Of all hundred answers exactly those that put the end after the beginning are right."""
    last = min(99, first + more)
    generator = GreaterThan(first=first, last=last)
    problem = generator.problem(Seed(root=root), split, index)
    start, end = problem.fields["start"], problem.fields["end"]
    assert (start + end).count(BLANK) == 1
    assert problem.factors["century"] in range(first, last + 1)
    right = 0
    for number in range(100):
        filled = [text.replace(BLANK, f"{number:02}") for text in (start, end)]
        assert _is_right(problem.target, number) == (int(filled[0]) < int(filled[1]))
        right += _is_right(problem.target, number)
    assert problem.target.chance == right / 100
    assert problem.factors["excluded"] == 100 - right


def test_held_out_cells_are_balanced() -> None:
    """Of the sixty nouns exactly twelve are held out of train for each century and year."""
    counts = Counter((point["century"], point["year"]) for point in _points("held-out"))
    assert set(counts.values()) == {12}
    assert len(counts) == 7 * 84


def test_nouns_and_years_are_unseen_only_where_they_should_be() -> None:
    """Only the splits named for it show nouns and final digits of years that train never shows."""
    train = list(_points("train"))
    shown = {"noun": {p["noun"] for p in train}, "year": {p["year"] for p in train}}
    assert shown["noun"] == set(NOUNS)
    for split in ("held-out", "unseen-noun", "unseen-year", "reversed"):
        points = list(_points(split))
        assert {p["noun"] for p in points}.isdisjoint(shown["noun"]) == (split == "unseen-noun")
        assert {p["year"] for p in points}.isdisjoint(shown["year"]) == (split == "unseen-year")
    assert not set(NOUNS) & set(UNSEEN_NOUNS)


@pytest.mark.parametrize("options", [{"first": 9}, {"last": 100}, {"first": 18, "last": 17}])
def test_options_out_of_range_are_refused(options: dict[str, int]) -> None:
    """Centuries out of range or out of order are refused with what is allowed."""
    with pytest.raises(BadInput, match=r"greater-than: first is .* allowed: 10 <= first"):
        GreaterThan(**options)
