"""Years in order: which two digits complete the year in which something ended, or began."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from modelmetry.errors import BadInput
from modelmetry.items import Draft, Field, Generator, Target
from modelmetry.spaces import Point, Space

NOUNS = tuple(
    """
    alliance apprenticeship armistice blockade boom boycott campaign colonization conflict conquest
    construction correspondence crusade deadlock depression dictatorship dispute drought dynasty
    embargo engagement epidemic excavation exile expedition famine feud friendship imprisonment
    inquiry insurgency investigation lawsuit lease marriage migration mission monopoly negotiation
    occupation partnership persecution pilgrimage plague project quarantine rebellion recession
    regency reign renovation restoration revolt rivalry siege strike study truce voyage war
    """.split()  # noqa: SIM905 - a list would take a line per noun
)

UNSEEN_NOUNS = tuple(
    """
    ban crisis experiment invasion lockout mutiny protectorate regime resistance schism shortage
    standoff survey treaty uprising
    """.split()  # noqa: SIM905 - a list would take a line per noun
)

BLANK = "__"

_FOLDS = 5
_UNSEEN_YEARS = 7
_BAND = 14


@dataclass(frozen=True, kw_only=True)
class GreaterThan(Generator):
    """The war lasted for years, from 1732 to 17__: which two digits can fill the blank?

    After Hanna et al., "How does GPT-2 compute greater-than?" (arXiv 2305.00586), as a question
    with an answer to be written. Every two digits that put the end after the beginning are right.

    A model that always says 99 is right on everything but `reversed`, where it is always wrong:
    only the two together say that years are compared. The year shown ends in 01 to 98, so both
    directions leave 1 to 98 right answers equally often, and over the two of them a guess is
    right with probability 0.495 and no constant answer more often than half the time.

    Attributes:
        first: First two digits of the earliest years, in [10, 99].
        last: First two digits of the latest years, in [first, 99].
    """

    first: int = 11
    last: int = 17

    name: ClassVar[str] = "greater-than"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("noun", "start", "end")
    factors: ClassVar[tuple[str, ...]] = ("blank", "year", "century", "excluded")
    difficulty: ClassVar[str] = "excluded"
    splits: ClassVar[Mapping[str, str]] = {
        "train": "the end is blank; four of five (noun, century, year) cells",
        "held-out": "the fifth cell: nouns, centuries and years that train shows, not together",
        "unseen-noun": "nouns that train never shows, the same years",
        "unseen-year": "final two digits of the year that train never shows, the same nouns",
        "reversed": "the beginning is blank, which train never shows: the answer is smaller",
    }

    def __post_init__(self) -> None:
        """Check the options."""
        if not 10 <= self.first <= self.last <= 99:
            raise BadInput(
                f"greater-than: first is {self.first}, last is {self.last}; "
                "allowed: 10 <= first <= last <= 99"
            )

    def strata(self, split: str) -> Sequence[Space]:
        """One stratum per band of fourteen years."""
        return [self._band(split, low) for low in range(1, 99, _BAND)]

    def _band(self, split: str, low: int) -> Space:
        years = range(low, low + _BAND)
        unseen = split == "unseen-year"
        cells = Space.of(
            blank=("start" if split == "reversed" else "end",),
            noun=UNSEEN_NOUNS if split == "unseen-noun" else NOUNS,
            century=range(self.first, self.last + 1),
            year=[year for year in years if (year % _UNSEEN_YEARS == 3) == unseen],
        )
        return cells.where(_PREDICATES[split]) if split in _PREDICATES else cells

    def build(self, point: Point, rng: random.Random) -> Draft:
        century, year, at_end = point["century"], point["year"], point["blank"] == "end"
        low, high = (year + 1, 99) if at_end else (0, year - 1)
        shown, blank = f"{century}{year:02}", f"{century}{BLANK}"
        return Draft(
            fields={
                "noun": point["noun"],
                "start": shown if at_end else blank,
                "end": blank if at_end else shown,
            },
            target=Target(
                answers=(f"{(low + high) // 2:02}",), interval=(low, high), domain=(0, 99)
            ),
            factors={
                "blank": point["blank"],
                "year": year,
                "century": century,
                "excluded": 99 - high + low,
            },
        )

    def solve(self, fields: Mapping[str, Field]) -> str:
        """Try all hundred ways to fill the blank, and take the middle one of those that fit."""
        fits = []
        for number in range(100):
            digits = f"{number:02}"
            start, end = (fields[key].replace(BLANK, digits) for key in ("start", "end"))
            if int(start) < int(end):
                fits.append(digits)
        return fits[(len(fits) - 1) // 2]


_INDEX = {noun: i for i, noun in enumerate(NOUNS)}


def _fold(noun: str, century: int, year: int) -> int:
    """A Latin square: every noun, century and year is in every fold about equally often."""
    return (_INDEX[noun] + century + year) % _FOLDS


_PREDICATES = {
    "train": lambda noun, century, year: _fold(noun, century, year) > 0,
    "held-out": lambda noun, century, year: _fold(noun, century, year) == 0,
}
