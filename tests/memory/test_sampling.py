"""Samples of windows: uniform, whole, the same however a corpus is read, and all counts on the way exact."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmetry.errors import BadInput
from modelmetry.memory.blocks import Held
from modelmetry.memory.sampling import MOST_TOKENS, Survey, survey
from modelmetry.memory.shards import shard

WIDTH = 4
SEPARATOR = 99

corpora = st.lists(
    st.lists(st.lists(st.integers(0, 5), max_size=12), min_size=1, max_size=8),
    min_size=1,
    max_size=3,
)


def held(corpus: list[list[list[int]]]) -> list[Held]:
    """A corpus's shards, in memory."""
    return [
        Held(name=f"s{i}", documents=[np.array(d, np.int64) for d in documents])
        for i, documents in enumerate(corpus)
    ]


def begins(corpus: list[list[list[int]]], width: int = WIDTH) -> list[tuple[int, int, int]]:
    """Every place where a window begins: the slow, obvious list."""
    return [
        (i, j, at)
        for i, documents in enumerate(corpus)
        for j, document in enumerate(documents)
        for at in range(len(document) - width + 1)
    ]


def same(a: Survey, b: Survey) -> bool:
    """Whether two surveys found the same."""
    arrays = zip((*a.samples, *a.places), (*b.samples, *b.places), strict=True)
    numbers = ("windows", "documents", "short", "tokens")
    return (
        all(np.array_equal(x, y) for x, y in arrays)
        and all(getattr(a, name) == getattr(b, name) for name in numbers)
        and np.array_equal(a.frequencies, b.frequencies)
    )


@given(corpora, st.integers(1, 40), st.integers(0, 5))
def test_windows_are_where_they_are_said_to_be(
    corpus: list[list[list[int]]], size: int, seed: int
) -> None:
    """Each sample has as many places as there are or are wanted, in order, none twice, with their tokens."""
    found = survey(held(corpus), WIDTH, (size,), seed)
    places = [tuple(place) for place in found.places[0].tolist()]
    allowed = begins(corpus)
    assert len(places) == min(size, len(allowed))
    assert places == sorted(set(places))
    assert set(places) <= set(allowed)
    for (i, j, at), row in zip(places, found.samples[0].tolist(), strict=True):
        assert row == corpus[i][j][at : at + WIDTH]


@given(corpora)
def test_what_is_counted_on_the_way(corpus: list[list[list[int]]]) -> None:
    """Windows, documents, those without a window, tokens and their frequencies are as listed."""
    found = survey(held(corpus), WIDTH, (1,), 0)
    documents = [document for each in corpus for document in each]
    counts = Counter(token for document in documents for token in document)
    assert found.windows == len(begins(corpus))
    assert found.documents == len(documents)
    assert found.short == sum(len(document) < WIDTH for document in documents)
    assert found.tokens == counts.total()
    assert found.frequencies.tolist() == [counts[t] for t in range(max(counts, default=-1) + 1)]


@pytest.mark.parametrize("block", [1, 2, 3, 5, 17])
def test_blocks_change_nothing(block: int, tmp_path: Path) -> None:
    """A file read in pieces of few tokens, which cut documents, gives what its documents give."""
    rng = np.random.default_rng(3)
    lengths = [0, 3, 4, 5, 1, 30, 8, 0, 2, 11]
    documents = [rng.integers(0, 9, n).tolist() for n in lengths]
    flat = [token for document in documents for token in (*document, SEPARATOR)]
    np.save(tmp_path / "corpus.npy", np.array(flat, np.uint16))
    files = [shard(tmp_path / "corpus.npy", separator=SEPARATOR)]
    want = survey(held([documents]), WIDTH, (10, 5), 4)
    assert same(survey(files, WIDTH, (10, 5), 4, block=block), want)
    assert want.short == sum(n < WIDTH for n in lengths)


def test_every_place_is_as_likely(tmp_path: Path) -> None:
    """Over many seeds each place is drawn as often as any other, and pairs as without replacement."""
    corpus = [[list(range(20)), [1, 2, 3]], [list(range(9)), list(range(5))]]
    places = begins(corpus)
    size, rounds = 6, 4000
    counts, pairs = Counter[tuple[int, int, int]](), 0
    for seed in range(rounds):
        drawn = [tuple(p) for p in survey(held(corpus), WIDTH, (size,), seed).places[0].tolist()]
        counts.update(drawn)
        pairs += places[0] in drawn and places[-1] in drawn
    n = len(places)
    share = size / n
    spread = np.sqrt(rounds * share * (1 - share))
    deviations = [(counts[place] - rounds * share) / spread for place in places]
    assert n == 25
    assert sum(d * d for d in deviations) < 52  # 0.999 of chi-square with 24 degrees of freedom
    expected = rounds * share * (size - 1) / (n - 1)
    assert abs(pairs - expected) < 4 * np.sqrt(expected)


def test_samples_are_independent_and_fixed_by_the_seed() -> None:
    """Two samples differ, so do two seeds; one seed gives one sample."""
    corpus = held([[list(range(500))]])
    first = survey(corpus, WIDTH, (20, 20), 1)
    assert same(first, survey(corpus, WIDTH, (20, 20), 1))
    drawn = [first.places[0], first.places[1], survey(corpus, WIDTH, (20,), 2).places[0]]
    assert len({each.tobytes() for each in drawn}) == 3


def test_no_sample_is_wanted() -> None:
    """A pass that draws nothing counts all the same."""
    found = survey(held([[[1, 2, 3, 4, 5]]]), WIDTH, (0,), 0)
    assert found.windows == 2
    assert len(found.samples[0]) == 0


def test_tokens_that_no_table_holds_are_refused() -> None:
    """A token number beyond all vocabularies names its shard."""
    with pytest.raises(BadInput, match=rf"^s0: token {MOST_TOKENS}; allowed: 0 to "):
        survey(held([[[MOST_TOKENS]]]), WIDTH, (1,), 0)
