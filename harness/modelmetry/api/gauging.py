"""Gauge R&R of runs: what a suite resolves, or what one model's score is uncertain by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from modelmetry.api.results import read_run
from modelmetry.errors import BadInput

if TYPE_CHECKING:
    from modelmetry.analyses.resolution import GaugeStudy


def grr(
    run_folders: Sequence[str | Path], *, target: float = 0.9, back_ends: bool = False
) -> GaugeStudy:
    """Gauge R&R: repeatability, reproducibility, how many models the suite can tell apart.

    With runs of one model only there is nothing to tell apart; then it is the uncertainty budget
    over the editions that were asked.

    Args:
        run_folders: Runs of one suite, two or more.
        target: Generalizability that the recommended design shall reach, in (0, 1).
        back_ends: Whether the runs asked one model, each through a back end of its own.

    Raises:
        BadInput: Fewer than two runs, runs of different suites, runs without scored answers, or the
            target is out of range.
    """
    from modelmetry.analyses import resolution

    if len(run_folders) < 2:
        raise BadInput(f"grr: {len(run_folders)} run; allowed: two or more of one suite")
    reads = [read_run(folder) for folder in run_folders]
    for read in reads:
        if not read.scores.num_rows:
            raise BadInput(f"{read.folder}: the run has no answers yet; allowed: runs with answers")
    runs = [(read.record, read.scores) for read in reads]
    resolution.check_suite(runs)
    study = resolution.gauge_study(runs, target=target, back_ends=back_ends)
    if not study.resolutions and not study.budgets:
        raise BadInput("grr: one model and one edition; allowed: other models, or other seeds too")
    return study
