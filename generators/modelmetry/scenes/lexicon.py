"""The words of questions: English and invented ones for attributes, and words for places."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from modelmetry.scenes.kinds import TYPES, VALUES

_ENGLISH: Mapping[str, tuple[str, ...]] = {
    "large": ("large", "big"),
    "small": ("small", "tiny"),
    "metal": ("metal", "metallic", "shiny"),
    "rubber": ("rubber", "matte"),
    "cube": ("cube", "block"),
    "sphere": ("sphere", "ball"),
}
"""Attribute value -> its English words, where there are more than one."""

_THINGS = ("thing", "object")

_SIDES: Mapping[str, str] = {
    "left of": "left",
    "to the left of": "left",
    "on the left side of": "left",
    "right of": "right",
    "to the right of": "right",
    "on the right side of": "right",
    "in front of": "front",
    "behind": "behind",
}
"""Preposition -> where it looks."""

_TOKEN = re.compile("|".join((*(rf"{phrase}\b" for phrase in _SIDES), r"\w+", r"\S")))


class Token(NamedTuple):
    """A word or a preposition of several words.

    Attributes:
        text: How it is written, in lower case.
        kind: `size`, `color`, `material` or `shape` for a value, `thing` for a noun of any shape,
            `type` for the name of a type, `side` for a preposition, empty for all else.
        means: The value, the type or the side.
        plural: Whether it is a noun in the plural.
    """

    text: str
    kind: str = ""
    means: str = ""
    plural: bool = False


@lru_cache(maxsize=64)
def _lexicon(names: tuple[tuple[str, str], ...]) -> Mapping[str, Token]:
    """Word -> token; an invented word takes the place of all English words of its meaning."""
    invented = dict(names)
    found = [Token(phrase, "side", side) for phrase, side in _SIDES.items()]
    nouns = [Token(word, "thing") for word in _THINGS]
    for kind in TYPES:
        found.append(Token(invented.get(kind, kind), "type", kind))
        for value in VALUES[kind]:
            words = _ENGLISH.get(value, (value,))
            words = (invented[value],) if value in invented else words
            into = nouns if kind == "shape" else found
            into += [Token(word.lower(), kind, value) for word in words]
    nouns += [noun._replace(text=f"{noun.text}s", plural=True) for noun in nouns]
    return {token.text: token for token in (*found, *nouns)}


def tokens(text: str, names: Mapping[str, str]) -> list[Token]:
    """The words of a text, each with its meaning if it has one; see `Phrases` for `names`."""
    known = _lexicon(tuple(names.items()))
    return [known.get(word) or Token(word) for word in _TOKEN.findall(text.lower())]
