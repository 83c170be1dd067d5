"""Systematicity of a run: its gaps pooled over held-out pairs, against diversity and a control."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import pyarrow as pa

from modelmetry.analyses.gaps import (
    Answers,
    Gap,
    Twins,
    answers,
    differences,
    find_twins,
    gaps,
    pooled,
    sampling_errors,
)
from modelmetry.analyses.measures import LEVEL, Row
from modelmetry.analyses.quads import Counts, quads
from modelmetry.analyses.table import Items, read_items
from modelmetry.runs.record import RunRecord
from modelmetry.statistics import Estimate, meta_analysis
from modelmetry.suites import Suite

_CONTROL = "control: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The gaps less those of a task that has learned nothing of what is held out.

    Attributes:
        task: The control's name.
        gaps: Difference in differences of each pair, on the problems that both were asked.
        pooled: Their random-effects mean; None where none has an interval.
    """

    task: str
    gaps: tuple[Gap, ...]
    pooled: meta_analysis.Pooled | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """What always giving one answer scores on both sides.

    Attributes:
        answer: The answer; the first split's commonest is among them.
        a: Share of the first split's problems whose right answer it is.
        b: The same of the second split.
    """

    answer: str
    a: float
    b: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Systematicity:
    """The gap of one task between what training shows and what it never shows together.

    Attributes:
        twins: The two splits.
        gaps: The gap on each held-out pair, those of the same attribute types together.
        pooled: Their random-effects mean and how far they differ; None where none has an interval.
        by_diversity: Combinations that training shows -> the gaps of those pairs pooled, ascending.
        trend: Change of the gap per doubling of that number, over the pairs; None where it does not
            vary, or there are fewer than three gaps.
        control: The gaps less those of the zero-shot control; None where there is no control.
        quads: McNemar's tables of quads, of each wording's, then of cells; empty where there are no quads.
        constants: What constant answers score.
    """

    twins: Twins
    gaps: tuple[Gap, ...]
    pooled: meta_analysis.Pooled | None
    by_diversity: tuple[tuple[int, Estimate], ...]
    trend: meta_analysis.Regression | None
    control: Control | None
    quads: tuple[Counts, ...]
    constants: tuple[Constant, ...]


def find_systematicity(
    suite: Suite, items: Items, control: Suite | None = None
) -> list[Systematicity]:
    """The systematicity of every task that has pairs and splits in twos.

    Args:
        suite: What was asked.
        items: The run's items.
        control: What the control run was asked, if its items are among those; by default the control
            of a task with solved examples is a task of the suite that shows none.
    """
    found = []
    twins = find_twins(suite, items)
    for each in twins:
        against = same_twins(items, each, control) if control else _zero_shot(suite, each, twins)
        found.append(_measured(items, each, against))
    return found


def study(
    record: RunRecord, scores: pa.Table, control: tuple[RunRecord, pa.Table] | None = None
) -> list[Systematicity]:
    """The systematicity of a run, held against a control run where one is given.

    Args:
        record: The run's identity card.
        scores: Its table of scores.
        control: The control run, such as the same model before it was tuned; the same problems.

    Raises:
        BadInput: A table is empty or lacks a column.
    """
    if control is None:
        return find_systematicity(record.suite, read_items(scores))
    other, table = control
    return find_systematicity(record.suite, read_items(joined(scores, table)), other.suite)


def joined(scores: pa.Table, control: pa.Table) -> pa.Table:
    """The scores of two runs as one table; tasks, splits and items of the second by other names.

    Args:
        scores: The one run's.
        control: The other's.
    """
    renamed = control
    for name in ("task", "split", "item"):
        texts = [f"{_CONTROL}{text}" for text in control.column(name).to_pylist()]
        kind = control.schema.field(name).type
        renamed = renamed.set_column(
            renamed.column_names.index(name), name, pa.array(texts, pa.string()).cast(kind)
        )
    return pa.concat_tables([scores, renamed]).unify_dictionaries()


def same_twins(items: Items, twins: Twins, control: Suite) -> Twins | None:
    """The splits of the second of two joined runs that are named as these; None where it has none.

    Args:
        items: Of the table that `joined` made.
        twins: Splits of the first run.
        control: The second run's suite. Of its tasks it is that of the same name, else the first
            that has such splits.
    """
    ends = [label.rpartition("/")[2] for label in (twins.a, twins.b)]
    for task in [t for t in control.tasks if t.name == twins.task] or control.tasks:
        a, b = (f"{_CONTROL}{control.label(task.name, end)}" for end in ends)
        if items.split.at(a).any() and items.split.at(b).any():
            return Twins(task=f"{_CONTROL}{task.name}", kind=twins.kind, a=a, b=b)
    return None


def _zero_shot(suite: Suite, twins: Twins, all_twins: Sequence[Twins]) -> Twins | None:
    """The same splits of the first task that shows no solved examples, for one that does."""
    bare = {task.name for task in suite.tasks if not any(p.shots for p in task.prompts)}
    if twins.task in bare:
        return None
    return next((t for t in all_twins if t.task in bare and t.kind == twins.kind), None)


