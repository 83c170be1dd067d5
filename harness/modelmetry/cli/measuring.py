"""Commands that measure: run, score, report, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelmetry.cli import options
from modelmetry.cli.memorization import ALONG, AT
from modelmetry.errors import LimitReached, Unreachable

_PLANNED = (
    "model_base_url",
    "model_options",
    "limit",
    "seed",
    "epochs",
    "temperature",
    "max_tokens",
    "logprobs",
    "suite_options",
)
"""The settings that decide what is asked."""


@click.command()
@click.argument("what", metavar="SUITE|EDITION|RUN")
@options.all_of(options.MODEL)
@options.all_of(options.EFFORT)
def run(what: str, models: tuple[str, ...], dry_run: bool, **settings: Any) -> int:
    """Ask models everything in a suite; writes a report into each run's folder.

    SUITE is a packaged suite or a .yaml file, EDITION a folder made by `generate`, RUN the folder
    of a run to go on with.
    """
    from modelmetry import api
    from modelmetry.cli import display
    from modelmetry.models import resolve

    specs = models or (None,)
    if dry_run:
        planned = {name: settings[name] for name in _PLANNED}
        if until := settings["until"]:
            display.plan(api.dry_run_until(what, until=until, models=models, **planned))
            return 0
        for spec in specs:
            with display.working("counting"):
                counted = api.dry_run(what, model=spec, **planned)
            display.plan(counted)
        return 0
    for spec in models:
        # A wrong one is noticed before the others are asked for hours.
        resolve(spec, base_url=settings["model_base_url"], options=settings["model_options"])
    if settings["until"] or api.open_ended(what):
        with display.Progress(_again(settings)) as progress:
            drawn = api.run_until(
                what, models=models, watch=progress.watch, started=progress.started, **settings
            )
        for done in drawn:
            display.result(done)
        if len(drawn) > 1:
            display.comparison(api.compare([done.folder for done in drawn]))
        return 0
    finished, code = [], 0
    for spec in specs:
        try:
            with display.Progress(_again(settings)) as progress:
                done = api.run(
                    what, model=spec, watch=progress.watch, started=progress.started, **settings
                )
        except (Unreachable, LimitReached) as error:
            options.complain(str(error))
            code = code or error.exit_code
            continue
        display.result(done)
        finished.append(done.folder)
    if len(finished) > 1:
        display.comparison(api.compare(finished))
    return code


@click.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@options.option("--scorer", required=True, help="Entry-point name of a scorer.")
@options.out
def score(run_folder: Path, scorer: str, out: Path | None) -> None:
    """Score a run's stored answers again; no model is called."""
    from modelmetry import api
    from modelmetry.cli import display

    display.files(api.score(run_folder, scorer=scorer, out=out))


_MARGIN = options.option(
    "--margin", type=float, help="Largest difference that does not matter, such as 0.02."
)
_CORRECTION = options.option(
    "--correction",
    type=click.Choice(["holm", "bh", "by"]),
    default="holm",
    help="Of p for the number of comparisons: Holm, Benjamini-Hochberg, Benjamini-Yekutieli.",
)


@click.command()
@options.runs
@options.out
@_MARGIN
@_CORRECTION
@ALONG
@AT
def report(run_folders: tuple[Path, ...], out: Path | None, **settings: Any) -> None:
    """Write report.html, report.md, estimates.csv and scores.parquet of one or more runs."""
    from modelmetry import api
    from modelmetry.cli import display

    target = out or (run_folders[0] if len(run_folders) == 1 else Path("report"))
    display.files(api.report(run_folders, out=target, **settings))


@click.command()
@options.runs
@options.option("--seed", type=click.IntRange(min=0), default=0, help="Seed of the resampling.")
@options.option("--common", is_flag=True, help="Compare on the items that all runs have.")
@_MARGIN
@_CORRECTION
def compare(run_folders: tuple[Path, ...], **settings: Any) -> None:
    """Compare runs that asked the same items: paired, clustered, corrected; ranks and ties."""
    from modelmetry import api
    from modelmetry.cli import display

    display.comparison(api.compare(run_folders, **settings))


def _again(settings: dict[str, Any]) -> list[str]:
    """The flags with which the same model can be asked on; a run's folder knows the rest."""
    url = settings["model_base_url"]
    flags = ["--model-base-url", url] if url else []
    for key, value in settings["model_options"].items():
        flags += ["-M", f"{key}={value}"]
    return flags


COMMANDS = (run, score, report, compare)
