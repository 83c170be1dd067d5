"""The scorer `number`: the answer is a number, compared exactly."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache, partial
from math import isfinite
from typing import NamedTuple

from modelmetry.items import Target
from modelmetry.scoring.exact import normal
from modelmetry.scoring.extract import Place, explicit_places
from modelmetry.scoring.numerals import NUMERAL, Value, in_words, parse, shown, value_of
from modelmetry.scoring.phrases import Finder
from modelmetry.scoring.score import Reading

_LONGEST_WORDS = 40


class _Accepted(NamedTuple):
    values: frozenset[Value]
    interval: tuple[Fraction | float, Fraction | float] | None
    tolerance: Fraction | float


_NUMBERS = Finder(pattern=NUMERAL, value=value_of)


def number(target: Target, text: str) -> Reading:
    """Read a number and compare it exactly with every right one, as `fractions.Fraction`.

    It is right when it lies within `tolerance` of the value of one of `answers`, or in `interval`.
    "07" is 7, "3/4" is 0.75 and "50%" is 0.5; "116" is not 16. What counts as a numeral is said in
    `numerals`, and which of several is the answer in `extract` and `phrases`. A number in words is
    read when it is the whole reply, or all that a box or mark holds.

    Args:
        target: `answers` in any of the notations read.
        text: A reply without reasoning.
    """
    reply = text.strip()
    if len(reply) < 19 and reply.isascii() and reply.isdigit():
        value = int(reply)
        return Reading(answer=str(value), correct=_right(target, value), ends_at=len(text))
    phrase = _NUMBERS.explicit(text) or _NUMBERS.alone(text) or _NUMBERS.last(text)
    if phrase is not None:
        return phrase.reading(shown, partial(_right, target))
    return _in_words(target, text)


def _in_words(target: Target, text: str) -> Reading:
    whole = Place(0, len(text))
    for place in (*explicit_places(text), whole):
        said = text[place.start : place.end].strip()
        value = in_words(normal(said)) if len(said) <= _LONGEST_WORDS else None
        if value is not None or said in target.answers:
            return Reading(
                answer=said if value is None else str(value),
                correct=said in target.answers if value is None else _right(target, value),
                explicit=place is not whole,
                ends_at=place.end,
            )
    return Reading(answer=None)


def _right(target: Target, value: Value) -> bool:
    accepted = _accepted(target.answers, target.interval, target.tolerance)
    if value in accepted.values:
        return True
    if isinstance(value, str):
        return False
    if accepted.interval is not None and accepted.interval[0] <= value <= accepted.interval[1]:
        return True
    return accepted.tolerance > 0 and any(
        abs(value - right) <= accepted.tolerance
        for right in accepted.values
        if not isinstance(right, str)
    )


@lru_cache(maxsize=65536)
def _accepted(
    answers: tuple[str, ...], interval: tuple[float, float] | None, tolerance: float
) -> _Accepted:
    values = frozenset(value for value in map(parse, answers) if value is not None)
    bounds = None if interval is None else (_as_written(interval[0]), _as_written(interval[1]))
    return _Accepted(values, bounds, _as_written(tolerance))


def _as_written(bound: float) -> Fraction | float:
    # 0.1 as a person wrote it, not the binary number next to it.
    return Fraction(repr(bound)) if isfinite(bound) else bound
