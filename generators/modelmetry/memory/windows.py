"""Exact counts of windows of tokens in a corpus that does not fit into memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.errors import BadInput
from modelmetry.memory.blocks import BLOCK, HIGHEST, Held, Shard
from modelmetry.memory.encodings import Encoding
from modelmetry.memory.finding import BASE, Index, IntArray, Piece, find, indexed

T = TypeVar("T")
S = TypeVar("S")


class Place(NamedTuple):
    """Where a window begins: its shard, the number of the document in it, the token in that."""

    shard: str
    document: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counts:
    """How often each of a number of probes occurs in shards; counts of other shards can be added.

    Attributes:
        width: Tokens of a probe.
        counts: Occurrences of each probe, those that overlap included, shape (n,).
        probes: Digest of the probes.
        shards: Names of the shards that were read, in order.
        documents: Documents in them.
        tokens: Tokens in them, separators left out.
        encoding: What probes and shards were encoded with.
        kept: So many places of each probe are kept.
        equal: For each probe the number of the first one that has the same tokens, shape (n,).
        found: The places, shape (m, 4): number of the probe (the first of equal ones), of the
            shard, of the document, and offset; ascending.
    """

    width: int
    counts: IntArray
    probes: str
    shards: tuple[str, ...]
    documents: int
    tokens: int
    encoding: Encoding
    kept: int
    equal: IntArray
    found: IntArray

    def places(self, probe: int) -> tuple[Place, ...]:
        """The first places where a probe begins, `kept` at most, in the order of reading."""
        first = self.equal[probe]
        start, stop = np.searchsorted(self.found[:, 0], [first, first + 1])
        rows = self.found[start:stop, 1:].tolist()
        return tuple(Place(self.shards[shard], *rest) for shard, *rest in rows)

    def __add__(self, other: Counts) -> Counts:
        """Counts of the shards of both, those of `self` first.

        Raises:
            BadInput: If they are counts of other probes or under another tokenizer, or have a
                shard in common.
        """
        if (self.width, self.probes) != (other.width, other.probes):
            raise BadInput(
                "counts: they are of different probes; allowed: the same in the same order"
            )
        twice = sorted({*self.shards} & {*other.shards})
        if twice:
            raise BadInput(f"counts: shard {twice[0]} is in both; allowed: each shard once")
        kept = min(self.kept, other.kept)
        moved = other.found + np.array([0, len(self.shards), 0, 0])
        return Counts(
            width=self.width,
            counts=self.counts + other.counts,
            probes=self.probes,
            shards=self.shards + other.shards,
            documents=self.documents + other.documents,
            tokens=self.tokens + other.tokens,
            encoding=self.encoding.joined(other.encoding, "counts"),
            kept=kept,
            equal=self.equal,
            found=_first(np.concatenate([self.found, moved]), kept),
        )


def count(
    probes: ArrayLike | Index,
    shards: Iterable[Shard],
    *,
    width: int | None = None,
    encoding: Encoding | None = None,
    places: int = 0,
    threads: int | None = None,
    base: int = BASE,
) -> Counts:
    """Count the occurrences of windows of tokens in a corpus.

    Windows are hashed by doubling: that of 2m tokens from two of m. Candidates pass a table of
    bits, are looked up among the probes' sorted hashes, and are compared with the probes' tokens.

    Args:
        probes: Token numbers, shape (n, width), or what `indexed` made of them.
        shards: The corpus, or a part of it: counts of parts add up.
        width: Tokens of a window; default what `probes` has.
        encoding: What the probes were encoded with; default what the first shard was.
        places: So many places of each probe are kept.
        threads: Threads that look for windows; default one per processor, 4 at most.
        base: Multiplier of the hash, which changes the speed and nothing else; that of an index is
            its own.

    Returns:
        The counts.

    Raises:
        BadInput: If the probes are no table of token numbers of that width or are beyond a shard's
            vocabulary, if a shard comes twice or cannot be read, or if shards and probes were made
            with different tokenizers.
    """
    shards = tuple(shards)
    if not shards:
        raise BadInput("shards: none; allowed: at least one")
    if places < 0:
        raise BadInput(f"places: {places}; allowed: 0 or more")
    index = probes if isinstance(probes, Index) else indexed(probes, width, base)
    encoding = _one_encoding(index, shards, encoding)
    counts = np.zeros(len(index.probes), dtype=np.int64)
    found = [np.zeros((0, 4), dtype=np.int64)]
    tally = _Tally()
    pieces = _pieces(shards, index.width, tally)
    for piece, which, where in _in_order(lambda piece: find(index, piece), pieces, threads):
        wanted = np.flatnonzero(counts[which] < places)
        if wanted.size:
            order = wanted[np.argsort(which[wanted], kind="stable")]
            order = order[_ranks(which[order]) < places]
            found.append(piece.places(which[order], where[order]))
        counts += np.bincount(which, minlength=len(counts))
    return Counts(
        width=index.width,
        counts=counts[index.equal],
        probes=index.digest,
        shards=tuple(shard.name for shard in shards),
        documents=tally.documents,
        tokens=tally.tokens,
        encoding=encoding,
        kept=places,
        equal=index.equal,
        found=_first(np.concatenate(found), places),
    )


def _one_encoding(index: Index, shards: Sequence[Shard], encoding: Encoding | None) -> Encoding:
    """What all shards were encoded with; checks that each comes once and can hold the probes."""
    encoding = encoding or shards[0].encoding
    highest = int(index.probes.max(initial=0))
    names: set[str] = set()
    for shard in shards:
        if shard.name in names:
            raise BadInput(f"{shard.name}: given twice; allowed: each shard once")
        names.add(shard.name)
        encoding = shard.encoding.joined(encoding, shard.name)
        if shard.vocabulary is not None and highest >= shard.vocabulary:
            raise BadInput(
                f"probes: token {highest}; allowed: 0 to {shard.vocabulary - 1}, the vocabulary of"
                f" {shard.name}"
            )
    return encoding


@dataclass(slots=True)
class _Tally:
    """What was read so far."""

    documents: int = 0
    tokens: int = 0


def _pieces(shards: Sequence[Shard], width: int, tally: _Tally) -> Iterator[Piece]:
    """The shards' blocks, each with the last `width - 1` tokens of a document that goes on."""
    for number, shard in enumerate(shards):
        tail = np.zeros(0, dtype=np.uint16)
        opened = np.zeros(0, dtype=np.int64)  # the start of the document that goes on
        documents = 0
        for block in shard.blocks(BLOCK):
            if not len(block.starts) + len(block.tokens):
                continue
            starts = np.concatenate([opened, block.starts + len(tail)])
            tokens = np.concatenate([tail, block.tokens]) if tail.size else block.tokens
            first = documents - len(opened)
            documents += len(block.starts)
            tally.documents += len(block.starts)
            tally.tokens += len(block.tokens)
            yield Piece(shard=number, tokens=tokens, starts=starts, document=first)
            begin = max(int(starts[-1]), len(tokens) - (width - 1), 0)
            tail, opened = tokens[begin:], starts[-1:] - begin


