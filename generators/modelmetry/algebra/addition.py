"""Addition of two natural numbers, with splits for unseen pairs, unseen carries and more digits."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from modelmetry.errors import BadInput
from modelmetry.items import Draft, Field, Generator, Target, digest
from modelmetry.spaces import Point, Space

_FOLDS = 5


def carries(a: int, b: int) -> int:
    """How many columns carry when `a` and `b` are added by hand."""
    count = carry = 0
    while a or b:
        carry = (a % 10 + b % 10 + carry) // 10
        count += carry
        a, b = a // 10, b // 10
    return count


@dataclass(frozen=True, kw_only=True)
class Addition(Generator):
    """What is a + b? Both numbers have the same number of digits.

    Behavioral use of the helix and Clock findings (Kantamneni and Tegmark, arXiv 2502.00873):
    errors that are multiples of 10 or 100 tell a slip in one digit from a guess.

    Attributes:
        digits: Digits seen in training, from 1 up to this, in [1, 3].
        longest: Most digits in the split `longer`, in [digits + 1, 18].
    """

    digits: int = 2
    longest: int = 6

    name: ClassVar[str] = "addition"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("a", "b")
    factors: ClassVar[tuple[str, ...]] = ("digits", "carries")
    difficulty: ClassVar[str] = "digits"
    splits: ClassVar[Mapping[str, str]] = {
        "train": "four of five pairs without a carry in every column",
        "held-out": "the fifth pair: the same lengths and carries, pairs never in train",
        "carry": "pairs that carry in every column, which train never shows",
        "longer": "more digits than train shows",
    }

    def __post_init__(self) -> None:
        """Check the options."""
        if not 1 <= self.digits <= 3:
            raise BadInput(f"addition: digits is {self.digits}; allowed: 1 to 3")
        if not self.digits < self.longest <= 18:
            raise BadInput(f"addition: longest is {self.longest}; allowed: {self.digits + 1} to 18")

    def strata(self, split: str) -> Sequence[Space]:
        if split == "longer":
            return [_pairs(digits) for digits in range(self.digits + 1, self.longest + 1)]
        return [_pairs(d).where(_PREDICATES[split]) for d in range(1, self.digits + 1)]

    def build(self, point: Point, rng: random.Random) -> Draft:
        a, b, digits = point["a"], point["b"], point["digits"]
        low, high = _bounds(digits)
        return Draft(
            fields={"a": a, "b": b},
            target=Target(answers=(str(a + b),), domain=(2 * low, 2 * high)),
            factors={"digits": digits, "carries": carries(a, b)},
        )

    def solve(self, fields: Mapping[str, Field]) -> str:
        """Column by column over the decimal digits, as by hand."""
        left, right = str(fields["a"])[::-1], str(fields["b"])[::-1]
        written, carry = [], 0
        for column in range(max(len(left), len(right)) + 1):
            total = carry + sum(int(x[column]) for x in (left, right) if column < len(x))
            written.append("0123456789"[total % 10])
            carry = int(total > 9)
        return "".join(reversed(written)).lstrip("0") or "0"


def _bounds(digits: int) -> tuple[int, int]:
    """The smallest and the largest number of so many digits; 0 counts as one digit."""
    return (0 if digits == 1 else 10 ** (digits - 1)), 10**digits - 1


def _pairs(digits: int) -> Space:
    low, high = _bounds(digits)
    numbers = range(low, high + 1)
    return Space.of(digits=(digits,), a=numbers, b=numbers)


def _fold(a: int, b: int) -> int:
    """A fixed random fold of a pair; a + b and b + a share it, so neither gives away the other."""
    return digest("addition fold", min(a, b), max(a, b)) % _FOLDS


_PREDICATES = {
    "train": lambda a, b, digits: carries(a, b) < digits and _fold(a, b) > 0,
    "held-out": lambda a, b, digits: carries(a, b) < digits and _fold(a, b) == 0,
    "carry": lambda a, b, digits: carries(a, b) == digits,
}
