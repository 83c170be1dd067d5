"""A night from its configuration to its pages: planned, asked, summed up, written, kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from modelmetry.api.nightly import states
from modelmetry.api.nightly.asking import ask
from modelmetry.api.nightly.keeping import (
    add_to_leaderboard,
    baselines,
    dropped,
    lines_of_dropped,
    nights_in,
)
from modelmetry.api.nightly.plan import Plan, date_of, planned, priced
from modelmetry.api.nightly.summing import Summed, check_verdicts, summed
from modelmetry.errors import BadInput, cannot_write
from modelmetry.items.whole import write_whole
from modelmetry.nightly import config, gates, history, junit, page, summary
from modelmetry.nightly.job import FIRST, Job
from modelmetry.nightly.night import Night, Reading
from modelmetry.runs.folder import locked, now

SUMMARY = "summary.json"
_BEGUN = "begun.txt"

_GATE_FAILED = 5
_LIMIT_REACHED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Nightly:
    """A night that is over.

    Attributes:
        night: What it found; `summary.json` is this.
        folder: Where it lies.
        asked: Whether anything was asked now; False where the night was finished already.
        notes: What else happened, one line each.
    """

    night: Night
    folder: Path
    asked: bool
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 passed; 5 a gate failed; 4 nothing failed but that a limit kept cells from finishing."""
        failed = self.night.failed
        if not failed:
            return 0
        stopped = {(cell.suite, cell.model) for cell in self.night.cells if cell.status == "limit"}
        alone = all(v.gate == gates.COVERAGE and (v.suite, v.model) in stopped for v in failed)
        others = any(c.status not in ("limit", "finished") for c in self.night.cells)
        return _LIMIT_REACHED if alone and not others else _GATE_FAILED


def nightly(
    config_file: str | Path,
    *,
    date: str | None = None,
    out: str | Path | None = None,
    said: Callable[[str], None] = lambda _: None,
) -> Nightly:
    """Ask every model every suite, hold the night against its gates and write it down.

    The same date again asks only what is missing: nothing where all is finished, the rest of a night that
    was interrupted, and what a changed configuration asks anew. What is finished is never asked again.

    Args:
        config_file: A `nightly.yaml`; paths in it are relative to it.
        date: The night, as YYYY-MM-DD; None for today in the configuration's time zone.
        out: Folder of all nights, in place of the configuration's.
        said: Told in one line whenever something ends.

    Returns:
        The night; `exit_code` is what a scheduler is to be told.

    Raises:
        BadInput: The configuration is wrong, the secret is missing, or another night is at work there.
        KeyboardInterrupt: Ctrl-C; the night can be gone on with.
    """
    path = Path(config_file)
    job = config.read(path)
    target = Path(out) if out is not None else path.parent / job.out
    plan = planned(job, path.parent, date_of(date, job.timezone), target)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(target, error) from error
    with locked(target, "another night is at work there; allowed: one at a time"):
        _check_baseline(plan)
        if (night := _finished(plan)) is not None:
            return Nightly(night=night, folder=plan.folder, asked=False)
        started = _begun(plan)
        before = history.read(target, before=plan.date)
        blocked = _ask(plan, before, said)
        found = summed(plan, before, check_verdicts(plan, before), blocked)
        night = _night(plan, found, started)
        known = _write(plan, night, before, found)
        notes = _kept(plan, path.parent, known)
    return Nightly(night=night, folder=plan.folder, asked=True, notes=tuple(notes))


def dry_run_nightly(
    config_file: str | Path, *, date: str | None = None, out: str | Path | None = None
) -> list[dict[str, Any]]:
    """What `nightly` would ask with the same arguments; asks and writes nothing.

    Args: see `nightly`.

    Returns:
        Of every cell: suite, model, kind, seed commitment, requests, whether it is finished already, and
        the most that it can cost in US dollars (None where the model's prices are unknown).
    """
    from modelmetry.api.running import dry_run

    path = Path(config_file)
    job = config.read(path)
    target = Path(out) if out is not None else path.parent / job.out
    plan = planned(job, path.parent, date_of(date, job.timezone), target)
    _check_baseline(plan)
    over = _finished(plan) is not None
    told = []
    for each in plan.asks:
        question, model = each.question, plan.models[each.model]
        given = next(m for m in job.respondents if m.label == each.model)
        most = None
        if priced(model):
            counted = dry_run(
                question.what,
                model=given.model,
                model_base_url=given.base_url,
                model_options=given.options,
                limit=question.limit,
                seed=question.seed,
                epochs=question.epochs,
                temperature=question.temperature,
                max_tokens=question.max_tokens,
                suite_options=question.options or None,
            )
            most = next((v for k, v in counted.items() if k.startswith("cost in USD")), None)
        told.append(
            {
                "suite": question.suite,
                "model": each.model,
                "kind": question.kind,
                "requests": question.requests,
                "most cost in USD": most,
                "finished": over or states.is_done(plan.folder, each),
                "seed commitment": question.commitment,
            }
        )
    return told


