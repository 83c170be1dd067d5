"""Modular arithmetic in context: z = a x + b y mod p, where solved rows tell what a and b are."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from modelmetry.errors import BadInput
from modelmetry.items import Draft, Field, Generator, Target, digest
from modelmetry.spaces import Arrangements, Point, Space

Pair = tuple[int, int]
"""A task (a, b) or a cell (x, y), each number in range(p)."""

_PRIMES = [p for p in range(5, 98) if all(p % d for d in range(2, p))]


@dataclass(frozen=True, kw_only=True)
class InContextModular(Generator):
    """What is a x + b y mod p, when a and b are known only from solved rows "x y z"?

    After He et al., "Learning to grok" (arXiv 2406.02550): a fixed random part of the tasks
    (a, b) is seen in training and a fixed random part of the cells (x, y), which makes four
    quadrants. Of the cells that are seen, every task leaves some out: they are asked, never
    shown, and not in training.

    A line is a cell with its multiples. The first two rows lie on different lines, so the rows
    identify the task and every answer follows from what is shown; a row on the line of the query
    gives it alone, and the factor `rows_needed` is then 1 instead of 2. Every part takes equally
    many cells of each line and every multiple of its tasks: in all splits 0 is then the answer
    once in p + 1 times and the other answers are equally frequent. Cell and task (0, 0), where
    nothing can be wrong, are left out.

    Attributes:
        moduli: Values of p: distinct primes from 5 to 97.
        shots: Numbers of solved rows: distinct, each >= 2 and below the number of cells that a
            task shows (12 for p = 5, 32 for p = 7, 72 for p = 11).
    """

    moduli: tuple[int, ...] = (5, 7, 11)
    shots: tuple[int, ...] = (2, 4, 8)

    name: ClassVar[str] = "in-context-modular"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("p", "rows", "x", "y")
    factors: ClassVar[tuple[str, ...]] = ("p", "shots", "rows_needed")
    difficulty: ClassVar[str] = "shots"
    splits: ClassVar[Mapping[str, str]] = {
        "train": "seen tasks, asked for cells that they also show",
        "seen-task-seen-data": "seen tasks, asked for seen cells that the task leaves out",
        "seen-task-unseen-data": "seen tasks, asked for cells that training never shows",
        "unseen-task-seen-data": "tasks that training never shows, asked for seen cells",
        "unseen-task-unseen-data": "tasks and cells that training never shows",
    }

    def __post_init__(self) -> None:
        """Check the options."""
        moduli, shots = list(self.moduli), list(self.shots)
        if not moduli or len(set(moduli)) < len(moduli) or not set(moduli) <= set(_PRIMES):
            raise BadInput(
                f"in-context-modular: moduli is {moduli}; allowed: distinct primes, 5 to 97"
            )
        most = _plane(min(moduli)).shown - 1
        if not shots or len(set(shots)) < len(shots) or not set(shots) <= set(range(2, most + 1)):
            raise BadInput(
                f"in-context-modular: shots is {shots}; "
                f"allowed: distinct numbers, 2 to {most} for p = {min(moduli)}"
            )

    def strata(self, split: str) -> Sequence[Space]:
        tasks, part = _QUADRANTS[split]
        return [
            _problems(_plane(p), tasks, part, shots) for p in self.moduli for shots in self.shots
        ]

    def build(self, point: Point, rng: random.Random) -> Draft:
        p, (a, b) = point["p"], point["task"]
        plane = _plane(p)
        kept, left = _cells(p, _line(p, a, b))
        picks = plane.picks(point["first"], point["second"], point["others"])
        shown = [kept[pick] for pick in picks]
        if point["part"] == "kept":
            query = kept[_lift(point["cell"], picks)]
        else:
            query = (plane.unseen if point["part"] == "unseen" else left)[point["cell"]]
        x, y = query
        one_row = any(identifiable(p, [cell], query) for cell in shown)
        return Draft(
            fields={
                "p": p,
                "rows": [[u, v, (a * u + b * v) % p] for u, v in shown],
                "x": x,
                "y": y,
            },
            target=Target(answers=(str((a * x + b * y) % p),), domain=(0, p - 1)),
            factors={"p": p, "shots": len(shown), "rows_needed": 1 if one_row else 2},
        )

    def solve(self, fields: Mapping[str, Field]) -> str:
        """Try every task: the answer is what all those that fit the rows agree on.

        Raises:
            BadInput: The rows leave the answer open, or no task fits them.
        """
        p, rows, x, y = (fields[name] for name in self.fields)
        answers = {
            (a * x + b * y) % p
            for a in range(p)
            for b in range(p)
            if all((a * u + b * v) % p == z for u, v, z in rows)
        }
        if len(answers) != 1:
            raise BadInput(f"in-context-modular: the rows allow {len(answers)} answers, not one")
        return str(answers.pop())


def identifiable(p: int, rows: Sequence[Sequence[int]], query: Pair) -> bool:
    """Whether solved rows determine the answer to a query, whatever a and b are.

    They do exactly when the query is in the span of the rows' cells, by linear algebra mod p.

    Args:
        p: A prime.
        rows: Rows that start with x and y; what follows does not matter.
        query: The cell (x, y) that is asked for.
    """
    cells = [(row[0] % p, row[1] % p) for row in rows]
    x, y = query[0] % p, query[1] % p
    u, v = next((cell for cell in cells if any(cell)), (0, 0))
    if (u, v) == (0, 0):
        return (x, y) == (0, 0)
    return (u * y - v * x) % p == 0 or any((u * t - v * s) % p for s, t in cells)


@dataclass(frozen=True, slots=True)
class _Plane:
    """The tasks and the cells of one modulus, in their fixed parts.

    Attributes:
        p: The modulus.
        part: Cells of each line that are unseen; as many of the others each task leaves out.
        unseen: The unseen cells, line by line.
        seen: The seen cells of each line.
        tasks: The `seen` and the `unseen` tasks, in whole lines.
    """

    p: int
    part: int
    unseen: list[Pair]
    seen: list[list[Pair]]
    tasks: Mapping[str, list[Pair]]

    @property
    def stretch(self) -> int:
        """How many cells of each line a task keeps."""
        return self.p - 1 - 2 * self.part

    @property
    def shown(self) -> int:
        """How many cells a task keeps, which are those that its rows may show."""
        return self.stretch * (self.p + 1)

    def picks(self, first: int, second: int, others: Sequence[int]) -> list[int]:
        """Positions of the rows among the kept cells; the first two are on different lines."""
        stretch = self.stretch
        if second >= first - first % stretch:
            second += stretch
        low, high = min(first, second), max(first, second) - 1
        return [first, second, *(other + (other >= low) + (other >= high) for other in others)]


@cache
def _plane(p: int) -> _Plane:
    """The plane of a modulus: about a fifth of each line is unseen, and a third of the task lines."""
    part = max(1, (p - 1) // 5)
    lines: list[list[Pair]] = [[] for _ in range(p + 1)]
    for x, y in [(x, y) for x in range(p) for y in range(p) if x or y]:
        lines[_line(p, x, y)].append((x, y))
    cells = [
        sorted(line, key=lambda cell: digest("modular cell", p, cell[0], cell[1])) for line in lines
    ]
    tasks = sorted(lines, key=lambda line: digest("modular task", p, _line(p, *line[0])))
    seen = 2 * len(tasks) // 3
    return _Plane(
        p=p,
        part=part,
        unseen=[cell for line in cells for cell in line[:part]],
        seen=[line[part:] for line in cells],
        tasks={
            "seen": [task for line in tasks[:seen] for task in line],
            "unseen": [task for line in tasks[seen:] for task in line],
        },
    )


@cache
def _cells(p: int, line: int) -> tuple[list[Pair], list[Pair]]:
    """The seen cells that the tasks of a line keep and leave out, both line by line of cells."""
    plane = _plane(p)
    draw = random.Random(digest("modular fold", p, line)).random
    kept, left = [], []
    for cells in plane.seen:
        turn = int(draw() * len(cells))
        turned = cells[turn:] + cells[:turn]
        kept += turned[: plane.stretch]
        left += turned[plane.stretch :]
    return kept, left


def _line(p: int, x: int, y: int) -> int:
    """The line of a pair other than (0, 0), in range(p + 1): its slope, or p when it is upright."""
    return y * pow(x, -1, p) % p if x else p


def _lift(position: int, taken: Sequence[int]) -> int:
    """The number at a position among those that are not taken."""
    for other in sorted(taken):
        if position >= other:
            position += 1
    return position


_QUADRANTS = {
    "train": ("seen", "kept"),
    "seen-task-seen-data": ("seen", "left"),
    "seen-task-unseen-data": ("seen", "unseen"),
    "unseen-task-seen-data": ("unseen", "left"),
    "unseen-task-unseen-data": ("unseen", "unseen"),
}


def _problems(plane: _Plane, tasks: str, part: str, shots: int) -> Space:
    """Every ordered choice of rows that identifies the task, with every cell of a part asked."""
    left = plane.part * (plane.p + 1)
    return Space.of(
        p=(plane.p,),
        part=(part,),
        task=plane.tasks[tasks],
        cell=range(plane.shown - shots if part == "kept" else left),
        first=range(plane.shown),
        second=range(plane.shown - plane.stretch),
        others=Arrangements(plane.shown - 2, shots - 2),
    )
