"""A folder of probes: sequences of a user's corpus with their counts and features, and what made them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelmetry.errors import BadInput, cannot_write
from modelmetry.items import content_hash
from modelmetry.memory.encodings import Encoding
from modelmetry.memory.texts import FILE, Coder

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = "probes.parquet"
RECORD = "probes.json"

COLUMNS = (
    *("id", "tokens", "prompt", "tail", "continuation", "duplicates", "template", "inserted"),
    *("canary", "cluster", "shard", "document", "offset"),
)
"""Columns of the table that are no features."""

IntArray = NDArray[np.int64]

_LONGEST_CHARACTER = 4
"""Bytes, and so tokens of bytes, that one character takes in UTF-8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """What was read of a corpus.

    Attributes:
        shards: Its files.
        documents: Documents in it.
        short: Documents that are shorter than a window.
        tokens: Tokens in it.
        windows: Places at which a window begins.
    """

    shards: tuple[str, ...]
    documents: int
    short: int
    tokens: int
    windows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a folder of probes is.

    Attributes:
        k: Tokens of the prompt, and of the continuation.
        tokenizer: What duplicates were counted under.
        tokenizer_file: SHA-256 of the tokenizer's file in the folder; empty where there is none.
        corpus: The corpus.
        held_out: What controls were drawn from; None without.
        sequences: The file of the user's own sequences; empty where they were drawn.
        seed: Of the draw.
        drawn: Sequences before any was left out.
        probes: Sequences of the corpus in the table.
        controls: Sequences that stand nowhere in it.
        left_out: Why sequences were left out -> how many.
        digest: SHA-256 of the table.
        seal: SHA-256 of all else here.
        format: Version of the folder's layout.
    """

    k: int
    tokenizer: Encoding
    tokenizer_file: str
    corpus: Corpus
    held_out: Corpus | None
    sequences: str
    seed: int
    drawn: int
    probes: int
    controls: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    digest: str = ""
    seal: str = ""
    format: Literal[1] = 1

    def sealed(self) -> Record:
        """The record with its seal."""
        return replace(self, seal=content_hash(replace(self, seal="")))


class Told(NamedTuple):
    """Sequences in words.

    Attributes:
        kept: Which of the sequences given these are.
        prompts: Text of the first k tokens.
        tails: Text of the later half of them.
        continuations: Text of the rest.
        left_out: Why others were left out -> how many.
    """

    kept: IntArray
    prompts: list[str]
    tails: list[str]
    continuations: list[str]
    left_out: dict[str, int]


def told(tokens: NDArray[Any], k: int, coder: Coder) -> Told:
    """The texts of sequences whose texts stand for their tokens.

    A model is shown text and answers in text, so that only such sequences can be asked for whose
    prompt and whole are turned into the same tokens again.

    Args:
        tokens: Token numbers, shape (n, 2k).
        k: Tokens of the prompt.
        coder: The tokenizer.
    """
    prompts, wholes = coder.decode(tokens[:, :k]), coder.decode(tokens)
    again = zip(coder.encode(prompts), coder.encode(wholes), strict=True)
    why: Counter[str] = Counter()
    kept: list[int] = []
    seen: set[str] = set()
    for i, (prompt, whole) in enumerate(again):
        text = wholes[i]
        round_trip = np.array_equal(prompt, tokens[i, :k]) and np.array_equal(whole, tokens[i])
        if not round_trip or not text.startswith(prompts[i]):
            why["its text is turned into other tokens"] += 1
        elif not prompts[i].strip() or not text[len(prompts[i]) :].strip():
            why["prompt or continuation is white space alone"] += 1
        elif "\0" in text:
            why["its text has a NUL character"] += 1
        elif prompts[i] in seen:
            why["its prompt is that of another"] += 1
        else:
            seen.add(prompts[i])
            kept.append(i)
    rows = np.array(kept, dtype=np.int64)
    shown = [prompts[i] for i in kept]
    return Told(
        kept=rows,
        prompts=shown,
        tails=_tails(tokens[rows, :k], shown, coder),
        continuations=[wholes[i][len(prompts[i]) :] for i in kept],
        left_out=dict(why),
    )


def _tails(rows: NDArray[Any], prompts: Sequence[str], coder: Coder) -> list[str]:
    """What is left of prompts without the text of the first half of their tokens.

    Where that half ends within a character, the tail begins with the character.
    """
    half = rows.shape[1] // 2
    begun = coder.decode(rows[:, :half])
    tails = []
    for row, prompt, begin in zip(rows, prompts, begun, strict=True):
        end, text = half, begin
        while end and not prompt.startswith(text):
            end = end - 1 if half - end < _LONGEST_CHARACTER else 0
            text = coder.decode([row[:end].tolist()])[0] if end else ""
        tails.append(prompt[len(text) :])
    return tails


def clusters(places: IntArray, width: int) -> IntArray:
    """Groups of windows that overlap, directly or through others, by the first of each.

    Args:
        places: Shard, document and offset of each window, ascending, shape (n, 3).
        width: Tokens of a window.

    Returns:
        For each window the number of the first in its group, shape (n,).
    """
    if not len(places):
        return np.zeros(0, dtype=np.int64)
    apart = (np.diff(places[:, :2], axis=0) != 0).any(axis=1) | (np.diff(places[:, 2]) >= width)
    firsts = np.flatnonzero(np.append(True, apart))
    return firsts[np.cumsum(np.append(True, apart)) - 1]


def write(folder: Path, table: pa.Table, record: Record, tokenizer: bytes | None) -> Record:
    """Write a folder of probes.

    Args:
        folder: Made if it is missing; its files are replaced.
        table: Columns `COLUMNS`, and features as float64.
        record: What it is, without checksums.
        tokenizer: The tokenizer's file; None without.

    Returns:
        The record with checksums.

    Raises:
        BadInput: The folder cannot be written.
    """
    import pyarrow.parquet as pq

    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Without a record there is no folder of probes, should anything stop this half way.
        (folder / RECORD).unlink(missing_ok=True)
        (folder / FILE).unlink(missing_ok=True)
        pq.write_table(table, folder / TABLE)
        if tokenizer is not None:
            (folder / FILE).write_bytes(tokenizer)
        sealed = replace(
            record,
            digest=_sha256(folder / TABLE),
            tokenizer_file="" if tokenizer is None else _sha256(folder / FILE),
        ).sealed()
        text = msgspec.json.format(msgspec.json.encode(sealed), indent=2)
        (folder / RECORD).write_bytes(text + b"\n")
    except OSError as error:
        raise cannot_write(folder, error) from error
    return sealed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProbeSet:
    """A folder of probes, read.

    Attributes:
        folder: Where it lies.
        record: What it is.
        rows: Column -> its values, of all columns but tokens and features.
        row: Id of a probe -> its row.
        features: Name -> values, shape (probes,).
    """

    folder: Path
    record: Record
    rows: Mapping[str, list[Any]]
    row: Mapping[str, int]
    features: Mapping[str, NDArray[np.float64]]


def read(folder: str | Path) -> ProbeSet:
    """Read a folder of probes and check every byte of it.

    Raises:
        BadInput: It is none, or a file is missing or was changed.
    """
    folder = Path(folder)
    path = folder / RECORD
    try:
        body = path.read_bytes()
        stamps = tuple(_stamp(folder / name) for name in (TABLE, FILE))
    except OSError as error:
        raise BadInput(
            f"{path}: cannot be read: {error.strerror or error}; allowed: a folder made by "
            "`modelmetry probes`"
        ) from error
    return _read(folder, body, stamps)


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file is written; zeros where there is none."""
    if not path.is_file():
        return (0, 0)
    stat = path.stat()
    return (stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def _read(folder: Path, body: bytes, _stamps: tuple[tuple[int, int], ...]) -> ProbeSet:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        record = msgspec.json.decode(body, type=Record)
    except (msgspec.DecodeError, ValueError) as error:
        raise BadInput(f"{folder / RECORD}: no record of probes: {error}") from error
    if record.sealed() != record:
        raise BadInput(f"{folder / RECORD}: was changed; allowed: the record as it was written")
    _check(folder / TABLE, record.digest, "the probes as they were written")
    if record.tokenizer_file:
        counted = f"the one that duplicates were counted under, {record.tokenizer}"
        _check(folder / FILE, record.tokenizer_file, counted)
    try:
        table = pq.read_table(folder / TABLE)
    except (pa.ArrowException, OSError) as error:
        text = str(error).split("\n")[0]
        raise BadInput(f"{folder / TABLE}: not a readable Parquet file: {text}") from error
    if missing := [name for name in COLUMNS if name not in table.column_names]:
        raise BadInput(f"{folder / TABLE}: no column {missing[0]!r}; allowed: {', '.join(COLUMNS)}")
    rows = {name: table[name].to_pylist() for name in COLUMNS if name != "tokens"}
    return ProbeSet(
        folder=folder,
        record=record,
        rows=rows,
        row={name: row for row, name in enumerate(rows["id"])},
        features={
            name: table[name].to_numpy() for name in table.column_names if name not in COLUMNS
        },
    )


def _check(path: Path, expected: str, what: str) -> None:
    if not path.is_file():
        raise BadInput(f"{path}: is missing; allowed: {what}")
    if _sha256(path) != expected:
        raise BadInput(f"{path}: was changed; allowed: {what}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
