"""What the terminal shows of contamination studies."""

from __future__ import annotations

from rich.markup import escape

from modelmetry.analyses.contamination.study import ContaminationStudy
from modelmetry.cli.display import OUT, grid
from modelmetry.reports.contamination import conclusion, sentences
from modelmetry.statistics import Estimate


def show(study: ContaminationStudy) -> None:
    """Print what can be said of a model."""
    OUT.print(f"[bold]{escape(study.model)}[/] {escape(study.edition)}", soft_wrap=True)
    if study.frozen:
        lines = grid(
            *("published less fresh", "points>", "95 % interval>", "p, corrected>", "detectable>"),
            *("published>", "fresh>", "items>"),
        )
        for each in study.frozen:
            found, value = each.comparison, each.comparison.difference
            lines.add_row(
                escape(each.split),
                f"{100 * value.value:+.1f}",
                _interval(value),
                f"{found.p_adjusted:.2g}",
                f"{100 * found.detectable:.1f}",
                f"{100 * each.published.value:.1f}",
                f"{100 * each.fresh.value:.1f}",
                f"{value.n:,}",
            )
        OUT.print(lines)
    for line in sentences(study):
        OUT.print(line, markup=False)
    if study.signals:
        lines = grid("test", "p, one-sided>", "p, corrected>")
        for signal in study.signals:
            lines.add_row(signal.test, f"{signal.p:.2g}", f"{signal.p_adjusted:.2g}")
        OUT.print(lines)
    OUT.print(f"[bold]{escape(conclusion(study))}[/]")
    for line in (*study.missing, *study.warnings):
        OUT.print(f"note: {line}", markup=False)


def _interval(found: Estimate) -> str:
    if found.low is None or found.high is None:
        return "none"
    return f"{100 * found.low:+.1f} to {100 * found.high:+.1f}"
