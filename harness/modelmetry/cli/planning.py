"""The command that plans: how much to ask, and what it takes, before anything is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelmetry.cli import options


@click.command()
@options.suite
@options.option("--effect", type=float, help="Difference in accuracy to be found, such as 0.03.")
@options.option("--power", type=float, default=0.8, help="Wanted probability of finding it.")
@options.option("--level", type=float, default=0.95, help="One minus the test's error rate.")
@options.option(
    "--pilot",
    "pilots",
    multiple=True,
    metavar="RUN",
    type=click.Path(path_type=Path),
    help="Run to plan from; twice for one of each model on the same items.",
)
@options.option("--split", help="Label of the split.  [default: the first primary one]")
@options.option("--one", is_flag=True, help="One model against a known number, not two models.")
@options.option("--accuracy", type=float, help="Expected, without a pilot.  [default: 0.5]")
@options.option(
    "--correlation", type=float, help="Of the two models, if not measured.  [default: 0.3]"
)
@options.option("--budget", type=float, help="US dollars for all models together.")
@options.option("--price-input", type=float, help="US dollars per million input tokens.")
@options.option("--price-output", type=float, help="US dollars per million output tokens.")
@options.option("--requests-per-second", type=float, help="Without a pilot, for the hours.")
@options.suite_options
@options.option("--out", type=click.Path(path_type=Path), help="Write the plan as JSON.")
def plan(suite: str, out: Path | None, **settings: Any) -> None:
    """Plan how much to ask: problems, wordings, repeats, tokens, money and hours; asks nothing.

    Without --effect: what the suite as it stands can find.
    """
    from modelmetry import api
    from modelmetry.cli import display

    made = api.plan(suite, **settings)
    display.design(made)
    if out is not None:
        import msgspec

        out.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n")


COMMANDS = (plan,)
