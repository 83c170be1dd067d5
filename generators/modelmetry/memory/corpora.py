"""Corpora in files: shards of texts or tokens, opened with one tokenizer and made ready to be read twice."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from modelmetry.errors import BadInput, cannot_write
from modelmetry.memory.blocks import BLOCK, Block, Shard, packed
from modelmetry.memory.encodings import Encoding, Tokenizer
from modelmetry.memory.probes import RECORD, TABLE
from modelmetry.memory.shards import JSONL, PARQUET, RAW, Rows, shard
from modelmetry.memory.texts import WORDS, Coder

COLUMNS = ("text", "tokens")
"""Where documents are looked for, in this order, where no column is named."""

_TOGETHER = 1 << 22
"""Characters that are given to a tokenizer at once, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts(Rows):
    """A Parquet or JSONL file of texts, given to a tokenizer many at once.

    Attributes:
        coder: The tokenizer.
    """

    coder: Coder

    @property
    def encoding(self) -> Encoding:
        return self.coder.encoding

    @property
    def vocabulary(self) -> int | None:
        return self.coder.vocabulary

    def blocks(self, size: int = BLOCK) -> Iterator[Block]:
        return packed(self._encoded(), size, self.vocabulary, self.name)

    def _encoded(self) -> Iterator[ArrayLike]:
        texts: list[str] = []
        held = 0
        for value in self._values():
            if value is not None and not isinstance(value, str):
                raise BadInput(
                    f"{self.path}: column {self.column!r} holds {type(value).__name__}; allowed: texts"
                )
            texts.append(value or "")
            held += len(texts[-1])
            if held >= _TOGETHER:
                yield from self.coder.encode(texts)
                texts, held = [], 0
        yield from self.coder.encode(texts)

    def _values(self) -> Iterator[Any]:
        """What the column holds, row by row."""
        if self.path.suffix in PARQUET:
            return (value for column in self._columns(BLOCK) for value in column.to_pylist())
        return self._lines()


def opened(
    paths: Sequence[str | Path], coder: Coder, columns: Sequence[str] = COLUMNS
) -> tuple[Shard, ...]:
    """The shards of a corpus.

    Args:
        paths: Files, and folders of them.
        coder: What makes tokens of texts, and what columns of tokens were made with.
        columns: Of Parquet and JSONL, the first of which that a file has is read.

    Raises:
        BadInput: If there is none, one cannot be read or holds something else, or a manifest beside
            one names another tokenizer.
    """
    files = [file for path in paths for file in _files(Path(path))]
    if not files:
        raise BadInput("shards: none; allowed: one or more Parquet or JSONL files")
    for folder in dict.fromkeys(file.parent for file in files):
        _check_manifest(folder, coder)
    return tuple(_shard(file, coder, columns) for file in files)


def encoded(shards: Iterable[Shard], folder: Path) -> tuple[Shard, ...]:
    """The same shards, those that are slow to read written as Parquet files of tokens.

    A tokenizer is slower than all else by far, so that no text is given to it twice. The files take
    up to four bytes per token.

    Args:
        shards: Of texts or of tokens, with one tokenizer.
        folder: Where files are written.
    """
    return tuple(
        each
        if not isinstance(each, Rows) or (type(each) is Rows and each.path.suffix in PARQUET)
        else _written(each, folder / f"{number:05d}.parquet")
        for number, each in enumerate(shards)
    )


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        if not path.is_file():
            raise BadInput(f"{path}: no such file; allowed: files of a corpus, or a folder of them")
        return [path]
    known = (*PARQUET, *JSONL, ".npy", *RAW)
    found = sorted(each for each in path.iterdir() if each.name.endswith(known))
    if any(each.name == TABLE for each in found) and (path / RECORD).exists():
        raise BadInput(
            f"{path}: holds probes, whose sequences would be counted once more; allowed: a folder of shards alone"
        )
    if not found:
        raise BadInput(f"{path}: no shard in it; allowed: files that end in {', '.join(known)}")
    return found


def _shard(path: Path, coder: Coder, columns: Sequence[str]) -> Shard:
    if path.suffix not in PARQUET and not path.name.endswith(JSONL):
        _check_numbers(path, coder)
        return shard(path, encoding=coder.encoding, vocabulary=coder.vocabulary)
    kinds = _kinds(path, columns)
    found = next((name for name in columns if name in kinds), None)
    if found is None:
        what = " and no column ".join(map(repr, columns))
        raise BadInput(f"{path}: no column {what}; allowed: {', '.join(kinds)}")
    if kinds[found] == "text":
        return _texts(path, found, coder)
    if kinds[found] != "tokens":
        raise BadInput(
            f"{path}: column {found!r} holds {kinds[found]}; allowed: texts or lists of tokens"
        )
    _check_numbers(path, coder)
    return shard(path, column=found, encoding=coder.encoding, vocabulary=coder.vocabulary)


