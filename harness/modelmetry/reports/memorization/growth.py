"""Memorization along the size of several models, or along anything else that was stated."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modelmetry.analyses.memorization.growth import Change, Grown, Growth, find_growth
from modelmetry.analyses.memorization.study import MemorizationStudy
from modelmetry.errors import BadInput
from modelmetry.reports.curves import Chart, Point, Series
from modelmetry.reports.figures import (
    SHARE_TICKS,
    Forest,
    ForestRow,
    Scale,
    Tick,
    difference_mark,
    difference_scale,
    share_mark,
)
from modelmetry.reports.memorization.absent import why_no_study
from modelmetry.reports.memorization.axes import AXES, Axis, weights
from modelmetry.reports.memorization.plain import short
from modelmetry.reports.memorization.predicting import INTERVAL
from modelmetry.reports.words import digits, interval, p_value, percent, points, points_interval
from modelmetry.runs.record import RunRecord
from modelmetry.statistics import Estimate

_UPRIGHT = Scale(low=0.0, high=1.0, down=True)
_QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)

_WIDE = 4.0
"""Places whose largest is more than so many times the smallest stand on a logarithmic axis."""

_ASIDE = 0.012
_LETTERS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthPart:
    """One task along the axis.

    Attributes:
        title: The task and the axis.
        warnings: Reasons for care.
        charts: Rates by category, and shares of what was extracted.
        rates: The same as a table, by category and run.
        changes: The last run less the first; None without any.
    """

    title: str
    warnings: list[str]
    charts: list[Chart]
    rates: Forest
    changes: Forest | None


def growth_parts(
    runs: Sequence[tuple[RunRecord, MemorizationStudy | None]],
    names: Sequence[str],
    axis: Axis | None = None,
) -> list[GrowthPart]:
    """Growth along an axis; without one, with the number of weights, and empty where that is not known.

    Args:
        runs: Record and study of each.
        names: What they are called.
        axis: The axis that was asked for.

    Raises:
        BadInput: An axis was asked for, and a run has no study, or the runs asked other probes.
    """
    studies = [study for _, study in runs if study is not None]
    if axis is not None:
        for record, study in runs:
            if study is None:
                raise BadInput(f"{record.id}: {why_no_study(record)}")
        found = find_growth(studies, names, axis.places, axis.name)
        return [growth_part(each) for each in found]
    places = [place for record, _ in runs if (place := weights(record)) is not None]
    if len(studies) < len(runs) or len(set(places)) < len(runs):
        return []
    return [growth_part(each) for each in find_growth(studies, names, places, AXES["weights"])]


def growth_part(found: Growth) -> GrowthPart:
    """The figures of one task."""
    return GrowthPart(
        title=f"{found.task[0].upper()}{found.task[1:]} along {found.axis}",
        warnings=[f"{text[0].upper()}{text[1:].rstrip('.')}." for text in found.warnings],
        charts=_charts(found),
        rates=_rates(found),
        changes=_changes(found.changes),
    )


def _lines(found: Growth) -> list[tuple[str, list[tuple[Grown, Estimate | None]]]]:
    """What is extracted of each category, then of twins, run by run."""
    names = dict.fromkeys(name for run in found.runs for name in run.rates)
    lines = [(name, [(run, run.rates.get(name)) for run in found.runs]) for name in names]
    if any(run.twins for run in found.runs):
        lines.append(("twins", [(run, run.twins) for run in found.runs]))
    return lines


def _shares(found: Growth) -> list[tuple[str, list[tuple[Grown, Estimate | None]]]]:
    names = dict.fromkeys(name for run in found.runs for name in run.shares)
    return [(name, [(run, run.shares.get(name)) for run in found.runs]) for name in names]


def _charts(found: Growth) -> list[Chart]:
    rates, shares = _lines(found), _shares(found)
    colors = {name: i % 6 for i, (name, _) in enumerate(rates)}
    charts = [_chart(found, "Extracted", "of the sequences of each category.", rates, colors)]
    if any(est for _, line in shares for _, est in line):
        about = "of each category in what was extracted."
        charts.append(_chart(found, "Share", about, shares, colors))
    return charts


def _chart(
    found: Growth,
    title: str,
    text: str,
    lines: Sequence[tuple[str, list[tuple[Grown, Estimate | None]]]],
    colors: dict[str, int],
) -> Chart:
    at = [run.at for run in found.runs]
    log = min(at) > 0 and max(at) > _WIDE * min(at)
    moved = [math.log(place) if log else place for place in at]
    pad = 0.08 * ((max(moved) - min(moved)) or 1.0)
    scale = Scale(low=min(moved) - pad, high=max(moved) + pad)
    series = []
    for i, (name, line) in enumerate(lines):
        aside = _ASIDE * (i - (len(lines) - 1) / 2) * (scale.high - scale.low)
        dots = [
            _point(scale.at(x + aside), est, f"{name}, {run.name}")
            for x, (run, est) in zip(moved, line, strict=True)
            if est is not None
        ]
        series.append(Series(name=name, color=colors.get(name, 0), points=tuple(dots)))
    return Chart(
        title=title,
        text=text,
        axis=found.axis,
        says=f"{title} along {found.axis}. "
        + "; ".join(dot.says for each in series for dot in each.points),
        x_ticks=tuple(
            Tick(x=scale.at(x), text=place_words(place)) for x, place in zip(moved, at, strict=True)
        ),
        y_ticks=_UPRIGHT.ticks(_QUARTERS, [percent(q, 0) for q in _QUARTERS]),
        series=tuple(series),
        line="",
        chance="",
        ceiling="",
        band=None,
    )


def _point(x: str, found: Estimate, what: str) -> Point:
    return Point(
        x=x,
        y=_UPRIGHT.at(found.value),
        low=None if found.low is None else _UPRIGHT.at(found.low),
        high=None if found.high is None else _UPRIGHT.at(found.high),
        says=f"{what}: {percent(found.value, digits(found))}, interval {interval(found)}",
    )


def place_words(place: float) -> str:
    """A place along the axis in few characters, such as `1.2M`."""
    for size, letter in _LETTERS:
        if abs(place) >= size:
            return f"{place / size:.3g}{letter}"
    return short(place)


def _rates(found: Growth) -> Forest:
    rows = []
    groups = [
        *_lines(found),
        *((f"share of {name} in what was extracted", line) for name, line in _shares(found)),
    ]
    for i, (name, line) in enumerate(groups):
        group = name
        for run, est in line:
            if est is None:
                continue
            rows.append(
                ForestRow(
                    name=run.name,
                    note=f"{place_words(run.at)} {found.axis}",
                    group=group,
                    value=percent(est.value, digits(est)),
                    mark=share_mark(f"{name}, {run.name}", est),
                    facts=(interval(est), f"{est.n:,}"),
                    color=i % 6,
                )
            )
            group = ""
    columns = (INTERVAL, "sequences")
    return Forest(head="run", value="share", columns=columns, axis=SHARE_TICKS, rows=tuple(rows))


def _changes(found: Iterable[Change]) -> Forest | None:
    changes = list(found)
    if not changes:
        return None
    scale, ticks = difference_scale([each.difference for each in changes])
    rows, last = [], ""
    for each in changes:
        group = "extracted" if each.of == "rate" else "share of what was extracted"
        est = each.difference
        rows.append(
            ForestRow(
                name=each.category,
                group=group if group != last else "",
                value=points(est.value, digits(est)),
                mark=difference_mark(f"{group}, {each.category}", est, scale, ticks),
                facts=(points_interval(est), p_value(each.p)),
            )
        )
        last = group
    return Forest(
        head="category", value="points", columns=(INTERVAL, "p"), axis=ticks, rows=tuple(rows)
    )
