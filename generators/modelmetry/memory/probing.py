"""Making probes of a user's own corpus: sequences drawn or given, told in words, counted and described."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from modelmetry.errors import BadInput, cannot_write
from modelmetry.memory import corpora, features, probes
from modelmetry.memory.blocks import HIGHEST, Shard
from modelmetry.memory.sampling import Survey, survey
from modelmetry.memory.spreading import counted
from modelmetry.memory.texts import Coder, coder, file_of

if TYPE_CHECKING:
    import pyarrow as pa

MOST_K = 4096
"""Tokens of a prompt."""

Tokens = NDArray[np.uint32]
IntArray = NDArray[np.int64]
Executor = Literal["local", "ray"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Drawn:
    """Sequences before they were counted.

    Attributes:
        kind: What their names begin with.
        tokens: Shape (n, 2k).
        places: Shard, document and offset of each, ascending, shape (n, 3).
        files: Names of the shards.
        cluster: For each the first that overlaps it, shape (n,).
    """

    kind: Literal["corpus", "control", "own"]
    tokens: Tokens
    places: IntArray
    files: tuple[str, ...]
    cluster: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What probes are wanted.

    Attributes:
        shards: The corpus: files, and folders of them.
        tokenizer: See `texts.coder`.
        n: Sequences to draw, >= 1; of the controls as many.
        k: Tokens of the prompt, and of the continuation, 2 to `MOST_K`.
        seed: Of the draw, >= 0.
        column: Where documents stand; empty for `text`, else `tokens`.
        held_out: What the model was not trained on, for controls.
        sequences: A file of sequences to ask in place of drawn ones; empty for none.
        executor: `ray` to spread the counting.
    """

    shards: tuple[str, ...]
    tokenizer: str
    n: int = 10_000
    k: int = 32
    seed: int = 0
    column: str = ""
    held_out: tuple[str, ...] = ()
    sequences: str = ""
    executor: Executor = "local"

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            BadInput: One is out of range.
        """
        for name, low, high in (("n", 1, None), ("k", 2, MOST_K), ("seed", 0, None)):
            value = getattr(self, name)
            if value < low or (high is not None and value > high):
                most = f" to {high}" if high else ""
                raise BadInput(f"probes: {name} is {value}; allowed: from {low}{most}")

    @property
    def width(self) -> int:
        """Tokens of a sequence."""
        return 2 * self.k


def make(request: Request, out: Path) -> probes.Record:
    """Write a folder of probes.

    A corpus is read twice: once to draw sequences and count single tokens, once to count the
    sequences. Texts are given to the tokenizer once, and their tokens kept in a temporary folder in
    `out` in between.

    Args:
        request: What is wanted.
        out: The folder; made if it is missing.

    Returns:
        What was written.

    Raises:
        BadInput: A shard cannot be read, the tokenizer is not the corpus's, no document is long
            enough, a given sequence is too short, or nothing is left to ask.
    """
    made = coder(request.tokenizer)
    columns = (request.column,) if request.column else corpora.COLUMNS
    shards = corpora.opened(request.shards, made, columns)
    others = corpora.opened(request.held_out, made, columns) if request.held_out else ()
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".tokens-", dir=out) as scratch:
            table, record = _made(request, made, shards, others, Path(scratch))
    except OSError as error:
        raise cannot_write(out, error) from error
    return probes.write(out, table, record, file_of(request.tokenizer, made))


def _made(
    request: Request, made: Coder, shards: Sequence[Shard], others: Sequence[Shard], scratch: Path
) -> tuple[pa.Table, probes.Record]:
    """The table and its record, without checksums."""
    own = _given(request, made) if request.sequences else None
    read = _encoded(shards, scratch / "corpus")
    sizes = (0 if own else request.n, features.SAMPLES)
    found = survey(read, request.width, sizes, request.seed)
    if own is None and not found.windows:
        raise BadInput(_too_short([shard.name for shard in shards], found, request.width))
    groups = [own or _group("corpus", found, shards, request)]
    controls = None
    if others:
        controls = survey(
            _encoded(others, scratch / "held-out"), request.width, (request.n,), request.seed
        )
        if not controls.windows:
            raise BadInput(_too_short([shard.name for shard in others], controls, request.width))
        groups.append(_group("control", controls, others, request))
    tokens = np.concatenate([group.tokens for group in groups])
    told = probes.told(tokens, request.k, made)
    counts = counted(tokens[told.kept], read, executor=request.executor).counts
    is_control = np.concatenate([np.full(len(g.tokens), g.kind == "control") for g in groups])
    standing = is_control[told.kept] & (counts > 0)
    left_out = dict(told.left_out)
    if standing.any():
        left_out["a control that stands in the corpus"] = int(standing.sum())
    asked = np.flatnonzero(~standing)
    if not len(asked):
        why = "; ".join(f"{count}: {reason}" for reason, count in left_out.items())
        raise BadInput(
            f"probes: none of {len(tokens)} sequences is left ({why}); allowed: more (--n), or the "
            "corpus's own tokenizer"
        )
    samples = made.decode(found.samples[1][:, : request.k])
    table = _table(groups, told, asked, counts, found.frequencies, samples)
    inserted = int((counts[asked] > 0).sum())
    record = probes.Record(
        k=request.k,
        tokenizer=made.encoding,
        tokenizer_file="",
        corpus=_read_of(shards, found),
        held_out=_read_of(others, controls) if controls else None,
        sequences=request.sequences,
        seed=request.seed,
        drawn=len(tokens),
        probes=inserted,
        controls=len(asked) - inserted,
        left_out=left_out,
    )
    return table, record


def _encoded(shards: Sequence[Shard], folder: Path) -> tuple[Shard, ...]:
    folder.mkdir()
    return corpora.encoded(shards, folder)


def _group(
    kind: Literal["corpus", "control"], found: Survey, shards: Sequence[Shard], request: Request
) -> _Drawn:
    return _Drawn(
        kind=kind,
        tokens=found.samples[0],
        places=found.places[0],
        files=tuple(shard.name for shard in shards),
        cluster=probes.clusters(found.places[0], request.width),
    )


def _given(request: Request, made: Coder) -> _Drawn:
    """The user's own sequences: the first 2k tokens of each."""
    width = request.width
    columns = (request.column, *corpora.COLUMNS) if request.column else corpora.COLUMNS
    shards = corpora.opened([request.sequences], made, columns)
    rows, short, first, total = [], 0, "", 0
    for number, shard in enumerate(shards):
        for block in shard.blocks(HIGHEST):
            lengths = np.diff(block.starts, append=len(block.tokens))
            for document, (start, length) in enumerate(zip(block.starts, lengths, strict=True)):
                if length < width:
                    first = first or f"{shard.name}, row {document + 1}, has {length}"
                    short += 1
                else:
                    rows.append((number, document, block.tokens[start : start + width]))
            total += len(lengths)
    if short or not rows:
        raise BadInput(
            f"{request.sequences}: {short} of {total} sequences are shorter than {width} tokens, 2k"
            + (f"; the first, {first}" if first else "")
            + "; allowed: sequences of 2k tokens or more"
        )
    return _Drawn(
        kind="own",
        tokens=np.array([row for *_, row in rows], dtype=np.uint32),
        places=np.array([(number, document, 0) for number, document, _ in rows], dtype=np.int64),
        files=tuple(shard.name for shard in shards),
        cluster=np.arange(len(rows)),
    )


