"""The overview of all nights: a line for each, a calendar of verdicts, and small lines of the scores."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from modelmetry.nightly import telling
from modelmetry.nightly.charts import Spark, spark, spark_scale
from modelmetry.nightly.night import Night, Outcome, Reading
from modelmetry.nightly.telling import Place, Score
from modelmetry.reports.words import count, percent, points

INDEX = "index.json"
"""Name of the overview for machines."""

SPARK_DAYS = 90
"""Days that the small lines cover."""

WEEKS = 53
"""Weeks that the calendar covers."""

_STEP = 13
_DATED = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOST_SAID = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class NightLine:
    """A night in a line.

    Attributes:
        date: The night, ISO 8601; the name of its folder.
        outcome: What it came to.
        gates: How many gates there were.
        failed: How many of them failed.
        undecided: How many could not be decided.
        runs: How many runs there were to be.
        unfinished: How many of them did not finish.
        cost_usd: Price in US dollars.
        wall_s: Seconds of asking, summed over runs.
        says: What the first failed gates say.
        readable: Whether the night's `summary.json` could be read.
    """

    date: str
    outcome: Outcome
    gates: int = 0
    failed: int = 0
    undecided: int = 0
    runs: int = 0
    unfinished: int = 0
    cost_usd: float = 0.0
    wall_s: float = 0.0
    says: tuple[str, ...] = ()
    readable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """All nights, newest first; `index.json` is this.

    Attributes:
        name: The job's name.
        nights: The nights.
        format: Version of this record.
    """

    name: str
    nights: tuple[NightLine, ...]
    format: Literal[1] = 1


def line(night: Night) -> NightLine:
    """A night in a line."""
    outcomes = [verdict.outcome for verdict in night.verdicts]
    return NightLine(
        date=night.date,
        outcome=telling.outcome(night),
        gates=len(outcomes),
        failed=outcomes.count("failed"),
        undecided=outcomes.count("not decided"),
        runs=len(night.cells),
        unfinished=len(telling.unfinished(night)),
        cost_usd=round(sum(cell.cost_usd for cell in night.cells), 6),
        wall_s=round(sum(cell.wall_s for cell in night.cells), 1),
        says=tuple(
            f"{v.gate} ({about}): {v.says}"
            if (about := telling.about(v))
            else f"{v.gate}: {v.says}"
            for v in night.failed[:_MOST_SAID]
        ),
    )


def index(out: Path, night: Night) -> Index:
    """All nights of a job, from their folders; what the last `index.json` knows is not read again.

    A night without a folder is gone. One whose summary cannot be read is listed as such.

    Args:
        out: The job's folder.
        night: Tonight, or a night that was run again.
    """
    known = {each.date: each for each in _known(out / INDEX) if each.readable}
    dates = {path.name for path in out.iterdir() if _is_night(path)} | {night.date}
    lines = [
        line(night) if day == night.date else known.get(day) or _read(out / day)
        for day in sorted(dates, reverse=True)
    ]
    return Index(name=night.name, nights=tuple(lines))


def _is_night(path: Path) -> bool:
    if not _DATED.fullmatch(path.name) or not (path / "summary.json").is_file():
        return False
    try:
        date.fromisoformat(path.name)
    except ValueError:
        return False
    return True


def _known(path: Path) -> tuple[NightLine, ...]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Index).nights
    except (OSError, ValueError):
        # It can be made again from the nights' folders.
        return ()


def _read(folder: Path) -> NightLine:
    try:
        night = msgspec.json.decode((folder / "summary.json").read_bytes(), type=Night)
    except (OSError, ValueError):
        said = ("summary.json cannot be read",)
        return NightLine(date=folder.name, outcome="not decided", says=said, readable=False)
    return line(night)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A night in the calendar: its corner, its state and what it says."""

    x: int
    y: int
    css: str
    href: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The nights of a year: one column per week, Monday on top.

    Attributes:
        width: Of the picture.
        height: Of the picture.
        months: (place, name) above the columns.
        empty: Days without a night, as one SVG path of squares.
        days: The nights.
    """

    width: int
    height: int
    months: tuple[tuple[int, str], ...]
    empty: str
    days: tuple[Day, ...]


def calendar(nights: Sequence[NightLine]) -> Calendar:
    """The nights of the last year as squares.

    Args:
        nights: At least one, newest first.
    """
    last = date.fromisoformat(nights[0].date)
    oldest = date.fromisoformat(nights[-1].date)
    monday = last - timedelta(days=last.weekday())
    weeks = min(WEEKS, max(12, (monday - oldest).days // 7 + 2))
    first = monday - timedelta(weeks=weeks - 1)
    there = {each.date: each for each in nights}
    days, empty, months = [], "", []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        x, y = _STEP * (number // 7), 18 + _STEP * (number % 7)
        # A label needs about two columns.
        if day.day == 1 and x < _STEP * (weeks - 1):
            months.append((x, f"{day:%b}" if day.month > 1 else f"{day:%Y}"))
        found = there.get(day.isoformat())
        if found is None:
            empty += f"M{x} {y}h11v11h-11z"
        else:
            days.append(_day(found, x, y))
    return Calendar(
        width=_STEP * weeks,
        height=18 + 7 * _STEP,
        months=tuple(months),
        empty=empty,
        days=tuple(days),
    )


def _day(found: NightLine, x: int, y: int) -> Day:
    return Day(
        x=x,
        y=y,
        css=found.outcome.replace(" ", "-"),
        href=f"{found.date}/report.html",
        says=f"{found.date}: {line_words(found)}",
    )


def line_words(found: NightLine) -> str:
    """What a night came to, in a phrase."""
    if not found.readable:
        return found.says[0]
    if not found.gates:
        return "no gate"
    if found.failed:
        return f"{found.failed} of {count(found.gates, 'gate')} failed"
    decided = found.gates - found.undecided
    return f"{decided} passed" + (f", {found.undecided} not decided" if found.undecided else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkCell:
    """A model on a suite: the last night's score, its change, and the nights before as lines.

    Attributes:
        value: The score; a dash where there was none.
        moved: Its change since the night before; empty where there is nothing to compare.
        lines: (number of the color, line), fresh problems first.
        says: The cell in words.
    """

    value: str
    moved: str
    lines: tuple[tuple[int, Spark], ...]
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Models by suites, as of the last night.

    Attributes:
        date: The last night.
        since: The night before; empty where there is none.
        suites: Names, in order.
        rows: (model, one cell per suite); None where the model was never asked.
    """

    date: str
    since: str
    suites: tuple[str, ...]
    rows: tuple[tuple[str, tuple[SparkCell | None, ...]], ...]


