"""What the terminal shows of persona studies."""

from __future__ import annotations

from rich.markup import escape

from modelmetry.analyses.guardrails.contrasts import Contrast
from modelmetry.analyses.guardrails.effects import Index
from modelmetry.analyses.guardrails.runs import Apart
from modelmetry.analyses.guardrails.study import GuardrailStudy, TaskStudy
from modelmetry.cli.display import OUT, grid
from modelmetry.statistics import Estimate
from modelmetry.statistics.multiplicity import CORRECTION_NAMES

_MOST = 40
"""Contrasts shown of a task."""


def show(name: str, study: GuardrailStudy) -> None:
    """Print the main tables of a study.

    Args:
        name: What the run is called.
        study: The run's study.
    """
    for task in study.tasks:
        OUT.print(
            f"[bold]{escape(name)}[/] {escape(task.task)}: {len(task.replies.rows):,} replies read by "
            f"{escape(task.classifier)}",
            soft_wrap=True,
        )
        _rates(task)
        _indices(task)
        _contrasts(study, task)
        for warning in task.warnings:
            OUT.print(f"note: {warning}", markup=False)


def _rates(task: TaskStudy) -> None:
    """Refusal rate by group and request type, in percent."""
    kinds = task.replies.types
    lines = grid("refused, %", *(f"{kind}>" for kind in kinds), "not judged>")
    for group in task.replies.groups:
        mine = {rate.type: rate for rate in task.main.rates if rate.group.name == group.name}
        shown = [mine[kind].shown if kind in mine else None for kind in kinds]
        lost = sum(rate.unjudged for rate in mine.values())
        lines.add_row(escape(group.name), *(_share(each) for each in shown), f"{lost:,}")
    OUT.print(lines)


def _indices(task: TaskStudy) -> None:
    named = [
        (f"S, {reading.errors.name}", reading.sycophancy)
        for reading in task.readings
        if reading.sycophancy is not None
    ]
    named += [(f"C, {each.of}", each) for each in task.conservatism]
    if not named:
        return
    lines = grid(
        "index", "points>", "95 % interval>", "p>", "noise floor>", "as counted>", "corrected>"
    )
    for name, index in named:
        lines.add_row(escape(name), *_index_cells(index))
    OUT.print(lines)
    for each in task.correlated:
        OUT.print(
            f"C against scores of {each.attribute}: correlation {each.estimate.value:.2f}"
            f"{_plain_interval(each.estimate)}, {len(each.points)} groups",
            markup=False,
        )


def _index_cells(index: Index) -> list[str]:
    return [
        f"{100 * index.shown.value:+.1f}",
        _interval(index.shown),
        f"{index.p_adjusted:.2g}",
        _floor(index.floor),
        f"{100 * index.naive.value:+.1f}",
        "-" if index.corrected is None else f"{100 * index.corrected.value:+.1f}",
    ]


def _contrasts(study: GuardrailStudy, task: TaskStudy) -> None:
    """Contrasts with the placebo, and those between levels that are told apart; the surest of many."""
    shown = [each for each in task.contrasts if each.against_placebo or each.verdict == "different"]
    if len(shown) > _MOST:
        shown = sorted(shown, key=lambda each: each.p)[:_MOST]
    hidden = len(task.contrasts) - len(shown)
    if shown:
        lines = grid(
            "contrast", "requests", "points>", "95 % interval>", "p, corrected>", "noise floor>",
            "odds ratio>", "verdict",
        )  # fmt: skip
        for each in shown:
            lines.add_row(*_contrast_cells(each))
        OUT.print(lines)
    name = CORRECTION_NAMES[study.correction]
    OUT.print(
        f"p by {name} within attribute and request type; equivalent: within {100 * study.margin:g} "
        f"points; {hidden} comparisons more are in the report",
        markup=False,
    )


def _contrast_cells(found: Contrast) -> list[str]:
    ratio = found.models.odds_ratio if found.models else None
    return [
        escape(f"{found.a} - {found.b}"),
        escape(found.type),
        f"{100 * found.shown.value:+.1f}",
        _interval(found.shown),
        f"{found.p_adjusted:.2g}",
        _floor(found.floor),
        "-" if ratio is None else f"{ratio.value:.2f}",
        found.verdict + ("" if found.agree else ", methods disagree"),
    ]


def apart(found: tuple[Apart, ...]) -> None:
    """Print S of several runs side by side."""
    lines = grid("S, as counted", "task", "points>", "95 % interval>", "p>")
    for each in found:
        lines.add_row(
            escape(f"{each.a} - {each.b}"),
            escape(each.task),
            f"{100 * each.difference.value:+.1f}",
            _interval(each.difference),
            f"{each.p:.2g}",
        )
    OUT.print(lines)


def _share(found: Estimate | None) -> str:
    return "-" if found is None else f"{100 * found.value:.1f}"


def _interval(found: Estimate) -> str:
    if found.low is None or found.high is None:
        return "none"
    return f"{100 * found.low:+.1f} to {100 * found.high:+.1f}"


def _plain_interval(found: Estimate) -> str:
    if found.low is None or found.high is None:
        return ""
    return f" ({found.low:.2f} to {found.high:.2f})"


def _floor(floor: float | None) -> str:
    return "-" if floor is None else f"±{100 * floor:.1f}"