def _table(
    groups: Sequence[_Drawn],
    told: probes.Told,
    asked: IntArray,
    counts: IntArray,
    frequencies: IntArray,
    samples: Sequence[str],
) -> pa.Table:
    """The table of what is asked, in the order of groups and places."""
    import pyarrow as pa

    names = [f"{group.kind}-{i:06d}" for group in groups for i in range(len(group.tokens))]
    firsts = np.concatenate([[0], np.cumsum([len(group.tokens) for group in groups])[:-1]])
    cluster = np.concatenate([g.cluster + first for g, first in zip(groups, firsts, strict=True)])
    files = [group.files[shard] for group in groups for shard in group.places[:, 0]]
    places = np.concatenate([group.places for group in groups])
    rows = told.kept[asked]
    tokens = np.concatenate([group.tokens for group in groups])[rows]
    prompts, tails, after = (
        [texts[i] for i in asked] for texts in (told.prompts, told.tails, told.continuations)
    )
    # What stands in held-out shards alone has not been seen in the corpus.
    highest = max(len(frequencies), int(tokens.max(initial=0)) + 1)
    found = features.describe(
        tokens,
        prompts,
        wholes=[prompt + text for prompt, text in zip(prompts, after, strict=True)],
        frequencies=np.append(frequencies, np.zeros(highest - len(frequencies), np.int64)),
        samples=samples,
    )
    template = np.where(found["repeating"] > 0, "repeating", "none")
    return pa.table(
        {
            "id": [names[row] for row in rows],
            "tokens": pa.array(list(tokens), pa.list_(pa.uint32())),
            "prompt": prompts,
            "tail": tails,
            "continuation": after,
            "duplicates": counts[asked],
            "template": np.where(found["incrementing"] > 0, "incrementing", template).tolist(),
            "inserted": (counts[asked] > 0).astype(np.int64),
            "canary": np.zeros(len(asked), dtype=np.int64),
            "cluster": [names[cluster[row]] for row in rows],
            "shard": [files[row] for row in rows],
            "document": places[rows, 1],
            "offset": places[rows, 2],
            **found,
        }
    )


def _read_of(shards: Sequence[Shard], found: Survey) -> probes.Corpus:
    return probes.Corpus(
        shards=tuple(shard.name for shard in shards),
        documents=found.documents,
        short=found.short,
        tokens=found.tokens,
        windows=found.windows,
    )


def _too_short(names: Sequence[str], found: Survey, width: int) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return (
        f"{names[0]}{more}: none of {found.documents} documents has {width} tokens, 2k; allowed: "
        "longer documents, or a smaller --k"
    )
