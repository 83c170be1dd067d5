"""Steps around a cycle: weekdays, months, and invented cycles whose names are given."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from modelmetry.errors import BadInput
from modelmetry.items import Draft, Field, Generator, Target
from modelmetry.spaces import Arrangements, Point, Space

WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
YEAR = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

# Checked against an English word list: none is a word or one letter away from one, and any two
# are at least four letters apart, so that a slip of the pen does not name a neighbor.
INVENTED = tuple(
    """
    Berfung Birnand Blamuk Dokot Dombaz Drimosk Drivat Dulkup Farpol Fenkab Flilkal Genkond Glakim
    Glarbux Gorkud Grirnak Grotash Halmund Hastim Hulfik Jinud Jontush Kerlik Klirfaz Klundox
    Kormond Kripez Krorvot Kulmoz Kulpash Lozusk Luvez Merpusk Mivig Nendesh Nilkib Nosaf Nurbip
    Plistux Pobix Prendeb Prilfon Proskog Randuz Rarvang Rerbaf Rurtund Sirmux Skapaf Skervut
    Skulfet Slovul Smidox Smulmun Snavash Snebif Stildeg Telmisk Tispek Tolbuf Trorlam Truzob
    Turpad Vanosk Vefim Vempend Volpak Vuskesh Yalbez Yartuk Yasteng Yerveb Yirlesk Zarmif Zazux
    Zoldeb Zurfosk Zustan Zwistik Zworpim
    """.split()  # noqa: SIM905 - a list would take a line per name
)

_REAL = {"week": WEEK, "year": YEAR}
_DIRECTIONS = ("after", "before")

# A real cell is held out when walking the wrong way would end on one of these positions. With
# them every start, every number of steps and every answer is held out equally often, so that
# answer frequencies say nothing about the split.
_HELD_OUT_MIRRORS = {"week": (0, 3), "year": (0, 3, 6, 9)}


@dataclass(frozen=True, kw_only=True)
class Calendar(Generator):
    """Which day or month is so many steps after or before another?

    After Engels et al., "Not All Language Model Features Are One-Dimensionally Linear" (arXiv
    2405.14860), who asked for up to one round of days and months forward; here also backward,
    further, and around invented cycles, where nothing about the real calendar helps.

    The held-out cells are a systematic gap, not a random one: those for which walking the other way
    would end on one of a few positions. So every start, step count and answer is equally frequent in
    both splits; but of the months, say, train never shows a start with an answer of the class
    (modulo 3) that held-out asks for, and a model that learns such regularities of train instead of
    the rule falls below chance.

    Attributes:
        laps: Rounds of the cycle that the longest walk of the split `further` takes, in [2, 100].
        lengths: Lengths of the invented cycles, distinct, each in [3, 24]; by default those of
            the week and the year, so that only the names differ.
    """

    laps: int = 5
    lengths: tuple[int, ...] = (7, 12)

    name: ClassVar[str] = "calendar"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("names", "given", "unit", "start", "steps", "direction")
    factors: ClassVar[tuple[str, ...]] = ("cycle", "length", "direction", "steps", "wraps")
    difficulty: ClassVar[str] = "steps"
    splits: ClassVar[Mapping[str, str]] = {
        "train": "about two of three real (start, steps, direction) cells, up to one round",
        "held-out": "the other real cells, a systematic gap: all starts, steps, answers equally often",
        "further": "real cycles with more steps than one round, which train never shows",
        "invented": "cycles of invented names, listed in the question, up to one round",
    }

    def __post_init__(self) -> None:
        """Check the options."""
        if not 2 <= self.laps <= 100:
            raise BadInput(f"calendar: laps is {self.laps}; allowed: 2 to 100")
        distinct = len(set(self.lengths)) == len(self.lengths) > 0
        if not distinct or not all(3 <= length <= 24 for length in self.lengths):
            raise BadInput(
                f"calendar: lengths is {list(self.lengths)}; allowed: distinct lengths, 3 to 24"
            )

    def strata(self, split: str) -> Sequence[Space]:
        """One stratum per cycle (or invented length) and direction."""
        if split == "invented":
            return [
                _walks("invented", direction, Arrangements(len(INVENTED), length), length)
                for length in self.lengths
                for direction in _DIRECTIONS
            ]
        return [self._real(split, cycle, direction) for cycle in _REAL for direction in _DIRECTIONS]

    def _real(self, split: str, cycle: str, direction: str) -> Space:
        names = _REAL[cycle]
        if split == "further":
            return _walks(cycle, direction, (names,), len(names), rounds=(1, self.laps))
        return _walks(cycle, direction, (names,), len(names)).where(_PREDICATES[split])

    def build(self, point: Point, rng: random.Random) -> Draft:
        cycle, start, steps, direction = (
            point[factor] for factor in ("cycle", "start", "steps", "direction")
        )
        given = cycle == "invented"
        names = tuple(INVENTED[i] for i in point["names"]) if given else point["names"]
        rounds, end = divmod(start + (steps if direction == "after" else -steps), len(names))
        return Draft(
            fields={
                "names": list(names),
                "given": given,
                "unit": "month" if cycle == "year" else "day",
                "start": names[start],
                "steps": steps,
                "direction": direction,
            },
            target=Target(answers=(names[end],), choices=names),
            factors={
                "cycle": cycle,
                "length": len(names),
                "direction": direction,
                "steps": steps,
                "wraps": abs(rounds),
            },
        )

    def solve(self, fields: Mapping[str, Field]) -> str:
        """Walk from name to name, one step at a time."""
        names = list(fields["names"])
        if fields["direction"] == "before":
            names.reverse()
        follower = dict(zip(names, [*names[1:], names[0]], strict=True))
        here = fields["start"]
        for _ in range(fields["steps"]):
            here = follower[here]
        return here


def _walks(
    cycle: str,
    direction: str,
    names: Sequence[tuple[str, ...]] | Arrangements,
    length: int,
    rounds: tuple[int, int] = (0, 1),
) -> Space:
    """Every walk one way around a cycle: more than `rounds[0]` rounds, at most `rounds[1]`."""
    return Space.of(
        cycle=(cycle,),
        direction=(direction,),
        names=names,
        start=range(length),
        steps=range(rounds[0] * length + 1, rounds[1] * length + 1),
    )


def _held_out(cycle: str, direction: str, start: int, steps: int) -> bool:
    mirror = start - steps if direction == "after" else start + steps
    return mirror % len(_REAL[cycle]) in _HELD_OUT_MIRRORS[cycle]


_PREDICATES = {
    "train": lambda cycle, direction, start, steps: not _held_out(cycle, direction, start, steps),
    "held-out": _held_out,
}
