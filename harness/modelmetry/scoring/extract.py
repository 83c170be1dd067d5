r"""The rules that find the place in a text where its answer stands.

Reasoning is removed first. Then the first row that holds an answer decides; a later row is never
asked to overrule an earlier one.

| # | place                                                          | explicit | read by          |
|---|----------------------------------------------------------------|----------|------------------|
| 1 | the last closed `\boxed{...}`                                  | yes      | all              |
| 2 | the last mark: "answer: X", "final answer: X", "answer is X", a heading "Answer" | yes | all |
| 3 | the whole reply, or its first or last line, when it is nothing but an answer | no | all       |
| 4 | the last number, or the last option named                      | no       | number, choice   |

"= X" is no mark. In rows 1 and 2 the first phrase of the place counts, in row 4 the last. A place
that names two different answers ("16 or 17"), or a first and a last line that differ, makes the text
ambiguous; see `phrases`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

_TAG = re.compile(r"<(/?)(?:think|thinking|thought|reasoning)\s*>", re.IGNORECASE)

_BRACE = re.compile(r"\\[{}]|\\(?:boxed|fbox)\s*\{|[{}]")

_MARK = re.compile(
    r"""\bans(?:wer)?\b
        (?:\s{1,8}(?:to|for|of)\s[^.\n:=]{1,60}?(?=\sis\b))?   # the answer to 5 + 7 is
        [*_`"')\s]{0,8}
        (?: \b(?:is|was|(?:would|should|must|will)\ be)\b | :=? | = | -> | → )
      | ^[\#*_>\ \t]{0,8}(?:(?:the|my|final)\ ){0,2}answer[*_:\ \t]{0,8}$   # a heading
    """,
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)

# A text with more marks than this is no honest answer, and looking at each would take long.
_MOST_MARKS = 100

_LEAD = re.compile(r"(?:[\s*_#>`$:]|\\[\[(])*+")

# Two word characters before the stop, so that "A. Monday" is not cut after its letter.
_STOP = re.compile(r"\n|(?<=\w\w)[.!?](?=\s|$)")


class Place(NamedTuple):
    """Where an explicit answer stands: the offsets of its first and past its last character."""

    start: int
    end: int


def strip_reasoning(text: str) -> str:
    """Remove reasoning between `<think>`, `<thinking>`, `<thought>` or `<reasoning>` tags.

    A text that only closes a block started inside it, and is dropped up to there; a block that is
    not closed lasts to the end, so nothing after it is an answer.

    Args:
        text: Any text.

    Returns:
        What is left; the same text when it has no tags.
    """
    if "<" not in text:
        return text
    kept: list[str] = []
    position, inside = 0, False
    for tag in _TAG.finditer(text):
        if not tag[1] and not inside:
            kept.append(text[position : tag.start()])
            inside = True
        elif tag[1]:
            # Closed without having been opened: the chat template had opened it.
            if not inside:
                kept.clear()
            position, inside = tag.end(), False
    if not inside:
        kept.append(text[position:])
    return "".join(kept)


def explicit_places(text: str) -> Iterator[Place]:
    """The places of rows 1 and 2, strongest first: the last box, then marks from last to first.

    The place of a mark ends with its line or sentence, or where the next mark starts; only the
    last hundred marks are looked at.

    Args:
        text: A text without reasoning.
    """
    box = _last_box(text)
    if box is not None:
        yield box
    if "ns" not in text and "NS" not in text:
        return
    end = len(text)
    for mark in reversed(deque(_MARK.finditer(text), _MOST_MARKS)):
        lead = _LEAD.match(text, mark.end(), end)
        start = lead.end() if lead else mark.end()
        stop = _STOP.search(text, start, end)
        yield Place(start, stop.start() if stop else end)
        end = mark.start()


def _last_box(text: str) -> Place | None:
    if "box" not in text:
        return None
    last = None
    opened: list[int] = []
    for brace in _BRACE.finditer(text):
        if brace[0] == "{":
            opened.append(-1)
        elif brace[0][-1] == "{" and len(brace[0]) > 2:
            opened.append(brace.end())
        elif brace[0] == "}" and opened:
            start = opened.pop()
            if start >= 0:
                last = Place(start, brace.start())
    return last


def outer_lines(text: str) -> list[Place]:
    """The places of row 3: the first and the last line that are not blank, or the only one."""
    reply = text.strip()
    if not reply:
        return []
    start = text.index(reply[0])
    end = start + len(reply)
    first, last = text.find("\n", start, end), text.rfind("\n", start, end)
    if first < 0:
        return [Place(start, end)]
    return [Place(start, first), Place(last + 1, end)]
