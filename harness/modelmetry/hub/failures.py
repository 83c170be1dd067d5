"""What a Hub or a store says went wrong, as one line and an exit code, without any secret in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from modelmetry.errors import BadInput, ModelmetryError, Unreachable

_SECRETS = (
    *("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_TOKEN"),
)
"""Environment variables whose values never appear in a line."""

_LOOKS_SECRET = (
    (re.compile(r"hf_[A-Za-z0-9]{6,}"), "hf_***"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s'\"]+"), r"\1 ***"),
    (re.compile(r"://[^/@\s]+@"), "://***@"),
    (re.compile(r"([?&][^=\s&]+)=[^&\s'\"]+"), r"\1=***"),
)

_NETWORK = {"httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3", "aiohttp", "hf_xet"}
"""Packages whose exceptions mean that the other side could not be reached."""

_LONGEST = 200
"""Characters kept of what a server says."""


def hidden(text: str) -> str:
    """A text with every token, password and signed query in it replaced by asterisks."""
    for value in _known():
        text = text.replace(value, "***")
    for pattern, instead in _LOOKS_SECRET:
        text = pattern.sub(instead, text)
    return text


@contextmanager
def explained(
    where: str, *, left: str = "nothing was published", pull: bool = False
) -> Iterator[None]:
    """Turn what a client raises within into one line of ours.

    The client's exception is not kept: a traceback would print what a careless server echoed.

    Args:
        where: The repository or address.
        left: What is there now, to be said where it went wrong in the middle.
        pull: Whether a pull request would be a way out for who may not write.

    Raises:
        BadInput: Rights, names or content are not as the other side wants them.
        Unreachable: It does not answer, answers with 5xx, or asks to wait.
    """
    try:
        yield
    except ModelmetryError:
        raise
    except Exception as error:  # noqa: BLE001 - clients raise dozens of kinds
        raise _line(where, error, left, pull=pull) from None


def _known() -> list[str]:
    """Secrets at hand: those of the environment and the one that the Hub's own login keeps."""
    values = [os.environ.get(name, "") for name in _SECRETS]
    try:
        from huggingface_hub import get_token
    except ImportError:
        pass
    else:
        values.append(get_token() or "")
    return [value for value in values if len(value) > 3]


def _line(where: str, error: BaseException, left: str, *, pull: bool) -> ModelmetryError:
    """The one line."""
    chain = _chain(error)
    for each in chain:
        if (status := _status(each)) is not None:
            return _of_status(hidden(where), status, _said(each), left, pull=pull)
    names = {type(each).__name__ for each in chain}
    if "LocalTokenNotFoundError" in names:
        return BadInput(
            f"{hidden(where)}: there is no token; allowed: one with the right to write in the variable "
            "HF_TOKEN, or: hf auth login"
        )
    if "NoCredentialsError" in names:
        return BadInput(
            f"{hidden(where)}: there are no credentials; allowed: those that its client looks for, such as "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if "OfflineModeIsEnabled" in names:
        return Unreachable(
            f"{hidden(where)}: is not asked, as HF_HUB_OFFLINE is set; allowed: HF_HUB_OFFLINE=0"
        )
    said = _first_line(str(error))
    away = isinstance(error, ConnectionError | TimeoutError) or any(
        type(each).__module__.split(".")[0] in _NETWORK or "Connection" in type(each).__name__
        for each in chain
    )
    if away:
        return Unreachable(
            f"{hidden(where)}: cannot be reached ({type(chain[-1]).__name__}); {left}; the same "
            "command goes on where this one ended"
        )
    if isinstance(error, PermissionError):
        return BadInput(f"{hidden(where)}: may not be written to: {said}; {left}")
    if isinstance(error, FileNotFoundError):
        return BadInput(f"{hidden(where)}: does not exist: {said}; {left}")
    if isinstance(error, NotADirectoryError | FileExistsError | IsADirectoryError):
        return BadInput(f"{hidden(where)}: is no folder to write into: {said}; {left}")
    if isinstance(error, ValueError):
        return BadInput(f"{hidden(where)}: refused: {said}; {left}")
    return ModelmetryError(f"{hidden(where)}: {type(error).__name__}: {said}; {left}")


def _chain(error: BaseException | None) -> list[BaseException]:
    """An exception and what it came from, outermost first."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _status(error: BaseException) -> int | None:
    """The HTTP status that an exception carries, if any."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore's
        response = response.get("ResponseMetadata", {})
        return response.get("HTTPStatusCode")
    status = getattr(response, "status_code", None)
    return status if isinstance(status, int) else None


def _said(error: BaseException) -> str:
    """What the server itself said, in short."""
    own = getattr(error, "server_message", None)
    return _first_line(own if isinstance(own, str) and own.strip() else "")


def _first_line(text: str) -> str:
    lines = [line.strip() for line in hidden(text).splitlines() if line.strip()]
    return lines[0][:_LONGEST] if lines else "no reason given"


def _of_status(where: str, status: int, said: str, left: str, *, pull: bool) -> ModelmetryError:
    """The line for an HTTP status."""
    told = "" if said == "no reason given" else f": {said}"
    if status == 401:
        return BadInput(
            f"{where}: the token is not accepted, or what it names is hidden from it ({status}){told}; {left}; "
            "allowed: a valid token in the variable HF_TOKEN, or: hf auth login"
        )
    if status == 403:
        way = ", or --pr for a pull request" if pull else ""
        return BadInput(
            f"{where}: this token may not write there ({status}){told}; {left}; allowed: a token with the "
            f"right to write to it{way}"
        )
    if status == 404:
        return BadInput(
            f"{where}: does not exist, or this token may not see it ({status}); {left}; allowed: a name of "
            "your own, as org/name"
        )
    if status in (409, 412):
        return BadInput(
            f"{where}: somebody else changed it meanwhile ({status}){told}; {left}; look at it with "
            "--dry-run, then run the same command again"
        )
    if status == 429 or status >= 500:
        why = "asks to wait" if status == 429 else "fails"
        return Unreachable(
            f"{where}: the server {why} ({status}){told}; {left}; what was uploaded is kept, and the same "
            "command goes on"
        )
    return BadInput(f"{where}: refused ({status}){told}; {left}")
