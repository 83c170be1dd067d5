"""The scores of a run as a table: one row per request, the same bytes for the same answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from modelmetry.items import Item, load
from modelmetry.models import Response
from modelmetry.runs.record import RunRecord
from modelmetry.runs.store import Store
from modelmetry.scoring import Score, Scorer
from modelmetry.scoring.recorded import recorded
from modelmetry.scoring.rules import score

_NAMES = pa.dictionary(pa.int32(), pa.string())

COLUMNS: dict[str, tuple[pa.DataType, str]] = {
    "item": (pa.string(), "item uid: task/problem/wording"),
    "problem": (pa.string(), "problem uid: the same problem in every wording and repeat"),
    "task": (_NAMES, "the suite's task"),
    "split": (_NAMES, "the split's label: its name, or task/split"),
    "index": (pa.int64(), "the problem's place in its split's stream, from 0"),
    "wording": (_NAMES, "the prompt's name"),
    "repeat": (pa.int32(), "from 0"),
    "cluster": (pa.string(), "the unit drawn independently"),
    "value": (pa.float64(), "score in [0, 1]; null when the instrument failed"),
    "outcome": (_NAMES, "answered, no answer, refused, truncated, instrument failed"),
    "reason": (_NAMES, "why it is not an ordinary answer"),
    "answer": (pa.string(), "the answer as read out of the text"),
    "expected": (pa.string(), "the canonical right answer"),
    "chance": (pa.float64(), "probability that a uniform guess is right"),
    "difficulty": (pa.float64(), "level of the task's difficulty factor"),
    "input_tokens": (pa.int32(), "over all turns of a conversation; 0 if unknown"),
    "output_tokens": (pa.int32(), "over all turns of a conversation; 0 if unknown"),
    "cost_usd": (pa.float64(), "US dollars by the prices given; 0 without prices"),
    "factors": (_NAMES, "JSON object: declared factor name -> level"),
    "shown_logprob": (
        pa.float64(),
        "ln probability of the text shown, over its tokens that have one; null unless asked for",
    ),
    "shown_tokens": (pa.int32(), "how many tokens of the text shown have one"),
    "target_logprob": (
        pa.float64(),
        "of the canonical right answer after the text shown, likewise",
    ),
    "target_tokens": (pa.int32(), "how many tokens of that answer have one"),
}
"""Column -> type and meaning of `scores.parquet`; rows stand in the order of the run's plan."""

LOGPROBS = ("shown_logprob", "shown_tokens", "target_logprob", "target_tokens")
"""Columns that tables made before there were any lack, and that only what reads them needs."""

_TABLE = pa.schema([(name, kind) for name, (kind, _) in COLUMNS.items()])

SCHEMA = pa.schema([field for field in _TABLE if field.name not in LOGPROBS])
"""The columns without which a table is none of scores."""

_BATCH = 8192


def scored(
    record: RunRecord, store: Store, scorer: str | None = None
) -> Iterator[tuple[int, Item, Response, Score]]:
    """(repeat, item, response, score) of every response, in plan order, streamed.

    The answers of an imported run have the scores that were recorded, unless a scorer is named.

    Args:
        record: The run's record.
        store: Its answers.
        scorer: Entry-point name of a scorer to use in place of the suite's own.

    Raises:
        BadInput: There is no such scorer, or the stored answers cannot be read.
    """
    scorers: dict[str, Scorer] = {
        task.name: recorded
        if record.origin and scorer is None
        else load("scorers", scorer or task.scorer)
        for task in record.suite.tasks
    }
    for _, repeat, item, response in store.rows():
        yield repeat, item, response, score(scorers[item.task], item.problem.target, response)


def score_table(record: RunRecord, store: Store, scorer: str | None = None) -> pa.Table:
    """The scores of a run in the columns of `COLUMNS`, shape (responses, columns).

    Args: see `scored`.
    """
    difficulty = {task.name: task.difficulty for task in record.suite.tasks}
    columns = _Columns()
    for repeat, item, response, mark in scored(record, store, scorer):
        problem = item.problem
        level = problem.factors[difficulty[item.task]]
        columns.append(
            item.uid,
            problem.uid,
            item.task,
            record.suite.label(item.task, problem.split),
            problem.index,
            item.wording,
            repeat,
            problem.cluster,
            mark.value,
            mark.outcome,
            mark.reason,
            mark.answer,
            problem.target.answers[0],
            problem.target.chance,
            float(level),
            response.input_tokens,
            response.output_tokens,
            response.cost_usd,
            msgspec.json.encode(problem.factors, order="sorted").decode(),
            *_summed(response.shown_logprobs),
            *_summed(response.target_logprobs),
        )
    return columns.table()


def _summed(logprobs: Sequence[float | None] | None) -> tuple[float | None, int | None]:
    """Sum and number of those that are there; None for both where none were asked for."""
    if logprobs is None:
        return None, None
    known = [value for value in logprobs if value is not None]
    return math.fsum(known), len(known)


class _Columns:
    """Rows gathered into columns, batch by batch, so that Python objects never pile up."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.batches: list[pa.RecordBatch] = []

    def append(self, *row: Any) -> None:
        self.rows.append(row)
        if len(self.rows) == _BATCH:
            self._flush()

    def _flush(self) -> None:
        columns = list(zip(*self.rows, strict=True)) or [()] * len(_TABLE)
        arrays = [
            pa.array(column, pa.string()).dictionary_encode()
            if kind == _NAMES
            else pa.array(column, kind)
            for column, kind in zip(columns, _TABLE.types, strict=True)
        ]
        self.batches.append(pa.RecordBatch.from_arrays(arrays, schema=_TABLE))
        self.rows = []

    def table(self) -> pa.Table:
        self._flush()
        return pa.Table.from_batches(self.batches).unify_dictionaries().combine_chunks()
