"""The axis along which several runs stand: their number of weights, or places that were stated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from modelmetry.errors import BadInput
from modelmetry.runs.record import RunRecord

AXES = {"weights": "weights", "steps": "training steps"}
"""Axes by the word that chooses them; any other word is an axis of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """An axis with the place of each run along it, in the order of the runs."""

    name: str
    places: tuple[float, ...]


def check_axis(along: str | None, at: Sequence[float] | None, runs: int) -> None:
    """Refuse an axis that so many runs cannot stand along.

    Args:
        along: `weights`, `steps`, or any name; None for the number of weights.
        at: Place of each run.
        runs: How many there are.

    Raises:
        BadInput: There is one run, the axis has no name, or the places are not one finite number for each
            run, each another.
    """
    if runs == 1 and (along is not None or at is not None):
        raise BadInput(
            "along: there is one run; allowed: no axis, or two runs or more that stand along it"
        )
    if along is not None and not along.strip():
        raise BadInput("along: no name; allowed: weights, steps, or the name of an axis")
    if at is None:
        return
    if len(at) != runs:
        raise BadInput(
            f"at: {len(at)} places for {runs} runs; allowed: one for each, in their order"
        )
    for place in at:
        if not abs(place) < math.inf:
            raise BadInput(f"at: {place}; allowed: finite numbers")
    if len(set(at)) < len(at):
        raise BadInput("at: a place is given twice; allowed: another one for each run")


def find_axis(
    records: Sequence[RunRecord], along: str | None = None, at: Sequence[float] | None = None
) -> Axis:
    """The axis of two runs or more, and the place of each along it.

    Args:
        records: The runs' identity cards.
        along: As of `check_axis`.
        at: As of `check_axis`; only the number of weights is known without.

    Raises:
        BadInput: As of `check_axis`, or the places are neither stated nor known.
    """
    check_axis(along, at, len(records))
    if at is not None:
        name = AXES.get(along or "", along or "place")
        return Axis(name=name, places=tuple(float(place) for place in at))
    if along not in (None, "weights"):
        raise BadInput(
            f"along: the runs' places along {AXES.get(along, along)} are not known; allowed: places stated "
            "with --at, one for each run in their order"
        )
    known = [number for record in records if (number := weights(record)) is not None]
    if len(known) == len(records) and len(set(known)) == len(known):
        return Axis(name=AXES["weights"], places=tuple(known))
    why = (
        "is not known of every run" if len(known) < len(records) else "is the same for several runs"
    )
    raise BadInput(
        f"memorization: the number of weights {why}; allowed: several runs with their places stated, as in "
        "--along steps --at 1000,2000"
    )


def weights(record: RunRecord) -> float | None:
    """How many weights the back end said that the model has; None where it did not."""
    try:
        number = float(record.found.get("parameters", ""))
    except ValueError:
        return None
    return number if 0 < number < math.inf else None
