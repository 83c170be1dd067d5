"""The command on contamination: has a model seen a published edition?"""

from __future__ import annotations

from pathlib import Path

import click
from rich.markup import escape

from modelmetry.analyses.contamination.study import ContaminationStudy
from modelmetry.cli import options
from modelmetry.cli.display import OUT, files, grid
from modelmetry.reports.contamination import conclusion, sentences
from modelmetry.statistics import Estimate


@click.command()
@options.runs
@options.option(
    "--edition",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of the published edition.",
)
@options.option("--seed", type=click.IntRange(min=0), default=0, help="Seed of the resampling.")
@options.out
def contamination(
    run_folders: tuple[Path, ...], edition: Path, seed: int, out: Path | None
) -> None:
    """Has a model seen a published edition? Scores beside fresh ones, canary, rows, order.

    RUNs are of the edition's folder, of its suite with other seeds, and of the suite contamination
    about it.
    """
    from modelmetry import api

    found = api.contamination(run_folders, edition=edition, out=out, seed=seed)
    for study in found.studies:
        show(study)
    files(found.files)


COMMANDS = (contamination,)


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
