"""The one JSON encoding that hashes are taken of, and those hashes."""

from __future__ import annotations

import hashlib

import msgspec

_ENCODER = msgspec.json.Encoder(order="deterministic")


def canonical_json(value: object) -> bytes:
    """The one JSON encoding that hashes are taken of: sorted keys, no spaces, UTF-8."""
    return _ENCODER.encode(value)


def content_hash(value: object) -> str:
    """SHA-256 (hex) of the canonical JSON of `value`."""
    return hashlib.sha256(_ENCODER.encode(value)).hexdigest()
