"""The seeds of a night: a secret and the date give what nobody else can know before."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from pathlib import Path

from modelmetry.errors import BadInput
from modelmetry.nightly.job import Secret

ANCHORS = "anchors"
"""Stands for the date where a seed is to be the same every night."""

SHORTEST = 16
"""Bytes that a secret has at least."""

_MAKE = "python -c 'import secrets; print(secrets.token_hex(32))'"


def fresh_seed(secret: bytes, suite: str, date: str) -> int:
    """The root seed of a suite on a date, in [0, 2**128).

    The first half of HMAC-SHA256(secret, "suite|date"), big end first:
    `printf 'quickstart|2026-01-31' | openssl dgst -sha256 -hmac "$SECRET"`. Without the secret tomorrow's
    test cannot be told from today's; whoever has it can repeat any night. Source: RFC 2104.

    Args:
        secret: From `read_secret`.
        suite: What the job calls the suite.
        date: ISO 8601, or `ANCHORS`.
    """
    found = hmac.new(secret, f"{suite}|{date}".encode(), hashlib.sha256).digest()
    return int.from_bytes(found[:16], "big")


def read_secret(
    where: Secret | None, folder: Path, environment: Mapping[str, str] = os.environ
) -> bytes:
    """The secret; it is never stored and never shown.

    Args:
        where: Where the configuration says that it is.
        folder: What the path of a file is relative to.
        environment: Variables by name.

    Raises:
        BadInput: There is none, or it is too short; the line says how to make one.
    """
    if where is None:
        raise BadInput(
            "secret: none is named, and fresh problems need one; add `secret: {env: NAME}` or "
            f"`secret: {{file: PATH}}`, and make one with: {_MAKE}"
        )
    if where.env is not None:
        name, found = f"environment variable {where.env}", environment.get(where.env, "")
        if not found.strip():
            raise BadInput(f"secret: the {name} is not set; make a secret with: {_MAKE}")
    else:
        path = folder / str(where.file)
        name = f"file {path}"
        try:
            found = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise BadInput(
                f"secret: {path}: no such file; make one with: umask 077 && {_MAKE} > {path}"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"secret: {path}: cannot be read: {_reason(error)}") from None
    secret = found.strip().encode()
    if len(secret) < SHORTEST:
        raise BadInput(
            f"secret: the {name} holds {len(secret)} bytes; allowed: from {SHORTEST}; make one with: "
            f"{_MAKE}"
        )
    return secret


def _reason(error: OSError | UnicodeDecodeError) -> str:
    """Why, without any of the content."""
    return (error.strerror or "it failed") if isinstance(error, OSError) else "not UTF-8 text"
