"""The command on memorization studies: what a model continues word for word, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelmetry.cli import options


def _numbers(_context: Any, _parameter: Any, text: str | None) -> tuple[float, ...] | None:
    """Turn `1e6,4e6` into numbers."""
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(
            f"{text!r}; allowed: numbers with commas between, such as 1e6,4e6"
        ) from None


ALONG = options.option(
    "--along",
    metavar="weights|steps|NAME",
    help="Axis along which several memorization runs stand.  [default: weights, where they differ]",
)
AT = options.option(
    "--at",
    metavar="A,B,...",
    callback=_numbers,
    help="Place of each run along it, in the order of the runs.",
)


@click.command()
@options.runs
@options.option(
    "--threshold",
    type=click.IntRange(min=0),
    default=5,
    help="More copies than this are a recitation.",
)
@ALONG
@AT
def memorization(
    run_folders: tuple[Path, ...],
    threshold: int,
    along: str | None,
    at: tuple[float, ...] | None,
) -> None:
    """What is extracted: by category and copies, against twins, and what predicts it.

    RUNs are of suites such as memorization. Several runs: growth with size or training.
    """
    from modelmetry import api
    from modelmetry.cli.memorization_tables import growth, show

    found = api.memorization(run_folders, threshold=threshold, along=along, at=at)
    for name, study in zip(found.names, found.studies, strict=True):
        show(name, study)
    for each in found.growth:
        growth(each)


COMMANDS = (memorization,)
