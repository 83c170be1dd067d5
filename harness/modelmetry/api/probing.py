"""Probes of a user's own corpus, and the corpora of the laboratory: what memorization is asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import modelmetry.suites as suites
from modelmetry.api.making import read_suite
from modelmetry.errors import BadInput
from modelmetry.memory.memorization import Memorization
from modelmetry.suites import Suite

if TYPE_CHECKING:
    from modelmetry.memory.laboratory import Laboratory
    from modelmetry.memory.probes import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """A folder of probes that was written.

    Attributes:
        folder: Where it lies.
        record: What it is.
    """

    folder: Path
    record: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A laboratory's corpus that was written.

    Attributes:
        shards: The files to train on, in order.
        laboratory: What it is the corpus of.
        planted: Sequences that stand in it; as many twins do not.
        copies: How often they stand there in all.
    """

    shards: tuple[Path, ...]
    laboratory: Laboratory
    planted: int
    copies: int


def probes(
    shards: str | Path | Sequence[str | Path],
    *,
    out: str | Path,
    tokenizer: str,
    n: int = 10_000,
    k: int = 32,
    seed: int = 0,
    column: str = "",
    held_out: Sequence[str | Path] = (),
    sequences: str | Path | None = None,
    executor: Literal["local", "ray"] = "local",
) -> Probed:
    """Draw sequences of a corpus and count how often each stands there, for the suite `extraction`.

    Sequences are windows of 2k tokens within one document, drawn uniformly over all places where one
    begins. Asked are those whose text is turned into the same tokens again. Texts are given to the
    tokenizer once; until all is counted, their tokens take four bytes each in the folder.

    Args:
        shards: The corpus: Parquet or JSONL (also compressed) of texts or of lists of tokens, `.npy`,
            or folders of them.
        out: Folder to write; an older one's files are replaced.
        tokenizer: A `tokenizer.json` file, a folder with one, a name on the Hugging Face hub, or
            `words`.
        n: Sequences to draw, >= 1; of the controls as many.
        k: Tokens of the prompt, and of the continuation, 2 to 4096.
        seed: Of the draw, >= 0.
        column: Where documents stand; by default `text`, else `tokens`.
        held_out: Shards that the model was not trained on, for controls: sequences of which none
            stands in the corpus.
        sequences: A file of the user's own sequences, to be asked in place of drawn ones: the first
            2k tokens of each. Those that stand nowhere in the corpus are controls.
        executor: `ray` to spread the counting.

    Raises:
        BadInput: A shard cannot be read, the tokenizer is not the corpus's, no document is long enough,
            or nothing is left to ask.
    """
    from modelmetry.memory.probing import Request, make

    listed = [shards] if isinstance(shards, str | Path) else shards
    request = Request(
        shards=tuple(map(str, listed)),
        tokenizer=tokenizer,
        n=n,
        k=k,
        seed=seed,
        column=column,
        held_out=tuple(map(str, held_out)),
        sequences="" if sequences is None else str(sequences),
        executor=executor,
    )
    return Probed(folder=Path(out), record=make(request, Path(out)))


def corpus(
    suite: str | Path | Suite,
    *,
    out: str | Path,
    suite_options: Mapping[str, Any] | None = None,
    shard_tokens: int = 1 << 24,
) -> Written:
    """Write the corpus that a suite of the laboratory asks about, to train models on.

    Args:
        suite: A suite whose tasks are of the generator `memorization`, by name, path or as it is.
        out: Folder to write, new or empty.
        suite_options: Options of the suite's generators in place of its own, as text or as values.
        shard_tokens: Most tokens in a file, >= 1.

    Raises:
        BadInput: The suite has no laboratory or several, or the folder is not empty.
    """
    read = read_suite(suite, suite_options)
    made = [suites.generator_of(task) for task in read.tasks]
    found = dict.fromkeys(each.laboratory for each in made if isinstance(each, Memorization))
    if len(found) != 1:
        raise BadInput(
            f"{read.name}: {len(found) or 'no'} corpora of a laboratory; allowed: a suite with one, "
            "such as memorization"
        )
    (laboratory,) = found
    planted = [each.duplicates for each in laboratory.planted() if each.duplicates]
    return Written(
        shards=laboratory.write(Path(out), shard_tokens),
        laboratory=laboratory,
        planted=len(planted),
        copies=sum(planted),
    )
