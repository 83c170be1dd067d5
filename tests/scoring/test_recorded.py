"""The scorer of imported answers gives back what was recorded."""

from __future__ import annotations

import msgspec
import pytest

from modelmetry.items import Target, installed
from modelmetry.models import Recorded, Response
from modelmetry.scoring import ReplyScorer, score
from modelmetry.scoring.recorded import recorded

TARGET = Target(answers=("Paris",))
CASES = [
    Recorded(value=0.25, answer="Rome"),
    Recorded(value=0.0, outcome="truncated", reason="cut at a limit"),
    Recorded(value=None, outcome="instrument failed", reason="boom"),
]


@pytest.mark.parametrize("mark", CASES)
def test_what_was_recorded(mark: Recorded) -> None:
    """Value, outcome, reason and answer, whatever the text says, also after a round trip in JSON."""
    response = Response(request_key="k", text="Paris", finish="stop", recorded=mark)
    again = msgspec.json.decode(msgspec.json.encode(response), type=Response)
    assert again == response
    found = score(recorded, TARGET, again)
    assert (found.value, found.outcome, found.reason, found.answer) == (
        *(mark.value, mark.outcome, mark.reason, mark.answer),
    )


def test_nothing_recorded() -> None:
    """An answer without a record is unscored, and so is one that failed; neither is wrong."""
    assert isinstance(recorded, ReplyScorer)
    plain = Response(request_key="k", text="Paris", finish="stop")
    assert score(recorded, TARGET, plain).outcome == "instrument failed"
    failed = Response(
        request_key="k", text=None, finish="error", error="503", recorded=Recorded(value=1.0)
    )
    assert score(recorded, TARGET, failed).reason == "503"
    assert recorded(TARGET, "Paris").answer is None


def test_our_own_answers_are_stored_as_before() -> None:
    """What no other harness recorded takes no room in a run, and no suite can name the scorer."""
    plain = Response(request_key="k", text="Paris", finish="stop")
    assert b"recorded" not in msgspec.json.encode(plain)
    assert "recorded" not in installed("scorers")
