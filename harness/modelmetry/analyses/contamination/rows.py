"""An edition's rows: how many a model goes on with word for word, beside rows that nobody has seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelmetry.analyses.contamination.asked import Asked
from modelmetry.analyses.measures import LEVEL
from modelmetry.statistics import Comparison, Estimate, means, pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsFound:
    """Extraction of rows under one wording.

    Attributes:
        wording: It.
        published: Share of the published rows that came back.
        fresh: The same of the fresh rows: what can be guessed from the template, or worked out; None
            without a fresh edition.
        comparison: Published less fresh, paired by place; None likewise.
        unscored: Answers that the instrument failed to read.
    """

    wording: str
    published: Estimate
    fresh: Estimate | None
    comparison: Comparison | None
    unscored: int


def find_rows(asked: Asked, rng: np.random.Generator) -> tuple[RowsFound, ...]:
    """Extraction of published rows less that of fresh ones, by wording; empty where none was asked.

    Args:
        asked: The split rows: a published row and its control follow each other in the stream.
        rng: Draws the signs of the exact tests.
    """
    sides = 2 if (~asked.published).any() else 1
    found = []
    for code, name in enumerate(asked.wordings):
        here = asked.wording == code
        values = _by_pair(asked, here & asked.published, sides)
        controls = _by_pair(asked, here & ~asked.published, sides)
        lost = int(np.isnan(asked.extracted[here]).sum())
        if not values:
            continue
        mine = [value for value, _ in values.values()]
        clusters = [cluster for _, cluster in values.values()]
        published = means.mean(mine, clusters=clusters, level=LEVEL)
        fresh = comparison = None
        if both := [pair for pair in values if pair in controls]:
            a, b = ([side[pair][0] for pair in both] for side in (values, controls))
            units = [values[pair][1] for pair in both]
            published = means.mean(a, clusters=units, level=LEVEL)
            fresh = means.mean(b, clusters=units, level=LEVEL)
            comparison = pairs.compare(
                a, b, units, names=("published", "fresh"), rng=rng, level=LEVEL, unscored=lost
            )
        found.append(
            RowsFound(
                wording=name,
                published=published,
                fresh=fresh,
                comparison=comparison,
                unscored=lost,
            )
        )
    return tuple(found)


def _by_pair(asked: Asked, where: np.ndarray, sides: int) -> dict[int, tuple[float, str]]:
    """Pair -> mean over repeats and cluster, of the chosen answers that could be scored."""
    values: dict[int, list[float]] = {}
    clusters: dict[int, str] = {}
    for i in np.flatnonzero(where & ~np.isnan(asked.extracted)).tolist():
        pair = int(asked.index[i]) // sides
        values.setdefault(pair, []).append(float(asked.extracted[i]))
        clusters[pair] = str(asked.cluster[i])
    return {pair: (sum(of) / len(of), clusters[pair]) for pair, of in values.items()}
