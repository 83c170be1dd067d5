"""Headroom: how much better than this run a model could score, and whether that would be seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelmetry.analyses.measures import Row
from modelmetry.statistics.saturation import Saturation, saturation


def saturations(rows: Sequence[Row], labels: Sequence[str]) -> Iterator[tuple[str, Saturation]]:
    """The place of each split's accuracy between chance and 1.

    A split that has no accuracy, or that a guess always gets right, has none.

    Args:
        rows: A run's estimates, with accuracy and chance of the splits.
        labels: Which splits.
    """
    for label in labels:
        here = {row.kind: row.estimate for row in rows if row.split == label}
        if "accuracy" in here and "chance" in here and here["chance"].value < 1:
            yield label, saturation(here["accuracy"], here["chance"].value)


def headroom_rows(rows: Sequence[Row], labels: Sequence[str]) -> list[Row]:
    """The headroom of each split.

    Args:
        rows: As for `saturations`.
        labels: Which splits.
    """
    return [
        Row(split=label, kind="headroom", estimate=found.headroom)
        for label, found in saturations(rows, labels)
    ]
