"""Rules that end runs: how they are read, what one turn is, and what stays valid."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmetry.analyses.adaptive import staircase
from modelmetry.analyses.stopping import Rule, parse, standing, turns
from modelmetry.analyses.table import Items, read_items
from modelmetry.errors import BadInput
from modelmetry.runs import Until
from modelmetry.spaces import Turns


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("ci<0.02", Rule(text="ci<0.02", width=0.02)),
        (" ci < 5e-2 ", Rule(text="ci<0.05", width=0.05)),
        ("A>B", Rule(text="A>B", pair=(0, 1))),
        ("B > A", Rule(text="B>A", pair=(1, 0))),
        ("vllm/y>openai/x", Rule(text="B>A", pair=(1, 0))),
        ("threshold<0.5", Rule(text="threshold<0.5", threshold=0.5)),
        ("threshold<12", Rule(text="threshold<12", threshold=12.0)),
    ],
)
def test_rules_are_read(text: str, rule: Rule) -> None:
    """Widths, letters and specs are understood, and the stored text is the same for all spellings."""
    found = parse(text, ["openai/x", "vllm/y"])
    assert found == rule
    assert parse(found.text, ["openai/x", "vllm/y"]) == rule


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "allowed"),
        ("ci", "allowed"),
        ("ci>0.02", "no model 'ci'"),
        ("ci<0", "between 0 and 1"),
        ("ci<1", "between 0 and 1"),
        ("ci<1e", "between 0 and 1"),
        ("threshold<0", "above 0"),
        ("A>A", "itself"),
        ("A>C", "no model 'C'"),
        ("A>B>A", "allowed"),
        ("A>", "allowed"),
    ],
)
def test_what_is_no_rule_is_refused_in_one_line(text: str, says: str) -> None:
    """A typo is answered with what is allowed."""
    with pytest.raises(BadInput, match=says) as caught:
        parse(text, ["openai/x", "vllm/y"])
    assert "\n" not in str(caught.value)


def test_a_turn_is_one_problem_of_every_stratum() -> None:
    """Wordings are averaged per problem, and a turn that is not complete waits."""
    problems = np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    values = np.array([1, 0, 1, 1, 0, 0, 0, 1, 1, 1.0])
    scored = np.ones(10, dtype=bool)
    assert turns(problems, values, scored, (9, 9)).tolist() == [[0.5, 1.0], [0.0, 0.5]]


def test_a_used_up_stratum_stands_in_with_its_own_mean() -> None:
    """Two points of the first stratum are all there are: their mean goes on in later turns."""
    values = np.array([1, 0, 0, 1, 1, 0, 1.0])  # strata 0 1 0 1 1 1 1
    found = turns(np.arange(7), values, np.ones(7, dtype=bool), (2, 5))
    assert found.tolist() == [[1, 0], [0, 1], [0.5, 1], [0.5, 0], [0.5, 1]]


def test_what_could_not_be_scored_is_replaced_by_its_turn() -> None:
    """An unscored problem takes the mean of its turn; a turn with nothing scored is left out."""
    values = np.array([1, 0, 1, 1, 0, 1.0])
    scored = np.array([True, False, False, False, True, True])
    assert turns(np.arange(6), values, scored, (9, 9)).tolist() == [[1, 1], [0, 1]]
    assert turns(np.arange(0), np.empty(0), np.empty(0, dtype=bool), (3, 3)).shape == (0, 2)


@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    seed=st.integers(0, 2**32),
    share=st.floats(0, 1),
)
def test_turns_agree_with_dealing_one_by_one(sizes: list[int], seed: int, share: float) -> None:
    """The table is what dealing problems to strata by hand gives."""
    rng = np.random.default_rng(seed)
    count = int(share * sum(sizes))
    values = rng.random(count)
    table: list[list[float]] = [[math.nan] * len(sizes) for _ in range(max(sizes))]
    order = Turns(sizes)
    for i in range(count):
        stratum, turn = order.place(i)
        table[turn][stratum] = values[i]
    complete = [
        t
        for t, row in enumerate(table)
        if all(not math.isnan(v) or t >= size for v, size in zip(row, sizes, strict=True))
    ]
    expected = []
    for t in complete:
        row = [
            float(np.mean([table[u][s] for u in range(size)])) if t >= size else table[t][s]
            for s, size in enumerate(sizes)
        ]
        expected.append(row)
    found = turns(np.arange(count), values, np.ones(count, dtype=bool), sizes)
    assert found == pytest.approx(np.array(expected).reshape(-1, len(sizes)))


def _pair(table: Callable[..., pa.Table], ahead: int, splits: Sequence[str]) -> list[Items]:
    """Two runs on forty problems a split, of which only the first gets so many right."""
    return [
        read_items(
            table(
                [
                    {
                        "problem": f"{split}{i}",
                        "split": split,
                        "index": i,
                        "value": float(i < right),
                    }
                    for split in splits
                    for i in range(40)
                ]
            )
        )
        for right in (ahead, 0)
    ]


def test_an_order_on_several_splits_is_told_at_a_level_shared_among_them(
    table: Callable[..., pa.Table],
) -> None:
    """What just decides one split leaves two of them open: together they err in one of twenty."""
    rule = Rule(text="A>B", pair=(0, 1))

    def met(ahead: int, *splits: str) -> bool:
        until = Until(
            rule="A>B", strata=dict.fromkeys(splits, (10**6,)), peers=("a", "b"), models=("a", "b")
        )
        return standing(rule, until, _pair(table, ahead, splits)).met

    enough = next(ahead for ahead in range(41) if met(ahead, "held-out"))
    assert 3 < enough < 20
    assert not met(enough, "held-out", "longer")
    assert met(enough + 3, "held-out", "longer")


def test_a_staircase_knows_what_a_guess_scores(table: Callable[..., pa.Table]) -> None:
    """Before any answer no level is expected to score below chance, and answers move it."""
    levels = [(1.0, 0.5), (2.0, 0.5), (3.0, 0.4)]
    rows = [{"problem": f"p{i}", "index": i, "value": 1.0, "difficulty": 3.0} for i in range(20)]
    items = read_items(table(rows))
    before = staircase(items, "no such task", levels).predicted()
    assert (before >= [0.5, 0.5, 0.4]).all()
    after = staircase(items, "addition", levels).predicted()
    assert (after > before).all()
