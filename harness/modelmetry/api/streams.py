"""Where fresh items come from while a run goes on: split by split, or as hard as the answers ask for."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice

import numpy as np

import modelmetry.suites as suites
from modelmetry.analyses.adaptive import staircase
from modelmetry.analyses.table import Items
from modelmetry.errors import BadInput
from modelmetry.items import Generator, Item, Problem, Seed
from modelmetry.suites import Suite, Task, generator_of

_LONGEST_STEP = 60
_HUGE = 2**53  # the largest number that every JSON reader keeps

_POOL = 1000
"""Problems per split among which the answers choose."""


@dataclass(kw_only=True)
class Stream:
    """The endless items of a suite's headline splits under a seed, the splits growing evenly.

    Attributes:
        suite: The suite with only those splits, its own numbers of problems kept.
        seed: Root seed.
        strata: Split label -> points in each of its strata.
        most: Problems per split until one is used up.
        edition: Names the stream.
        width: Items of one problem of every split.
        step: Problems per split in which every split completes whole turns, where these are few.
    """

    suite: Suite
    seed: int
    strata: Mapping[str, tuple[int, ...]] = field(init=False)
    most: int = field(init=False)
    edition: str = field(init=False)
    width: int = field(init=False)
    step: int = field(init=False)
    levels: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict, init=False)
    _open: Suite = field(init=False)
    _next: tuple[int, Iterator[Item]] = field(init=False)
    _last: tuple[int, list[Item]] = (0, [])

    def __post_init__(self) -> None:
        """Find out how far the stream reaches."""
        tasks = self.suite.tasks
        self.strata = {
            self.suite.label(task.name, split): _sizes(generator_of(task), split)
            for task in tasks
            for split in task.splits
        }
        self.most = min(sum(sizes) for sizes in self.strata.values())
        self.width = sum(len(task.splits) * len(task.prompts) for task in tasks)
        together = math.lcm(*map(len, self.strata.values()))
        longest = max(map(len, self.strata.values()))
        self.step = together if together <= _LONGEST_STEP else longest
        self._open = _opened(self.suite, lambda *_: self.most)
        self.edition = suites.edition(self._open, Seed(root=self.seed))
        self._next = (0, suites.items(self._open, Seed(root=self.seed)))

    def items(self, start: int, stop: int) -> list[Item]:
        """The items at positions from `start` up to `stop`."""
        if self._last[0] != start or len(self._last[1]) != stop - start:
            at, items = self._next
            if at != start:
                items = islice(suites.items(self._open, Seed(root=self.seed)), start, None)
            self._last = (start, list(islice(items, stop - start)))
            self._next = (stop, items)
        return self._last[1]


def headline(suite: Suite) -> Suite:
    """The suite with only the splits of its headline; whole where it names none."""
    if not suite.primary:
        return suite
    return _kept(suite, lambda task, split: suite.label(task.name, split) in suite.primary)


def tested(suite: Suite) -> Suite:
    """The suite without the splits that its solved examples come from."""
    return _kept(suite, lambda _, split: split != "train")


def _kept(suite: Suite, keep: Callable[[Task, str], bool]) -> Suite:
    # Labels depend on how many tasks there are, so a task that loses all its splits stays.
    tasks = tuple(
        replace(task, splits={s: n for s, n in task.splits.items() if keep(task, s)})
        for task in suite.tasks
    )
    labels = {suite.label(task.name, split) for task in tasks for split in task.splits}
    contrasts = tuple(c for c in suite.contrasts if {c.a, c.b} <= labels)
    primary = tuple(label for label in suite.primary if label in labels)
    return replace(suite, tasks=tasks, contrasts=contrasts, primary=primary)


def _opened(suite: Suite, count: Callable[[Task, str], int]) -> Suite:
    """The suite with other numbers of problems."""
    tasks = (
        replace(task, splits={split: count(task, split) for split in task.splits})
        for task in suite.tasks
    )
    return replace(suite, tasks=tuple(tasks))


def _sizes(generator: Generator, split: str) -> tuple[int, ...]:
    strata = generator.stratification(split)
    if strata.members > 1:
        # The bets are placed on one problem after the other, each drawn whatever came before.
        raise BadInput(
            f"until: {generator.name}/{split} draws {strata.members} problems at a time; "
            "allowed: splits whose problems are drawn one by one"
        )
    return tuple(min(size, _HUGE) for size in strata.sizes)


@dataclass(kw_only=True)
class Ladder:
    """The problems of a suite by difficulty, from which the answers so far choose the next ones.

    Attributes:
        suite: The suite with the splits that are asked.
        seed: Root seed.
        levels: Task -> (difficulty, chance), rising.
        edition: Names what can be asked.
        strata: Empty: no split is sampled evenly.
        width: Most items of one problem of every task.
    """

    suite: Suite
    seed: int
    levels: Mapping[str, tuple[tuple[float, float], ...]] = field(init=False)
    edition: str = field(init=False)
    width: int = field(init=False)
    strata: Mapping[str, tuple[int, ...]] = field(default_factory=dict, init=False)
    _pools: dict[str, dict[float, deque[Problem]]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Lay out the problems."""
        root = Seed(root=self.seed)
        self.suite = replace(self.suite, tasks=tuple(t for t in self.suite.tasks if t.splits))
        opened = _opened(self.suite, lambda t, s: min(_POOL, generator_of(t).count(s)))
        self.edition = suites.edition(opened, root)
        self.width = sum(len(task.prompts) for task in opened.tasks)
        self._write = suites.in_words(opened, root)
        levels = {}
        for task in opened.tasks:
            pool = self._pools.setdefault(task.name, {})
            for problem in _in_turn(task, root):
                level = problem.factors[task.difficulty]
                pool.setdefault(_number(level), deque()).append(problem)
            levels[task.name] = tuple((level, _chance(pool[level])) for level in sorted(pool))
            if len(pool) < 2:
                raise BadInput(
                    f"until threshold: {task.name} has one level of difficulty; "
                    "allowed: suites whose tasks have two or more"
                )
        self.levels = levels

    def choose(self, runs: Sequence[Items], asked: Container[str], k: int) -> list[Item]:
        """The next problems of every task, as hard as tells most about the runs' thresholds.

        Args:
            runs: The answers of each model so far; none at first, for levels evenly spread.
            asked: Uids of the problems asked so far.
            k: Problems of each task for each model, >= 1.

        Returns:
            The items; none once no problem is left at the levels wanted.
        """
        chosen: list[Item] = []
        for task in self.suite.tasks:
            levels = self.levels[task.name]
            places = [
                staircase(items, task.name, levels).next_batch(k).tolist() for items in runs
            ] or [np.linspace(0, len(levels) - 1, k).round().astype(int).tolist()]
            for place in chain.from_iterable(places):
                problems = self._pools[task.name][levels[place][0]]
                while problems and problems[0].uid in asked:
                    problems.popleft()
                if problems:
                    chosen += self._write(task, problems.popleft())
        return chosen


def _in_turn(task: Task, root: Seed) -> Iterator[Problem]:
    """The problems of all splits of a task, split by split in turn."""
    generator = generator_of(task)
    streams = [generator.problems(root, split, n) for split, n in task.splits.items()]
    while streams:
        found = [next(stream, None) for stream in streams]
        streams = [s for s, problem in zip(streams, found, strict=True) if problem is not None]
        yield from (problem for problem in found if problem is not None)


def _number(level: object) -> float:
    if not isinstance(level, int | float):
        raise BadInput(f"until threshold: difficulty {level!r}; allowed: generators with numbers")
    return float(level)


def _chance(problems: Collection[Problem]) -> float:
    # A curve needs room above the guess rate.
    return min(0.99, sum(problem.target.chance for problem in problems) / len(problems))
