"""The scorer `exact`: the answer is one of the right texts, letter for letter after clean-up."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from modelmetry.items import Target
from modelmetry.scoring.extract import explicit_places
from modelmetry.scoring.refusals import refuses
from modelmetry.scoring.score import Reading

_LONGEST_REPLY = 200

_WRAPPED = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\s*\{([^{}]*)\}")
_EDGES = " \t*_`$\"'“”\u2018\u2019«»"
_ENDS = _EDGES + ".。"


def normal(text: str) -> str:
    """The form in which texts are compared.

    Unicode NFKC, case-folded, runs of white space as one space, and surrounding quotes, Markdown
    marks and a closing period removed.

    Args:
        text: Any text.

    Returns:
        The normal form; never empty when `text` holds more than white space.
    """
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    if "\\" in folded:
        folded = _WRAPPED.sub(r"\1", folded)
    bare = folded.lstrip(_EDGES + "#>").rstrip(_ENDS)
    return bare or folded


@lru_cache(maxsize=65536)
def _accepted(answers: tuple[str, ...]) -> frozenset[str]:
    return frozenset(normal(answer) for answer in answers)


def exact(target: Target, text: str) -> Reading:
    """Compare the whole answer with every right text; there is no credit for a part.

    The answer is what a box or an explicit mark holds, else the whole reply when that is one line
    or at most 200 characters (see `extract`).

    Args:
        target: `answers` are the right texts.
        text: A reply without reasoning.
    """
    accepted = _accepted(target.answers)
    reply = text.strip()
    whole = normal(reply) if len(reply) <= _LONGEST_REPLY or "\n" not in reply else ""
    if whole in accepted:
        return Reading(answer=whole, correct=True, ends_at=len(text))
    for start, end in explicit_places(text):
        said = normal(text[start:end])
        if not said:
            continue
        # "St. Petersburg": a period inside an answer must not cut it.
        line = normal(text[start:].partition("\n")[0]) if text[end : end + 1] == "." else said
        said = line if line in accepted else said
        return Reading(answer=said, correct=said in accepted, explicit=True, ends_at=end)
    if not whole or refuses(reply):
        return Reading(answer=None)
    return Reading(answer=whole, ends_at=len(text))
