"""Solved examples: train problems that are shown, with their answers, before a question."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from modelmetry.errors import BadInput, SpaceExhausted
from modelmetry.items import Generator, Part, Problem, Scalar, Seed, digest
from modelmetry.suites.reader import generator_of
from modelmetry.suites.suite import Prompt, Task

_POOL = 256
"""Train problems from which examples are picked, drawn once per seed."""

_POOL_OF_LEVEL = 32
"""As many of each level, where examples must agree with the problem in some factors."""

_LOOKED_AT = 4_096
"""Train problems after which a level that has too few is taken to have no more."""

_UNSEEN = 512
"""Train problems after which a level that none of them has is taken not to occur."""

Question = tuple[Part, ...]
"""A problem as a prompt asks it."""

_Level = tuple[Scalar, ...]
"""A problem's levels of the factors in which its examples must agree with it."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A solved example: a question and its canonical answer."""

    question: Question
    answer: str


class Examples:
    """The solved examples of one task under one seed.

    An item's examples depend on the seed and its own problem alone, whatever else is asked: they
    are picked by a hash of these from the first train problems of the problem's level.

    Args:
        task: The task.
        seed: Root seed of the items; the train problems have one of their own.
        render: From a prompt and a problem to its question.
    """

    def __init__(
        self, task: Task, seed: Seed, render: Callable[[Prompt, Problem], Question]
    ) -> None:
        self._task = task
        self._root = seed.root
        self._render = render
        self._generator = generator_of(task)
        self._retold = type(self._generator).example is not Generator.example
        self._found: dict[_Level, list[Problem]] = {}
        self._pools: dict[tuple[str, _Level], list[Problem] | list[Shot]] = {}
        self._drawn = 0
        self._stream = self._problems()

    def shots(self, prompt: Prompt, problem: Problem, question: Question) -> list[Shot]:
        """The examples of a problem in a wording.

        Raises:
            BadInput: The train split has too few problems that agree with this one.
        """
        if not prompt.shots:
            return []
        key = digest("shots", self._root, self._task.name, prompt.name, problem.uid)
        # One more than needed: a suite may ask the train split itself, and no example may be
        # the question.
        drawn = random.Random(key).sample(self._pool(prompt, problem), prompt.shots + 1)
        told = (self._told(prompt, solved, problem) for solved in drawn)
        return list(islice((shot for shot in told if shot.question != question), prompt.shots))

    def _told(self, prompt: Prompt, solved: Problem | Shot, problem: Problem) -> Shot:
        if isinstance(solved, Shot):
            return solved
        return self._shot(prompt, self._generator.example(solved, problem))

    def _shot(self, prompt: Prompt, solved: Problem) -> Shot:
        return Shot(question=self._render(prompt, solved), answer=solved.target.answers[0])

    def _pool(self, prompt: Prompt, problem: Problem) -> list[Problem] | list[Shot]:
        """What the examples of a problem are picked from: told already, where all hear the same."""
        key = (prompt.name, self._level(problem))
        if key not in self._pools:
            found = self._alike(problem, prompt.shots)
            told = found if self._retold else [self._shot(prompt, solved) for solved in found]
            self._pools[key] = told
        return self._pools[key]

    def _alike(self, problem: Problem, shots: int) -> list[Problem]:
        """The first train problems that agree with a problem."""
        names, level = self._generator.alike, self._level(problem)
        size = max(_POOL_OF_LEVEL if names else _POOL, shots + 1)
        found = self._found.setdefault(level, [])
        while len(found) < size and (found or self._drawn < _UNSEEN):
            if (solved := next(self._stream, None)) is None:
                break
            self._found.setdefault(self._level(solved), []).append(solved)
        if len(found) <= shots:
            told = (f"{name} {of!r}" for name, of in zip(names, level, strict=True))
            raise BadInput(
                f"{self._task.name}: {shots} examples for a problem with {', '.join(told) or 'any level'}; "
                f"{len(found)} of the {self._drawn} problems of train that were looked at are like it; "
                f"allowed: shots from 0 to {max(0, len(found) - 1)}"
            )
        return found[:size]

    def _level(self, problem: Problem) -> _Level:
        return tuple(problem.factors[name] for name in self._generator.alike)

    def _problems(self) -> Iterator[Problem]:
        """The distinct problems of train, until enough were looked at."""
        seed = Seed(root=digest("shot pool", self._root, self._task.name) % 2**63)
        most = min(self._generator.count("train"), _LOOKED_AT)
        with contextlib.suppress(SpaceExhausted):
            for solved in self._generator.problems(seed, "train", most):
                self._drawn += 1
                yield solved
