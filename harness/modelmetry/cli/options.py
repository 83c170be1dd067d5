"""What the commands share: options, each with its environment variable, and the line of an error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Decorator = Callable[[Any], Any]


def option(*names: str, **settings: Any) -> Decorator:
    """A click option that also reads `MODELMETRY_<FLAG>`."""
    flag = next(name for name in names if name.startswith("--")).removeprefix("--")
    variable = f"MODELMETRY_{flag.replace('-', '_').upper()}"
    return click.option(*names, envvar=variable, show_default=True, **settings)


def complain(line: str) -> None:
    """Say what is wrong, in one line on stderr."""
    print(f"modelmetry: {' '.join(line.split())}", file=sys.stderr)  # noqa: T201


def key_values(_context: Any, _parameter: Any, values: tuple[str, ...]) -> dict[str, str]:
    """Turn `key=value` texts into a mapping."""
    pairs: dict[str, str] = {}
    for text in values:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"{text!r}; allowed: key=value")
        pairs[key] = value
    return pairs


suite = click.argument("suite")
runs = click.argument(
    "run_folders", metavar="RUN [RUN ...]", nargs=-1, required=True, type=click.Path(path_type=Path)
)
seed = option("--seed", type=click.IntRange(min=0), default=0, help="Root seed of the problems.")
split = option("--split", help="Only this split, by name or label.")
limit = option("--limit", type=click.IntRange(min=1), help="Most problems per split.")
out = option("--out", type=click.Path(path_type=Path), help="Folder to write in.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

suite_options = click.option(
    "-T",
    "suite_options",
    envvar="MODELMETRY_SUITE_OPTIONS",
    multiple=True,
    metavar="KEY=VALUE",
    callback=key_values,
    help="Option of the suite's generators in place of its own; may be repeated.",
)

MODEL: tuple[Decorator, ...] = (
    option(
        "--model",
        "-m",
        "models",
        multiple=True,
        help="Model spec provider/name; may be repeated.  [default: reference/check-standard]",
    ),
    option("--model-base-url", help="Address of the model's server."),
    click.option(
        "-M",
        "model_options",
        envvar="MODELMETRY_MODEL_OPTIONS",
        multiple=True,
        metavar="KEY=VALUE",
        callback=key_values,
        help="Option of the back end; may be repeated.",
    ),
)

EFFORT: tuple[Decorator, ...] = (
    limit,
    option("--seed", type=click.IntRange(min=0), help="Root seed of the problems.  [default: 0]"),
    option("--epochs", type=click.IntRange(min=1), help="How often each item is asked."),
    option("--max-connections", type=click.IntRange(min=1), help="Most requests in flight."),
    option("--max-retries", type=click.IntRange(min=0), help="Most repetitions after a fault."),
    option("--temperature", type=click.FloatRange(min=0), help="In place of the suite's own."),
    option("--max-tokens", type=click.IntRange(min=1), help="In place of the suite's own."),
    option(
        "--logprobs",
        type=click.Choice(["none", "answer", "target"]),
        help="Log-probabilities in place of the suite's own: of the answer's tokens, or also of the "
        "text shown and of the right answer after it (completions; vllm/, hf/).",
    ),
    suite_options,
    option("--cost-limit", type=float, help="US dollars to spend; needs -M price_input=..."),
    option(
        "--until", help='Draw fresh problems until "ci<0.02" (interval width) or "A>B" is known.'
    ),
    option(
        "--executor",
        type=click.Choice(["local", "ray"]),
        default="local",
        help="ray: copies of the model in the processes of a cluster, or of this machine.",
    ),
    option("--workers", type=click.IntRange(min=1), help="Copies of the model on Ray."),
    option("--log-dir", type=click.Path(path_type=Path), default="runs", help="Folder of runs."),
    option("--resume", is_flag=True, help="Go on with the newest run that asks exactly this."),
    option("--dry-run", is_flag=True, help="Say what would be asked; ask nothing."),
)


def all_of(decorators: tuple[Decorator, ...]) -> Decorator:
    """Apply several options in the order in which the help shall list them."""

    def apply(function: Any) -> Any:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply
