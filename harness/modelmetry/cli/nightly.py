"""The command that a scheduler calls every night."""

from __future__ import annotations

from pathlib import Path

import click
from rich.markup import escape

from modelmetry.cli import options
from modelmetry.cli.display import OUT, grid


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@options.option("--date", metavar="YYYY-MM-DD", help="The night.  [default: today]")
@options.option(
    "--out", type=click.Path(path_type=Path), help="Folder of all nights, not the configuration's."
)
@options.option("--dry-run", is_flag=True, help="Say what would be asked; ask nothing.")
def nightly(config: Path, date: str | None, out: Path | None, dry_run: bool) -> int:
    """Ask models fresh and frozen problems; hold them against baseline, charts and cost.

    CONFIG is a nightly.yaml. The same date again asks only what is missing. Exit code 5: a gate
    failed; 4: a limit kept cells from finishing.
    """
    from modelmetry import api

    if dry_run:
        lines = grid("suite", "model", "asked", "requests>", "most USD>", "", "seed commitment")
        for cell in api.dry_run_nightly(config, date=date, out=out):
            most = cell["most cost in USD"]
            lines.add_row(
                escape(cell["suite"]),
                escape(cell["model"]),
                "fresh" if cell["kind"] == "fresh" else "anchors",
                f"{cell['requests']:,}",
                "?" if most is None else f"{most:.2f}",
                "finished" if cell["finished"] else "",
                cell["seed commitment"][:16],
            )
        OUT.print(lines)
        return 0
    done = api.nightly(config, date=date, out=out, said=_say)
    if not done.asked:
        _say(f"{done.night.date} is finished: nothing was asked")
    for note in done.notes:
        _say(note)
    OUT.print((done.folder / "summary.md").read_text(encoding="utf-8"), markup=False, end="")
    OUT.print(str(done.folder / "report.html"), markup=False, soft_wrap=True)
    for verdict in done.night.failed:
        where = ", ".join(part for part in (verdict.model, verdict.suite, verdict.split) if part)
        options.complain(f"{verdict.gate}: {where}{': ' if where else ''}{verdict.says}")
    return done.exit_code


def _say(line: str) -> None:
    """A line on stderr about how it goes."""
    click.echo(" ".join(line.split()), err=True)


COMMANDS = (nightly,)
