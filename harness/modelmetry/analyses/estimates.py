"""The estimates of a run: from a table of scores to the rows of `estimates.csv`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal

import numpy as np
import pyarrow as pa

from modelmetry.analyses.table import KINDS, OTHER_OUTCOMES, Items, count_outcomes, read_items
from modelmetry.runs.record import RunRecord
from modelmetry.statistics import Estimate, means, pairs

LEVEL = 0.95
"""Confidence level of every interval."""

MOST_CLASSES = 12
"""Most distinct right answers for which balanced accuracy is estimated."""

MOST_LEVELS = 12
"""Most levels of a factor for which each level is estimated."""

Kind = Literal[
    "accuracy",
    "accuracy among answered",
    "balanced accuracy",
    "chance",
    "most common answer",
    "accuracy if unscored wrong",
    "accuracy if unscored right",
    "wording",
    "wording spread",
    "wording difference",
    "level",
    "outcome",
    "contrast",
    "adjusted contrast",
    "threshold",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number of a run.

    Attributes:
        split: The split's label; `a - b` for a contrast, the task's name for a threshold.
        estimand: What is estimated, in words: `accuracy`, `accuracy | digits=2`, ...
        estimate: The number and its uncertainty. `unscored` counts answers, not items.
        kind: The family of the estimand.
        of: What tells it from others of its kind: the wording, `digits=2`, the contrast's name.
    """

    split: str
    estimand: str
    estimate: Estimate
    kind: Kind
    of: str = ""


def estimate(record: RunRecord, scores: pa.Table) -> list[Row]:
    """Everything that a run says, split by split, then contrasts, then difficulty thresholds.

    Repeats of an item are averaged first. The wordings of a problem stay in its cluster. A split
    none of whose answers could be scored has no accuracy, only its bounds.

    Args:
        record: The run's identity card.
        scores: Its table of scores, at least one row.

    Raises:
        BadInput: The table is empty or lacks a column.
    """
    from modelmetry.analyses.contrasts import contrast_rows
    from modelmetry.analyses.difficulty import threshold_rows

    items = read_items(scores)
    splits = (_split_rows(items, label) for label in split_labels(record, items))
    outcomes = outcome_rows(scores, items)
    rows = [*chain.from_iterable(splits), *outcomes]
    rows += contrast_rows(record.suite, items)
    rows += threshold_rows(record.suite, items)
    return rows


def split_labels(record: RunRecord, items: Items) -> list[str]:
    """Labels of the splits that have answers: the primary ones first, then in suite order."""
    suite = record.suite
    ordered = [suite.label(task.name, split) for task in suite.tasks for split in task.splits]
    known = dict.fromkeys([*suite.primary, *ordered, *items.split.names])
    return [label for label in known if label in items.split.names]


def accuracy(items: Items, where: np.ndarray) -> Estimate | None:
    """Mean item score over the chosen items, clustered; None where none could be scored.

    Args:
        items: The run's items.
        where: Which of them, shape (n,), bool.
    """
    kept = where & items.scored
    if not kept.any():
        return None
    found = means.mean(items.value[kept], clusters=items.cluster[kept], level=LEVEL)
    return replace(found, unscored=int(items.unscored[where].sum()))


def known(value: float, like: Estimate, method: str) -> Estimate:
    """A number that is computed rather than estimated: no interval, and it says so."""
    return replace(
        like, value=value, std_error=None, low=None, high=None, method=method, warnings=()
    )


def _split_rows(items: Items, label: str) -> Iterator[Row]:
    where = items.split.at(label)
    overall = accuracy(items, where)
    yield from _bounds(items, where, label)
    if overall is None:
        return
    yield Row(split=label, estimand="accuracy", estimate=overall, kind="accuracy")
    answered = where & (items.answers > 0)
    if answered.any():
        among = means.mean(items.among[answered], clusters=items.cluster[answered], level=LEVEL)
        kind: Kind = "accuracy among answered"
        yield Row(split=label, estimand=kind, estimate=among, kind=kind)
    chance = known(float(items.chance[where].mean()), overall, "known from the problems")
    yield Row(split=label, estimand="chance", estimate=chance, kind="chance")
    yield from _class_rows(items, where, label, overall)
    yield from _wording_rows(items, where, label)
    yield from _level_rows(items, where, label)


def _bounds(items: Items, where: np.ndarray, label: str) -> Iterator[Row]:
    """Accuracy with every unscored answer wrong, then right; nothing where all were scored."""
    unscored = int(items.unscored[where].sum())
    if not unscored:
        return
    for kind, value in (("accuracy if unscored wrong", 0.0), ("accuracy if unscored right", 1.0)):
        filled = items.filled(value)[where]
        found = means.mean(filled, clusters=items.cluster[where], level=LEVEL)
        found = replace(found, unscored=unscored)
        yield Row(split=label, estimand=kind, estimate=found, kind=kind)


def _class_rows(
    items: Items, where: np.ndarray, label: str, overall: Estimate
) -> Iterator[Row]:
    """What few distinct right answers allow: balanced accuracy, and the most common answer."""
    kept = where & items.scored
    classes, counts = np.unique(items.expected.codes[kept], return_counts=True)
    if not 2 <= len(classes) <= MOST_CLASSES or counts.min() < 2:
        return
    found = means.balanced_accuracy(
        items.value[kept], items.expected.codes[kept], clusters=items.cluster[kept], level=LEVEL
    )
    kind: Kind = "balanced accuracy"
    yield Row(split=label, estimand=kind, estimate=found, kind=kind)
    name = items.expected.names[classes[counts.argmax()]]
    share = known(float(counts.max() / counts.sum()), overall, f"share of the key {name!r}")
    kind = "most common answer"
    yield Row(split=label, estimand=kind, estimate=share, kind=kind, of=name)
