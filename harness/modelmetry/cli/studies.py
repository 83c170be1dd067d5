"""What the terminal shows of gauge studies and budgets."""

from __future__ import annotations

import numpy as np
from rich.markup import escape

from modelmetry.analyses.budgets import SplitBudget
from modelmetry.analyses.resolution import MOST, GaugeStudy, Resolution
from modelmetry.cli.display import OUT, grid
from modelmetry.statistics import Estimate
from modelmetry.statistics.generalizability import Coefficients, Study
from modelmetry.statistics.item_response import WELL, ItemResponse

_MEANINGS = {
    "repeatability": "the same items again",
    "reproducibility": "other problems, wordings, editions",
    "interaction": "the same, for single models",
    "measurement": "all three: R&R",
    "part": "models",
    "total": "",
}

_GOOD, _ACCEPTABLE = 10.0, 30.0  # percent of the study variation, AIAG (2010)

_AROUND = 3
"""Designs shown before and after the recommended one."""


def gauge_study(study: GaugeStudy) -> None:
    """Everything a gauge study says."""
    OUT.print(f"{_count(study.models, 'model')}, {_count(study.editions, 'edition')}", markup=False)
    for found in study.resolutions:
        _resolution(found)
    for found in study.budgets:
        _budget(found)
        if found.split in study.floors:
            _floor(study.floors[found.split])


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _resolution(found: Resolution) -> None:
    gauge = found.gauge
    sizes = ", ".join(f"{size:g} {name}" for name, size in gauge.sizes.items())
    OUT.print(f"\n[bold]{escape(found.split)}[/]: one score over {sizes}", soft_wrap=True)
    lines = grid("spread of", "points>", "95 % interval>", "% of variance>", "% of study>", "")
    for spread in gauge.spreads:
        lines.add_row(
            spread.name,
            f"{100 * spread.std_dev:.2f}",
            _points(spread.low, spread.high),
            f"{spread.contribution:.1f}",
            f"{spread.study:.1f}",
            _MEANINGS[spread.name],
        )
    OUT.print(lines)
    for line in _verdict(found):
        OUT.print(line, markup=False)
    if found.study is not None:
        _designs(found.study, found.coefficients)
    if found.response is not None:
        _items(found.response)
    for part in found.missing:
        OUT.print(f"not shown by these runs: {part}", markup=False)
    for warning in dict.fromkeys((*gauge.warnings, *found.coefficients.warnings)):
        if "negative" not in warning and "leaves out" not in warning:
            OUT.print(f"note: {warning}", markup=False)


def _verdict(found: Resolution) -> list[str]:
    gauge, score = found.gauge, found.coefficients
    if gauge.grr is None or gauge.categories is None:
        return ["no spread in the measurement: nothing to resolve"]
    word = "good" if gauge.grr < _GOOD else "may do" if gauge.grr < _ACCEPTABLE else "too much"
    lines = [
        (
            f"%GRR {gauge.grr:.1f}{_between(gauge.grr_low, gauge.grr_high, '.1f')}: {word} "
            "(below 10 good, above 30 too much)"
        ),
        (
            f"distinct categories {gauge.categories}"
            f"{_between(gauge.categories_low, gauge.categories_high, 'd')}: "
            "how many groups of models one score can tell apart (5 or more is adequate)"
        ),
    ]
    if score.generalizability is not None and score.dependability is not None:
        g = _between(score.generalizability_low, score.generalizability_high, ".3f")
        phi = _between(score.dependability_low, score.dependability_high, ".3f")
        lines.append(
            f"G {score.generalizability:.3f}{g} on the same items, "
            f"Phi {score.dependability:.3f}{phi} on items drawn anew"
        )
    if gauge.detectable is not None:
        lines.append(
            f"two models on the same items are told apart from {100 * gauge.detectable:.1f} points "
            "on, with 80 % power"
        )
    return lines


def _items(response: ItemResponse) -> None:
    """What item response theory says of the items."""
    low, high = np.quantile(response.difficulty, [0.05, 0.95])
    OUT.print(
        f"items (2PL): {len(response.items):,} tell models apart; difficulty from {low:.1f} to "
        f"{high:.1f}, discrimination {np.median(response.discrimination):.2f} in the middle",
        markup=False,
    )
    well = response.measured_well()
    said = "nowhere" if well is None else f"from {well[0]:.1f} to {well[1]:.1f}"
    OUT.print(
        f"abilities told within {WELL:g} (standard error): {said}, in units of the spread of these "
        "models",
        markup=False,
    )
    for warning in response.warnings:
        OUT.print(f"note: {warning}", markup=False)


def _designs(study: Study, present: Coefficients) -> None:
    """The recommended design among those around it."""
    best = study.recommended
    place = study.designs.index(best) if best is not None else len(study.designs) - 1
    shown = range(max(0, place - _AROUND), min(len(study.designs), place + _AROUND + 1))
    lines = grid("problems>", "wordings>", "repeats>", "answers a model>", "G>", "Phi>", "")
    for i in shown:
        design = study.designs[i]
        same = all(design.sizes.get(name, 1) == size for name, size in present.sizes.items())
        marks = ["recommended"] * (design is best) + ["as measured"] * same
        lines.add_row(
            f"{design.sizes['problem']:g}",
            f"{design.sizes['wording']:g}",
            f"{design.sizes['repeat']:g}",
            f"{study.costs[i]:,.0f}",
            _coefficient(design.generalizability),
            _coefficient(design.dependability),
            ", ".join(marks),
        )
    OUT.print(lines)
    if best is None:
        OUT.print("no design up to 16 times the problems reaches the target", markup=False)


def _budget(found: SplitBudget) -> None:
    OUT.print(f"\n[bold]{escape(found.split)}[/]: uncertainty of {100 * found.whole.value:.1f} %")
    lines = grid("source", "u, points>", "share>", "averaged over>", "df>")
    for line in found.whole.lines:
        lines.add_row(
            line.name,
            f"{100 * line.std_uncertainty:.2f}",
            f"{100 * line.share:.1f} %",
            "-" if line.effective is None else f"{line.effective:.0f}",
            "-" if line.df is None else f"{line.df:.3g}",
        )
    OUT.print(lines)
    for name, part in (("any wording", found.whole), ("these wordings", found.narrow)):
        if part.expanded is not None and part.coverage_factor is not None:
            OUT.print(
                f"for {name}: +- {100 * part.expanded:.1f} points (k = {part.coverage_factor:.2f})",
                markup=False,
            )
    for part in found.whole.unidentified:
        OUT.print(f"not shown by these runs: {part.name}: {part.reason}", markup=False)
    for warning in found.whole.warnings:
        if "negative" not in warning and "leaves out" not in warning:
            OUT.print(f"note: {warning}", markup=False)


def _floor(found: Estimate) -> None:
    """The tolerance bound over editions."""
    if found.low is not None:
        OUT.print(
            f"with {100 * found.level:g} % confidence {100 * MOST:g} % of editions score at least "
            f"{100 * found.low:.1f} % (from {found.n})",
            markup=False,
        )
    for warning in found.warnings:
        OUT.print(f"note: {warning}", markup=False)


def _points(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"{100 * low:.2f} to {100 * high:.2f}"


def _between(low: float | None, high: float | None, form: str) -> str:
    return "" if low is None or high is None else f" ({low:{form}} to {high:{form}})"


def _coefficient(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
