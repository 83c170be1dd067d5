"""Duplicates at which half of the sequences are extracted, by kind of sequence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from modelmetry.analyses.measures import LEVEL
from modelmetry.analyses.memorization.probes import Probes
from modelmetry.analyses.memorization.rates import TEMPLATES, levels
from modelmetry.statistics import Estimate, means, psychometric
from modelmetry.statistics.psychometric import Curve

_LN2 = float(np.log(2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Halfway:
    """Extraction along the number of duplicates.

    Attributes:
        kind: `all` (without canaries), a template (`none`, `repeating`, `incrementing`), or `canary`.
        curve: Logistic in log2(duplicates), falling in -log2; None where it could not be fitted.
        duplicates: Number of copies at which half are extracted of those that any number of copies
            would bring out, at least four fifths (the curve's ceiling); None where the data cannot say.
            An end of its interval beyond the numbers asked is None.
        points: (duplicates, share extracted) of each number asked; of many numbers the median of each
            group that `rates.levels` makes.
        warnings: Why there is none, or reasons for care.
    """

    kind: str
    curve: Curve | None
    duplicates: Estimate | None
    points: tuple[tuple[int, Estimate], ...]
    warnings: tuple[str, ...] = ()


def find_halfway(probes: Probes) -> tuple[Halfway, ...]:
    """Where half of the planted sequences come out, by kind; kinds of which nothing was asked are left out.

    The curve is that of `psychometric.fit` over -log2(duplicates), without guessing: what goes on without
    having been seen counts as extracted, and where that is more than half there is no such number.

    Args:
        probes: From `find_probes`.
    """
    kinds = {"all": probes.planted}
    kinds |= {name: probes.planted & (probes.template == name) for name in TEMPLATES}
    kinds["canary"] = probes.inserted & probes.canary
    found = []
    for kind, where in kinds.items():
        # A sequence of a user's corpus may have been counted in another part of it.
        kept = where & probes.scored & (probes.duplicates > 0)
        if kept.any():
            found.append(_halfway(probes, kind, kept))
    return tuple(found)


def _halfway(probes: Probes, kind: str, kept: np.ndarray) -> Halfway:
    y, cluster = probes.extracted[kept], probes.cluster[kept]
    difficulty = -np.log2(probes.duplicates[kept])
    points = tuple(
        (
            number,
            means.mean(probes.extracted[where], probes.cluster[where], level=LEVEL),
        )
        for _, where, number in levels(probes.duplicates, kept)
    )
    curve = psychometric.fit(difficulty, y, cluster, level=LEVEL)
    told = [*curve.warnings, *(curve.lapse.warnings if curve.lapse else ())]
    fewest, most = int(probes.duplicates[kept].min()), int(probes.duplicates[kept].max())
    warnings = dict.fromkeys(_in_duplicates(each, curve, fewest, most) for each in told)
    return Halfway(
        kind=kind,
        curve=curve if curve.coefficients else None,
        duplicates=None if curve.threshold is None else copies(curve.threshold, fewest, most),
        points=points,
        warnings=tuple(warnings),
    )


def copies(threshold: Estimate, fewest: int, most: int) -> Estimate:
    """A threshold in -log2(duplicates) as a number of duplicates.

    Args:
        threshold: From `psychometric.fit`.
        fewest: Duplicates of the sequence with fewest.
        most: Of that with most.
    """
    value = 2**-threshold.value
    error = threshold.std_error
    return replace(
        threshold,
        value=value,
        std_error=None if error is None else _LN2 * value * error,
        low=None if threshold.high is None else 2**-threshold.high,
        high=None if threshold.low is None else 2**-threshold.low,
        method=threshold.method.replace("threshold", "duplicates at half, 2 ** -threshold"),
        warnings=tuple(_translated(each, fewest, most) for each in threshold.warnings),
    )


def _in_duplicates(warning: str, curve: Curve, fewest: int, most: int) -> str:
    """What a curve's warning says, in duplicates; the number is told where the fit has one."""
    if "outside the difficulties tested" in warning and curve.coefficients:
        intercept, gradient, _ = curve.coefficients
        beyond = "more" if -intercept / gradient < -np.log2(most) else "fewer"
        end = most if beyond == "more" else fewest
        return f"half would take {beyond} than {end:,} duplicates, which were not asked"
    return _translated(warning, fewest, most)


def _translated(warning: str, fewest: int, most: int) -> str:
    for part, told in _sentences(fewest, most):
        if part in warning:
            return told
    return warning


def _sentences(fewest: int, most: int) -> Iterator[tuple[str, str]]:
    """(words of a curve's warning, what it says of duplicates)."""
    yield "all items have difficulty", f"only {fewest:,} duplicates were asked"
    yield "saturated", f"more than half are extracted at every number of duplicates, {fewest:,} on"
    yield "floor", f"fewer than half are extracted at every number of duplicates, up to {most:,}"
    yield "does not fall", "extraction does not rise with duplicates"
    yield "falls too little", "extraction rises too little with duplicates to be told from flat"
    yield "falls as a step", "extraction rises as a step: its slope cannot be told"
    yield "below the easiest", f"half may take more than {most:,} duplicates"
    yield "above the hardest", f"half may be reached with fewer than {fewest:,} duplicates"
    yield (
        "no item is easy enough",
        "no number of duplicates is high enough to tell a ceiling below 1",
    )
    yield "the highest considered", "the ceiling may be below the lowest considered, 0.8"
