"""Why a run that asked what comes next has no memorization study, or not all of it."""

from __future__ import annotations

from collections.abc import Iterator

from modelmetry.errors import BadInput
from modelmetry.items import load
from modelmetry.memory.continuing import Continuing
from modelmetry.runs.record import RunRecord
from modelmetry.suites import Task, generator_of


def kind_of(task: Task) -> type | None:
    """The class of a task's generator, which is not made; None where it is not installed."""
    try:
        found = load("generators", task.generator)
    except BadInput:
        return None
    return found if isinstance(found, type) else None


def unmade(record: RunRecord) -> Iterator[tuple[str, str]]:
    """(task, why) of tasks that ask what comes next and whose generator cannot be made.

    Such as where the folder of a user's probes was moved.
    """
    for task in record.suite.tasks:
        kind = kind_of(task)
        if kind is not None and issubclass(kind, Continuing):
            try:
                generator_of(task)
            except BadInput as error:
                yield task.name, str(error)


def why_no_study(record: RunRecord) -> str:
    """Why a run without a memorization study has none, for the line of an error."""
    for _, why in unmade(record):
        return why
    for task in record.suite.tasks:
        try:
            found = generator_of(task)
        except BadInput as error:
            return str(error)
        if isinstance(found, Continuing) and found.fingerprint() != task.fingerprint:
            return (
                f"the generator {task.generator} no longer makes what the run was asked; allowed: its "
                "options, and what they name, as they were"
            )
    return (
        "no task asks what comes next; allowed: runs of suites such as memorization, extraction and "
        "contamination"
    )