def _in_order(function: Callable[[S], T], items: Iterable[S], threads: int | None) -> Iterator[T]:
    """The results of a function in the items' order, few items ahead in memory."""
    if threads is None:
        threads = min(4, os.cpu_count() or 1)
    if threads < 1:
        raise BadInput(f"threads: {threads}; allowed: at least 1")
    if threads == 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[T]] = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _ranks(ascending: IntArray) -> IntArray:
    """For each number of an ascending row, how many equal ones stand before it."""
    return np.arange(ascending.size) - np.searchsorted(ascending, ascending)


def _first(found: IntArray, kept: int) -> IntArray:
    """Places by probe, the first `kept` of each."""
    found = found[np.argsort(found[:, 0], kind="stable")]
    return found[_ranks(found[:, 0]) < kept]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AllCounts:
    """Every window of a small corpus.

    Attributes:
        width: Tokens of a window.
        names: For each document the numbers of the windows that begin at each of its tokens, as far
            as they fit: shape (max(0, length - width + 1),). Equal windows have equal numbers.
        totals: Occurrences of the window of each number, shape (different windows,).
    """

    width: int
    names: tuple[IntArray, ...]
    totals: IntArray

    def counts(self, document: int) -> IntArray:
        """Occurrences in the corpus of each window of a document."""
        return self.totals[self.names[document]]


def all_counts(documents: Sequence[ArrayLike], width: int) -> AllCounts:
    """Count every window of documents that are in memory.

    Windows are named by doubling: the name of one of 2m tokens is the rank of the pair of names of
    its halves, which for other widths overlap. Nothing is hashed, so nothing can collide.

    Args:
        documents: Token numbers of each document.
        width: Tokens of a window.

    Returns:
        A number for each window, and how often it occurs.

    Raises:
        BadInput: If the width is below 1 or documents are no rows of token numbers.

    Source: Karp, Miller and Rosenberg (1972), Rapid identification of repeated patterns.
    """
    if width < 1:
        raise BadInput(f"width: {width}; allowed: at least 1")
    whole = Held(name="documents", documents=documents)
    lengths = np.zeros(0, dtype=np.int64)
    names = lengths.astype(np.uint64)
    for block in whole.blocks(HIGHEST):
        lengths = np.diff(block.starts, append=len(block.tokens))
        names = block.tokens.astype(np.uint64)
    done = 1
    while done < width:
        step = min(done, width - done)
        # Token numbers and names are below 2 ** 32: a pair of them is one number.
        pairs = names[:-step] << np.uint64(32) | names[step:]
        names = np.unique(pairs, return_inverse=True)[1].astype(np.uint64)
        done += step
    begins = np.cumsum(lengths) - lengths
    fitting = np.maximum(lengths - width + 1, 0)
    inside = np.concatenate(
        [names[:0], *(names[i : i + n] for i, n in zip(begins, fitting, strict=True) if n)]
    )
    _, named, totals = np.unique(inside, return_inverse=True, return_counts=True)
    each = np.split(named.astype(np.int64), np.cumsum(fitting)[:-1]) if fitting.size else []
    return AllCounts(width=width, names=tuple(each), totals=totals.astype(np.int64))
