"""English for questions: phrases for filters and relations, and wordings with places for them."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from functools import cache

from modelmetry.scenes.kinds import TYPES, Filter

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "thing": ("thing", "object"),
    "cube": ("cube", "block"),
    "sphere": ("sphere", "ball"),
    "large": ("large", "big"),
    "small": ("small", "tiny"),
    "metal": ("metal", "metallic", "shiny"),
    "rubber": ("rubber", "matte"),
    "left": ("left of", "to the left of", "on the left side of"),
    "right": ("right of", "to the right of", "on the right side of"),
    "front": ("in front of",),
    "behind": ("behind",),
}
"""Word -> the words that may stand for it, where there is more than itself."""

_MARK = re.compile(r"\{([^}]*)\}|(\[)|(\])")


def phrased(
    wording: str,
    filters: Sequence[Filter],
    relations: Sequence[str],
    rng: random.Random,
    names: Mapping[str, str],
) -> str:
    """A wording with its places filled; see `modelmetry.scenes.templates` for what they mean.

    Args:
        wording: A wording of a template.
        filters: Per description slot, what it says.
        relations: Per relation slot, where it looks.
        rng: Chooses synonyms and what is left out.
        names: Words for attribute values and for types of attributes, in place of the English.
    """
    said: list[str] = []
    skipping = False
    for text, mark in _parsed(wording):
        if text == "[":
            skipping = rng.random() < 0.5
        elif text == "]":
            skipping = False
        elif skipping:
            continue
        elif not mark:
            said.append(text)
        elif text[0] == "R":
            said.append(_synonym(relations[int(text[1:]) - 1], rng, {}))
        elif text in TYPES:
            said.append(names.get(text, text))
        else:
            said.append(_described(text, filters, rng, names))
    whole = " ".join("".join(said).split())
    whole = re.sub(r" ([?,;.])", r"\1", whole)
    return whole[0].upper() + whole[1:]


@cache
def _parsed(wording: str) -> tuple[tuple[str, bool], ...]:
    """A wording as plain texts and marks."""
    found: list[tuple[str, bool]] = []
    end = 0
    for match in _MARK.finditer(wording):
        found.append((wording[end : match.start()], False))
        found.append((match[1] or match[0], True))
        end = match.end()
    return (*(each for each in found if each[0]), (wording[end:], False))


def _synonym(word: str, rng: random.Random, names: Mapping[str, str]) -> str:
    """A word for a word: the invented one, or any that means the same."""
    if word in names:
        return names[word]
    choices = SYNONYMS.get(word)
    return choices[int(rng.random() * len(choices))] if choices else word


def _described(
    text: str, filters: Sequence[Filter], rng: random.Random, names: Mapping[str, str]
) -> str:
    """The phrase for a mark such as `Z1`, `Z1s`, `a Z1`, `other Z2`, `another Z2` or `things`."""
    article, _, noun = text.rpartition(" ")
    plural = noun.endswith("s")
    if noun[0] == "Z":
        size, color, material, shape = filters[int(noun[1]) - 1]
        words = [_synonym(word, rng, names) for word in (size, color, material) if word]
        words.append(_synonym(shape or "thing", rng, names))
    else:
        words = [_synonym("thing", rng, names)]
    phrase = " ".join(words) + ("s" if plural else "")
    if article in ("other", "another") and _exclude(filters[0], filters[1]):
        article = "a" if article == "another" else ""
    if article == "a":
        article = "an" if phrase[0].lower() in "aeiou" else "a"
    return f"{article} {phrase}" if article else phrase


def _exclude(one: Filter, other: Filter) -> bool:
    """Whether nothing fits both filters."""
    return any(a and b and a != b for a, b in zip(one, other, strict=True))
