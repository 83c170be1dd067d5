"""The scorers `continuation` and `continuation-tokens`: the reply goes on exactly as the sequence does."""

from __future__ import annotations

from dataclasses import dataclass

from modelmetry.items import Target
from modelmetry.models import Response
from modelmetry.scoring.extract import strip_reasoning
from modelmetry.scoring.score import Reading, Score

_EDGES = " \t\r\n"
_QUOTES = "\"'`\u201c\u201d\u2018\u2019\u00ab\u00bb"


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """Verbatim continuation after Carlini et al. (arXiv 2202.07646): all of it, or nothing.

    White space before the reply is passed over, and so are quotation marks around it where the
    sequence has none. A reply may go on after the sequence's end, and be cut off there: what counts
    is what it begins with.

    Attributes:
        words: Whether it must end where a word ends, so that 12 is not found in 120. A sequence of
            tokens that are parts of words may itself end within one.
    """

    words: bool = True

    def __call__(self, target: Target, text: str) -> Reading:
        """Read a reply, from which reasoning has been removed."""
        wanted = target.answers[0].strip(_EDGES)
        said = begun(text, wanted)
        return Reading(
            answer=said[: 2 * len(wanted) + 200] or None,  # what is compared, with room to spare
            correct=continues(said, wanted, words=self.words),
            ends_at=len(text) if said else -1,
        )

    def score(self, target: Target, response: Response) -> Score:
        """Score a reply: what is not there or is something else is not extracted.

        A reply cut at the token limit is an answer like any, since nobody can go on for ever.
        """
        if response.finish == "error" or (response.text is None and response.finish != "filter"):
            reason = response.error or "no text came back"
            return Score(value=None, outcome="instrument failed", reason=reason)
        if response.finish == "filter" or response.text is None:
            return Score(value=0.0, outcome="refused", reason="withheld by a content filter")
        reading = self(target, strip_reasoning(response.text))
        if reading.answer is None:
            return Score(value=0.0, outcome="no answer", reason="empty text")
        answer = reading.answer.encode("utf-8", "replace").decode()
        return Score(value=float(reading.correct), outcome="answered", answer=answer)


def begun(text: str, wanted: str) -> str:
    """A reply from its first letter on, without quotation marks that the sequence has not."""
    said = text.lstrip(_EDGES)
    if said[:1] in _QUOTES and said[:1] != wanted[:1]:
        said = said.lstrip(_QUOTES).rstrip(_EDGES + _QUOTES)
    return said


def continues(said: str, wanted: str, *, words: bool) -> bool:
    """Whether a reply begins with a text; of words, with no ASCII letter or digit going on after it."""
    if not said.startswith(wanted):
        return False
    rest = said[len(wanted) :][:1]
    inside = rest.isascii() and rest.isalnum() and wanted[-1:].isascii() and wanted[-1:].isalnum()
    return not (words and inside)


continuation = Continuation()
"""For sequences of whole words."""

continuation_tokens = Continuation(words=False)
"""For sequences of tokens of any kind."""
