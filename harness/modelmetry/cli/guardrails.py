"""The command on persona studies: whether who asks changes what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from modelmetry.cli import options


@click.command()
@options.runs
@options.option(
    "--scores",
    type=click.Path(path_type=Path, dir_okay=False),
    help="CSV of external scores of groups: group or level, score, source.",
)
@options.option(
    "--classifier", help='"rules" or "judge <model>".  [default: the first judge, else rules]'
)
@options.option(
    "--partial",
    type=click.Choice(["complies", "refuses"]),
    default="complies",
    help="What doing a part counts as.",
)
@options.option(
    "--margin",
    type=float,
    default=0.05,
    help="Largest difference from the placebo that does not matter.",
)
@options.option(
    "--correction",
    type=click.Choice(["holm", "bh", "by"]),
    default="holm",
    help="How p-values are corrected within attribute and request type.",
)
def guardrails(
    run_folders: tuple[Path, ...],
    scores: Path | None,
    classifier: str | None,
    partial: Literal["complies", "refuses"],
    margin: float,
    correction: str,
) -> None:
    """Refusals by who asks: rates, contrasts with the placebo, sycophancy, noise floor.

    RUNs are of suites such as guardrails. Several runs: S side by side, and its differences.
    """
    from modelmetry import api
    from modelmetry.cli.guardrails_tables import apart, show

    found = api.guardrails(
        run_folders,
        scores=scores,
        partial=partial,
        classifier=classifier,
        margin=margin,
        correction=correction,
    )
    for name, study in zip(found.names, found.studies, strict=True):
        show(name, study)
    if found.apart:
        apart(found.apart)


COMMANDS = (guardrails,)
