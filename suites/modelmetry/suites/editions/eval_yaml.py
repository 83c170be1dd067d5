r"""An edition's `eval.yaml`: what makes it a benchmark on the Hub, and `inspect eval hf/...` run it.

The Hub names a benchmark's tasks by it and takes results for them. Inspect's loader builds its tasks
from it; it refuses keys and scorers that it does not know, takes one right answer per row, and reads
pictures as data URIs alone. A task that it cannot ask or score is left out, with the reason in the card.

| scorer here | in Inspect | what it does otherwise |
|---|---|---|
| number | `match`, numeric, at the end | reads only numbers in figures, with white space around them, to five digits; longer ones by the pattern below |
| choice | `pattern`, the last word | no letters for options; the last word decides, wherever the answer is marked |
| choice of several words | `match` at the end | an option that another one ends in is right as well |
| exact | `exact` | passes over articles and punctuation; the whole reply counts |
| includes | `includes` | once or more, also within a longer word |
| continuation | `match` at the beginning | also where a word goes on; quotation marks count |
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import yaml

from modelmetry.suites.editions.contents import Contents, Table, Traits, hub_split
from modelmetry.suites.suite import Suite, Task

LAST_WORD = r"([^\W_]+)[\W_]*\Z"
"""Finds a text's last word; marks around it are no part of it."""

LAST_WHOLE = r"(?<!\d)(-?\d+)(?:\.0*)?\D*\Z"
"""Finds a text's last number where that is a whole one."""

_DIGITS = 5
"""Significant digits to which Inspect compares numbers."""

_COPIED = ("uid", "problem", "wording", "cluster")
"""Columns that stand in the samples of a log, so that it can be analyzed like a run."""


def task_id(table: Table) -> str:
    """Name of a split as a task of the benchmark, such as `addition_held_out`.

    Tasks' names hold no `_`, so that no two splits share one.
    """
    return split_id(table.task, table.split)


def split_id(task: str, split: str) -> str:
    """`task_id` by the names of task and split."""
    return f"{task}_{hub_split(split)}"


def eval_yaml(suite: Suite, edition: str, contents: Contents) -> str:
    """The text of `eval.yaml`; empty where no task can be asked that way.

    Args:
        suite: The suite.
        edition: The edition's name.
        contents: What was written.
    """
    tasks = [
        _task(table, scorer)
        for task in suite.tasks
        if isinstance(scorer := scorer_of(task, contents), dict)
        for table in contents.asked(task.name)
    ]
    if not tasks:
        return ""
    document = {
        "name": f"{suite.name}, {edition}",
        "description": suite.question,
        "evaluation_framework": "inspect-ai",
        "tasks": tasks,
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


def left_out(suite: Suite, contents: Contents) -> dict[str, str]:
    """Task -> why `eval.yaml` does not have it."""
    found = {task.name: scorer_of(task, contents) for task in suite.tasks}
    return {name: reason for name, reason in found.items() if isinstance(reason, str)}


def scorer_of(task: Task, contents: Contents) -> dict[str, Any] | str:
    """How Inspect scores a task, as `eval.yaml` says it; or why it cannot."""
    traits = contents.traits[task.name]
    if traits.replies:
        return "its conversations wait for replies of the model"
    if traits.pictures and not any(table.uris for table in contents.asked(task.name)):
        return "Inspect reads pictures as data URIs alone; make the edition with `--data-uri`"
    if traits.several:
        return "more than one answer is right, and Inspect's loader takes one"
    return _scorer(task.scorer, traits)


def _scorer(name: str, traits: Traits) -> dict[str, Any] | str:
    if name == "number":
        if traits.longest <= _DIGITS:
            return {"name": "match", "args": {"location": "end", "numeric": True}}
        if traits.whole:
            return {"name": "pattern", "args": {"pattern": LAST_WHOLE}}
        return "Inspect compares numbers to five digits"
    if name == "choice":
        if traits.words:
            return {"name": "pattern", "args": {"pattern": LAST_WORD}}
        return {"name": "match", "args": {"location": "end"}}
    if name in {"continuation", "continuation-tokens"}:
        return {"name": "match", "args": {"location": "begin", "ignore_case": False}}
    if name == "includes":
        return {"name": "includes", "args": {"ignore_case": False}}
    if name == "exact":
        return {"name": "exact"}
    return f"its scorer `{name}` has no counterpart in Inspect"


def _task(table: Table, scorer: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": task_id(table),
        "config": table.config,
        "split": hub_split(table.split),
        "field_spec": {"input": "messages", "target": "answer", "metadata": list(_COPIED)},
        "solvers": [{"name": "generate"}],
        "scorers": [deepcopy(scorer)],  # or YAML would refer back to the first
    }
