"""Facts about factors of tokens: frequencies are looked up, perplexities have their own denominators."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmetry.errors import BadInput
from modelmetry.memory.factors import frequency_statistics, perplexities

tables = st.lists(st.integers(0, 10**6), min_size=1, max_size=20)
logs = st.floats(-20, 0)


@given(table=tables, data=st.data(), length=st.integers(2, 12))
def test_frequencies_are_those_of_the_tokens(
    table: list[int], data: st.DataObject, length: int
) -> None:
    """All six are what Python's own statistics give of the frequencies of each row's tokens."""
    row = st.lists(st.integers(0, len(table) - 1), min_size=length, max_size=length)
    rows = data.draw(st.lists(row, min_size=1, max_size=4))
    found = frequency_statistics(rows, table)
    for i, tokens in enumerate(rows):
        own = [table[token] for token in tokens]
        p25, median, p75 = statistics.quantiles(own, n=4, method="inclusive")
        expected = (max(own), statistics.fmean(own), min(own), median, p25, p75)
        assert [column[i] for column in found] == pytest.approx(expected)


def test_one_token_is_all_of_its_statistics() -> None:
    """Where there is one token, its frequency is the least, the mean and the most."""
    assert [column.tolist() for column in frequency_statistics([[2]], [5, 6, 7])] == [[7.0]] * 6


def test_names_tell_the_columns() -> None:
    """The largest is called maximum, and so on."""
    found = frequency_statistics([[0, 1, 2, 3, 4]], [1, 2, 3, 4, 90])._asdict()
    names = ["maximum", "mean", "minimum", "median", "p25", "p75"]
    assert {name: column[0] for name, column in found.items()} == dict(
        zip(names, [90, 20, 1, 3, 2, 4], strict=True)
    )


def test_no_sequences_have_no_statistics() -> None:
    """An empty table of tokens gives empty columns."""
    assert [len(c) for c in frequency_statistics(np.zeros((0, 4), int), [1, 2])] == [0] * 6


@pytest.mark.parametrize(
    ("tokens", "table", "line"),
    [
        ([[0, 3]], [1, 2, 3], r"tokens from 0 to 3; allowed: 0 to 2.*tokenizer"),
        ([[-1, 0]], [1, 2, 3], "tokens from -1 to 0"),
        ([0, 1], [1, 2, 3], r"shape \(2,\)"),
        ([[0.5]], [1, 2, 3], "type float64"),
        (np.zeros((2, 0), int), [1], "length from 1"),
        ([[0]], [-1], "negative or not finite"),
        ([[0]], [float("nan")], "negative or not finite"),
        ([[0]], [[1]], r"table of shape \(1, 1\)"),
        ([[0]], ["many"], "allowed: numbers"),
    ],
)
def test_tokens_that_were_not_counted_are_refused(tokens, table, line: str) -> None:
    """A token outside the table tells of another tokenizer; tables are of counts."""
    with pytest.raises(BadInput, match=line):
        frequency_statistics(tokens, table)


halves = st.lists(st.tuples(st.lists(logs, min_size=1), st.lists(logs, min_size=1)), min_size=1)


def _sums(rows: list[tuple[list[float], list[float]]]) -> list[list[float]]:
    """What `perplexities` takes, from the log-probabilities of prompts and continuations."""
    return [[f(row[half]) for row in rows] for half in (0, 1) for f in (math.fsum, len)]


@given(rows=halves)
def test_perplexities_are_means_over_own_tokens(
    rows: list[tuple[list[float], list[float]]],
) -> None:
    """exp of the mean over the prompt, the continuation and all, however many tokens each has."""
    found = perplexities(*_sums(rows))
    for i, (prompt, continuation) in enumerate(rows):
        parts = (prompt, continuation, [*prompt, *continuation])
        expected = [math.exp(-statistics.fmean(part)) for part in parts]
        assert [column[i] for column in found] == pytest.approx(expected)


@given(v=st.integers(1, 10**6), k=st.integers(2, 40))
def test_a_uniform_model_has_the_perplexity_of_its_vocabulary(v: int, k: int) -> None:
    """Whatever the length, all three are V: halves are not divided by the length of the whole."""
    log = -math.log(v)
    found = perplexities([(k - 1) * log], [k - 1], [k * log], [k])
    assert np.concatenate(found) == pytest.approx([v] * 3)


def test_what_is_not_known_has_no_perplexity() -> None:
    """A missing half is NaN, and so is the whole; a prompt of one token leaves the whole known."""
    nan = np.nan
    found = perplexities(
        [nan, -2.0, -2.0, 0.0], [nan, 2, 2, 0], [-3.0, nan, 0.0, -6.0], [3, nan, 0, 3]
    )
    e = math.e
    assert found.prompt.tolist() == pytest.approx([nan, e, e, nan], nan_ok=True)
    assert found.continuation.tolist() == pytest.approx([e, nan, nan, e**2], nan_ok=True)
    assert found.whole.tolist() == pytest.approx([nan, nan, nan, e**2], nan_ok=True)
    assert [len(column) for column in perplexities([], [], [], [])] == [0] * 3


def test_an_impossible_token_makes_an_infinite_perplexity() -> None:
    """Of its own half and of the whole, and so does a mean that is too large for a float."""
    found = perplexities([-2.0, -2.0], [2, 2], [-np.inf, -10_000.0], [2, 2])
    assert found.prompt == pytest.approx(np.exp([1.0, 1.0]))
    assert np.isinf(found.continuation).all()
    assert np.isinf(found.whole).all()


def test_what_rounding_puts_above_zero_is_zero() -> None:
    """A certain token's log-probability of 1e-7 counts as 0: no perplexity is below 1."""
    assert np.concatenate(perplexities([2e-7], [2], [1e-7], [2])).tolist() == [1.0] * 3


@pytest.mark.parametrize(
    ("given_sums", "line"),
    [
        (([-1.0], [2], [-1.0, -1.0], [2, 2]), "allowed: a number for each sequence"),
        (([-1.0], [2, 2], [-1.0], [2, 2]), r"sums of shape \(1,\) and tokens of shape \(2,\)"),
        ((-1.0, 2, -1.0, 2), r"shape \(\) and tokens of shape \(\)"),
        (([[-1.0]], [[2]], [[-1.0]], [[2]]), r"sums of shape \(1, 1\)"),
        ((["a"], [2], [-1.0], [2]), "allowed: a number for each sequence"),
        (([-1.0], [-2], [-1.0], [2]), "-2 tokens; allowed: from 0"),
        (([-1.0], [2], [0.5], [2]), "a log-probability is 0.5; allowed: up to 0"),
        (([0.5, np.nan], [0, np.nan], [-1.0, -1.0], [2, 2]), "a log-probability is 0.5"),
    ],
)
def test_other_than_sums_are_refused(given_sums, line: str) -> None:
    """Other shapes, negative numbers of tokens and probabilities above 1 are named."""
    with pytest.raises(BadInput, match=line):
        perplexities(*given_sums)
