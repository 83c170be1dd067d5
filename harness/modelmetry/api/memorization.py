"""Memorization studies: what a model continues word for word, and what that depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modelmetry.api.results import Run, read_run
from modelmetry.errors import BadInput

if TYPE_CHECKING:
    from modelmetry.analyses.memorization.growth import Growth
    from modelmetry.analyses.memorization.study import MemorizationStudy


@dataclass(frozen=True, slots=True, kw_only=True)
class Memorization:
    """The memorization studies of one or more runs.

    Attributes:
        names: What the runs are called.
        studies: One of each run, in the same order.
        growth: Along size or training, of each task; empty for one run.
    """

    names: tuple[str, ...]
    studies: tuple[MemorizationStudy, ...]
    growth: tuple[Growth, ...]


def memorization(
    run_folders: str | Path | Sequence[str | Path],
    *,
    threshold: int = 5,
    along: str | None = None,
    at: Sequence[float] | None = None,
) -> Memorization:
    """What is extracted, and what that depends on. A report has the same numbers.

    Args:
        run_folders: One run, or several: sizes of one model, or steps of its training.
        threshold: More copies than this are a recitation, >= 0.
        along: Of several runs, the axis along which they stand: `weights`, `steps`, or any name; by
            default the number of weights, where the back ends told it and it differs.
        at: Place of each run along it, in the order of the runs, finite and each another; only the
            number of weights is known without.

    Raises:
        BadInput: No run, a run without answers or without tasks that continue, a task whose generator cannot
            be made (the folder of its probes was moved), an argument out of range, or several runs whose
            places are not known.
    """
    from modelmetry.analyses.comparison import run_names
    from modelmetry.analyses.memorization.growth import find_growth
    from modelmetry.reports.memorization.axes import check_axis, find_axis

    folders = [run_folders] if isinstance(run_folders, str | Path) else list(run_folders)
    if not folders:
        raise BadInput("memorization: no run; allowed: one or more")
    if isinstance(threshold, bool) or not isinstance(threshold, int) or threshold < 0:
        raise BadInput(f"threshold: {threshold!r}; allowed: integers from 0")
    check_axis(along, at, len(folders))
    reads = [read_run(folder) for folder in folders]
    for read in reads:
        if not read.scores.num_rows:
            raise BadInput(
                f"{read.folder}: the run has no answers yet; allowed: runs with answers "
                f"(go on with: modelmetry run {read.folder})"
            )
    records = [read.record for read in reads]
    axis = find_axis(records, along, at) if len(reads) > 1 else None
    found = [_study(read, threshold) for read in reads]
    names = run_names(records)
    return Memorization(
        names=tuple(names),
        studies=tuple(found),
        growth=find_growth(found, names, axis.places, axis.name) if axis else (),
    )


def _study(read: Run, threshold: int) -> MemorizationStudy:
    """The study of a run of which every task that asks what comes next can be read."""
    from modelmetry.analyses.memorization.study import study
    from modelmetry.reports.memorization.absent import unmade, why_no_study

    for _, why in unmade(read.record):
        raise BadInput(f"{read.folder}: {why}")
    made = study(read.record, read.scores, threshold=threshold)
    if made is None:
        raise BadInput(f"{read.folder}: {why_no_study(read.record)}")
    return made
