"""Where reasoning ends and answers stand."""

from __future__ import annotations

import pytest

from modelmetry.scoring.extract import explicit_places, outer_lines, strip_reasoning


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("12", "12"),
        ("<think>5</think>12", "12"),
        ("<think>\n5 or 6\n</think>\n\n12", "\n\n12"),
        ("<THINKING>5</THINKING>12", "12"),
        ("<reasoning>5</reasoning>12<thought>6</thought>!", "12!"),
        ("5 + 7 is... </think>12", "12"),
        ("<think>5 + 7 is", ""),
        ("12<think>hm", "12"),
        ("<think>a<think>b</think>c</think>12", "12"),
        ("<think>I may use <think> here</think>12", "12"),
        ("x<think>a</think>b</think>12", "12"),
        ("<think></think>", ""),
        ("3 < 5 and <b>12</b>", "3 < 5 and <b>12</b>"),
        ("<thinker>12", "<thinker>12"),
    ],
)
def test_strip_reasoning(text: str, left: str) -> None:
    """Closed blocks go, what an unopened block closes goes, an open block lasts to the end."""
    assert left == strip_reasoning(text)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("12", []),
        ("so x = 12", []),
        (r"\boxed{12}", ["12"]),
        (r"\boxed{1} \boxed{\frac{1}{2}}", [r"\frac{1}{2}"]),
        (r"\boxed{a \} b}", [r"a \} b"]),
        (r"\boxed{12} \boxed{1", ["12"]),
        ("Answer: 12", ["12"]),
        ("ANSWER = 12", ["12"]),
        ("Ans: 12", ["12"]),
        ("The answer is 12. And 13.", ["12"]),
        ("The answer is\n\n12\n13", ["12"]),
        ("answer: 1\nfinal answer: 2", ["2", "1"]),
        (r"answer: 1 \boxed{2}", ["2", r"1 \boxed{2}"]),
        ("**Answer**\n\n12\n13", ["12"]),
        ("I gave the answer\n12", []),
        ("the answers: 12", []),
        ("Is the answer 12?", []),
    ],
)
def test_explicit_places(text: str, places: list[str]) -> None:
    """The last box comes first, then marks from the last to the first."""
    assert places == [text[start:end] for start, end in explicit_places(text)]


@pytest.mark.parametrize(
    ("text", "lines"),
    [("", []), (" \n", []), (" a \n", ["a"]), ("\na\nb\nc\n\n", ["a", "c"])],
)
def test_outer_lines(text: str, lines: list[str]) -> None:
    """Blank lines around a reply do not count."""
    assert lines == [text[start:end] for start, end in outer_lines(text)]
