"""An edition's canary: whether a model goes on with it, and how far it prefers it to others like it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from modelmetry.analyses.contamination.asked import Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryFound:
    """What the canary of an edition says of a model.

    Attributes:
        extracted: Wording -> share of repeats in which the identifier came back; None where none could be
            scored.
        references: Identifiers drawn alike that stand nowhere, with a log-probability; 0 without any.
        rank: Rank of the true one among them and itself, from 1 for the most probable; a tie goes to the
            reference. None without log-probabilities.
        bits: Exposure, log2(references + 1) - log2(rank); None likewise.
        most: The highest exposure that so many references can show, in bits.
        p: Probability of such a rank, or a better one, for a model that has not seen it: rank /
            (references + 1), exact. None likewise.
    """

    extracted: dict[str, float | None]
    references: int
    rank: int | None
    bits: float | None
    most: float
    p: float | None

    @property
    def came_back(self) -> bool:
        """Whether the identifier came back under any wording."""
        return any(share for share in self.extracted.values())


def find_canary(asked: Asked) -> CanaryFound | None:
    """Extraction and exposure of an edition's canary; None where it was not asked.

    Exposure is that of Carlini, Liu, Erlingsson, Kos and Song (2019), The secret sharer, USENIX Security
    28, 267-284, by the log-probability of the identifier after the text shown under the first wording,
    the mean over repeats.

    Args:
        asked: The split canary.
    """
    if not asked.published.any():
        return None
    extracted = {}
    for code, name in enumerate(asked.wordings):
        values = asked.extracted[asked.published & (asked.wording == code)]
        known = values[~np.isnan(values)]
        extracted[name] = float(known.mean()) if len(known) else None
    first = (asked.wording == 0) & ~np.isnan(asked.target)
    true = asked.target[first & asked.published]
    others = first & ~asked.published
    names = np.unique(asked.problem[others].astype(str))
    if not len(true) or not len(names):
        return CanaryFound(
            extracted=extracted, references=0, rank=None, bits=None, most=0.0, p=None
        )
    means = [float(asked.target[others & (asked.problem == name)].mean()) for name in names]
    n = len(means)
    rank = 1 + int((np.array(means) >= float(true.mean())).sum())
    return CanaryFound(
        extracted=extracted,
        references=n,
        rank=rank,
        bits=math.log2(n + 1) - math.log2(rank),
        most=math.log2(n + 1),
        p=rank / (n + 1),
    )
