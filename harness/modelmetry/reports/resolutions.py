"""What a suite resolves, as a table of marks: gauge R&R of the runs in a report."""

from __future__ import annotations

from collections.abc import Sequence

from modelmetry.analyses.resolution import Resolution
from modelmetry.reports.figures import SHARE_TICKS, SHARES, Forest, ForestRow, Mark
from modelmetry.reports.words import DASH, count, percent, points
from modelmetry.statistics.gauge import Spread

_NAMES = {
    "repeatability": ("repeatability", "the same items again"),
    "reproducibility": ("reproducibility", "other problems, wordings, editions"),
    "interaction": ("interaction", "the same, for single models"),
    "measurement": ("measurement, R&R", "all three"),
    "part": ("models", "what is to be told apart"),
}


def resolution_forest(resolutions: Sequence[Resolution]) -> Forest | None:
    """The spread of one score beside that of the models, on every headline split; None without."""
    lines: list[ForestRow] = []
    for found in resolutions:
        group = f"{found.split}: {_verdict(found)}"
        for name in _NAMES:
            lines.append(_row(found.split, found.gauge[name], group))
            group = ""
    columns = ("95\u00a0% interval", "of the variance", "of the spread")
    rows = tuple(lines)
    forest = Forest(head="spread of", value="points", columns=columns, axis=SHARE_TICKS, rows=rows)
    return forest if rows else None


def _row(split: str, spread: Spread, group: str) -> ForestRow:
    name, note = _NAMES[spread.name]
    share = spread.contribution / 100
    ends = DASH
    if spread.low is not None and spread.high is not None:
        ends = f"{_points(spread.low)} to {_points(spread.high)}"
    return ForestRow(
        name=name,
        note=note,
        group=group,
        value=_points(spread.std_dev),
        mark=Mark(
            says=f"{split}, {name}: {percent(share)} of the variance",
            ticks=SHARE_TICKS,
            x=SHARES.at(share),
            low=SHARES.at(0.0),
            high=SHARES.at(share),
        ),
        facts=(ends, percent(share), percent(spread.study / 100)),
    )


def _points(value: float) -> str:
    return points(value).lstrip("+")


def _verdict(found: Resolution) -> str:
    gauge, score = found.gauge, found.coefficients
    if gauge.grr is None or gauge.categories is None:
        return "no spread in the measurement"
    said = f"%GRR {gauge.grr:.0f}, {count(gauge.categories, 'distinct category', 'distinct categories')}"
    if score.generalizability is not None and score.dependability is not None:
        said += f", G {score.generalizability:.2f}, Phi {score.dependability:.2f}"
    return said


def resolution_notes(resolutions: Sequence[Resolution]) -> list[str]:
    """How sure that is, what would resolve more, and reasons for care."""
    notes = []
    for found in resolutions:
        notes += [f"{found.split}: {line}." for line in (*_limits(found), *_advice(found))]
    return notes


def _limits(found: Resolution) -> list[str]:
    gauge = found.gauge
    said = []
    if gauge.grr_low is not None and gauge.categories_low is not None:
        high = "none" if gauge.grr_high is None else f"{gauge.grr_high:.0f}"
        most = "any number" if gauge.categories_high is None else f"{gauge.categories_high}"
        said.append(
            f"with {found.models} models the interval of %GRR is {gauge.grr_low:.0f} to {high}, that of "
            f"the categories {gauge.categories_low} to {most}"
        )
    if gauge.detectable is not None:
        said.append(
            f"two models on the same items are told apart from {_points(gauge.detectable)} points on, "
            "with 80\u00a0% power"
        )
    return said


def _advice(found: Resolution) -> list[str]:
    best = None if found.study is None else found.study.recommended
    if best is None or best.generalizability is None:
        return []
    problems, wordings, repeats = (
        round(best.sizes[name]) for name in ("problem", "wording", "repeat")
    )
    design = f"{count(problems, 'problem')}, {count(wordings, 'wording')}, asked {count(repeats, 'time')}"
    return [f"cheapest design with G {best.generalizability:.2f}: {design}"]
