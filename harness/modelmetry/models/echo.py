"""The echoing query of the OpenAI wire: log-probabilities of a text that the server is sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from typing import Any

from modelmetry.models import faults, wire
from modelmetry.models.wire import Reply

PATH = "/completions"

_NOT_HERE = (400, 415, 422, 500, 501)
_REFUSES = re.compile(r"echo|log ?-?prob", re.IGNORECASE)
_BROKEN = "\ufffd"  # in what a token is decoded to that holds a part of a character
_TOO_LONG = re.compile(r"context|too long|token", re.IGNORECASE)


class Unscored(Exception):
    """The server gives no log-probabilities of a text that it is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """What an echoing query gave.

    Attributes:
        shown: Natural-log probability of each token of the text shown; None for the first where
            nothing precedes it.
        target: Of each token of the right answer after it.
        input_tokens: Tokens of both, as the server counts them; 0 if unknown.
        output_tokens: Tokens that it generated besides; 0 if unknown.
    """

    shown: tuple[float | None, ...]
    target: tuple[float, ...]
    input_tokens: int
    output_tokens: int


def body(name: str, whole: str, extra: dict[str, Any]) -> dict[str, Any]:
    """The JSON body that asks for the log-probabilities of a text.

    Args:
        name: The model's name at the server.
        whole: The text shown and the right answer after it.
        extra: Added to the body last; a null takes a key out.
    """
    sent = {
        "model": name,
        "prompt": whole,
        "echo": True,
        "logprobs": 1,
        # Some servers refuse to generate nothing; what is generated is not read.
        "max_tokens": 1,
        "temperature": 0.0,
    }
    return {key: value for key, value in (sent | extra).items() if value is not None}


def refuses(reply: Reply) -> bool:
    """Whether a server's error is a refusal of the kind of query rather than of this one text."""
    said = faults.refusal(reply).message
    if reply.status not in _NOT_HERE:
        return False
    return bool(_REFUSES.search(said)) or (reply.status < 500 and not _TOO_LONG.search(said))


def read(content: bytes, *, shown: str, whole: str, counted: int) -> Echo:
    """The log-probabilities that the body of a 200 holds, told apart by where the text shown ends.

    A token that reaches beyond the text shown counts as shown. Where a token begins is read from the
    tokens themselves, which are laid on the text. Where that does not tell it, as with two characters
    that several tokens share and the text shown ends between, it is read from the server's offsets if they
    end where the text does; else the first as many tokens as the text shown has by itself are those shown.

    Args:
        content: The body.
        shown: The text shown.
        whole: It and the right answer after it.
        counted: Tokens of the text shown by itself, as the server counted them; 0 if unknown.

    Raises:
        Unscored: There are none, or they cannot be laid on the text.
        Unreachable: The body is not the answer of a model server.
        Transient: The body is cut off or empty, or holds no choice.
    """
    choice, sent, generated = wire.first_choice(content)
    given = choice.logprobs
    if given is None or not (values := given.token_logprobs):
        raise Unscored("its reply has no token_logprobs")
    if len(values) == 1 and not wire.clean(choice.text or "").startswith(wire.clean(whole)):
        raise Unscored("its reply has those of the generated token alone")
    places = (
        _spelled(given.tokens, shown, whole, len(values))
        or _shared(given.tokens, shown, whole, sent if sent + generated == len(values) else 0)
        or _offsets(given.text_offset, shown, whole, len(values), generated)
        or (counted, sent)
    )
    first, end = places
    if not 0 < first <= end <= len(values) <= end + 1:
        raise Unscored("its tokens and their offsets are not those of the text")
    finite = [wire.finite(value) for value in values]
    begun = None if values[0] is None else finite[0]
    return Echo(
        shown=(begun, *finite[1:first]),
        target=tuple(finite[first:end]),
        input_tokens=sent,
        output_tokens=generated,
    )


Places = tuple[int, int]
"""How many tokens begin in the text shown, and how many in the whole."""


def _spelled(tokens: Any, shown: str, whole: str, count: int) -> Places | None:
    """Where the tokens spell the text, one generated after it or none."""
    if not _are(str, tokens, count):
        return None
    # A token for the beginning of the text stands for no character of it.
    for before in (0, 1):
        if "".join(tokens[before:]).startswith(whole):
            starts = [0] * before + [0, *accumulate(map(len, tokens[before:-1]))]
            return _before(starts, len(shown)), _before(starts, len(whole))
    return None


def _shared(tokens: Any, shown: str, whole: str, sent: int) -> Places | None:
    """Where tokens that are no text by themselves share characters, which stand between others.

    Args:
        tokens: As the server decoded each of them.
        shown: The text shown.
        whole: It and the right answer after it.
        sent: How many of the tokens are those of the whole; 0 if unknown.
    """
    if not sent or not _are(str, tokens, len(tokens or ())):
        return None
    for before in (0, 1):
        if spans := _spans(tokens[before:sent], whole):
            if any(start < len(shown) < end for start, end, many in spans if many):
                return None
            starts = [0] * before + [start for start, _, _ in spans]
            return _before(starts, len(shown)), sent
    return None


def _spans(tokens: Sequence[str], whole: str) -> list[tuple[int, int, bool]]:
    """Start and end of each token, and whether several share what is there; empty if they do not fit."""
    spans: list[tuple[int, int, bool]] = []
    waiting = at = 0
    for broken, run in groupby(tokens, key=lambda token: _BROKEN in token):
        pieces = list(run)
        if broken:
            waiting = len(pieces)
            continue
        text, last = "".join(pieces), len(spans) + waiting + len(pieces) == len(tokens)
        # What tokens share is one character at least; the last of the text ends where the text ends.
        start = (len(whole) - len(text) if last else whole.find(text, at + 1)) if waiting else at
        if start < at + bool(waiting) or not whole.startswith(text, start):
            return []
        spans += [(at, start, waiting > 1)] * waiting
        ends = list(accumulate(map(len, pieces), initial=start))
        spans += [(a, b, False) for a, b in pairwise(ends)]
        waiting, at = 0, ends[-1]
    spans += [(at, len(whole), waiting > 1)] * waiting
    return spans if at == len(whole) or waiting else []


def _offsets(offsets: Any, shown: str, whole: str, count: int, generated: int) -> Places | None:
    """Where the server's offsets can be at which character of the text each token begins.

    Some add up the lengths of what tokens are decoded to one by one, which is not always the text.
    """
    if not _are(int, offsets, count):
        return None
    *inside, last = offsets
    fits = last == len(whole) if generated else last <= len(whole)
    ordered = offsets[0] == 0 and all(a <= b for a, b in pairwise(offsets))
    if not (fits and ordered and all(offset < len(whole) for offset in inside)):
        return None
    return _before(offsets, len(shown)), _before(offsets, len(whole))


def _before(starts: Sequence[int], end: int) -> int:
    return sum(start < end for start in starts)


def _are(kind: type, values: Any, count: int) -> bool:
    return (
        isinstance(values, list)
        and len(values) == count
        and all(isinstance(value, kind) for value in values)
    )
