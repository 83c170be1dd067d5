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

AXES = {"weights": "weights", "steps": "training steps"}
"""Axes by the word that chooses them; any other word is an axis of its own."""


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
        threshold: More duplicates than this are a recitation, >= 0.
        along: Of several runs, the axis along which they stand: `weights`, `steps`, or any name; by
            default the number of weights, where the back ends told it and it differs.
        at: Place of each run along it, in the order of the runs, finite and each another; only the
            number of weights is known without.

    Raises:
        BadInput: No run, a run without answers or without tasks that continue, an argument out of range, or
            several runs whose places are not known.
    """
    from modelmetry.analyses.comparison import run_names
    from modelmetry.analyses.memorization.growth import find_growth
    from modelmetry.analyses.memorization.study import study

    folders = [run_folders] if isinstance(run_folders, str | Path) else list(run_folders)
    if not folders:
        raise BadInput("memorization: no run; allowed: one or more")
    _check(threshold, along, at, len(folders))
    reads = [read_run(folder) for folder in folders]
    for read in reads:
        if not read.scores.num_rows:
            raise BadInput(
                f"{read.folder}: the run has no answers yet; allowed: runs with answers "
                f"(go on with: modelmetry run {read.folder})"
            )
    axis, places = ("", []) if len(reads) == 1 else _places(reads, along, at)
    found = []
    for read in reads:
        made = study(read.record, read.scores, threshold=threshold)
        if made is None:
            raise BadInput(
                f"{read.folder}: no task asks what comes next; allowed: runs of suites such as memorization, "
                "extraction and contamination"
            )
        found.append(made)
    names = run_names([read.record for read in reads])
    return Memorization(
        names=tuple(names),
        studies=tuple(found),
        growth=find_growth(found, names, places, axis) if len(found) > 1 else (),
    )


def _check(threshold: int, along: str | None, at: Sequence[float] | None, runs: int) -> None:
    if isinstance(threshold, bool) or not isinstance(threshold, int) or threshold < 0:
        raise BadInput(f"threshold: {threshold!r}; allowed: integers from 0")
    if runs == 1 and (along is not None or at is not None):
        raise BadInput(
            "along: there is one run; allowed: no axis, or two runs or more that stand along it"
        )
    if along is not None and not along.strip():
        raise BadInput("along: no name; allowed: weights, steps, or the name of an axis")
    if at is None:
        return
    if len(at) != runs:
        raise BadInput(
            f"at: {len(at)} places for {runs} runs; allowed: one for each, in their order"
        )
    for place in at:
        if not abs(place) < float("inf"):
            raise BadInput(f"at: {place}; allowed: finite numbers")
    if len(set(at)) < len(at):
        raise BadInput("at: a place is given twice; allowed: another one for each run")


def _places(
    reads: Sequence[Run], along: str | None, at: Sequence[float] | None
) -> tuple[str, list[float]]:
    """The axis and the place of each run along it."""
    if at is not None:
        return AXES.get(along or "", along or "place"), [float(place) for place in at]
    if along not in (None, "weights"):
        raise BadInput(
            f"along: the runs' places along {AXES.get(along, along)} are not known; allowed: places stated "
            "with --at, one for each run in their order"
        )
    from modelmetry.reports.memorization.growth import weights

    told = [weights(read.record) for read in reads]
    known = [number for number in told if number is not None]
    if len(known) == len(told) and len(set(known)) == len(known):
        return AXES["weights"], known
    why = "is not known of every run" if len(known) < len(told) else "is the same for several runs"
    raise BadInput(
        f"memorization: the number of weights {why}; allowed: several runs with their places stated, as in "
        "--along steps --at 1000,2000"
    )
