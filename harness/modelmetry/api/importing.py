"""Imports: runs made of other people's logs, to be reported and compared like our own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modelmetry.api.results import Run, read_run, write_report
from modelmetry.errors import BadInput
from modelmetry.runs import imports

if TYPE_CHECKING:
    from modelmetry.runs.imports import Log, Reading, Said
    from modelmetry.statistics import Estimate

_ALIKE = 1e-9
"""Largest difference between two means of the same scores, added up in another order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A log that was made a run.

    Attributes:
        run: The run, scored.
        log: The file.
        task: What the log calls its task.
        metric: Which of its metrics is the score.
        new: Whether it was made now; False where the same import was there already.
        found: Accuracy, computed anew from its samples; None where nothing was scored.
        said: What the log itself says, on the scale from 0 to 1; None where it says nothing.
        clustered: By what the log clusters its own standard error; empty if by nothing.
    """

    run: Run
    log: Path
    task: str
    metric: str
    new: bool
    found: Estimate | None
    said: Said | None
    clustered: str = ""

    @property
    def notes(self) -> list[str]:
        """Why its numbers are not the log's own, and what the log lacks; none where all agree."""
        found, said, notes = self.found, self.said, []
        if said is not None and found is not None:
            if _apart(said.value, found.value):
                notes.append(f"the means differ: {self._why(found, said)}")
            elif _apart(said.std_error, found.std_error):
                notes.append(f"the standard errors differ: {self._how()}")
        if self.run.record.note:
            notes.append(self.run.record.note)
        return notes

    def _why(self, found: Estimate, said: Said) -> str:
        if said.note:
            return said.note
        if self.run.record.status != "finished":
            return "the log is not complete"
        if found.unscored:
            return "the log counts what failed or could not be scored"
        return "the log's own number is no mean over its samples"

    def _how(self) -> str:
        ours, theirs = self.run.record.origin.get("cluster"), self.clustered or "sample"
        if ours != theirs:
            return f"here over clusters by {ours}, in the log by {theirs}"
        return "the log's own is not that of a mean over its samples"


def _apart(a: float | None, b: float | None) -> bool:
    return a is not None and b is not None and abs(a - b) > _ALIKE


def import_logs(
    paths: str | Path | Sequence[str | Path],
    *,
    log_dir: str | Path = "runs",
    metric: str | Sequence[str] | None = None,
    cluster: str | None = None,
    split: str = "test",
    scale: tuple[float, float] = (0.0, 1.0),
    factors: Sequence[str] = (),
    watch: Callable[[Imported], None] = lambda _: None,
) -> list[Imported]:
    """Make a run of each log of inspect_ai or lm_eval, with its report; neither has to be installed.

    What failed in the other harness is unscored, and not wrong. Runs of the same questions, by any
    models, compare; questions are the same if task, id and content are.

    Args:
        paths: Logs (`.eval`, `.json`, `samples_*.jsonl`), results of lm_eval, or folders of them.
        log_dir: Folder of run folders.
        metric: Which metric is the score, where a log has several: a scorer, `scorer/key` or
            `metric,filter`, or the part of it that tells it apart; of several the first that a log has.
        cluster: What in a sample's metadata or document names the unit drawn independently; None for
            what the log clusters its own standard error by, or else the sample.
        split: What the questions are called together.
        scale: The metric's values that are worth 0 and 1.
        factors: What in a sample's metadata or document accuracies are wanted by.
        watch: Called with each as it is done.

    Returns:
        One per log, in order. A log that was imported in the same way before is not imported again.

    Raises:
        BadInput: There is no such log, it cannot be read, or a metric is missing, is not named where there
            are several, is no number or lies outside the scale. No log is imported unless all can be read.
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    if not given:
        raise BadInput(f"import: nothing to import; allowed: {imports.ALLOWED}")
    wanted = imports.Reading(
        metric=metric if isinstance(metric, str | None) else tuple(metric),
        cluster=cluster,
        split=split,
        scale=scale,
        factors=tuple(factors),
    )
    files = dict.fromkeys(file for path in given for file in imports.logs_in(Path(path)))
    logs = [imports.read_log(file) for file in files]
    readings = [wanted.of(log) for log in logs]
    done = []
    for log, reading in zip(logs, readings, strict=True):
        done.append(_imported(log, reading, Path(log_dir)))
        watch(done[-1])
    return done


def _imported(log: Log, reading: Reading, log_dir: Path) -> Imported:
    done = made(log, reading, log_dir)
    if done.new:
        write_report([done.run], done.run.folder)
    return done


def made(log: Log, reading: Reading, log_dir: Path) -> Imported:
    """The run of a log, without its report; the one that is there, if it was imported this way before.

    Args:
        log: It.
        reading: How it is read; nothing left open.
        log_dir: Folder of run folders.
    """
    from modelmetry.analyses.estimates import headline

    origin = imports.origin_of(log, reading)
    there = imports.find_import(log_dir, origin)
    run = read_run(there or imports.write_run(log, log_dir, reading, origin))
    rows = [row.estimate for row in headline(run.record, run.scores)]
    return Imported(
        run=run,
        log=log.path,
        task=log.task,
        metric=reading.name,
        new=there is None,
        found=rows[0] if rows else None,
        said=reading.said(log),
        clustered=log.cluster,
    )
