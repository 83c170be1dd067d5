"""What the scorer `exact` takes for the same text."""

from __future__ import annotations

import pytest

from modelmetry.items import Target
from modelmetry.scoring.exact import exact, normal

PARIS = Target(answers=("Paris", "City of Light"))


@pytest.mark.parametrize(
    "text",
    [
        "Paris",
        " paris.\n",
        "**PARIS**",
        '"Paris"',
        "“Paris.”",
        "`Paris`",
        "# Paris",
        "city  of\nlight",
        "\uff30\uff41\uff52\uff49\uff53",
        "Answer: Paris",
        "The answer is Paris. It is the capital.",
        "**Answer:** *Paris*",
        r"\boxed{\text{Paris}}",
        "Rome? No.\nFinal answer: Paris",
    ],
)
def test_same(text: str) -> None:
    """Case, width, spacing, quotes, Markdown and a closing period do not matter."""
    reading = exact(PARIS, text)
    assert reading.correct
    assert reading.answer in {"paris", "city of light"}


@pytest.mark.parametrize(
    "text",
    ["Pari", "Paris, France", "The capital is Paris", "Paris or Rome", "Answer: Parisian", "Rome"],
)
def test_different(text: str) -> None:
    """A text that holds the right one, or is part of it, is another text."""
    reading = exact(PARIS, text)
    assert not reading.correct
    assert reading.answer == normal(text.removeprefix("Answer: "))


def test_periods_inside() -> None:
    """A period inside a right answer does not cut it."""
    assert exact(Target(answers=("St. Gallen",)), "The answer is St. Gallen.").correct


def test_long_replies_without_a_mark() -> None:
    """Many lines without a mark hold no answer to compare."""
    assert exact(PARIS, "Paris is a city.\n" * 20).answer is None


@pytest.mark.parametrize("text", ["a", ".", '"', "  x  y ", "\\text{a}", "***", "\ufb01", "ß"])
def test_normal_form_is_stable(text: str) -> None:
    """The normal form is its own normal form, and is not empty."""
    assert normal(normal(text)) == normal(text) != ""
