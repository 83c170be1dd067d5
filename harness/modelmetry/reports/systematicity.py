"""The section on systematicity: gaps of all pairs as a forest, pooled, against diversity, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from modelmetry.analyses.gap_trends import Apart, GapStudy
from modelmetry.analyses.gaps import Gap
from modelmetry.analyses.quads import Counts
from modelmetry.analyses.systematicity import Systematicity
from modelmetry.reports.curves import Chart
from modelmetry.reports.figures import (
    Forest,
    ForestRow,
    Mark,
    Scale,
    Tick,
    difference_mark,
    difference_scale,
)
from modelmetry.reports.gap_charts import gap_chart
from modelmetry.reports.gap_words import INTERVAL, sentences, spread, title, trend_words
from modelmetry.reports.words import (
    DASH,
    MINUS,
    count,
    digits,
    p_value,
    percent,
    points,
    points_interval,
)
from modelmetry.statistics import Estimate, meta_analysis

_SHOWN = 2
"""Most tests of which the forests stand open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """One test of one task.

    Attributes:
        title: Task and kind of test.
        sentences: What was found, in words.
        forest: The gap on each pair, grouped by attribute types, and the pooled one last.
        chart: The gaps against diversity; None where it does not vary.
        levels: The gaps pooled at each diversity; None likewise.
        control: The gaps less those of the control; None without one.
        quads: McNemar's tables; None without quads.
        open: Whether the forest is shown without a click.
    """

    title: str
    sentences: list[str]
    forest: Forest
    chart: Chart | None
    levels: Forest | None
    control: Forest | None
    quads: Forest | None
    open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GapsPart:
    """The section of a run.

    Attributes:
        overview: The pooled gap of every test, and what is left of it without the control's.
        tests: One part per task and kind of test.
    """

    overview: Forest
    tests: list[Tested]


@dataclass(frozen=True, slots=True, kw_only=True)
class GapsTogether:
    """The section of several runs.

    Attributes:
        overview: The pooled gap of every run in every test.
        apart: Every two runs; None where none have a pair of values in common.
        sentences: The trends over the runs.
    """

    overview: Forest
    apart: Forest | None
    sentences: list[str]


def gaps_part(found: Sequence[Systematicity]) -> GapsPart | None:
    """The section on a run's gaps; None without any.

    Args:
        found: From `find_systematicity`.
    """
    usable = [each for each in found if each.gaps]
    if not usable:
        return None
    return GapsPart(
        overview=_overview(usable),
        tests=[_test(each, len(usable) <= _SHOWN) for each in usable],
    )


def gaps_together(study: GapStudy) -> GapsTogether | None:
    """The section on several runs' gaps; None without any."""
    tests = dict.fromkeys(title(each) for run in study.runs for each in run.found if each.pooled)
    means = [each.pooled.mean for run in study.runs for each in run.found if each.pooled]
    if not means:
        return None
    scale, ticks = difference_scale(means)
    lines = []
    for test in tests:
        group = test
        for i, run in enumerate(study.runs):
            for each in run.found:
                if title(each) == test and each.pooled is not None:
                    row = _pooled_row(run.name, each.pooled, scale, ticks, says=test)
                    lines.append(replace(row, group=group, color=i % 6))
                    group = ""
    overview = Forest(head="model", value="gap", columns=_POOLED, axis=ticks, rows=tuple(lines))
    return GapsTogether(
        overview=overview,
        apart=_apart(study.apart),
        sentences=[trend_words(trend) for trend in study.trends],
    )


_POOLED = (INTERVAL, "pairs", "pairs differ by", "one more pair")


def _overview(found: Sequence[Systematicity]) -> Forest:
    means = [each.pooled.mean for each in found if each.pooled]
    means += [e.control.pooled.mean for e in found if e.control and e.control.pooled]
    scale, ticks = difference_scale(means)
    lines = []
    for each in found:
        if each.pooled is None:
            continue
        lines.append(_pooled_row(title(each), each.pooled, scale, ticks))
        if each.control is not None and each.control.pooled is not None:
            name = f"{title(each)} {MINUS} {each.control.task}"
            lines.append(_pooled_row(name, each.control.pooled, scale, ticks))
    return Forest(head="test", value="gap", columns=_POOLED, axis=ticks, rows=tuple(lines))


def _pooled_row(
    name: str,
    found: meta_analysis.Pooled,
    scale: Scale,
    ticks: tuple[Tick, ...],
    *,
    says: str = "",
) -> ForestRow:
    spoken = f"{says}, {name}" if says else name
    ahead = DASH
    if found.prediction is not None:
        ahead = " to ".join(points(end) for end in found.prediction)
    facts = (points_interval(found.mean), f"{found.df + 1}", spread(found.tau), ahead)
    return ForestRow(
        name=name,
        value=points(found.mean.value, digits(found.mean)),
        mark=_diamond(spoken, found.mean, scale, ticks),
        facts=facts,
    )


