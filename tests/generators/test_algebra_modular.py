"""Facts about in-context modular arithmetic that the contract does not state."""

from __future__ import annotations

import random
from collections import Counter
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.algebra.in_context_modular import InContextModular, identifiable
from modelmetry.errors import BadInput
from modelmetry.items import Draft, Problem, Seed

Row = tuple[int, ...]

HELD_OUT = [split for split in InContextModular.splits if split != "train"]


@pytest.fixture(scope="module")
def everything() -> dict[str, list[tuple[tuple[int, int], Draft]]]:
    """Every problem of the smallest generator, by split, with its task."""
    generator = InContextModular(moduli=(5,), shots=(2,))
    return {
        split: [
            (point["task"], generator.build(point, random.Random(0)))
            for space in generator.strata(split)
            for point in space
        ]
        for split in generator.splits
    }


def _answers(p: int, rows: list[Row], x: int, y: int) -> set[int]:
    """Answers to (x, y) of all tasks that fit the rows."""
    return {
        (a * x + b * y) % p
        for a, b in product(range(p), repeat=2)
        if all((a * u + b * v) % p == z for u, v, z in rows)
    }


def _cells(draft: Draft | Problem) -> list[tuple[int, int]]:
    return [(x, y) for x, y, _ in draft.fields["rows"]]


def _asked(draft: Draft | Problem) -> tuple[int, int]:
    return draft.fields["x"], draft.fields["y"]


_number = st.integers(0, 6)


@given(
    p=st.sampled_from([2, 3, 5, 7]),
    task=st.tuples(_number, _number),
    cells=st.lists(st.tuples(_number, _number), max_size=4),
    query=st.tuples(_number, _number),
)
@settings(deadline=None, max_examples=50)
def test_identifiable_means_that_all_fitting_tasks_agree(
    p: int, task: tuple[int, int], cells: list[tuple[int, int]], query: tuple[int, int]
) -> None:
    """The oracle says yes exactly when trying every task leaves one answer."""
    rows = [(u, v, (task[0] * u + task[1] * v) % p) for u, v in cells]
    assert identifiable(p, rows, query) == (len(_answers(p, rows, *query)) == 1)


def test_identifiable_has_the_textbook_cases() -> None:
    """No row settles only (0, 0); one row its multiples; two rows everything or one line."""
    cells = list(product(range(5), range(5)))
    settled = {
        rows: sum(identifiable(5, rows, cell) for cell in cells)
        for rows in [(), ((0, 0),), ((1, 2),), ((1, 2), (2, 4)), ((1, 2), (2, 3))]
    }
    assert list(settled.values()) == [1, 1, 5, 5, 25]


@given(
    p=st.sampled_from([5, 7, 11, 29]),
    shots=st.integers(2, 11),
    split=st.sampled_from(list(InContextModular.splits)),
    root=st.integers(0, 2**64),
    index=st.integers(0, 1000),
)
@settings(deadline=None, max_examples=50)
def test_the_first_two_rows_settle_the_task(
    p: int, shots: int, split: str, root: int, index: int
) -> None:
    """Rows are distinct, never the query, and as many as stated; the first two suffice."""
    generator = InContextModular(moduli=(p,), shots=(shots,))
    problem = generator.problem(Seed(root=root), split, index)
    cells = _cells(problem)
    assert problem.factors["shots"] == shots == len(set(cells))
    assert _asked(problem) not in cells
    assert identifiable(p, cells[:2], (1, 0))
    assert identifiable(p, cells[:2], (0, 1))
    one = any(identifiable(p, [cell], _asked(problem)) for cell in cells)
    assert problem.factors["rows_needed"] == (1 if one else 2)


@given(
    p=st.sampled_from([5, 7]), shots=st.integers(2, 8), root=st.integers(0, 99), index=st.integers()
)
@settings(deadline=None, max_examples=50)
def test_the_second_solver_agrees(p: int, shots: int, root: int, index: int) -> None:
    """Trying every task on what is shown leaves the target's answer, in every split."""
    generator = InContextModular(moduli=(p,), shots=(shots,))
    for split in generator.splits:
        problem = generator.problem(Seed(root=root), split, index % generator.count(split))
        assert (generator.solve(problem.fields),) == problem.target.answers


