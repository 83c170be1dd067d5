"""The scorer `number`: the answer is a number, compared exactly."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from math import isfinite
from typing import NamedTuple

from modelmetry.items import Target
from modelmetry.scoring.extract import explicit_places
from modelmetry.scoring.numerals import NUMERAL, Value, parse, shown, value_of
from modelmetry.scoring.phrases import Mention, Phrase, deciding
from modelmetry.scoring.score import Reading

# A phrase and what it is compared with are short; the rest of a long text need not be looked at.
_MOST_MENTIONS = 64


class _Accepted(NamedTuple):
    values: frozenset[Value]
    interval: tuple[Fraction | float, Fraction | float] | None
    tolerance: Fraction | float


def number(target: Target, text: str) -> Reading:
    """Read a number and compare it exactly with every right one, as `fractions.Fraction`.

    It is right when it lies within `tolerance` of the value of one of `answers`, or in `interval`.
    "07" is 7, "3/4" is 0.75 and "50%" is 0.5; "116" is not 16. What counts as a numeral is said in
    `numerals`, and which of several is the answer in `extract` and `phrases`.

    Args:
        target: `answers` in any of the notations read.
        text: A reply without reasoning.
    """
    reply = text.strip()
    if len(reply) < 19 and reply.isascii() and reply.isdigit():
        value = int(reply)
        return Reading(answer=str(value), correct=_right(target, value), ends_at=len(text))
    if reply in target.answers:
        value = parse(reply)
        answer = reply if value is None else shown(value)
        return Reading(answer=answer, correct=True, ends_at=len(text))
    for start, end in explicit_places(text):
        mentions = _mentions(islice(NUMERAL.finditer(text, start, end), _MOST_MENTIONS))
        phrase = deciding(text, mentions, last=False)
        if phrase is not None:
            return _reading(target, phrase, explicit=True)
    matches = deque(NUMERAL.finditer(text), _MOST_MENTIONS)
    phrase = deciding(text, _mentions(matches), last=True)
    return Reading(answer=None) if phrase is None else _reading(target, phrase, explicit=False)


def _mentions(matches: Iterable[re.Match[str]]) -> Iterator[Mention]:
    for match in matches:
        value = value_of(match)
        if value is not None:
            yield Mention(value, match.start(), match.end())


def _reading(target: Target, phrase: Phrase, *, explicit: bool) -> Reading:
    values = [mention.value for mention in phrase.mentions]
    if len(phrase.values) > 1:
        named = ", ".join(dict.fromkeys(shown(value) for value in values[:4]))
        return Reading(
            answer=None, ambiguous=f"two answers: {named}", explicit=explicit, ends_at=phrase.end
        )
    value = values[0]
    return Reading(
        answer=shown(value), correct=_right(target, value), explicit=explicit, ends_at=phrase.end
    )


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
