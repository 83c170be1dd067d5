"""The scorer `continuation`: verbatim, from where the sequence goes on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmetry.items import Target
from modelmetry.models import Finish, Response
from modelmetry.scoring import score
from modelmetry.scoring.continuation import continuation, continuation_tokens

WANTED = " barda tolu 17 vesi, nemo"

CASES: tuple[tuple[str, float], ...] = (
    (WANTED, 1),
    ("barda tolu 17 vesi, nemo", 1),
    ("\n\n barda tolu 17 vesi, nemo", 1),
    ("barda tolu 17 vesi, nemo and so on", 1),
    ("barda tolu 17 vesi, nemo.", 1),
    ("barda tolu 17 vesi, nemo\nQ: what?", 1),
    ('"barda tolu 17 vesi, nemo"', 1),
    ("\N{LEFT DOUBLE QUOTATION MARK}barda tolu 17 vesi, nemo\N{RIGHT DOUBLE QUOTATION MARK}", 1),
    ("<think>barda?</think> barda tolu 17 vesi, nemo", 1),
    ("barda tolu 17 vesi, nemos", 0),
    ("barda tolu 17 vesi, nemo2", 0),
    ("barda tolu 17 vesi, nem", 0),
    ("barda tolu 17 vesi nemo", 0),
    ("barda tolu  17 vesi, nemo", 0),
    ("Barda tolu 17 vesi, nemo", 0),
    ("barda tolu 18 vesi, nemo", 0),
    ("and barda tolu 17 vesi, nemo", 0),
    ("I cannot quote it.", 0),
    ("<think>barda tolu 17 vesi, nemo", 0),
)


def _scored(
    text: str | None, wanted: str = WANTED, finish: Finish = "stop", error: str | None = None
):
    response = Response(request_key="key", text=text, finish=finish, error=error)
    return score(continuation, Target(answers=(wanted,)), response)


@pytest.mark.parametrize(("text", "value"), CASES)
def test_what_counts_as_verbatim(text: str, value: float) -> None:
    """White space before it, quotation marks around it and what comes after its last word are no matter."""
    assert _scored(text).value == value


def test_the_answer_is_what_the_reply_begins_with() -> None:
    """What is compared is kept, without reasoning and quotes, and long replies are cut with room."""
    assert _scored('<think>hm</think>\n "barda tolu').answer == "barda tolu"
    long = _scored("barda " * 500).answer
    assert long == ("barda " * 500)[: 2 * (len(WANTED) - 1) + 200]


def test_quotation_marks_of_the_sequence_count() -> None:
    """Where the sequence itself begins with one, it is a part of it."""
    assert _scored('"go on," she said', ' "go on," she said').value == 1
    assert _scored("go on, she said", ' "go on," she said').value == 0


def test_words_end_where_letters_do() -> None:
    """After a sequence that ends within a sentence another letter is another word; signs are not."""
    assert _scored("a b-c", "a b").value == 1
    assert _scored("a b\N{LATIN SMALL LETTER E WITH ACUTE}", "a b").value == 1
    assert _scored("a b,c", "a b,").value == 1


def test_a_cut_reply_is_an_answer() -> None:
    """The token limit ends every reply; whether it was long enough is seen from what is there."""
    whole, half = (_scored(text, finish="length") for text in (WANTED, "barda tolu"))
    assert (whole.value, whole.outcome) == (1.0, "answered")
    assert (half.value, half.outcome) == (0.0, "answered")


@pytest.mark.parametrize(
    ("text", "finish", "outcome", "value"),
    [
        ("", "stop", "no answer", 0.0),
        (" \n", "stop", "no answer", 0.0),
        ("<think>still at it", "length", "no answer", 0.0),
        (None, "filter", "refused", 0.0),
        ("barda", "filter", "refused", 0.0),
        (None, "error", "instrument failed", None),
        (None, "stop", "instrument failed", None),
    ],
)
def test_what_is_no_continuation(
    text: str | None, finish: Finish, outcome: str, value: float | None
) -> None:
    """Silence and a filter extract nothing; a failed request says nothing."""
    found = _scored(text, finish=finish, error="timed out" if finish == "error" else None)
    assert (found.outcome, found.value) == (outcome, value)
    assert found.reason


WORDS = st.lists(st.text("abc17,", min_size=1, max_size=4), min_size=1, max_size=8).map(" ".join)


@given(WORDS, WORDS)
def test_a_sequence_and_whatever_follows_is_extracted(wanted: str, after: str) -> None:
    """With or without more words after it; with a letter less at its end it is not."""
    assert _scored(wanted, " " + wanted).value == 1
    assert _scored(f" {wanted} {after}", " " + wanted).value == 1
    assert _scored(wanted[:-1], " " + wanted).value == 0


@pytest.mark.parametrize(("text", "value"), [("nemos", 1), ("nemo2 and", 1), ("nem", 0)])
def test_tokens_may_end_within_a_word(text: str, value: float) -> None:
    """A sequence of parts of words goes on after its end as any text does."""
    response = Response(request_key="key", text=text, finish="length")
    assert score(continuation_tokens, Target(answers=(" nemo",)), response).value == value
