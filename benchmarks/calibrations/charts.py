"""The calibration of control charts, the e-detector and the attribution of a change."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from modelmetry.statistics import charts, drift, e_detectors, means, pairs
from modelmetry.statistics.control_rules import CUSUM, EWMA, Rule, Shewhart
from modelmetry.statistics.run_lengths import average_run_length, limit_for

from . import Case, share

PUBLISHED: tuple[tuple[Rule, float, float, str], ...] = (
    (Shewhart(), 0.0, 370.4, "1 / (2 (1 - Phi(3)))"),
    (Shewhart(), 1.0, 43.89, "1 / (1 - Phi(2) + Phi(-4))"),
    (CUSUM(limit=4.0), 0.0, 168.0, "Montgomery, table 9.3"),
    (CUSUM(limit=5.0), 0.0, 465.0, "Montgomery, table 9.3"),
    (CUSUM(limit=4.0), 1.0, 8.38, "Montgomery, table 9.3"),
    (CUSUM(limit=5.0), 1.0, 10.4, "Montgomery, table 9.3"),
    (EWMA(limit=2.814, weight=0.1), 0.0, 500.0, "Lucas and Saccucci (1990)"),
)
"""Rule, shift, the published average run length, and where."""

WITHIN = 0.05
"""A stated run length may be off by so much of itself."""

ESTIMATED = 0.1
"""With an estimated baseline it may be shorter by so much."""


def cases(runs: int, seed: int = 0, quick: bool = False) -> Iterator[Case]:
    """Each promise of the charts beside what simulation finds.

    Args:
        runs: Simulated histories for each case.
        seed: Of the random streams.
        quick: Only the small fixed subset that the tests run.
    """
    rng = np.random.default_rng(seed)
    yield from _run_lengths(runs, rng, quick)
    yield from _estimated_baselines(runs, rng, quick)
    yield from _e_detectors(runs, rng, quick)
    yield from _attributions(runs, rng, quick)


def _run_lengths(runs: int, rng: np.random.Generator, quick: bool) -> Iterator[Case]:
    for rule, shift, stated, source in PUBLISHED[2:5] if quick else PUBLISHED:
        found = average_run_length(rule, shift=shift, rng=rng, runs=10 * runs)
        yield Case(
            part="run length",
            method=f"run_lengths.average_run_length, {_name(rule)}",
            truth=f"shift={shift:g}, known baseline",
            found=found.value,
            error=found.std_error or 0.0,
            low=stated * (1 - WITHIN),
            high=stated * (1 + WITHIN),
            note=f"{stated:g} by {source}",
        )
    for rule in () if quick else (Shewhart(), EWMA(), EWMA(weight=0.2), CUSUM()):
        set_for = limit_for(rule, 365, rng=rng, runs=10 * runs)
        found = average_run_length(set_for, rng=rng, runs=10 * runs)
        yield Case(
            part="run length",
            method=f"run_lengths.limit_for, {_name(rule)}",
            truth=f"wanted 365, limit={set_for.limit:.3f}",
            found=found.value,
            # The limit was itself simulated with as many charts.
            error=math.sqrt(2) * (found.std_error or 0.0),
            low=365 * (1 - WITHIN),
            high=365 * (1 + WITHIN),
        )


def _name(rule: Rule) -> str:
    return type(rule).__name__


def _estimated_baselines(runs: int, rng: np.random.Generator, quick: bool) -> Iterator[Case]:
    """False alarms within 100 nights after a baseline that was itself estimated."""
    runs *= 1 if quick else 2
    later = 100
    designs = [(m, tau) for m in (20, 40, 100) for tau in (0.01, 0.03)]
    for before, between in [(40, 0.03)] if quick else designs:
        kinds: tuple[tuple[Rule, float], ...] = ((Shewhart(), 370.4), (EWMA(), 370), (CUSUM(), 465))
        changes = np.empty((later, runs))
        for run in range(runs):
            errors = rng.uniform(0.015, 0.025, before + later)
            values = 0.7 + np.hypot(between, errors) * rng.standard_normal(before + later)
            reference = charts.baseline(values[:before], errors[:before])
            changes[:, run] = charts.standardized(values[before:], errors[before:], reference)
        for rule, length in kinds:
            hits = _alarmed(rule, changes)
            found, error = share(hits, runs)
            yield Case(
                part="false alarms",
                method=f"charts.control_chart, {_name(rule)}",
                truth=f"baseline of {before} nights, between={between:g}, {later} nights on",
                found=found,
                error=error,
                high=1 - (1 - 1 / (length * (1 - ESTIMATED))) ** later,
                claimed=before >= charts.FEW_NIGHTS,
                note=f"run length {length:g} stated"
                if before >= charts.FEW_NIGHTS
                else "warns of a short baseline",
            )


def _alarmed(rule: Rule, changes: np.ndarray) -> int:
    """Charts (columns) that alarm on some night (row)."""
    sides = np.zeros((2, changes.shape[1]))
    out = np.zeros(changes.shape[1], dtype=bool)
    for z in changes:
        sides = rule.step(sides, np.stack([z, -z]))
        out |= sides.max(axis=0) > rule.threshold
    return int(out.sum())


def _e_detectors(runs: int, rng: np.random.Generator, quick: bool) -> Iterator[Case]:
    """Mean nights to an alarm, cut off at twice the run length, which makes them look shorter."""
    runs = min(runs, 20 if quick else 200)
    wanted = 50
    designs = [("even", 0.0), ("rare", 0.0), ("even", 0.1), ("rare", 0.1)]
    for kind, shift in designs[:1] if quick else designs:
        lengths = np.empty(runs)
        for run in range(runs):
            nights = list(_changes(kind, shift, 2 * wanted, rng))
            first = e_detectors.e_detector(nights, run_length=wanted).first
            lengths[run] = 2 * wanted if first is None else first + 1
        yield Case(
            part="run length" if shift == 0 else "delay",
            method="e_detectors.e_detector",
            truth=f"{kind} changes of 50 items, shift={shift:g}, stated {wanted}",
            found=float(lengths.mean()),
            error=float(lengths.std(ddof=1)) / math.sqrt(runs),
            low=wanted if shift == 0 else None,
            high=None if shift == 0 else wanted / 2,
            note=f"cut off at {2 * wanted} nights",
        )


def _changes(kind: str, shift: float, nights: int, rng: np.random.Generator) -> np.ndarray:
    up = 0.2 if kind == "even" else 0.02
    draws = rng.random((nights, 50))
    return (draws < up + shift / 2).astype(float) - (draws > 1 - up + shift / 2)


TRUTHS = (
    drift.NOTHING,
    drift.MODEL_MOVED,
    drift.JUDGE_MOVED,
    drift.HARDER,
    drift.LEAKED,
)


def _attributions(runs: int, rng: np.random.Generator, quick: bool) -> Iterator[Case]:
    """The confusion matrix of `drift.attribute`, one row for each truth."""
    runs = min(runs, 20 if quick else 500)
    for truth in TRUTHS:
        said: dict[str, int] = {}
        for _ in range(runs):
            changes = _night(truth, 2000, rng)
            for verdict in drift.attribute(changes, margin=0.1).verdicts:
                said[verdict] = said.get(verdict, 0) + 1
        for verdict in (*TRUTHS, drift.EASIER, drift.FORGOT, drift.UNKNOWN):
            if verdict not in said and verdict != truth:
                continue
            found, error = share(said.get(verdict, 0), runs)
            right = verdict == truth
            wrong = not right and verdict != drift.UNKNOWN and verdict != drift.NOTHING
            yield Case(
                part="attribution",
                method="drift.attribute",
                truth=f"{truth}; said: {verdict}",
                found=found,
                error=error,
                low=0.8 if right else None,
                high=0.055 if wrong else None,
                claimed=right or wrong,
                note="" if right or wrong else "an error of caution",
            )


def _night(truth: str, items: int, rng: np.random.Generator) -> drift.Changes:
    """Changes from a baseline as long as the night, when one thing moved by 0.12."""
    moved = 0.12
    model = moved if truth == drift.MODEL_MOVED else 0.0
    judge = moved if truth == drift.JUDGE_MOVED else 0.0
    harder = moved if truth == drift.HARDER else 0.0
    leaked = moved if truth == drift.LEAKED else 0.0

    def right(p: float) -> np.ndarray:
        return (rng.random(items) < p).astype(float)

    def anchors(p: float, change: float) -> tuple[np.ndarray, np.ndarray]:
        # Each anchor is easy or hard for good.
        easy = np.where(rng.random(items) < 0.5, p - 0.25, p + 0.25)
        before = (rng.random(items) < easy).astype(float)
        return (rng.random(items) < easy + change).astype(float), before

    return drift.Changes(
        model_fresh=means.difference_of_means(right(0.6 - model - judge - harder), right(0.6)),
        model_anchors=pairs.difference(*anchors(0.6, leaked - model - judge)),
        check_fresh=means.difference_of_means(right(0.5 - judge - harder), right(0.5)),
        check_anchors=pairs.difference(*anchors(0.5, -judge)),
        judge=pairs.difference(right(0.9 - judge), right(0.9)),
    )
