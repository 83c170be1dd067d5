"""Contamination in deployment: has a model seen a published edition?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import modelmetry.suites as suites
from modelmetry.api.results import read_run
from modelmetry.errors import BadInput

if TYPE_CHECKING:
    from modelmetry.analyses.contamination.study import ContaminationStudy, Published


@dataclass(frozen=True, slots=True, kw_only=True)
class Contamination:
    """What runs say about whether their models have seen an edition.

    Attributes:
        edition: The edition.
        studies: One per model, in the order of the runs.
        files: The report's files; empty without one.
    """

    edition: Published
    studies: tuple[ContaminationStudy, ...]
    files: tuple[Path, ...]


def contamination(
    run_folders: str | Path | Sequence[str | Path],
    *,
    edition: str | Path,
    out: str | Path | None = None,
    seed: int = 0,
) -> Contamination:
    """Score on the edition less that on fresh ones, its canary, its rows and their order, by model.

    Args:
        run_folders: Runs of the edition's folder, of the same suite with other seeds, and of the suite
            `contamination` about the edition, of one model or several, in any order; one or more.
        edition: The published edition's folder.
        out: Folder for a report; None for none.
        seed: Of the resampling.

    Raises:
        BadInput: No run or no edition, an edition that was changed, a run without answers, or one that
            has nothing to do with the edition.
    """
    from modelmetry.analyses.contamination.study import Published, studies
    from modelmetry.reports.contamination import write_contamination_report

    folders = [run_folders] if isinstance(run_folders, str | Path) else list(run_folders)
    if not folders:
        raise BadInput("contamination: no run; allowed: one or more")
    if not suites.is_edition(Path(edition)):
        raise BadInput(
            f"{edition}: is no edition; allowed: a folder made by `modelmetry generate`, with edition.json"
        )
    manifest = suites.read_edition(Path(edition)).manifest
    published = Published(
        name=manifest.edition,
        suite=manifest.suite,
        seed=manifest.seed,
        canary=bool(manifest.canary),
    )
    reads = [read_run(folder) for folder in folders]
    for read in reads:
        if not read.scores.num_rows:
            raise BadInput(
                f"{read.folder}: the run has no answers yet; allowed: runs with answers "
                f"(go on with: modelmetry run {read.folder})"
            )
    found = studies([(read.record, read.scores) for read in reads], published, seed=seed)
    files = write_contamination_report(Path(out), found, published) if out is not None else []
    return Contamination(edition=published, studies=found, files=tuple(files))
