"""Frozen less fresh: how much better a model is on the published edition than on fresh ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from modelmetry.analyses.measures import LEVEL
from modelmetry.analyses.table import Items, read_items
from modelmetry.statistics import Comparison, Estimate, means, pairs
from modelmetry.statistics.distributions import t_p_value, t_quantile

Key = tuple[str, str, int]
"""Split label, wording and index in the split's stream: an item's place."""

ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One split, or all primary ones together.

    Attributes:
        split: The split's label, or `all`.
        published: Mean score on the published edition.
        fresh: Mean score on the fresh ones, at the same places.
        comparison: Published less fresh; `p_adjusted` is corrected over the splits.
        paired: Whether places were paired; False where clusters of the two editions do not match.
        editions: Fresh editions that entered.
        shared: Fresh items left out because the published edition has the same problem.
    """

    split: str
    published: Estimate
    fresh: Estimate
    comparison: Comparison
    paired: bool
    editions: int
    shared: int


def frozen_less_fresh(
    published: pa.Table, fresh: Sequence[pa.Table], primary: Sequence[str], rng: np.random.Generator
) -> tuple[Difference, ...]:
    """Accuracy on the published edition less that on fresh editions of the same suite.

    Items of one place (split, wording, index) are of the same stratum in every edition, since strata take
    turns: they are paired, over several fresh editions with their mean, so that what strata and wordings
    differ by does not count as error. Problems that both editions have are left out.

    Args:
        published: Scores of the run on the published edition.
        fresh: Scores of runs of the same model on fresh editions, one or more.
        primary: Labels of the splits that are pooled.
        rng: Draws the signs of the exact tests.

    Returns:
        The primary splits pooled, where there are several, then every split. None of a split that no item
        could be scored of in both.
    """
    whole = _Side.of(published)
    others = [_Side.of(scores) for scores in fresh]
    labels = [name for name in whole.items.split.names if name]
    found = []
    for label in labels:
        made = _difference(label, {label}, whole, others, rng)
        found += [made] if made else []
    family = pairs.adjusted([each.comparison for each in found], "holm")
    rows = [replace(each, comparison=c) for each, c in zip(found, family, strict=True)]
    pooled = None
    if len(wanted := set(primary) & {row.split for row in rows}) > 1:
        pooled = _difference(ALL, wanted, whole, others, rng)
    return (*([pooled] if pooled else []), *rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """The items of one run and where they stand."""

    items: Items
    places: dict[Key, int]
    problems: list[str]

    @classmethod
    def of(cls, scores: pa.Table) -> _Side:
        items = read_items(scores)
        splits = [items.split.names[code] for code in items.split.codes.tolist()]
        wordings = [items.wording.names[code] for code in items.wording.codes.tolist()]
        keys = zip(splits, wordings, items.index.tolist(), strict=True)
        return cls(
            items=items,
            places={key: i for i, key in enumerate(keys)},
            problems=[uid.split("/")[1] for uid in items.uid.to_pylist()],
        )


def _difference(
    name: str, labels: set[str], whole: _Side, others: Sequence[_Side], rng: np.random.Generator
) -> Difference | None:
    seen = {whole.problems[i] for key, i in whole.places.items() if key[0] in labels}
    shared = 0
    usable: list[dict[Key, int]] = []
    for side in others:
        mine = {key: i for key, i in side.places.items() if key[0] in labels}
        own = {key: i for key, i in mine.items() if side.problems[i] not in seen}
        shared += len(mine) - len(own)
        usable.append({key: i for key, i in own.items() if side.items.scored[i]})
    keys = [
        key
        for key, i in whole.places.items()
        if key[0] in labels and whole.items.scored[i] and any(key in places for places in usable)
    ]
    if not keys:
        return None
    here = np.array([whole.places[key] for key in keys])
    a, clusters = whole.items.value[here], whole.items.cluster[here]
    b = np.array(
        [
            np.mean(
                [s.items.value[p[key]] for s, p in zip(others, usable, strict=True) if key in p]
            )
            for key in keys
        ]
    )
    paired = all(
        _alike(clusters, side.items, places, keys)
        for side, places in zip(others, usable, strict=True)
    )
    unscored = int(
        (~whole.items.scored[[whole.places[k] for k in whole.places if k[0] in labels]]).sum()
    )
    left = means.mean(a, clusters=clusters, level=LEVEL)
    if paired:
        right = means.mean(b, clusters=clusters, level=LEVEL)
        compared = pairs.compare(
            a, b, clusters, names=("published", "fresh"), rng=rng, level=LEVEL, unscored=unscored
        )
    else:
        values, codes = _pooled(others, usable, keys)
        right = means.mean(values, clusters=codes, level=LEVEL)
        compared = _unpaired(a, values, clusters, codes, unscored)
    return Difference(
        split=name,
        published=left,
        fresh=right,
        comparison=compared,
        paired=paired,
        editions=len(others),
        shared=shared,
    )


def _alike(clusters: np.ndarray, items: Items, places: dict[Key, int], keys: list[Key]) -> bool:
    """Whether another edition has its clusters at the same places."""
    both = [(i, places[key]) for i, key in enumerate(keys) if key in places]
    met = {(int(clusters[i]), int(items.cluster[j])) for i, j in both}
    return len(met) == len({a for a, _ in met}) == len({b for _, b in met})


def _pooled(
    others: Sequence[_Side], usable: Sequence[dict[Key, int]], keys: list[Key]
) -> tuple[np.ndarray, np.ndarray]:
    """Values of all fresh editions at these places, and a cluster for each, never of two editions."""
    values, codes, base = [], [], 0
    for side, places in zip(others, usable, strict=True):
        at = [places[key] for key in keys if key in places]
        values.append(side.items.value[at])
        codes.append(side.items.cluster[at] + base)
        base += int(side.items.cluster.max()) + 1
    return np.concatenate(values), np.concatenate(codes)


def _unpaired(
    a: np.ndarray, b: np.ndarray, a_clusters: np.ndarray, b_clusters: np.ndarray, unscored: int
) -> Comparison:
    """Welch's test of two sets whose clusters do not match, with the fewer clusters' degrees."""
    found = means.difference_of_means(a, b, a_clusters, b_clusters, level=LEVEL, unscored=unscored)
    df = max(1, min(len(np.unique(a_clusters)), len(np.unique(b_clusters))) - 1)
    error = found.std_error or 0.0
    p = t_p_value(found.value / error, df) if error > 0 else 1.0
    least = (t_quantile(0.5 + LEVEL / 2, df) + t_quantile(0.8, df)) * error
    return Comparison(
        a="published",
        b="fresh",
        difference=found,
        p=p,
        p_adjusted=p,
        family_size=1,
        detectable=min(1.0, least) if error > 0 else 1.0,
    )
