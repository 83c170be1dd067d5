"""The leaderboard files: one CSV per suite, appended to, ranked anew and replaced in one step."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import get_type_hints

from modelmetry.errors import BadInput, cannot_write
from modelmetry.leaderboards.entry import COLUMNS, Entry
from modelmetry.leaderboards.ranks import ranked

_KINDS = get_type_hints(Entry)


def read(path: Path) -> list[Entry]:
    """The entries of a leaderboard file; none where there is no file yet.

    Raises:
        BadInput: The file cannot be read as a leaderboard; the line names the place.
    """
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}: cannot be read: {error}; allowed: a UTF-8 CSV file") from error
    if not lines or tuple(lines[0]) != COLUMNS:
        raise BadInput(f"{path}: line 1: not the header of a leaderboard: {','.join(COLUMNS)}")
    return [_parse(cells, f"{path}: line {i}") for i, cells in enumerate(lines[1:], start=2)]


def update(path: Path, entries: Sequence[Entry]) -> list[Entry]:
    """Add entries to a leaderboard file, rank it anew and replace it in one step.

    Args:
        path: `leaderboards/data/<suite>.csv`; made, with its folder, where missing.
        entries: The new entries, of one or more runs.

    Returns:
        All entries of the file, as written.

    Raises:
        BadInput: A run is there already, or the file cannot be read or written.
    """
    old = read(path)
    known = {entry.run_digest: entry.model for entry in old}
    for entry in entries:
        if entry.run_digest in known:
            raise BadInput(
                f"{path}: run {entry.run_digest[:12]} of {entry.model} is already on this "
                "leaderboard; allowed: runs with other answers"
            )
    everything = ranked([*old, *entries])
    _replace(path, dumped(everything))
    return everything


def dumped(entries: Sequence[Entry]) -> str:
    """Entries as CSV text, in the order given."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(value) for value in dataclasses.astuple(entry)] for entry in entries)
    return out.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _parse(cells: Sequence[str], where: str) -> Entry:
    if len(cells) != len(COLUMNS):
        raise BadInput(f"{where}: {len(cells)} cells; allowed: {len(COLUMNS)}")
    values = {}
    for name, cell in zip(COLUMNS, cells, strict=True):
        try:
            values[name] = _value(_KINDS[name], cell)
        except ValueError as error:
            raise BadInput(f"{where}: {name}: {cell!r} is not a number") from error
    return Entry(**values)


def _value(kind: object, cell: str) -> object:
    if kind is str:
        return cell
    if kind is int:
        return int(cell)
    return None if not cell and kind is not float else float(cell)


def _replace(path: Path, text: str) -> None:
    """Write beside the file, then rename: a reader sees the old file or the new one, never half."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
        beside = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.chmod(0o644)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
