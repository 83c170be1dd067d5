"""The leaderboard files: one CSV per suite, appended to, ranked anew and replaced in one step."""

from __future__ import annotations

import contextlib
import csv
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import get_type_hints

from modelmetry.errors import BadInput, cannot_write
from modelmetry.leaderboards.entry import COLUMNS, Entry
from modelmetry.leaderboards.ranks import ranked
from modelmetry.runs.cells import defused, line, restored

_KINDS = get_type_hints(Entry)
_TEXTS = tuple(i for i, name in enumerate(COLUMNS) if _KINDS[name] is str)
_NUMBERS = tuple((i, name) for i, name in enumerate(COLUMNS) if _KINDS[name] is not str)
_WHOLE = itemgetter(*(i for i, name in _NUMBERS if _KINDS[name] is int))
_REAL = itemgetter(*(i for i, name in _NUMBERS if _KINDS[name] is float))
_MAYBE = itemgetter(*(i for i, name in _NUMBERS if _KINDS[name] not in (int, float)))
_BOARD = tuple(
    COLUMNS.index(name)
    for name in (
        *("suite", "suite_version", "split", "estimand", "generator_hash", "seed_commitment"),
    )
)
_VERSION = COLUMNS.index("suite_version")
_DIGEST = COLUMNS.index("run_digest")
_values = attrgetter(*COLUMNS)

Cells = list[str]
"""One row as it stands in the file, texts restored."""


def data_file(data: Path, suite: str) -> Path:
    """The leaderboard file of a suite.

    Raises:
        BadInput: The name is none that a suite may have, and could lie outside the folder.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", suite):
        raise BadInput(f"suite {suite!r}: not a name; allowed: letters, digits and hyphens")
    return data / f"{suite}.csv"


def read(path: Path) -> list[Entry]:
    """The entries of a leaderboard file; none where there is no file yet.

    Raises:
        BadInput: The file cannot be read as a leaderboard; the line names the place.
    """
    return [_parse(cells) for cells in _rows(path)]


def update(path: Path, entries: Sequence[Entry], *, dry_run: bool = False) -> list[Entry]:
    """Add entries to a leaderboard file, rank what they touch anew and replace it in one step.

    Boards that get no new entry are copied as they are. Two updates at once wait for each other.

    Args:
        path: `leaderboards/data/<suite>.csv`; made, with its folder, where missing.
        entries: The new entries, of one or more runs.
        dry_run: Whether to write nothing.

    Returns:
        All entries of the boards that got new ones, as written.

    Raises:
        BadInput: A run is there already, or the file cannot be read or written.
    """
    if dry_run:
        return _merged(path, entries)[1]
    with _locked(path):
        lines, touched = _merged(path, entries)
        _replace(path, lines)
    return touched


def _merged(path: Path, entries: Sequence[Entry]) -> tuple[list[str], list[Entry]]:
    """The lines of the file with these entries, and the boards that got one."""
    rows = _rows(path)
    known = {cells[_DIGEST] for cells in rows}
    for entry in entries:
        if entry.run_digest in known:
            raise BadInput(
                f"{path}: run {entry.run_digest[:12]} of {entry.model} is already on this "
                "leaderboard; allowed: runs with other answers"
            )
    boards = {entry.board for entry in entries}
    kept: dict[tuple[str | int, ...], list[Cells]] = {}
    old: list[Entry] = []
    for cells in rows:
        board = _board(cells)
        if board in boards:
            old.append(_parse(cells))
        else:
            kept.setdefault(board, []).append(cells)
    touched = ranked([*old, *entries])
    written = {
        board: _lines(map(_texts, group))
        for board, group in groupby(touched, key=lambda e: e.board)
    }
    written |= {board: _lines(group) for board, group in kept.items()}
    lines = [text for board in sorted(written) for text in written[board]]
    return [line(list(COLUMNS)), *lines], touched


def dumped(entries: Iterable[Entry]) -> str:
    """Entries as CSV text, in the order given."""
    return "".join([line(list(COLUMNS)), *_lines(map(_texts, entries))])


def _texts(entry: Entry) -> Cells:
    return [_cell(value) for value in _values(entry)]


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _lines(rows: Iterable[Cells]) -> list[str]:
    """Rows as lines of CSV, defused."""
    lines: list[str] = []
    writer = csv.writer(_Sink(lines), lineterminator="\n")
    for row in rows:
        cells = list(row)
        for i in _TEXTS:
            if not cells[i][:1].isalnum():
                cells[i] = defused(cells[i])
        writer.writerow(cells)
        if "\r" in lines[-1]:  # which the writer of Python before 3.13 does not quote
            lines[-1] = line(cells)
    return lines


class _Sink:
    """What the CSV writer writes to: a list of lines."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def write(self, text: str) -> None:
        """Add a line."""
        self._lines.append(text)


def _rows(path: Path) -> list[Cells]:
    """Every row of a file, its cells checked: as many as there are columns, numbers where due."""
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file, strict=True)
            head, rows = next(reader, []), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}: cannot be read: {error}; allowed: a UTF-8 CSV file") from error
    if tuple(head) != COLUMNS:
        raise BadInput(f"{path}: line 1: not the header of a leaderboard: {','.join(COLUMNS)}")
    for number, cells in enumerate(rows, start=2):
        _check(cells, f"{path}: line {number}")
        for i in _TEXTS:
            if cells[i].startswith("'"):
                cells[i] = restored(cells[i])
    return rows


def _check(cells: Cells, where: str) -> None:
    if len(cells) != len(COLUMNS):
        raise BadInput(f"{where}: {len(cells)} cells; allowed: {len(COLUMNS)}")
    try:
        for cell in _WHOLE(cells):
            int(cell)
        for cell in _REAL(cells):
            float(cell)
        for cell in _MAYBE(cells):
            float(cell or 0)
    except ValueError:
        for i, name in _NUMBERS:
            try:
                _value(_KINDS[name], cells[i])
            except ValueError as error:
                raise BadInput(f"{where}: {name}: {cells[i]!r} is not a number") from error


def _board(cells: Cells) -> tuple[str | int, ...]:
    return tuple(int(cells[i]) if i == _VERSION else cells[i] for i in _BOARD)


def _parse(cells: Cells) -> Entry:
    pairs = zip(COLUMNS, cells, strict=True)
    return Entry(**{name: _value(_KINDS[name], cell) for name, cell in pairs})  # pyright: ignore[reportArgumentType]


def _value(kind: object, cell: str) -> object:
    if kind is str:
        return cell
    if kind is int:
        return int(cell)
    return None if not cell and kind is not float else float(cell)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file's folder, which the system lets go when the process ends in any way."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        with contextlib.suppress(ImportError, OSError):  # some systems know no locks
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _replace(path: Path, lines: Iterable[str]) -> None:
    """Write beside the file, then rename: a reader sees the old file or the new one, never half."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
        beside = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
            beside.chmod(0o644)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
