"""The command that starts a project: init."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from modelmetry.cli import options


@click.command()
@click.argument("name")
@options.option(
    "--out", type=click.Path(path_type=Path), help="Folder to make.  [default: one named NAME]"
)
def init(name: str, out: Path | None) -> None:
    """Start a project with a generator, a suite, tests and a nightly job of your own.

    NAME is in kebab-case, such as coin-flips; the project works as it is: install it, run it, then
    change the generator into yours.
    """
    from modelmetry import api

    folder = api.init(name, out=out)
    click.echo(folder)
    click.echo(
        f"next: cd {shlex.quote(str(folder))} && pip install -e '.[test]' && modelmetry verify suites/{name}.yaml",
        err=True,
    )


COMMANDS = (init,)
