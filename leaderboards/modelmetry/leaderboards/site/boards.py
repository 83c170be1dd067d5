"""Leaderboard files as columns: what is read at once of millions of rows, and its boards."""

from __future__ import annotations

import datetime as dt
import hashlib
from csv import reader
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

import modelmetry.suites as suites
from modelmetry.errors import BadInput
from modelmetry.leaderboards import store
from modelmetry.leaderboards.entry import COLUMNS, Entry
from modelmetry.leaderboards.ranks import error_of, told_apart
from modelmetry.leaderboards.slugs import slug
from modelmetry.runs.cells import is_risky, restored

REFERENCE = "reference/"
"""Models of known ability: shown like any other, but never named as the best."""

_TEXT = pa.dictionary(pa.int32(), pa.string())
_TYPES = {
    name: {str: _TEXT, int: pa.int64()}.get(kind, pa.float64())  # pyright: ignore[reportCallIssue, reportArgumentType]
    for name, kind in get_type_hints(Entry).items()
}
_EPOCH = dt.date(1970, 1, 1)

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """A column of texts: `names[codes[i]]` is that of row i."""

    names: list[str]
    codes: NDArray[np.int32]

    def of(self, row: int) -> str:
        """The text of a row."""
        return self.names[self.codes[row]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The entries that are ranked against each other.

    Attributes:
        generator_hash: Fingerprint of the split's generator.
        seed_commitment: Fixes the seed without showing it.
        key: 12 hex digits that stand for both in addresses.
        rows: Its rows in the file, best first.
        first: Its first day, in days since 1970.
        last: Its last day, likewise.
    """

    generator_hash: str
    seed_commitment: str
    key: str
    rows: Rows
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One split and estimand of one version of a suite: a page, with its editions.

    Attributes:
        suite: The suite's name.
        version: The suite's version.
        split: The split's label.
        estimand: What was estimated.
        boards: One per edition, the newest last.
    """

    suite: str
    version: int
    split: str
    estimand: str
    boards: tuple[Board, ...]

    @property
    def latest(self) -> Board:
        """The newest edition."""
        return self.boards[-1]

    @property
    def folder(self) -> str:
        """The folder of the suite's pages."""
        return slug(self.suite)

    @property
    def file(self) -> str:
        """The page's file name without its ending; it depends on nothing else."""
        return slug(f"v{self.version}", self.split, self.estimand)

    @property
    def rows(self) -> Rows:
        """The rows of all its boards."""
        return np.concatenate([board.rows for board in self.boards])


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteBoards:
    """One leaderboard file.

    Attributes:
        name: The suite's name.
        texts: Its columns of texts.
        numbers: Its columns of numbers; NaN where a cell is empty.
        days: Day of each row, since 1970.
        views: Its pages; the one to begin with first.
        risky: Whether a cell of the file, as it stands, would be run by a spreadsheet.
    """

    name: str
    texts: dict[str, Texts]
    numbers: dict[str, NDArray[np.float64]]
    days: NDArray[np.int64]
    views: tuple[View, ...]
    risky: bool

    def entry(self, row: int) -> Entry:
        """A row as an entry."""
        cells: dict[str, Any] = {name: column.of(row) for name, column in self.texts.items()}
        for name, column in self.numbers.items():
            value = float(column[row])
            whole = _TYPES[name] == pa.int64()
            cells[name] = int(value) if whole else None if np.isnan(value) else value
        return Entry(**cells)


def read_boards(path: Path) -> SuiteBoards | None:
    """A leaderboard file, grouped into boards; None where it has no rows.

    Raises:
        BadInput: It cannot be read as a leaderboard, or is not called after its suite.
    """
    table = _table(path)
    if not table.num_rows:
        return None
    texts, risky = {}, False
    for name, kind in _TYPES.items():
        if kind == _TEXT:
            column = table.column(name).unify_dictionaries().combine_chunks()
            column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
            cells = column.dictionary.to_pylist()
            risky = risky or any(map(is_risky, cells))
            texts[name] = Texts(
                names=[restored(cell) for cell in cells], codes=column.indices.to_numpy()
            )
    numbers = {
        name: pc.cast(table.column(name), pa.float64()).to_numpy()
        for name, kind in _TYPES.items()
        if kind != _TEXT
    }
    named = texts["suite"].names
    if named != [path.stem]:
        raise BadInput(
            f"{path}: holds rows of {', '.join(sorted(named))}; allowed: rows of the suite that "
            "the file is called after"
        )
    days = _days(path, texts["date"])
    views = _views(path.stem, texts, numbers, days)
    return SuiteBoards(
        name=path.stem, texts=texts, numbers=numbers, days=days, views=views, risky=risky
    )


def _table(path: Path) -> pa.Table:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            head = next(reader([file.readline()]), [])
        if tuple(head) != COLUMNS:
            raise BadInput(f"{path}: line 1: not the header of a leaderboard: {','.join(COLUMNS)}")
        return csv.read_csv(
            path,
            read_options=csv.ReadOptions(block_size=8 << 20),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(column_types=_TYPES, null_values=[""]),
        )
    except (OSError, UnicodeDecodeError, pa.ArrowInvalid) as error:
        store.read(path)  # whose line is the better one
        raise BadInput(f"{path}: cannot be read: {' '.join(str(error).split())}") from error


def _days(path: Path, dates: Texts) -> NDArray[np.int64]:
    found = []
    for text in dates.names:
        try:
            found.append((dt.date.fromisoformat(text) - _EPOCH).days)
        except ValueError as error:
            raise BadInput(f"{path}: date: {text!r}; allowed: days such as 2026-11-21") from error
    return np.array(found, dtype=np.int64)[dates.codes]


def day(number: int) -> str:
    """A number of days since 1970 as a date, ISO 8601."""
    return (_EPOCH + dt.timedelta(days=int(number))).isoformat()


def _views(
    suite: str,
    texts: dict[str, Texts],
    numbers: dict[str, NDArray[np.float64]],
    days: NDArray[np.int64],
) -> tuple[View, ...]:
    versions, version = np.unique(numbers["suite_version"], return_inverse=True)
    split, estimand = texts["split"], texts["estimand"]
    page = (version * len(split.names) + split.codes) * len(estimand.names) + estimand.codes
    views = []
    for rows in _groups(page):
        first = int(rows[0])
        boards = _boards(rows, texts, numbers, days)
        views.append(
            View(
                suite=suite,
                version=int(versions[version[first]]),
                split=split.of(first),
                estimand=estimand.of(first),
                boards=boards,
            )
        )
    order = _in_order(suite)
    return tuple(sorted(views, key=lambda view: _precedence(view, order)))


def _in_order(suite: str) -> dict[str, int]:
    """Split labels of a suite -> their places, its headline first; empty where it is not installed."""
    if suite not in suites.names():
        return {}
    try:
        found = suites.read(suite)
    except BadInput:  # it needs what only its users have
        return {}
    labels = [found.label(task.name, split) for task in found.tasks for split in task.splits]
    return {label: place for place, label in enumerate(dict.fromkeys([*found.primary, *labels]))}


def _precedence(view: View, order: dict[str, int]) -> tuple[object, ...]:
    return (
        -view.version,
        -len(view.latest.rows),
        view.estimand != "accuracy",
        order.get(view.split, len(order)),
        view.split,
    )


def _boards(
    rows: Rows,
    texts: dict[str, Texts],
    numbers: dict[str, NDArray[np.float64]],
    days: NDArray[np.int64],
) -> tuple[Board, ...]:
    prints, seeds = texts["generator_hash"], texts["seed_commitment"]
    codes = prints.codes[rows].astype(np.int64) * len(seeds.names) + seeds.codes[rows]
    boards = []
    for group in _groups(codes):
        here = rows[group]
        here = here[np.lexsort((here, numbers["rank"][here]))]
        made, seed = prints.of(int(here[0])), seeds.of(int(here[0]))
        key = hashlib.sha256(f"{made}\0{seed}".encode()).hexdigest()[:12]
        boards.append(
            Board(
                generator_hash=made,
                seed_commitment=seed,
                key=key,
                rows=here,
                first=int(days[here].min()),
                last=int(days[here].max()),
            )
        )
    return tuple(sorted(boards, key=lambda board: (board.last, board.first, board.key)))


def _groups(codes: NDArray[np.int64]) -> list[Rows]:
    """Places of equal codes, together."""
    order = np.argsort(codes, kind="stable")
    ends = np.flatnonzero(np.diff(codes[order])) + 1
    return np.split(order, ends)


def best(found: SuiteBoards, board: Board) -> list[int]:
    """Rows of the best entry and of those not told apart from it, reference instruments aside."""
    models, group = found.texts["model"], found.numbers["tie_group"]
    rows = board.rows.tolist()
    fair = [i for i, row in enumerate(rows) if not models.of(row).startswith(REFERENCE)]
    shown = fair or list(range(len(rows)))
    first = shown[0]
    if first == 0 or group[rows[first]] != group[rows[first - 1]]:
        return [rows[i] for i in shown if group[rows[i]] == group[rows[first]]]
    # The group is that of a reference instrument: who is tied with that need not be with the best.
    numbers = [found.numbers[name][board.rows] for name in ("std_error", "ci_low", "ci_high")]
    errors = [
        error_of(*(None if np.isnan(number) else float(number) for number in entry))
        for entry in zip(*numbers, strict=True)
    ]
    apart = told_apart(found.numbers["value"][board.rows], np.array(errors))[first]
    return [rows[i] for i in shown if not apart[i]]
