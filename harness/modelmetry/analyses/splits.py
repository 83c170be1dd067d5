"""What a run says about one split: accuracy, its references, its bounds and its parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import numpy as np

from modelmetry.analyses.measures import LEVEL, Row, accuracy, item_mean, known
from modelmetry.analyses.table import KINDS, OTHER_OUTCOMES, Items
from modelmetry.statistics import Estimate, means, pairs

MOST_CLASSES = 12
"""Most distinct right answers for which balanced accuracy is estimated."""

MOST_LEVELS = 12
"""Most levels of a factor for which each level is estimated."""


def split_rows(items: Items, label: str, overall: Estimate | None) -> Iterator[Row]:
    """The rows of a split, accuracy first.

    A split none of whose answers could be scored has no accuracy, only its bounds and outcomes.

    Args:
        items: The run's items.
        label: The split's label; at least one item carries it.
        overall: Accuracy on it; None where nothing could be scored.
    """
    where = items.split.at(label)
    if overall is not None:
        yield Row(split=label, kind="accuracy", estimate=overall)
        yield from chain(
            _answered(items, where, label),
            _classes(items, where, label),
            _wordings(items, where, label, overall),
            _levels(items, where, label),
        )
    yield from _bounds(items, where, label)
    yield from _outcomes(items, where, label)


def _answered(items: Items, where: np.ndarray, label: str) -> Iterator[Row]:
    """Accuracy among the answers that were given, and chance."""
    given = where & (items.answers > 0)
    if given.any():
        among = item_mean(items, items.among, given)
        yield Row(split=label, kind="accuracy among answered", estimate=among)
    like = item_mean(items, items.chance, where)
    chance = known(like.value, like, "known from the problems")
    yield Row(split=label, kind="chance", estimate=chance)


def _bounds(items: Items, where: np.ndarray, label: str) -> Iterator[Row]:
    """Accuracy with every unscored answer wrong, then right; nothing where all were scored."""
    if not items.unscored[where].any():
        return
    low, high = (item_mean(items, items.filled(value), where) for value in (0.0, 1.0))
    yield Row(split=label, kind="accuracy if unscored wrong", estimate=low)
    yield Row(split=label, kind="accuracy if unscored right", estimate=high)


def _classes(items: Items, where: np.ndarray, label: str) -> Iterator[Row]:
    """Balanced accuracy, where the right answers are few."""
    kept = where & items.scored
    keys = items.expected.codes[kept]
    classes, counts = np.unique(keys, return_counts=True)
    if not 2 <= len(classes) <= MOST_CLASSES or counts.min() < 2:
        return
    found = means.balanced_accuracy(
        items.value[kept], keys, clusters=items.cluster[kept], level=LEVEL
    )
    unscored = int(items.unscored[where].sum())
    yield Row(split=label, kind="balanced accuracy", estimate=replace(found, unscored=unscored))


def _wordings(items: Items, where: np.ndarray, label: str, overall: Estimate) -> Iterator[Row]:
    """Accuracy per wording, and how far the wordings lie apart."""
    names = [name for name in items.wording.names if (where & items.wording.at(name)).any()]
    if len(names) < 2:
        return
    found = {name: accuracy(items, where & items.wording.at(name)) for name in names}
    scored = {name: part for name, part in found.items() if part is not None}
    for name, part in scored.items():
        yield Row(split=label, kind="wording", of=name, estimate=part)
    if len(scored) < 2:
        return
    values = [part.value for part in scored.values()]
    method = f"standard deviation over {len(values)} wordings, sampling noise included"
    spread = known(float(np.std(values, ddof=1)), overall, method)
    yield Row(split=label, kind="wording spread", estimate=spread)
    first, *others = scored
    for name in others:
        found = _wording_difference(items, where, name, first)
        if found is not None:
            of = f"{name} - {first}"
            yield Row(split=label, kind="wording difference", of=of, estimate=found)


def _wording_difference(items: Items, where: np.ndarray, name: str, other: str) -> Estimate | None:
    """Accuracy in one wording minus that in another, paired on the problems asked in both."""
    kept = where & items.scored
    a, b = (np.flatnonzero(kept & items.wording.at(wording)) for wording in (name, other))
    _, at_a, at_b = np.intersect1d(items.problem[a], items.problem[b], return_indices=True)
    if not len(at_a):
        return None
    a, b = a[at_a], b[at_b]
    return pairs.difference(items.value[a], items.value[b], items.cluster[a], level=LEVEL)


def _levels(items: Items, where: np.ndarray, label: str) -> Iterator[Row]:
    """Accuracy at each level of each factor that varies within the split."""
    for factor, levels in items.levels(where).items():
        if not 2 <= len(levels.names) <= MOST_LEVELS:
            continue
        for name in levels.names:
            part = accuracy(items, where & levels.at(name))
            if part is not None:
                yield Row(split=label, kind="level", of=f"{factor}={name}", estimate=part)


def _outcomes(items: Items, where: np.ndarray, label: str) -> Iterator[Row]:
    """Share of the answers of every kind but right and wrong that occurred."""
    for outcome in OTHER_OUTCOMES:
        counts = items.outcomes[:, KINDS.index(outcome)]
        if counts[where].any():
            share = item_mean(items, counts / items.repeats, where)
            yield Row(split=label, kind="outcome", of=outcome, estimate=share)
