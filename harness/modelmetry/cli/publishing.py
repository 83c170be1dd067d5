"""Commands that show work to others: publish, commit, reveal and audit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from modelmetry.cli import options
from modelmetry.cli.display import OUT, grid
from modelmetry.errors import BadInput, GateFailed, Unreachable

if TYPE_CHECKING:
    from modelmetry.hub.parcel import Publication

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("what", metavar="EDITION|FILE|RUN...", nargs=-1, required=True, type=_FILE)
@options.option(
    "--repo", metavar="ORG/NAME", help="Repository on the Hub; a data set is made if missing."
)
@options.option(
    "--to", metavar="URL", help="In place of the Hub: a folder, s3://..., gs://... (fsspec)."
)
@options.option("--private", is_flag=True, help="Make the repository private.")
@options.option(
    "--revision",
    metavar="TAG",
    help="Tag to set last; of --results, the edition's.  [default: edition and suite version]",
)
@options.option("--message", metavar="TEXT", help="First line of the commit.")
@options.option("--results", is_flag=True, help="WHAT are runs; their results go to a model.")
@options.option(
    "--dataset", metavar="ORG/NAME", help="Of --results: data set that holds the editions asked."
)
@options.option("--url", metavar="URL", help="Of --results: where the report stands.")
@options.option("--pr", is_flag=True, help="Of --results: open a pull request.")
@options.option("--dry-run", is_flag=True, help="Say exactly what would go; send nothing.")
def publish(
    what: tuple[Path, ...],
    repo: str | None,
    to: str | None,
    private: bool,
    revision: str | None,
    message: str | None,
    results: bool,
    dataset: str | None,
    url: str | None,
    pr: bool,
    dry_run: bool,
) -> None:
    """Publish an edition, a commitment or an opening; or results of runs, in a model's repository.

    The token is read from HF_TOKEN or from the Hub's own login (hf auth login).
    """
    from modelmetry import api

    _quiet()
    if results:
        _refuse("--results", {"--to": to, "--private": private})
        if repo is None or dataset is None:
            raise BadInput(
                "publish --results: needs --repo of the model and --dataset of the editions"
            )
        done = api.publish_results(
            what,
            repo=repo,
            dataset=dataset,
            revision=revision,
            url=url or "",
            pull_request=pr,
            message=message or "",
            dry_run=dry_run,
        )
    else:
        _refuse("an edition or a file", {"--dataset": dataset, "--url": url, "--pr": pr})
        first, *others = what
        if others:
            raise BadInput(f"publish: {len(what)} things; allowed: one, or runs with --results")
        done = api.publish(
            first,
            repo=repo,
            to=to,
            private=private,
            revision=revision,
            message=message or "",
            dry_run=dry_run,
        )
    _show(done, dry_run=dry_run)
    if done.unseen:
        raise Unreachable(done.unseen)


@click.command()
@click.argument("suites", metavar="SUITE [SUITE ...]", nargs=-1, required=True)
@options.option("--out", type=_FILE, default="commitment.json", help="Commitment to write.")
@options.option(
    "--secret-out", type=_FILE, help="What opens it; keep it.  [default: <out>.secret.json]"
)
@click.option(  # no variable: it could hold the secret itself
    "--seeds-from",
    metavar="FILE|env:NAME",
    help="JSON object of suites and seeds.  [default: drawn, 128 random bits]",
)
@click.option(
    "--secret",
    metavar="FILE|env:NAME",
    help="A nightly job's secret: the seeds are those of --date.",
)
@options.option("--date", default="", metavar="DATE", help="Stated in the commitment, ISO 8601.")
@options.limit
@options.suite_options
def commit(
    suites: tuple[str, ...],
    out: Path,
    secret_out: Path | None,
    seeds_from: str | None,
    secret: str | None,
    date: str,
    limit: int | None,
    suite_options: dict[str, str],
) -> None:
    """Commit to secret seeds before models are scored: write their hash, and what opens it."""
    from modelmetry import api

    made = api.commit(
        suites,
        out=out,
        secret_out=secret_out,
        seeds_from=seeds_from,
        secret=secret,
        date=date,
        limit=limit,
        suite_options=suite_options,
    )
    opener = secret_out or out.with_name(f"{out.stem}.secret.json")
    click.echo(out)
    for each in made.suites:
        click.echo(f"{each.suite} version {each.version}: {each.hash}")
    click.echo(f"publish {out} now; keep {opener} to yourself until: modelmetry reveal {out}")


@click.command()
@click.argument("commitment", type=_FILE)
@click.option(
    "--secret",
    metavar="FILE|env:NAME",
    help="The file that commit wrote, or a nightly job's secret.  [default: <commitment>.secret.json]",
)
@options.option("--out", type=_FILE, default="opening.json", help="Opening to write.")
@options.option("--suite", "only", multiple=True, help="Only this suite; may be repeated.")
def reveal(commitment: Path, secret: str | None, out: Path, only: tuple[str, ...]) -> None:
    """Open a commitment after scoring: write its seeds and nonces, checked against it."""
    from modelmetry import api

    given = secret or commitment.with_name(f"{commitment.stem}.secret.json")
    opening = api.reveal(commitment, secret=given, out=out, only=only)
    click.echo(out)
    for each in opening.suites:
        click.echo(f"{each.suite}: seed {each.seed}")


@click.command()
@click.argument("commitment", type=_FILE)
@click.argument("opening", type=_FILE)
@click.argument("things", metavar="[EDITION|RUN|CSV|PARQUET ...]", nargs=-1, type=_FILE)
def audit(commitment: Path, opening: Path, things: tuple[Path, ...]) -> None:
    """Check an opening, and make every item of editions and runs again from its seeds.

    Exit code 5 where anything is not what was committed to.
    """
    from modelmetry import api

    findings = api.audit(commitment, opening, things)
    for each in findings:
        click.echo(f"{each.outcome}: {each.about}: {each.says}")
    wrong = [each for each in findings if each.outcome == "differs"]
    if wrong:
        raise GateFailed(f"audit: {len(wrong)} of {len(findings)} checks differ: {wrong[0].about}")


def _quiet() -> None:
    """No progress bars of the Hub's client where nobody watches, and no log: it holds signed addresses."""
    try:
        from huggingface_hub.utils import disable_progress_bars, logging
    except ImportError:
        return
    logging.set_verbosity_error()
    if not OUT.is_terminal:
        disable_progress_bars()


