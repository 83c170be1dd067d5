"""The estimates of a run: from a table of scores to the rows of `estimates.csv`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import pyarrow as pa

from modelmetry.analyses.adaptive import staircase_rows, with_staircases
from modelmetry.analyses.baselines import constant_rows
from modelmetry.analyses.budgets import SplitBudget, budget_rows, find_budgets
from modelmetry.analyses.contrasts import contrast_rows
from modelmetry.analyses.difficulty import Curve, find_curves, threshold_rows
from modelmetry.analyses.guardrails.rows import guardrail_rows
from modelmetry.analyses.guardrails.study import GuardrailStudy
from modelmetry.analyses.guardrails.study import study as guardrail_study
from modelmetry.analyses.measures import Row, accuracy
from modelmetry.analyses.memorization.rows import memorization_rows
from modelmetry.analyses.memorization.study import MemorizationStudy
from modelmetry.analyses.memorization.study import study as memorization_study
from modelmetry.analyses.residues import Residue, find_residues, residue_rows
from modelmetry.analyses.saturation import headroom_rows
from modelmetry.analyses.splits import split_rows
from modelmetry.analyses.stopping import anytime_accuracy
from modelmetry.analyses.strata import stratum_rows
from modelmetry.analyses.systematicity import (
    Systematicity,
    find_systematicity,
    systematicity_rows,
)
from modelmetry.analyses.table import Items, read_items
from modelmetry.runs.record import RunRecord
from modelmetry.scoring.classified import Classified
from modelmetry.statistics import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """A run with everything that is computed from it.

    Attributes:
        record: Its identity card.
        scores: Its table of scores.
        items: The same, averaged over repeats, as arrays.
        curves: Accuracy against difficulty, one curve per task.
        residues: Error structure of the addition tasks.
        systematicity: Gaps between what training shows and what it holds out, where a suite has them.
        guardrails: Whether who asks changes what is refused; None where nobody in particular asks.
        memorization: What is continued word for word; None where nothing of a corpus was asked.
        budgets: Uncertainty budgets of the headline's splits; none where answers chose problems.
        rows: Every estimate: by split, then contrasts, thresholds and error structure.
    """

    record: RunRecord
    scores: pa.Table
    items: Items
    curves: tuple[Curve, ...]
    residues: tuple[Residue, ...]
    systematicity: tuple[Systematicity, ...]
    guardrails: GuardrailStudy | None
    memorization: MemorizationStudy | None
    budgets: tuple[SplitBudget, ...]
    rows: tuple[Row, ...]


def analyze(record: RunRecord, scores: pa.Table, classified: Sequence[Classified] = ()) -> Analysis:
    """Compute everything that a run says.

    Repeats of an item are averaged first. The wordings of a problem stay in its cluster.

    Args:
        record: The run's identity card.
        scores: Its table of scores, at least one row.
        classified: Of a persona study, what judges made of the replies.

    Raises:
        BadInput: The table is empty or lacks a column.
    """
    items = read_items(scores)
    curves = find_curves(record.suite, items)
    contrasts, strata = contrast_rows(record.suite, items), list(stratum_rows(record, items))
    gaps = find_systematicity(record.suite, items)
    if record.until is not None and record.until.adaptive:
        # The answers chose how hard each split's problems were, so that splits do not compare.
        curves, contrasts, strata = with_staircases(record, items, curves), [], []
        gaps = []
    residues = find_residues(record.suite, scores)
    guardrails = guardrail_study(record, scores, classified)
    memorization = memorization_study(record, scores)
    budgets = find_budgets([(record, scores)], primary(record, items))
    rows = [
        *chain.from_iterable(
            split_rows(items, label, _overall(record, items, label))
            for label in split_labels(record, items)
        ),
        *strata,
        *constant_rows(record),
        *contrasts,
        *systematicity_rows(gaps),
        *guardrail_rows(guardrails),
        *memorization_rows(memorization),
        *threshold_rows(curves),
        *residue_rows(residues),
        *budget_rows(budgets),
    ]
    if record.until is None or not record.until.adaptive:
        rows += headroom_rows(rows, primary(record, items))
    return Analysis(
        record=record,
        scores=scores,
        items=items,
        curves=tuple(curves),
        residues=tuple(residues),
        systematicity=tuple(gaps),
        guardrails=guardrails,
        memorization=memorization,
        budgets=tuple(budgets),
        rows=tuple(rows),
    )


def estimate(record: RunRecord, scores: pa.Table) -> list[Row]:
    """The rows of `analyze`."""
    return list(analyze(record, scores).rows)


def split_estimates(record: RunRecord, scores: pa.Table) -> list[Row]:
    """Those rows of `analyze` that are about one split as a whole, without the slow rest.

    Args:
        record: The run's identity card.
        scores: Its table of scores, at least one row.

    Raises:
        BadInput: The table is empty or lacks a column.
    """
    items = read_items(scores)
    return [
        row
        for label in split_labels(record, items)
        for row in split_rows(items, label, _overall(record, items, label))
    ]


def headline(record: RunRecord, scores: pa.Table) -> list[Row]:
    """Accuracy on the primary splits; on every split where the suite names none.

    Where the answers chose the difficulty it is the threshold of every task.

    Args:
        record: The run's identity card.
        scores: Its table of scores, at least one row.

    Raises:
        BadInput: The table is empty or lacks a column.
    """
    items = read_items(scores)
    if record.until is not None and record.until.adaptive:
        return staircase_rows(record, items)
    found = {label: _overall(record, items, label) for label in primary(record, items)}
    return [
        Row(split=label, kind="accuracy", estimate=part)
        for label, part in found.items()
        if part is not None
    ]


def _overall(record: RunRecord, items: Items, label: str) -> Estimate | None:
    """Accuracy on a split; valid at any time where the run's end depended on its answers."""
    if record.until is None or record.until.adaptive:
        return accuracy(items, items.split.at(label))
    return anytime_accuracy(items, label, record.until.strata[label])


def primary(record: RunRecord, items: Items) -> list[str]:
    """Labels of the headline's splits; none where the headline is a threshold."""
    if record.until is not None and record.until.adaptive:
        return []
    labels = split_labels(record, items)
    return [label for label in labels if label in record.suite.primary] or labels


def split_labels(record: RunRecord, items: Items) -> list[str]:
    """Labels of the splits that have answers: the primary ones first, then in suite order."""
    suite = record.suite
    ordered = [suite.label(task.name, split) for task in suite.tasks for split in task.splits]
    known = dict.fromkeys([*suite.primary, *ordered, *items.split.names])
    return [label for label in known if label in items.split.names]
