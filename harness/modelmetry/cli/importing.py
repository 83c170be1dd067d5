"""The command that reads other harnesses' logs: import."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from modelmetry.cli import options


def _scale(_context: Any, _parameter: Any, text: str) -> tuple[float, float]:
    """Turn `1,10` into numbers."""
    low, comma, high = text.partition(",")
    try:
        return float(low), float(high if comma else "nan")
    except ValueError:
        raise click.BadParameter(f"{text!r}; allowed: two numbers, such as 1,10") from None


@click.command(name="import")
@click.argument(
    "paths",
    metavar="FILE|FOLDER [...]",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
)
@options.option(
    "--log-dir", type=click.Path(path_type=Path), default="runs", help="Folder of runs."
)
@options.option(
    "--metric",
    multiple=True,
    help="Which metric is the score, where there are several; may be repeated: the first that a log has.",
)
@options.option(
    "--cluster",
    metavar="KEY",
    help="Key of the metadata or document that names what was drawn together.  "
    "[default: the log's own, or each sample]",
)
@options.option("--split", default="test", help="What to call the samples together.")
@options.option(
    "--scale",
    metavar="LOW,HIGH",
    default="0,1",
    callback=_scale,
    help="Values of the metric that are worth 0 and 1.",
)
@options.option(
    "--factor",
    "factors",
    multiple=True,
    metavar="KEY",
    help="Key by which to tell accuracies apart; may be repeated.",
)
def import_(paths: tuple[Path, ...], **settings: Any) -> None:
    """Make runs of other harnesses' logs: Inspect's .eval and .json, lm-eval's samples_*.jsonl.

    Each log becomes a run folder with its report, for report, compare, grr and score. A folder
    stands for all logs in it.
    """
    from modelmetry import api
    from modelmetry.cli import display

    with display.working("reading"):
        done = api.import_logs(paths, **settings)
    lines = display.grid(
        "task", "model", "metric", "mean>", "std. error>", "log's mean>", "its error>", "samples>",
        "unscored>",
    )  # fmt: skip
    for each in done:
        found, said = each.found, each.said
        lines.add_row(
            escape(each.task),
            escape(each.run.record.model),
            escape(each.metric),
            _number(found.value if found else None),
            _number(found.std_error if found else None),
            _number(said.value if said else None),
            _number(said.std_error if said else None),
            f"{found.n if found else 0:,}",
            f"{found.unscored if found else each.run.scores.num_rows:,}",
        )
    display.OUT.print(lines)
    for each in done:
        for note in each.notes:
            display.OUT.print(f"note: {each.log.name}: {note}", markup=False)
    for each in done:
        there = "" if each.new else " (imported before)"
        display.OUT.print(f"{each.run.folder}{there}", markup=False)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


COMMANDS = (import_,)
