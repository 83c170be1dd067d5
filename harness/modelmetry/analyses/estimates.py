"""The estimates of a run: from a table of scores to the rows of `estimates.csv`."""

from __future__ import annotations

from itertools import chain

import pyarrow as pa

from modelmetry.analyses.contrasts import contrast_rows
from modelmetry.analyses.difficulty import threshold_rows
from modelmetry.analyses.measures import Row, accuracy
from modelmetry.analyses.residues import residue_rows
from modelmetry.analyses.splits import split_rows
from modelmetry.analyses.table import Items, read_items
from modelmetry.runs.record import RunRecord


def estimate(record: RunRecord, scores: pa.Table) -> list[Row]:
    """Everything that a run says: by split, then contrasts, difficulty and error structure.

    Repeats of an item are averaged first. The wordings of a problem stay in its cluster.

    Args:
        record: The run's identity card.
        scores: Its table of scores, at least one row.

    Raises:
        BadInput: The table is empty or lacks a column.
    """
    items = read_items(scores)
    return [
        *chain.from_iterable(split_rows(items, label) for label in split_labels(record, items)),
        *contrast_rows(record.suite, items),
        *threshold_rows(record.suite, items),
        *residue_rows(record.suite, scores),
    ]


def headline(record: RunRecord, scores: pa.Table) -> list[Row]:
    """Accuracy on the primary splits; on every split where the suite names none.

    Args:
        record: The run's identity card.
        scores: Its table of scores, at least one row.

    Raises:
        BadInput: The table is empty or lacks a column.
    """
    items = read_items(scores)
    found = {label: accuracy(items, items.split.at(label)) for label in primary(record, items)}
    return [
        Row(split=label, kind="accuracy", estimate=part)
        for label, part in found.items()
        if part is not None
    ]


def primary(record: RunRecord, items: Items) -> list[str]:
    """Labels of the headline's splits."""
    labels = split_labels(record, items)
    return [label for label in labels if label in record.suite.primary] or labels


def split_labels(record: RunRecord, items: Items) -> list[str]:
    """Labels of the splits that have answers: the primary ones first, then in suite order."""
    suite = record.suite
    ordered = [suite.label(task.name, split) for task in suite.tasks for split in task.splits]
    known = dict.fromkeys([*suite.primary, *ordered, *items.split.names])
    return [label for label in known if label in items.split.names]
