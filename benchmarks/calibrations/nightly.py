"""The calibration of nightly gates: how often a quiet night fails, and what a planted change takes to be found.

Nights are simulated through the gates' own functions: scores of items in two wordings, of models that
answer with some randomness of their own; a night has several models, each compared with the first night.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache

import numpy as np
import pyarrow as pa

from modelmetry.analyses.table import Items, Labels
from modelmetry.nightly import gates, marks
from modelmetry.nightly.job import Drift, Regression
from modelmetry.nightly.night import Reading
from modelmetry.nightly.watching import watch
from modelmetry.statistics import means, pairs

from . import Case, share

START = date(2026, 1, 1)


def cases(runs: int, seed: int = 0, quick: bool = False) -> Iterator[Case]:
    """Each promise of the gates beside what simulation finds.

    Args:
        runs: Simulated nights for each case; of histories a tenth.
        seed: Of the random streams.
        quick: Only the small fixed subset that the tests run.
    """
    rng = np.random.default_rng(seed)
    yield from _quiet_nights(runs, rng, quick)
    yield from _losses(runs, rng, quick)
    yield from _quiet_histories(max(20, runs // 10), rng, quick)
    yield from _drifts(max(20, runs // 10), rng, quick)


@cache
def _uids(count: int) -> pa.Array:
    return pa.array([f"i{i}" for i in range(count)])


def _items(values: np.ndarray, wordings: int) -> Items:
    """Items by hand: scores of problems in some wordings."""
    n = len(values)
    zeros = np.zeros(n, dtype=np.int64)
    one = Labels(names=("a",), codes=zeros)
    problem = np.arange(n) // wordings
    return Items(
        uid=_uids(n),
        task=one,
        split=one,
        wording=one,
        expected=one,
        factors=one,
        problem=problem,
        cluster=problem,
        index=problem,
        chance=np.zeros(n),
        difficulty=np.zeros(n),
        repeats=zeros + 1,
        unscored=zeros,
        value=values,
        outcomes=np.zeros((n, 7)),
        among=values,
    )


def _known(problems: int, wordings: int, rng: np.random.Generator) -> np.ndarray:
    """Probability that a model is right on each item: some problems are easy for it, some are hard."""
    easy = rng.beta(0.8, 0.4, problems)
    return np.repeat(easy, wordings)


def _right(known: np.ndarray, rng: np.random.Generator, lost: float = 0.0) -> np.ndarray:
    return ((rng.random(len(known)) < known) & (rng.random(len(known)) >= lost)).astype(float)


def _failed(
    pairs_of: list[tuple[np.ndarray, np.ndarray]], wordings: int, gate: Regression
) -> list[bool]:
    """Which of the comparisons of a night fail."""
    compared = [
        gates.Compared(
            suite="s",
            model=f"m{i}",
            kind="anchor",
            split="a",
            against="then",
            loss=marks.loss(
                _items(now, wordings),
                _items(then, wordings),
                "a",
                margin=gate.margin,
                alpha=gate.false_alarm_rate,
                family=len(pairs_of),
            ),
        )
        for i, (now, then) in enumerate(pairs_of)
    ]
    return [v.outcome == "failed" for v in gates.regression(compared, gate)]


def _quiet_nights(runs: int, rng: np.random.Generator, quick: bool) -> Iterator[Case]:
    """Nights on which no model lost anything: the share that fails."""
    gate = Regression(false_alarm_rate=0.05 if quick else 0.01)
    designs = [(20, 40, 2), (20, 200, 2), (20, 400, 1), (100, 60, 2)]
    for models, problems, wordings in designs[:1] if quick else designs:
        hits = 0
        for _ in range(runs):
            night = []
            for _ in range(models):
                known = _known(problems, wordings, rng)
                night.append((_right(known, rng), _right(known, rng)))
            hits += any(_failed(night, wordings, gate))
        found, error = share(hits, runs)
        yield Case(
            part="false alarms",
            method="nightly.gates.regression",
            truth=f"{models} models, {problems} problems in {wordings} wordings, none lost anything",
            found=found,
            error=error,
            high=gate.false_alarm_rate,
        )


def _losses(runs: int, rng: np.random.Generator, quick: bool) -> Iterator[Case]:
    """One model of 20 loses a share of its right answers: how often it is the one that fails."""
    gate = Regression(false_alarm_rate=0.01)
    designs = [(200, 0.2, 0.8), (400, 0.15, 0.8), (400, 0.05, None)]
    for problems, lost, least in designs[:1] if quick else designs:
        hits = 0
        for _ in range(10 if quick else max(50, runs // 5)):
            night = []
            for model in range(20):
                known = _known(problems, 2, rng)
                now = _right(known, rng, lost if model == 0 else 0.0)
                night.append((now, _right(known, rng)))
            hits += _failed(night, 2, gate)[0]
        found, error = share(hits, 10 if quick else max(50, runs // 5))
        yield Case(
            part="power",
            method="nightly.gates.regression",
            truth=f"1 of 20 models forgets {lost:.0%} of what it knew, {problems} problems in 2 wordings",
            found=found,
            error=error,
            low=least,
            claimed=least is not None,
            note="" if least is not None else "smaller than such a night can find",
        )


def _reading(
    night: int, model: str, kind: str, now: np.ndarray, first: np.ndarray | None
) -> Reading:
    clusters = np.arange(len(now)) // 2
    found = means.mean(now, clusters=clusters)
    change = None if first is None else pairs.difference(now, first, clusters)
    return Reading(
        date=(START + timedelta(days=night)).isoformat(),
        suite="s",
        suite_version=1,
        model=model,
        kind="fresh" if kind == "fresh" else "anchor",
        split="a",
        estimand="accuracy",
        value=found.value,
        std_error=found.std_error,
        ci_low=found.low,
        ci_high=found.high,
        ci_method="",
        n_items=found.n,
        n_clusters=found.clusters,
        n_unscored=0,
        edition="e",
        seed_commitment="",
        run_digest="",
        change=None if change is None else change.value,
        change_error=None if change is None else marks.error_of(change),
    )


def _history(
    nights: int,
    models: int,
    rng: np.random.Generator,
    moved: float = 0.0,
    since: int = 0,
    problems: int = 100,
) -> list[list[Reading]]:
    """Readings night by night: fresh problems and anchors of some models, the first of which may move."""
    anchors = [_known(problems, 2, rng) for _ in range(models)]
    first = [_right(known, rng) for known in anchors]
    found = []
    for night in range(nights):
        readings = []
        for model in range(models):
            lost = moved if model == 0 and night >= since else 0.0
            fresh = _right(_known(problems, 2, rng), rng, lost)
            readings.append(_reading(night, f"m{model}", "fresh", fresh, None))
            again = _right(anchors[model], rng, lost) if night else first[model]
            readings.append(
                _reading(night, f"m{model}", "anchor", again, first[model] if night else None)
            )
        found.append(readings)
    return found


def _first_alarm(history: list[list[Reading]], gate: Drift, begin: int) -> int | None:
    """The first night, from `begin`, on which a chart alarms; charts are drawn once, over all nights."""
    before = [reading for night in history[:-1] for reading in night]
    watched = watch(before, history[-1], gate, check=None)
    nights = [c.chart.first for c in watched.charts if c.chart and c.chart.first is not None]
    return min(nights) + gate.nights - begin if nights else None


def _quiet_histories(runs: int, rng: np.random.Generator, quick: bool) -> Iterator[Case]:
    """Histories in which nothing moved: the share with an alarm of any chart within the stated nights."""
    after, models = (40, 1) if quick else (100, 5)
    gate = Drift(run_length=200, nights=40)
    for problems in (100,) if quick else (100, 5):
        hits = 0
        for _ in range(8 if quick else runs):
            history = _history(40 + after, models, rng, problems=problems)
            hits += _first_alarm(history, gate, 40) is not None
        found, error = share(hits, 8 if quick else runs)
        yield Case(
            part="false alarms",
            method="nightly.watching.watch",
            truth=(
                f"{2 * models} charts of {problems} problems, baseline of 40 nights, {after} nights on, "
                "nothing moved"
            ),
            found=found,
            error=error,
            high=1 - (1 - 1 / (200 * 0.9)) ** after,
            note="one in 200 nights over all charts stated; a tenth shorter allowed, as the baseline is estimated",
        )


def _drifts(runs: int, rng: np.random.Generator, quick: bool) -> Iterator[Case]:
    """Nights from a loss to the first alarm."""
    for lost in (0.15,) if quick else (0.05, 0.1, 0.15):
        gate = Drift(run_length=365, nights=40)
        delays = []
        for _ in range(4 if quick else runs):
            found = _first_alarm(_history(75, 3, rng, moved=lost, since=45), gate, 45)
            delays.append(30 if found is None else max(1, found + 1))
        delay = float(np.mean(delays))
        yield Case(
            part="delay",
            method="nightly.watching.watch",
            truth=f"1 of 3 models forgets {lost:.0%} of what it knew, 100 problems in 2 wordings",
            found=delay,
            error=float(np.std(delays)) / len(delays) ** 0.5,
            high=10 if lost >= 0.1 else None,
            claimed=lost >= 0.1,
            note="nights to the first alarm, cut off at 30",
        )
