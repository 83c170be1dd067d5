"""Pictures over the nights as geometry: control charts, and the small lines of the overview."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from modelmetry.nightly.series import SeriesChart
from modelmetry.nightly.telling import KIND_WORDS
from modelmetry.reports.figures import Scale, Tick
from modelmetry.reports.words import MINUS, count, percent
from modelmetry.statistics.charts import ControlChart
from modelmetry.statistics.distributions import two_sided

MOST_NIGHTS = 120
"""The latest nights that a chart draws: more would blur on a screen, and the page would be large."""

_LEAST_SPAN = 0.2
"""Share of the whole scale that an axis shows at least, so that chance does not look like change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A night past the limit.

    Attributes:
        x: Its place, in percent.
        y: That of its value in the upper panel.
        statistic: That of the statistic in the lower panel.
        starts: Whether the night before was within the limits.
        says: What it is.
    """

    x: str
    y: str
    statistic: str
    starts: bool
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """The lower panel: what the chart adds up, against its limits.

    Attributes:
        upper: Against a rise, as SVG points; above the middle.
        lower: Against a fall, likewise, below the middle; empty where it is the other's mirror image.
        limits: Places of the two limits, in percent from the top.
        ticks: Ticks at the left.
    """

    upper: str
    lower: str
    limits: tuple[str, str]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPicture:
    """One series over the nights with the statistic that watches it.

    Horizontal places of paths count days from the first night shown; vertical ones are percent.

    Attributes:
        title: Fresh problems or anchors.
        color: Number of the series' color.
        says: The whole picture in words.
        text: What to read off it, in one or two sentences.
        days: Width of the paths' coordinates.
        intervals: One upright line per night, as an SVG path.
        dots: One dot per night, likewise.
        line: The nights joined, as SVG points.
        center: Place of the baseline's center; empty without a baseline.
        baseline: Width of the baseline's nights, in percent; empty where they are not shown.
        x_ticks: Ticks below.
        y_ticks: Ticks at the left.
        statistic: The lower panel; None while the baseline lasts.
        alarms: Nights past the limit.
    """

    title: str
    color: int
    says: str
    text: str
    days: int
    intervals: str
    dots: str
    line: str
    center: str
    baseline: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    statistic: Statistic | None
    alarms: tuple[Alarm, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlFigure:
    """The pictures of one model on one split: fresh problems and anchors side by side, on one scale."""

    suite: str
    model: str
    split: str
    pictures: tuple[ControlPicture, ...]

    @property
    def alarms(self) -> int:
        """How many alarms its pictures show."""
        return sum(len(picture.alarms) for picture in self.pictures)


def figures(charts: Iterable[SeriesChart]) -> list[ControlFigure]:
    """Control charts as figures, in order; fresh problems stand before anchors.

    Args:
        charts: The series of all models, suites, splits and kinds; one without nights is left out.
    """
    groups: dict[tuple[str, str, str], list[SeriesChart]] = {}
    for chart in charts:
        if chart.dates:
            groups.setdefault((chart.suite, chart.model, chart.split), []).append(chart)
    return [
        ControlFigure(suite=suite, model=model, split=split, pictures=_pictures(found))
        for (suite, model, split), found in groups.items()
    ]


def urgency(chart: SeriesChart) -> float:
    """How far the statistic is along the way to its limit tonight, >= 0; 0 without a chart."""
    if chart.chart is None or not len(chart.chart.upper):
        return 0.0
    return max(0.0, float(max(chart.chart.upper[-1], chart.chart.lower[-1]))) / chart.chart.limit


def short(value: float) -> str:
    """A statistic with at most three digits."""
    return f"{value:.3g}".replace("-", MINUS)


def alarms(chart: SeriesChart) -> list[str]:
    """Dates of the nights past the limit."""
    if chart.chart is None:
        return []
    first = len(chart.dates) - len(chart.chart.upper)
    return [chart.dates[first + night] for night in chart.chart.alarms]


def _pictures(found: Sequence[SeriesChart]) -> tuple[ControlPicture, ...]:
    ordered = sorted(found, key=lambda chart: chart.kind != "fresh")
    days = [
        date.fromisoformat(d).toordinal() for chart in ordered for d in chart.dates[-MOST_NIGHTS:]
    ]
    along = Scale(low=min(days) - 0.5, high=max(days) + 0.5)
    up = _axis([end for chart in ordered for end in _ends(chart)])
    return tuple(_picture(chart, along, up) for chart in ordered)


def _ends(chart: SeriesChart) -> list[float]:
    """What the axis must hold."""
    half = two_sided(0.95)
    pairs = zip(chart.values[-MOST_NIGHTS:], chart.errors[-MOST_NIGHTS:], strict=True)
    ends = [end for value, error in pairs for end in (value - half * error, value + half * error)]
    ends = [min(1.0, max(0.0, end)) for end in ends]
    return [*ends, chart.baseline.center] if chart.baseline else ends


def _axis(ends: Sequence[float]) -> Scale:
    """A scale of shares around these: whole steps of 5 %, at least `_LEAST_SPAN` wide."""
    low, high = math.floor(20 * min(ends)) / 20, math.ceil(20 * max(ends)) / 20
    while high - low < _LEAST_SPAN - 1e-9:
        low, high = max(0.0, low - 0.05), min(1.0, high + 0.05)
    return Scale(low=low, high=high, down=True)


def _picture(chart: SeriesChart, along: Scale, up: Scale) -> ControlPicture:
    dates = chart.dates[-MOST_NIGHTS:]
    days = [date.fromisoformat(d).toordinal() - along.low for d in dates]
    half = two_sided(0.95)
    values, errors = chart.values[-MOST_NIGHTS:], chart.errors[-MOST_NIGHTS:]
    heights = [up.share(value) for value in values]
    ends = [
        (up.share(v + half * e), up.share(v - half * e))
        for v, e in zip(values, errors, strict=True)
    ]
    return ControlPicture(
        title=KIND_WORDS[chart.kind][0].upper() + KIND_WORDS[chart.kind][1:],
        color=0 if chart.kind == "fresh" else 1,
        says=_aloud(chart),
        text=_text(chart),
        days=round(along.high - along.low),
        intervals="".join(
            f"M{x:g} {top:.1f}V{bottom:.1f}" for x, (top, bottom) in zip(days, ends, strict=True)
        ),
        dots="".join(f"M{x:g} {y:.1f}h0" for x, y in zip(days, heights, strict=True)),
        line=_line(days, heights),
        center=up.at(chart.baseline.center) if chart.baseline else "",
        baseline=_baseline(chart, along),
        x_ticks=date_ticks(along),
        y_ticks=_share_ticks(up),
        statistic=_statistic(chart, days),
        alarms=_alarms(chart, along, up),
    )


def _line(xs: Sequence[float], ys: Sequence[float]) -> str:
    return " ".join(f"{x:g},{y:.1f}" for x, y in zip(xs, ys, strict=True))


def _baseline(chart: SeriesChart, along: Scale) -> str:
    """Where the baseline's nights end, if any of them is shown."""
    if chart.baseline is None or not 0 < chart.baseline.nights <= len(chart.dates):
        return ""
    end = along.share(date.fromisoformat(chart.dates[chart.baseline.nights - 1]).toordinal() + 0.5)
    return f"{end:.2f}%" if end else ""


