"""The command on contamination: has a model seen a published edition?"""

from __future__ import annotations

from pathlib import Path

import click

from modelmetry.cli import options


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
    from modelmetry.cli.contamination_tables import show
    from modelmetry.cli.display import files

    found = api.contamination(run_folders, edition=edition, out=out, seed=seed)
    for study in found.studies:
        show(study)
    files(found.files)


COMMANDS = (contamination,)
