"""Gaps of several runs: side by side, and against diversity and the amount of training data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import pyarrow as pa

from modelmetry.analyses.comparison import run_names
from modelmetry.analyses.gaps import Gap, differences, pooled, sampling_errors
from modelmetry.analyses.measures import LEVEL
from modelmetry.analyses.systematicity import Systematicity, joined, same_twins, study
from modelmetry.analyses.table import read_items
from modelmetry.errors import BadInput, nearest
from modelmetry.runs.record import RunRecord
from modelmetry.statistics import Estimate, meta_analysis


@dataclass(frozen=True, slots=True, kw_only=True)
class RunGaps:
    """One run with its gaps.

    Attributes:
        name: What the run is called.
        found: The systematicity of each of its tasks and kinds of test.
        amount: Training examples behind the model, or None where that was not said.
    """

    name: str
    found: tuple[Systematicity, ...]
    amount: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """How far the gaps of two runs lie apart, over the pairs of values that both were asked.

    Attributes:
        task: The task's name.
        kind: `minimal`, `complex`, `cogent`.
        a: The one run.
        b: The other.
        paired: Whether both were asked the same problems.
        pooled: Gap of `a` less that of `b`, pooled over the pairs.
    """

    task: str
    kind: str
    a: str
    b: str
    paired: bool
    pooled: meta_analysis.Pooled


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Change of the gap per doubling of what the runs were trained on; the run is the unit.

    Attributes:
        task: The task's name.
        kind: `minimal`, `complex`, `cogent`.
        of: `diversity`, the combinations that training shows, or `amount`, the training examples.
        regression: The slope, within runs on the same pairs and with the same of the other.
    """

    task: str
    kind: str
    of: Literal["diversity", "amount"]
    regression: meta_analysis.Regression


@dataclass(frozen=True, slots=True, kw_only=True)
class GapStudy:
    """The gaps of one or more runs.

    Attributes:
        runs: Each run with its gaps, in the order in which they were given.
        apart: Every two runs, task by task; intervals are not corrected for their number.
        trends: Against diversity and against the amount of training data, where the runs differ.
    """

    runs: tuple[RunGaps, ...]
    apart: tuple[Apart, ...] = ()
    trends: tuple[Trend, ...] = ()


def gap_study(
    runs: Sequence[tuple[RunRecord, pa.Table]],
    *,
    amounts: Mapping[str, float] | None = None,
    control: tuple[RunRecord, pa.Table] | None = None,
    found: Sequence[Sequence[Systematicity]] | None = None,
) -> GapStudy:
    """The gaps of runs, their differences and their trends.

    Args:
        runs: One or more scored runs.
        amounts: Run's id, or its name where that tells it apart -> training examples, > 0.
        control: A run against whose gaps each is held, such as the model before it was tuned.
        found: What `study` found of each run, where that is known.

    Raises:
        BadInput: A run has no answers, or an amount is of no run, or not above 0.
    """
    records = [record for record, _ in runs]
    names = run_names(records)
    each = found or [study(record, scores, control) for record, scores in runs]
    given = _amounts(amounts or {}, [record.id for record in records], names)
    together = tuple(
        RunGaps(name=name, found=tuple(part), amount=amount)
        for name, part, amount in zip(names, each, given, strict=True)
    )
    return GapStudy(
        runs=together,
        apart=tuple(_every_two(runs, together)),
        trends=tuple(_trends(together)),
    )


def _amounts(
    amounts: Mapping[str, float], ids: Sequence[str], names: Sequence[str]
) -> list[float | None]:
    if unknown := [key for key in amounts if key not in {*ids, *names}]:
        hint = nearest(unknown[0], [*ids, *names])
        raise BadInput(f"amounts: no run {unknown[0]!r}{hint}; allowed: {', '.join(ids)}")
    for key, amount in amounts.items():
        if not 0 < amount < math.inf:
            raise BadInput(f"amounts: {amount} of {key}; allowed: numbers above 0")
    return [amounts.get(ident, amounts.get(name)) for ident, name in zip(ids, names, strict=True)]


