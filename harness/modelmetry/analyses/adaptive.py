"""Difficulty chosen by the answers: the staircase of a task, rebuilt from what has been answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from modelmetry.analyses.difficulty import Curve
from modelmetry.analyses.measures import LEVEL, Kind, Row
from modelmetry.analyses.table import Items
from modelmetry.runs.record import RunRecord
from modelmetry.statistics import Estimate
from modelmetry.statistics.staircase import Staircase

Levels = Sequence[tuple[float, float]]
"""(difficulty, chance), rising."""


def staircase(items: Items, task: str, levels: Levels) -> Staircase:
    """The staircase of a task, after the answers of a run.

    A problem counts once, with the mean of its scored wordings and repeats.

    Args:
        items: The run's items.
        task: The task's name.
        levels: What can be asked, rising.
    """
    difficulty, chance = np.array(levels).T
    # Ties between levels are broken the same way in every session.
    found = Staircase(difficulty, guess=chance, rng=np.random.default_rng(0))
    where = items.task.at(task) & items.scored
    if where.any():
        _, first, inverse = np.unique(items.problem[where], return_index=True, return_inverse=True)
        scores = np.bincount(inverse, weights=items.value[where]) / np.bincount(inverse)
        asked = items.difficulty[where][first]
        found.update(np.searchsorted(difficulty, asked), np.clip(scores, 0.0, 1.0))
    return found


def thresholds(record: RunRecord, items: Items) -> dict[str, Estimate]:
    """Task -> threshold of a run whose difficulty was chosen by the answers.

    Args:
        record: The run's identity card.
        items: Its items.
    """
    found = {}
    for task, levels in (record.until.levels if record.until else {}).items():
        where = items.task.at(task)
        found[task] = replace(
            staircase(items, task, levels).estimate(LEVEL),
            n=int((where & items.scored).sum()),
            unscored=int(items.unscored[where].sum()),
        )
    return found


def staircase_rows(record: RunRecord, items: Items) -> list[Row]:
    """The thresholds of such a run, in the unit of each task's difficulty factor."""
    kind: Kind = "difficulty threshold"
    return [
        Row(split=task, kind=kind, of=record.suite.task(task).difficulty, estimate=estimate)
        for task, estimate in thresholds(record, items).items()
    ]


def with_staircases(record: RunRecord, items: Items, curves: Sequence[Curve]) -> list[Curve]:
    """The curves of such a run with its own thresholds."""
    found = thresholds(record, items)
    return [
        replace(curve, threshold=found[curve.task], reason="") if curve.task in found else curve
        for curve in curves
    ]
