"""The report's data files: `estimates.csv` and `scores.parquet`, the same bytes for the same run."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from modelmetry.analyses.estimates import Row
from modelmetry.runs.cells import defused
from modelmetry.runs.record import RunRecord

ESTIMATE_COLUMNS = (
    "suite",
    "suite_version",
    "edition",
    "model",
    "split",
    "estimand",
    "value",
    "std_error",
    "ci_low",
    "ci_high",
    "ci_level",
    "ci_method",
    "n_items",
    "n_clusters",
    "n_repeats",
    "n_unscored",
    "warnings",
)
"""Columns of `estimates.csv`; `n_unscored` counts answers, the warnings are joined by ` | `."""


def estimate_cells(record: RunRecord, row: Row) -> tuple[str, ...]:
    """One row of `estimates.csv`; shares are in [0, 1], six significant digits."""
    found = row.estimate
    cells = (
        record.suite.name,
        record.suite.version,
        record.edition,
        record.model,
        row.split,
        row.estimand,
        found.value,
        found.std_error,
        found.low,
        found.high,
        found.level if found.low is not None else None,
        found.method,
        found.n,
        found.clusters,
        record.repeats,
        found.unscored,
        " | ".join(found.warnings),
    )
    return tuple(_cell(cell) for cell in cells)


def estimates_csv(runs: Sequence[tuple[RunRecord, Sequence[Row]]]) -> str:
    """The estimates of one or more runs as CSV text with a header."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(ESTIMATE_COLUMNS)
    writer.writerows(estimate_cells(record, row) for record, rows in runs for row in rows)
    return out.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return defused(value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def write_scores(path: Path, scores: pa.Table) -> None:
    """Write a table of scores as zstd Parquet: no times, no paths, fixed row groups.

    The bytes depend on the scores and the pyarrow version alone: chunks and dictionaries are
    made anew, so it does not matter how the table was put together.
    """
    import pyarrow.parquet as pq

    columns = {}
    for field in scores.schema:
        column = scores.column(field.name)
        if pa.types.is_dictionary(field.type):
            plain = column.cast(pa.string()).combine_chunks()
            column = plain.dictionary_encode().cast(field.type)
        else:
            column = column.combine_chunks()
        columns[field.name] = column
    table = pa.table(columns, schema=scores.schema.remove_metadata())
    pq.write_table(table, path, compression="zstd", row_group_size=100_000)
