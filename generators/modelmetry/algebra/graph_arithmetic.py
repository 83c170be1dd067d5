"""Arithmetic on random graphs: variables modulo 23, each computed from earlier ones."""

from __future__ import annotations

import operator
import random
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import ClassVar

from modelmetry.errors import BadInput
from modelmetry.items import Draft, Field, Generator, Target, digest
from modelmetry.spaces import Numbers, Point, Space

MODULUS = 23

SIGNS: Mapping[str, str] = {"ADD": "+", "SUB": "-", "MUL": "*"}
"""Operation -> its sign in a statement."""

_APPLY: Mapping[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}
_FOLDS = 5
_NAMES = tuple(f"x{number}" for number in range(1, 101))
_EXACT_BITS = 100_000

_Draw = Callable[[], float]
"""`random` of a `random.Random`: the one draw that Python promises never to change."""


@dataclass(frozen=True, kw_only=True)
class GraphArithmetic(Generator):
    """What is the value of a variable after a list of assignments modulo 23?

    After the computation graphs of arXiv 2510.14095: leaves hold numbers, every other node is
    computed from two or more nodes by one operation, from left to right. Statements stand in a
    random order in which every variable is defined before it is used, under names drawn from
    x1 to x100 for all sizes alike, so that larger graphs bring no new words.

    The queried node is a deepest one. It depends on every leaf and on at least three of four
    nodes; the rest are dead ends. No leaf is 0, and no other node is where another operation
    avoids it: products would make 0 the most frequent answer, more so in deeper graphs.

    Of the sizes asked for, those are used that exist: a query of depth d whose nodes have two
    parents each depends on d to 2**d - 1 nodes that are not leaves.

    Attributes:
        nodes: Numbers of nodes in training, leaves included, each at most 100.
        larger: Numbers of nodes of the split `larger`, each above all `nodes`.
        leaves: Nodes that hold a number, >= 3.
        depth: Longest paths from a leaf to the queried node in training, in edges.
        deeper: Depths of the split `deeper`, each above all of `depth`.
        fan_in: Most parents of a node in training, >= 2; some node has as many.
        wider: The same in the split `wider`, each above `fan_in` and at most `leaves`.
        operations: Distinct ones of ADD, SUB and MUL.
    """

    nodes: tuple[int, ...] = (8, 12, 16)
    larger: tuple[int, ...] = (24, 32)
    leaves: int = 4
    depth: tuple[int, ...] = (3, 4, 5)
    deeper: tuple[int, ...] = (7, 9)
    fan_in: int = 2
    wider: tuple[int, ...] = (3, 4)
    operations: tuple[str, ...] = ("ADD", "SUB", "MUL")

    name: ClassVar[str] = "graph-arithmetic"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("statements", "query", "modulus")
    factors: ClassVar[tuple[str, ...]] = ("nodes", "depth", "fan_in", "operations", "cone")
    difficulty: ClassVar[str] = "depth"
    splits: ClassVar[Mapping[str, str]] = {
        "train": "four of five combinations of leaf values",
        "held-out": "the fifth: the same sizes, leaf values that train never shows together",
        "deeper": "as held-out, with longer paths to the query than any in train",
        "larger": "as held-out, with more nodes than any in train, at its depths",
        "wider": "as held-out, with more parents of a node than any in train",
    }

    def __post_init__(self) -> None:
        """Check the options."""
        _check("leaves", [self.leaves], 3, len(_NAMES) - 3)
        _check("fan_in", [self.fan_in], 2, self.leaves - 1)
        _check("wider", self.wider, self.fan_in + 1, self.leaves)
        _check("nodes", self.nodes, self.leaves + 3, len(_NAMES))
        _check("larger", self.larger, max(self.nodes) + 1, len(_NAMES))
        _check("depth", self.depth, 1, len(_NAMES))
        _check("deeper", self.deeper, max(self.depth) + 1, len(_NAMES))
        operations = list(self.operations)
        if not 0 < len(operations) == len(set(operations) & set(SIGNS)):
            raise BadInput(
                f"graph-arithmetic: operations is {operations}; "
                f"allowed: distinct ones of {', '.join(SIGNS)}"
            )
        for option, split, place in (
            ("nodes", "train", 1),
            ("depth", "train", 0),
            ("larger", "larger", 1),
            ("deeper", "deeper", 0),
        ):
            if unused := set(getattr(self, option)) - {size[place] for size in self._sizes(split)}:
                raise BadInput(
                    f"graph-arithmetic: {option} is {min(unused)}, which fits none of the other "
                    "sizes; allowed: from leaves + depth (and 2 * leaves - 1) "
                    "to leaves + 2**depth - 1 nodes"
                )

    def _sizes(self, split: str) -> list[tuple[int, int]]:
        """The pairs of depth and nodes of a split that exist."""
        return [
            (depth, nodes)
            for depth in (self.deeper if split == "deeper" else self.depth)
            for nodes in (self.larger if split == "larger" else self.nodes)
            if max(depth, self.leaves - 1) <= nodes - self.leaves < 2**depth
        ]

    def strata(self, split: str) -> Sequence[Space]:
        """One stratum per depth, number of nodes and most parents; graphs are numbered.

        There are far more graphs than numbers, so that nearly every number is another graph.
        """
        return [
            Space.of(
                held=(split != "train",),
                depth=(depth,),
                nodes=(nodes,),
                fan_in=(fan_in,),
                graph=Numbers(0, 4**nodes),
            )
            for depth, nodes in self._sizes(split)
            for fan_in in (self.wider if split == "wider" else (self.fan_in,))
        ]

    def build(self, point: Point, rng: random.Random) -> Draft:
        names = ("held", "depth", "nodes", "fan_in", "graph")
        held, depth, nodes, fan_in, _ = (point[name] for name in names)
        draw = random.Random(digest("graph", *(point[name] for name in names))).random
        inner = nodes - self.leaves
        spare = int(draw() * (min(nodes // 4, inner - max(depth, self.leaves - 1)) + 1))
        fans = [2 + int(draw() * (fan_in - 1)) for _ in range(inner)]
        if fan_in not in fans[spare:]:
            fans[spare + int(draw() * (inner - spare))] = fan_in
        graph = _grow(draw, depth, fans[spare:], self.leaves)
        graph.add_dead_ends(draw, fans[:spare])
        graph.compute(draw, _leaf_values(draw, self.leaves, held), self.operations)
        statements, query = graph.statements(rng.random)
        return Draft(
            fields={"statements": statements, "query": query, "modulus": MODULUS},
            target=Target(answers=(str(graph.values[0]),), domain=(0, MODULUS - 1)),
            factors={
                "nodes": nodes,
                "depth": depth,
                "fan_in": fan_in,
                "operations": " ".join(name for name in SIGNS if SIGNS[name] in graph.signs),
                "cone": nodes - spare,
            },
            canonical=graph.canonical(),
        )

    def solve(self, fields: Mapping[str, Field]) -> str:
        """From the query back to the leaves, in whole numbers read out of the statements."""
        expressions = dict(statement.split(" = ") for statement in fields["statements"])
        known: dict[str, int] = {}
        modulus = fields["modulus"]

        def value(term: str) -> int:
            if term.isdigit():
                return int(term)
            if term not in known:
                first, *rest = expressions[term].split(" ")
                total = value(first)
                for sign, operand in zip(rest[::2], rest[1::2], strict=True):
                    total = _APPLY[sign](total, value(operand))
                # Products of products double their digits with every step of depth.
                known[term] = total if total.bit_length() < _EXACT_BITS else total % modulus
            return known[term]

        return str(value(fields["query"]) % modulus)


@dataclass(slots=True)
class _Graph:
    """A graph without names, whose node 0 is the query.

    Attributes:
        parents: The parents of each node, in the order of its statement; leaves have none.
        order: The nodes, each after its parents.
        signs: The sign of each node's operation; empty for leaves.
        values: The value of each node, in range(MODULUS).
    """

    parents: list[list[int]]
    order: list[int]
    signs: list[str] = field(default_factory=list)
    values: list[int] = field(default_factory=list)

    def add_dead_ends(self, draw: _Draw, fans: Sequence[int]) -> None:
        """Add nodes, with these numbers of parents, on which nothing depends."""
        pool = self.order[:-1]
        for fan in fans:
            chosen: list[int] = []
            while len(chosen) < fan:
                parent = pool[int(draw() * len(pool))]
                if parent not in chosen:
                    chosen.append(parent)
            self.order.append(len(self.parents))
            self.parents.append(chosen)

    def compute(self, draw: _Draw, leaves: Sequence[int], operations: Sequence[str]) -> None:
        """Choose operations, and compute every node from the leaves up."""
        signs = [SIGNS[name] for name in operations]
        self.signs = [""] * len(self.parents)
        self.values = [0] * len(self.parents)
        numbers = iter(leaves)
        for node in self.order:
            if not self.parents[node]:
                self.values[node] = next(numbers)
                continue
            first, *rest = [self.values[parent] for parent in self.parents[node]]
            turn = int(draw() * len(signs))
            for sign in signs[turn:] + signs[:turn]:
                total = first
                for operand in rest:
                    total = _APPLY[sign](total, operand) % MODULUS
                self.signs[node], self.values[node] = sign, total
                if total:
                    break

    def canonical(self) -> str:
        """The query's expression and those of all nodes, hashed and sorted.

        Graphs that differ only in names and in the order of statements have one canonical form.
        """
        marks = [b""] * len(self.parents)
        for node in self.order:
            own = self.signs[node] or str(self.values[node])
            inside = b"".join([marks[parent] for parent in self.parents[node]])
            marks[node] = blake2b(own.encode() + inside, digest_size=16).digest()
        return b"".join([marks[0], *sorted(marks)]).hex()

    def statements(self, draw: _Draw) -> tuple[list[str], str]:
        """The statements in a random order that defines before it uses, and the query's name."""
        names = list(_NAMES)
        for node in range(len(self.parents)):
            pick = node + int(draw() * (len(names) - node))
            names[node], names[pick] = names[pick], names[node]
        due = [0.0] * len(self.parents)
        for node in self.order:
            due[node] = draw()
            if parents := self.parents[node]:
                due[node] += max([due[parent] for parent in parents])
        lines = []
        for node in sorted(self.order, key=due.__getitem__):
            terms = [names[parent] for parent in self.parents[node]]
            right = f" {self.signs[node]} ".join(terms) if terms else self.values[node]
            lines.append(f"{names[node]} = {right}")
        return lines, names[0]


def _grow(draw: _Draw, depth: int, fans: Sequence[int], leaves: int) -> _Graph:
    """A graph of exactly this depth whose query depends on every node.

    Args:
        draw: Source of chance.
        depth: Edges on the longest path from a leaf to the query.
        fans: Number of parents of each node that is not a leaf, at least 2 each; their count is
            in [max(depth, leaves - 1), 2**depth).
        leaves: Number of leaves, at least the largest fan.
    """
    levels = [0] * (len(fans) + leaves)
    parents: list[list[int]] = [[] for _ in levels]
    levels[0] = depth
    # A node stands once for every parent it misses: in `above` where that need not be a leaf.
    above: list[int] = []
    lowest: list[int] = []
    for node, fan in enumerate(fans):
        if node:
            # The first nodes go straight down, which makes the depth exact.
            child = above.pop() if node < depth else _take(draw, above)
            parents[child].append(node)
            levels[node] = levels[child] - 1
        (above if levels[node] > 1 else lowest).extend([node] * fan)
    missing = above + lowest
    for leaf in range(len(fans), len(levels)):
        parents[_take(draw, missing)].append(leaf)
    order = sorted(range(len(levels)), key=levels.__getitem__)
    rising = sorted(levels)
    for child in missing:
        below = bisect_left(rising, levels[child])
        parent = order[int(draw() * below)]
        while parent in parents[child]:
            parent = order[int(draw() * below)]
        parents[child].append(parent)
    for row in parents[: len(fans)]:
        turn = int(draw() * len(row))
        row[:] = row[turn:] + row[:turn]
    return _Graph(parents=parents, order=order)


def _take(draw: _Draw, urn: list[int]) -> int:
    """Remove a random element of a list, whose order does not matter."""
    pick = int(draw() * len(urn))
    urn[pick], urn[-1] = urn[-1], urn[pick]
    return urn.pop()


def _leaf_values(draw: _Draw, leaves: int, held: bool) -> list[int]:
    """Values from 1 up whose combination training leaves out, as it does one in five, or not."""
    while True:
        values = [1 + int(draw() * (MODULUS - 1)) for _ in range(leaves)]
        if (digest("graph leaves", *sorted(values)) % _FOLDS == 0) == held:
            return values


def _check(option: str, levels: Sequence[int], low: int, high: int) -> None:
    if (
        not levels
        or len(set(levels)) < len(levels)
        or not low <= min(levels) <= max(levels) <= high
    ):
        raise BadInput(
            f"graph-arithmetic: {option} is {', '.join(map(str, levels)) or 'empty'}; "
            f"allowed: distinct numbers, {low} to {high}"
        )