def date_ticks(along: Scale, most: int = 4) -> tuple[Tick, ...]:
    """Dates along an axis of days: a few, evenly spaced, with the year where it is not one alone."""
    first, last = math.ceil(along.low), math.floor(along.high)
    steps = min(most - 1, last - first)
    shown = (
        sorted({first + round(i * (last - first) / steps) for i in range(steps + 1)})
        if steps
        else [first]
    )
    found = [date.fromordinal(day) for day in shown]
    one = found[0].year == found[-1].year
    texts = [f"{d.day} {d:%b}" if one else f"{d.day} {d:%b %y}" for d in found]
    return along.ticks([float(day) for day in shown], texts)


def _share_ticks(up: Scale) -> tuple[Tick, ...]:
    step = (
        0.05 if up.high - up.low <= 0.3 + 1e-9 else 0.1 if up.high - up.low <= 0.6 + 1e-9 else 0.25
    )
    values = [
        i * step
        for i in range(math.ceil(up.low / step - 1e-9), math.floor(up.high / step + 1e-9) + 1)
    ]
    return up.ticks(values, [percent(value, 0) for value in values])


def _statistic(chart: SeriesChart, days: Sequence[float]) -> Statistic | None:
    found = chart.chart
    if found is None or not len(found.upper):
        return None
    shown = min(len(found.upper), len(days))
    upper, lower = found.upper[-shown:].tolist(), found.lower[-shown:].tolist()
    scale = _mirror(found)
    mirrored = all(abs(a + b) < 1e-9 for a, b in zip(upper, lower, strict=True))
    limits = (scale.at(found.limit), scale.at(-found.limit))
    marks = (found.limit, 0.0, -found.limit)
    xs = days[-shown:]
    return Statistic(
        upper=_line(xs, [scale.share(value) for value in upper]),
        lower="" if mirrored else _line(xs, [scale.share(-value) for value in lower]),
        limits=limits,
        ticks=scale.ticks(marks, [short(mark) for mark in marks]),
    )


