"""The sections of a run's report as tables of marks: splits, contrasts, wordings, levels, errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelmetry.analyses.measures import Kind, Row
from modelmetry.analyses.residues import Residue
from modelmetry.analyses.table import KINDS, Items
from modelmetry.reports.figures import (
    SHARE_TICKS,
    Forest,
    ForestRow,
    difference_mark,
    difference_scale,
    share_mark,
)
from modelmetry.reports.words import (
    DASH,
    count,
    css,
    digits,
    interval,
    percent,
    points,
    points_interval,
)
from modelmetry.statistics import Estimate


class Rows:
    """A run's rows, found by split and kind.

    Args:
        rows: The run's estimates.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = tuple(rows)

    def all(self, kind: Kind, split: str | None = None) -> list[Row]:
        """The rows of a kind, of one split or of all."""
        return [r for r in self._rows if r.kind == kind and split in (None, r.split)]

    def one(self, kind: Kind, split: str) -> Estimate | None:
        """The first estimate of a kind on a split, or None."""
        return next((row.estimate for row in self.all(kind, split)), None)


def accuracy_forest(rows: Rows, labels: Sequence[str], meanings: Mapping[str, str]) -> Forest:
    """Accuracy of each split beside chance, with the counts that it rests on."""
    optional: dict[str, Kind] = {}
    if rows.all("outcome"):
        optional["if answered"] = "accuracy among answered"
    if rows.all("balanced accuracy"):
        optional["balanced"] = "balanced accuracy"
    if rows.all("constant answer"):
        optional["constant"] = "constant answer"
    lines = []
    for label in labels:
        found, chance = rows.one("accuracy", label), rows.one("chance", label)
        constant = rows.one("constant answer", label)
        others = [rows.one(kind, label) for kind in optional.values()]
        facts = (
            interval(found) if found else "none",
            percent(chance.value) if chance else DASH,
            *(percent(other.value) if other else DASH for other in others),
            f"{found.n:,}" if found else "0",
            f"{found.clusters:,}" if found else "0",
            f"{found.unscored:,}" if found else "all",
        )
        lines.append(
            ForestRow(
                name=label,
                note=meanings.get(label, ""),
                value=percent(found.value, digits(found)) if found else "unscored",
                mark=share_mark(
                    label,
                    found,
                    chance=chance.value if chance else None,
                    constant=constant.value if constant else None,
                ),
                facts=facts,
            )
        )
    columns = ("95\u00a0% interval", "chance", *optional, "items", "clusters", "unscored")
    return Forest(
        head="split", value="accuracy", columns=columns, axis=SHARE_TICKS, rows=tuple(lines)
    )


def contrast_forest(rows: Rows) -> Forest | None:
    """Differences between splits, as they are and with chance taken out; None without any."""
    found = [*rows.all("contrast"), *rows.all("chance-adjusted contrast")]
    if not found:
        return None
    scale, ticks = difference_scale([row.estimate for row in found])
    lines = [
        ForestRow(
            name=row.of + (", chance-adjusted" if row.kind != "contrast" else ""),
            note=row.split,
            value=points(row.estimate.value, digits(row.estimate)),
            mark=difference_mark(row.of, row.estimate, scale, ticks),
            facts=(
                points_interval(row.estimate),
                f"{row.estimate.n:,}",
                f"{row.estimate.clusters:,}",
            ),
        )
        for row in found
    ]
    columns = ("95\u00a0% interval", "items", "clusters")
    return Forest(head="contrast", value="points", columns=columns, axis=ticks, rows=tuple(lines))


def level_forest(rows: Rows, labels: Sequence[str]) -> Forest | None:
    """Accuracy at each level of the factors that vary within a split; None without any."""
    lines = [
        _part(row, label, label if first else "", ())
        for label in labels
        for first, row in _with_first(rows.all("level", label))
    ]
    return _parts("level", (), lines)