def _check_baseline(plan: Plan) -> None:
    """Refuse a pinned night that there is none of, before anything is asked."""
    regression = plan.job.gates.regression
    pinned = None if regression is None else config.baseline_of(regression, "gates")
    known = nights_in(plan.out)
    if pinned in (None, FIRST) or str(pinned) in (*known, plan.date):
        return
    last = ", ".join(known[-5:]) or "none yet"
    raise BadInput(
        f"gates.regression.baseline: {pinned}: no such night in {plan.out}; allowed: {FIRST}, none, or one "
        f"of its nights ({last})"
    )


def _finished(plan: Plan) -> Night | None:
    """The night as it was summed up, where all of it is finished and nothing changed since.

    Raises:
        BadInput: Its answers are kept no longer, so that asking anew would write over its history.
    """
    night = read_night(plan.folder)
    same = night is not None and night.config_digest == plan.job.digest
    if night is None:
        gone = history.has(plan.out, plan.date) and not plan.folder.exists()
    else:
        finished = any(cell.status == states.FINISHED for cell in night.cells)
        gone = finished and not (plan.folder / states.RUNS).is_dir()
    if gone and not same:
        raise BadInput(
            f"{plan.date}: its answers are kept no longer, so that nothing can be added to it; allowed: "
            f"other nights (to ask it anew, remove {plan.out / history.FOLDER / plan.date}.parquet"
            f"{f' and {plan.folder}' if plan.folder.exists() else ''})"
        )
    done = gone or all(states.is_done(plan.folder, each) for each in plan.asks)
    return night if same and done else None


def read_night(folder: Path) -> Night | None:
    """The summary in a night's folder; None where there is none that can be read."""
    try:
        return msgspec.json.decode((folder / SUMMARY).read_bytes(), type=Night)
    except (OSError, ValueError):
        return None


def _begun(plan: Plan) -> str:
    """When the night first began."""
    path = plan.folder / _BEGUN
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        moment = now()
        write_whole(path, moment.encode() + b"\n")
        return moment


def _ask(plan: Plan, before: list[Reading], said: Callable[[str], None]) -> str:
    """Ask the check standard, then the models; returns why the models were not asked, if so."""
    check, anchors = plan.job.check, [a for a in plan.asks if a.question.kind == "anchor"]
    first = [each for each in anchors if check is not None and each.model == check.label]
    if check is not None:
        ask(plan, first, said)
        moved = [v for v in check_verdicts(plan, before) if v.outcome == "failed"]
        if moved and not check.go_on:
            for verdict in moved:
                said(f"{verdict.model} on {verdict.suite}: {verdict.says}")
            return "the check standard moved, so that nothing measured now would mean what it did"
    ask(plan, [each for each in plan.asks if each not in first], said)
    budget = plan.job.budget.cost
    if budget is not None and states.spent(plan.folder, plan.asks) < budget:
        # What models left of their shares goes to those whose share was too small, one by one.
        for model in plan.job.models:
            own = [each for each in plan.asks if each.model == model.label]
            if any(states.cell_of(plan.folder, a).status == states.LIMIT for a in own):
                ask(plan, own, said)
    return ""


def _night(plan: Plan, found: Summed, started: str) -> Night:
    return Night(
        name=plan.job.name,
        date=plan.date,
        started_at=started,
        ended_at=now(),
        cells=found.cells,
        readings=found.readings,
        verdicts=found.verdicts,
        config_digest=plan.job.digest,
        harness_version=version("modelmetry"),
    )


def _write(plan: Plan, night: Night, before: list[Reading], found: Summed) -> list[Reading]:
    """Write everything, the summary last: a night with a summary is a night that was written whole.

    Returns:
        The readings of all nights, later ones included where this one was made up for.
    """
    folder = plan.folder
    (folder / SUMMARY).unlink(missing_ok=True)
    history.write(plan.out, plan.date, night.readings)
    known = history.read(plan.out)
    write_whole(folder / "summary.md", summary.markdown(night, before).encode())
    write_whole(folder / "junit.xml", junit.xml(night).encode())
    page.write_pages(plan.out, night, known, found.charts)
    data = msgspec.json.format(msgspec.json.encode(night), indent=2) + b"\n"
    write_whole(folder / SUMMARY, data)
    return known


def _kept(plan: Plan, beside: Path, known: list[Reading]) -> list[str]:
    job: Job = plan.job
    notes = []
    if job.leaderboard is not None:
        notes += add_to_leaderboard(plan, beside / job.leaderboard)
    spared = baselines(plan, known)
    return [*notes, *lines_of_dropped(dropped(plan.out, job.keep, spared, plan.date))]
