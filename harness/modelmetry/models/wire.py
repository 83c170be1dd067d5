"""The OpenAI wire format: base URLs, bodies of requests, and answers read into responses."""

from __future__ import annotations

import base64
import json
import math
import re
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from modelmetry.errors import BadInput, Unreachable
from modelmetry.items import Message, Part
from modelmetry.models.model import Finish, Model, Request, Response, Transient

_SURROGATE = re.compile("[\ud800-\udfff]")
_ENDPOINT = re.compile(r"(/chat)?/completions$")
_FINISHES: dict[str | None, Finish] = {
    "length": "length",
    "max_tokens": "length",
    "content_filter": "filter",
    "safety": "filter",
}
_LOWEST_LOGPROB = -9999.0  # what servers themselves send for minus infinity, which JSON lacks


class Reply(NamedTuple):
    """What came back over HTTP, before anything is read into it.

    Attributes:
        status: HTTP status code.
        headers: Response headers by case-insensitive name.
        content: The whole body.
    """

    status: int
    headers: Any
    content: bytes


def normal_url(url: str, where: str, default_path: str = "/v1") -> str:
    """A base URL without trailing slash; `default_path` is added when it has no path at all.

    `http://host:8000`, `http://host:8000/v1` and `http://host:8000/v1/chat/completions` are the
    same server; any other path is left as it is.

    Raises:
        BadInput: It is not an http address, or it holds a user name, password or query, which
            would be a secret in every message that names the address.
    """
    url = url.strip()
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadInput(
            f"{where}: the base URL holds a user name, password or query; "
            "allowed: http(s)://host[:port][/path], with the key in its environment variable"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput(f"{where}: base URL {url!r}; allowed: http(s)://host[:port][/path]")
    path = _ENDPOINT.sub("", parts.path.rstrip("/")).rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path or default_path}"


def body(
    request: Request,
    name: str,
    limit: str,
    extra: dict[str, Any],
    pictures: Mapping[str, bytes],
) -> tuple[str, dict[str, Any]]:
    """The path and the JSON body that ask `request` of a server.

    Args:
        request: What to ask.
        name: The model's name at the server.
        limit: Body key of a chat's token limit: `max_tokens` or `max_completion_tokens`.
        extra: Added to the body last; a null takes a key out.
        pictures: Address -> PNG bytes of every picture shown.
    """
    item, sampling = request.item, request.sampling
    chat = item.format == "chat"
    sent: dict[str, Any] = {"model": name}
    if chat:
        sent["messages"] = [turn(message, pictures) for message in item.messages]
        sent[limit] = sampling.max_tokens
    else:
        sent["prompt"] = item.text
        sent["max_tokens"] = sampling.max_tokens
    sent["temperature"] = sampling.temperature
    sent["seed"] = request.seed
    if sampling.top_p is not None:
        sent["top_p"] = sampling.top_p
    if sampling.stop:
        sent["stop"] = list(sampling.stop)
    if sampling.logprobs:
        # A completion takes a number of alternatives, and some servers read 0 as "none at all".
        sent["logprobs"] = True if chat else 1
    if extra:
        sent = {key: value for key, value in (sent | extra).items() if value is not None}
    return "/chat/completions" if chat else "/completions", sent


def turn(message: Message, pictures: Mapping[str, bytes]) -> dict[str, Any]:
    """A message as the wire has it: a plain text, or parts where it shows a picture.

    Args:
        message: The message.
        pictures: Address -> PNG bytes of every picture that it shows.
    """
    content: str | list[dict[str, Any]] = message.text
    if any(part.image is not None for part in message.parts):
        content = [_part(part, pictures) for part in message.parts]
    return {"role": message.role, "content": content}


def _part(part: Part, pictures: Mapping[str, bytes]) -> dict[str, Any]:
    if part.image is None:
        return {"type": "text", "text": part.text}
    data = base64.b64encode(pictures[part.image.address]).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


class _Message(msgspec.Struct):
    content: Any = None
    refusal: str | None = None


class _Token(msgspec.Struct):
    logprob: float | None = None


