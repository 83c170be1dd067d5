"""Control charts over the nights, and what moved where one alarms."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from modelmetry.nightly.gates import DRIFT
from modelmetry.nightly.job import Drift
from modelmetry.nightly.limits import rule_of, with_limit
from modelmetry.nightly.night import Kind, Outcome, Reading, Verdict
from modelmetry.nightly.series import SeriesChart
from modelmetry.statistics import Estimate, charts, drift
from modelmetry.statistics.control_rules import Rule
from modelmetry.statistics.distributions import two_sided

Key = tuple[str, str, Kind, str]
"""Suite, model, kind, split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """The charts of a night.

    Attributes:
        charts: Every series that has a number tonight, in the order of tonight's readings.
        verdicts: What each chart that is a gate says.
    """

    charts: tuple[SeriesChart, ...]
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Series:
    """One number night by night.

    Attributes:
        readings: Oldest first; tonight's is the last.
        errors: Standard error of each, from its own items, shape (nights,).
        spread: Error that each has while nothing moves, from the items of the baseline, shape (nights,).
    """

    readings: tuple[Reading, ...]
    errors: np.ndarray
    spread: np.ndarray

    @property
    def values(self) -> np.ndarray:
        return np.array([reading.value for reading in self.readings])


def watch(
    history: Sequence[Reading],
    tonight: Sequence[Reading],
    gate: Drift | None,
    *,
    check: str | None,
) -> Watched:
    """Chart every number of tonight over the nights, and judge those that the gate is about.

    Fresh problems differ every night, so that each number strays by its standard error. Anchors are the
    same every night: their items' luck is no part of the spread, which is that of the paired change
    from the first night, of which either night has half the variance. A night is judged by the error
    that the nights of the baseline have together: that of few clusters is luck by itself, and its
    tails are not normal. The check standard's anchors are a gate of their own and have no chart.

    Args:
        history: Readings of the nights before, oldest first.
        tonight: Readings of tonight.
        gate: Rule, run length and baseline; None for series without charts.
        check: What the job calls the check standard; None for none.
    """
    found = _gathered(history, tonight, gate)
    watched = {key: series for key, series in found.items() if _is_watched(series, gate, check)}
    if gate is None or not watched:
        return Watched(charts=tuple(_plain(k, s) for k, s in found.items()), verdicts=())
    rule, length = with_limit(rule_of(gate), gate.run_length, len(watched))
    drawn, verdicts = [], []
    for key, series in found.items():
        made = _plain(key, series)
        if key in watched:
            made = _charted(made, series, gate, rule, length)
            verdicts.append(_verdict(made, series, found, gate, len(watched), check))
        drawn.append(made)
    return Watched(charts=tuple(drawn), verdicts=tuple(verdicts))


def _key(reading: Reading) -> Key:
    return (reading.suite, reading.model, reading.kind, reading.split)


def _same(reading: Reading) -> tuple[object, ...]:
    """What numbers must share to be one series: anchors are the same edition."""
    edition = reading.edition if reading.kind == "anchor" else ""
    return (*_key(reading), reading.suite_version, reading.estimand, edition)


def _gathered(
    history: Sequence[Reading], tonight: Sequence[Reading], gate: Drift | None
) -> dict[Key, _Series]:
    since = gate.since.isoformat() if gate is not None and gate.since is not None else ""
    wanted: dict[tuple[object, ...], list[Reading]] = {_same(each): [] for each in tonight}
    for reading in history:
        series = wanted.get(_same(reading))
        if series is not None and reading.date >= since:
            series.append(reading)
    for reading in tonight:
        wanted[_same(reading)].append(reading)
    nights = None if gate is None else gate.nights
    return {_key(series[-1]): _series(series, nights) for series in wanted.values()}


def _series(readings: Sequence[Reading], nights: int | None) -> _Series:
    """The numbers that have an error, each with it, and the error that the first nights have together."""
    errors = [_error(reading) for reading in readings]
    known = [error for error in errors if error]
    if not known:
        none = np.zeros(len(readings))
        return _Series(readings=tuple(readings), errors=none, spread=none)
    # The first night of anchors has no change, and the luck of any other.
    filled = np.array([error or float(np.median(known)) for error in errors])
    clusters = np.array([reading.n_clusters for reading in readings])
    one = float((filled**2 * clusters)[:nights].mean())
    return _Series(readings=tuple(readings), errors=filled, spread=np.sqrt(one / clusters))


def _error(reading: Reading) -> float | None:
    if reading.kind == "anchor":
        return reading.change_error and reading.change_error / math.sqrt(2)
    implied = 0.0
    if reading.ci_low is not None and reading.ci_high is not None:
        implied = (reading.ci_high - reading.ci_low) / (2 * two_sided(0.95))
    # Where all items agree the plain error is 0 while the interval is honest.
    return max(reading.std_error or 0.0, implied if not reading.std_error else 0.0) or None


