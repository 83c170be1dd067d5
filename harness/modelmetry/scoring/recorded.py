"""The scorer of imported runs: an answer is worth what the log it was read from says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from msgspec import UnsetType

from modelmetry.items import Target
from modelmetry.models import Response
from modelmetry.scoring.score import Outcome, Reading, Score


@dataclass(frozen=True, slots=True, kw_only=True)
class AsRecorded:
    """Gives back what another harness recorded with an answer; reads nothing out of the text.

    It is no entry point, as no suite can name it: only imported answers carry a record.
    """

    def __call__(self, target: Target, text: str) -> Reading:
        """No text tells what was recorded."""
        return Reading(answer=None, ambiguous="a text alone does not tell what was recorded")

    def score(self, target: Target, response: Response) -> Score:
        """The recorded score; where there is none, the instrument failed."""
        found = response.recorded
        if response.error is not None:
            return Score(value=None, outcome="instrument failed", reason=response.error)
        if isinstance(found, UnsetType):
            reason = "no score was recorded with the answer"
            return Score(value=None, outcome="instrument failed", reason=reason)
        return Score(
            value=found.value,
            outcome=cast("Outcome", found.outcome),
            reason=found.reason,
            answer=found.answer,
        )


recorded = AsRecorded()
"""The one there is."""
