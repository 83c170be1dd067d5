"""What is said of systematicity gaps: the verdict, how pairs differ, trends, quads, baselines."""

from __future__ import annotations

from collections.abc import Iterator

from modelmetry.analyses.gap_trends import Trend
from modelmetry.analyses.quads import Counts
from modelmetry.analyses.systematicity import Systematicity
from modelmetry.reports.words import (
    NBSP,
    count,
    digits,
    p_value,
    percent,
    points,
    points_interval,
)
from modelmetry.statistics import Estimate, meta_analysis

INTERVAL = f"95{NBSP}% interval"
"""The words before an interval, on one line."""


def title(found: Systematicity) -> str:
    """Task and kind of test."""
    return f"{found.twins.task}, {found.twins.kind}"


def spread(tau: float) -> str:
    """A standard deviation in points, without a sign."""
    return points(tau).lstrip("+")


def sentences(found: Systematicity) -> Iterator[str]:
    """The gap, how far pairs differ, its trend, the control, the quads, and constant answers."""
    if found.pooled is None:
        yield "No pair has enough answers on both sides for an interval of its gap."
        return
    yield _gap_words(found.pooled)
    yield from _heterogeneity_words(found.pooled)
    if found.trend is not None:
        slope = found.trend.slope
        yield (
            f"Per doubling of the combinations in training it changes by {points(slope.value)} points "
            f"({INTERVAL} {points_interval(slope)}), over pairs whose attribute types differ too."
        )
    if found.control is not None and found.control.pooled is not None:
        mean = found.control.pooled.mean
        yield (
            f"Less the gap of {found.control.task}, on the same problems, {points(mean.value)} points "
            f"are left ({INTERVAL} {points_interval(mean)}): {_verdict(mean)}."
        )
    for counts in found.quads[:1]:
        yield _quad_words(counts)
    yield from _constant_words(found)
    for warning in found.pooled.mean.warnings:
        yield f"{warning[0].upper()}{warning[1:]}."


def _gap_words(found: meta_analysis.Pooled) -> str:
    mean = found.mean
    size = points(mean.value, digits(mean))
    pairs = "one pair" if not found.df else f"{found.df + 1} pairs"
    return (
        f"Over {pairs} the gap is {size} points of balanced accuracy "
        f"({INTERVAL} {points_interval(mean)}): {_verdict(mean)}."
    )


def _verdict(found: Estimate) -> str:
    if found.low is None or found.high is None:
        return "whether it differs from 0 cannot be said"
    if found.low > 0:
        return "answers are worse on combinations that training never shows"
    return "answers are better there" if found.high < 0 else "it cannot be told from 0"


def _heterogeneity_words(found: meta_analysis.Pooled) -> Iterator[str]:
    if found.df < 1:
        return
    span = ""
    if found.tau_low is not None and found.tau_high is not None:
        span = f" ({spread(found.tau_low)} to {spread(found.tau_high)})"
    told = "they differ" if found.p < 0.05 else "not told from 0"
    yield (
        f"The pairs' true gaps have a standard deviation of {spread(found.tau)} points{span}: {told} "
        f"(Q{NBSP}={NBSP}{found.q:.1f} with {found.df} df, p{NBSP}{_p(found.p)})."
    )


def _p(p: float) -> str:
    text = p_value(p)
    return text.replace(" ", NBSP) if text.startswith("<") else f"={NBSP}{text}"


def _quad_words(found: Counts) -> str:
    difference = found.comparison.difference
    exact = found.comparison.p_exact
    p = "" if exact is None else f", p{NBSP}{_p(exact)} by {found.comparison.exact_method}"
    return (
        f"Of {count(difference.n, 'quad')} asked on both sides, {found.only_iid} are right on the IID "
        f"side alone and {found.only_ood} on the OOD side alone: {points(difference.value)} points "
        f"({INTERVAL} {points_interval(difference)}{p})."
    )


def _constant_words(found: Systematicity) -> Iterator[str]:
    said = [
        f"\u201c{each.answer}\u201d on {percent(each.a)} of the IID and {percent(each.b)} of the OOD problems"
        for each in found.constants
    ]
    if said:
        yield (
            f"A constant answer is right: {'; '.join(said)}. In balanced accuracy its gap is 0, whatever "
            "these shares are."
        )


def trend_words(found: Trend) -> str:
    """A trend over runs in a sentence."""
    slope = found.regression.slope
    of = "combinations in training" if found.of == "diversity" else "training examples"
    runs = count(slope.n, "run")
    if slope.low is None:
        return (
            f"{found.task}, {found.kind}: {points(slope.value)} points per doubling of the {of}, from "
            f"{runs}, too few for an interval."
        )
    return (
        f"{found.task}, {found.kind}: {points(slope.value)} points per doubling of the {of} "
        f"({INTERVAL} {points_interval(slope)}, from {runs})."
    )
