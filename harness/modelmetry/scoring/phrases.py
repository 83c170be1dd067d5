"""Phrases: answers named side by side, of which the place that decides may hold only one.

"16 or 17" is one phrase that names two answers, and so is ambiguous. "5 + 7 = 12" is an expression
and, linked to it, the answer. "not Monday" and "later than 1742" name what an answer is compared
with; neither they nor an expression left as it stands is an answer.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from modelmetry.scoring.extract import explicit_places, outer_lines
from modelmetry.scoring.score import Reading


class Mention(NamedTuple):
    """An answer named in a text: what it stands for, and its offsets."""

    value: Hashable
    start: int
    end: int


@dataclass(slots=True, kw_only=True)
class Phrase:
    """Mentions side by side.

    Attributes:
        values: What they stand for, each once, in the order of the text; at least one.
        end: Offset just past the last mention.
        linked: Whether "=", "is" or an arrow ties it to the phrase before.
        answers: Whether it can be an answer: no expression, and nothing is compared with it.
        explicit: Whether the text marked it as its answer.
    """

    values: list[Any]
    end: int
    linked: bool = False
    answers: bool = True
    explicit: bool = False

    def reading(self, show: Callable[[Any], str], right: Callable[[Any], bool]) -> Reading:
        """What the phrase says, given how to write a value and whether it is right."""
        if len(self.values) > 1:
            named = ", ".join(show(value) for value in self.values[:4])
            return Reading(
                answer=None,
                ambiguous=f"two answers: {named}",
                explicit=self.explicit,
                ends_at=self.end,
            )
        return Reading(
            answer=show(self.values[0]),
            correct=right(self.values[0]),
            explicit=self.explicit,
            ends_at=self.end,
        )


# A phrase and what it is compared with are short, so that a long text is read in bounded time:
# this many mentions are valued, and this many characters of a place, a line or the end are read,
# which leaves room for a number of ten thousand digits.
_MOST_MENTIONS = 64
_LONGEST_PLACE = 16_384
_LONGEST_GAP = 40

_ARITHMETIC = re.compile(
    r"""[\s$(){}]*
        (?: [+·÷^*\N{MULTIPLICATION SIGN}\N{EN DASH}\N{MINUS SIGN}-] | \*\*
          | \\(?:times|cdot|div) | x | times | plus | minus )
        [\s$(){}]*""",
    re.IGNORECASE | re.VERBOSE,
)
_NOISE = re.compile(r"\\(?:text|mathrm|mathbf|quad)?|[\s*_`$(){}\[\]\"'“”\u2018\u2019]+")
_JOINS = re.compile(
    r"(?:[\s,;/&|~]|\b(?:and|or|to|either|maybe|perhaps|possibly|even)\b)*+", re.IGNORECASE
)
_LINKS = re.compile(r"(?:[=≈≡→⇒]|[-=]>|\b(?:is|equals|gives|makes|equiv|approx))$", re.IGNORECASE)
_COMPARED = re.compile(
    r"(?:\b(?:not|than|from|after|before|since|instead of)|n['\u2019]t)[\s*_`$(\"']{1,8}$",
    re.IGNORECASE,
)
_LETTER = re.compile(r"[^\W\d_]|\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finder:
    """Finds phrases in texts, at the places of `extract`.

    Attributes:
        pattern: Finds mentions.
        value: What a match stands for; None when it is no answer.
    """

    pattern: re.Pattern[str]
    value: Callable[[re.Match[str]], Hashable | None]

    def explicit(self, text: str) -> Phrase | None:
        """The first phrase in the strongest box or mark that holds one."""
        for start, end in explicit_places(text):
            phrase = deciding(text, self._mentions(text, start, end), last=False)
            if phrase is not None:
                phrase.explicit = True
                return phrase
        return None

    def alone(self, text: str) -> Phrase | None:
        """The phrase that the first or the last line is; both together when both are one.

        Of two lines of which the first is an equation, the last counts: it is a calculation.
        """
        lines = [found for place in outer_lines(text) if (found := self._line(text, *place))]
        if len(lines) == 2 and not lines[0].linked:
            lines[1].values = list(dict.fromkeys([*lines[0].values, *lines[1].values]))
        return lines[-1] if lines else None

    def _line(self, text: str, start: int, end: int) -> Phrase | None:
        """The phrase that a line is and nothing else; what does not belong together is joined."""
        if end - start > _LONGEST_PLACE:
            return None
        mentions = self._mentions(text, start, end)
        if not mentions or _LETTER.search(_around(text, mentions, start, end)):
            return None
        first = deciding(text, mentions, last=False)
        last = deciding(text, mentions, last=True)
        if first is not None and last is not None:
            last.values = list(dict.fromkeys([*first.values, *last.values]))
        return last

    def last(self, text: str) -> Phrase | None:
        """The last phrase in the last 16,384 characters of the text."""
        start = max(0, len(text) - _LONGEST_PLACE)
        matches = deque(self.pattern.finditer(text, start), _MOST_MENTIONS)
        return deciding(text, self._valued(matches), last=True)

    def _mentions(self, text: str, start: int, end: int) -> list[Mention]:
        end = min(end, start + _LONGEST_PLACE)
        return self._valued(islice(self.pattern.finditer(text, start, end), _MOST_MENTIONS))

    def _valued(self, matches: Iterable[re.Match[str]]) -> list[Mention]:
        return [
            Mention(value, match.start(), match.end())
            for match in matches
            if (value := self.value(match)) is not None
        ]


def _around(text: str, mentions: list[Mention], start: int, end: int) -> str:
    gaps, position = [], start
    for mention in mentions:
        gaps.append(text[position : mention.start])
        position = mention.end
    return " ".join([*gaps, text[position:end]])


def deciding(text: str, mentions: Iterable[Mention], *, last: bool) -> Phrase | None:
    """The phrase that decides what a text answers.

    Phrases linked by "=" or the like make a chain, whose last answer stands for all of it.

    Args:
        text: What the mentions' offsets point into.
        mentions: Answers named, in the order of the text.
        last: Whether the last chain that holds an answer decides, or the first.

    Returns:
        The phrase, which is ambiguous when it has two or more `values`; None when nothing in the
        text is an answer.
    """
    found: Phrase | None = None
    for phrase in _phrases(text, mentions):
        if found is not None and not last and not phrase.linked:
            break
        # "12 = 3 4": what names one answer is not undone by something unclear linked to it.
        clearer = found is None or not phrase.linked or len(phrase.values) <= len(found.values)
        if phrase.answers and clearer:
            found = phrase
    return found


def _phrases(text: str, mentions: Iterable[Mention]) -> list[Phrase]:
    phrases: list[Phrase] = []
    position = 0
    for value, start, end in mentions:
        gap = text[position:start]
        position = end
        joined = expression = linked = False
        if phrases and len(gap) <= _LONGEST_GAP and "\n" not in gap:
            expression = _ARITHMETIC.fullmatch(gap) is not None
            words = _NOISE.sub(" ", gap).strip()
            # "2) 12" is an item of a list, "3:4" is a ratio.
            beside = _JOINS.fullmatch(words) is not None and (words != "" or ")" not in gap)
            joined = expression or beside or gap == ":"
            linked = not joined and _LINKS.search(words) is not None
        if joined:
            phrase = phrases[-1]
            phrase.answers = phrase.answers and not expression
            phrase.values = list(dict.fromkeys([*phrase.values, value]))
            phrase.end = end
        else:
            compared = _COMPARED.search(text, max(0, start - _LONGEST_GAP), start) is not None
            phrases.append(Phrase(values=[value], end=end, linked=linked, answers=not compared))
    return phrases
