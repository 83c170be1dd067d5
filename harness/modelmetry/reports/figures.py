"""Figures as geometry: where each mark stands, in percent of the width, and what it says aloud."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from modelmetry.reports.words import digits, interval, percent, points, points_interval
from modelmetry.statistics import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A mark on an axis.

    Attributes:
        x: Place along the axis, such as `25.00%`.
        text: The label.
        zero: Whether it is the line that means "nothing".
    """

    x: str
    text: str
    zero: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A linear scale from data to percent of the length.

    Attributes:
        low: The value at 0 %.
        high: The value at 100 %, above `low`.
        down: Whether the scale runs from top to bottom, as vertical places in SVG do.
    """

    low: float
    high: float
    down: bool = False

    def share(self, value: float) -> float:
        """Place of a value in [0, 100]; values beyond the ends stand at the ends."""
        place = 100 * (value - self.low) / (self.high - self.low)
        place = min(100.0, max(0.0, place))
        return 100 - place if self.down else place

    def at(self, value: float) -> str:
        """Place of a value as an SVG length."""
        return f"{self.share(value):.2f}%"

    def ticks(self, values: Sequence[float], texts: Sequence[str]) -> tuple[Tick, ...]:
        """Ticks at these values; the line at 0 is marked."""
        return tuple(
            Tick(x=self.at(value), text=text, zero=value == 0)
            for value, text in zip(values, texts, strict=True)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """An estimate on a track.

    Attributes:
        says: What a screen reader says.
        ticks: The track's grid.
        x: Place of the estimate, or None where there is none.
        low: Place of the interval's lower end, or None.
        high: Place of the interval's upper end, or None.
        chance: Place of what guessing scores, or None.
        constant: Place of what always giving one answer scores, or None.
        diamond: Corners of a pooled estimate's diamond, as SVG points in a square of 100; empty for
            a dot with a bar.
    """

    says: str
    ticks: tuple[Tick, ...]
    x: str | None = None
    low: str | None = None
    high: str | None = None
    chance: str | None = None
    constant: str | None = None
    diamond: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """One line of a forest table.

    Attributes:
        name: What the line is about.
        value: The estimate in words.
        mark: The estimate on its track.
        facts: One text per column of the table.
        note: Small print under the name.
        group: Heading shown above the line; empty for none.
        color: Number of the series' color, or None for the accent color.
    """

    name: str
    value: str
    mark: Mark
    facts: tuple[str, ...] = ()
    note: str = ""
    group: str = ""
    color: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """A table whose second column is a picture of the others.

    Attributes:
        head: Heading of the first column.
        value: Heading of the estimates.
        columns: Headings of the facts.
        axis: Labels above the tracks.
        rows: The lines.
    """

    head: str
    value: str
    columns: tuple[str, ...]
    axis: tuple[Tick, ...]
    rows: tuple[ForestRow, ...]


_QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)

SHARES = Scale(low=0.0, high=1.0)
"""The scale of shares, always whole: a cut axis would make small differences look large."""

SHARE_TICKS = SHARES.ticks(_QUARTERS, ["0", "25", "50", "75", "100\u00a0%"])


def share_mark(
    name: str,
    estimate: Estimate | None,
    *,
    chance: float | None = None,
    constant: float | None = None,
) -> Mark:
    """A share in [0, 1] on its track, with the references that it is read against."""
    if estimate is None:
        return Mark(says=f"{name}: nothing could be scored", ticks=SHARE_TICKS)
    says = f"{name}: {percent(estimate.value, digits(estimate))}, interval {interval(estimate)}"
    if chance is not None:
        says += f", guessing {percent(chance)}"
    if constant is not None:
        says += f", one constant answer {percent(constant)}"
    return replace(
        _mark(SHARES, SHARE_TICKS, estimate, says),
        chance=None if chance is None else SHARES.at(chance),
        constant=None if constant is None else SHARES.at(constant),
    )


def _mark(scale: Scale, ticks: tuple[Tick, ...], estimate: Estimate, says: str) -> Mark:
    low, high = estimate.low, estimate.high
    return Mark(
        says=says,
        ticks=ticks,
        x=scale.at(estimate.value),
        low=None if low is None else scale.at(low),
        high=None if high is None else scale.at(high),
    )


def difference_scale(estimates: Sequence[Estimate]) -> tuple[Scale, tuple[Tick, ...]]:
    """A scale around 0 that holds all estimates and their intervals, with its ticks."""
    ends = [abs(v) for e in estimates for v in (e.value, e.low, e.high) if v is not None]
    widest = max(ends, default=0.0)
    # Chance-adjusted shares can fall below 0, so their differences can reach beyond 1.
    reach = next((r for r in (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.6) if widest <= r), 2.0)
    values = (-reach, -reach / 2, 0.0, reach / 2, reach)
    decimals = 0 if round(50 * reach) == 50 * reach else 1
    scale = Scale(low=-reach, high=reach)
    return scale, scale.ticks(values, [points(value, decimals) for value in values])


def difference_mark(name: str, estimate: Estimate, scale: Scale, ticks: tuple[Tick, ...]) -> Mark:
    """A difference of shares on its track."""
    value = points(estimate.value, digits(estimate))
    says = f"{name}: {value} percentage points, interval {points_interval(estimate)}"
    return _mark(scale, ticks, estimate, says)
