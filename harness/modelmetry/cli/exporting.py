"""The command that writes training data and tasks for other harnesses: export."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from modelmetry.cli import options

_FORMS = ("chat", "datasets", "clevr", "inspect", "lm-eval")


@click.command()
@options.suite
@options.option(
    "--to",
    type=click.Choice(_FORMS),
    required=True,
    help="To train: chat, JSON Lines for LLaMA-Factory and ms-swift, with --inline for OpenAI; "
    "datasets, a folder for datasets.load_dataset and TRL; "
    "clevr, CLEVR's own files, scenes, questions as programs, and pictures. "
    "To ask: inspect, a task file for `inspect eval`; lm-eval, tasks for `lm-eval run`.",
)
@options.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to make.")
@options.option(
    "--split", help="The split.  [default: train; inspect, lm-eval: all that the suite asks]"
)
@options.seed
@options.option(
    "--limit",
    type=click.IntRange(min=1),
    help="Most problems per task.  [default: the suite's own number, or 10000; "
    "inspect, lm-eval: per split]",
)
@options.option(
    "--wording",
    "wordings",
    multiple=True,
    help="Only this prompt, as WORDING or TASK/WORDING; may be repeated.  [default: all that fit]",
)
@options.option("--inline", is_flag=True, help="Put pictures into the chats as data URIs.")
@options.suite_options
def export(
    suite: str,
    to: str,
    out: Path,
    split: str | None,
    seed: int,
    limit: int | None,
    wordings: tuple[str, ...],
    inline: bool,
    suite_options: dict[str, str],
) -> None:
    """Write solved problems to fine-tune a model on, or tasks that other harnesses run."""
    from modelmetry import api

    made = api.export(
        suite,
        to=to,  # type: ignore[arg-type]
        out=out,
        split=split,
        seed=seed,
        limit=limit,
        wordings=wordings,
        inline=inline,
        suite_options=suite_options,
    )
    click.echo(out)
    for line in made.left_out:
        click.echo(f"left out: {line}", err=True)
    if not made.names:
        click.echo(
            f"{made.count} examples of split {split or 'train'} under seed {seed}; "
            "test the tuned model on other splits, or under another seed"
        )
        return
    click.echo(f"{made.count} items under seed {seed}; ask them with:")
    for name in made.names:
        click.echo(f"  {_command(to, out, name)}")


def _command(to: str, out: Path, name: str) -> str:
    """The command that asks what was written."""
    if to == "inspect":
        return f"inspect eval {shlex.quote(str(out / name))} --model PROVIDER/NAME"
    folder = shlex.quote(str(out))
    chat = "" if name.endswith("_completions") else " --apply_chat_template"
    kind = "local-completions" if not chat else "local-chat-completions"
    return (
        f"lm-eval run --include_path {folder} --tasks {name}{chat} "
        f"--model {kind} --model_args model=NAME,base_url=URL"
    )


COMMANDS = (export,)
