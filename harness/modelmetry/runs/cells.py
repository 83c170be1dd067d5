"""The cells of a CSV file: written so that no spreadsheet runs one, read back as they were."""

from __future__ import annotations

import re

_RUNS = "=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20"
# Spreadsheets skip blanks before a formula, and the apostrophe is what keeps them from one.
_TEMPTING = re.compile(rf"['\s]*[{_RUNS}]")
_DEFUSED = re.compile(rf"'['\s]*[{_RUNS}]")
_SPECIAL = re.compile(r'[",\r\n]')


def defused(text: str) -> str:
    """A text that no spreadsheet takes for a formula: an apostrophe before what it would run.

    Numbers are not for this: a negative one stays a number. `restored` undoes it, for any text.
    """
    return f"'{text}" if _TEMPTING.match(text) else text


def restored(text: str) -> str:
    """The text that was defused; any other text as it is."""
    return text[1:] if _DEFUSED.match(text) else text


def is_risky(text: str) -> bool:
    """Whether a cell as it stands in a file would be run by a spreadsheet."""
    return bool(_TEMPTING.match(text)) and not _DEFUSED.match(text)


def line(cells: list[str]) -> str:
    """Cells as one line of CSV, its end included."""
    return ",".join(_quoted(cell) for cell in cells) + "\n"


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if _SPECIAL.search(cell) else cell
