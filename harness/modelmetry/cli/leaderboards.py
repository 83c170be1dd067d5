"""Commands on leaderboards: update, build, serve."""

from __future__ import annotations

from pathlib import Path

import click

from modelmetry.cli import options

_DATA = options.option(
    "--data",
    type=click.Path(path_type=Path),
    default="leaderboards/data",
    help="Folder of one CSV file per suite.",
)
_EDITIONS = options.option(
    "--editions",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FOLDER",
    help="Edition whose certificate is shown; may be repeated.",
)


@click.group()
def leaderboard() -> None:
    """Keep leaderboards: CSV files with ranks that respect uncertainty, and their site."""


@leaderboard.command()
@options.runs
@_DATA
@options.option("--saturated-ok", is_flag=True, help="Even if no better model could be seen.")
@options.option("--dry-run", is_flag=True, help="Say what would be added; write nothing.")
def update(run_folders: tuple[Path, ...], data: Path, saturated_ok: bool, dry_run: bool) -> None:
    """Append finished runs to the leaderboards' CSV files, after checks."""
    from modelmetry import api
    from modelmetry.cli import display

    done = api.update_leaderboard(
        run_folders, data=data, saturated_ok=saturated_ok, dry_run=dry_run
    )
    if not dry_run:
        display.files(done.files)
        return
    for entry in done.added:
        places = f"{entry.rank_low} to {entry.rank_high}"
        display.OUT.print(
            f"would add: {entry.suite} {entry.split} {entry.estimand} {entry.value:.4f} "
            f"({entry.ci_low:.4f} to {entry.ci_high:.4f}) rank {entry.rank} (places {places}) "
            f"{entry.model}",
            markup=False,
        )


@leaderboard.command()
@_DATA
@options.option(
    "--out", type=click.Path(path_type=Path), default="site", help="Folder of the site."
)
@_EDITIONS
def build(data: Path, out: Path, editions: tuple[Path, ...]) -> None:
    """Build a static site of the leaderboards: no server, no network."""
    from modelmetry import api
    from modelmetry.cli import display

    with display.working("building"):
        built = api.build_leaderboard(data=data, out=out, editions=editions)
    display.files([built.folder / "index.html"])


@leaderboard.command()
@_DATA
@options.option("--port", type=click.IntRange(0, 65535), default=8000, help="0 for any free one.")
@_EDITIONS
def serve(data: Path, port: int, editions: tuple[Path, ...]) -> None:
    """Show the leaderboards in a browser on this machine; Ctrl-C ends it."""
    from modelmetry import api

    api.serve_leaderboard(data=data, port=port, editions=editions, said=click.echo)


COMMANDS = (leaderboard,)
