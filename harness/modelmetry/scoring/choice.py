"""The scorer `choice`: the answer is one of the options shown, by its text or its letter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from string import ascii_uppercase
from typing import NamedTuple

from modelmetry.items import Target
from modelmetry.scoring.exact import normal
from modelmetry.scoring.phrases import Finder
from modelmetry.scoring.score import Reading


class _Options(NamedTuple):
    texts: Mapping[str, str]
    letters: Mapping[str, str]
    as_written: Finder
    any_case: Finder


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
    whole = _option(options, text.strip())
    if whole is not None:
        return Reading(answer=whole, correct=whole in target.answers, ends_at=len(text))
    phrase = (
        options.any_case.explicit(text)
        or options.any_case.alone(text)
        or options.as_written.last(text)
        or options.any_case.last(text)
    )
    if phrase is None:
        return Reading(answer=None)
    return phrase.reading(str, target.answers.__contains__)


def _option(options: _Options, text: str) -> str | None:
    """The option that a text is, when it is nothing else."""
    if text in options.texts:
        return options.texts[text]
    if len(text) > 4 * max(map(len, options.texts), default=0) + 16:
        return None
    bare = normal(text)
    return options.texts.get(bare) or options.letters.get(bare.strip("()[].:, ").upper())


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

    def named(match: re.Match[str]) -> str:
        letter = match["letter"]
        return letters[letter.upper()] if letter else order[(match.lastindex or 1) - 1]

    as_written, any_case = (
        Finder(pattern=_pattern(order, len(letters), flag), value=named) for flag in ("-i", "i")
    )
    return _Options(texts, letters, as_written, any_case)


def _pattern(order: tuple[str, ...], letters: int, flag: str) -> re.Pattern[str]:
    """Finds options, longest first, each in its own group, and then letters."""
    named = "".join(f"({_whole(text)})|" for text in order)
    if not letters:
        return re.compile(rf"(?:(?{flag}:{named}(?!)))|(?P<letter>(?!))", re.VERBOSE)
    large = f"[A-{ascii_uppercase[letters - 1]}]"
    small = large.lower()
    # A letter before a small word is an article or a pronoun, unless that word goes on about it.
    lettered = rf"""
        (?<![A-Za-z0-9'\u2019-]) \(?
        (?P<letter> {large} | (?<=\(){small}(?=\)) | (?<=[:=][ ]){small}(?=[.),*]*(?:\s|$)) )
        \)? (?![A-Za-z0-9'\u2019-])
        (?! (?<=[AI])\s+ (?!(?:is|was|because|since|as|or|and|but)\b) [a-z] )
        (?: [ ]?[.:)](?!\w) | [ ][\u2013-](?=[ ]) )?
    """
    return re.compile(rf"(?:(?{flag}:{named}(?!)))|(?-i:{lettered})", re.VERBOSE)


def _whole(text: str) -> str:
    """A pattern for an option as whole words, or as a whole number."""
    words = r"\s+".join(re.escape(word) for word in text.split())
    numeric = r"(?<![\w.,/\u2212\u2013+-])" if text.strip()[0].isdecimal() else r"(?<!\w)"
    before = numeric if text.strip()[0].isalnum() else ""
    after = r"(?!\w|[.,/]\d)" if text.strip()[-1].isalnum() else ""
    return before + words + after
