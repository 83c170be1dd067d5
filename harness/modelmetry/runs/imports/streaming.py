"""A large JSON object read member by member, and one of its arrays element by element."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TextIO

_CHUNK = 1 << 18
_SPACE = " \t\r\n"


def members(file: TextIO, streamed: str) -> Iterator[tuple[str, Any]]:
    """(key, value) of the object that a file holds, in the file's order.

    Args:
        file: Its text.
        streamed: The key of an array whose elements come one by one, each under that key.

    Raises:
        ValueError: It is not such JSON.
    """
    text = _Text(file)
    text.expect("{")
    if text.ahead() == "}":
        return
    while True:
        key = text.key()
        text.expect(":")
        if key == streamed and text.ahead() == "[":
            for element in _elements(text):
                yield key, element
        else:
            yield key, text.value()
        if text.ahead() == "}":
            return
        text.expect(",")


def _elements(text: _Text) -> Iterator[Any]:
    text.expect("[")
    if text.ahead() == "]":
        text.expect("]")
        return
    while True:
        yield text.value()
        if text.ahead() == "]":
            text.expect("]")
            return
        text.expect(",")


class _Text:
    """A text of which no more is held than the value that is being read needs."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text = ""
        self._at = 0
        self._ended = False
        self._decode = json.JSONDecoder().raw_decode

    def ahead(self) -> str:
        """The next character that is no white space; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._more()

    def expect(self, character: str) -> None:
        """Pass over a character."""
        found = self.ahead()
        if found != character:
            raise ValueError(f"{character!r} expected, found {found!r}" if found else "cut short")
        self._at += 1

    def key(self) -> str:
        """The next value, which must be a text."""
        if self.ahead() != '"':
            raise ValueError("a key in quotation marks expected")
        return self.value()

    def value(self) -> Any:
        """The next value, NaN and infinities included."""
        self.ahead()
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._ended:
                    raise ValueError(f"not JSON, or cut short ({error.msg})") from error
            else:
                # A number goes on until something else is seen.
                if self._ended or not isinstance(value, int | float) or self._over(end):
                    self._at = end
                    return value
            self._more()

    def _over(self, end: int) -> bool:
        return self._text[end : end + 1] in (*_SPACE, ",", "]", "}")

    def _more(self) -> None:
        rest = self._text[self._at :]
        # Twice as much each time, so that a long value is not tried again and again.
        piece = self._file.read(max(_CHUNK, len(rest)))
        self._text, self._at, self._ended = rest + piece, 0, not piece
