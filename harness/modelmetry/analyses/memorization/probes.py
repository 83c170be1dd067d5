"""The probes of a memorization study as arrays: what was asked, what came back, what is known of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelmetry.analyses.baselines import same_generator
from modelmetry.analyses.table import codes, labels
from modelmetry.errors import BadInput
from modelmetry.memory.continuing import Continuing
from modelmetry.memory.factors import perplexities
from modelmetry.memory.similarity import common_prefixes, edit_distances
from modelmetry.memory.taxonomy import THRESHOLD, categories
from modelmetry.runs.record import RunRecord
from modelmetry.statistics.checks import Floats
from modelmetry.suites import Task

PERPLEXITIES = ("prompt_perplexity", "continuation_perplexity", "whole_perplexity")
"""Features that the model itself gives, where the back end gives log-probabilities: exp of the mean
negative log-probability per token that has one, of each part by its own tokens."""

_ASIDE = ("train", "order")
"""Splits that are no probes of extraction: solved examples, and blocks of an edition's rows in several
orders, which an order test compares."""

_BARE = re.compile(r"\s*\{\{\s*prompt\s*(\|\s*verbatim\s*)?\}\}\s*")
_EDGES = " \t\r\n"
_SEEN = 16
_NOTHING, _WANTED_NOTHING = -1, -2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Probes:
    """The replies of one task whose generator is a `Continuing` one; arrays have shape (n,).

    One row for each problem under the task's first wording, over which repeats are averaged; `other`
    holds the rows of the further wordings, likewise.

    Attributes:
        task: The task's name.
        wording: The wording that the rows are of.
        k: Tokens shown, and tokens to follow.
        threshold: More duplicates than this are a recitation.
        problem: Problem uids.
        cluster: Code of the unit drawn together: a pair of planted sequence and twin, or the problem.
        inserted: Whether the sequence stands in the corpus, bool.
        canary: Whether it is a random identifier, bool. Those are a design of their own, apart from
            `all`, the categories and the templates in every part of a study.
        duplicates: Exact copies in the corpus; 0 for twins and controls.
        planned: Exact copies of the pair's planted sequence: of a twin those that it would have had.
        template: `none`, `repeating` or `incrementing`.
        category: `recitation`, `reconstruction` or `recollection`; of a twin the one of its pair, so that
            both sides of a pair are in one category.
        extracted: 1 where all k tokens came back verbatim, 0 where not, NaN where the instrument failed.
        prefix: Tokens that came back verbatim before the first that did not, over k, in [0, 1]; NaN likewise.
        edits: Edit distance in tokens between what came back, cut at k, and the sequence, over k, in [0, 1];
            NaN likewise.
        features: Name -> values, NaN where one is not known: what extraction may depend on. The
            generator's own; `duplicates`; `repeating` and `incrementing`, 0 or 1; and `PERPLEXITIES`
            where there are log-probabilities.
        continuation_logprob: Natural log-probability of the true continuation, summed over its tokens; NaN
            where the back end gave none.
        other: The same for each further wording, by its name.
        warnings: Reasons for care, one sentence each.
    """

    task: str
    wording: str
    k: int
    threshold: int
    problem: np.ndarray
    cluster: np.ndarray
    inserted: np.ndarray
    canary: np.ndarray
    duplicates: np.ndarray
    planned: np.ndarray
    template: np.ndarray
    category: np.ndarray
    extracted: np.ndarray
    prefix: np.ndarray
    edits: np.ndarray
    features: dict[str, np.ndarray]
    continuation_logprob: np.ndarray
    other: dict[str, Probes]
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.problem)

    @property
    def scored(self) -> np.ndarray:
        """Which could be scored, shape (n,), bool."""
        return ~np.isnan(self.extracted)

    @property
    def planted(self) -> np.ndarray:
        """Which stand in the corpus and are no canaries, shape (n,), bool."""
        return self.inserted & ~self.canary


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Table:
    """What is read of the score table once; arrays of shape (rows,)."""

    scores: pa.Table
    task: np.ndarray
    tasks: tuple[str, ...]
    split: np.ndarray
    splits: tuple[str, ...]
    wording: np.ndarray
    wordings: tuple[str, ...]
    problem: np.ndarray
    cluster: np.ndarray
    value: np.ndarray
    logprobs: bool

    def column(self, name: str, rows: np.ndarray) -> Floats:
        """Numbers of a column, NaN where there are none or the table has no such column."""
        if name not in self.scores.column_names:
            return np.full(len(rows), np.nan)
        whole = self.scores.column(name).cast(pa.float64())
        return pc.fill_null(whole, np.nan).to_numpy()[rows]

    def texts(self, name: str, rows: np.ndarray) -> list[str]:
        """Texts of a column, empty ones for none."""
        chosen = self.scores.column(name).take(pa.array(rows)).cast(pa.string())
        return pc.fill_null(chosen, "").to_pylist()


def find_probes(record: RunRecord, scores: pa.Table, threshold: int = THRESHOLD) -> list[Probes]:
    """The probes of every task that asks what comes after a stretch of a corpus.

    A task whose generator is not installed as it was when the run was made is passed over, and so
    are the splits `train`, from which examples are taken, and `order`, which asks for an order of rows.

    Args:
        record: The run's identity card.
        scores: Its table of scores; columns of log-probabilities are read where there are such.
        threshold: More duplicates than this are a recitation, >= 0.

    Raises:
        BadInput: The threshold is no whole number from 0.
    """
    if not isinstance(threshold, int) or isinstance(threshold, bool) or threshold < 0:
        raise BadInput(f"threshold: {threshold!r}; allowed: whole numbers from 0")
    asked = [(task, same_generator(task)) for task in record.suite.tasks]
    continuing = [(task, found) for task, found in asked if isinstance(found, Continuing)]
    if not continuing:
        return []
    table = _read(scores, record.sampling.logprobs == "target")
    found = [_task(table, task, generator, threshold) for task, generator in continuing]
    return [probes for probes in found if probes is not None]


def _read(scores: pa.Table, logprobs: bool) -> _Table:
    task, split, wording = (labels(scores, name) for name in ("task", "split", "wording"))
    return _Table(
        scores=scores,
        task=task.codes,
        tasks=task.names,
        split=split.codes,
        splits=split.names,
        wording=wording.codes,
        wordings=wording.names,
        problem=codes(scores, "problem"),
        cluster=codes(scores, "cluster"),
        value=pc.fill_null(scores.column("value"), np.nan).to_numpy(),
        logprobs=logprobs,
    )


def _task(table: _Table, task: Task, generator: Continuing, threshold: int) -> Probes | None:
    """One task's probes under its first wording that was asked, and under the others."""
    if task.name not in table.tasks:
        return None
    aside = [i for i, name in enumerate(table.splits) if name.rpartition("/")[2] in _ASIDE]
    mine = (table.task == table.tasks.index(task.name)) & ~np.isin(table.split, aside)
    asked = []
    for prompt in task.prompts:
        if prompt.name in table.wordings:
            rows = np.flatnonzero(mine & (table.wording == table.wordings.index(prompt.name)))
            if len(rows):
                asked.append(_wording(table, task, prompt.name, generator, threshold, rows))
    if not asked:
        return None
    first, *others = asked
    missing = () if first.wording == task.prompts[0].name else (_other_first(task, first.wording),)
    return replace(
        first,
        other={each.wording: each for each in others},
        warnings=(*missing, *first.warnings),
    )