class _Logprobs(msgspec.Struct):
    content: list[_Token] | None = None
    token_logprobs: list[float | None] | None = None
    # Read by `echo` alone; whatever they are, an ordinary answer is one.
    tokens: Any = None
    text_offset: Any = None


class _Choice(msgspec.Struct):
    message: _Message | None = None
    text: str | None = None
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Payload(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None


_decode = msgspec.json.Decoder(_Payload).decode


def read(model: Model, request: Request, content: bytes, started: float) -> Response:
    """The response that the body of a 200 holds.

    Text is kept as it came, NUL included; half surrogates, which UTF-8 cannot hold, become
    U+FFFD. Reasoning beside the text is not part of it, though its tokens are counted.

    Args:
        model: The back end, for prices.
        request: What was asked.
        content: The body.
        started: `time.perf_counter()` when it was sent.

    Raises:
        Unreachable: The body is not the answer of a model server.
        Transient: The body is cut off or empty, holds no choice, or says that generation failed.
    """
    choice, given, generated = first_choice(content)
    reason = choice.finish_reason
    return Response(
        request_key=request.key,
        text=_text(choice),
        finish=_FINISHES.get(reason, "stop"),
        logprobs=_logprobs(choice.logprobs) if request.sampling.logprobs else None,
        latency_s=time.perf_counter() - started,
        input_tokens=given,
        output_tokens=generated,
        cost_usd=model.cost(given, generated),
        received_at=time.time(),
    )


def first_choice(content: bytes) -> tuple[_Choice, int, int]:
    """The first choice in the body of a 200, and the tokens of prompt and answer; 0 if unknown.

    Raises:
        Unreachable: The body is not the answer of a model server.
        Transient: The body is cut off or empty, holds no choice, or says that generation failed.
    """
    payload = _payload(content)
    if not payload.choices:
        raise Transient(f"the server answered without a choice: {excerpt(content)}")
    choice = payload.choices[0]
    if choice.finish_reason in ("abort", "error"):
        raise Transient(f"the server broke off the answer (finish_reason {choice.finish_reason})")
    usage = payload.usage or _Usage()
    return choice, usage.prompt_tokens or 0, usage.completion_tokens or 0


def _payload(content: bytes) -> _Payload:
    try:
        return _decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    # Half a surrogate or a stray byte: the standard library's reader is lenient about both.
    try:
        return msgspec.convert(json.loads(content.decode("utf-8", "replace")), _Payload)
    except (ValueError, RecursionError):
        pass
    start = content.lstrip()[:1]
    if start in (b"", b"{") and not content.rstrip().endswith(b"}"):
        raise Transient(f"the server's answer is cut off: {excerpt(content)}")
    raise Unreachable(
        f"this is not the answer of a model server: {excerpt(content)}; "
        "check the base URL, which usually ends in /v1"
    )


def _text(choice: _Choice) -> str:
    """The answer; empty when the server gave none."""
    content = choice.text
    if choice.message is not None:
        content = choice.message.content or choice.message.refusal
    if isinstance(content, list):  # some servers give typed parts, reasoning among them
        parts = [part for part in content if isinstance(part, dict) and part.get("type") == "text"]
        content = "".join(str(part.get("text") or "") for part in parts)
    text = content if isinstance(content, str) else ""
    return text if text.isascii() else clean(text)


def clean(text: str) -> str:
    """`text` with half surrogates, which neither SQLite nor Parquet can hold, as U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


def _logprobs(given: _Logprobs | None) -> tuple[float, ...] | None:
    if given is None:
        return None
    if given.content is not None:
        values = [token.logprob for token in given.content]
    elif given.token_logprobs is not None:
        values = given.token_logprobs
    else:
        return None
    return tuple(map(finite, values))


def finite(logprob: float | None) -> float:
    """A log-probability as it came, with what servers send for minus infinity as a number."""
    return logprob if logprob is not None and math.isfinite(logprob) else _LOWEST_LOGPROB


def excerpt(content: bytes | str, limit: int = 80) -> str:
    """The start of a text on one line, quoted, with everything unprintable escaped."""
    if not content:
        return "(empty)"
    if isinstance(content, bytes):
        content = content[: 4 * limit].decode("utf-8", "replace")
    text = " ".join(content.split())
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")
