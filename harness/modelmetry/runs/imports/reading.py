"""How a log is read: which metric, by which clusters, on which scale."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from modelmetry.errors import BadInput, nearest
from modelmetry.runs.imports.log import Log, Said
from modelmetry.runs.imports.own import METRIC

_LOOKED_AT = 50
"""Samples whose metrics are taken for those of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a log is read.

    Attributes:
        metric: Which of its metrics is the score; of several the first that the log has; None where
            there is but one.
        cluster: The fact of a question that names the unit drawn independently; None for the one by
            which the log itself clusters its standard errors, or else the question.
        split: What the questions are called together.
        scale: What is worth 0, and what is worth 1.
        factors: Facts of a question that accuracies are wanted by.
    """

    metric: str | tuple[str, ...] | None = None
    cluster: str | None = None
    split: str = "test"
    scale: tuple[float, float] = (0.0, 1.0)
    factors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the ranges."""
        low, high = self.scale
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise BadInput(f"scale: {low:g},{high:g}; allowed: two numbers, the lower first")
        if not self.split or "/" in self.split:
            raise BadInput(f"split: {self.split!r}; allowed: a name without /")

    @property
    def name(self) -> str:
        """The metric, once it is chosen."""
        return self.metric if isinstance(self.metric, str) else ""

    def of(self, log: Log) -> Reading:
        """The same with what it leaves open filled in from a log.

        Raises:
            BadInput: There are several metrics and none is named, or none of that name.
        """
        cluster = log.cluster if self.cluster is None else self.cluster
        return Reading(
            metric=_metric(log, self.metric),
            cluster=cluster,
            split=self.split,
            scale=self.scale,
            factors=self.factors,
        )

    def said(self, log: Log) -> Said | None:
        """What the log itself says of the metric, on the scale from 0 to 1."""
        found = log.said.get(self.name)
        if found is None:
            return None
        low, high = self.scale
        error = found.std_error
        return Said(
            value=(found.value - low) / (high - low),
            std_error=None if error is None else error / (high - low),
            note=found.note,
        )


def _metric(log: Log, wanted: str | tuple[str, ...] | None) -> str:
    """The metric that is meant: by its name, or by a part of it that only one has."""
    known = _known(log)
    if not known:
        raise BadInput(f"{log.path}: no answer has a score; allowed: logs that were scored")
    if not wanted:
        ours = [name for name in known if log.suite and name.partition(",")[0] == METRIC]
        if len(known) == 1 or len(ours) == 1:
            return (ours or known)[0]
        names = " or ".join(known)
        raise BadInput(
            f"{log.path}: {len(known)} metrics and none named; allowed: --metric {names}"
        )
    for name in [wanted] if isinstance(wanted, str) else wanted:
        parts = [name] if name in known else [n for n in known if name in re.split("[/,]", n)]
        if len(parts) == 1:
            return parts[0]
        if parts:
            raise BadInput(
                f"{log.path}: metric {name!r} may be either; allowed: {' or '.join(parts)}"
            )
    first = wanted if isinstance(wanted, str) else wanted[0]
    said = f"metric {first!r}{nearest(first, known)}"
    raise BadInput(f"{log.path}: {said}; allowed: {' or '.join(known)}")


def _known(log: Log) -> list[str]:
    """The metrics of a log, from its first samples and from what it says over all."""
    known: dict[str, None] = {}
    scored = 0
    for place, answer in enumerate(log.answers()):
        known.update(dict.fromkeys(answer.marks))
        scored += bool(answer.marks)
        if place >= _LOOKED_AT and scored:
            break
    known.update(dict.fromkeys(log.said))
    return list(known)
