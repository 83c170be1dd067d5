"""Quads: four questions of one variant, right together or not, on seen and on unseen combinations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from modelmetry.analyses.gaps import Answers
from modelmetry.analyses.measures import LEVEL
from modelmetry.analyses.table import Items
from modelmetry.statistics import Comparison, pairs

CELLS = ("both values", "the first alone", "the second alone", "neither")
"""What the object of each cell of a quad has of the two values that the question names."""

_NAMES = ("IID", "OOD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Pairs of an IID and an OOD quad, or cell, of one variant.

    Attributes:
        of: What is counted: `quads`, `quads in <wording>`, or the cell as in `CELLS`.
        both: Both right.
        only_iid: The IID one alone.
        only_ood: The OOD one alone.
        neither: Both wrong.
        comparison: The difference IID - OOD with its interval; its exact test is McNemar's mid-p
            where every variant counts once, as in one wording, else the sign-flip test over variants.
    """

    of: str
    both: int
    only_iid: int
    only_ood: int
    neither: int
    comparison: Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cells:
    """Scores of quads as a table, with 1 for right in every repeat; NaN where one is missing.

    Attributes:
        iid: Shape (quads, 4).
        ood: The same variants in the same wordings, shape (quads, 4).
        clusters: Variant of each, shape (quads,).
        wording: Name of the wording of each, shape (quads,).
    """

    iid: np.ndarray
    ood: np.ndarray
    clusters: np.ndarray
    wording: np.ndarray


def quads(items: Items, found: Answers) -> list[Counts]:
    """McNemar's tables of the quads of all pairs together, in each wording, then of each cell.

    A quad is right if all four of its answers are. IID and OOD quads of the same pair, variant and
    wording are paired: they share camera, lamps, place and the attributes that are not asked about.

    Args:
        items: The run's items.
        found: Those of a minimal test.

    Returns:
        Empty where no variant was asked on both sides.
    """
    cells = _cells(items, found)
    return list(_counted(cells)) if cells is not None else []


def _cells(items: Items, found: Answers) -> _Cells | None:
    kept = (found.variant >= 0) & (found.cell >= 0) & (found.cell < len(CELLS))
    if not kept.any():
        return None
    place, first, cell = found.place[kept], found.first[kept], found.cell[kept].astype(int)
    clusters = items.cluster[place]
    keys = clusters.astype(np.int64) * len(items.wording.names) + items.wording.codes[place]
    distinct, at, row = np.unique(keys, return_index=True, return_inverse=True)
    table = np.full((2, len(distinct), len(CELLS)), np.nan)
    table[np.where(first, 0, 1), row, cell] = items.value[place] == 1
    words = np.array(items.wording.names)[items.wording.codes[place[at]]]
    return _Cells(iid=table[0], ood=table[1], clusters=clusters[at], wording=words)


def _counted(cells: _Cells) -> Iterator[Counts]:
    whole = ~(np.isnan(cells.iid).any(axis=1) | np.isnan(cells.ood).any(axis=1))
    if whole.any():
        iid, ood = (side[whole].min(axis=1) for side in (cells.iid, cells.ood))
        clusters, words = cells.clusters[whole], cells.wording[whole]
        yield _counts("quads", iid, ood, clusters)
        names = list(dict.fromkeys(words.tolist()))
        for name in names if len(names) > 1 else ():
            at = words == name
            yield _counts(f"quads in {name}", iid[at], ood[at], clusters[at])
    for i, name in enumerate(CELLS):
        there = ~(np.isnan(cells.iid[:, i]) | np.isnan(cells.ood[:, i]))
        if there.any():
            right = (cells.iid[there, i], cells.ood[there, i])
            yield _counts(name, *right, cells.clusters[there])


def _counts(of: str, iid: np.ndarray, ood: np.ndarray, clusters: np.ndarray) -> Counts:
    rng = np.random.default_rng(0)
    return Counts(
        of=of,
        both=int(((iid == 1) & (ood == 1)).sum()),
        only_iid=int((iid > ood).sum()),
        only_ood=int((ood > iid).sum()),
        neither=int(((iid == 0) & (ood == 0)).sum()),
        comparison=pairs.compare(iid, ood, clusters, names=_NAMES, rng=rng, level=LEVEL),
    )
