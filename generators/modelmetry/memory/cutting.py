"""Where to cut texts of one template, so that what is shown tells which it is and what follows differs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise

_WORD = re.compile(r"\S+")
COMMON = 0.5
"""Words that stand in more than this share of the texts of one template tell nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A text in two.

    Attributes:
        shown: Its beginning.
        tail: The later half of the beginning's words, one at least.
        follows: What comes next, with the white space before it.
    """

    shown: str
    tail: str
    follows: str


def cut(text: str, at: int, k: int) -> Cut:
    """Cut a text after so many words, and again k words later.

    Args:
        text: Has more than `at` words.
        at: Words shown, >= 1.
        k: Most words to follow, >= 1.
    """
    spans = [found.span() for found in _WORD.finditer(text)]
    start, end = spans[at - 1][1], spans[min(at + k, len(spans)) - 1][1]
    return Cut(
        shown=text[spans[0][0] : start],
        tail=text[spans[at // 2][0] : start],
        follows=text[start:end],
    )


def cuts(
    texts: Sequence[str], templates: Sequence[Hashable], clusters: Sequence[str], k: int
) -> list[Cut | None]:
    """Each text cut where it is known by its beginning, and what follows is its own.

    A word is a text's own if at most half of the texts of its template have it. Shown is the
    first half of a text's own words, with all between them, but no more than k words; or more, if
    it takes more until no text of another cluster begins so. None where no word of its own is left to
    follow.

    Args:
        texts: All texts of an edition.
        templates: What each was made from: its task and wording.
        clusters: Name of the unit that each was drawn with: texts about one scene begin alike.
        k: Words shown at most, unless it takes more, and words to follow at most; >= 1.
    """
    words = [text.split() for text in texts]
    known = _known_by(words, clusters)
    sizes = Counter(templates)
    having: Counter[tuple[Hashable, str]] = Counter()
    for template, found in zip(templates, words, strict=True):
        having.update((template, word) for word in set(found))
    made: list[Cut | None] = []
    for text, template, found, least in zip(texts, templates, words, known, strict=True):
        most = max(1, COMMON * sizes[template])
        own = [i for i, word in enumerate(found) if having[template, word] <= most]
        at = max(1, least, min(k, own[len(own) // 2])) if own else len(found)
        made.append(cut(text, at, k) if any(at <= i < at + k for i in own) else None)
    return made


def _known_by(words: Sequence[list[str]], clusters: Sequence[str]) -> list[int]:
    """For each text, after how many words no text of another cluster begins so.

    More than it has where one begins with all of it.
    """
    order = sorted(range(len(words)), key=lambda i: words[i])
    same = [_alike(words[a], words[b]) for a, b in pairwise(order)]
    known = [1] * len(words)
    for step in (1, -1):
        last: int | None = (
            None  # the text before, and how much of another cluster's is in common with it
        )
        common = 0
        for place in range(len(order))[::step]:
            text = order[place]
            if last is not None:
                shared = same[min(place, place - step)]
                other = clusters[last] != clusters[text]
                common = shared if other else min(common, shared)
            known[text] = max(known[text], common + 1)
            last = text
    return known


def _alike(a: list[str], b: list[str]) -> int:
    """Words that two texts have in common from their beginnings on."""
    for i, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return i
    return min(len(a), len(b))
