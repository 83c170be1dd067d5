"""Facts about the calendar problems that the contract does not state."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.algebra.calendar import INVENTED, WEEK, YEAR, Calendar
from modelmetry.errors import BadInput
from modelmetry.items import Problem, Seed

REAL = ("train", "held-out", "further")


def _everything(split: str) -> list[Problem]:
    generator = Calendar()
    return list(generator.problems(Seed(root=5), split, generator.count(split)))


def _edits(a: str, b: str) -> int:
    """Fewest insertions, deletions and replacements of letters from a to b."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        corner, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (x != y))
    return row[-1]


@pytest.mark.parametrize("split", REAL)
def test_real_answers_agree_with_the_real_calendar(split: str) -> None:
    """Every problem on real days and months has the answer of Python's own calendar."""
    for problem in _everything(split):
        fields = problem.fields
        steps = fields["steps"] if fields["direction"] == "after" else -fields["steps"]
        if problem.factors["cycle"] == "week":
            # 1 January 2024 was a Monday.
            first = date(2024, 1, 1) + timedelta(days=WEEK.index(fields["start"]))
            answer = WEEK[(first + timedelta(days=steps)).weekday()]
        else:
            months = 12 * 2024 + YEAR.index(fields["start"]) + steps
            answer = date(months // 12, months % 12 + 1, 1).strftime("%B")
        assert problem.target.answers == (answer,), problem


def test_train_and_held_out_are_all_cells_up_to_one_round() -> None:
    """Train and held-out together are every start, step count up to one round and direction."""
    cells = [
        tuple(problem.fields[name] for name in ("unit", "start", "steps", "direction"))
        for split in ("train", "held-out")
        for problem in _everything(split)
    ]
    assert len(set(cells)) == len(cells) == 2 * (7 * 7 + 12 * 12)


@pytest.mark.parametrize("what", ["start", "steps", "answer"])
def test_held_out_cells_are_balanced(what: str) -> None:
    """In each cycle and direction every start, step count and answer is held out equally often."""
    counts: dict[tuple[object, object], Counter[object]] = {}
    for problem in _everything("held-out"):
        level = problem.target.answers[0] if what == "answer" else problem.fields[what]
        key = (problem.fields["unit"], problem.fields["direction"])
        counts.setdefault(key, Counter())[level] += 1
    assert len(counts) == 4
    for (unit, _), counted in counts.items():
        assert set(counted.values()) == {4 if unit == "month" else 2}
        assert len(counted) == (12 if unit == "month" else 7)


def test_further_walks_go_round_more_than_once() -> None:
    """Walks of the split `further` take more than one and up to five rounds, all answers alike."""
    problems = _everything("further")
    for problem in problems:
        assert 1 < problem.fields["steps"] / problem.factors["length"] <= 5
    answers = Counter(problem.target.answers[0] for problem in problems)
    assert {answers[name] for name in WEEK} == {2 * 4 * 7}
    assert {answers[name] for name in YEAR} == {2 * 4 * 12}


def test_invented_names_are_far_apart() -> None:
    """Any two invented names are four or more letters apart, and none is a real day or month."""
    lowered = [name.lower() for name in INVENTED]
    assert all(_edits(a, b) >= 4 for a, b in combinations(lowered, 2))
    assert not {*WEEK, *YEAR} & set(INVENTED)


@given(
    laps=st.integers(2, 100),
    lengths=st.lists(st.integers(3, 24), min_size=1, max_size=4, unique=True),
    root=st.integers(0, 2**64),
    split=st.sampled_from(["further", "invented"]),
    index=st.integers(0, 300),
)
@settings(deadline=None, max_examples=50)
def test_any_options_give_sound_problems(
    laps: int, lengths: list[int], root: int, split: str, index: int
) -> None:
    """Under all options the solvers agree, the names are distinct and the wraps are those walked."""
    generator = Calendar(laps=laps, lengths=tuple(lengths))
    problem = generator.problem(Seed(root=root), split, index)
    names = problem.fields["names"]
    assert len(set(names)) == len(names) == problem.factors["length"]
    assert generator.solve(problem.fields) == problem.target.answers[0]
    if split == "invented":
        assert len(names) in lengths
        assert problem.fields["steps"] <= len(names)
    here, wraps = names.index(problem.fields["start"]), 0
    for _ in range(problem.fields["steps"]):
        there = here + (1 if problem.fields["direction"] == "after" else -1)
        wraps += there in (-1, len(names))
        here = there % len(names)
    assert wraps == problem.factors["wraps"]


@pytest.mark.parametrize(
    "options",
    [
        {"laps": 1},
        {"laps": 101},
        {"lengths": ()},
        {"lengths": (2,)},
        {"lengths": (25,)},
        {"lengths": (7, 7)},
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, object]) -> None:
    """An option out of range is refused with its name and what is allowed."""
    with pytest.raises(BadInput, match=rf"calendar: {next(iter(options))} is .*; allowed: "):
        Calendar(**options)  # type: ignore[arg-type]
