"""The process that asks one model: cell after cell, from a job on its standard input.

    python -m modelmetry.api.nightly.worker < work.json

The first line is a `Work`. When the input ends, whoever started the process is gone: it stops gently.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import msgspec

import modelmetry.runs as runs
from modelmetry.api.nightly import states
from modelmetry.api.nightly.plan import Ask, Work, priced
from modelmetry.api.running import run
from modelmetry.errors import LimitReached, ModelmetryError, Unreachable
from modelmetry.models import Model, resolve
from modelmetry.runs import RunRecord

_HANGS_S = 30.0
"""So long after its time a cell that does not stop is given up, and the process with it."""

OUT_OF_TIME = 75
"""Exit code of a process that was given up."""


class _Stop:
    """Why the process is to stop, if it is."""

    def __init__(self) -> None:
        self.parent_gone = False
        self.out_of_time = False

    def listen(self, channel: IO[bytes]) -> None:
        """Wait for the end of the input, then interrupt the main thread."""
        with suppress(OSError, ValueError):
            while channel.read(1):
                pass
        self.parent_gone = True
        os.kill(os.getpid(), signal.SIGINT)

    @contextmanager
    def within(self, minutes: float | None) -> Iterator[None]:
        """Interrupt the main thread after so many minutes; end the process if that does not help."""
        self.out_of_time = False
        if minutes is None:
            yield
            return

        def late() -> None:
            self.out_of_time = True
            os.kill(os.getpid(), signal.SIGINT)

        timers = [
            threading.Timer(60 * minutes, late),
            threading.Timer(60 * minutes + _HANGS_S, os._exit, (OUT_OF_TIME,)),
        ]
        for timer in timers:
            timer.daemon = True
            timer.start()
        try:
            yield
        finally:
            for timer in timers:
                timer.cancel()


def main() -> None:
    """Ask everything in the job."""
    channel = sys.stdin.buffer
    work = msgspec.json.decode(channel.readline(), type=Work)
    stop = _Stop()
    threading.Thread(target=stop.listen, args=(channel,), daemon=True).start()
    given = work.model
    model = resolve(given.model, base_url=given.base_url, options=given.options)
    spent = 0.0
    for ask in work.asks:
        spent += _asked(work, ask, model, stop, spent)
        if stop.parent_gone:
            return


def _asked(work: Work, ask: Ask, model: Model, stop: _Stop, spent: float) -> float:
    """Ask one cell and write down how it ended; returns what this session spent on it."""
    night = Path(work.folder)
    before = states.read(night, ask.key)
    earlier = 0.0
    found: dict[str, Path] = {}
    if before is not None and before.digest == ask.digest:
        earlier = before.cell.cost_usd
        if before.cell.run:
            found["run"] = night / before.cell.run

    def started(folder: Path, _: RunRecord) -> None:
        found["run"] = folder
        states.write(night, ask, status=states.ASKING, run=_within(night, folder), cost_usd=earlier)

    known = _within(night, found["run"]) if found else ""
    states.write(night, ask, status=states.ASKING, run=known, cost_usd=earlier)
    status, note = _outcome(work, ask, model, stop, _left(work, model, spent), started)
    folder = found.get("run")
    total = cost_of(folder)
    states.write(
        night,
        ask,
        status=status,
        note=" ".join(note.split()),
        run="" if folder is None or not runs.is_run(folder) else _within(night, folder),
        wall_s=_seconds(folder),
        cost_usd=total,
    )
    return max(0.0, total - earlier)


def _outcome(
    work: Work,
    ask: Ask,
    model: Model,
    stop: _Stop,
    left: float | None,
    started: Callable[[Path, RunRecord], None],
) -> tuple[str, str]:
    """Ask one cell; returns how it ended and why, whatever that was."""
    question = ask.question
    try:
        _check_left(left)
        with stop.within(work.cell_minutes):
            run(
                question.what,
                model=model,
                limit=question.limit,
                seed=question.seed,
                epochs=question.epochs,
                temperature=question.temperature,
                max_tokens=question.max_tokens,
                suite_options=question.options or None,
                max_connections=work.model.max_connections,
                max_retries=work.model.max_retries,
                cost_limit=left,
                log_dir=Path(work.folder) / states.RUNS,
                resume=True,
                started=started,
            )
    except LimitReached as error:
        return states.LIMIT, str(error)
    except KeyboardInterrupt:
        if stop.out_of_time and not stop.parent_gone:
            return states.LIMIT, f"the time limit of {work.cell_minutes:g} minutes was reached"
        return "interrupted", "stopped; go on with the same command"
    except Unreachable as error:
        return "unreachable", str(error)
    except ModelmetryError as error:
        return states.FAILED, str(error)
    except Exception as error:  # noqa: BLE001 - one cell must not stop the others
        return states.FAILED, f"unexpected {type(error).__name__}: {error}"
    return states.FINISHED, ""


def _left(work: Work, model: Model, spent: float) -> float | None:
    """US dollars that the next cell may cost; None for no limit."""
    if not priced(model):
        return None
    limits = [work.cell_cost, None if work.cost is None else work.cost - spent]
    return min((limit for limit in limits if limit is not None), default=None)


def _check_left(left: float | None) -> None:
    if left is not None and left <= 0:
        raise LimitReached("the cost limit was reached before this")


def cost_of(folder: Path | None) -> float:
    """US dollars that the answers of a run cost."""
    if folder is None or not runs.is_run(folder):
        return 0.0
    with suppress(ModelmetryError), runs.open_store(folder) as store:
        return round(sum(response.cost_usd for *_, response in store.rows()), 9)
    return 0.0


def _seconds(folder: Path | None) -> float:
    with suppress(ModelmetryError):
        if folder is not None:
            return runs.read_record(folder).wall_s
    return 0.0


def _within(night: Path, folder: Path) -> str:
    return folder.relative_to(night).as_posix()


if __name__ == "__main__":
    main()