def _diamond(name: str, found: Estimate, scale: Scale, ticks: tuple[Tick, ...]) -> Mark:
    """A pooled estimate: a diamond as wide as its interval."""
    mark = difference_mark(name, found, scale, ticks)
    if found.low is None or found.high is None:
        return mark
    low, middle, high = (scale.share(v) for v in (found.low, found.value, found.high))
    corners = f"{low:.2f},50 {middle:.2f},22 {high:.2f},50 {middle:.2f},78"
    return replace(mark, diamond=corners)


def _test(found: Systematicity, shown: bool) -> Tested:
    return Tested(
        title=title(found),
        sentences=list(sentences(found)),
        forest=_forest(found.gaps, found.pooled, ("IID", "OOD")),
        chart=gap_chart(found),
        levels=_levels(found),
        control=(
            _forest(found.control.gaps, found.control.pooled, ("IID apart", "OOD apart"))
            if found.control
            else None
        ),
        quads=_quads(found.quads),
        open=shown,
    )


def _forest(
    found: Sequence[Gap], together: meta_analysis.Pooled | None, sides: tuple[str, str]
) -> Forest:
    """One line per pair under its attribute types, the pooled gap last."""
    means = [together.mean] if together else []
    scale, ticks = difference_scale([*(gap.estimate for gap in found), *means])
    lines, last = [], ""
    apart = "apart" in sides[0]
    for gap in found:
        estimate = gap.estimate
        group = gap.types if gap.types != last else ""
        if group and gap.diversity:
            group += f", {count(gap.diversity, 'combination')} in training"
        last = gap.types
        say = points if apart else percent
        lines.append(
            ForestRow(
                name=gap.pair,
                group=group,
                value=points(estimate.value, digits(estimate)),
                mark=difference_mark(gap.pair, estimate, scale, ticks),
                facts=(
                    points_interval(estimate),
                    say(gap.accuracy_a),
                    say(gap.accuracy_b),
                    f"{estimate.n:,}",
                    f"{estimate.clusters:,}",
                ),
            )
        )
    if together is not None:
        mean = together.mean
        name = "all pairs, pooled"
        lines.append(
            ForestRow(
                name=name,
                group="random effects",
                value=points(mean.value, digits(mean)),
                mark=_diamond(name, mean, scale, ticks),
                facts=(points_interval(mean), DASH, DASH, f"{mean.n:,}", f"{mean.clusters:,}"),
            )
        )
    columns = (INTERVAL, *sides, "items", "clusters")
    return Forest(head="held-out pair", value="gap", columns=columns, axis=ticks, rows=tuple(lines))


def _levels(found: Systematicity) -> Forest | None:
    if len(found.by_diversity) < 2:
        return None
    scale, ticks = difference_scale([estimate for _, estimate in found.by_diversity])
    lines = [
        ForestRow(
            name=count(level, "combination"),
            value=points(estimate.value, digits(estimate)),
            mark=_diamond(count(level, "combination"), estimate, scale, ticks),
            facts=(points_interval(estimate), f"{estimate.n:,}"),
        )
        for level, estimate in found.by_diversity
    ]
    columns = (INTERVAL, "items")
    return Forest(head="in training", value="gap", columns=columns, axis=ticks, rows=tuple(lines))


def _quads(found: Sequence[Counts]) -> Forest | None:
    if not found:
        return None
    scale, ticks = difference_scale([each.comparison.difference for each in found])
    lines, last = [], ""
    for each in found:
        whole = each.of.startswith("quads")
        group = "whole quads" if whole else "single cells, by what the object has"
        difference, exact = each.comparison.difference, each.comparison.p_exact
        numbers = (each.both, each.only_iid, each.only_ood, each.neither)
        lines.append(
            ForestRow(
                name=each.of.replace("quads", "all four right"),
                group=group if group != last else "",
                value=points(difference.value, digits(difference)),
                mark=difference_mark(each.of, difference, scale, ticks),
                facts=(
                    points_interval(difference),
                    *(f"{n:,}" for n in numbers),
                    DASH if exact is None else p_value(exact),
                ),
            )
        )
        last = group
    columns = (INTERVAL, "both right", "IID alone", "OOD alone", "neither", "p, exact test")
    return Forest(head="quad", value="points", columns=columns, axis=ticks, rows=tuple(lines))


def _apart(found: Sequence[Apart]) -> Forest | None:
    if not found:
        return None
    scale, ticks = difference_scale([each.pooled.mean for each in found])
    lines, last = [], ""
    for each in sorted(found, key=lambda each: (each.task, each.kind)):
        test = f"{each.task}, {each.kind}"
        name = f"{each.a} {MINUS} {each.b}"
        row = _pooled_row(name, each.pooled, scale, ticks, says=test)
        note = "the same problems" if each.paired else "other problems"
        lines.append(replace(row, group=test if test != last else "", note=note))
        last = test
    return Forest(head="runs", value="gap apart", columns=_POOLED, axis=ticks, rows=tuple(lines))
