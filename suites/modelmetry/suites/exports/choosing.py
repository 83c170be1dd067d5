"""What takes part in an export: splits, and the wordings that the form can hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from modelmetry.errors import BadInput, offered
from modelmetry.suites.reader import generator_of
from modelmetry.suites.suite import Prompt, Suite, Task

MOST = 10_000
"""Problems of a split that the suite does not ask, unless told otherwise."""

Unfit = Callable[[Prompt], str]
"""Why a form cannot hold a wording; empty where it can."""


def of_split(suite: Suite, split: str, limit: int | None) -> Suite:
    """The tasks that have a split, asked or not, with it alone.

    Args:
        suite: The suite.
        split: The split's name.
        limit: Most problems per task; None for the suite's own number, or `MOST`.

    Raises:
        BadInput: No task has it.
    """
    tasks = []
    for task in suite.tasks:
        generator = generator_of(task)
        if split in generator.splits:
            count = limit or task.splits.get(split, MOST)
            tasks.append(replace(task, splits={split: min(count, generator.count(split))}))
    if not tasks:
        splits = dict.fromkeys(s for task in suite.tasks for s in generator_of(task).splits)
        raise BadInput(
            f"{suite.name}: nothing to export from split {split!r}{offered(split, splits)}"
        )
    return replace(suite, tasks=tuple(tasks))


def in_wordings(
    suite: Suite, wordings: Iterable[str], unfit: Unfit, kind: str
) -> tuple[Suite, tuple[str, ...]]:
    """The suite with the wordings that were chosen and that the form can hold.

    Args:
        suite: The suite.
        wordings: Names, as `wording` or `task/wording`; none for all that fit.
        unfit: Why the form cannot hold one.
        kind: What a wording that fits is called in error lines, such as `chat`.

    Returns:
        The suite, and a line for each wording that is left out.

    Raises:
        BadInput: No wording fits, or one that was named does not, or is not there.
    """
    labels = {f"{task.name}/{prompt.name}": prompt for task, prompt in _pairs(suite)}
    left = {label: why for label, prompt in labels.items() if (why := unfit(prompt))}
    known = [label for label in labels if label not in left]
    chosen = set()
    for name in wordings:
        found = [label for label in known if name in (label, label.split("/")[1])]
        if not found:
            reasons = [
                f" ({why})" for label, why in left.items() if name in (label, label.split("/")[1])
            ]
            near = "; allowed: none" if not known else "" if reasons else offered(name, known)
            allowed = near or f"; allowed: {', '.join(known)}"
            raise BadInput(f"{suite.name}: no {kind} {name!r}{''.join(reasons[:1])}{allowed}")
        chosen.update(found)
    if not known:
        reasons = "; ".join(f"{label} {why}" for label, why in left.items())
        raise BadInput(
            f"{suite.name}: no prompt is a {kind}: {reasons}; allowed: a suite that has one"
        )
    kept = chosen or {*known}
    tasks = []
    for task in suite.tasks:
        prompts = tuple(p for p in task.prompts if f"{task.name}/{p.name}" in kept)
        if prompts:
            tasks.append(replace(task, prompts=prompts))
    told = () if chosen else tuple(f"{label} {why}" for label, why in left.items())
    return replace(suite, tasks=tuple(tasks)), told


def _pairs(suite: Suite) -> Iterator[tuple[Task, Prompt]]:
    return ((task, prompt) for task in suite.tasks for prompt in task.prompts)