def _texts(path: Path, column: str, coder: Coder) -> Texts:
    # A tokenizer says to `Rows` that texts are meant; they are given to `coder`.
    stand_in = Tokenizer(name=coder.encoding.name, encode=lambda _: (), sample=())
    return Texts(path=path, column=column, coder=coder, tokenizer=stand_in)


def _check_numbers(path: Path, coder: Coder) -> None:
    if coder.encoding.name == WORDS:
        raise BadInput(
            f"{path}: holds tokens, which {WORDS} cannot read; allowed: a column of texts, or the "
            "tokenizer that the tokens were made with"
        )


def _kinds(path: Path, columns: Sequence[str]) -> dict[str, str]:
    """Column -> `text`, `tokens`, or what else it holds, by the first value that is there."""
    if path.suffix in PARQUET:
        return _kinds_of_parquet(path)
    kinds: dict[str, str] = {}
    names = {str: "text", list: "tokens", type(None): "nothing"}
    for row in _rows(path):
        for name, value in row.items():
            if kinds.get(name, "nothing") == "nothing":
                kinds[name] = names.get(type(value), type(value).__name__)
        if all(kinds.get(name, "") != "nothing" for name in columns):
            break
    if not kinds:
        raise BadInput(f"{path}: it is empty; allowed: a file with documents")
    return kinds


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSONL file."""
    import pyarrow as pa

    number = 0
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            for line in io.BufferedReader(stream):
                number += 1
                if line.strip():
                    yield msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: line {number}: {error}") from error
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path}: cannot be read: {error}") from error


def _kinds_of_parquet(path: Path) -> dict[str, str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            if not file.metadata.num_rows:
                raise BadInput(f"{path}: it is empty; allowed: a file with documents")
            fields = list(file.schema_arrow)
    except (pa.ArrowException, OSError) as error:
        text = str(error).split("\n")[0]
        raise BadInput(f"{path}: not a readable Parquet file: {text}") from error
    return {field.name: _kind_of(field.type) for field in fields}


def _kind_of(kind: Any) -> str:
    import pyarrow as pa

    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "text"
    return "tokens" if pa.types.is_integer(getattr(kind, "value_type", pa.null())) else str(kind)


def _check_manifest(folder: Path, coder: Coder) -> None:
    """Refuse a corpus whose `manifest.json` names another tokenizer than the one given.

    The manifest may have `tokenizer`: a name, or a mapping with `name` or `fingerprint`. Of names
    the last part counts, so that a folder and the hub's name of one model agree.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        return
    try:
        stated = msgspec.json.decode(path.read_bytes(), type=_Manifest).tokenizer
    except (msgspec.DecodeError, OSError):
        return  # somebody else's manifest, which says nothing of tokenizers that can be read here
    name = stated if isinstance(stated, str) else stated.name
    fingerprint = "" if isinstance(stated, str) else stated.fingerprint
    mine = coder.encoding
    known = bool(fingerprint)
    same = fingerprint == mine.fingerprint if known else _last(name) == _last(mine.name)
    if (name or known) and not same:
        raise BadInput(
            f"{path}: the corpus was made with {Encoding(name=name, fingerprint=fingerprint)}; "
            f"given: {mine}; allowed: that tokenizer"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manifest:
    """What is read of a corpus's manifest."""

    tokenizer: str | Encoding = ""


def _last(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2].lower()


def _written(each: Shard, path: Path) -> Shard:
    """A shard's tokens in a file of their own."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema({"tokens": pa.list_(pa.uint32())})
    try:
        with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
            for block in each.blocks():
                ends = np.append(block.starts, len(block.tokens)).astype(np.int32)
                tokens = pa.array(block.tokens.astype(np.uint32, copy=False))
                listed = pa.ListArray.from_arrays(pa.array(ends), tokens)
                writer.write_table(pa.table({"tokens": listed}, schema=schema))
    except OSError as error:
        raise cannot_write(path, error) from error
    return shard(path, encoding=each.encoding, vocabulary=each.vocabulary)
