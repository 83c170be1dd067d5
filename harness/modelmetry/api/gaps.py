"""Systematicity of runs: how much worse a model is at combinations that its training never shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from modelmetry.api.results import read_run
from modelmetry.errors import BadInput

if TYPE_CHECKING:
    from modelmetry.analyses.gap_trends import GapStudy


def systematicity(
    run_folders: str | Path | Sequence[str | Path],
    *,
    control: str | Path | None = None,
    amounts: Mapping[str, float] | None = None,
) -> GapStudy:
    """Gaps on held-out pairs: pooled over pairs, against diversity, training data and a control.

    A gap is balanced accuracy on what training shows (splits `...-iid`, `cogent-a`) less that on what it
    never shows together (`...-ood`, `cogent-b`). A report has the same numbers.

    Args:
        run_folders: One run, or several.
        control: A run of the same problems without the training in question, such as the model
            before it was tuned; by default a run's own tasks without solved examples are the control of
            those with some.
        amounts: Run's id or model -> training examples behind it, for the trend against them.

    Raises:
        BadInput: No run, a run without answers or without held-out pairs, or a bad amount.
    """
    from modelmetry.analyses.gap_trends import gap_study

    folders = [run_folders] if isinstance(run_folders, str | Path) else list(run_folders)
    if not folders:
        raise BadInput("systematicity: no run; allowed: one or more")
    reads = [read_run(folder) for folder in [*folders, *([control] if control else [])]]
    for read in reads:
        if not read.scores.num_rows:
            raise BadInput(f"{read.folder}: the run has no answers yet; allowed: runs with answers")
    runs = [(read.record, read.scores) for read in reads]
    against = runs.pop() if control else None
    study = gap_study(runs, amounts=amounts, control=against)
    for read, run in zip(reads, study.runs, strict=False):
        if not run.found:
            raise BadInput(
                f"{read.folder}: no splits in twos such as minimal-iid and minimal-ood, of a task with "
                "the factor pair, have answers; allowed: runs of suites such as clevr-hope"
            )
    return study