def _every_two(
    runs: Sequence[tuple[RunRecord, pa.Table]], found: Sequence[RunGaps]
) -> Iterator[Apart]:
    for i, j in combinations(range(len(runs)), 2):
        if not (found[i].found and found[j].found):
            continue
        other = runs[j][0].suite
        items = read_items(joined(runs[i][1], runs[j][1]))
        for one in found[i].found:
            theirs = [
                two
                for two in found[j].found
                if (two.twins.task, two.twins.kind) == (one.twins.task, one.twins.kind)
            ]
            against = same_twins(items, one.twins, other)
            if not theirs or against is None:
                continue
            paired = differences(items, one.twins, against)
            each = paired or _independent(one.gaps, theirs[0].gaps)
            together = pooled(each)
            if together is not None:
                yield Apart(
                    task=one.twins.task,
                    kind=one.twins.kind,
                    a=found[i].name,
                    b=found[j].name,
                    paired=bool(paired),
                    pooled=together,
                )


def _independent(a: Sequence[Gap], b: Sequence[Gap]) -> list[Gap]:
    """Differences of the gaps of two runs that were asked other problems, pair by pair."""
    others = {gap.pair: gap for gap in b}
    found = []
    for gap in a:
        if gap.pair in others:
            other = others[gap.pair]
            estimate = _less(gap.estimate, other.estimate)
            found.append(
                Gap(
                    pair=gap.pair,
                    types=gap.types,
                    diversity=gap.diversity,
                    accuracy_a=gap.accuracy_a - other.accuracy_a,
                    accuracy_b=gap.accuracy_b - other.accuracy_b,
                    estimate=estimate,
                )
            )
    return found


def _less(a: Estimate, b: Estimate) -> Estimate:
    """The difference of independent estimates, by the square-and-add rule (Zou and Donner 2008)."""
    value = a.value - b.value
    low = high = error = None
    if a.std_error is not None and b.std_error is not None:
        error = math.hypot(a.std_error, b.std_error)
    if None not in (a.low, a.high, b.low, b.high):
        low = value - math.hypot(a.value - (a.low or 0.0), (b.high or 0.0) - b.value)
        high = value + math.hypot((a.high or 0.0) - a.value, b.value - (b.low or 0.0))
    return Estimate(
        value=value,
        std_error=error,
        low=low,
        high=high,
        level=LEVEL,
        n=a.n + b.n,
        clusters=a.clusters + b.clusters,
        unscored=a.unscored + b.unscored,
        method="difference of gaps on other problems; square-and-add interval",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """A run as one point of a trend: the plain mean over its pairs, with its sampling error.

    What the pairs do to the gap is the same in runs on the same pairs, and cancels.
    """

    pairs: tuple[str, ...]
    value: float
    error: float
    diversity: float
    amount: float | None


def _trends(runs: Sequence[RunGaps]) -> Iterator[Trend]:
    kinds = dict.fromkeys((each.twins.task, each.twins.kind) for run in runs for each in run.found)
    for task, kind in kinds:
        units = [
            unit
            for run in runs
            for each in run.found
            if (each.twins.task, each.twins.kind) == (task, kind)
            and (unit := _unit(each.gaps, run.amount))
        ]
        for of in ("diversity", "amount"):
            regression = _regression(units, of)
            if regression is not None:
                yield Trend(task=task, kind=kind, of=of, regression=regression)


def _unit(found: Sequence[Gap], amount: float | None) -> _Unit | None:
    usable = [gap for gap in found if gap.estimate.low is not None]
    if not usable:
        return None
    errors = sampling_errors(usable)
    known = all(gap.diversity > 0 for gap in usable)
    return _Unit(
        pairs=tuple(sorted(gap.pair for gap in usable)),
        value=float(np.mean([gap.estimate.value for gap in usable])),
        error=math.sqrt(float((errors**2).sum())) / len(usable),
        diversity=float(np.mean(np.log2([gap.diversity for gap in usable]))) if known else 0.0,
        amount=None if amount is None else math.log2(amount),
    )


def _regression(
    units: Sequence[_Unit], of: Literal["diversity", "amount"]
) -> meta_analysis.Regression | None:
    """The slope within runs on the same pairs and with the same of the other; None if none vary."""
    if of == "amount":
        usable = [unit for unit in units if unit.amount is not None]
        kept = [(unit, unit.amount or 0.0, (unit.pairs, unit.diversity)) for unit in usable]
    else:
        kept = [(unit, unit.diversity, (unit.pairs, unit.amount)) for unit in units]
    varying = {key for _, _, key in kept if len({x for _, x, k in kept if k == key}) > 1}
    order = list(dict.fromkeys(key for _, _, key in kept if key in varying))
    kept = [each for each in kept if each[2] in varying]
    if not kept:
        return None
    return meta_analysis.regress(
        [unit.value for unit, _, _ in kept],
        [unit.error for unit, _, _ in kept],
        [x for _, x, _ in kept],
        [order.index(key) for _, _, key in kept],
        level=LEVEL,
    )
