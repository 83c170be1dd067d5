"""The forests of a memorization study: rates, differences, shares, and what predictions come to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from modelmetry.analyses.memorization.counterfactual import Counterfactual
from modelmetry.analyses.memorization.predictions import METRICS, Coefficient, Predictions
from modelmetry.analyses.memorization.rates import Rate
from modelmetry.analyses.memorization.study import TaskStudy
from modelmetry.reports.figures import (
    SHARE_TICKS,
    Forest,
    ForestRow,
    Mark,
    Scale,
    Tick,
    difference_mark,
    difference_scale,
    share_mark,
)
from modelmetry.reports.memorization.plain import plain, plain_span
from modelmetry.reports.memorization.predicting import (
    INTERVAL,
    LOWER_IS_BETTER,
    decimal_interval,
    feature_words,
    signed,
    signed_interval,
    verdict,
)
from modelmetry.reports.memorization.words import KINDS, category_words, others
from modelmetry.reports.words import (
    count,
    digits,
    interval,
    p_value,
    percent,
    points,
    points_interval,
)
from modelmetry.statistics import Estimate

PLANTED, TWINS = 0, 1
"""Colors of sequences that stand in the corpus, and of those that do not."""

_STEPS = (1.0, 2.0, 5.0)


def paired_forest(task: TaskStudy, by: str, threshold: int) -> Forest | None:
    """Planted sequences beside what never stood there, by category or by duplicates.

    Where there is nothing to compare with, the planted sequences alone; None without any.
    """
    here = _compared(task, by)
    if not any(each.by == by for each in here):
        rates = [rate for rate in task.rates if rate.by in ("all", by) and rate.inserted]
        return _planted_forest(rates, by, threshold)
    rows = []
    for each in here:
        group = _group(each.by, each.level, threshold)
        for name, est, color in (
            ("planted", each.planted, PLANTED),
            (others(task), each.twins, TWINS),
        ):
            mark = share_mark(f"{_spoken(each)}, {name}", est)
            facts = (interval(est), f"{est.n:,}")
            rows.append(
                ForestRow(
                    name=name, group=group, value=_percent(est), mark=mark, facts=facts, color=color
                )
            )
            group = ""
    columns = (INTERVAL, "sequences")
    return Forest(
        head="group", value="extracted", columns=columns, axis=SHARE_TICKS, rows=tuple(rows)
    )


def _compared(task: TaskStudy, by: str) -> list[Counterfactual]:
    """All sequences, then those of each level."""
    here = [each for each in task.counterfactual if each.by in ("all", by)]
    return sorted(here, key=lambda each: each.by != "all")


def owed_forest(task: TaskStudy, by: str, threshold: int) -> Forest | None:
    """Planted sequences less what never stood there, by category or by duplicates; None without any."""
    here = _compared(task, by)
    if not any(each.by == by for each in here):
        return None
    scale, ticks = difference_scale([each.difference for each in here])
    rows = []
    for each in here:
        name, est = _group(each.by, each.level, threshold), each.difference
        rows.append(
            ForestRow(
                name=name,
                value=points(est.value, digits(est)),
                mark=difference_mark(name, est, scale, ticks),
                facts=(points_interval(est), p_value(each.p), f"{est.clusters:,}"),
            )
        )
    columns = (INTERVAL, "p", "clusters")
    return Forest(head="group", value="points", columns=columns, axis=ticks, rows=tuple(rows))


def _planted_forest(rates: Sequence[Rate], by: str, threshold: int) -> Forest | None:
    """Without anything to compare with: the planted sequences alone."""
    if not rates:
        return None
    rows = tuple(
        _rate_row(rate, _group(rate.by, rate.level, threshold), "", PLANTED)
        for rate in sorted(rates, key=lambda rate: rate.by != "all")
    )
    columns = (INTERVAL, "sequences", "common prefix", "edit distance")
    return Forest(
        head="copies" if by == "duplicates" else by,
        value="extracted",
        columns=columns,
        axis=SHARE_TICKS,
        rows=rows,
    )


def _spoken(found: Counterfactual) -> str:
    return "all" if found.by == "all" else _tag(found.by, found.level)


def _tag(by: str, level: str) -> str:
    """A group in few words, for those to whom a figure is read."""
    return f"{'copies' if by == 'duplicates' else by} {level}"


def _group(by: str, level: str, threshold: int) -> str:
    if by == "all":
        return "all sequences"
    if by == "category":
        return category_words(level, threshold)
    if by in ("duplicates", "canary"):
        return count(int(level), "copy", "copies") if level.isdecimal() else f"{level} copies"
    return KINDS.get(level, level) if by == "template" else level


def _percent(found: Estimate) -> str:
    return percent(found.value, digits(found))


def rate_forest(task: TaskStudy, threshold: int) -> Forest | None:
    """Every group, with how much of the continuation came back where not all did."""
    if not task.rates:
        return None
    rows, last = [], ""
    for rate in task.rates:
        family = {"all": "all", "canary": "canaries", "duplicates": "by copies"}.get(
            rate.by, f"by {rate.by}"
        )
        color = PLANTED if rate.inserted else TWINS
        side = "planted" if rate.inserted else others(task)
        group = family if family != last else ""
        if rate.by == "all" or rate.level in ("all", "twins", "controls"):
            rows.append(_rate_row(rate, side, group, color))
        else:
            name = rate.level if rate.by == "category" else _group(rate.by, rate.level, threshold)
            rows.append(replace(_rate_row(rate, name, group, color), note=side))
        last = family
    columns = (INTERVAL, "sequences", "common prefix", "edit distance")
    return Forest(
        head="group", value="extracted", columns=columns, axis=SHARE_TICKS, rows=tuple(rows)
    )


def _rate_row(rate: Rate, name: str, group: str, color: int) -> ForestRow:
    est = rate.extracted
    return ForestRow(
        name=name,
        group=group,
        value=_percent(est),
        mark=share_mark(f"{_tag(rate.by, rate.level)}, {name}", est),
        facts=(
            interval(est),
            f"{est.n:,}",
            _with_interval(rate.prefix),
            _with_interval(rate.edits),
        ),
        color=color,
    )


def _with_interval(found: Estimate) -> str:
    return f"{_percent(found)} ({interval(found)})"


def share_forest(task: TaskStudy, threshold: int) -> Forest | None:
    """The part of each category in all that was extracted; None where nothing was."""
    known = [each for each in task.shares if each.share is not None]
    if not known:
        return None
    rows = [
        ForestRow(
            name=category_words(each.category, threshold),
            value=_percent(each.share),
            mark=share_mark(each.category, each.share),
            facts=(interval(each.share), f"{each.share.n:,}"),
            color=2 + i,
        )
        for i, each in enumerate(known)
        if each.share is not None
    ]
    columns = (INTERVAL, "extracted")
    return Forest(
        head="category", value="share", columns=columns, axis=SHARE_TICKS, rows=tuple(rows)
    )


def quality_forest(found: Predictions) -> Forest | None:
    """Every metric of every model on held-out sequences; None without any."""
    if not found.qualities:
        return None
    scale, ticks = from_zero([each.value for each in found.qualities])
    models = list(dict.fromkeys(each.model for each in found.qualities))
    rows, last = [], ""
    for metric in METRICS:
        for each in found.qualities:
            if each.metric != metric:
                continue
            group = _metric(metric)
            rows.append(
                ForestRow(
                    name=each.model,
                    group=group if group != last else "",
                    value=f"{each.value.value:.3f}",
                    mark=span_mark(f"{metric}, {each.model}", each.value, scale, ticks),
                    facts=(decimal_interval(each.value),),
                    color=models.index(each.model) % 6,
                )
            )
            last = group
    return Forest(head="model", value="value", columns=(INTERVAL,), axis=ticks, rows=tuple(rows))


def _metric(name: str) -> str:
    return f"{name} ({'less' if name in LOWER_IS_BETTER else 'more'} is better)"


def gain_forest(found: Predictions) -> Forest | None:
    """Every metric of one model less that of another, on the same resamples; None without any."""
    if not found.gains:
        return None
    scale, ticks = around_zero([each.difference for each in found.gains])
    pairs = list(dict.fromkeys((each.a, each.b) for each in found.gains))
    rows, last = [], ""
    for each in sorted(found.gains, key=lambda each: pairs.index((each.a, each.b))):
        group = f"{each.a} less {each.b}"
        rows.append(
            ForestRow(
                name=_metric(each.metric),
                group=group if group != last else "",
                value=signed(each.difference.value),
                mark=span_mark(f"{group}, {each.metric}", each.difference, scale, ticks),
                facts=(signed_interval(each.difference), p_value(each.p), verdict(each)),
            )
        )
        last = group
    columns = (INTERVAL, "p", "verdict")
    return Forest(head="metric", value="difference", columns=columns, axis=ticks, rows=tuple(rows))


def coefficient_forest(found: Sequence[Coefficient]) -> Forest | None:
    """The coefficients of one model, the largest first; None without any."""
    if not found:
        return None
    scale, ticks = around_zero([each.value for each in found])
    rows = [
        ForestRow(
            name=feature_words(each.feature),
            value=signed(each.value.value, 2),
            mark=span_mark(f"{each.model}, {each.feature}", each.value, scale, ticks),
            facts=(signed_interval(each.value, 2),),
        )
        for each in sorted(found, key=lambda each: -abs(each.value.value))
    ]
    return Forest(head="feature", value="logits", columns=(INTERVAL,), axis=ticks, rows=tuple(rows))


def around_zero(found: Iterable[Estimate]) -> tuple[Scale, tuple[Tick, ...]]:
    """A scale around 0 that holds estimates and their intervals in any unit, with its ticks."""
    reach = _round_up(_widest(found))
    values = (-reach, -reach / 2, 0.0, reach / 2, reach)
    scale = Scale(low=-reach, high=reach)
    texts = [signed(value, _decimals(reach / 2)) for value in values]
    return scale, scale.ticks(values, texts)


def from_zero(found: Iterable[Estimate]) -> tuple[Scale, tuple[Tick, ...]]:
    """A scale from 0 to 1, or to more where an estimate or interval needs it."""
    widest = _widest(found)
    top = 1.0 if widest <= 1 else _round_up(widest)
    scale = Scale(low=0.0, high=top)
    values = [top * i / 4 for i in range(5)]
    return scale, scale.ticks(values, [f"{value:g}" for value in values])


def _widest(found: Iterable[Estimate]) -> float:
    ends = [abs(v) for e in found for v in (e.value, e.low, e.high) if v is not None]
    return max((end for end in ends if math.isfinite(end)), default=0.0)


def _round_up(value: float) -> float:
    """The next of 1, 2, 5 times a power of 10."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (*_STEPS, 10.0) if value <= step * power * (1 + 1e-9))


def _decimals(step: float) -> int:
    """Digits after the point that a step needs."""
    return next((n for n in range(6) if abs(round(step, n) - step) < 1e-9), 6)


def span_mark(name: str, found: Estimate, scale: Scale, ticks: tuple[Tick, ...]) -> Mark:
    """An estimate in any unit on its track."""
    return Mark(
        says=f"{name}: {plain(found.value)}, interval {plain_span(found)}",
        ticks=ticks,
        x=scale.at(found.value),
        low=None if found.low is None else scale.at(found.low),
        high=None if found.high is None else scale.at(found.high),
    )
