"""Phrases: answers named side by side, of which one place of a text may hold only one.

"16 or 17" is one phrase that names two answers, and so is ambiguous. "5 + 7 = 12" is an expression
and, linked to it, the answer. "not Monday" and "later than 1742" name what an answer is compared
with; neither they nor an expression left as it stands is an answer.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple


class Mention(NamedTuple):
    """An answer named in a text: what it stands for, and its offsets."""

    value: Hashable
    start: int
    end: int


@dataclass(slots=True)
class Phrase:
    """Mentions side by side.

    Attributes:
        mentions: In the order of the text; at least one.
        linked: Whether "=", "is" or an arrow ties it to the phrase before.
        answers: Whether it can be an answer: no expression, nothing compared with.
    """

    mentions: list[Mention]
    linked: bool
    answers: bool
    values: set[Hashable] = field(default_factory=set)

    @property
    def end(self) -> int:
        """Offset just past its last mention."""
        return self.mentions[-1].end


_LONGEST_GAP = 40

_ARITHMETIC = re.compile(
    r"[\s$(){}]*(?:[+×·÷^*–−-]|\*\*|\\(?:times|cdot|div)|x|times|plus|minus)[\s$(){}]*",
    re.IGNORECASE,
)
_NOISE = re.compile(r"\\(?:text|mathrm|mathbf|quad)|[\s*_`$(){}\[\]\"'“”‘’\\]+")
_JOINS = re.compile(
    r":|(?:[\s,;/&|~]|\b(?:and|or|to|either|maybe|perhaps|possibly|even)\b)*+", re.IGNORECASE
)
_LINKS = re.compile(r"(?:[=≈≡→⇒]|[-=]>|\b(?:is|equals|gives|makes|equiv|approx))$", re.IGNORECASE)
_COMPARED = re.compile(
    r"(?:\b(?:not|than|from|after|before|since|instead of)|n['’]t)[\s*_`$(\"']{1,8}$",
    re.IGNORECASE,
)


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
        if not phrase.answers:
            continue
        # "12 = 3 4": what names one answer is not undone by something unclear linked to it.
        if found is not None and phrase.linked and len(found.values) < len(phrase.values):
            continue
        found = phrase
    return found


def _phrases(text: str, mentions: Iterable[Mention]) -> list[Phrase]:
    phrases: list[Phrase] = []
    position = 0
    for mention in mentions:
        gap = text[position : mention.start]
        position = mention.end
        joined = expression = linked = False
        if phrases and len(gap) <= _LONGEST_GAP and "\n" not in gap:
            expression = _ARITHMETIC.fullmatch(gap) is not None
            words = _NOISE.sub(" ", gap).strip()
            joined = expression or _JOINS.fullmatch(words) is not None
            linked = not joined and _LINKS.search(words) is not None
        if joined:
            phrases[-1].mentions.append(mention)
            phrases[-1].values.add(mention.value)
            phrases[-1].answers &= not expression
            continue
        before = text[max(0, mention.start - _LONGEST_GAP) : mention.start]
        answers = _COMPARED.search(before) is None
        phrases.append(Phrase([mention], linked, answers, {mention.value}))
    return phrases
