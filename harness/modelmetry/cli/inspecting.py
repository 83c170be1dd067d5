"""Commands that look and make, without a model: list, preview, generate, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelmetry.cli import options

_KINDS = ("suites", "generators", "models", "scorers")


@click.command("list")
@click.argument("kind", type=click.Choice(_KINDS), default="suites")
@options.as_json
def list_installed(kind: str, as_json: bool) -> None:
    """List what is installed: suites, generators, models or scorers."""
    from modelmetry import api
    from modelmetry.cli import display

    display.listing(api.installed(kind), as_json=as_json)


@click.command()
@options.suite
@options.split
@options.seed
@options.option("--limit", type=click.IntRange(min=1), default=5, help="Most items.")
@options.suite_options
@options.option("--html", type=click.Path(path_type=Path), help="Write a page instead.")
def preview(suite: str, html: Path | None, **settings: Any) -> None:
    """Look at a suite's items, with their answers."""
    from modelmetry import api
    from modelmetry.cli import display

    items = api.preview(suite, **settings)
    if html is None:
        display.items(items)
        return
    from modelmetry.reports.preview import write_preview

    display.files([write_preview(html, suite, items)])


@click.command()
@options.suite
@options.option("--seed", type=click.IntRange(min=0), required=True, help="Root seed.")
@options.limit
@options.split
@options.suite_options
@options.option(
    "--out", type=click.Path(path_type=Path), default="editions", help="Folder of editions."
)
@options.option(
    "--data-uri",
    is_flag=True,
    help="Pictures as data URIs too, in configs of their own: for Inspect.",
)
def generate(suite: str, **settings: Any) -> None:
    """Make an edition: Parquet, dataset card, checksums, certificate."""
    from modelmetry import api
    from modelmetry.cli import display

    with display.working("verifying, then writing"):
        folder = api.generate(suite, **settings)
    click.echo(folder)


@click.command()
@options.suite
@options.option("--n", type=click.IntRange(min=1), default=1000, help="Problems per split.")
@options.seed
@options.suite_options
@options.option("--out", type=click.Path(path_type=Path), help="Write the certificate as JSON.")
def verify(suite: str, out: Path | None, **settings: Any) -> int:
    """Check answer keys with an independent solver, splits and baselines; exit 1 if any fails."""
    from modelmetry import api
    from modelmetry.analyses.verification import certificate_json
    from modelmetry.cli import display

    with display.working("verifying"):
        certificate = api.verify(suite, **settings)
    display.certificate(certificate)
    if out is not None:
        out.write_bytes(certificate_json(certificate))
    return 0 if certificate.passed else 1


COMMANDS = (list_installed, preview, generate, verify)
