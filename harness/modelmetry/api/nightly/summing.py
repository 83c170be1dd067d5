"""Summing a night up: readings and verdicts from the scores that its runs left; nothing is scored again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

import modelmetry.runs as runs
from modelmetry.analyses.table import Items, read_items
from modelmetry.api.nightly import states
from modelmetry.api.nightly.plan import Ask, Plan, Question, cell_key
from modelmetry.errors import BadInput
from modelmetry.leaderboards import run_digest
from modelmetry.nightly import gates, marks
from modelmetry.nightly.config import baseline_of
from modelmetry.nightly.job import FIRST, Regression
from modelmetry.nightly.night import Cell, Reading, Verdict
from modelmetry.nightly.series import SeriesChart
from modelmetry.nightly.watching import watch
from modelmetry.runs import RunRecord
from modelmetry.runs.scores import LOGPROBS, SCHEMA


@dataclass(frozen=True, slots=True, kw_only=True)
class Summed:
    """What a night found.

    Attributes:
        cells: Every cell.
        readings: Every estimate.
        verdicts: What every gate says.
        charts: Every number over the nights.
    """

    cells: tuple[Cell, ...]
    readings: tuple[Reading, ...]
    verdicts: tuple[Verdict, ...]
    charts: tuple[SeriesChart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scored:
    """A finished run: its record, its items, and what names its answers (where it was asked for)."""

    record: RunRecord
    items: Items
    digest: str = ""


_First = tuple[str, Items | None]
"""The first night that asked the same anchors, and the items of then; None where they are gone."""


def check_verdicts(plan: Plan, history: Sequence[Reading]) -> list[Verdict]:
    """What the gate of the check standard says, once its anchors are asked."""
    if plan.check is None:
        return []
    asks = [a for a in plan.asks if a.model == plan.check and a.question.kind == "anchor"]
    before = [reading for reading in history if reading.model == plan.check]
    tonight, told, missing = [], {}, []
    for ask in asks:
        if not states.is_done(plan.folder, ask):
            missing.append(gates.unchecked(ask.question.suite, plan.check))
            continue
        found = _read(plan.folder, ask)
        reference = _first(plan, ask, found, history)
        then = None if reference is None else reference[1]
        tonight += _readings(plan, ask, found, then)
        if then is not None:
            told[ask.question.suite] = _moved(found.items, then)
    return [*gates.check_standard(tonight, before, told), *missing]


def _moved(now: Items, then: Items) -> str:
    """How many items are scored otherwise."""
    known = pc.SetLookupOptions(then.uid)
    places = pc.call_function("index_in", [now.uid], known)
    both = places.is_valid().to_numpy(zero_copy_only=False)
    there = places.drop_null().to_numpy()
    changed = int((now.value[both] != then.value[there]).sum())
    scored = f"{changed} of {int(both.sum())} items are scored otherwise"
    return f": {scored}" if changed else ": all scores agree, but answers differ"


def summed(
    plan: Plan, history: Sequence[Reading], checked: Sequence[Verdict], blocked: str
) -> Summed:
    """Read every finished cell once, one table at a time, and hold the night against its gates.

    Args:
        plan: The night.
        history: Readings of the nights before, oldest first.
        checked: What the gate of the check standard said.
        blocked: Why models were not asked; empty if they were.
    """
    cells = tuple(states.cell_of(plan.folder, ask) for ask in plan.asks)
    if blocked:
        cells = tuple(_held_back(cell, blocked, plan.check) for cell in cells)
    readings: list[Reading] = []
    compared: list[gates.Compared] = []
    for question in plan.questions:
        for made, held in _of_question(plan, question, history):
            readings += made
            compared += held
    job = plan.job
    verdicts = [*checked]
    if job.gates.regression is not None:
        verdicts += gates.regression(compared, job.gates.regression)
    watched = watch(history, readings, job.gates.drift, check=plan.check)
    verdicts += watched.verdicts
    if job.gates.cost is not None:
        verdicts += gates.cost(cells, job.gates.cost)
    named = [*_named(job.gates.regression), *_named(job.gates.drift)]
    verdicts += gates.coverage(cells, named=named, blocked=blocked)
    return Summed(
        cells=cells, readings=tuple(readings), verdicts=tuple(verdicts), charts=watched.charts
    )


def _named(gate: object) -> Sequence[str]:
    return getattr(gate, "suites", ())


def _held_back(cell: Cell, why: str, check: str | None) -> Cell:
    if cell.status == states.FINISHED or cell.model == check:
        return cell
    return replace(cell, status=states.FAILED, note=why)


def _of_question(
    plan: Plan, question: Question, history: Sequence[Reading]
) -> Iterator[tuple[list[Reading], list[gates.Compared]]]:
    """The readings and comparisons of every model that finished a question."""
    asks = [ask for ask in plan.asks if ask.question is question]
    done = [ask for ask in asks if states.is_done(plan.folder, ask)]
    gate = plan.job.gates.regression
    if gate is not None and gate.suites and question.suite not in gate.suites:
        gate = None
    asked = [ask.model for ask in asks]
    others = {
        ask.model: _read(plan.folder, ask, named=False).items
        for ask in done
        if gate is not None and ask.model in gate.against
    }
    family = 4 * len(plan.asks)
    for ask in done:
        found = _read(plan.folder, ask)
        reference = _first(plan, ask, found, history)
        readings = _readings(plan, ask, found, None if reference is None else reference[1])
        held: list[gates.Compared] = []
        if gate is not None and ask.model != plan.check:
            wanted = [r.split for r in readings if r.primary or gate.splits == "all"]
            for against, then, why in _held_against(
                plan, ask, found, reference, gate, asked, others
            ):
                held += [
                    _compare(ask, split, against, found.items, then, why, gate, family)
                    for split in wanted
                ]
        yield readings, held


def _held_against(
    plan: Plan,
    ask: Ask,
    found: _Scored,
    reference: _First | None,
    gate: Regression,
    asked: Sequence[str],
    others: dict[str, Items],
) -> Iterator[tuple[str, Items | None, str]]:
    """What a model is compared with, its items, and why there are none."""
    for name in gate.against:
        if name != ask.model:
            why = "it did not finish tonight" if name in asked else "it is not asked this suite"
            yield f"{name} tonight", others.get(name), "" if name in others else why
    baseline = baseline_of(gate, "gates")
    if ask.question.kind != "anchor" or baseline is None:
        return
    if baseline == FIRST:
        if reference is None:
            yield "the first night", None, "this is the first night of these anchors"
        else:
            first, then = reference
            yield first, then, "" if then else "the answers of that night are gone"
        return
    date = str(baseline)
    if date == plan.date:
        yield date, None, "this is the baseline night itself"
        return
    then = _past(plan, ask, found, date)
    yield date, then, "" if then else "that night did not ask this model the same anchors"


def _compare(
    ask: Ask,
    split: str,
    against: str,
    now: Items,
    then: Items | None,
    why: str,
    gate: Regression,
    family: int,
) -> gates.Compared:
    loss = None
    if then is not None:
        loss = marks.loss(
            now, then, split, margin=gate.margin, alpha=gate.false_alarm_rate, family=family
        )
        why = "" if loss is not None else "no item was scored on both sides"
        if loss is not None and loss.paired.mean.std_error is None:
            loss, why = None, "one cluster alone has no test; allowed: two or more"
    return gates.Compared(
        suite=ask.question.suite,
        model=ask.model,
        kind=ask.question.kind,
        split=split,
        against=against,
        loss=loss,
        why=why,
    )


def _read(night: Path, ask: Ask, *, named: bool = True) -> _Scored:
    """A finished cell's run."""
    return _scored(night / states.cell_of(night, ask).run, named=named)


