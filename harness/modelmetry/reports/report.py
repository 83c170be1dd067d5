"""Writing a report: measure every run, lay out the page, write the four files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from modelmetry.analyses.comparison import compare, run_names, same_items
from modelmetry.analyses.estimates import Analysis, analyze
from modelmetry.errors import BadInput, cannot_write
from modelmetry.reports.layout import rendered
from modelmetry.reports.memorization.axes import Axis, find_axis
from modelmetry.reports.page import Page, Shown, run_part
from modelmetry.reports.pictures import embedded_pictures
from modelmetry.reports.samples import MOST_SAMPLES, Samples, choose_rows, embedded, pick
from modelmetry.reports.tables import estimates_csv, write_scores
from modelmetry.reports.together import Together, together
from modelmetry.reports.words import count, listed
from modelmetry.runs.record import RunRecord
from modelmetry.scoring.classified import Classified


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A scored run that goes into a report.

    Attributes:
        record: Its identity card.
        scores: Its table of scores, columns as in `runs.scores.SCHEMA`.
        samples: Its questions and answers: every sample in row order, or a function from row
            numbers, which is called once with the few rows that are shown.
        classified: Of a persona study, what judges made of the replies.
    """

    record: RunRecord
    scores: pa.Table
    samples: Samples = ()
    classified: Sequence[Classified] = ()


def write_report(
    out: Path,
    sections: Sequence[Section],
    *,
    margin: float | None = None,
    correction: str = "holm",
    along: str | None = None,
    at: Sequence[float] | None = None,
) -> list[Path]:
    """Write report.html, report.md, estimates.csv and scores.parquet of one or more runs.

    The files depend on the runs alone: the same runs give the same bytes. Of several runs,
    scores.parquet holds all rows with the run's name as first column.

    Args:
        out: Folder to write in; made if missing.
        sections: The runs, in the order of the report; one or more.
        margin: Largest difference between runs that does not matter; None for no equivalence tests.
        correction: How p-values of several comparisons are corrected.
        along: Of several memorization runs, the axis along which they stand: `weights`, `steps`, or any name.
        at: Place of each run along it, in their order, finite and each another.

    Returns:
        The files written, report.html first.

    Raises:
        BadInput: There is no run, a run has no answers, the folder cannot be written, or the runs do not
            stand along the axis that was asked for.
    """
    if not sections:
        raise BadInput("report: no run; allowed: one or more runs with answers")
    axis = None
    if along is not None or at is not None:
        axis = find_axis([part.record for part in sections], along, at)
    found = [analyze(part.record, part.scores, part.classified) for part in sections]
    compared = _together(found, margin, correction, axis) if len(found) > 1 else None
    page = build_page(found, _shown(sections), compared)
    texts = {
        "report.html": rendered("report.html.jinja", page=page),
        "report.md": rendered("report.md.jinja", page=page),
        "estimates.csv": estimates_csv([(part.record, part.rows) for part in found]),
    }
    scores = out / "scores.parquet"
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            # Text of a model may hold halves of surrogate pairs, which UTF-8 does not.
            (out / name).write_bytes(text.encode("utf-8", "replace"))
        write_scores(scores, _joined(sections))
    except OSError as error:
        raise cannot_write(out, error) from error
    return [*(out / name for name in texts), scores]


def build_page(
    found: Sequence[Analysis], samples: Shown, comparison: Together | None = None
) -> Page:
    """The whole report as data.

    Args:
        found: The runs, analyzed; one or more.
        samples: The sample browser's contents.
        comparison: The runs side by side, where there are several.
    """
    suites = list(dict.fromkeys(part.record.suite.name for part in found))
    what = count(len(found), "run") if len(found) > 1 else found[0].record.model
    return Page(
        title=f"{listed(suites)}: {what}",
        questions=list(dict.fromkeys(part.record.suite.question for part in found)),
        version=found[0].record.versions.get("modelmetry", ""),
        runs=[run_part(part, f"run-{i}") for i, part in enumerate(found, start=1)],
        comparison=comparison,
        samples=samples,
    )


def _together(
    found: Sequence[Analysis], margin: float | None, correction: str, axis: Axis | None
) -> Together:
    runs = [(part.record, part.scores) for part in found]
    same = same_items(runs)
    compared = compare(runs, margin=margin, correction=correction) if same else None
    return together(found, run_names([record for record, _ in runs]), compared, axis)


def _shown(sections: Sequence[Section]) -> Shown:
    """The samples of all runs, in equal numbers."""
    most = MOST_SAMPLES // len(sections)
    names = run_names([section.record for section in sections])
    picked = [
        (name, sample)
        for name, section in zip(names, sections, strict=True)
        for sample in pick(section.samples, choose_rows(section.scores, most))
    ]
    total = sum(section.scores.num_rows for section in sections)
    part = (
        "all of them"
        if len(picked) == total
        else "chosen evenly over splits, wordings and kinds of result, so rare failures are here "
        "and shares among them are not the run's"
    )
    note = f"{len(picked):,} of {count(total, 'answer')}, {part}."
    return Shown(
        json=embedded(picked),
        pictures=embedded_pictures([sample for _, sample in picked]),
        shown=len(picked),
        note=note,
    )


def _joined(sections: Sequence[Section]) -> pa.Table:
    """One table of scores; the run's name is the first column where there are several."""
    if len(sections) == 1:
        return sections[0].scores
    kind = pa.dictionary(pa.int32(), pa.string())
    tables = [
        section.scores.add_column(
            0,
            "run",
            pa.array([section.record.id] * section.scores.num_rows, pa.string()).cast(kind),
        )
        for section in sections
    ]
    return pa.concat_tables(tables).unify_dictionaries()
