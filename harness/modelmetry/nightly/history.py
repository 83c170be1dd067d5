"""The history of a job: one Parquet file of readings per night, read together in one line."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from modelmetry.errors import BadInput, cannot_write
from modelmetry.nightly.night import Reading

FOLDER = "history"

_ARROW = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def _field(name: str, hint: Any) -> pa.Field:
    """The column of a field: texts where it has few values, nulls where it may be None."""
    optional = get_origin(hint) is types.UnionType
    kind = next(part for part in get_args(hint) if part in _ARROW) if optional else hint
    return pa.field(name, _ARROW.get(kind, pa.string()), nullable=True)


SCHEMA = pa.schema([_field(name, hint) for name, hint in get_type_hints(Reading).items()])
"""The columns of every file, in the order of `Reading`'s fields."""

_NAMES = tuple(field.name for field in dataclasses.fields(Reading))


def write(out: Path, date: str, readings: Sequence[Reading]) -> Path:
    """Write the readings of one night to `out/history/<date>.parquet`, in one step.

    Args:
        out: The folder of all nights.
        date: The night.
        readings: Its estimates; without any the file has no rows.

    Returns:
        The file.

    Raises:
        BadInput: It cannot be written there.
    """
    columns = {name: [getattr(each, name) for each in readings] for name in _NAMES}
    path = out / FOLDER / f"{date}.parquet"
    # Beside it: hidden files are no part of the data set for those who read the whole folder.
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns, schema=SCHEMA), part)
        part.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    return path


def has(out: Path, date: str) -> bool:
    """Whether a night is in the history."""
    return (out / FOLDER / f"{date}.parquet").is_file()


def read(out: Path, *, before: str | None = None) -> list[Reading]:
    """The readings of all nights, oldest first.

    Args:
        out: The folder of all nights.
        before: Only nights before this date.

    Raises:
        BadInput: A file cannot be read as history.
    """
    paths = sorted((out / FOLDER).glob("[!.]*.parquet"))
    return [
        reading for path in paths if before is None or path.stem < before for reading in _read(path)
    ]


def _read(path: Path) -> Iterable[Reading]:
    try:
        table = pq.read_table(path)
        # What was added since the night is left at its default.
        columns = {
            name: table.column(name).to_pylist() for name in _NAMES if name in table.column_names
        }
        return [
            Reading(**dict(zip(columns, values, strict=True)))
            for values in zip(*columns.values(), strict=True)
        ]
    except (OSError, ValueError, TypeError, KeyError) as error:
        what = str(error).splitlines()[0]
        raise BadInput(
            f"{path}: cannot be read as the history of a night: {what}; allowed: a file that "
            "`modelmetry nightly` wrote, or none (delete it)"
        ) from error
