"""Accuracy against difficulty: one curve per task, over all of its splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modelmetry.analyses.measures import LEVEL, Kind, Row, accuracy
from modelmetry.analyses.table import Items
from modelmetry.statistics import Estimate, psychometric
from modelmetry.suites import Suite

MOST_POINTS = 12
"""Most points of a split."""

PER_POINT = 8
"""Clusters that a point should rest on; where levels hold fewer, neighbors share a point."""

_STEPS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Accuracy of one split at one level of difficulty.

    Attributes:
        split: The split's label.
        level: The difficulty; the mean of the levels that share the point.
        estimate: Accuracy there.
    """

    split: str
    level: float
    estimate: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Accuracy of one task along its difficulty factor.

    Attributes:
        task: The task's name.
        factor: The difficulty factor's name.
        points: Accuracy by split and level, rising within each split.
        line: The fitted curve as (difficulty, accuracy); empty where nothing could be fitted.
        chance: Chance along the difficulty, likewise.
        threshold: Difficulty half-way between chance and the curve's ceiling; None where the data
            cannot say.
        slope: Logits lost per unit of difficulty; None likewise, or where accuracy falls as a step.
        lapse: Rate of guessing at any difficulty; None where there is no threshold.
        ceiling: Highest accuracy along the curve's upper end, as (difficulty, accuracy); empty
            where no lapse rate was found.
        reason: Why there is no threshold; empty where there is one.
    """

    task: str
    factor: str
    points: tuple[Point, ...]
    line: tuple[tuple[float, float], ...]
    chance: tuple[tuple[float, float], ...]
    threshold: Estimate | None
    slope: Estimate | None
    lapse: Estimate | None
    ceiling: tuple[tuple[float, float], ...]
    reason: str


def find_curves(suite: Suite, items: Items) -> list[Curve]:
    """The curve of every task that was asked at two or more levels of difficulty.

    The fit pools the splits of a task: it describes the task as it was asked. Where splits differ
    at the same difficulty, their points lie apart from the line.

    Args:
        suite: What was asked.
        items: The run's items.
    """
    found = []
    for task in suite.tasks:
        kept = items.task.at(task.name) & items.scored
        if len(np.unique(items.difficulty[kept])) < 2:
            continue
        fit = psychometric.fit(
            items.difficulty[kept],
            items.value[kept],
            items.cluster[kept],
            # The curve needs room above the guess rate.
            guess=np.minimum(items.chance[kept], 0.99),
            level=LEVEL,
        )
        levels, chance = _chance(items, kept)
        xs = np.linspace(fit.lowest, fit.highest, _STEPS)
        guess = np.interp(xs, levels, chance)
        ys = fit.at(xs, guess)
        lapse = fit.lapse.value if fit.lapse else 0.0
        tops = guess + (1 - guess) * (1 - lapse) if lapse else np.empty(0)
        found.append(
            Curve(
                task=task.name,
                factor=task.difficulty,
                points=_points(items, kept),
                line=() if ys is None else tuple(zip(xs.tolist(), ys.tolist(), strict=True)),
                chance=tuple(zip(levels.tolist(), chance.tolist(), strict=True)),
                threshold=fit.threshold,
                slope=fit.slope,
                lapse=fit.lapse,
                ceiling=tuple(zip(xs.tolist(), tops.tolist(), strict=False)),
                reason="" if fit.threshold else "; ".join(fit.warnings),
            )
        )
    return found


def threshold_rows(curves: Sequence[Curve]) -> list[Row]:
    """Threshold, slope and lapse rate of the curves, where there are such.

    Thresholds are in the unit of the task's difficulty factor, slopes in logits per such unit.
    """
    return [
        Row(split=curve.task, kind=kind, of=curve.factor, estimate=found)
        for curve in curves
        for kind, found in _parameters(curve)
        if found is not None
    ]


def _parameters(curve: Curve) -> tuple[tuple[Kind, Estimate | None], ...]:
    return (
        ("difficulty threshold", curve.threshold),
        ("difficulty slope", curve.slope),
        ("lapse rate", curve.lapse),
    )


def _chance(items: Items, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Levels of difficulty, rising, and mean chance at each."""
    levels, codes = np.unique(items.difficulty[kept], return_inverse=True)
    return levels, np.bincount(codes, weights=items.chance[kept]) / np.bincount(codes)


def _points(items: Items, kept: np.ndarray) -> tuple[Point, ...]:
    points = []
    for split in items.split.names:
        here = np.flatnonzero(kept & items.split.at(split))
        levels, codes = np.unique(items.difficulty[here], return_inverse=True)
        most = min(MOST_POINTS, max(3, len(np.unique(items.cluster[here])) // PER_POINT))
        if len(levels) > most:
            # About as many items per point, whole levels together.
            reached = np.cumsum(np.bincount(codes)) / len(here)
            codes = np.ceil(reached * most - 1e-9).astype(int)[codes]
        for code in np.unique(codes):
            rows = here[codes == code]
            where = np.zeros(len(kept), dtype=bool)
            where[rows] = True
            estimate = accuracy(items, where)
            if estimate is not None:
                level = float(items.difficulty[rows].mean())
                points.append(Point(split=split, level=level, estimate=estimate))
    return tuple(points)
