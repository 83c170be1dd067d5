"""What is kept of old nights, and what finished runs add to leaderboards."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from modelmetry.api.nightly import states
from modelmetry.api.nightly.plan import Ask, Plan
from modelmetry.errors import ModelmetryError
from modelmetry.items.whole import write_whole
from modelmetry.nightly.config import baseline_of
from modelmetry.nightly.job import FIRST, Keep
from modelmetry.nightly.night import Reading

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def nights_in(out: Path) -> list[str]:
    """The dates of the nights that have a folder, oldest first."""
    if not out.is_dir():
        return []
    return sorted(p.name for p in out.iterdir() if _DATE.fullmatch(p.name) and p.is_dir())


def baselines(plan: Plan, readings: Iterable[Reading]) -> set[str]:
    """The nights that others are held against: the first of every anchors, and a pinned one.

    Args:
        plan: Tonight.
        readings: Those of all nights.
    """
    first: dict[tuple[str, int, str, str], str] = {}
    for reading in readings:
        if reading.kind == "anchor":
            key = (reading.suite, reading.suite_version, reading.model, reading.edition)
            first[key] = min(first.get(key, reading.date), reading.date)
    found = set(first.values())
    regression = plan.job.gates.regression
    pinned = None if regression is None else baseline_of(regression, "gates")
    return found if pinned in (None, FIRST) else {*found, str(pinned)}


def dropped(out: Path, keep: Keep, spared: set[str], tonight: str) -> list[Path]:
    """Remove the runs of nights that are too old, and the folders of those that are older still.

    Args:
        out: Folder of all nights.
        keep: How long nights are kept.
        spared: Nights that stay as they are, however old.
        tonight: A night that is not counted as old, nor any after it.

    Returns:
        What was removed.
    """
    past = [date for date in reversed(nights_in(out)) if date <= tonight]
    removed = []
    for age, date in enumerate(past):
        if date in spared:
            continue
        paths: list[Path] = []
        if age >= keep.nights:
            paths = [out / date]
        elif age >= keep.answers:
            paths = [out / date / states.RUNS]
        for path in paths:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
                removed.append(path)
    return removed


def add_to_leaderboard(plan: Plan, folder: Path) -> list[str]:
    """Add every finished fresh run that is not there yet; what a board refuses is told, not raised.

    Args:
        plan: The night.
        folder: Of the leaderboards.

    Returns:
        A line for each run that was refused, and one for those that were added.
    """
    from modelmetry.api import update_leaderboard

    done = plan.folder / "leaderboard.txt"
    known = done.read_text(encoding="utf-8").split() if done.is_file() else []
    waiting = [
        ask
        for ask in plan.asks
        if ask.question.kind == "fresh"
        and ask.digest not in known
        and states.is_done(plan.folder, ask)
    ]
    runs = {ask.digest: plan.folder / states.cell_of(plan.folder, ask).run for ask in waiting}

    def add(asks: Sequence[Ask]) -> None:
        update_leaderboard([runs[ask.digest] for ask in asks], data=folder)
        known.extend(ask.digest for ask in asks)
        write_whole(done, "\n".join(known).encode() + b"\n")

    if not waiting:
        return []
    said = []
    try:
        add(waiting)  # each file is ranked and written once
    except ModelmetryError:
        for ask in waiting:
            try:
                add([ask])
            except ModelmetryError as error:
                said.append(f"leaderboard: {ask.model} on {ask.question.suite}: {error}")
    added = len(waiting) - len(said)
    return [*said, *([f"leaderboard: {added} runs added in {folder}"] if added else [])]


def lines_of_dropped(removed: Sequence[Path]) -> list[str]:
    """One line about what was removed."""
    if not removed:
        return []
    return [f"kept no longer: {', '.join(path.as_posix() for path in removed)}"]
