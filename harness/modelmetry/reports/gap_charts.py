"""The gaps of a run against diversity as a chart: every pair, means with intervals, the fitted line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from modelmetry.analyses.gaps import Gap
from modelmetry.analyses.systematicity import Systematicity
from modelmetry.reports.curves import Chart, Point, Series
from modelmetry.reports.figures import Scale, difference_scale
from modelmetry.reports.gap_words import INTERVAL, title
from modelmetry.reports.words import points, points_interval
from modelmetry.statistics import Estimate

_MEAN = 6
"""Number of the color of means, after those of the series."""


def gap_chart(found: Systematicity) -> Chart | None:
    """The geometry of the chart; None where diversity does not vary over the pairs."""
    levels = sorted({gap.diversity for gap in found.gaps if gap.diversity > 0})
    if len(levels) < 2 or found.trend is None:
        return None
    usable = [gap for gap in found.gaps if gap.diversity > 0]
    ends = [estimate for _, estimate in found.by_diversity]
    flat, _ = difference_scale([*ends, *(_bare(gap.estimate) for gap in usable)])
    up = Scale(low=flat.low, high=flat.high, down=True)
    places = [flat.low, flat.low / 2, 0.0, flat.high / 2, flat.high]
    pad = 0.08 * float(np.log2(levels[-1] / levels[0]))
    along = Scale(low=float(np.log2(levels[0])) - pad, high=float(np.log2(levels[-1])) + pad)
    names = list(dict.fromkeys(gap.types for gap in usable))
    series = [
        Series(name=name, color=i % 6, points=tuple(_dots(usable, name, along, up)))
        for i, name in enumerate(names)
    ]
    means = tuple(_mean_point(level, estimate, along, up) for level, estimate in found.by_diversity)
    slope, start = found.trend.slope.value, float(found.trend.intercepts[0])
    line = [(x, start + slope * x) for x in (along.low + pad, along.high - pad)]
    spoken = "; ".join(point.says for point in means)
    return Chart(
        title=title(found),
        text=(
            f"{points(slope)} points per doubling "
            f"({INTERVAL} {points_interval(found.trend.slope)})."
        ),
        axis="combinations of the two types in training",
        says=f"{title(found)}: gap against diversity. {spoken}",
        x_ticks=along.ticks([float(np.log2(level)) for level in levels], [str(n) for n in levels]),
        y_ticks=up.ticks(places, [points(place, 0) for place in places]),
        series=(*series, Series(name="mean, with its interval", color=_MEAN, points=means)),
        line=" ".join(f"{along.share(x):.2f},{up.share(y):.2f}" for x, y in line),
        chance=f"0,{up.share(0.0):.2f} 100,{up.share(0.0):.2f}",
        ceiling="",
        band=None,
    )


def _bare(found: Estimate) -> Estimate:
    return replace(found, low=None, high=None)


def _dots(found: Sequence[Gap], types: str, along: Scale, up: Scale) -> Iterator[Point]:
    here = [gap for gap in found if gap.types == types]
    beside = [g.types for g in found if g.diversity == here[0].diversity]
    side = 1 if beside.index(types) else -1
    for i, gap in enumerate(here):
        # Pairs of one level stand beside its mean, those of other types on the other side.
        aside = side * (0.016 + 0.012 * i) * (along.high - along.low)
        value = gap.estimate.value
        yield Point(
            x=along.at(float(np.log2(gap.diversity)) + aside),
            y=up.at(value),
            low=None,
            high=None,
            says=f"{gap.pair}: {points(value)} points, interval {points_interval(gap.estimate)}",
        )


def _mean_point(level: int, found: Estimate, along: Scale, up: Scale) -> Point:
    return Point(
        x=along.at(float(np.log2(level))),
        y=up.at(found.value),
        low=None if found.low is None else up.at(found.low),
        high=None if found.high is None else up.at(found.high),
        says=f"{level} combinations: {points(found.value)} points, interval {points_interval(found)}",
    )
