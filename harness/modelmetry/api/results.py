"""Reading runs: scores, reports, comparisons; no model is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import modelmetry.runs as runs
from modelmetry.errors import BadInput
from modelmetry.runs import RunRecord

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from modelmetry.analyses.comparison import Comparisons
    from modelmetry.reports import Sample
    from modelmetry.scoring.classified import Classified


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run on disk, scored.

    Attributes:
        folder: Where it lies.
        record: What was run and how it ended.
        scores: One row per answer, columns as in `modelmetry.runs.scores.COLUMNS`.
    """

    folder: Path
    record: RunRecord
    scores: pa.Table

    def frame(self) -> pd.DataFrame:
        """The scores as a pandas data frame, shape (answers, columns)."""
        return self.scores.to_pandas()


def read_run(folder: str | Path, *, scorer: str | None = None) -> Run:
    """Open a run and score its stored answers; no model is called.

    Args:
        folder: The run's folder.
        scorer: Entry-point name of a scorer to use in place of the suite's own.

    Raises:
        BadInput: It is not a run, or its answers cannot be read.
    """
    from modelmetry.runs.scores import score_table

    path = Path(folder)
    record = runs.read_record(path)
    with closing(runs.open_store(path)) as store:
        return Run(folder=path, record=record, scores=score_table(record, store, scorer))


def score(run_folder: str | Path, *, scorer: str, out: str | Path | None = None) -> list[Path]:
    """Score the stored answers of a run again, with another scorer, into a folder of their own.

    Args:
        run_folder: The run.
        scorer: Entry-point name.
        out: Where to write; by default `score-<scorer>` within the run.

    Returns:
        The files written.
    """
    target = Path(out) if out else Path(run_folder) / f"score-{scorer}"
    return report([run_folder], out=target, scorer=scorer)


def report(
    run_folders: str | Path | Sequence[str | Path],
    *,
    out: str | Path,
    scorer: str | None = None,
    margin: float | None = None,
    correction: str = "holm",
    along: str | None = None,
    at: Sequence[float] | None = None,
) -> list[Path]:
    """Write report.html, report.md, estimates.csv and scores.parquet of one or more runs.

    Args:
        run_folders: One run, or several.
        out: Folder to write in; made if missing.
        scorer: Entry-point name of a scorer to use in place of the suite's own.
        margin: Of several runs, as for `compare`.
        correction: Of several runs, as for `compare`.
        along: Of several runs of memorization suites, as for `memorization`.
        at: Likewise.

    Returns:
        The files written.
    """
    folders = [run_folders] if isinstance(run_folders, str | Path) else run_folders
    reads = [read_run(folder, scorer=scorer) for folder in folders]
    return write_report(reads, Path(out), margin=margin, correction=correction, along=along, at=at)


def write_report(
    reads: Sequence[Run],
    out: Path,
    *,
    margin: float | None = None,
    correction: str = "holm",
    along: str | None = None,
    at: Sequence[float] | None = None,
) -> list[Path]:
    """Write the report of runs that have been read and scored; returns the files."""
    from modelmetry.reports import Section
    from modelmetry.reports import write_report as write

    for read in reads:
        if not read.scores.num_rows:
            raise BadInput(
                f"{read.folder}: the run has no answers yet; allowed: runs with answers "
                f"(go on with: modelmetry run {read.folder})"
            )
    sections = [
        Section(
            record=read.record,
            scores=read.scores,
            samples=_samples(read),
            classified=verdicts_of(read),
        )
        for read in reads
    ]
    return write(out, sections, margin=margin, correction=correction, along=along, at=at)


def verdicts_of(read: Run) -> list[Classified]:
    """What judges made of the replies of a run; and the rules, where people labelled some of them.

    Without labels of this run the rules' verdicts are taken from its scores.
    """
    from modelmetry.runs import judging, labels

    if not judging.judge_runs(read.folder) and not labels.stored(read.folder):
        return []
    found = judging.classified(read.folder)
    if labels.stored(read.folder):
        found.append(judging.rules_classified(read.folder))
    return found


def compare(
    run_folders: Sequence[str | Path],
    *,
    seed: int = 0,
    common: bool = False,
    margin: float | None = None,
    correction: str = "holm",
) -> Comparisons:
    """Compare runs that asked the same items: paired, clustered, corrected for their number; ranked.

    Args:
        run_folders: Two or more runs.
        seed: Seed of the resampling.
        common: Whether to compare on the items in common, where the runs asked others too.
        margin: Largest difference that does not matter, in (0, 1); tests each pair for equivalence.
        correction: `holm`, `bh` (Benjamini-Hochberg) or `by` (Benjamini-Yekutieli).

    Raises:
        BadInput: Fewer than two runs, runs of different items, or an argument out of range.
    """
    from modelmetry.analyses.comparison import compare as compare_runs

    reads = [read_run(folder) for folder in run_folders]
    return compare_runs(
        [(read.record, read.scores) for read in reads],
        seed=seed,
        intersection=common,
        margin=margin,
        correction=correction,
    )


def _samples(read: Run) -> Callable[[Sequence[int]], list[Sample]]:
    """From row numbers of the score table to samples, reading only those answers."""
    from modelmetry.reports import Sample
    from modelmetry.reports.samples import read_text

    def samples(rows: Sequence[int]) -> list[Sample]:
        with closing(runs.open_store(read.folder)) as store:
            found = store.picked(rows)
        walls = runs.gallery(read.folder)
        marks = read.scores.take(list(rows)).to_pylist()
        return [
            Sample(
                item=item.uid,
                split=mark["split"],
                wording=item.wording,
                prompt=read_text(item, response.replies),
                response=response.text,
                expected=mark["expected"],
                answer=mark["answer"],
                value=mark["value"],
                outcome=mark["outcome"],
                reason=mark["reason"],
                repeat=mark["repeat"],
                pictures={
                    part.text: walls.path(part.image.address)
                    for turn in item.messages
                    for part in turn.parts
                    if part.image
                },
            )
            for (item, response), mark in zip(found, marks, strict=True)
        ]

    return samples
