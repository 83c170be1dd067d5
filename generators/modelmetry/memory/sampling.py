"""Uniform samples of a corpus's windows, and what is counted on the way: one pass in bounded memory."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelmetry.errors import BadInput
from modelmetry.items import digest
from modelmetry.memory.blocks import BLOCK, Shard

IntArray = NDArray[np.int64]

MOST_TOKENS = 1 << 26
"""Token numbers whose frequencies are counted are below this."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Survey:
    """What one pass over a corpus found.

    Attributes:
        samples: Windows of each sample, uint32, shape (drawn, width), in the order of the corpus.
        places: Shard, document in it, and offset in that, of each; shape (drawn, 3).
        windows: Places at which a window begins, in all documents.
        documents: Documents in the corpus.
        short: Documents that hold no window.
        tokens: Tokens in it.
        frequencies: How often each token occurs, shape (highest token + 1,).
    """

    samples: tuple[NDArray[np.uint32], ...]
    places: tuple[IntArray, ...]
    windows: int
    documents: int
    short: int
    tokens: int
    frequencies: IntArray


def survey(
    shards: Iterable[Shard], width: int, sizes: tuple[int, ...], seed: int, *, block: int = BLOCK
) -> Survey:
    """Draw windows uniformly, without replacement, over all places where one begins.

    A window lies within one document. What is drawn depends on the documents in their order and on
    nothing else, such as how they are cut into blocks.

    Args:
        shards: The corpus.
        width: Tokens of a window, >= 1.
        sizes: How many windows each of the samples has, which are independent; all where there are
            not so many.
        seed: Any integer >= 0.
        block: Tokens that are read at once, about.

    Raises:
        BadInput: A shard cannot be read, or has tokens from `MOST_TOKENS`.

    Source: Li (1994), Reservoir-sampling algorithms of time complexity O(n(1 + log(N/n))).
    """
    drawn = [_Reservoir(width, size, digest("windows", seed, i)) for i, size in enumerate(sizes)]
    tally = _Tally()
    for number, each in enumerate(shards):
        for piece in _pieces(number, each, width, tally, block):
            for reservoir in drawn:
                reservoir.pass_by(piece)
    places = [reservoir.places[: reservoir.held] for reservoir in drawn]
    orders = [np.lexsort(found.T[::-1]) for found in places]
    return Survey(
        samples=tuple(r.rows[: r.held][order] for r, order in zip(drawn, orders, strict=True)),
        places=tuple(found[order] for found, order in zip(places, orders, strict=True)),
        windows=tally.windows,
        documents=tally.documents,
        short=tally.short,
        tokens=tally.tokens,
        frequencies=tally.frequencies,
    )


class _Tally:
    """What was passed so far."""

    def __init__(self) -> None:
        self.windows = self.documents = self.short = self.tokens = 0
        self.frequencies = np.zeros(0, dtype=np.int64)

    def count(self, tokens: NDArray[np.unsignedinteger], name: str) -> None:
        self.tokens += len(tokens)
        if not len(tokens):
            return
        if (highest := int(tokens.max())) >= MOST_TOKENS:
            raise BadInput(f"{name}: token {highest}; allowed: 0 to {MOST_TOKENS - 1}")
        found = np.bincount(tokens, minlength=len(self.frequencies))
        found[: len(self.frequencies)] += self.frequencies
        self.frequencies = found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Piece:
    """Tokens in which windows begin that lie within them.

    Attributes:
        tokens: Token numbers.
        begins: Where in them the part of each document begins.
        offsets: Where in its document that part begins.
        ends: How many windows begin in the piece up to the end of each document.
        shard: Number of the shard.
        document: Number of the first document.
    """

    tokens: NDArray[np.unsignedinteger]
    begins: IntArray
    offsets: IntArray
    ends: IntArray
    shard: int
    document: int


def _pieces(number: int, shard: Shard, width: int, tally: _Tally, size: int) -> Iterator[_Piece]:
    """A shard's blocks, each with the last `width - 1` tokens of a document that goes on."""
    tail = np.zeros(0, dtype=np.uint16)
    opened = np.zeros(0, dtype=np.int64)  # where the document that goes on began
    documents = 0
    for block in shard.blocks(size):
        if not len(block.starts) + len(block.tokens):
            continue
        tally.count(block.tokens, shard.name)
        starts = np.concatenate([opened, block.starts + len(tail)])
        tokens = np.concatenate([tail, block.tokens]) if tail.size else block.tokens
        begins = np.maximum(starts, 0)
        stops = np.append(starts[1:], len(tokens))
        fitting = np.maximum(stops - begins - (width - 1), 0)
        first = documents - len(opened)
        documents += len(block.starts)
        tally.windows += int(fitting.sum())
        tally.short += int((stops - starts < width)[:-1].sum())
        yield _Piece(
            tokens=tokens,
            begins=begins,
            offsets=begins - starts,
            ends=np.cumsum(fitting),
            shard=number,
            document=first,
        )
        kept = max(int(starts[-1]), len(tokens) - (width - 1), 0)
        tail, opened = tokens[kept:], starts[-1:] - kept
    tally.documents += documents
    tally.short += int((len(tail) - opened < width).sum())


class _Reservoir:
    """A uniform sample of a stream of windows, most of which are passed by unseen."""

    def __init__(self, width: int, size: int, key: int) -> None:
        self.rows = np.zeros((size, width), dtype=np.uint32)
        self.places = np.zeros((size, 3), dtype=np.int64)
        self.held = 0
        self._random = random.Random(key).random
        self._seen = 0
        self._next = 0 if size else math.inf
        self._weight = 1.0

    def pass_by(self, piece: _Piece) -> None:
        """Take what the sample takes of the windows of a piece."""
        total = int(piece.ends[-1]) if len(piece.ends) else 0
        while self._next < self._seen + total:
            self._take(piece, int(self._next) - self._seen)
        self._seen += total

    def _take(self, piece: _Piece, rank: int) -> None:
        size, width = self.rows.shape
        document = int(np.searchsorted(piece.ends, rank, side="right"))
        within = rank - (int(piece.ends[document - 1]) if document else 0)
        at = int(piece.begins[document]) + within
        slot = self.held if self.held < size else int(self._random() * size)
        self.rows[slot] = piece.tokens[at : at + width]
        offset = int(piece.offsets[document]) + within
        self.places[slot] = piece.shard, piece.document + document, offset
        self.held = min(self.held + 1, size)
        self._next += 1 if self.held < size else self._skipped()

    def _skipped(self) -> int:
        """Windows until the next one that is taken, from 1."""
        # 1 - random() is never 0, of which there is no logarithm, nor is 1 - weight.
        factor = math.exp(math.log(1 - self._random()) / len(self.rows))
        self._weight *= min(factor, 1 - 2**-53)
        return 1 + int(math.log(1 - self._random()) / math.log1p(-self._weight))