def test_rows_that_leave_the_answer_open_have_no_solution() -> None:
    """The second solver refuses rows that fit several answers, and rows that fit none."""
    generator = InContextModular()
    fields = {"p": 5, "x": 1, "y": 0}
    with pytest.raises(BadInput, match="allow 5 answers"):
        generator.solve({**fields, "rows": [[0, 1, 2]]})
    with pytest.raises(BadInput, match="allow 0 answers"):
        generator.solve({**fields, "rows": [[0, 1, 2], [0, 2, 2]]})


def test_the_count_is_the_number_of_distinct_problems(
    everything: dict[str, list[tuple[tuple[int, int], Draft]]],
) -> None:
    """Every point of a split is another problem, so that the space's size is exact."""
    generator = InContextModular(moduli=(5,), shots=(2,))
    for split, problems in everything.items():
        shown = {str((task, sorted(draft.fields.items()))) for task, draft in problems}
        assert len(shown) == len(problems) == generator.count(split)


def test_no_split_shows_what_another_asks(
    everything: dict[str, list[tuple[tuple[int, int], Draft]]],
) -> None:
    """A row that a held-out split asks for is shown nowhere and not asked in train."""
    known = {
        (task, cell) for drafts in everything.values() for task, d in drafts for cell in _cells(d)
    }
    known |= {(task, _asked(draft)) for task, draft in everything["train"]}
    for split in HELD_OUT:
        assert known.isdisjoint((task, _asked(draft)) for task, draft in everything[split])


def test_the_quadrants_are_what_their_names_say(
    everything: dict[str, list[tuple[tuple[int, int], Draft]]],
) -> None:
    """Unseen tasks and cells are in no training problem; seen ones are."""
    tasks = {task for task, _ in everything["train"]}
    cells = {cell for _, draft in everything["train"] for cell in [*_cells(draft), _asked(draft)]}
    for split in HELD_OUT:
        seen_task = split.startswith("seen-task")
        seen_data = split.endswith("-seen-data")
        assert all((task in tasks) == seen_task for task, _ in everything[split])
        assert all((_asked(draft) in cells) == seen_data for _, draft in everything[split])
        assert all(cell in cells for _, draft in everything[split] for cell in _cells(draft))


@pytest.mark.parametrize("split", HELD_OUT)
def test_answers_are_equally_frequent(
    split: str, everything: dict[str, list[tuple[tuple[int, int], Draft]]]
) -> None:
    """In every held-out split 0 is the answer 1 in p + 1 times, the others equally often."""
    counts = Counter(draft.target.answers[0] for _, draft in everything[split])
    total = len(everything[split])
    assert counts.pop("0") == total / 6
    assert set(counts.values()) == {total * 5 / 24}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"moduli": (9,)}, "moduli is [9]; allowed: distinct primes, 5 to 97"),
        ({"moduli": (3,)}, "moduli is [3]; allowed: distinct primes, 5 to 97"),
        ({"moduli": (5, 5)}, "moduli is [5, 5]; allowed: distinct primes, 5 to 97"),
        ({"moduli": ()}, "moduli is []; allowed: distinct primes, 5 to 97"),
        ({"shots": (1,)}, "shots is [1]; allowed: distinct numbers, 2 to 11 for p = 5"),
        ({"shots": (12,)}, "shots is [12]; allowed: distinct numbers, 2 to 11 for p = 5"),
        ({"shots": (2, 2)}, "shots is [2, 2]; allowed: distinct numbers, 2 to 11 for p = 5"),
    ],
)
def test_options_out_of_range_are_refused(
    options: dict[str, tuple[int, ...]], message: str
) -> None:
    """An option out of range is refused with its name, its value and what is allowed."""
    with pytest.raises(BadInput) as caught:
        InContextModular(**options)
    assert str(caught.value) == f"in-context-modular: {message}"


def test_as_many_shots_as_a_task_shows_are_possible() -> None:
    """The most shots allowed leave one kept cell to ask in train and all others elsewhere."""
    generator = InContextModular(moduli=(5,), shots=(11,))
    for split in generator.splits:
        problem = generator.problem(Seed(root=1), split, 0)
        assert generator.solve(problem.fields) == problem.target.answers[0]