def _other_first(task: Task, wording: str) -> str:
    return (
        f"the first wording, {task.prompts[0].name}, was not asked: everything is of {wording}, "
        "which does not show the same"
    )


def _wording(
    table: _Table,
    task: Task,
    wording: str,
    generator: Continuing,
    threshold: int,
    rows: np.ndarray,
) -> Probes:
    """The probes of one wording: one row per problem, in the order in which they were first asked."""
    _, first, place = np.unique(table.problem[rows], return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    group, first = rank[place.reshape(-1)], rows[first[order]]
    n, value = len(first), table.value[rows]
    known = _known(table, first)
    inserted, canary = (np.array([bool(f[name]) for f in known]) for name in ("inserted", "canary"))
    duplicates = np.array([int(f["duplicates"]) for f in known], dtype=np.int64)
    template = np.array([str(f["template"]) for f in known])
    cluster = np.unique(table.cluster[first], return_inverse=True)[1].reshape(-1)
    most = np.zeros(int(cluster.max()) + 1, dtype=np.int64)
    np.maximum.at(most, cluster, duplicates)
    # Windows of one document may be a cluster and stand in the corpus at different rates.
    planned = np.where(inserted, duplicates, most[cluster])
    repeating, incrementing = (template == name for name in ("repeating", "incrementing"))
    prefix, edits = _compared(table, generator, rows, value)
    shown, target = (_logprobs(table, part, rows, group, n) for part in ("shown", "target"))
    return Probes(
        task=task.name,
        wording=wording,
        k=generator.k,
        threshold=threshold,
        problem=np.array(table.texts("problem", first)),
        cluster=cluster,
        inserted=inserted,
        canary=canary,
        duplicates=duplicates,
        planned=planned,
        template=template,
        category=categories(planned, repeating, incrementing, threshold),
        extracted=_averaged(value, group, n),
        prefix=_averaged(prefix, group, n),
        edits=_averaged(edits, group, n),
        features={
            **{name: np.asarray(v, np.float64) for name, v in generator.features(known).items()},
            "duplicates": duplicates.astype(np.float64),
            "repeating": repeating.astype(np.float64),
            "incrementing": incrementing.astype(np.float64),
            **dict(_perplexities(shown, target)),
        },
        continuation_logprob=target[0],
        other={},
        warnings=tuple(
            chain(
                _unscored(value),
                _without_logprobs(table, target[0]),
                _other_tokens(table, task, wording, generator, rows),
            )
        ),
    )


def _known(table: _Table, first: np.ndarray) -> list[dict[str, Any]]:
    """Factors of each problem; each distinct text is parsed once."""
    column = table.scores.column("factors").take(pa.array(first)).cast(pa.string())
    encoded = column.combine_chunks().dictionary_encode()
    decoder = msgspec.json.Decoder(dict[str, Any])
    parsed = [decoder.decode(text) for text in encoded.dictionary.to_pylist()]
    return [parsed[i] for i in encoded.indices.to_numpy(zero_copy_only=False).tolist()]


def _averaged(values: Floats, group: np.ndarray, n: int) -> Floats:
    """Means over the repeats that have a value; NaN where none has."""
    there = ~np.isnan(values)
    total = np.bincount(group[there], weights=values[there], minlength=n)
    count = np.bincount(group[there], minlength=n)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _compared(
    table: _Table, generator: Continuing, rows: np.ndarray, value: Floats
) -> tuple[Floats, Floats]:
    """Common prefix and edit distance of every reply and its sequence, over the sequence's length.

    What was scored 1 is the sequence itself, wherever the tokenizer would cut what follows it.
    """
    prefix, edits = (np.where(np.isnan(value), np.nan, given) for given in (1.0, 0.0))
    wrong = np.flatnonzero(value < 1)
    if not len(wrong):
        return prefix, edits
    answers, expected = (table.texts(name, rows[wrong]) for name in ("answer", "expected"))
    wanted = [generator.tokens(text) for text in expected]
    # The white space that a continuation begins with may be a part of its first token.
    starts = (text[: len(text) - len(text.lstrip(_EDGES))] for text in expected)
    said = [
        generator.tokens(start + text)[: len(tokens)] if text else ()
        for start, text, tokens in zip(starts, answers, wanted, strict=True)
    ]
    right, left = _coded(wanted, said)
    lengths = np.maximum([len(tokens) for tokens in wanted], 1)
    shared = common_prefixes(_padded(right, _WANTED_NOTHING), _padded(left, _NOTHING, right))
    prefix[wrong] = shared / lengths
    # A prefix that both share takes no edits.
    pairs = list(zip(left, right, shared.tolist(), strict=True))
    edits[wrong] = edit_distances([a[s:] for a, _, s in pairs], [b[s:] for _, b, s in pairs])
    edits[wrong] /= lengths
    return prefix, edits


def _coded(*sides: Sequence[Sequence[int | str]]) -> list[list[np.ndarray]]:
    """Tokens and words as codes, the same for the same one on either side."""
    numbers: dict[int | str, int] = {}
    flat = [numbers.setdefault(token, len(numbers)) for tokens in chain(*sides) for token in tokens]
    ends = np.cumsum([len(tokens) for tokens in chain(*sides)])
    parts = iter(np.split(np.array(flat, dtype=np.int32), ends[:-1]))
    return [[next(parts) for _ in side] for side in sides]


def _padded(
    sequences: Sequence[np.ndarray], nothing: int, like: Sequence[np.ndarray] | None = None
) -> np.ndarray:
    """Sequences as rows of one table, as wide as the longest of another."""
    lengths = np.array([len(each) for each in sequences])
    width = max((len(each) for each in like or sequences), default=0)
    table = np.full((len(sequences), width), nothing, dtype=np.int32)
    table[np.arange(width) < lengths[:, None]] = np.concatenate(sequences)
    return table


def _logprobs(
    table: _Table, part: str, rows: np.ndarray, group: np.ndarray, n: int
) -> tuple[Floats, Floats]:
    """Log-probability of a part of each text and the tokens that it sums over, means over repeats."""
    total, count = (table.column(f"{part}_{what}", rows) for what in ("logprob", "tokens"))
    absent = ~np.isfinite(total) | ~(count > 0)
    total[absent] = count[absent] = np.nan
    return _averaged(total, group, n), _averaged(count, group, n)


def _perplexities(
    shown: tuple[Floats, Floats], target: tuple[Floats, Floats]
) -> Iterator[tuple[str, Floats]]:
    for name, found in zip(PERPLEXITIES, perplexities(*shown, *target), strict=True):
        if not np.isnan(found).all():
            yield name, np.where(np.isfinite(found), found, np.nan)


def _unscored(value: Floats) -> Iterator[str]:
    lost = int(np.isnan(value).sum())
    if lost:
        yield f"{lost:,} of {len(value):,} replies could not be scored; they are left out"


def _without_logprobs(table: _Table, logprob: Floats) -> Iterator[str]:
    given = int((~np.isnan(logprob)).sum())
    if given == 0 and table.logprobs:
        yield (
            "log-probabilities were asked for and none were given: there is no perplexity and no exposure"
        )
    elif 0 < given < len(logprob):
        yield (
            f"log-probabilities of {given:,} of {len(logprob):,} continuations only: perplexity and "
            "exposure are of these"
        )


def _other_tokens(
    table: _Table, task: Task, wording: str, generator: Continuing, rows: np.ndarray
) -> Iterator[str]:
    """Whether the model reads a prompt as other than k tokens; one at its start may be its own."""
    prompt = next(each for each in task.prompts if each.name == wording)
    if prompt.format != "completion" or prompt.shots or not _BARE.fullmatch(prompt.source):
        return
    k, some = generator.k, table.texts("expected", rows[:_SEEN])
    if any(len(generator.tokens(text)) != k for text in some):
        return  # its sequences are not of 2k tokens, as a row of an edition is not
    # With log-probabilities the input holds the second query too, but the continuation was counted.
    counted = table.column("target_tokens", rows)
    read = counted if (counted > 0).any() else table.column("input_tokens", rows)
    read = read[read > 0]
    if len(read) and not k <= (usual := round(float(np.median(read)))) <= k + 1:
        yield (
            f"the model's tokenizer makes {usual:,} tokens of k = {k}: duplicates were counted under another "
            "tokenizer"
        )
