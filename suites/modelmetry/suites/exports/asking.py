"""What an export for another harness asks: items, under the names by which runs know them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
import msgspec

from modelmetry.items import Item, Seed
from modelmetry.memory.canary import edition_canary
from modelmetry.suites.exports.folder import encode
from modelmetry.suites.render import edition, items
from modelmetry.suites.suite import Suite, Task

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked.

    Attributes:
        suite: The suite, with the wordings that the harness can hold.
        seed: Root of all randomness.
        limit: Most problems per split, or None.
        edition: The name that a run of the suite would give this test set, left out wordings
            included: items of the same name under it are the same.
        canary: The edition's canary.
        left_out: A line for each wording that the harness cannot hold.
    """

    suite: Suite
    seed: Seed
    limit: int | None
    edition: str
    canary: str
    left_out: tuple[str, ...]

    def items(self) -> Iterator[Item]:
        """Every item, in the order of a run."""
        return items(self.suite, self.seed, self.limit)

    def facts(self, item: Item) -> dict[str, Any]:
        """What is known of an item besides what is shown, for the other harness' records."""
        problem = item.problem
        return {
            "problem": problem.uid,
            "task": item.task,
            "split": problem.split,
            "wording": item.wording,
            "cluster": problem.cluster,
            "edition": self.edition,
            "canary": self.canary,
        }

    def about(self) -> dict[str, Any]:
        """What the templates of every harness tell."""
        return {
            "suite": self.suite,
            "edition": self.edition,
            "seed": self.seed.root,
            "canary": self.canary,
            "left_out": self.left_out,
            "version": version("modelmetry"),
        }


def asked(
    whole: Suite, chosen: Suite, seed: Seed, limit: int | None, left_out: tuple[str, ...]
) -> Asked:
    """What is asked of a suite.

    Args:
        whole: The suite with all of its wordings.
        chosen: The suite with those that take part.
        seed: Root of all randomness.
        limit: Most problems per split, or None.
        left_out: A line for each of the others.
    """
    name = edition(whole, seed, limit)
    return Asked(
        suite=chosen,
        seed=seed,
        limit=limit,
        edition=name,
        canary=edition_canary(whole.name, whole.version, name),
        left_out=left_out,
    )


def identifier(*names: str) -> str:
    """Names as one Python identifier: letters, digits and underscores, no digit first."""
    joined = re.sub(r"\W", "_", "_".join(names))
    return f"_{joined}" if joined[0].isdigit() else joined


def sections(suite: Suite) -> Iterator[tuple[Task, str, str]]:
    """(task, split, label) of every split that is asked."""
    for task in suite.tasks:
        for split in task.splits:
            yield task, split, suite.label(task.name, split)


def write_by(
    folder: Path, lines: Iterable[tuple[str, dict[str, Any]]], done: Callable[[str], None]
) -> int:
    """Write lines of JSON into files by name, all at once as they come; returns how many.

    Args:
        folder: Where to.
        lines: (name of the file without `.jsonl`, line) in any order.
        done: Told the name of each line.
    """
    count = 0
    with ExitStack() as stack:
        files: dict[str, Any] = {}
        for name, line in lines:
            if name not in files:
                files[name] = stack.enter_context((folder / f"{name}.jsonl").open("wb"))
            files[name].write(encode(line) + b"\n")
            done(name)
            count += 1
    return count


def target(item: Item) -> dict[str, Any]:
    """An item's right answer, as the scorer that goes along reads it."""
    return msgspec.to_builtins(item.problem.target)


def rendered(template: str, **values: Any) -> str:
    """A file from one of the templates beside this module.

    Args:
        template: Its name without `.jinja`.
        values: What it tells; in Python text each goes through `repr`, so that it stays a text.
    """
    return _environment().get_template(f"{template}.jinja").render(**values)


@cache
def _environment() -> jinja2.Environment:
    # Not HTML: Python and Markdown, where what comes from outside goes through `repr` or `md`.
    environment = jinja2.Environment(  # noqa: S701
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["repr"] = repr
    return environment
