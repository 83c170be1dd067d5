"""What the scorer `number` reads, and what it must not."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.items import Target
from modelmetry.scoring.number import number
from modelmetry.scoring.numerals import parse, shown

WRITTEN = [
    ("12", 12),
    ("012", 12),
    ("+12", 12),
    ("-12", -12),
    ("\N{MINUS SIGN}12", -12),
    ("\N{EN DASH}12", -12),
    ("\uff11\uff12", 12),
    ("12.50", Fraction(25, 2)),
    (".5", Fraction(1, 2)),
    ("1,234", 1234),
    ("1_234", 1234),
    ("1 234 567", 1234567),
    ("1\u202f234.5", Fraction(2469, 2)),
    ("1{,}234", 1234),
    ("3/4", Fraction(3, 4)),
    ("-3/4", Fraction(-3, 4)),
    ("1 3/4", Fraction(7, 4)),
    ("¾", Fraction(3, 4)),
    ("1½", Fraction(3, 2)),
    (r"\frac{3}{4}", Fraction(3, 4)),
    (r"-\dfrac{3}{4}", Fraction(-3, 4)),
    ("1.5e3", 1500),
    ("1.5E-1", Fraction(3, 20)),
    ("1.5 \N{MULTIPLICATION SIGN} 10^3", 1500),
    (r"1.5 \times 10^{-1}", Fraction(3, 20)),
    ("2 x 10³", 2000),
    ("50%", Fraction(1, 2)),
    (r"12.5\%", Fraction(1, 8)),
    ("$12", 12),
    ("-$12", -12),
    ("twelve", 12),
    ("forty-two", 42),
]


@pytest.mark.parametrize(("text", "value"), WRITTEN)
def test_notations(text: str, value: Fraction) -> None:
    """Each notation has exactly its value."""
    assert parse(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "12th", "1740s", "0x12", "1.2.3", "2024-01-02", "x12", "GPT4", "3/0", "mod 29", "12 13"],
)
def test_no_numerals(text: str) -> None:
    """What looks like a number but is none, or is several, has no value."""
    assert parse(text) is None


READ = [
    # (text, what is read)
    ("12", "12"),
    (" 12\n", "12"),
    ("07", "7"),
    ("12.", "12"),
    ("**12**", "12"),
    ("_12_", "12"),
    ("$12$", "12"),
    (r"\(12\)", "12"),
    ("12.0", "12"),
    ("24/2", "12"),
    ("= 12", "12"),
    ("116", "116"),
    ("12 apples", "12"),
    ("12kg", "12"),
    ("Sure! 5 + 7 = 12 😊", "12"),
    ("5+7=12", "12"),
    ("5 * 5 = 25", "25"),
    ("25 = 5 * 5", "25"),
    ("12 = 5 + 7", "12"),
    ("5 + 7 = 10 + 2 = 12", "12"),
    ("5 and 7 make 12", "12"),
    ("12 is greater than 5", "12"),
    ("12, not 13", "12"),
    ("It isn't 13. It is 12.", "12"),
    ("The number after 11 is 12.", "12"),
    ("12 (since 5 + 7 = 12)", "12"),
    ("5·3 + 26 = 41 ≡ 12 (mod 29)", "12"),
    (r"41 \equiv 12 \pmod{29}", "12"),
    ("41 mod 29 = 12", "12"),
    ("12\n\nTo see this, add 5 and 7.", "12"),
    ("Step 1: add 5 and 7.\nStep 2: write it down.\n12", "12"),
    ("5 + 7 equals 12.\n#### 12", "12"),
    ("The answer is 12.", "12"),
    ("The answer to 5 + 7 is 12, as 7 + 5 is.", "12"),
    ("The correct answer would be 12", "12"),
    ("Answer: 12\nBecause 5 + 7 is that. Now try 6 + 8!", "12"),
    ("**Answer:** 12", "12"),
    ("**Final Answer**\n\n12\n\nDone in 2 steps", "12"),
    ("## Answer\n12\n\nand 13 is too much", "12"),
    ("The answer is:\n\n$$12$$\n\nas 5 + 8 is 13", "12"),
    ("Final Answer: The final answer is $12$. I hope it is correct.", "12"),
    ("Answer: 11. Wait, 4 + 7 is 11. Answer: 12", "12"),
    ("The answer is not 11 but 12", "12"),
    ("The answer is 5 + 7 = 12", "12"),
    ("The answer is obvious: 12", "12"),
    ("The answer is twelve.", "12"),
    ("Twelve", "12"),
    (r"\boxed{12}, and 13 would be wrong", "12"),
    (r"\boxed{11} no, \boxed{12}", "12"),
    (r"\boxed{12} is my answer: 13 is not", "12"),
    (r"\boxed{\text{12 apples}}", "12"),
    (r"\boxed{\frac{24}{2}}", "12"),
    (r"\boxed{5 + 7 = 12}", "12"),
    ("5 + 7 = 12\n\nThat is a dozen, or 2 times 6.", "12"),
    ("2 * 4 = 8\n8 + 4 = 12", "12"),
    ("1) 5 + 7\n2) 12", "12"),
    ("Step 2: 12", "12"),
    ("The rows are\n5\n12 is the last", "12"),
    ("Answer: 1,234.50", "1234.5"),
    ("Answer: -5", "-5"),
    ("so x = 1/3", "1/3"),
    ("12%", "0.12"),
]


@pytest.mark.parametrize(("text", "answer"), READ)
def test_reads(text: str, answer: str) -> None:
    """The number that the precedence table points at is read, in normal form."""
    reading = number(Target(answers=("12",)), text)
    assert (answer, answer == "12") == (reading.answer, reading.correct)


@pytest.mark.parametrize(
    "text",
    [
        "16 or 17",
        "The answer is 16 or 17.",
        "Answer: either 16, or maybe 17",
        "between 16 and 17",
        r"\boxed{16 \text{ or } 17}",
        "16, 17",
        "16 17",
        "3,14",
        "16\nthat is\n17",
        "16. 17",
        "16:17",
        "16,1234",
        "(16) or (17)",
    ],
)
def test_two_answers(text: str) -> None:
    """Two different numbers at the place that decides cannot be read as one."""
    reading = number(Target(answers=("16",)), text)
    assert reading.ambiguous.startswith("two answers: ")
    assert reading.answer is None


def test_same_answer_twice() -> None:
    """The same number in two notations is one answer."""
    assert number(Target(answers=("0.5",)), "1/2 or 0.50").correct


@pytest.mark.parametrize(
    "text", ["", "I don't know", "x", "the 12th", "x_12", "not 12", "12 - 5", "5 + 7", "\0"]
)
def test_no_answer(text: str) -> None:
    """A text without a number that could be its answer has none."""
    assert number(Target(answers=("12",)), text).answer is None


@pytest.mark.parametrize(
    ("text", "explicit", "rest"),
    [("12", False, ""), ("Answer: 12 apples", True, " apples"), (r"\boxed{12}.", True, "}.")],
)
def test_explicit(text: str, explicit: bool, rest: str) -> None:
    """A reading says whether the text marked its answer, and where the answer ends."""
    reading = number(Target(answers=("12",)), text)
    assert (explicit, rest) == (reading.explicit, text[reading.ends_at :])


@pytest.mark.parametrize(
    ("target", "right", "wrong"),
    [
        (Target(answers=("1",), tolerance=0.3), ["0.7", "1.3", "1 3/10"], ["1.31", "0.69"]),
        (Target(answers=("50",), interval=(43, 99)), ["43", "99", "50.5"], ["42", "100"]),
        (Target(answers=("0.1",)), ["1/10", "10%", ".1"], ["0.1000001", "1/9"]),
        (Target(answers=("1/3",)), ["2/6"], ["0.333333333333333333"]),
        (Target(answers=("3", "5")), ["3", "5"], ["4", "35"]),
        (Target(answers=("0",), interval=(float("-inf"), 0.0)), ["-7"], ["7"]),
    ],
)
def test_targets(target: Target, right: list[str], wrong: list[str]) -> None:
    """Tolerance and interval include their ends as written in decimals; all else is exact."""
    assert all(number(target, text).correct for text in right)
    assert not any(number(target, text).correct for text in wrong)


def test_very_long_numbers() -> None:
    """Numbers beyond Python's limit of 4,300 digits are compared exactly, and never raise."""
    digits = "7" * 10_000
    target = Target(answers=(digits,))
    assert number(target, f"The answer is {digits}.").correct
    assert not number(target, digits[:-1] + "8").correct
    assert not number(target, "1e999999999999").correct
    assert number(Target(answers=("1e999999999",)), "1e999999999").correct


@given(st.fractions(max_denominator=10**6) | st.integers() | st.decimals(-(10**9), 10**9))
@settings(deadline=None, max_examples=50)
def test_normal_form_is_read_back(value: Fraction | int | Decimal) -> None:
    """The normal form of a value has that value, and an oracle that writes it is right."""
    exact = Fraction(value)
    assert parse(shown(exact)) == exact
    assert number(Target(answers=(str(value),)), f"I say {shown(exact)}").correct


@given(st.integers(0, 10**6), st.integers(0, 10**6))
@settings(deadline=None, max_examples=50)
def test_no_credit_for_a_part(right: int, said: int) -> None:
    """Only the number itself is right, whatever digits it shares."""
    assert number(Target(answers=(str(right),)), f"{said}.").correct == (right == said)
    assert not number(Target(answers=(str(right),)), f"{right}1").correct
