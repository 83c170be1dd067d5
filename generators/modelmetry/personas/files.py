"""Reading CSV files that people wrote: every fault is one line with file, row, what and what is allowed."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelmetry.errors import BadInput, nearest

_SLOT = re.compile(r"\{[^{}]*\}|\[[^\[\]]*\]|<[A-Za-z][\w -]*>")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file.

    Attributes:
        where: `FILE: row N`, for error lines; the header is row 1.
        cells: Column -> text without surrounding space; empty for columns that the file lacks.
    """

    where: str
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def words(self, column: str) -> str:
        """The text of a column that has to say something, in words that are all there.

        Raises:
            BadInput: It is empty or has an unfilled slot.
        """
        text = self[column]
        if not text:
            raise BadInput(f"{self.where}: {column} is empty; allowed: a text")
        if found := unfilled(text):
            raise BadInput(
                f"{self.where}: {column} has the unfilled slot {found}; allowed: text without slots"
            )
        return text

    def one_of(self, column: str, allowed: Sequence[str]) -> str:
        """The text of a column that takes a few values only.

        Raises:
            BadInput: It is another text.
        """
        if self[column] not in allowed:
            raise BadInput(
                f"{self.where}: {column} is {self[column]!r}{nearest(self[column], allowed)}; "
                f"allowed: {', '.join(value or 'nothing' for value in allowed)}"
            )
        return self[column]

    def number(self, column: str) -> float | None:
        """The finite number in a column, None where it is empty.

        Raises:
            BadInput: It is no finite number.
        """
        if not self[column]:
            return None
        try:
            value = float(self[column])
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise BadInput(f"{self.where}: {column} is {self[column]!r}; allowed: a number")
        return value


def unfilled(text: str) -> str:
    """The first slot that nobody filled, such as `{name}`, `[hobby]` or `<job>`; empty for none."""
    found = _SLOT.search(text)
    return found.group() if found else ""


def read(path: str, required: Sequence[str], optional: Sequence[str] = ()) -> list[Row]:
    """The rows of a CSV file in UTF-8 whose first row names the columns.

    Args:
        path: The file.
        required: Columns that it has to have.
        optional: Columns that it may have.

    Raises:
        BadInput: The file cannot be read, lacks a column, has one that is not known, holds no row,
            or a row has another number of cells than the header.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadInput(f"{path}: line {line} is not UTF-8; allowed: CSV in UTF-8") from error
    except OSError as error:
        raise BadInput(
            f"{path}: cannot be read: {error.strerror or error}; allowed: a CSV file"
        ) from error
    return parse(text, path, required, optional)


def parse(
    text: str, where: str, required: Sequence[str], optional: Sequence[str] = ()
) -> list[Row]:
    """The rows of a CSV text; see `read`."""
    try:
        records = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise BadInput(f"{where}: is no CSV ({error}); allowed: CSV in UTF-8") from error
    if not any(records):
        raise BadInput(f"{where}: the file is empty; allowed: columns {', '.join(required)}")
    header = [name.strip() for name in records[0]]
    _check_header(where, header, required, optional)
    rows: list[Row] = []
    for number, record in enumerate(records[1:], 2):
        place = f"{where}: row {number}"
        if not any(cell.strip() for cell in record):
            continue
        if len(record) != len(header):
            raise BadInput(f"{place}: has {len(record)} cells; allowed: {len(header)}, as row 1")
        cells = dict.fromkeys((*required, *optional), "")
        cells.update(zip(header, (cell.strip() for cell in record), strict=True))
        rows.append(Row(place, cells))
    if not rows:
        raise BadInput(f"{where}: has a header and no rows; allowed: one or more rows")
    return rows


def _check_header(
    where: str, header: Sequence[str], required: Sequence[str], optional: Sequence[str]
) -> None:
    allowed = ", ".join((*required, *(f"{name} (optional)" for name in optional)))
    for name in required:
        if name not in header:
            raise BadInput(f"{where}: row 1 lacks the column {name!r}; allowed: {allowed}")
    for name in header:
        if name not in (*required, *optional):
            raise BadInput(
                f"{where}: row 1 has the unknown column {name!r}"
                f"{nearest(name, (*required, *optional))}; allowed: {allowed}"
            )
        if header.count(name) > 1:
            raise BadInput(f"{where}: row 1 has the column {name!r} twice; allowed: once")
