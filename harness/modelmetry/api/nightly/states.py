"""How far each cell of a night is: one small file per cell, whole before and after every change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from modelmetry.api.nightly.plan import Ask
from modelmetry.items.whole import write_whole
from modelmetry.nightly.night import Cell

CELLS = "cells"
RUNS = "runs"

WAITING = "waiting"
ASKING = "asking"
FINISHED = "finished"
LIMIT = "limit"
FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How far a cell is.

    Attributes:
        cell: What is told of it; its status is `waiting` or `asking` besides what a night tells.
        digest: SHA-256 of what was asked, of whom, and how; another one is another cell.
    """

    cell: Cell
    digest: str


_decode = msgspec.json.Decoder(State).decode


def read(night: Path, key: str) -> State | None:
    """The state of a cell; None where there is none, or a torn one."""
    try:
        return _decode((night / CELLS / f"{key}.json").read_bytes())
    except (OSError, ValueError):
        return None


def write(night: Path, ask: Ask, **told: object) -> None:
    """Write down how far a cell is, in one step.

    Args:
        night: The night's folder.
        ask: The cell.
        **told: The rest of `Cell`.
    """
    cell = Cell(
        suite=ask.question.suite,
        model=ask.model,
        kind=ask.question.kind,
        **told,  # type: ignore[arg-type]
    )
    write_whole(
        night / CELLS / f"{ask.key}.json", msgspec.json.encode(State(cell=cell, digest=ask.digest))
    )


def cell_of(night: Path, ask: Ask) -> Cell:
    """What a night tells of a cell; one that was never begun, or was another, is `failed`."""
    state = read(night, ask.key)
    if state is None or state.digest != ask.digest or state.cell.status == WAITING:
        return Cell(
            suite=ask.question.suite,
            model=ask.model,
            kind=ask.question.kind,
            status=FAILED,
            note="was not asked" if state is None or not state.cell.note else state.cell.note,
        )
    return state.cell


def is_done(night: Path, ask: Ask) -> bool:
    """Whether a cell is finished, and is what would be asked now."""
    state = read(night, ask.key)
    return (
        state is not None
        and state.digest == ask.digest
        and state.cell.status == FINISHED
        and (night / state.cell.run / "scores.parquet").is_file()
    )


def spent(night: Path, asks: Sequence[Ask]) -> float:
    """US dollars that cells have cost so far."""
    found = [read(night, ask.key) for ask in asks]
    return sum(state.cell.cost_usd for state in found if state is not None)
