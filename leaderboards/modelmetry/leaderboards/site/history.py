"""Results over the nights: the points of each model, as charts and as files that pages fetch."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelmetry.leaderboards.site.boards import Board, Rows, SuiteBoards, View, day
from modelmetry.reports.figures import Scale, Tick
from modelmetry.reports.words import count, percent

_FILE_ROWS = 8_000
"""Rows of one file of history, about 350 kB."""

_MANY = 40
"""Points from which on they are drawn small."""

_UNITS = 1000
_TEXTS = [str(i) for i in range(_UNITS + 1)]

Shares = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """One model on one view, oldest first; shape (n,) each.

    Attributes:
        days: Since 1970.
        values: Shares in [0, 1].
        low: Lower ends of the intervals; NaN for none.
        high: Upper ends; NaN for none.
    """

    days: NDArray[np.int64]
    values: Shares
    low: Shares
    high: Shares


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeChart:
    """Everything that the template draws of one model's results over time.

    Attributes:
        title: What was measured.
        href: Its leaderboard.
        text: The last result in words.
        says: The whole figure in words.
        x_ticks: First and last day.
        intervals: SVG path of all intervals, in a square of 1000.
        points: SVG path of all points, likewise.
        many: Whether there are so many that they are drawn small.
    """

    title: str
    href: str
    text: str
    says: str
    x_ticks: tuple[Tick, ...]
    intervals: str
    points: str
    many: bool


def histories(found: SuiteBoards, view: View) -> dict[str, History]:
    """The points of every model on a view."""
    rows = view.rows
    model = found.texts["model"]
    rows = rows[np.lexsort((rows, found.days[rows], model.codes[rows]))]
    ends = np.flatnonzero(np.diff(model.codes[rows])) + 1
    value, low, high = (found.numbers[name] for name in ("value", "ci_low", "ci_high"))
    return {
        model.of(int(part[0])): History(
            days=found.days[part], values=value[part], low=low[part], high=high[part]
        )
        for part in np.split(rows, ends)
    }


def time_chart(title: str, href: str, found: History, span: tuple[int, int]) -> TimeChart:
    """The chart of a model on a view.

    Args:
        title: Suite and split.
        href: The view's page.
        found: Two or more points.
        span: First and last day of the chart, the same for all models of the view.
    """
    first, last = span
    scale = Scale(low=first - 0.5, high=last + 0.5)
    width = _UNITS / (last - first + 1)
    x = np.rint((found.days - first + 0.5) * width).astype(int).tolist()
    y, low, high = (_down(ends) for ends in (found.values, found.low, found.high))
    t = _TEXTS
    bars = [f"M{t[a]} {t[b]}V{t[c]}" for a, b, c in zip(x, low, high, strict=True) if b >= 0 <= c]
    dots = [f"M{t[a]} {t[b]}h0" for a, b in zip(x, y, strict=True)]
    ends = [int(found.days[0]), int(found.days[-1])]
    least, most = int(found.values.argmin()), int(found.values.argmax())
    text = f"{percent(float(found.values[-1]))} on {day(ends[1])}"
    return TimeChart(
        title=title,
        href=href,
        text=text,
        says=(
            f"{title}: {count(len(x), 'result')} from {day(ends[0])} to {day(ends[1])}; last "
            f"{text}, interval {_interval(found, -1)}; lowest {percent(float(found.values[least]))} "
            f"on {day(found.days[least])}, highest {percent(float(found.values[most]))} on "
            f"{day(found.days[most])}"
        ),
        x_ticks=scale.ticks([first, last], [day(first), day(last)]),
        intervals="".join(bars),
        points="".join(dots),
        many=len(x) > _MANY,
    )


def _interval(found: History, at: int) -> str:
    low, high = float(found.low[at]), float(found.high[at])
    if np.isnan(low) or np.isnan(high):
        return "none"
    return f"{percent(low)} to {percent(high)}"


def _down(shares: Shares) -> list[int]:
    """Shares as whole units from the top; -1 for none."""
    units = np.rint(_UNITS * (1 - np.clip(shares, 0, 1)))
    return np.where(np.isnan(units), -1, units).astype(int).tolist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """Earlier editions of a view, as scripts that its page loads when somebody asks for one.

    Attributes:
        editions: Of every edition, the newest first: key, first day, last day, entries, number of
            its file (-1 for the newest, which the page holds itself), beginning of the commitment.
        models: Names of the models that the files number.
        files: The text of each file.
    """

    editions: list[tuple[str, str, str, int, int, str]]
    models: list[str]
    files: list[str]


def archive(found: SuiteBoards, view: View) -> Archive:
    """The earlier editions of a view, some thousand rows per file."""
    model = found.texts["model"]
    used, numbered = np.unique(model.codes[view.rows], return_inverse=True)
    number = np.zeros(len(model.names), dtype=np.int64)
    number[model.codes[view.rows]] = numbered
    files: list[dict[str, str]] = []
    places: dict[str, int] = {}
    filled = _FILE_ROWS
    for board in view.boards[:-1]:
        if filled + len(board.rows) > _FILE_ROWS:
            files.append({})
            filled = 0
        files[-1][board.key] = _packed(found, board, number)
        places[board.key] = len(files) - 1
        filled += len(board.rows)
    return Archive(
        editions=[
            (
                *(board.key, day(board.first), day(board.last), len(board.rows)),
                *(places.get(board.key, -1), board.seed_commitment[:12]),
            )
            for board in reversed(view.boards)
        ],
        models=[model.names[code] for code in used.tolist()],
        files=[
            f"leaderboardHistory({i},{json.dumps(boards)});\n" for i, boards in enumerate(files)
        ],
    )


def _packed(found: SuiteBoards, board: Board, number: NDArray[np.int64]) -> str:
    """A board as base64 of little-endian 16-bit columns, in the order that `board.js` reads."""
    rows = board.rows
    numbers = {name: column[rows] for name, column in found.numbers.items()}
    places = [numbers[name] for name in ("rank", "rank_low", "rank_high", "tie_group")]
    shares = [_tenths(numbers[name]) for name in ("value", "ci_low", "ci_high")]
    items = np.clip(numbers["n_items"], 0, 2**32 - 1).astype("<u4")
    cost = numbers["cost_usd"].astype("<f4").view("<u4")
    halves = [part for whole in (items, cost) for part in (whole & 0xFFFF, whole >> 16)]
    names = found.texts["run_digest"]
    digests = np.frombuffer(
        b"".join(run_key(names.of(int(row))).encode() for row in rows), dtype="<u2"
    ).reshape(len(rows), 6)
    columns = [
        number[found.texts["model"].codes[rows]],
        *places,
        *shares,
        found.days[rows],
        *halves,
        *digests.T,
    ]
    stacked = np.stack([np.asarray(c).astype(np.int64).astype("<u2") for c in columns])
    return base64.b64encode(stacked.tobytes()).decode("ascii")


def _tenths(shares: Shares) -> NDArray[np.int64]:
    """Shares in hundredths of a percent; 65535 for none."""
    units = np.rint(10_000 * np.clip(shares, 0, 1))
    return np.where(np.isnan(units), 65535, units).astype(np.int64)


def run_key(digest: str) -> str:
    """12 characters that stand for a run in addresses."""
    key = digest[:12]
    if len(key) == 12 and key.isascii() and key.isalnum():
        return key
    return hashlib.sha256(digest.encode()).hexdigest()[:12]


def whole_span(found: SuiteBoards, rows: Rows) -> tuple[int, int]:
    """First and last day of some rows."""
    days = found.days[rows]
    return int(days.min()), int(days.max())
