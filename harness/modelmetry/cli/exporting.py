"""The command that writes training data: export."""

from __future__ import annotations

from pathlib import Path

import click

from modelmetry.cli import options


@click.command()
@options.suite
@options.option(
    "--to",
    type=click.Choice(["chat", "datasets", "clevr"]),
    required=True,
    help="chat: JSON Lines for LLaMA-Factory and ms-swift, with --inline for OpenAI; "
    "datasets: a folder for datasets.load_dataset and TRL; "
    "clevr: CLEVR's own files, scenes, questions as programs, and pictures.",
)
@options.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to make.")
@options.option("--split", default="train", help="The split, by name.")
@options.seed
@options.option(
    "--limit",
    type=click.IntRange(min=1),
    help="Most problems per task.  [default: the suite's own number, or 10000]",
)
@options.option(
    "--wording",
    "wordings",
    multiple=True,
    help="Only this prompt, as WORDING or TASK/WORDING; may be repeated.  [default: all chats]",
)
@options.option("--inline", is_flag=True, help="Put pictures into the chats as data URIs.")
def export(
    suite: str,
    to: str,
    out: Path,
    split: str,
    seed: int,
    limit: int | None,
    wordings: tuple[str, ...],
    inline: bool,
) -> None:
    """Write solved problems to fine-tune a model on; score it afterwards with `run`."""
    from modelmetry import api

    count = api.export(
        suite,
        to=to,  # type: ignore[arg-type]
        out=out,
        split=split,
        seed=seed,
        limit=limit,
        wordings=wordings,
        inline=inline,
    )
    click.echo(out)
    click.echo(
        f"{count} examples of split {split} under seed {seed}; "
        "test the tuned model on other splits, or under another seed"
    )


COMMANDS = (export,)
