"""Contrasts: the differences between splits that a suite is made to show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from modelmetry.analyses.measures import LEVEL, Row
from modelmetry.analyses.splits import MOST_CLASSES
from modelmetry.analyses.table import Items
from modelmetry.statistics import means
from modelmetry.suites import Contrast, Suite

CHANCE_GAP = 0.02
"""Difference in chance between two splits from which the contrast is also given without it."""

MARGINAL_GAP = 0.05
"""Total variation between two splits' right answers from which a warning is given."""


def contrast_rows(suite: Suite, items: Items) -> list[Row]:
    """The suite's contrasts whose splits could both be scored.

    Args:
        suite: What was asked.
        items: The run's items.
    """
    return [row for contrast in suite.contrasts for row in _rows(contrast, items)]


def _rows(contrast: Contrast, items: Items) -> Iterator[Row]:
    sides = [
        np.flatnonzero(items.split.at(label) & items.scored) for label in (contrast.a, contrast.b)
    ]
    if not all(len(side) for side in sides):
        return
    clusters = [items.cluster[side] for side in sides]
    values = [items.value[side] for side in sides]
    chances = [float(items.chance[side].mean()) for side in sides]
    label = f"{contrast.a} - {contrast.b}"
    found = means.difference_of_means(*values, *clusters, level=LEVEL)
    unscored = int(sum(items.unscored[items.split.at(c)].sum() for c in (contrast.a, contrast.b)))
    gap = abs(chances[0] - chances[1])
    warnings = [*found.warnings, *_marginals(items, sides)]
    if gap >= CHANCE_GAP:
        warnings.append(
            f"chance differs by {gap:.3f} between the splits: see the adjusted contrast"
        )
    found = replace(found, unscored=unscored, warnings=tuple(warnings))
    yield Row(split=label, kind="contrast", of=contrast.name, estimate=found)
    if gap >= CHANCE_GAP and max(chances) < 1:
        adjusted = [(v - c) / (1 - c) for v, c in zip(values, chances, strict=True)]
        bounds = (min(-c / (1 - c) for c in chances), 1.0)
        found = means.difference_of_means(*adjusted, *clusters, level=LEVEL, bounds=bounds)
        found = replace(found, unscored=unscored)
        yield Row(split=label, kind="chance-adjusted contrast", of=contrast.name, estimate=found)


def _marginals(items: Items, sides: list[np.ndarray]) -> Iterator[str]:
    """A warning where few right answers are distributed differently on the two sides."""
    keys = [items.expected.codes[side] for side in sides]
    classes = np.unique(np.concatenate(keys))
    if len(classes) > MOST_CLASSES:
        return
    shares = [(key[:, None] == classes).mean(axis=0) for key in keys]
    distance = float(np.abs(shares[0] - shares[1]).sum() / 2)
    if distance >= MARGINAL_GAP:
        yield (
            f"the right answers are distributed differently (total variation {distance:.2f}): "
            "compare the balanced accuracies"
        )
