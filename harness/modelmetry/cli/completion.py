"""Completion in bash, zsh and fish: the scripts, and what stands for names that depend on the machine.

Tab starts a new process, so nothing here loads what a measurement needs: suites are found by their files,
back ends and scorers by their entry points, and a suite's splits in its YAML.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ZshComplete

PROGRAM = "modelmetry"
VARIABLE = "_MODELMETRY_COMPLETE"
"""Set by the scripts, for the one call that asks what could follow."""

_MOST = 200
"""Folders offered."""

# A name that ends in `/` goes on: no space after it. Fish sees to that itself.
_BASH = BashComplete.source_template.replace(
    "COMPREPLY+=($value)",
    'COMPREPLY+=("$value"); if [[ $value == */ ]]; then compopt -o nospace; fi',
)
_ZSH = ZshComplete.source_template.replace(
    "compadd -U -V unsorted -a completions",
    'compadd -U -V unsorted -S "" -- ${(M)completions:#*/}; '
    "compadd -U -V unsorted -- ${completions:#*/}",
)

_SHELLS: dict[str, tuple[type[Any], str, str]] = {
    "bash": (BashComplete, _BASH, 'eval "$(modelmetry completion bash)" in ~/.bashrc'),
    "zsh": (ZshComplete, _ZSH, 'eval "$(modelmetry completion zsh)" in ~/.zshrc, after compinit'),
    "fish": (
        FishComplete,
        FishComplete.source_template,
        "modelmetry completion fish > ~/.config/fish/completions/modelmetry.fish",
    ),
}


@click.command()
@click.argument("shell", type=click.Choice(list(_SHELLS)))
def completion(shell: str) -> None:
    """Print the script by which a shell completes commands, suites, models, splits and runs.

    bash: put `eval "$(modelmetry completion bash)"` in ~/.bashrc. zsh: the same with zsh in ~/.zshrc,
    after compinit. fish: modelmetry completion fish > ~/.config/fish/completions/modelmetry.fish
    """
    kind, template, place = _SHELLS[shell]
    script = kind(click.Command(PROGRAM), {}, PROGRAM, VARIABLE)
    click.echo(template % script.source_vars(), nl=False)
    click.echo(f"# To have it always: {place}")


COMMANDS = (completion,)


def prepare(commands: click.Group) -> None:
    """Give every parameter that names something installed or stored the type that completes it.

    Called for completion alone: what a command accepts does not change.
    """
    for command in _tree(commands):
        for parameter in command.params:
            if find := _finder(parameter):
                parameter.type = _Named(find)


class _Named(click.ParamType):
    """A text, completed by what a function finds."""

    name = "text"

    def __init__(self, find: Callable[[click.Context, str], Iterable[str]]) -> None:
        self._find = find

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        found = [name for name in self._find(ctx, incomplete) if name.startswith(incomplete)]
        files = [CompletionItem(incomplete, type="file")]
        # Where nothing is known the shell looks for files.
        return [CompletionItem(name) for name in dict.fromkeys(found)] or files


def _tree(command: click.Command) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        for each in command.commands.values():
            yield from _tree(each)


def _finder(parameter: click.Parameter) -> Callable[[click.Context, str], Iterable[str]] | None:
    """What completes a parameter, by its name and by what the help calls it."""
    name = parameter.name or ""
    if isinstance(parameter, click.Option):
        return {
            "model": _models,
            "models": _models,
            "split": _splits,
            "scorer": _scorers,
            "edition": _editions,
            "pilot": _runs,
        }.get(name)
    words = set(re.findall(r"[A-Z]+", (parameter.metavar or name).upper()))
    finders = [find for word, find in _KINDS.items() if word in words]
    return partial(_any_of, finders) if finders else None


def _any_of(
    finders: list[Callable[[click.Context, str], Iterable[str]]], ctx: click.Context, typed: str
) -> Iterator[str]:
    for find in finders:
        yield from find(ctx, typed)


def _suites(_ctx: click.Context, _typed: str) -> list[str]:
    return sorted(path.stem for path in _packaged())


def _packaged() -> list[Path]:
    """The packaged suites' files; their package is found and not imported."""
    spec = find_spec("modelmetry.suites")
    return [*Path(spec.origin).parent.glob("*.yaml")] if spec and spec.origin else []


def _models(ctx: click.Context, typed: str) -> Iterable[str]:
    provider, slash, name = typed.partition("/")
    if slash and provider == "reference":
        return [f"reference/{each}" for each in _REFERENCES]
    if slash and provider == "replay":
        return [f"replay/{folder}" for folder in _runs(ctx, name)]
    return [f"{name}/" for name in _installed("models")]


_REFERENCES = (
    *("chance", "check-standard", "judge", "majority", "oracle", "respondent", "simulated"),
)
"""The reference instruments, told without loading them."""


def _scorers(_ctx: click.Context, _typed: str) -> list[str]:
    return _installed("scorers")


def _installed(group: str) -> list[str]:
    return sorted(entry.name for entry in entry_points(group=f"modelmetry.{group}"))


def _runs(ctx: click.Context, _typed: str) -> list[str]:
    folder = ctx.params.get("log_dir") or os.environ.get("MODELMETRY_LOG_DIR") or "runs"
    return _folders(Path(folder), "run.json")


def _editions(_ctx: click.Context, _typed: str) -> list[str]:
    return _folders(Path("editions"), "edition.json")


def _folders(parent: Path, holding: str) -> list[str]:
    """The folders in a folder that hold a file, newest first."""
    try:
        found = [each for each in parent.iterdir() if (each / holding).is_file()]
        return [str(each) for each in sorted(found, key=_changed, reverse=True)[:_MOST]]
    except OSError:
        return []


def _changed(path: Path) -> float:
    return path.stat().st_mtime


def _splits(ctx: click.Context, _typed: str) -> list[str]:
    """The splits of the suite that the line names, by label."""
    # Where an option still lacks its value, click leaves the arguments before it among `args`.
    named = [ctx.params.get("suite"), ctx.params.get("what"), *ctx.args]
    suite = next((each for each in named if each), None)
    files = {path.stem: path for path in _packaged()}
    path = files.get(str(suite), Path(str(suite)))
    if path.suffix not in (".yaml", ".yml") or not path.is_file():
        return []
    import yaml

    try:
        tasks = yaml.safe_load(path.read_text(encoding="utf-8"))["tasks"]
        listed = [(task, split) for task, body in tasks.items() for split in body["splits"]]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError):
        return []
    return [split if len(tasks) == 1 else f"{task}/{split}" for task, split in listed]


_KINDS: dict[str, Callable[[click.Context, str], Iterable[str]]] = {
    "SUITE": _suites,
    "SUITES": _suites,
    "EDITION": _editions,
    "RUN": _runs,
}
"""Words by which the help calls arguments, and what completes them."""
