"""Gauge R&R of runs: what a suite resolves, or what one model's score is uncertain by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modelmetry.api.results import read_run
from modelmetry.errors import BadInput

if TYPE_CHECKING:
    from modelmetry.analyses.budgets import SplitBudget
    from modelmetry.analyses.resolution import Resolution


@dataclass(frozen=True, slots=True, kw_only=True)
class GaugeStudy:
    """What some runs say about the instrument.

    Attributes:
        suite: Its name and version.
        models: How many models were asked.
        editions: How many editions were asked.
        resolutions: What it tells apart on each headline split; empty for one model.
        budgets: What one model's score is uncertain by; empty for several models.
    """

    suite: str
    models: int
    editions: int
    resolutions: list[Resolution]
    budgets: list[SplitBudget]


def grr(run_folders: Sequence[str | Path], *, target: float = 0.9) -> GaugeStudy:
    """Gauge R&R: repeatability, reproducibility, how many models the suite can tell apart.

    With runs of one model only there is nothing to tell apart; then it is the uncertainty budget
    over the editions that were asked.

    Args:
        run_folders: Runs of one suite, two or more.
        target: Generalizability that the recommended design shall reach, in (0, 1).

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
    models = resolution.models_of(runs)
    suite = reads[0].record.suite
    return GaugeStudy(
        suite=f"{suite.name} version {suite.version}",
        models=models,
        editions=len({read.record.edition for read in reads}),
        resolutions=resolution.resolve(runs, target=target) if models > 1 else [],
        budgets=resolution.editions_budget(runs) if models == 1 else [],
    )