def _refuse(what: str, given: dict[str, Any]) -> None:
    wrong = [name for name, value in given.items() if value]
    if wrong:
        raise BadInput(f"publish: {wrong[0]} does not go with {what}; allowed: leave it out")


def _show(done: Publication, *, dry_run: bool) -> None:
    """Every file where nothing was sent yet; then what is where."""
    if dry_run:
        lines = grid("file", "", "bytes>", "SHA-256")
        for change in done.changes:
            size = f"{change.size:,}" if change.sha256 else ""
            lines.add_row(escape(change.path), change.state, size, change.sha256)
        OUT.print(lines, soft_wrap=True)
    click.echo(f"{done.target}{_about(done, dry_run=dry_run)}")
    if done.complete:
        click.echo("everything is there already; nothing to send")
    else:
        going = [each for each in done.changes if each.state not in {"same", "deleted"}]
        gone = sum(each.state == "deleted" for each in done.changes)
        verb = "sent" if not dry_run else "would send at most" if done.unseen else "would send"
        leave = f", {gone} deleted from main" if gone else ""
        size = sum(each.size for each in going)
        click.echo(
            f"{verb} {len(going)} of {len(done.changes) - gone} files, {size:,} bytes{leave}"
        )
    if done.pull_request:
        click.echo(f"pull request: {done.pull_request}")
    if done.tag and not done.pull_request:
        click.echo(f"revision {done.tag}{f' = {done.commit}' if done.commit else ''}")
    if done.read_with and not dry_run:
        click.echo(f"read with: {done.read_with}")


def _about(done: Publication, *, dry_run: bool) -> str:
    if done.unseen:
        return " (not reached: what is there is not known)"
    if done.private is None:
        return "" if done.exists else " (new)"
    seen = "private" if done.private else "public"
    if done.exists:
        return f" ({seen})"
    # What a token may not see, or nobody without one, looks like nothing at all.
    return f" (none to be seen there; would be new and {seen})" if dry_run else f" (new, {seen})"


COMMANDS = (publish, commit, reveal, audit)
