"""From a suite and a seed to items: problems in every wording, in an order fit for stopping."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from modelmetry.items import Generator, Item, Message, Problem, Seed, content_hash, digest, message
from modelmetry.suites.reader import generator_of
from modelmetry.suites.suite import Prompt, Suite, Task
from modelmetry.suites.templates import rendered

_POOL = 256
"""Training problems from which a task's solved examples are picked, drawn once per seed."""


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


@dataclass(frozen=True, slots=True)
class Shot:
    """A solved example: a question and its canonical answer."""

    question: str
    answer: str


class _Writer:
    """Puts one task's problems into words."""

    def __init__(self, task: Task, seed: Seed) -> None:
        self.task = task
        self.root = seed.root
        self.pools = {
            prompt.name: _pool(generator_of(task), task, seed, prompt)
            for prompt in task.prompts
            if prompt.shots
        }

    def item(self, prompt: Prompt, problem: Problem) -> Item:
        question = render(prompt, problem)
        write = _chat if prompt.format == "chat" else _completion
        return Item(
            task=self.task.name,
            wording=prompt.name,
            format=prompt.format,
            messages=write(prompt, question, self._shots(prompt, problem, question)),
            problem=problem,
        )

    def _shots(self, prompt: Prompt, problem: Problem, question: str) -> list[Shot]:
        if not prompt.shots:
            return []
        key = digest("shots", self.root, self.task.name, prompt.name, problem.uid)
        # One more than needed: a suite may ask the train split itself, and no example may be
        # the question.
        drawn = random.Random(key).sample(self.pools[prompt.name], prompt.shots + 1)
        return [shot for shot in drawn if shot.question != question][: prompt.shots]


def _pool(generator: Generator, task: Task, seed: Seed, prompt: Prompt) -> list[Shot]:
    size = min(generator.count("train"), max(_POOL, prompt.shots + 1))
    drawn = Seed(root=digest("shot pool", seed.root, task.name) % 2**63)
    return [
        Shot(question=render(prompt, problem), answer=problem.target.answers[0])
        for problem in generator.problems(drawn, "train", size)
    ]


def render(prompt: Prompt, problem: Problem) -> str:
    """The question alone, without examples or system message."""
    return rendered(f"template {prompt.template}", prompt.source, problem.fields)


def _chat(prompt: Prompt, question: str, shots: list[Shot]) -> tuple[Message, ...]:
    turns = [message("system", prompt.system)] if prompt.system else []
    for shot in shots:
        turns += [message("user", shot.question), message("assistant", shot.answer)]
    return (*turns, message("user", question))


def _completion(_prompt: Prompt, question: str, shots: list[Shot]) -> tuple[Message, ...]:
    blocks = [f"{shot.question} {shot.answer}" for shot in shots]
    return (message("user", "\n".join([*blocks, question])),)
