"""What the scorer `choice` reads, and what it must not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.items import Target
from modelmetry.scoring.choice import choice

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
THURSDAY = Target(answers=("Thursday",), choices=DAYS)

NAMED = [
    "Thursday",
    "thursday",
    " THURSDAY!\n",
    "**Thursday**",
    '"Thursday."',
    "D",
    "d",
    "D.",
    "D)",
    "(D)",
    "(d)",
    "d)",
    "**D**",
    "D. Thursday",
    "D) Thursday",
    "D: Thursday",
    "(D) Thursday",
    "D - Thursday",
    "Thursday (D)",
    "D. Thursday\n\nMonday plus three days.",
    "Thursday\n\nAfter Monday come Tuesday, Wednesday and Thursday.",
    "Option D",
    "So it must be D.",
    "D is correct",
    "Answer: D",
    "answer: d",
    "Answer: D because it follows Wednesday",
    "The answer is (D), not (A).",
    "The answer is **Thursday**.",
    "The answer is a Thursday",
    r"\boxed{D}",
    r"\boxed{\text{Thursday}}",
    r"\boxed{\text{(D) Thursday}}",
    "Three days after Monday is Thursday.",
    "Thursday is three days from Monday.",
    "Thursday, not Monday",
    "I think not Monday but Thursday",
    "Monday → Tuesday → Wednesday → Thursday",
    "Monday + 3 days = Thursday",
    "Answer: Monday + 3 days = Thursday",
    "A) Monday B) Tuesday C) Wednesday D) Thursday\nAnswer: D",
    "I would say thursday.",
]


@pytest.mark.parametrize("text", NAMED)
def test_names_the_right_option(text: str) -> None:
    """A reply names an option by its text or its letter."""
    reading = choice(THURSDAY, text)
    assert (reading.answer, reading.correct) == ("Thursday", True)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Monday", "Monday"),
        ("A", "Monday"),
        ("It is A because", "Monday"),
        ("Answer: G", "Sunday"),
        ("Not Thursday but Friday.", "Friday"),
    ],
)
def test_names_a_wrong_option(text: str, answer: str) -> None:
    """A wrong option is read as itself."""
    reading = choice(THURSDAY, text)
    assert (answer, False) == (reading.answer, reading.correct)


@pytest.mark.parametrize(
    "text",
    ["", "H", "I don't know", "A week has seven days", "Thursdays", "xThursday", "Thurs", "not D"],
)
def test_names_none(text: str) -> None:
    """Articles, plurals and parts of words name no option."""
    assert choice(THURSDAY, text).answer is None


@pytest.mark.parametrize(
    "text",
    [
        "Thursday or Friday",
        "A. Thursday",
        "(A) Thursday",
        "The answer is D or E",
        r"\boxed{D, E}",
        "Monday, Tuesday, Wednesday, Thursday",
        "Thursday\nis my answer, or\nFriday",
    ],
)
def test_two_answers(text: str) -> None:
    """Two different options at the place that decides cannot be read as one."""
    reading = choice(THURSDAY, text)
    assert reading.ambiguous.startswith("two answers: ")
    assert reading.answer is None


def test_permuted_options() -> None:
    """A letter means the option shown at its place, in whatever order they stand."""
    shuffled = Target(answers=("Thursday",), choices=("Sunday", "Thursday", "Monday"))
    assert choice(shuffled, "B").correct
    assert not choice(shuffled, "C").correct
    assert choice(shuffled, "B. Thursday").correct


def test_options_that_are_letters() -> None:
    """Where options are letters themselves, a letter means the option, not its place."""
    target = Target(answers=("A",), choices=("B", "A", "C"))
    assert choice(target, "A").correct
    assert not choice(target, "The answer is B").correct


def test_options_that_are_numbers() -> None:
    """A numeric option is not found inside another number."""
    target = Target(answers=("16",), choices=("16", "116", "-16", "1.6"))
    assert choice(target, "It is 16.").correct
    for other in ("116", "-16", "1.6"):
        assert other == choice(target, f"It is {other}.").answer
    assert choice(target, "It is 16.5").answer is None


def test_options_within_options() -> None:
    """The longest option at a place is the one named."""
    target = Target(answers=("New York",), choices=("York", "New York", "New York City"))
    assert choice(target, "I go to New York").correct
    assert choice(target, "I go to New York City").answer == "New York City"


def test_case_tells_a_month_from_a_verb() -> None:
    """An option as it is written goes before one in other case."""
    target = Target(answers=("June",), choices=("May", "June"))
    assert choice(target, "June, but it may vary").correct
    assert choice(target, "it's june").correct


def test_folded_options_stay_apart() -> None:
    """Options that differ only in case are told apart by it."""
    target = Target(answers=("ab",), choices=("AB", "ab"))
    assert choice(target, "ab").correct
    assert not choice(target, "AB").correct


WORDS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1)


@given(st.lists(WORDS, min_size=1, max_size=9, unique=True), st.data())
@settings(deadline=None, max_examples=50)
def test_every_option_is_read_as_itself(options: list[str], data: st.DataObject) -> None:
    """Whatever the options are, the text of one names that one."""
    right = data.draw(st.sampled_from(options))
    said = data.draw(st.sampled_from(options))
    target = Target(answers=(right,), choices=tuple(options))
    assert choice(target, said).answer == said
    assert choice(target, said).correct == (said == right)