def _scored(folder: Path, *, named: bool = False) -> _Scored:
    record = runs.read_record(folder)
    path = folder / "scores.parquet"
    try:
        table = pq.read_table(path, columns=[n for n in SCHEMA.names if n not in LOGPROBS])
    except (OSError, ValueError) as error:
        what = str(error).splitlines()[0]
        raise BadInput(
            f"{path}: cannot be read: {what}; write it again with: modelmetry report {folder}"
        ) from error
    digest = run_digest(record, table) if named else ""
    return _Scored(record=record, items=read_items(table), digest=digest)


def _readings(plan: Plan, ask: Ask, found: _Scored, reference: Items | None) -> list[Reading]:
    state = states.read(plan.folder, ask.key)
    asked = marks.Asked(
        date=plan.date,
        suite=ask.question.suite,
        model=ask.model,
        kind=ask.question.kind,
        seed_commitment=ask.question.commitment,
        run_digest=found.digest,
        cost_usd=0.0 if state is None else state.cell.cost_usd,
    )
    return list(marks.readings_of(asked, found.record, found.items, reference))


def _first(plan: Plan, ask: Ask, found: _Scored, history: Sequence[Reading]) -> _First | None:
    """The first night that asked a model the same anchors, with its items; None on that night."""
    if ask.question.kind != "anchor":
        return None
    wanted = (ask.question.suite, found.record.suite.version, marks.edition_told(found.record))
    for reading in history:
        same = (reading.suite, reading.suite_version, reading.edition) == wanted
        if same and reading.model == ask.model and reading.kind == "anchor":
            return reading.date, _past(plan, ask, found, reading.date)
    return None


def _past(plan: Plan, ask: Ask, found: _Scored, date: str) -> Items | None:
    """A model's items of another night, where they are the same anchors and are still there."""
    night = plan.out / date
    state = states.read(night, cell_key(ask.question.suite, ask.question.kind, ask.model))
    if state is None or state.cell.status != states.FINISHED:
        return None
    folder = night / state.cell.run
    if not runs.is_run(folder) or not (folder / "scores.parquet").is_file():
        return None
    then = _scored(folder)
    return then.items if then.record.edition == found.record.edition else None