def wording_forest(rows: Rows, labels: Sequence[str]) -> Forest | None:
    """Accuracy in each wording, and its paired difference from the first; None without any."""
    lines: list[ForestRow] = []
    for label in labels:
        spread = rows.one("wording spread", label)
        apart = f", standard deviation {points(spread.value).lstrip('+')} points" if spread else ""
        against = {row.of: row.estimate for row in rows.all("wording difference", label)}
        wordings = rows.all("wording", label)
        for first, row in _with_first(wordings):
            found = against.get(f"{row.of} - {wordings[0].of}")
            facts = (points(found.value), points_interval(found)) if found else (DASH, DASH)
            lines.append(_part(row, label, label + apart if first else "", facts))
    return _parts("wording", ("against the first", "95\u00a0% interval"), lines)


def _with_first(rows: Sequence[Row]) -> list[tuple[bool, Row]]:
    return [(i == 0, row) for i, row in enumerate(rows)]


def _part(row: Row, label: str, group: str, facts: tuple[str, ...]) -> ForestRow:
    found = row.estimate
    return ForestRow(
        name=row.of,
        group=group,
        value=percent(found.value, digits(found)),
        mark=share_mark(f"{label}, {row.of}", found),
        facts=(interval(found), f"{found.n:,}", *facts),
    )


def _parts(head: str, more: tuple[str, ...], lines: Sequence[ForestRow]) -> Forest | None:
    columns = ("95\u00a0% interval", "items", *more)
    rows = tuple(lines)
    forest = Forest(head=head, value="accuracy", columns=columns, axis=SHARE_TICKS, rows=rows)
    return forest if rows else None


def residue_forest(residues: Sequence[Residue]) -> Forest | None:
    """Observed and expected shares of errors divisible by each period; None without errors."""
    if not residues:
        return None
    lines = []
    last = ""
    for found in residues:
        group = f"{found.split}, {count(found.share.n, 'wrong sum')}" if found.split != last else ""
        last = found.split
        name = f"divisible by {found.period}"
        lines.append(
            ForestRow(
                name=name,
                group=group,
                value=percent(found.share.value),
                mark=share_mark(f"{found.split}, {name}", found.share, chance=found.expected),
                facts=(interval(found.share), percent(found.expected)),
            )
        )
    columns = ("95\u00a0% interval", "if guessed")
    return Forest(head="error", value="share", columns=columns, axis=SHARE_TICKS, rows=tuple(lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One piece of a stacked bar: its place and width in percent, and what it says."""

    css: str
    x: str
    width: str
    middle: str
    text: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A split's answers by kind: one stacked bar and the counts behind it."""

    name: str
    parts: tuple[Part, ...]
    counts: tuple[str, ...]
    total: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """How the answers ended.

    Attributes:
        kinds: (name, CSS name) of the kinds that occurred.
        splits: One bar per split.
        reasons: (kind, reason, answers) of everything that is not an ordinary answer.
    """

    kinds: tuple[tuple[str, str], ...]
    splits: tuple[Bar, ...]
    reasons: tuple[tuple[str, str, str], ...]


_TEXT_FROM = 7.0  # percent of the width below which a piece is too narrow for its label


def outcome_bars(
    items: Items, labels: Sequence[str], reasons: Sequence[tuple[str, str, int]]
) -> Outcomes:
    """Stacked bars of what became of the answers, one per split."""
    present = [i for i in range(len(KINDS)) if items.outcomes[:, i].any()]
    bars = []
    for label in labels:
        counts = items.outcomes[items.split.at(label)].sum(axis=0)
        total = int(counts.sum())
        parts, x = [], 0.0
        for i in present:
            share = 100 * counts[i] / total
            if counts[i]:
                parts.append(
                    Part(
                        css=css(KINDS[i]),
                        x=f"{x:.2f}%",
                        width=f"{share:.2f}%",
                        middle=f"{x + share / 2:.2f}%",
                        text=f"{share:.0f}" if share >= _TEXT_FROM else "",
                        says=f"{KINDS[i]}: {counts[i]:,} of {total:,}",
                    )
                )
            x += share
        bars.append(
            Bar(
                name=label,
                parts=tuple(parts),
                counts=tuple(f"{counts[i]:,}" for i in present),
                total=f"{total:,}",
                says=f"{label}: " + ", ".join(part.says for part in parts),
            )
        )
    return Outcomes(
        kinds=tuple((KINDS[i], css(KINDS[i])) for i in present),
        splits=tuple(bars),
        reasons=tuple((kind, reason, f"{n:,}") for kind, reason, n in reasons),
    )
