"""Blocks of an edition's rows in the order in which they were published, and in others as likely."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from modelmetry.items import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Neighboring units of a file, each of which stays whole.

    Attributes:
        first: Number of its first unit in its file.
        labels: The stratum of each unit: units of one stratum could as well have come in any order.
    """

    first: int
    labels: tuple[Hashable, ...]

    @property
    def ways(self) -> int:
        """In how many orders its units could have come."""
        return math.prod(math.factorial(n) for n in Counter(self.labels).values())


ENOUGH = 500
"""Ways in which a block's units could have come at which it is long enough: many short blocks tell
more than few long ones, since each is one independent observation."""


def blocks(
    labels: Sequence[Hashable], words: Sequence[int], stretch: int, ways: int
) -> list[Block]:
    """Cut a file into blocks, from its beginning on.

    A block ends where its units could have come in `ENOUGH` ways, or where it would become too long.

    Args:
        labels: Stratum of each unit of the file, in its order.
        words: Words of each.
        stretch: Words of a block at most, unless one unit alone has more.
        ways: Orders in which the units of a block could have come, at least; a block with fewer is
            left out.
    """
    found: list[Block] = []
    first, size, counts, now = 0, 0, Counter[Hashable](), 1
    for i, (label, n) in enumerate(zip(labels, words, strict=True)):
        if i > first and (size + n > stretch or now >= ENOUGH):
            found.append(Block(first=first, labels=tuple(labels[first:i])))
            first, size, counts, now = i, 0, Counter(), 1
        counts[label] += 1
        size, now = size + n, now * counts[label]
    if first < len(words):
        found.append(Block(first=first, labels=tuple(labels[first:])))
    return [block for block in found if block.ways >= ways]


@lru_cache(maxsize=4096)
def orders(labels: tuple[Hashable, ...], n: int, key: str) -> tuple[tuple[int, ...], ...]:
    """The published order, and n others, all different, in which strata keep their places.

    Args:
        labels: Stratum of each unit.
        n: How many; fewer than there are.
        key: Names the stream.

    Raises:
        ValueError: There are not so many.
    """
    if n >= (ways := Block(first=0, labels=labels).ways):
        raise ValueError(f"orders: {n}; allowed: fewer than {ways}")
    rng = random.Random(digest("orders", key))
    published = tuple(range(len(labels)))
    seats: dict[Hashable, list[int]] = {}
    for place, label in enumerate(labels):
        seats.setdefault(label, []).append(place)
    found = {published: None}
    while len(found) <= n:
        order = list(published)
        for mine in seats.values():
            for place, unit in zip(mine, rng.sample(mine, len(mine)), strict=True):
                order[place] = unit
        found[tuple(order)] = None
    return tuple(found)
