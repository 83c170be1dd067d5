"""Several runs in one report: their accuracies side by side, and every paired difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from modelmetry.analyses.comparison import Row as Compared
from modelmetry.analyses.estimates import Analysis, primary, split_labels
from modelmetry.reports.figures import (
    SHARE_TICKS,
    Forest,
    ForestRow,
    difference_mark,
    difference_scale,
    share_mark,
)
from modelmetry.reports.sections import Rows
from modelmetry.reports.words import (
    DASH,
    count,
    digits,
    interval,
    listed,
    percent,
    points,
    points_interval,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """The runs of a report, compared.

    Attributes:
        sentences: What can be said on each primary split.
        accuracy: Every run on every split.
        differences: Every pair on every split; None where the runs hold different items.
        note: How the pairs were compared, or why they were not.
    """

    sentences: list[str]
    accuracy: Forest
    differences: Forest | None
    note: str


def together(runs: Sequence[Analysis], names: Sequence[str], rows: Sequence[Compared]) -> Together:
    """The comparison part of a report.

    Args:
        runs: Two or more runs.
        names: What they are called, in the same order.
        rows: Their paired comparisons; empty where the runs hold different items.
    """
    splits = list(dict.fromkeys(chain.from_iterable(_labels(run) for run in runs)))
    if not rows:
        note = (
            "The runs were not asked the same items, so their differences are not tested here: "
            "models are compared on one edition (same suite, version, seed and limit)."
        )
        return Together(
            sentences=[], accuracy=_accuracy(runs, names, splits), differences=None, note=note
        )
    family = rows[0].comparison.family_size
    exact = listed(sorted({row.comparison.exact_method for row in rows}))
    return Together(
        sentences=[_sentence(rows, split) for split in primary(runs[0].record, runs[0].items)],
        accuracy=_accuracy(runs, names, splits),
        differences=_differences(rows, splits),
        note=f"Pairs are matched item by item and clustered by problem; p is corrected by Holm for "
        f"{count(family, 'comparison')}. Exact test: {exact}. A tie is a pair that was not told apart; detectable is the "
        "smallest true difference that this design shows with 80\u00a0% power.",
    )


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


def _differences(rows: Sequence[Compared], splits: Sequence[str]) -> Forest:
    scale, ticks = difference_scale([row.comparison.difference for row in rows])
    lines: list[ForestRow] = []
    last = ""
    for row in sorted(rows, key=lambda row: splits.index(row.split)):
        found, difference = row.comparison, row.comparison.difference
        name = f"{found.a} \u2212 {found.b}"
        exact = DASH if found.p_exact is None else p_value(found.p_exact)
        lines.append(
            ForestRow(
                name=name,
                group=row.split if row.split != last else "",
                note=row.verdict,
                value=points(difference.value, digits(difference)),
                mark=difference_mark(f"{row.split}, {name}", difference, scale, ticks),
                facts=(
                    points_interval(difference),
                    p_value(found.p_adjusted),
                    exact,
                    points(found.detectable).lstrip("+"),
                    f"{difference.n:,}",
                ),
            )
        )
        last = row.split
    columns = ("95\u00a0% interval", "p, corrected", "p, exact test", "detectable", "items")
    return Forest(head="pair", value="points", columns=columns, axis=ticks, rows=tuple(lines))


def p_value(p: float) -> str:
    """A p-value as it is printed: never 0."""
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}" if p < 0.01 else f"{p:.3f}"


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
