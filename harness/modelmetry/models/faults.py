"""What a server's refusals and broken connections mean: which pass, and who has to act."""

from __future__ import annotations

import math
import re
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from modelmetry.errors import BadInput, ModelmetryError, Unreachable
from modelmetry.models.model import Rejected, Transient, text_only
from modelmetry.models.wire import Reply, excerpt

_MESSAGE_LIMIT = 300  # characters of a server's own words that are worth keeping
_REFUSES_PICTURES = (400, 415, 422, 500, 501)  # 500 is what llama.cpp's server answers
# What OpenAI, vLLM, llama.cpp, Ollama and gateways say of any picture, whatever it shows.
_BLIND = re.compile(
    r"multi-?modal model|mmproj|at most 0 image"
    r"|(image|vision|multi-?modal)\w*( input\w*)? (is|are|not)\b.{0,12}support"
    r"|(not|n't) (support|accept) (image|vision|multi-?modal)"
    r"|(unknown|unsupported|invalid) (content |part )*type\W*image"
    r"|(allowed values:|input should be) *\W*text\W*($|\W)",
    re.IGNORECASE,
)
_TOO_MANY = re.compile(r"at most [1-9]\d* image", re.IGNORECASE)
_UNPAID = {"insufficient_quota", "billing_hard_limit_reached"}


class Refusal(msgspec.Struct, frozen=True):
    """What an error body says.

    Attributes:
        message: The server's words, on one line and cut; its status text when it gave none.
        code: Its machine-readable code, or an empty text.
    """

    message: str
    code: str = ""


def refusal(reply: Reply) -> Refusal:
    """The error in a reply's body, in any of the shapes that servers use."""
    try:
        found: Any = msgspec.json.decode(reply.content)
    except (ValueError, RecursionError):
        return Refusal(excerpt(reply.content, _MESSAGE_LIMIT))
    code = ""
    for key in ("error", "detail", "message"):
        if isinstance(found, dict) and found.get(key):
            code = str(found.get("code") or code)
            found = found[key]
    text = found if isinstance(found, str) else str(found)
    return Refusal(excerpt(text, _MESSAGE_LIMIT), code)


def fault(reply: Reply, *, where: str, key_env: str) -> ModelmetryError:
    """The exception that a status other than 200 stands for; a missing model is the caller's.

    Args:
        reply: What came back, without the key.
        where: Names the server in messages; no secrets.
        key_env: Environment variable that holds the key.
    """
    status, said = reply.status, refusal(reply)
    if said.code in _UNPAID or status == 402:
        return Unreachable(f"{where}: the account's quota is used up: {said.message}")
    if status in (408, 409, 425, 429) or status >= 500:
        return Transient(
            f"the server answered {status}: {said.message}",
            retry_after_s=retry_after(reply.headers),
        )
    if status == 401:
        # Its words are left out: servers repeat parts of the key in them.
        return BadInput(f"{where}: the server refused the key (401); set {key_env}")
    if status == 403:
        return BadInput(
            f"{where}: the server refused the key ({status}), set {key_env}: {said.message}"
        )
    if status < 400:
        return Unreachable(
            f"{where}: the server answered {status} instead of an answer; check the base URL, "
            "its http or https, and that it usually ends in /v1"
        )
    return Rejected(f"the server answered {status}: {said.message}")


def blind(reply: Reply, *, where: str) -> BadInput | None:
    """The line for a server that refuses every picture, or as many as were shown; None otherwise.

    Args:
        reply: What came back for a question with pictures, without the key.
        where: Names the server in messages; no secrets.
    """
    said = refusal(reply).message
    if reply.status not in _REFUSES_PICTURES:
        return None
    if _TOO_MANY.search(said):
        return BadInput(
            f"{where}: an item shows more pictures than the server is set up for: {said}"
        )
    return text_only(where, said) if _BLIND.search(said) else None


def retry_after(headers: Any) -> float | None:
    """Seconds >= 0 that `Retry-After` (seconds or HTTP date) or `retry-after-ms` ask to wait."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) * unit
        except ValueError:
            seconds = _until(value)
        if math.isfinite(seconds):
            return max(0.0, seconds)
    return None


def _until(date: str) -> float:
    """Seconds until an HTTP date; not a number when it is none."""
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return math.nan
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - time.time()


def lost(error: BaseException, *, url: str, timeout_s: float) -> Transient:
    """The exception for an exchange that ended without a reply.

    Args:
        error: What the HTTP client raised; its causes are looked through.
        url: The server's base URL.
        timeout_s: Seconds that the exchange was allowed.
    """
    import aiohttp

    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)
    # The class names are httpx's, whichever of its packages the openai client stands on.
    if any(
        isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
        or type(cause).__name__ == "ConnectError"
        for cause in causes
    ):
        return Transient(f"no server answers at {url}", unreachable=True)
    # A dropped connection can come dressed as a time-out, never the other way round.
    if not any(isinstance(cause, aiohttp.ServerDisconnectedError) for cause in causes) and any(
        isinstance(cause, TimeoutError) or type(cause).__name__.endswith("TimeoutError")
        for cause in causes
    ):
        return Transient(f"the server gave no answer within {timeout_s:g} s")
    return Transient(f"the connection broke ({type(error).__name__})")
