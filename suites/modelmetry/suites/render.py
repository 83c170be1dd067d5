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
    check_script,
    content_hash,
    load,
    message,
    model_turn,
)
from modelmetry.suites.examples import Examples, Shot
from modelmetry.suites.reader import generator_of
from modelmetry.suites.suite import Prompt, Suite, Task
from modelmetry.suites.templates import (
    is_template,
    rendered,
    rendered_or_nothing,
    rendered_system,
)


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
            {
                name: value
                for name, value in task.options.items()
                if name not in load("generators", task.generator).paths
            },
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
        shots = self.examples.shots(prompt, problem, question)
        if prompt.format == "chat":
            messages = _chat(prompt, problem, question, shots)
        else:
            messages = _completion(question, shots)
        return Item(
            task=self.task.name,
            wording=prompt.name,
            format=prompt.format,
            messages=messages,
            problem=problem,
        )


def render(prompt: Prompt, problem: Problem) -> tuple[Part, ...]:
    """The question alone, without examples or system message: text, and pictures where it has any.

    Of a conversation it is the user's last turn.
    """
    return rendered(f"template {prompt.template}", prompt.source, problem.fields)


def asked(prompt: Prompt, problem: Problem) -> str:
    """All that a prompt says of a problem, as one text: a whole conversation, without examples.

    Of a single turn it is the question; a system message is in it where it differs by problem.
    """
    question = render(prompt, problem)
    turns = _script(prompt, problem, question)
    if is_template(prompt.system):
        turns = (*_system(prompt, problem), *turns)
    return "\n".join(as_text(turn.parts) for turn in turns)


def _chat(
    prompt: Prompt, problem: Problem, question: tuple[Part, ...], shots: list[Shot]
) -> tuple[Message, ...]:
    turns = _system(prompt, problem)
    for shot in shots:
        turns += [Message(role="user", parts=shot.question), message("assistant", shot.answer)]
    return (*turns, *_script(prompt, problem, question))


def _system(prompt: Prompt, problem: Problem) -> list[Message]:
    text = prompt.system and rendered_system(
        f"system of prompt {prompt.name}", prompt.system, problem.fields
    )
    return [message("system", text)] if text else []


def _script(prompt: Prompt, problem: Problem, question: tuple[Part, ...]) -> tuple[Message, ...]:
    """The user's turns, each but the last followed by a turn that the model fills."""
    last = Message(role="user", parts=question)
    if not prompt.earlier:
        return (last,)
    turns: list[Message] = []
    for number, source in enumerate(prompt.earlier, start=1):
        where = f"turn {number} before template {prompt.template}"
        # A turn without a text is no turn: nobody said anything, so there is nothing to reply to.
        if parts := rendered_or_nothing(where, source, problem.fields):
            turns += [Message(role="user", parts=parts), model_turn(1 + len(turns) // 2)]
    script = (*turns, last)
    check_script(f"prompt {prompt.name}", script)
    return script


def _completion(question: tuple[Part, ...], shots: list[Shot]) -> tuple[Message, ...]:
    blocks = [f"{as_text(shot.question)} {shot.answer}" for shot in shots]
    return (message("user", "\n".join([*blocks, as_text(question)])),)