def _measured(items: Items, twins: Twins, against: Twins | None) -> Systematicity:
    found = answers(items, twins)
    each = gaps(items, found)
    control = None
    if against is not None and (apart := differences(items, twins, against)):
        control = Control(task=against.task, gaps=tuple(apart), pooled=pooled(apart))
    return Systematicity(
        twins=twins,
        gaps=tuple(each),
        pooled=pooled(each),
        by_diversity=tuple(_by_diversity(each)),
        trend=_trend(each),
        control=control,
        quads=tuple(quads(items, found)),
        constants=tuple(_constants(items, found)),
    )


def _by_diversity(found: Sequence[Gap]) -> Iterator[tuple[int, Estimate]]:
    for level in sorted({gap.diversity for gap in found if gap.diversity > 0}):
        together = pooled([gap for gap in found if gap.diversity == level])
        if together is not None:
            yield level, together.mean


def _trend(found: Sequence[Gap]) -> meta_analysis.Regression | None:
    """Gap per doubling of the number of combinations that training shows, over the pairs."""
    usable = [gap for gap in found if gap.estimate.low is not None and gap.diversity > 0]
    if len(usable) < 3 or len({gap.diversity for gap in usable}) < 2:
        return None
    return meta_analysis.regress(
        [gap.estimate.value for gap in usable],
        sampling_errors(usable),
        np.log2([gap.diversity for gap in usable]),
        level=LEVEL,
    )


def _constants(items: Items, found: Answers) -> Iterator[Constant]:
    """Yes, no, and the first split's commonest answer, where they are right answers at all."""
    expected = items.expected.codes[found.place]
    sides = [Counter(expected[side].tolist()) for side in (found.first, ~found.first)]
    names = items.expected.names
    commonest = max(sides[0], key=lambda code: (sides[0][code], names[code]))
    for answer in dict.fromkeys(["yes", "no", names[commonest]]):
        if answer in names:
            code = names.index(answer)
            shares = [side[code] / side.total() for side in sides]
            if any(shares):
                yield Constant(answer=answer, a=shares[0], b=shares[1])


def systematicity_rows(found: Sequence[Systematicity]) -> list[Row]:
    """The rows of `estimates.csv`.

    Args:
        found: One per task and twins.
    """
    return list(chain.from_iterable(_rows(each) for each in found))


def _rows(found: Systematicity) -> Iterator[Row]:
    label = found.twins.label
    if found.pooled is not None:
        yield Row(split=label, kind="pooled systematicity gap", estimate=found.pooled.mean)
        yield Row(split=label, kind="heterogeneity of gaps", estimate=_heterogeneity(found.pooled))
    for gap in found.gaps:
        yield Row(split=label, kind="systematicity gap", of=gap.pair, estimate=gap.estimate)
    for level, estimate in found.by_diversity:
        of = f"diversity={level}"
        yield Row(split=label, kind="systematicity gap by diversity", of=of, estimate=estimate)
    if found.trend is not None:
        of, slope = "diversity", found.trend.slope
        yield Row(split=label, kind="systematicity gap per doubling", of=of, estimate=slope)
    if found.control is not None:
        task = found.control.task
        if found.control.pooled is not None:
            of, mean = f"against {task}", found.control.pooled.mean
            yield Row(split=label, kind="pooled difference in differences", of=of, estimate=mean)
        for gap in found.control.gaps:
            of = f"{gap.pair} against {task}"
            yield Row(split=label, kind="difference in differences", of=of, estimate=gap.estimate)
    for counts in found.quads:
        kind = "quad gap" if counts.of.startswith("quads") else "cell gap"
        of = counts.of.removeprefix("quads").removeprefix(" in ")
        yield Row(split=label, kind=kind, of=of, estimate=counts.comparison.difference)
    for constant in found.constants:
        yield Row(
            split=label,
            kind="constant answer gap",
            of=constant.answer,
            estimate=_known(constant.a - constant.b, found.gaps),
        )


def _heterogeneity(found: meta_analysis.Pooled) -> Estimate:
    """The standard deviation of the pairs' true gaps, with its interval."""
    method = (
        f"Paule-Mandel, Q-profile interval; Q = {found.q:.4g}, {found.df} df, p = {found.p:.3g}"
    )
    return replace(
        found.mean,
        value=found.tau,
        std_error=None,
        low=found.tau_low,
        high=found.tau_high,
        method=method,
        warnings=(),
    )


def _known(value: float, found: Sequence[Gap]) -> Estimate:
    return Estimate(
        value=value,
        std_error=None,
        low=None,
        high=None,
        level=LEVEL,
        n=sum(gap.estimate.n for gap in found),
        clusters=sum(gap.estimate.clusters for gap in found),
        method="known from the problems; in balanced accuracy it is 0",
    )
