"""The report of one night: everything it shows, in the order shown; the template only lays it out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from modelmetry.nightly import charts as pictures
from modelmetry.nightly import telling
from modelmetry.nightly.charts import ControlFigure
from modelmetry.nightly.night import Cell, Night, Reading, Verdict
from modelmetry.nightly.series import SeriesChart
from modelmetry.reports.figures import SHARE_TICKS, Forest, ForestRow, share_mark
from modelmetry.reports.layout import rendered
from modelmetry.reports.words import count, digits, p_value, percent, points
from modelmetry.statistics import Estimate

TEMPLATES = Path(__file__).parent / "templates"
"""The nightly pages' own templates."""

MOST_FIGURES = 40
"""Control charts that are drawn; of the others, where they stand is told in a table."""

_UNFOLDED = 6
"""Control charts that are seen at once, besides those with alarms."""

_FEWEST_NIGHTS = 3
"""Nights before there is anything to see in a series."""

_OPEN_ROWS = 80
"""A page with more estimates than these shows them folded, by suite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateLine:
    """A verdict as a row; `css` names its outcome in style sheets."""

    about: str
    outcome: str
    css: str
    says: str
    p: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateGroup:
    """The gates of one kind: those to be seen, and those that passed."""

    name: str
    says: str
    shown: tuple[GateLine, ...]
    passed: tuple[GateLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuitePart:
    """The estimates of one suite."""

    name: str
    anchor: str
    forest: Forest
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietChart:
    """A series that is not drawn."""

    suite: str
    model: str
    split: str
    kind: str
    nights: int
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NightPage:
    """Everything that the report of a night shows.

    Attributes:
        night: The night.
        day: Its date in words.
        outcome: What it came to; names a style, too.
        verdict: How many gates passed.
        before: The night before; empty where there is none.
        linked: Whether that night's report is there.
        gates: The gates by kind, those with failures first.
        suites: The estimates by suite.
        folded: Whether they are folded.
        figures: The control charts that are drawn.
        quiet: The series that are not.
        run_lengths: How rarely the charts alarm for nothing; empty without charts.
        warnings: Reasons for care with the charts, each once, with how many charts it is about.
        unfinished: Runs that did not finish, and why.
        costs: (model, finished of all runs, time, price), the last row for all.
        seeds: (suite, kind, edition, commitment).
        facts: What the night was.
    """

    night: Night
    day: str
    outcome: str
    verdict: str
    before: str
    linked: bool
    gates: tuple[GateGroup, ...]
    suites: tuple[SuitePart, ...]
    folded: bool
    figures: tuple[ControlFigure, ...]
    quiet: tuple[QuietChart, ...]
    run_lengths: str
    warnings: tuple[str, ...]
    unfinished: tuple[tuple[Cell, str], ...]
    costs: tuple[tuple[str, str, str, str], ...]
    seeds: tuple[tuple[str, str, str, str], ...]
    facts: tuple[tuple[str, str], ...]

    @property
    def unfolded(self) -> int:
        """How many of the figures are seen at once; those with alarms come first."""
        return max(_UNFOLDED, sum(figure.alarms > 0 for figure in self.figures))

    @property
    def contents(self) -> list[tuple[str, str]]:
        """(anchor, text) of the table of contents."""
        parts = [
            ("gates", "Gates", self.gates),
            ("scores", "Scores", self.suites),
            ("charts", "Control charts", self.figures or self.quiet),
            ("runs", "Runs and cost", self.costs),
            ("seeds", "Seeds", self.seeds),
            ("provenance", "Provenance", True),
        ]
        return [(anchor, text) for anchor, text, there in parts if there]


def report(
    night: Night,
    history: Sequence[Reading],
    charts: Sequence[SeriesChart],
    *,
    exists: Callable[[str], bool] = lambda _: False,
) -> str:
    """The report of a night as one HTML file that loads nothing.

    Args:
        night: The night.
        history: Readings of all nights.
        charts: The series as of this night.
        exists: Whether there is a file at a path relative to the night's folder, to be linked.
    """
    before = telling.before(history, night)
    then = {_place(reading): reading for reading in history if before and reading.date == before}
    figures, quiet = _drawn(charts)
    page = NightPage(
        night=night,
        day=weekday(night.date),
        outcome=telling.outcome(night),
        verdict=telling.verdict_words(night),
        before=before,
        linked=bool(before) and exists(f"../{before}/report.html"),
        gates=_gates(night),
        suites=_suites(night, then, before),
        folded=len(night.readings) > _OPEN_ROWS,
        figures=figures,
        quiet=quiet,
        run_lengths=_run_lengths(charts),
        warnings=_warnings(charts),
        unfinished=tuple((cell, telling.reason(cell)) for cell in telling.unfinished(night)),
        costs=_costs(night),
        seeds=_seeds(night),
        facts=_facts(night),
    )
    return rendered("night.html.jinja", folder=TEMPLATES, page=page, kind_words=telling.KIND_WORDS)


def weekday(day: str) -> str:
    """A date as `Tuesday, 3 March 2026`."""
    found = date.fromisoformat(day)
    return f"{found:%A}, {found.day} {found:%B} {found.year}"


def _place(reading: Reading) -> tuple[str, str, str, str, str]:
    return reading.suite, reading.model, reading.kind, reading.split, reading.estimand


def _gates(night: Night) -> tuple[GateGroup, ...]:
    groups: dict[str, list[Verdict]] = {}
    for verdict in night.verdicts:
        groups.setdefault(verdict.gate, []).append(verdict)
    rank = {"failed": 0, "not decided": 1, "passed": 2}
    found = []
    for name, verdicts in groups.items():
        ordered = sorted(verdicts, key=lambda verdict: rank[verdict.outcome])
        # A few that passed are as quickly read as unfolded.
        few = len(verdicts) <= 8
        shown = [v for v in ordered if few or v.outcome == "failed"]
        rest = [v for v in ordered if v not in shown] if not few else []
        found.append(
            GateGroup(
                name=name,
                says=_group_words(verdicts),
                shown=tuple(map(_gate_line, shown)),
                passed=tuple(map(_gate_line, rest)),
            )
        )
    failing = {verdict.gate for verdict in night.failed}
    return tuple(sorted(found, key=lambda group: group.name not in failing))


def _group_words(verdicts: Sequence[Verdict]) -> str:
    outcomes = [verdict.outcome for verdict in verdicts]
    said = [
        f"{outcomes.count(o)} {o}" for o in ("failed", "not decided", "passed") if o in outcomes
    ]
    return ", ".join(said)


def _gate_line(verdict: Verdict) -> GateLine:
    return GateLine(
        about=telling.about(verdict) or "the night",
        outcome=verdict.outcome,
        css=verdict.outcome.replace(" ", "-"),
        says=verdict.says,
        p="" if verdict.p is None else p_value(verdict.p),
    )


def _suites(
    night: Night, then: dict[tuple[str, str, str, str, str], Reading], before: str
) -> tuple[SuitePart, ...]:
    suites, models = telling.names(night)
    parts = []
    for place, suite in enumerate(suites):
        readings = [reading for reading in night.readings if reading.suite == suite]
        if not readings:
            continue
        splits = list(dict.fromkeys((r.split, r.estimand) for r in readings))
        ordered = sorted(
            readings,
            key=lambda r: (
                *(splits.index((r.split, r.estimand)), models.index(r.model)),
                r.kind != "fresh",
            ),
        )
        several = len({estimand for _, estimand in splits}) > 1
        rows, heading = [], ""
        for reading in ordered:
            group = f"{reading.split}: {reading.estimand}" if several else reading.split
            rows.append(_row(reading, then.get(_place(reading)), "" if group == heading else group))
            heading = group
        forest = Forest(
            head="Model",
            value="Score",
            columns=(f"Since {before}" if before else "Change", "Items", "Unread"),
            axis=SHARE_TICKS,
            rows=tuple(rows),
        )
        says = f"{count(len(splits), 'split')}, {count(len({r.model for r in readings}), 'model')}"
        parts.append(SuitePart(name=suite, anchor=f"suite-{place}", forest=forest, says=says))
    return tuple(parts)


def _row(reading: Reading, then: Reading | None, group: str) -> ForestRow:
    estimate = Estimate(
        value=reading.value,
        std_error=reading.std_error,
        low=reading.ci_low,
        high=reading.ci_high,
        level=0.95,
        n=reading.n_items,
        clusters=reading.n_clusters,
        unscored=reading.n_unscored,
        method=reading.ci_method,
    )
    moved = telling.change(reading, then)
    kind = telling.KIND_WORDS[reading.kind]
    return ForestRow(
        name=reading.model,
        note=kind,
        group=group,
        value=percent(reading.value, digits(estimate)),
        mark=share_mark(f"{reading.model}, {kind}", estimate),
        facts=(
            "\u2013" if moved is None else points(moved, digits(estimate)),
            f"{reading.n_items:,}",
            f"{reading.n_unscored:,}",
        ),
        color=0 if reading.kind == "fresh" else 1,
    )


def _drawn(
    charts: Sequence[SeriesChart],
) -> tuple[tuple[ControlFigure, ...], tuple[QuietChart, ...]]:
    """Which series are drawn: those with alarms, then those nearest to their limits."""
    groups: dict[tuple[str, str, str], list[SeriesChart]] = {}
    for chart in charts:
        if len(chart.dates) >= _FEWEST_NIGHTS:
            groups.setdefault((chart.suite, chart.model, chart.split), []).append(chart)

    def rank(found: Sequence[SeriesChart]) -> tuple[bool, float]:
        alarmed = any(pictures.alarms(chart) for chart in found)
        return not alarmed, -max(pictures.urgency(chart) for chart in found)

    ordered = sorted(groups.values(), key=rank)
    drawn = [chart for found in ordered[:MOST_FIGURES] for chart in found]
    rest = [chart for found in ordered[MOST_FIGURES:] for chart in found]
    return tuple(pictures.figures(drawn)), tuple(map(_quiet, rest))


def _quiet(chart: SeriesChart) -> QuietChart:
    found = pictures.alarms(chart)
    if chart.chart is None:
        state = "no chart yet"
    elif found:
        state = f"{count(len(found), 'alarm')}, the first on {found[0]}"
    else:
        tonight = pictures.urgency(chart) * chart.chart.limit
        state = f"{pictures.short(tonight)} of {pictures.short(chart.chart.limit)}"
    return QuietChart(
        suite=chart.suite,
        model=chart.model,
        split=chart.split,
        kind=telling.KIND_WORDS[chart.kind],
        nights=len(chart.dates),
        state=state,
    )


def _run_lengths(charts: Sequence[SeriesChart]) -> str:
    """How rarely the charts alarm for nothing, each and together."""
    watched = [chart.chart for chart in charts if chart.chart is not None]
    if not watched:
        return ""
    lengths = [found.run_length.value for found in watched]
    each = f"the chart alarms for nothing {pictures.rarely(min(lengths))} on average"
    if len(watched) == 1:
        return each
    # Alarms that come independently, each at a steady rate, add their rates.
    together = 1 / sum(1 / length for length in lengths)
    return (
        f"a chart alarms for nothing {pictures.rarely(min(lengths))} on average, "
        f"all {len(watched):,} of them together about {pictures.rarely(together)}"
    )


def _warnings(charts: Sequence[SeriesChart]) -> tuple[str, ...]:
    found: dict[str, int] = {}
    for chart in charts:
        for warning in chart.chart.warnings if chart.chart else ():
            found[warning] = found.get(warning, 0) + 1
    return tuple(f"{text} ({count(times, 'chart')})" for text, times in found.items())


def _costs(night: Night) -> tuple[tuple[str, str, str, str], ...]:
    _, models = telling.names(night)
    rows = [(model, [c for c in night.cells if c.model == model]) for model in models]
    rows = [(model, cells) for model, cells in rows if cells]
    rows += [("all models", list(night.cells))] if len(rows) > 1 else []
    return tuple(
        (
            name,
            f"{sum(cell.status == 'finished' for cell in cells):,} of {len(cells):,}",
            telling.duration(sum(cell.wall_s for cell in cells)),
            telling.dollars(sum(cell.cost_usd for cell in cells)),
        )
        for name, cells in rows
    )


def _seeds(night: Night) -> tuple[tuple[str, str, str, str], ...]:
    found = (
        (r.suite, telling.KIND_WORDS[r.kind], r.edition, r.seed_commitment) for r in night.readings
    )
    return tuple(dict.fromkeys(found))


def _facts(night: Night) -> tuple[tuple[str, str], ...]:
    return (
        ("Job", night.name),
        ("Began", _time(night.started_at)),
        ("Ended", _time(night.ended_at)),
        ("Configuration (SHA-256)", night.config_digest),
        ("modelmetry", night.harness_version),
    )


def _time(stamp: str) -> str:
    try:
        found = datetime.fromisoformat(stamp)
    except ValueError:
        return stamp
    zone = f" {found.tzname()}" if found.tzinfo else ""
    return f"{found:%Y-%m-%d %H:%M:%S}{zone}"
