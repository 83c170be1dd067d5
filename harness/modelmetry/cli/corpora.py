"""Commands on corpora: probes of a user's own, and the laboratory's to train on."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, Literal

import click

from modelmetry.cli import options

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("shards", metavar="SHARD [SHARD ...]", nargs=-1, required=True, type=_PATH)
@options.option("--out", type=_PATH, required=True, help="Folder to write.")
@options.option(
    "--tokenizer",
    default="",
    help="A tokenizer.json, a folder with one, a name on the Hugging Face hub, or words.",
)
@options.option("--n", type=click.IntRange(min=1), default=10_000, help="Sequences to draw.")
@options.option("--k", type=click.IntRange(min=2), default=32, help="Tokens shown, and to follow.")
@options.option("--seed", type=click.IntRange(min=0), default=0, help="Of the draw.")
@options.option("--column", default="", help="Where documents stand.  [default: text, else tokens]")
@options.option(
    "--held-out",
    "held_out",
    type=_PATH,
    multiple=True,
    help="A shard that the model was not trained on, for controls; may be repeated.",
)
@options.option(
    "--probes",
    "sequences",
    type=_PATH,
    help="Parquet or JSONL of your own sequences, in place of drawn ones.",
)
@options.option(
    "--executor",
    type=click.Choice(["local", "ray"]),
    default="local",
    help="What counts the sequences.",
)
def probes(
    shards: tuple[Path, ...], out: Path, executor: Literal["local", "ray"], **settings: Any
) -> None:
    """Draw sequences of your own corpus, count them in all of it, and describe them.

    SHARDs are what a model was trained on: Parquet or JSONL (also .gz, .zst) of texts or of lists of
    tokens, .npy, or folders of them. The suite `extraction` then asks models for the sequences.
    """
    from modelmetry import api
    from modelmetry.cli import display

    with display.working("reading the corpus, then counting"):
        made = api.probes(shards, out=out, executor=executor, **settings)
    found = made.record
    click.echo(made.folder)
    for name, read in (("corpus", found.corpus), ("held out", found.held_out)):
        if read is not None:
            click.echo(
                f"{name}: {read.tokens:,} tokens, {read.documents:,} documents, of which {read.short:,} "
                f"are shorter than {2 * found.k} tokens"
            )
    click.echo(
        f"{found.probes:,} sequences of the corpus and {found.controls:,} controls, of {found.drawn:,}; "
        f"{sum(found.left_out.values()):,} left out"
    )
    for why, count in found.left_out.items():
        click.echo(f"{count:,} left out: {why}")
    click.echo(
        f"next: modelmetry run extraction -T probes={made.folder} --model ... --max-tokens {found.k}"
    )


@click.command()
@options.suite
@options.option("--out", type=_PATH, required=True, help="Folder to write, new or empty.")
@options.suite_options
@options.option(
    "--shard-tokens",
    "shard_tokens",
    type=click.IntRange(min=1),
    default=1 << 24,
    help="Most tokens in a file.",
)
def corpus(suite: str, out: Path, **settings: Any) -> None:
    """Write the corpus that a suite of the laboratory asks about, to train models on.

    SUITE is one whose tasks are of the generator memorization.
    """
    from modelmetry import api
    from modelmetry.cli import display

    with display.working("writing the corpus"):
        made = api.corpus(suite, out=out, **settings)
    laboratory = made.laboratory
    click.echo(out)
    click.echo(
        f"{laboratory.documents:,} documents of {laboratory.length:,} words, {laboratory.tokens:,} in all; "
        f"{made.planted:,} planted sequences of {2 * laboratory.k} words in {made.copies:,} exact copies, "
        "and as many twins that stand nowhere"
    )
    click.echo(
        f"train on column text of {_files(made.shards)}, once through, in that order, and on nothing "
        f"else of {out}: manifest.json has the answers"
    )
    given = shlex.join(
        word
        for key, value in settings["suite_options"].items()
        for word in ("-T", f"{key}={value}")
    )
    click.echo(f"next: modelmetry run {suite}{' ' * bool(given)}{given} --model ...")
    click.echo(f"(--max-tokens {laboratory.k} where a word is one token of the model's)")


def _files(paths: tuple[Path, ...]) -> str:
    first, last = paths[0].name, paths[-1].name
    return first if len(paths) == 1 else f"{first} to {last}"


COMMANDS = (probes, corpus)
