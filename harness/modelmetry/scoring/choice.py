"""The scorer `choice`: the answer is one of the options shown, by its text or its letter."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from string import ascii_uppercase
from typing import NamedTuple

from modelmetry.items import Target
from modelmetry.scoring.exact import normal
from modelmetry.scoring.extract import explicit_places
from modelmetry.scoring.phrases import Mention, Phrase, deciding
from modelmetry.scoring.score import Reading

_MOST_MENTIONS = 64


class _Options(NamedTuple):
    texts: Mapping[str, str]
    letters: Mapping[str, str]
    order: tuple[str, ...]
    as_written: re.Pattern[str]
    any_case: re.Pattern[str]


def choice(target: Target, text: str) -> Reading:
    """Read which option a reply names, and whether it is a right one.

    An option is named by its text, or by its letter: A is the first of `choices`, so options may be
    shown in any order. Letters count when there are at most 26 options and none is itself a letter;
    small ones only in parentheses or as the whole reply. In running text an option is looked for
    as it is written before case is ignored, so that "may" is not May in "June, but it may vary".

    Args:
        target: `choices` in the order shown, or `answers` when there are none.
        text: A reply without reasoning.
    """
    options = _options(target.choices or target.answers)
    reply = text.strip()
    said = _option(options, reply)
    if said is not None:
        return Reading(answer=said, correct=said in target.answers, ends_at=len(text))
    for start, end in explicit_places(text):
        said = _option(options, text[start:end])
        if said is not None:
            correct = said in target.answers
            return Reading(answer=said, correct=correct, explicit=True, ends_at=end)
        matches = islice(options.any_case.finditer(text, start, end), _MOST_MENTIONS)
        phrase = deciding(text, _mentions(options, matches), last=False)
        if phrase is not None:
            return _reading(target, phrase, explicit=True)
    for pattern in (options.as_written, options.any_case):
        matches = deque(pattern.finditer(text), _MOST_MENTIONS)
        phrase = deciding(text, _mentions(options, matches), last=True)
        if phrase is not None:
            return _reading(target, phrase, explicit=False)
    return Reading(answer=None)


def _option(options: _Options, text: str) -> str | None:
    """The option that a text is, when it is nothing else."""
    if text in options.texts:
        return options.texts[text]
    if len(text) > 4 * max(map(len, options.texts), default=0) + 16:
        return None
    bare = normal(text)
    return options.texts.get(bare) or options.letters.get(bare.strip("()[].:, ").upper())


def _mentions(options: _Options, matches: Iterable[re.Match[str]]) -> Iterator[Mention]:
    for match in matches:
        letter = match["bracketed"] or match["letter"]
        named = options.letters[letter.upper()] if letter else options.order[_group(match)]
        yield Mention(named, match.start(), match.end())


def _group(match: re.Match[str]) -> int:
    return (match.lastindex or 1) - 1


def _reading(target: Target, phrase: Phrase, *, explicit: bool) -> Reading:
    named = list(dict.fromkeys(str(mention.value) for mention in phrase.mentions))
    if len(named) > 1:
        return Reading(
            answer=None,
            ambiguous=f"two answers: {', '.join(named[:4])}",
            explicit=explicit,
            ends_at=phrase.end,
        )
    return Reading(
        answer=named[0],
        correct=named[0] in target.answers,
        explicit=explicit,
        ends_at=phrase.end,
    )


@lru_cache(maxsize=4096)
def _options(choices: tuple[str, ...]) -> _Options:
    texts: dict[str, str] = {}
    for text in choices:
        texts.setdefault(normal(text), text)
    # What is written exactly as shown is that option, whatever another one looks like folded.
    texts.update({text: text for text in choices})
    lettered = len(choices) <= len(ascii_uppercase) and not any(
        len(text) == 1 and text.upper() in ascii_uppercase for text in choices
    )
    letters = dict(zip(ascii_uppercase, choices, strict=False)) if lettered else {}
    order = tuple(sorted({text for text in choices if text.strip()}, key=len, reverse=True))
    return _Options(
        texts, letters, order, _pattern(order, len(letters), "-i"), _pattern(order, len(letters), "i")
    )


def _pattern(order: tuple[str, ...], letters: int, flag: str) -> re.Pattern[str]:
    """Finds options, longest first, each in its own group, and then letters."""
    named = "".join(f"({_whole(text)})|" for text in order)
    last = ascii_uppercase[max(letters - 1, 0)]
    # A letter before a small word is an article or a pronoun, unless that word goes on about it.
    lettered = rf"""
        (?<![A-Za-z0-9'’-])
        (?: \((?P<bracketed>[A-{last}a-{last.lower()}])\) | (?P<letter>[A-{last}]) )
        (?![A-Za-z0-9'’-])
        (?! (?<=[AI])\s+ (?!(?:is|was|because|since|as|or|and|but)\b) [a-z] )
        (?: [ ]?[.):](?!\w) | [ ][–-](?=[ ]) )?
    """ if letters else r"(?P<bracketed>(?!))|(?P<letter>(?!))"
    return re.compile(rf"(?:(?{flag}:{named}(?!)))|(?-i:{lettered})", re.VERBOSE)


def _whole(text: str) -> str:
    """A pattern for an option as whole words, or as a whole number."""
    words = r"\s+".join(re.escape(word) for word in text.split())
    numeric = r"(?<![\w.,/−–+-])" if text.strip()[0].isdecimal() else r"(?<!\w)"
    before = numeric if text.strip()[0].isalnum() else ""
    after = r"(?!\w|[.,/]\d)" if text.strip()[-1].isalnum() else ""
    return before + words + after
