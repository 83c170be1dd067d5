"""Sequences too long to list, with their size and their element at any rank by arithmetic."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


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


def size(self) -> int:
        """Number of elements; may exceed what `len` can return."""

    @abstractmethod
    def __getitem__(self, rank: int) -> Any:
        """The element at a rank in range(size)."""

    @abstractmethod
    def __contains__(self, element: object) -> bool:
        """Whether the element is in the sequence."""


def disjoint(a: Sequence[Any] | Ranked | set[Any], b: Sequence[Any] | Ranked | set[Any]) -> bool:
    """Whether two collections of levels are known to share none; False when it is not known."""
    if isinstance(a, set) or isinstance(b, set):
        few, other = (a, b) if isinstance(a, set) else (b, a)
        return not any(x in other for x in few)  # type: ignore[union-attr]
    if isinstance(a, Arrangements) or isinstance(b, Arrangements):
        return False
    p, q = _progression(a), _progression(b)
    if not p.size or not q.size or p[p.size - 1] < q.start or q[q.size - 1] < p.start:
        return True
    return (p.start - q.start) % math.gcd(p.step, q.step) != 0


def _progression(numbers: Any) -> Numbers:
    if isinstance(numbers, Numbers):
        return numbers
    return Numbers(numbers.start, numbers.stop, numbers.step)
