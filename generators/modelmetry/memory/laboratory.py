"""A laboratory of memorization: a corpus in which every planted sequence and its twin are known."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from modelmetry.errors import BadInput, cannot_write
from modelmetry.items import canonical_json, digest
from modelmetry.memory.background import Background, mixed
from modelmetry.memory.design import ATTEMPTS, DUPLICATES, TEMPLATES, Design, whole
from modelmetry.memory.planting import Draw, Occurrence, Prompts, below, rule_tokens
from modelmetry.memory.sequences import Planted
from modelmetry.memory.vocabulary import BANDS, WHOLE, Vocabulary
from modelmetry.spaces import Permutation

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_REPLACED = 3

_BATCH = 1 << 18
"""Tokens that are made at once."""

_SURVEYED = 1 << 24
"""Tokens that are looked at to tell how often each occurs: about five seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a laboratory is made by, apart from its seed.

    Attributes:
        k: Tokens of the prompt, and of the continuation, 4 to 1024.
        documents: Documents in the corpus.
        length: Tokens of each document, >= 2k.
        words: Invented words; after them come 8k numerals for what counts.
        duplicates: Numbers of exact copies, rising, each 1 to 1024.
        sequences: Pairs in each cell of the design, 1 to 1000.
        entropies: Bits per token of the sequences without template: each draws uniformly from
            2 ** bits words of its own.
        near: Copies of every other pair's inserted sequence in which one to three tokens are replaced,
            at least one of them in the prompt.
        canaries: Canaries, with twins, for each number of duplicates.
        rules: Share of the other documents that carry 2k tokens that repeat or count, unlike
            any sequence, so that rules can be learned apart from them, in [0, 1].
    """

    k: int = 32
    documents: int = 16_384
    length: int = 256
    words: int = 2000
    duplicates: tuple[int, ...] = DUPLICATES
    sequences: int = 1
    entropies: tuple[int, ...] = (3, 6)
    near: int = 4
    canaries: int = 6
    rules: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Laboratory(Options):
    """A corpus of documents in training order, some of which carry one planted sequence.

    Pairs are made over the crossing of `duplicates` x template x band x entropy (of those without
    a template) x position, and canaries besides. One of each pair is inserted; the other, its twin, is
    drawn in the same way and never inserted. In the corpus, document by document,

    - all 2k tokens of a sequence stand exactly `duplicates` times, those of a twin never;
    - the first k tokens of a sequence stand within its own copies alone, those of a twin nowhere.

    Both are made sure of as documents are made: one in which a prompt stands by chance is drawn anew.
    Memory does not grow with the number of documents.

    Attributes:
        seed: Any integer >= 0.
    """

    seed: int = 0

    def __post_init__(self) -> None:
        """Check the options.

        Raises:
            BadInput: One is out of range, or the documents do not hold the copies.
        """
        cells = self.design.cells()
        whole("length", self.length, 2 * self.k, 1 << 16)
        whole("documents", self.documents, 1, 1 << 40)
        share = isinstance(self.rules, int | float) and not isinstance(self.rules, bool)
        if not share or not 0 <= self.rules <= 1:
            raise BadInput(f"laboratory: rules is {self.rules!r}; allowed: from 0 to 1")
        copies = Counter[str]()
        for cell in cells:
            copies[cell.position] += cell.duplicates + cell.near
        least = max(3 * copies["early"], 3 * copies["late"], copies.total())
        if self.documents < least:
            raise BadInput(
                f"laboratory: {self.documents} documents for {copies.total()} copies, one in each, "
                f"{copies['early']} in the first third and {copies['late']} in the last; "
                f"allowed: {least} documents or more"
            )

    @property
    def design(self) -> Design:
        """Which sequences there are."""
        return Design(
            seed=self.seed,
            k=self.k,
            words=self.words,
            duplicates=self.duplicates,
            sequences=self.sequences,
            entropies=self.entropies,
            near=self.near,
            canaries=self.canaries,
        )

    @property
    def vocabulary(self) -> Vocabulary:
        """Its words and numerals."""
        return self.design.vocabulary

    @property
    def background(self) -> Background:
        """The source of what is around the planted sequences."""
        return Background(seed=self.seed, words=self.words)

    @property
    def tokens(self) -> int:
        """Tokens in the corpus."""
        return self.documents * self.length

    def planted(self) -> tuple[Planted, ...]:
        """All sequences, each followed by its twin.

        Raises:
            BadInput: There are not so many distinct ones of so few tokens.
        """
        return self.design.planted()

    def document(self, number: int) -> np.ndarray:
        """One document, int32, shape (length,); number in range(documents)."""
        return self.batch(number, 1)[0][0]

    def stream(self) -> Iterator[np.ndarray]:
        """The documents in training order, row by row."""
        for tokens, _ in self.batches():
            yield from tokens

    def batches(self, rows: int = 0) -> Iterator[tuple[np.ndarray, list[Occurrence]]]:
        """The documents in training order, `rows` at a time; see `batch`."""
        rows = rows or max(1, _BATCH // self.length)
        for first in range(0, self.documents, rows):
            yield self.batch(first, min(rows, self.documents - first))

    def surveyed(self, samples: int, most: int = _SURVEYED) -> tuple[np.ndarray, np.ndarray]:
        """How often each token occurs, and windows of k tokens from all over the corpus.

        Args:
            samples: Windows at most, one of each of so many documents, >= 1.
            most: Tokens to be looked at. Of a larger corpus, batches of documents at equal
                distances are, and counts are in proportion.

        Returns:
            Occurrences, float64, shape (vocabulary size,), and windows, int32, shape (windows, k): the
            same each time.
        """
        rows = max(1, _BATCH // self.length)
        batches = -(-self.documents // rows)
        looked_at = max(1, min(batches, most // (rows * self.length)))
        starts = [batch * batches // looked_at * rows for batch in range(looked_at)]
        sizes = [min(rows, self.documents - start) for start in starts]
        documents = sum(sizes)
        # The document of each window, counted over those looked at, and the window's place in it.
        chosen = np.arange(min(samples, documents)) * documents // min(samples, documents)
        draw = random.Random(digest("samples", self.seed)).random
        places = np.array([below(draw, self.length - self.k + 1) for _ in chosen])
        counts = np.zeros(self.vocabulary.size)
        windows, before = [], 0
        for start, size in zip(starts, sizes, strict=True):
            tokens = self.batch(start, size)[0]
            counts += np.bincount(tokens.ravel(), minlength=len(counts))
            here = (chosen >= before) & (chosen < before + size)
            columns = places[here, None] + np.arange(self.k)
            windows.append(tokens[chosen[here, None] - before, columns])
            before += size
        return counts * (self.documents / documents), np.concatenate(windows)

    def batch(self, first: int, rows: int) -> tuple[np.ndarray, list[Occurrence]]:
        """Consecutive documents, the same in whatever batches they are made.

        Args:
            first: Number of the first, >= 0.
            rows: How many, >= 1.

        Returns:
            Tokens, int32, shape (rows, length), and every place where a prompt stands.

        Raises:
            IndexError: There are not so many documents.
            BadInput: Prompts are so short that they stand everywhere by chance.
        """
        if not 0 <= first < first + rows <= self.documents:
            raise IndexError(f"{rows} documents from {first} of a corpus of {self.documents}")
        tokens = np.empty((rows, self.length), dtype=np.int32)
        todo, kept = np.arange(rows), list[Occurrence]()
        for attempt in range(ATTEMPTS):
            made, copies = self._made(first + todo, attempt)
            found = _prompts(self).find(made)
            again = {at.row for at in found if not self._expected(at, copies.get(at.row))}
            kept += [at._replace(row=int(todo[at.row])) for at in found if at.row not in again]
            tokens[todo] = made
            todo = todo[sorted(again)]
            if not len(todo):
                return tokens, sorted(kept)
        raise BadInput(
            f"laboratory: prompts of {self.k} tokens stand in document {first + todo[0]} "
            "by chance, however it is drawn; allowed: a larger k, or fewer sequences"
        )

    def _expected(self, at: Occurrence, copy: _Copy | None) -> bool:
        """Whether a prompt stands where its copy does, and all 2k tokens where an exact one begins."""
        if copy is None or copy.sequence != at.sequence:
            return False
        # A sequence that repeats shows its own prompt again further on.
        inside = copy.offset <= at.column <= copy.offset + self.k
        return inside and at.whole == (copy.exact and at.column == copy.offset)

    def _made(self, numbers: np.ndarray, attempt: int) -> tuple[np.ndarray, dict[int, _Copy]]:
        """Documents as first drawn, and which copy is where in which row."""
        tokens = self.background.documents(numbers, self.length, attempt)
        places = _places(self)
        found = np.searchsorted(places.documents, numbers)
        carries = np.append(places.documents, -1)[found] == numbers
        salt = digest("rules", self.seed) % (1 << 64)
        chances = mixed(numbers.astype(np.uint64) ^ np.uint64(salt)) >> np.uint64(32)
        ruled = ~carries & (chances < np.uint64(self.rules * WHOLE))
        copies = {}
        for row in np.flatnonzero(carries | ruled).tolist():
            stream = digest("document", self.seed, int(numbers[row]), attempt)
            draw = random.Random(stream).random
            offset = below(draw, self.length - 2 * self.k + 1)
            if carries[row]:
                sequence = int(places.sequences[found[row]])
                exact = bool(places.exact[found[row]])
                passage = list(self.planted()[sequence].tokens)
                if not exact:
                    _alter(draw, passage, self.words)
                copies[row] = _Copy(sequence, offset, exact)
            else:
                template = TEMPLATES[1 + below(draw, 2)]
                band = below(draw, BANDS)
                passage = rule_tokens(draw, template, self.vocabulary, band, self.k)
            tokens[row, offset : offset + 2 * self.k] = passage
        return tokens, copies

    def write(self, folder: Path, shard_tokens: int = 1 << 24) -> tuple[Path, ...]:
        """Write the corpus as Parquet files `corpus-00000.parquet`, ..., then `manifest.json`.

        Rows are documents in training order: `document` (number), `tokens` (list of int32) and
        `text`. The manifest has the options, the vocabulary, the shards, the SHA-256 of all tokens
        as little-endian int32, and every sequence with how often it was found.

        Args:
            folder: Made if it is missing; must be empty.
            shard_tokens: Most tokens in a file, >= 1; each holds one document or more.

        Returns:
            The Parquet files, in training order.

        Raises:
            BadInput: The folder is not empty or cannot be written.
        """
        whole("shard_tokens", shard_tokens, 1, None)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise BadInput(f"{folder}: is not empty; allowed: a new or empty folder")
            return self._write(folder, shard_tokens)
        except OSError as error:
            raise cannot_write(folder, error) from error

    def _write(self, folder: Path, shard_tokens: int) -> tuple[Path, ...]:
        import pyarrow.parquet as pq

        each = max(1, shard_tokens // self.length)
        rows = min(each, max(1, _BATCH // self.length))
        found, hashed, paths = Counter[int](), hashlib.sha256(), list[Path]()
        for number, start in enumerate(range(0, self.documents, each)):
            end = min(start + each, self.documents)
            path = folder / f"corpus-{number:05d}.parquet"
            part = path.with_suffix(".part")
            writer = None
            for first in range(start, end, rows):
                tokens, places = self.batch(first, min(rows, end - first))
                found.update(at.sequence for at in places if at.whole)
                hashed.update(tokens.astype("<i4").tobytes())
                table = self._table(first, tokens)
                writer = writer or pq.ParquetWriter(part, table.schema)
                writer.write_table(table)
            if writer:
                writer.close()
            paths.append(part.replace(path))
        manifest = {
            "options": asdict(self),
            "documents": self.documents,
            "tokens": self.tokens,
            "sha256": hashed.hexdigest(),
            "shards": [path.name for path in paths],
            "entropy": self.background.entropy,
            "vocabulary": self.vocabulary.spelled,
            "sequences": [asdict(s) | {"found": found[i]} for i, s in enumerate(self.planted())],
        }
        (folder / "manifest.json").write_bytes(canonical_json(manifest))
        return tuple(paths)

    def _table(self, first: int, tokens: np.ndarray) -> pa.Table:
        import pyarrow as pa

        ends = np.arange(len(tokens) + 1, dtype=np.int32) * self.length
        listed = pa.ListArray.from_arrays(pa.array(ends), pa.array(tokens.ravel()))
        texts = [self.vocabulary.text(row) for row in tokens.tolist()]
        numbers = np.arange(first, first + len(tokens), dtype=np.int64)
        return pa.table({"document": numbers, "tokens": listed, "text": texts})


class _Copy(NamedTuple):
    """A copy in a document."""

    sequence: int
    offset: int
    exact: bool


class _Places(NamedTuple):
    """Copies by document, ascending."""

    documents: np.ndarray
    sequences: np.ndarray
    exact: np.ndarray


@lru_cache(maxsize=4)
def _prompts(laboratory: Laboratory) -> Prompts:
    return Prompts([sequence.tokens for sequence in laboratory.planted()])


@lru_cache(maxsize=4)
def _places(laboratory: Laboratory) -> _Places:
    """Which document carries which copy: those bound to a third are seated first."""
    thirds = laboratory.documents // 3
    regions = {
        "early": range(thirds),
        "late": range(laboratory.documents - thirds, laboratory.documents),
        "anywhere": range(laboratory.documents),
    }
    seated: dict[int, tuple[int, bool]] = {}
    for position, region in regions.items():
        if not region:
            continue
        order = Permutation(len(region), digest("places", laboratory.seed, position))
        free = (region[order[i]] for i in range(len(region)))
        for i, sequence in enumerate(laboratory.planted()):
            if sequence.position == position:
                for copy in range(sequence.duplicates + sequence.near):
                    document = next(place for place in free if place not in seated)
                    seated[document] = (i, copy < sequence.duplicates)
    documents = sorted(seated)
    return _Places(
        documents=np.array(documents, dtype=np.int64),
        sequences=np.array([seated[document][0] for document in documents], dtype=np.int32),
        exact=np.array([seated[document][1] for document in documents], dtype=np.bool_),
    )


def _alter(draw: Draw, passage: list[int], words: int) -> None:
    """Replace one to three tokens, one of them in the prompt, each by any other word."""
    places = {below(draw, len(passage) // 2)}
    places.update(below(draw, len(passage)) for _ in range(below(draw, _MOST_REPLACED)))
    for place in sorted(places):
        other = below(draw, words - 1)
        passage[place] = other + (other >= passage[place])
