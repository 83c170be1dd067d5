"""From a suite and a seed to items: problems in every wording, in an order fit for stopping."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from modelmetry.items import (
    Item,
    Message,
    Part,
    Problem,
    Seed,
    as_text,
    content_hash,
    message,
)
from modelmetry.suites.examples import Examples, Shot
from modelmetry.suites.reader import generator_of
from modelmetry.suites.suite import Prompt, Suite, Task
from modelmetry.suites.templates import rendered


def items(suite: Suite, seed: Seed, limit: int | None = None) -> Iterator[Item]:
    """Every item of a suite under a seed, lazily.

    The splits take turns, problem by problem, and all wordings of a problem follow each other:
    any leading part of the sequence covers the splits evenly.

    Args:
        suite: What to ask.
        seed: Root of all randomness.
        limit: Most problems per split; None for the suite's own numbers.
    """
    streams = [
        (task, split, generator_of(task).problems(seed, split, wanted(count, limit)))
        for task in suite.tasks
        for split, count in task.splits.items()
    ]
    write = in_words(suite, seed)
    while streams:
        going = []
        for task, split, problems in streams:
            problem = next(problems, None)
            if problem is not None:
                yield from write(task, problem)
                going.append((task, split, problems))
        streams = going


def in_words(suite: Suite, seed: Seed) -> Callable[[Task, Problem], list[Item]]:
    """A function from a task of the suite and a problem to the problem in all of its wordings.

    Args:
        suite: What to ask.
        seed: Root of the solved examples that wordings show.
    """
    writers = {task.name: _Writer(task, seed) for task in suite.tasks}

    def write(task: Task, problem: Problem) -> list[Item]:
        return [writers[task.name].item(prompt, problem) for prompt in task.prompts]

    return write


def item_count(suite: Suite, limit: int | None = None) -> int:
    """How many items `items` yields."""
    return sum(
        wanted(count, limit) * len(task.prompts)
        for task in suite.tasks
        for count in task.splits.values()
    )


def edition(suite: Suite, seed: Seed, limit: int | None = None) -> str:
    """Names the exact test set: `seed-<root>-<8 hex digits>` over everything that shapes it."""
    tasks = [
        [
            task.name,
            task.generator,
            task.fingerprint,
            dict(task.options),
            {split: wanted(count, limit) for split, count in task.splits.items()},
            task.prompts,
        ]
        for task in suite.tasks
    ]
    return f"seed-{seed.root}-{content_hash([suite.name, suite.version, tasks, seed])[:8]}"


def wanted(count: int, limit: int | None) -> int:
    """How many problems of a split are asked under a limit."""
    return count if limit is None else min(count, limit)


class _Writer:
    """Puts one task's problems into words."""

    def __init__(self, task: Task, seed: Seed) -> None:
        self.task = task
        self.examples = Examples(task, seed, render)

    def item(self, prompt: Prompt, problem: Problem) -> Item:
        question = render(prompt, problem)
        write = _chat if prompt.format == "chat" else _completion
        return Item(
            task=self.task.name,
            wording=prompt.name,
            format=prompt.format,
            messages=write(prompt, question, self.examples.shots(prompt, problem, question)),
            problem=problem,
        )


def render(prompt: Prompt, problem: Problem) -> tuple[Part, ...]:
    """The question alone, without examples or system message: text, and pictures where it has any."""
    return rendered(f"template {prompt.template}", prompt.source, problem.fields)


def _chat(prompt: Prompt, question: tuple[Part, ...], shots: list[Shot]) -> tuple[Message, ...]:
    turns = [message("system", prompt.system)] if prompt.system else []
    for shot in shots:
        turns += [Message(role="user", parts=shot.question), message("assistant", shot.answer)]
    return (*turns, Message(role="user", parts=question))


def _completion(
    _prompt: Prompt, question: tuple[Part, ...], shots: list[Shot]
) -> tuple[Message, ...]:
    blocks = [f"{as_text(shot.question)} {shot.answer}" for shot in shots]
    return (message("user", "\n".join([*blocks, as_text(question)])),)