def _mirror(found: ControlChart) -> Scale:
    """A scale around 0 that holds the limit and what is shown of the statistic."""
    most = float(max([*found.upper[-MOST_NIGHTS:], *found.lower[-MOST_NIGHTS:]]))
    # A sum that has long passed its limit would press all else flat: it ends at the edge.
    reach = min(max(1.15 * found.limit, 1.05 * most), 2.5 * found.limit)
    return Scale(low=-reach, high=reach, down=True)


def _alarms(chart: SeriesChart, along: Scale, up: Scale) -> tuple[Alarm, ...]:
    found = chart.chart
    if found is None:
        return ()
    scale, first = _mirror(found), len(chart.dates) - len(found.upper)
    oldest = len(chart.dates) - MOST_NIGHTS
    shown = []
    for night in found.alarms:
        if first + night < oldest:
            continue
        rise, fall = float(found.upper[night]), float(found.lower[night])
        day, way = chart.dates[first + night], "rise" if rise >= fall else "fall"
        shown.append(
            Alarm(
                x=along.at(date.fromisoformat(day).toordinal()),
                y=up.at(chart.values[first + night]),
                statistic=scale.at(rise if way == "rise" else -fall),
                starts=night - 1 not in found.alarms,
                says=f"{day}: alarm, {short(max(rise, fall))} against a {way}",
            )
        )
    return tuple(shown)


def _text(chart: SeriesChart) -> str:
    """The state of a chart in a sentence or two."""
    nights = count(len(chart.dates), "night")
    if chart.baseline is None:
        return f"{nights}; without a baseline nothing is decided."
    if chart.chart is None:
        return f"{nights}; the baseline is complete, and the chart begins with the next one."
    center = f"Baseline {percent(chart.baseline.center)}"
    if chart.baseline.nights:
        center += f" from {count(chart.baseline.nights, 'night')}"
    found = alarms(chart)
    if not found:
        state = f"no alarm; tonight {short(urgency(chart) * chart.chart.limit)} of {short(chart.chart.limit)}"
    elif len(found) == 1:
        state = f"alarm on {found[0]}"
    else:
        state = f"{len(found)} alarms, the first on {found[0]}"
    return f"{center}; {state}."


def rarely(length: float) -> str:
    """A run length as a rate, such as `once in 365 nights`."""
    return f"once in {length:,.0f} nights" if length >= 10 else f"once in {length:.1f} nights"


def _aloud(chart: SeriesChart) -> str:
    value, error = chart.values[-1], chart.errors[-1] * two_sided(0.95)
    low, high = max(0.0, value - error), min(1.0, value + error)
    said = (
        f"{KIND_WORDS[chart.kind]}, {chart.dates[0]} to {chart.dates[-1]}. Latest {percent(value)}, "
        f"interval {percent(low)} to {percent(high)}. {_text(chart)}"
    )
    if chart.chart is not None:
        said += f" False alarms: {rarely(chart.chart.run_length.value)} on average."
    return said


@dataclass(frozen=True, slots=True, kw_only=True)
class Spark:
    """A small line without axes.

    Attributes:
        path: Where it goes, as an SVG path in a box of `days` by 100; interrupted where the number came
            to mean something else.
        days: Width of its coordinates.
        end: Vertical place of the last night, in percent.
    """

    path: str
    days: int
    end: str


def spark(
    series: Sequence[tuple[int, float, object]], first: int, last: int, scale: Scale
) -> Spark:
    """A small line over days.

    Args:
        series: (day, value, basis) in order; the line breaks where the basis changes.
        first: The day at the left edge.
        last: The day at the right edge.
        scale: Vertical scale, running down.
    """
    path = ""
    last_basis: object = None
    for night, (day, value, basis) in enumerate(series):
        joined = night > 0 and basis == last_basis
        path += f"{'L' if joined else 'M'}{day - first} {scale.share(value):.0f}"
        path += "" if joined else "h0"
        last_basis = basis
    end = scale.at(series[-1][1]) if series else ""
    return Spark(path=path, days=max(1, last - first), end=end)


def spark_scale(values: Iterable[float]) -> Scale:
    """The vertical scale of small lines: what the values span, but at least 20 points."""
    found = list(values)
    low, high = min(found), max(found)
    if high - low < _LEAST_SPAN:
        middle = min(1 - _LEAST_SPAN / 2, max(_LEAST_SPAN / 2, (low + high) / 2))
        low, high = middle - _LEAST_SPAN / 2, middle + _LEAST_SPAN / 2
    return Scale(low=low, high=high, down=True)
