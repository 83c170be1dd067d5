"""What came out: gaps as the analysis `systematicity` measures them, and how they change."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from modelmetry.analyses.gaps import Gap, Twins, answers, gaps, sampling_errors
from modelmetry.analyses.table import read_items
from modelmetry.runs.scores import SCHEMA
from modelmetry.scenes.holdouts import Holdout
from modelmetry.statistics import Estimate, meta_analysis

from .pools import ANSWERS, Problems

TESTS = ("minimal", "complex")

SIDES: Mapping[str, Callable[[Gap], float]] = {
    "gap": lambda gap: gap.estimate.value,
    "IID": lambda gap: gap.accuracy_a,
    "OOD": lambda gap: gap.accuracy_b,
}
"""What may change: the gap, or the balanced accuracy that it is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One trained network.

    Attributes:
        part: Of the sweep it belongs to: `knob` or `natural`.
        coding: What it is given of an object.
        pair: The held-out pair.
        types: Its types of attributes.
        diversity: Combinations of these that training shows.
        questions: Training questions.
        seed: Of problems, weights and order.
        gaps: Test -> gap, of `TESTS`.
        loss: Mean training loss at the end, in nats.
        seconds: It took.
    """

    part: str
    coding: str
    pair: str
    types: str
    diversity: int
    questions: int
    seed: int
    gaps: Mapping[str, Gap]
    loss: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """Change of the gap, or of one of its sides, per doubling of something.

    Attributes:
        coding: What the networks are given of an object.
        test: Of `TESTS`.
        what: Of `SIDES`.
        of: `diversity` or `questions`, or `types` for diversity from pair to pair.
        at: Where the other stands; `all` for its mean.
        estimate: Per doubling.
        p: Two-sided p-value of no change.
        units: What is held to be independent.
    """

    coding: str
    test: str
    what: str
    of: str
    at: str
    estimate: Estimate
    p: float
    units: str


def measured(
    held: Holdout, tests: Mapping[str, Problems], given: Mapping[str, np.ndarray]
) -> dict[str, Gap]:
    """The gaps of a network's answers, by the rules of the analysis.

    Args:
        held: What is held out.
        tests: Split -> problems.
        given: Split -> index of the answer to each.
    """
    rows = [row for split in tests for row in _rows(held, split, tests[split], given[split])]
    columns = {name: [row[name] for row in rows] for name in SCHEMA.names}
    items = read_items(pa.table(columns, schema=SCHEMA))
    found = {}
    for test in TESTS:
        twins = Twins(task="clevr-hope", kind=test, a=f"{test}-iid", b=f"{test}-ood")
        found[test] = gaps(items, answers(items, twins))[0]
    return found


def _rows(
    held: Holdout, split: str, problems: Problems, given: np.ndarray
) -> Iterator[dict[str, Any]]:
    factors = {"pair": held.name, "types": " x ".join(held.types), "diversity": held.diversity}
    for i, (right, answer) in enumerate(zip(problems.answers, given, strict=True)):
        yield dict.fromkeys(SCHEMA.names, 0) | {
            "item": f"{split}/{i}",
            "problem": f"{split}/{i}",
            "task": "clevr-hope",
            "split": split,
            "index": i,
            "wording": "program",
            "cluster": problems.clusters[i],
            "value": float(right == answer),
            "outcome": "answered",
            "reason": "",
            "answer": ANSWERS[answer],
            "expected": ANSWERS[right],
            "factors": json.dumps(factors),
        }


def cells(runs: Sequence[Run], test: str) -> Iterator[tuple[tuple[Any, ...], float, float, Any]]:
    """(types, diversity, questions), both balanced accuracies and the pooled gap, cell by cell."""
    every = _groups(runs, lambda run: (run.types, run.diversity, run.questions))
    for key in sorted(every, key=lambda key: (key[1], key[2], key[0])):
        found = [run.gaps[test] for run in every[key]]
        pooled = meta_analysis.pool([gap.estimate.value for gap in found], sampling_errors(found))
        seen, unseen = (
            float(np.mean([getattr(gap, name) for gap in found]))
            for name in ("accuracy_a", "accuracy_b")
        )
        yield key, seen, unseen, pooled.mean


def slopes(runs: Sequence[Run]) -> Iterator[Slope]:
    """Slopes of all codings and tests, those over everything first.

    Networks of one training pool (pair, diversity, seed) share problems. Against diversity their gaps
    are averaged first, and a pool is a unit; against questions the slope is the one within pools.
    Pairs have intercepts of their own. From pair to pair the unit is the pair.
    """
    for coding in dict.fromkeys(run.coding for run in runs):
        of = [run for run in runs if run.coding == coding]
        knob = [run for run in of if run.part == "knob"]
        most = max(run.questions for run in of)
        full = max((run.diversity for run in knob), default=0)
        natural = [r for r in of if r.part == "natural" or (r in knob and r.diversity == full)]
        natural = [run for run in natural if run.questions == most]
        for test in TESTS:
            yield from _slopes(knob, coding, test)
            if len({run.diversity for run in natural}) > 1:
                found = _against(natural, test, "gap", "diversity", lambda run: run.pair, None)
                yield _slope(coding, test, "gap", "types", f"{most}", found, "pairs")


def _slopes(runs: Sequence[Run], coding: str, test: str) -> Iterator[Slope]:
    """Over everything, then at each level of the other."""

    def pool(run: Run) -> tuple[Any, ...]:
        return run.pair, run.diversity, run.seed

    for of, other in (("diversity", "questions"), ("questions", "diversity")):
        by_pair = _groups(runs, lambda run: run.pair).values()
        if all(len({getattr(run, of) for run in part}) < 2 for part in by_pair):
            continue
        levels = sorted({getattr(run, other) for run in runs})
        wanted = [(what, None) for what in SIDES]
        wanted += [("gap", level) for level in levels if len(levels) > 1]
        for what, at in wanted:
            part = [run for run in runs if at in (None, getattr(run, other))]
            if of == "diversity":
                found = _against(part, test, what, of, pool, lambda run: run.pair)
                units = "training pools"
            else:
                found = _against(part, test, what, of, lambda run: (pool(run), run.questions), pool)
                units = "networks, within training pools"
            yield _slope(coding, test, what, of, "all" if at is None else f"{at}", found, units)


def _against(
    runs: Sequence[Run],
    test: str,
    what: str,
    of: str,
    unit: Callable[[Run], Any],
    group: Callable[[Run], Any] | None,
) -> meta_analysis.Regression:
    """Meta-regression of the units' means on the logarithm to base 2, within groups.

    Of the accuracies no sampling error is kept: their spread alone counts.
    """
    errors = sampling_errors([run.gaps[test] for run in runs]) * (what == "gap")
    error = dict(zip(map(id, runs), errors, strict=True))
    units = list(_groups(runs, unit).values())
    return meta_analysis.regress(
        [float(np.mean([SIDES[what](run.gaps[test]) for run in part])) for part in units],
        [float(np.sqrt(sum(error[id(run)] ** 2 for run in part))) / len(part) for part in units],
        [float(np.log2(getattr(part[0], of))) for part in units],
        [repr(group(part[0])) if group else "" for part in units],
    )


def _slope(
    coding: str, test: str, what: str, of: str, at: str, found: meta_analysis.Regression, units: str
) -> Slope:
    return Slope(
        coding=coding,
        test=test,
        what=what,
        of=of,
        at=at,
        estimate=found.slope,
        p=found.p,
        units=units,
    )


def _groups(runs: Sequence[Run], key: Callable[[Run], Any]) -> dict[Any, list[Run]]:
    found: dict[Any, list[Run]] = defaultdict(list)
    for run in runs:
        found[key(run)].append(run)
    return found


def text(runs: Sequence[Run]) -> Iterator[str]:
    """The findings as Markdown, line by line."""
    for coding in dict.fromkeys(run.coding for run in runs):
        for test in TESTS:
            yield f"\n## {coding}, {test} tests: balanced accuracy\n"
            yield "| types | training shows | questions | networks | IID | OOD | gap | 95% |"
            yield "|---|---|---|---|---|---|---|---|"
            part = [run for run in runs if run.coding == coding]
            for (types, diversity, questions), seen, unseen, gap in cells(part, test):
                yield (
                    f"| {types} | {diversity} | {questions:,} | {gap.n} | {seen:.3f} "
                    f"| {unseen:.3f} | {gap.value:+.3f} | {_interval(gap)} |"
                )
    yield "\n## Change per doubling\n"
    yield "| objects | test | change of | with | at | change | 95% | p | units |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for each in slopes(runs):
        yield (
            f"| {each.coding} | {each.test} | {each.what} | {each.of} | {each.at} "
            f"| {each.estimate.value:+.3f} | {_interval(each.estimate)} | {each.p:.2g} "
            f"| {each.estimate.n} {each.units} |"
        )
    for each in slopes(runs):
        if each.what == "gap" and each.at == "all":
            yield f"\n{sentence(each)}"


def sentence(slope: Slope) -> str:
    """What a slope says, no more: a change is claimed where the interval leaves out 0."""
    low, high, value = slope.estimate.low, slope.estimate.high, slope.estimate.value
    start = f"{slope.coding} objects, {slope.test} tests: "
    if low is None or high is None:
        return f"{start}too few networks to say how the gap changes with {slope.of}."
    ends = f"{100 * value:+.1f} points per doubling, 95% {100 * low:+.1f} to {100 * high:+.1f}"
    if low <= 0 <= high:
        return f"{start}no change of the gap with {slope.of} is shown ({ends})."
    return f"{start}the gap {'falls' if value < 0 else 'rises'} with {slope.of} ({ends})."


def _interval(found: Estimate) -> str:
    if found.low is None or found.high is None:
        return "-"
    return f"{found.low:+.3f} to {found.high:+.3f}"
