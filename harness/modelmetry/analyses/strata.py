"""The strata of a split: which one each problem came from, and means that weigh them as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from modelmetry.analyses.baselines import same_generator
from modelmetry.analyses.measures import LEVEL, Row
from modelmetry.analyses.table import Items
from modelmetry.runs.record import RunRecord
from modelmetry.spaces import Turns
from modelmetry.statistics import stratified


def strata_of(
    places: np.ndarray, sizes: Sequence[int], members: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """The stratum and the turn of problems at some places of a split's stream, shape (n,) each.

    Args:
        places: Shape (n,), from 0.
        sizes: Problems in each stratum.
        members: Problems that each point of the strata gives.
    """
    order = Turns(sizes, members)
    found = np.array([order.place(place) for place in places.tolist()], dtype=np.intp)
    return tuple(found.reshape(-1, 2).T)  # type: ignore[return-value]


def stratum_rows(record: RunRecord, items: Items) -> Iterator[Row]:
    """Accuracy over all points of a split's space, and with equal weights for its strata.

    The plain accuracy weighs strata by how many problems were drawn, which changes where a
    small one is used up. Both of these are fixed, and what strata differ by is no uncertainty in
    them. Splits of one stratum have none, nor do those whose generator is not installed.

    Args:
        record: The run's identity card.
        items: Its items.
    """
    for task in record.suite.tasks:
        generator = same_generator(task)
        if generator is None:
            continue
        for split in task.splits:
            label = record.suite.label(task.name, split)
            where = np.flatnonzero(items.split.at(label) & items.scored)
            strata = generator.stratification(split)
            sizes = strata.sizes
            if len(sizes) < 2 or not len(where):
                continue
            stratum, _ = strata_of(items.index[where], sizes, strata.members)
            present = np.unique(stratum).tolist()
            if len(present) < len(sizes):
                continue
            unscored = int(items.unscored[items.split.at(label)].sum())
            total = sum(sizes)
            weighings = {
                "strata equal": dict.fromkeys(present, 1.0),
                "whole space": {place: sizes[place] / total for place in present},
            }
            clusters = items.cluster[where]
            inside = len(np.unique(np.stack([clusters, stratum]), axis=1).T) == len(
                np.unique(clusters)
            )
            # What was drawn together may lie in several strata, whose numbers are then chance.
            mean = stratified.stratified_mean if inside else stratified.post_stratified_mean
            for name, weights in weighings.items():
                found = mean(items.value[where], stratum, weights, clusters=clusters, level=LEVEL)
                estimate = replace(found, unscored=unscored)
                yield Row(split=label, kind="stratified accuracy", of=name, estimate=estimate)
