"""A night in words: the verdict, whom a gate is about, and how scores moved since the night before."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modelmetry.nightly.night import Cell, Kind, Night, Outcome, Reading, Verdict
from modelmetry.reports.words import count, percent

KIND_WORDS: dict[str, str] = {"fresh": "fresh problems", "anchor": "anchors"}
"""Kinds of problems as a reader is told of them."""

Place = tuple[str, str, str]
"""Suite, model and kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a model scored on a suite in one night: the mean over the suite's primary splits.

    Attributes:
        value: The mean, a share in [0, 1].
        half: Half of its 95 % interval, the splits' errors taken as independent; None where a split
            has no interval.
        basis: What it is a mean of; only scores of the same basis are comparable.
    """

    value: float
    half: float | None
    basis: tuple[tuple[int, str, str], ...]

    @property
    def words(self) -> str:
        """The score with its uncertainty, such as `85.0 % \u00b1 3.2`."""
        return percent(self.value) + ("" if self.half is None else f" \u00b1 {100 * self.half:.1f}")


def outcome(night: Night) -> Outcome:
    """What the night as a whole came to: failed if a gate failed, undecided if none was decided."""
    outcomes = {verdict.outcome for verdict in night.verdicts}
    if "failed" in outcomes:
        return "failed"
    return "not decided" if outcomes == {"not decided"} else "passed"


def verdict_words(night: Night) -> str:
    """How many gates passed, in one phrase without a full stop."""
    found = [verdict.outcome for verdict in night.verdicts]
    failed, undecided, total = found.count("failed"), found.count("not decided"), len(found)
    if not total:
        return "no gate is set"
    if failed:
        said = f"{failed} of {count(total, 'gate')} failed"
    elif undecided == total:
        said = f"none of {count(total, 'gate')} could be decided yet"
    else:
        said = f"{total - undecided} of {count(total, 'gate')} passed"
        said = said if undecided else f"all {count(total, 'gate')} passed"
        said = "the one gate passed" if total == 1 else said
    return f"{said}, {undecided} not decided yet" if undecided and undecided < total else said


def about(verdict: Verdict) -> str:
    """Whom and what a gate is about: `model, suite, split`; empty where it is about the night."""
    return ", ".join(part for part in (verdict.model, verdict.suite, verdict.split) if part)


def unfinished(night: Night) -> tuple[Cell, ...]:
    """Cells whose run did not come to its end."""
    return tuple(cell for cell in night.cells if cell.status != "finished")


def reason(cell: Cell) -> str:
    """Why a cell did not finish."""
    return f"{cell.status}: {cell.note}" if cell.note else cell.status


def before(history: Iterable[Reading], night: Night) -> str:
    """The latest night before this one that has readings; empty where there is none."""
    return max((reading.date for reading in history if reading.date < night.date), default="")


def scores(readings: Iterable[Reading]) -> dict[Place, Score]:
    """The score of every model on every suite; the readings are those of one night."""
    found: dict[Place, list[Reading]] = defaultdict(list)
    for reading in readings:
        found[reading.suite, reading.model, reading.kind].append(reading)
    for place, each in found.items():
        # A suite that names no split as primary is all of them.
        found[place] = [reading for reading in each if reading.primary] or each
    return {
        place: Score(
            value=sum(reading.value for reading in each) / len(each),
            half=_half(each),
            basis=tuple(
                sorted((reading.suite_version, reading.split, reading.estimand) for reading in each)
            ),
        )
        for place, each in found.items()
    }


def _half(readings: Sequence[Reading]) -> float | None:
    """Half of the 95 % interval of a mean over splits, each interval taken at its mean half-width."""
    halves = [
        (reading.ci_high - reading.ci_low) / 2
        for reading in readings
        if reading.ci_high is not None and reading.ci_low is not None
    ]
    return math.hypot(*halves) / len(halves) if len(halves) == len(readings) else None


def kinds(scored: Iterable[Place], suite: str) -> list[Kind]:
    """The kinds of problems that a suite was asked with, fresh ones first."""
    there = {kind for name, _, kind in scored if name == suite}
    ordered: tuple[Kind, ...] = ("fresh", "anchor")
    return [kind for kind in ordered if kind in there]


def change(now: Score | Reading, then: Score | Reading | None) -> float | None:
    """By how much a score moved; None where there is none before, or it meant something else."""
    if then is None or _basis(now) != _basis(then):
        return None
    return now.value - then.value


def _basis(found: Score | Reading) -> object:
    if isinstance(found, Score):
        return found.basis
    return found.suite_version, found.split, found.estimand


def names(night: Night) -> tuple[list[str], list[str]]:
    """Suites and models in the order of the configuration."""
    suites = dict.fromkeys([cell.suite for cell in night.cells])
    models = dict.fromkeys([cell.model for cell in night.cells])
    suites |= dict.fromkeys(reading.suite for reading in night.readings)
    models |= dict.fromkeys(reading.model for reading in night.readings)
    return list(suites), list(models)


def dollars(amount: float) -> str:
    """A price in US dollars; what is under a cent keeps two digits that say something."""
    if 0 < amount < 0.01:
        return f"{amount:.2g} USD" if amount >= 0.0001 else "< 0.0001 USD"
    return f"{amount:,.2f} USD"


def duration(seconds: float) -> str:
    """A time as `42 s`, `3 min 20 s` or `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def cost_words(cells: Sequence[Cell]) -> str:
    """What cells cost and how long they were asked: `1.20 USD, 3 min 20 s of asking`."""
    paid, asked = sum(cell.cost_usd for cell in cells), sum(cell.wall_s for cell in cells)
    price = dollars(paid) if paid else "no priced answers"
    return f"{price}, {duration(asked)} of asking"