def matrix(readings: Iterable[Reading]) -> Matrix | None:
    """Every model on every suite over the last `SPARK_DAYS` days.

    Args:
        readings: Of all nights, each once.

    Returns:
        The table, or None without readings.
    """
    by_date: dict[str, list[Reading]] = defaultdict(list)
    for reading in readings:
        by_date[reading.date].append(reading)
    if not by_date:
        return None
    dates = sorted(by_date)
    last = date.fromisoformat(dates[-1])
    first = (last - timedelta(days=SPARK_DAYS)).isoformat()
    scored = {day: telling.scores(by_date[day]) for day in dates if day >= first}
    since = dates[-2] if len(dates) > 1 else ""
    then = scored.get(since) or telling.scores(by_date.get(since, []))
    tonight = by_date[dates[-1]]
    suites = list(dict.fromkeys(reading.suite for reading in tonight))
    models = list(dict.fromkeys(reading.model for reading in tonight))
    series = _series(scored)
    rows = [
        (
            model,
            tuple(_cell(series, scored[dates[-1]], then, suite, model, last) for suite in suites),
        )
        for model in models
    ]
    return Matrix(date=dates[-1], since=since, suites=tuple(suites), rows=tuple(rows))


def _series(scored: dict[str, dict[Place, Score]]) -> dict[Place, list[tuple[int, float, object]]]:
    found: dict[Place, list[tuple[int, float, object]]] = defaultdict(list)
    for day, scores in scored.items():
        number = date.fromisoformat(day).toordinal()
        for place, score in scores.items():
            found[place].append((number, score.value, score.basis))
    return found


def _cell(
    series: dict[Place, list[tuple[int, float, object]]],
    now: dict[Place, Score],
    then: dict[Place, Score],
    suite: str,
    model: str,
    last: date,
) -> SparkCell | None:
    kinds = telling.kinds([p for p in series if p[0] == suite and p[1] == model], suite)
    if not kinds:
        return None
    lines = [series[suite, model, kind] for kind in kinds]
    scale = spark_scale(value for each in lines for _, value, _ in each)
    place = (suite, model, kinds[0])
    score = now.get(place)
    moved = telling.change(score, then.get(place)) if score else None
    value = score.words if score else percent(None)
    says = f"{model} on {suite}: {value if score else 'nothing tonight'}"
    end = last.toordinal()
    return SparkCell(
        value=value,
        moved="" if moved is None else points(moved),
        lines=tuple(
            (0 if kind == "fresh" else 1, spark(each, end - SPARK_DAYS, end, scale))
            for kind, each in zip(kinds, lines, strict=True)
        ),
        says=says if moved is None else f"{says}, change {points(moved)} points",
    )
