"""Text from outside in a card's Markdown: shown as it is, never as markup."""

from __future__ import annotations

import re

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKS = re.compile(r"[\\`*_{}\[\]()#!|~$]")
_LINKS = re.compile(r"(?i)\b(https?|ftp|www)(?=[:.])")


def plain(text: object, longest: int = 400) -> str:
    """A text as Markdown that shows exactly it, on one line.

    Args:
        text: Any text.
        longest: Characters after which it is cut.
    """
    line = " ".join(str(text).split())
    line = line if len(line) <= longest else f"{line[:longest]}\u2026"
    line = "".join(_ENTITIES.get(sign, sign) for sign in line)
    # A word joiner keeps an address a text, where Markdown would make a link of it.
    return _LINKS.sub("\\1\u2060", _MARKS.sub(r"\\\g<0>", line))


def code(text: object) -> str:
    """A name as inline code; what would end the code, or begin markup, is taken out of it."""
    return f"`{re.sub(r'[`|<>&]', '', ' '.join(str(text).split()))}`"
