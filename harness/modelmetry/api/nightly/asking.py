"""Asking the models of a night: a process for each, several at once, and none that stops the rest."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

import modelmetry.runs as runs
from modelmetry.api.nightly import states
from modelmetry.api.nightly.plan import Ask, Plan, Work, priced
from modelmetry.errors import BadInput, cannot_write
from modelmetry.items import content_hash
from modelmetry.nightly.job import ModelJob
from modelmetry.nightly.night import Cell
from modelmetry.runs.folder import locked

LOGS = "logs"
_POLL_S = 0.05
_GRACE_S = 20.0
"""So long a process may take to stop gently."""

Said = Callable[[str], None]


@dataclass(kw_only=True)
class _Process:
    """A process that asks one model.

    Attributes:
        respondent: The model.
        asks: What it was given.
        popen: The process.
        log: Its output.
        told: Keys of cells whose end was told already.
    """

    respondent: ModelJob
    asks: tuple[Ask, ...]
    popen: subprocess.Popen[bytes]
    log: Path
    told: set[str] = field(default_factory=set)


def ask(plan: Plan, asks: Sequence[Ask], said: Said) -> None:
    """Ask models whatever cells of the night still lack, and write down how each cell ended.

    Args:
        plan: The night.
        asks: The cells; those that are finished are left alone.
        said: Told in one line whenever a cell ends.

    Raises:
        BadInput: The night's folder cannot be written.
        KeyboardInterrupt: Ctrl-C or SIGTERM; every process has stopped, and the night can be gone on with.
    """
    _settle(plan.folder / states.RUNS)
    _Asking(plan, said).ask([each for each in asks if not states.is_done(plan.folder, each)])


def _settle(folder: Path) -> None:
    """Wait for processes of a night that was killed, which stop on their own within seconds."""
    until = time.monotonic() + _GRACE_S
    for run in runs.runs_in(folder):
        while True:
            try:
                with locked(run):
                    break
            except BadInput:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)


class _Asking:
    """The processes of a night."""

    def __init__(self, plan: Plan, said: Said) -> None:
        self.plan, self.said = plan, said
        self.waiting: list[tuple[ModelJob, tuple[Ask, ...]]] = []
        self.running: list[_Process] = []
        secret = plan.job.secret
        hidden = {secret.env} if secret is not None and secret.env else set()
        # What asks a model need not know tomorrow's problems.
        self.environment = {k: v for k, v in os.environ.items() if k not in hidden}

    def ask(self, asks: Sequence[Ask]) -> None:
        for respondent in self.plan.job.respondents:
            own = tuple(each for each in asks if each.model == respondent.label)
            if own:
                self.waiting.append((respondent, own))
        try:
            with _terminable():
                while self.waiting or self.running:
                    while self.waiting and len(self.running) < self.plan.job.parallel:
                        self._start(*self.waiting.pop(0))
                    time.sleep(_POLL_S)
                    self._look()
        finally:
            self._stop()

    def _start(self, respondent: ModelJob, asks: tuple[Ask, ...]) -> None:
        night = self.plan.folder
        for each in asks:
            state = states.read(night, each.key)
            same = state is not None and state.digest == each.digest
            run, spent = (state.cell.run, state.cell.cost_usd) if state and same else ("", 0.0)
            states.write(night, each, status=states.WAITING, run=run, cost_usd=spent)
        work = Work(
            model=_plain(respondent),
            asks=asks,
            folder=str(night.absolute()),
            cost=self._allowance(respondent),
            cell_cost=self.plan.job.budget.cell_cost,
            cell_minutes=self.plan.job.budget.cell_minutes,
        )
        log = night / LOGS / f"{_file_name(respondent.label)}.log"
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as output:
                popen = subprocess.Popen(
                    [sys.executable, "-m", "modelmetry.api.nightly.worker"],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=output,
                    env=self.environment,
                    # Ctrl-C reaches this process alone, which tells the others by closing their input.
                    start_new_session=True,
                )
        except OSError as error:
            raise cannot_write(log, error) from error
        if popen.stdin is not None:
            # Where it ended at once its exit code says so.
            with contextlib.suppress(BrokenPipeError):
                popen.stdin.write(msgspec.json.encode(work) + b"\n")
                popen.stdin.flush()
        self.running.append(_Process(respondent=respondent, asks=asks, popen=popen, log=log))

    def _allowance(self, respondent: ModelJob) -> float | None:
        """US dollars that a model may spend now: its own limit, and its share of what the night has left."""
        model, job, night = self.plan.models[respondent.label], self.plan.job, self.plan.folder
        if not priced(model):
            return None
        limits = []
        if respondent.cost_limit is not None:
            own = [ask for ask in self.plan.asks if ask.model == respondent.label]
            limits.append(respondent.cost_limit - states.spent(night, own))
        if job.budget.cost is not None:
            # Shares, so that models at work at the same time cannot spend the same dollar.
            promised = len(self.running) + len(self.waiting) + 1
            limits.append((job.budget.cost - states.spent(night, self.plan.asks)) / promised)
        return max(0.0, min(limits)) if limits else None

    def _look(self) -> None:
        for process in list(self.running):
            ended = process.popen.poll()
            self._tell(process)
            if ended is not None:
                self.running.remove(process)
                _close(process)
                self._after(process, ended)

    def _tell(self, process: _Process) -> None:
        for each in process.asks:
            state = states.read(self.plan.folder, each.key)
            if each.key in process.told or state is None:
                continue
            if state.cell.status not in (states.WAITING, states.ASKING):
                process.told.add(each.key)
                self.said(line_of(state.cell))

    def _after(self, process: _Process, code: int) -> None:
        """What a process left undone: the cell that ended it has failed, the others are asked again."""
        night = self.plan.folder
        found = [(each, states.read(night, each.key)) for each in process.asks]
        fatal = [e for e, s in found if s is not None and s.cell.status == states.ASKING]
        left = tuple(e for e, s in found if s is None or s.cell.status == states.WAITING)
        if not fatal and left:
            fatal, left = list(left), ()
        why = _why(code, process.log)
        for each in fatal:
            state = states.read(night, each.key)
            run = state.cell.run if state is not None else ""
            known = state.cell.cost_usd if state is not None else 0.0
            states.write(night, each, status=states.FAILED, run=run, note=why, cost_usd=known)
        self._tell(process)
        if left:
            self.waiting.insert(0, (process.respondent, left))

    def _stop(self) -> None:
        """Let every process that is left stop gently, then by force."""
        for process in self.running:
            _close(process)
        until = time.monotonic() + _GRACE_S
        for process in self.running:
            try:
                process.popen.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.popen.kill()
                process.popen.wait()
        self.running = []


def _close(process: _Process) -> None:
    """End the process's input, at which it stops gently if it has not ended."""
    if process.popen.stdin is not None:
        with contextlib.suppress(OSError):
            process.popen.stdin.close()


def _plain(respondent: ModelJob) -> ModelJob:
    """The check standard, too, as a model like any other."""
    return ModelJob(**{name: getattr(respondent, name) for name in ModelJob.__struct_fields__})


def line_of(cell: Cell) -> str:
    """One line about a cell that has ended."""
    what = "fresh problems" if cell.kind == "fresh" else "anchors"
    more = f": {cell.note}" if cell.note else f" in {cell.wall_s:.1f} s"
    price = f", {cell.cost_usd:.4f} USD" if cell.cost_usd else ""
    return f"{cell.model} on {cell.suite}, {what}: {cell.status}{more}{price}"


def _why(code: int, log: Path) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"its process was killed by {signal.Signals(-code).name}"
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        lines = []
    last = f": {lines[-1][:300]}" if lines else ""
    return f"its process ended with exit code {code}{last}"


def _file_name(model: str) -> str:
    """A model's name as a file's, with a mark that keeps names apart."""
    plain = re.sub(r"[^A-Za-z0-9.]+", "-", model).strip("-.")[:60]
    return f"{plain}-{content_hash(model)[:6]}"


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Take SIGTERM, which schedulers send, for Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
