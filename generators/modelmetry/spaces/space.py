"""Finite factor spaces: sets of points that can be counted, ranked, restricted and subtracted."""

from __future__ import annotations

import inspect
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelmetry.errors import BadInput
from modelmetry.spaces.ranked import Levels, Numbers, Ranked, disjoint, size

Point = Mapping[str, Any]
"""One element of a space: factor name -> level."""

Points = list[tuple[Any, ...]]

LISTING_LIMIT = 2_000_000
"""Most points that `where` and `minus` list; beyond it the predicate must name fewer factors."""


@dataclass(frozen=True, slots=True)
class Block:
    """Factors that vary together: `names`, and the list of the level tuples they may take.

    Attributes:
        names: The factors' names.
        points: Level tuples, or ranked levels of one factor.
        ranked: Which of the two `points` is.
        count: Number of points.
    """

    names: tuple[str, ...]
    points: Points | Ranked
    ranked: bool = field(init=False, compare=False)
    count: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Find out once what every draw needs."""
        object.__setattr__(self, "ranked", isinstance(self.points, Ranked))
        object.__setattr__(self, "count", size(self.points))

    def levels(self, rank: int) -> tuple[Any, ...]:
        level = self.points[rank]
        return (level,) if self.ranked else level

    def holds(self, levels: tuple[Any, ...]) -> bool:
        return (levels[0] if self.ranked else levels) in self.points

    def listed(self) -> Points:
        return [self.levels(rank) for rank in range(self.count)]


class Space:
    """A finite set of points, held as a product of independent blocks.

    Made by `Space.of(a=range(10), b=("x", "y"))` (a product) or `Space.listed(("a", "b"), pairs)`
    and joined by `*`. Restricting or subtracting lists only the blocks that are touched, so
    counts are exact, nothing is drawn by rejection and an empty set is known to be empty.

    Attributes:
        blocks: Independent blocks with distinct names.
        names: All factor names, in order.
        count: Number of points; any size.
    """

    __slots__ = ("blocks", "count", "names")

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = tuple(blocks)
        self.names = tuple(name for block in self.blocks for name in block.names)
        if len(set(self.names)) != len(self.names):
            raise BadInput(f"space: repeated factor name in {self.names}")
        self.count = math.prod(block.count for block in self.blocks)

    @classmethod
    def of(cls, **levels: Sequence[Any] | Ranked) -> Space:
        """The product of one-factor spaces, given as name=levels.

        Raises:
            BadInput: A factor repeats a level.
        """
        return cls([Block((name,), _column(name, choice)) for name, choice in levels.items()])

    @classmethod
    def listed(cls, names: Sequence[str], points: Sequence[tuple[Any, ...]]) -> Space:
        """The space of exactly these level tuples.

        Raises:
            BadInput: A tuple is repeated, or does not have one level per name.
        """
        if any(len(point) != len(names) for point in points):
            raise BadInput(f"space: a point of {tuple(names)} has another number of levels")
        return cls([Block(tuple(names), _distinct(names, list(points)))])

    def __mul__(self, other: Space) -> Space:
        """The product with a space over other factors."""
        return Space(self.blocks + other.blocks)

    def at(self, rank: int) -> dict[str, Any]:
        """The point of a rank in range(count); the last block varies fastest.

        Raises:
            IndexError: The rank is out of range.
        """
        if not 0 <= rank < self.count:
            raise IndexError(f"rank {rank} of a space of {self.count} points")
        levels: tuple[Any, ...] = ()
        for block in reversed(self.blocks):
            rank, local = divmod(rank, block.count)
            levels = block.levels(local) + levels
        return dict(zip(self.names, levels, strict=True))

    def draw(self, rng: random.Random) -> dict[str, Any]:
        """One point, uniformly.

        Raises:
            BadInput: The space is empty.
        """
        if not self.count:
            raise BadInput(f"space: nothing to draw from an empty space over {self.names}")
        return self.at(rng.randrange(self.count))

    def __contains__(self, point: Point) -> bool:
        """Whether the point, over exactly these factors, is in the set."""
        return set(point) == set(self.names) and all(
            block.holds(tuple(point[name] for name in block.names)) for block in self.blocks
        )

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Every point, in rank order."""
        return (self.at(rank) for rank in range(self.count))

    def where(self, predicate: Callable[..., bool]) -> Space:
        """The points for which the predicate holds.

        Args:
            predicate: A function whose parameter names are factor names, such as
                `lambda a, b: a < b`; the blocks that hold them are listed.

        Raises:
            BadInput: A parameter names no factor, or the listing would be too long.
        """
        wanted = tuple(inspect.signature(predicate).parameters)
        if unknown := sorted(set(wanted) - set(self.names)):
            raise BadInput(f"space: where() names unknown factors {unknown}; allowed: {self.names}")
        touched = [b for b in self.blocks if set(b.names) & set(wanted)]
        names, points = _join(touched)
        positions = [names.index(name) for name in wanted]
        kept = [p for p in points if predicate(*(p[i] for i in positions))]
        rest = [b for b in self.blocks if b not in touched]
        return Space([Block(names, kept), *rest])

    def minus(self, other: Space) -> Space:
        """The points of this space that are not in `other`, a space over the same factors.

        Blocks that both spaces share stay as they are; only the others are listed.
        """
        shared, names, mine, theirs = self._align(other)
        gone = set(theirs)
        return Space([*shared, Block(names, [p for p in mine if p not in gone])])

    def isdisjoint(self, other: Space) -> bool:
        """Whether no point is in both spaces.

        Decided by a factor whose levels are disjoint, or else by listing the blocks that differ.
        True can always be relied on; spaces too large to list whose factors all overlap are
        taken to overlap.
        """
        if not self.count or not other.count:
            return True
        self._check_factors(other)
        if any(disjoint(self._levels(name), other._levels(name)) for name in self.names):
            return True
        try:
            _, _, mine, theirs = self._align(other)
        except BadInput:
            return False
        return set(theirs).isdisjoint(mine)

    def _levels(self, name: str) -> Levels:
        """The levels that one factor takes."""
        block = next(block for block in self.blocks if name in block.names)
        if isinstance(block.points, Ranked):
            return block.points
        position = block.names.index(name)
        return {levels[position] for levels in block.points}

    def _check_factors(self, other: Space) -> None:
        if set(self.names) != set(other.names):
            raise BadInput(
                f"space: the factors differ: {sorted(self.names)} and {sorted(other.names)}"
            )

    def _align(self, other: Space) -> tuple[list[Block], tuple[str, ...], Points, Points]:
        """Blocks in both, and the names and points of each side's remaining blocks joined."""
        self._check_factors(other)
        shared = [block for block in self.blocks if block in other.blocks]
        taken = {block.names for block in shared}
        names, mine = _join([b for b in self.blocks if b.names not in taken])
        their_names, theirs = _join([b for b in other.blocks if b.names not in taken])
        order = [their_names.index(name) for name in names]
        return shared, names, mine, [tuple(p[i] for i in order) for p in theirs]

    def __repr__(self) -> str:
        inside = " x ".join(f"({', '.join(b.names)}: {b.count})" for b in self.blocks)
        return f"Space[{inside} = {self.count} points]"


def _column(name: str, levels: Sequence[Any] | Ranked) -> Points | Ranked:
    """One factor's levels as points; rising ranges stay ranked."""
    if isinstance(levels, range) and levels.step > 0:
        return Numbers(levels.start, levels.stop, levels.step)
    if isinstance(levels, Ranked):
        return levels
    return _distinct((name,), [(level,) for level in levels])


def _distinct(names: Sequence[str], points: Points) -> Points:
    """The points themselves, once it is sure that they make a set."""
    if len(set(points)) != len(points):
        raise BadInput(f"space: repeated levels of {tuple(names)}; allowed: each once")
    return points


def _join(blocks: Sequence[Block]) -> tuple[tuple[str, ...], Points]:
    """Names and points of the product of several blocks, listed."""
    total = math.prod(block.count for block in blocks)
    names = tuple(name for block in blocks for name in block.names)
    if total > LISTING_LIMIT:
        raise BadInput(
            f"space: listing {names} would give {total} points; allowed: up to {LISTING_LIMIT}"
        )
    points: Points = [()]
    for block in blocks:
        tails = block.listed()
        points = [head + tail for head in points for tail in tails]
    return names, points
