"""Invented words: a vocabulary for attributes and their values that no model has read before."""

from __future__ import annotations

import random
from collections.abc import Mapping

from modelmetry.scenes.kinds import TYPES, VALUES

_STARTS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z")
_VOWELS = ("a", "e", "i", "o", "u")
_MIDDLES = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z")
_ENDS = ("ob", "ub", "od", "ud", "og", "ug", "ig", "ok", "uk", "op", "up", "ip")

_ENGLISH = frozenset(
    """
    bebop bishop debug defog gallup galop gigot julep kapok kebab method nabob period reboot redub
    rehab retip setup sirop sirup synod syrup tulip turnip unzip waldug wallop zip debog rerub tatup
    """.split()  # noqa: SIM905 - a list would take a line per word
)
"""Words of the pattern that are English, or look like it."""


def invented(rng: random.Random) -> Mapping[str, str]:
    """A word of two syllables for each attribute type and each of its values.

    The words differ in their first three letters, so that none is taken for another, and take a
    plain -s in the plural.

    Returns:
        Type or value -> word.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for meaning in (*TYPES, *(value for values in VALUES.values() for value in values)):
        while True:
            start = rng.choice(_STARTS) + rng.choice(_VOWELS) + rng.choice(_MIDDLES)
            word = start + rng.choice(_ENDS)
            if start not in taken and word not in _ENGLISH:
                break
        taken.add(start)
        names[meaning] = word
    return names
