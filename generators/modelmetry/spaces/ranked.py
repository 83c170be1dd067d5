"""Sequences too long to list, with their size and their element at any rank by arithmetic."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelmetry.errors import BadInput


class Ranked(ABC):
    """A sequence of known size whose element at a rank is computed, never stored."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of elements; may exceed what `len` can return."""

    @abstractmethod
    def __getitem__(self, rank: int) -> Any:
        """The element at a rank in range(size)."""

    @abstractmethod
    def __contains__(self, element: object) -> bool:
        """Whether the element is in the sequence."""


@dataclass(frozen=True, slots=True)
class Arrangements(Ranked):
    """Ordered selections of `k` distinct numbers out of range(n): n! / (n - k)! tuples.

    Attributes:
        n: Numbers to choose from, >= k.
        k: Length of each tuple, >= 0.
    """

    n: int
    k: int

    @property
    def size(self) -> int:
        return math.perm(self.n, self.k)

    def __getitem__(self, rank: int) -> tuple[int, ...]:
        digits: list[int] = []
        for base in range(self.n - self.k + 1, self.n + 1):
            rank, digit = divmod(rank, base)
            digits.append(digit)
        # Each digit picks among what is left; lifting it past smaller picks needs no list of n.
        chosen: list[int] = []
        for digit in reversed(digits):
            value = digit
            for taken in sorted(chosen):
                if value >= taken:
                    value += 1
            chosen.append(value)
        return tuple(chosen)

    def __contains__(self, element: object) -> bool:
        return (
            isinstance(element, tuple)
            and len(element) == self.k
            and len(set(element)) == self.k
            and all(isinstance(x, int) and 0 <= x < self.n for x in element)
        )


@dataclass(frozen=True, slots=True)
class Numbers(Ranked):
    """The integers start, start + step, ... below stop; unlike a range, of any size.

    Two of them with one step and starts that differ modulo the step share no element: a way to
    split a space that is too large to list.

    Attributes:
        start: First number.
        stop: End, exclusive.
        step: Distance, >= 1.
    """

    start: int
    stop: int
    step: int = 1

    def __post_init__(self) -> None:
        """Refuse steps that do not rise, for which the arithmetic below does not hold."""
        if self.step < 1:
            raise BadInput(f"numbers: step is {self.step}; allowed: from 1")

    @property
    def size(self) -> int:
        return max(0, -(-(self.stop - self.start) // self.step))

    def __getitem__(self, rank: int) -> int:
        return self.start + rank * self.step

    def __contains__(self, element: object) -> bool:
        return (
            isinstance(element, int)
            and self.start <= element < self.stop
            and (element - self.start) % self.step == 0
        )


Levels = Ranked | set[Any]
"""The levels of one factor, ranked or collected."""


def size(levels: Sequence[Any] | Ranked) -> int:
    """Number of elements of a sequence of either kind."""
    return levels.size if isinstance(levels, Ranked) else len(levels)


def disjoint(a: Levels, b: Levels) -> bool:
    """Whether two collections of levels are known to share none; False when it is not known."""
    if isinstance(a, set) or isinstance(b, set):
        few, other = (a, b) if isinstance(a, set) else (b, a)
        return not any(x in other for x in few)
    if not (isinstance(a, Numbers) and isinstance(b, Numbers)):
        return False
    if not a.size or not b.size or a[a.size - 1] < b.start or b[b.size - 1] < a.start:
        return True
    return (a.start - b.start) % math.gcd(a.step, b.step) != 0
