"""The command that asks how good the instrument is: gauge R&R."""

from __future__ import annotations

from pathlib import Path

import click

from modelmetry.cli import options


@click.command()
@options.runs
@options.option(
    "--target",
    type=float,
    default=0.9,
    help="Generalizability that the recommended design shall reach.",
)
@options.option(
    "--back-ends", is_flag=True, help="The runs asked one model, each through another back end."
)
def grr(run_folders: tuple[Path, ...], target: float, back_ends: bool) -> None:
    """Gauge R&R: repeatability, reproducibility, how many models the suite can tell apart.

    RUNs are of one suite by several models; other seeds, wordings and --epochs show more. With
    runs of one model under several seeds: its uncertainty budget over editions.
    """
    from modelmetry import api
    from modelmetry.cli import studies

    studies.gauge_study(api.grr(run_folders, target=target, back_ends=back_ends))


COMMANDS = (grr,)