def _is_watched(series: _Series, gate: Drift | None, check: str | None) -> bool:
    reading = series.readings[-1]
    if gate is None or (reading.model == check and reading.kind == "anchor"):
        return False
    named = not gate.suites or reading.suite in gate.suites
    return named and (gate.splits == "all" or reading.primary)


def _plain(key: Key, series: _Series) -> SeriesChart:
    suite, model, kind, split = key
    return SeriesChart(
        suite=suite,
        model=model,
        kind=kind,
        split=split,
        dates=tuple(reading.date for reading in series.readings),
        values=tuple(series.values.tolist()),
        errors=tuple(series.errors.tolist()),
    )


def _charted(
    made: SeriesChart, series: _Series, gate: Drift, rule: Rule, length: Estimate
) -> SeriesChart:
    nights = gate.nights
    if not series.errors.all() or len(series.readings) < nights:
        return made
    reference = charts.baseline(series.values[:nights], series.spread[:nights])
    if len(series.readings) == nights:
        return replace(made, baseline=reference)
    chart = charts.control_chart(
        series.values[nights:],
        series.spread[nights:],
        reference=reference,
        rng=np.random.default_rng(0),
        rule=rule,
        run_length=length,
    )
    return replace(made, baseline=reference, chart=chart)


def _verdict(
    made: SeriesChart,
    series: _Series,
    found: Mapping[Key, _Series],
    gate: Drift,
    family: int,
    check: str | None,
) -> Verdict:
    what = "fresh problems" if made.kind == "fresh" else "anchors"
    outcome: Outcome = "not decided"
    chart = made.chart
    if not series.errors.all():
        says = f"{what}: the number has no error to be judged by; allowed: two clusters or more"
    elif chart is None:
        says = (
            f"{what}: night {len(made.dates)} of the {gate.nights} that the baseline needs; "
            "the chart begins after them"
        )
    else:
        up, down = float(chart.upper[-1]), float(chart.lower[-1])
        reached, side = max((up, "rise"), (down, "fall"))
        alarmed = reached > chart.limit
        outcome = "failed" if alarmed else "passed"
        center = made.baseline.center if made.baseline else math.nan
        says = (
            f"{what}: {100 * made.values[-1]:.1f} %, baseline {100 * center:.1f} %; {gate.rule} against a "
            f"{side} at {reached:.2f}, limit {chart.limit:.2f} (one false alarm in "
            f"{gate.run_length:g} nights over {family} charts)"
        )
        if alarmed:
            begun = made.dates[gate.nights + _begun(up >= down, chart)]
            says += f"; since {begun}: {_moved(made, found, begun, gate, check)}"
        if chart.warnings:
            says += f"; {chart.warnings[0]}"
    return Verdict(
        gate=DRIFT, suite=made.suite, model=made.model, split=made.split, outcome=outcome, says=says
    )


def _begun(up: bool, chart: charts.ControlChart) -> int:
    """The night at which the statistic last left 0: where Page estimates that a change began."""
    side = chart.upper if up else chart.lower
    at_rest = np.flatnonzero(side <= 0)
    last = int(at_rest[-1]) + 1 if len(at_rest) else 0
    return min(last, len(side) - 1)


def _moved(
    made: SeriesChart,
    found: Mapping[Key, _Series],
    begun: str,
    gate: Drift,
    check: str | None,
) -> str:
    """What moved, told from the model and the check standard on fresh problems and anchors."""
    if check is None or made.model == check:
        return "what moved cannot be told without a check standard beside it"
    wanted: Iterable[tuple[str, str, Kind]] = (
        ("model_fresh", made.model, "fresh"),
        ("model_anchors", made.model, "anchor"),
        ("check_fresh", check, "fresh"),
        ("check_anchors", check, "anchor"),
    )
    changes = {}
    for name, model, kind in wanted:
        series = found.get((made.suite, model, kind, made.split))
        change = None if series is None else _change(series, begun)
        if change is None:
            whose = "the check standard" if model == check else "the model"
            on = "fresh problems" if kind == "fresh" else "anchors"
            return f"what moved cannot be told: {whose} has too few nights on {on}"
        changes[name] = change
    said = drift.attribute(drift.Changes(**changes), margin=gate.margin)
    return ", ".join(said.verdicts)


def _change(series: _Series, begun: str) -> Estimate | None:
    """Mean of the nights since a date less the baseline before it; None where there are too few."""
    after = np.array([reading.date >= begun for reading in series.readings])
    if (~after).sum() < 2 or not after.any() or not series.errors.all():
        return None
    before = charts.baseline(series.values[~after], series.errors[~after])
    weights = 1 / (series.errors[after] ** 2 + before.between**2)
    error = math.sqrt(1 / float(weights.sum()) + before.error**2)
    value = float(weights @ series.values[after] / weights.sum()) - before.center
    latest = series.readings[-1]
    return Estimate(
        value=value,
        std_error=error,
        low=value - two_sided(0.95) * error,
        high=value + two_sided(0.95) * error,
        level=0.95,
        n=latest.n_items,
        clusters=latest.n_clusters,
        method="weighted mean of the nights since the change less the baseline",
    )
