"""Several runs in one report: accuracies side by side, every paired difference, and ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from modelmetry.analyses.comparison import Comparisons, Standing
from modelmetry.analyses.comparison import Row as Compared
from modelmetry.analyses.estimates import Analysis, primary, split_labels
from modelmetry.analyses.gap_trends import gap_study
from modelmetry.analyses.resolution import gauge_study
from modelmetry.reports.budgets import budget_forest, budget_notes
from modelmetry.reports.figures import (
    SHARE_TICKS,
    Forest,
    ForestRow,
    Mark,
    Scale,
    Tick,
    difference_mark,
    difference_scale,
    share_mark,
)
from modelmetry.reports.memorization.axes import Axis
from modelmetry.reports.memorization.growth import GrowthPart, growth_parts
from modelmetry.reports.resolutions import resolution_forest, resolution_notes
from modelmetry.reports.sections import Rows
from modelmetry.reports.systematicity import GapsTogether, gaps_together
from modelmetry.reports.words import (
    DASH,
    NBSP,
    count,
    digits,
    interval,
    listed,
    p_value,
    percent,
    points,
    points_interval,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """The runs of a report, compared.

    Attributes:
        sentences: What can be said on each primary split.
        warnings: Reasons for care.
        accuracy: Every run on every split.
        ranks: Every run's place on every split; None for two runs, or runs of different items.
        ranks_note: How the ranks were found.
        differences: Every pair on every split; None where the runs hold different items.
        note: How the pairs were compared, or why they were not.
        resolution: What the suite resolves; None below two models of one suite.
        resolution_notes: How sure that is, and what would resolve more.
        gaps: Every run's systematicity gaps; None where no suite has them.
        growth: Memorization along the axis that was asked for; else along the number of weights, where
            the back ends told it and it differs.
        editions: The uncertainty budget of one model over several editions; None otherwise.
        editions_notes: What that budget leaves out.
    """

    sentences: list[str]
    warnings: list[str]
    accuracy: Forest
    ranks: Forest | None
    ranks_note: str
    differences: Forest | None
    note: str
    gaps: GapsTogether | None = None
    growth: list[GrowthPart] = field(default_factory=list)
    resolution: Forest | None = None
    resolution_notes: list[str] = field(default_factory=list)
    editions: Forest | None = None
    editions_notes: list[str] = field(default_factory=list)


def together(
    runs: Sequence[Analysis],
    names: Sequence[str],
    compared: Comparisons | None,
    axis: Axis | None = None,
) -> Together:
    """The comparison part of a report.

    Args:
        runs: Two or more runs.
        names: What they are called, in the same order.
        compared: What comparing them found; None where the runs hold different items.
        axis: Axis of memorization studies that was asked for, with the place of each run.

    Raises:
        BadInput: An axis was asked for, and a run has no memorization study, or asked other probes.
    """
    scored = [(run.record, run.scores) for run in runs]
    study = gauge_study(scored)
    gaps = None
    if any(run.systematicity for run in runs):
        gaps = gaps_together(gap_study(scored, found=[run.systematicity for run in runs]))
    return replace(
        _compared(runs, names, compared),
        gaps=gaps,
        growth=_growth(runs, names, axis) if compared or axis else [],
        resolution=resolution_forest(study.resolutions),
        resolution_notes=resolution_notes(study.resolutions),
        editions=budget_forest(study.budgets),
        editions_notes=budget_notes(runs[0].record, study.budgets),
    )


def _growth(runs: Sequence[Analysis], names: Sequence[str], axis: Axis | None) -> list[GrowthPart]:
    return growth_parts([(run.record, run.memorization) for run in runs], names, axis)


def _compared(
    runs: Sequence[Analysis], names: Sequence[str], compared: Comparisons | None
) -> Together:
    splits = list(dict.fromkeys(chain.from_iterable(_labels(run) for run in runs)))
    accuracy = _accuracy(runs, names, splits)
    if compared is None:
        note = (
            "The runs were not asked the same items, so their differences are not tested here: "
            "models are compared on one edition (same suite, version, seed and limit)."
        )
        return Together(
            sentences=[],
            warnings=[],
            accuracy=accuracy,
            ranks=None,
            ranks_note="",
            differences=None,
            note=note,
        )
    first = primary(runs[0].record, runs[0].items)
    return Together(
        sentences=[_sentence(compared.rows, split) for split in first],
        warnings=compared.warnings,
        accuracy=accuracy,
        ranks=_ranks(compared.standings, splits) if compared.standings else None,
        ranks_note=_ranks_note(compared.standings) if compared.standings else "",
        differences=_differences(compared.rows, splits),
        note=_note(compared),
    )


def _note(compared: Comparisons) -> str:
    """How the pairs were compared."""
    found = compared.rows[0].comparison
    exact = listed(sorted({row.comparison.exact_method for row in compared.rows}))
    note = (
        f"Pairs are matched item by item and clustered by problem; p is corrected by "
        f"{compared.corrected_by} for {count(found.family_size, 'comparison')}. Exact test: "
        f"{exact}. A tie is a pair that was not told apart; detectable is the smallest true "
        f"difference that this design shows with 80{NBSP}% power."
    )
    if found.equivalence is None:
        return note
    margin = points(found.equivalence.margin).lstrip("+")
    return (
        f"{note} Equivalent are runs whose difference was shown to be smaller than the stated "
        f"margin of {margin} points, by two one-sided tests at 5{NBSP}%, corrected in the same way."
    )


def _ranks_note(standings: Sequence[Standing]) -> str:
    """How the ranks were found."""
    found = standings[0].ranks
    return (
        f"With {100 * found.level:g}{NBSP}% confidence every model's true rank on a split lies among "
        f"the places left open to it, all models together ({found.method}). A tie group holds the "
        f"models that were not told apart from the best of the group. Cochran's Q, over whole "
        f"clusters, asks whether the models of a split differ at all; its p is not corrected."
    )


def _headed(standing: Standing) -> str:
    """A split with its test of whether the models differ at all."""
    p = p_value(standing.omnibus.p).replace(" ", NBSP)
    p = p if p.startswith("<") else f"={NBSP}{p}"
    return f"{standing.split}: Q{NBSP}={NBSP}{standing.omnibus.statistic:.1f}, p{NBSP}{p}"


def _labels(run: Analysis) -> list[str]:
    return split_labels(run.record, run.items)


def _accuracy(runs: Sequence[Analysis], names: Sequence[str], splits: Sequence[str]) -> Forest:
    lines = []
    for split in splits:
        group = split
        for i, (run, name) in enumerate(zip(runs, names, strict=True)):
            rows = Rows(run.rows)
            found, chance = rows.one("accuracy", split), rows.one("chance", split)
            constant = rows.one("constant answer", split)
            if found is None:
                continue
            lines.append(
                ForestRow(
                    name=name,
                    group=group,
                    value=percent(found.value, digits(found)),
                    mark=share_mark(
                        f"{split}, {name}",
                        found,
                        chance=chance.value if chance else None,
                        constant=constant.value if constant else None,
                    ),
                    facts=(
                        interval(found),
                        f"{found.n:,}",
                        f"{found.clusters:,}",
                        f"{found.unscored:,}",
                    ),
                    color=i % 6,
                )
            )
            group = ""
    columns = ("95\u00a0% interval", "items", "clusters", "unscored")
    return Forest(
        head="model", value="accuracy", columns=columns, axis=SHARE_TICKS, rows=tuple(lines)
    )


def _ranks(standings: Sequence[Standing], splits: Sequence[str]) -> Forest:
    scale, ticks = _places(len(standings[0].names))
    lines = []
    for standing in sorted(standings, key=lambda s: splits.index(s.split)):
        found, group = standing.ranks, _headed(standing)
        for i in sorted(range(len(found.rank)), key=lambda i: found.rank[i]):
            name, rank, low, high = standing.names[i], found.rank[i], found.low[i], found.high[i]
            places = str(low) if low == high else f"{low} to {high}"
            lines.append(
                ForestRow(
                    name=name,
                    group=group,
                    value=str(rank),
                    mark=Mark(
                        says=f"{standing.split}, {name}: rank {rank}, places left open: {places}",
                        ticks=ticks,
                        x=scale.at(rank),
                        low=scale.at(low),
                        high=scale.at(high),
                    ),
                    facts=(places, str(found.group[i]), percent(found.values[i]), f"{found.n:,}"),
                    color=i % 6,
                )
            )
            group = ""
    columns = ("places left open", "tie group", "mean", "items")
    return Forest(head="model", value="rank", columns=columns, axis=ticks, rows=tuple(lines))


def _places(models: int) -> tuple[Scale, tuple[Tick, ...]]:
    """A scale of ranks, the best at the left, with about ten ticks."""
    scale = Scale(low=1, high=models)
    step = max(1, round(models / 10))
    places = [place for place in range(1, models + 1) if place == 1 or place % step == 0]
    return scale, scale.ticks(places, [str(place) for place in places])


def _differences(rows: Sequence[Compared], splits: Sequence[str]) -> Forest:
    scale, ticks = difference_scale([row.comparison.difference for row in rows])
    lines: list[ForestRow] = []
    last = ""
    for row in sorted(rows, key=lambda row: splits.index(row.split)):
        found, difference = row.comparison, row.comparison.difference
        name = f"{found.a} \u2212 {found.b}"
        exact = DASH if found.p_exact is None else p_value(found.p_exact)
        facts = [
            points_interval(difference),
            p_value(found.p_adjusted),
            exact,
            points(found.detectable).lstrip("+"),
        ]
        if found.equivalence is not None:
            facts.append(p_value(found.equivalence.p_adjusted))
        lines.append(
            ForestRow(
                name=name,
                group=row.split if row.split != last else "",
                note=f"{row.verdict}; {row.equivalent}" if row.equivalent else row.verdict,
                value=points(difference.value, digits(difference)),
                mark=difference_mark(f"{row.split}, {name}", difference, scale, ticks),
                facts=(*facts, f"{difference.n:,}"),
            )
        )
        last = row.split
    columns = ["95\u00a0% interval", "p, corrected", "p, exact test", "detectable"]
    if rows[0].comparison.equivalence is not None:
        columns.append("p, equivalence")
    columns = (*columns, "items")
    return Forest(head="pair", value="points", columns=columns, axis=ticks, rows=tuple(lines))


def _sentence(rows: Sequence[Compared], split: str) -> str:
    """Which pairs differ on a split, and which are tied."""
    here = [row for row in rows if row.split == split]
    apart = [row for row in here if row.verdict != "tie"]
    tied = [row.comparison for row in here if row.verdict == "tie"]
    said = []
    for row in apart:
        found = row.comparison
        better, worse = (found.a, found.b) if found.difference.value > 0 else (found.b, found.a)
        by = points(abs(found.difference.value), digits(found.difference)).lstrip("+")
        said.append(f"{better} is ahead of {worse} by {by} points")
    if tied:
        said.append(f"tied: {'; '.join(listed([pair.a, pair.b]) for pair in tied)}")
    return f"On {split}, {'; '.join(said)}." if said else f"On {split}, nothing could be paired."
