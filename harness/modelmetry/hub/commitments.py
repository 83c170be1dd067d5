"""Commitments to secret seeds: what is published before models are scored, and what opens it afterwards.

The hash of each suite is SHA-256 over one JSON text: sorted keys, no spaces, UTF-8, no newline at the
end. The opening holds that text, so anybody can check it without this package:
`jq -j '.suites[0].text' opening.json | sha256sum`.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from modelmetry.errors import BadInput, cannot_write
from modelmetry.items import canonical_json, content_hash
from modelmetry.suites import Suite

ABOUT = "modelmetry seed commitment 1"
"""First thing in every text that is hashed, so that it can be no other hash's text."""

NONCE_BYTES = 32
LEAST_SEED = 2**96
"""Seeds below are refused: they can be guessed from a leaderboard's rows, whose hashes have no nonce."""

_HOW = (
    "hash = SHA-256 of a JSON text with sorted keys, no spaces, in UTF-8, of: about, date, generators, limit, nonce, "
    "seed, suite, suite_hash, version; the opening holds the text"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What is committed to of one suite.

    Attributes:
        suite: Its name.
        version: Its version.
        limit: Most problems per split, or None.
        generators: Task -> fingerprint of its generator.
        suite_hash: SHA-256 (hex) of the whole suite: wordings, scorers and sampling included.
        hash: SHA-256 (hex) over the above with date, seed and nonce.
    """

    suite: str
    version: int
    limit: int | None
    generators: Mapping[str, str]
    suite_hash: str
    hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """Published before models are scored; it shows no seed.

    Attributes:
        suites: One of each suite.
        date: ISO 8601 as given by who commits, or empty; only where it was published proves a date.
        harness_version: Version of modelmetry that makes these problems.
        how: What the hashes are over.
        format: Says what this file is.
    """

    suites: tuple[Sealed, ...]
    date: str
    harness_version: str
    how: str = _HOW
    format: Literal["modelmetry commitment 1"] = "modelmetry commitment 1"

    @property
    def id(self) -> str:
        """SHA-256 (hex) of all of it; an opening names it."""
        return content_hash(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What opens one suite's hash.

    Attributes:
        suite: The suite's name.
        seed: Its root seed in decimal digits, which programs that read numbers as floats leave whole.
        nonce: 64 hex digits.
        text: What was hashed.
    """

    suite: str
    seed: str
    nonce: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Published afterwards: seeds and nonces.

    Attributes:
        commitment: The id of what it opens.
        suites: One of each suite opened, which need not be all.
        format: Says what this file is.
    """

    commitment: str
    suites: tuple[Opened, ...]
    format: Literal["modelmetry opening 1"] = "modelmetry opening 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Kept until then: the opening before it may be seen.

    Attributes:
        commitment: The id of what it opens.
        suites: As in the opening.
        format: Says what this file is.
    """

    commitment: str
    suites: tuple[Opened, ...]
    format: Literal["modelmetry secret 1"] = "modelmetry secret 1"


def fresh_seed() -> int:
    """A seed that nobody can guess: 128 random bits, with a leading one to keep its length."""
    return secrets.randbits(128) | 1 << 128


def fresh_nonce() -> str:
    """64 random hex digits."""
    return secrets.token_hex(NONCE_BYTES)


def sealed(suite: Suite, limit: int | None) -> Sealed:
    """What a commitment says of a suite, without its hash."""
    return Sealed(
        suite=suite.name,
        version=suite.version,
        limit=limit,
        generators={task.name: task.fingerprint for task in suite.tasks},
        suite_hash=suite_hash(suite),
    )


def suite_hash(suite: Suite) -> str:
    """SHA-256 (hex) of a suite, wherever its file lies."""
    return content_hash(replace(suite, source=""))


def text_of(what: Sealed, date: str, seed: int, nonce: str) -> str:
    """The text whose hash is committed to.

    Args:
        what: The suite; its own hash is no part of it.
        date: The commitment's date.
        seed: Root seed.
        nonce: Random hex digits: the same seed under another nonce has an unrelated hash.
    """
    return canonical_json(
        {
            "about": ABOUT,
            "date": date,
            "generators": dict(what.generators),
            "limit": what.limit,
            "nonce": nonce,
            "seed": str(seed),
            "suite": what.suite,
            "suite_hash": what.suite_hash,
            "version": what.version,
        }
    ).decode()


def hash_of(text: str) -> str:
    """SHA-256 (hex) of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def commit(
    suites: Sequence[Suite],
    seeds: Mapping[str, int],
    nonces: Mapping[str, str],
    *,
    limit: int | None,
    date: str,
    harness_version: str,
) -> tuple[Commitment, Secret]:
    """The commitment to the seeds of suites, and what opens it.

    Args:
        suites: Each another.
        seeds: Suite -> root seed.
        nonces: Suite -> 64 hex digits.
        limit: Most problems per split.
        date: ISO 8601, or empty.
        harness_version: Version of modelmetry.

    Raises:
        BadInput: A suite twice, or a seed that can be guessed.
    """
    closed, opened = [], []
    for suite in suites:
        seed, nonce = seeds[suite.name], nonces[suite.name]
        if seed < LEAST_SEED:
            raise BadInput(
                f"{suite.name}: its seed has {seed.bit_length()} bits and can be guessed; allowed: "
                f"at least {LEAST_SEED.bit_length()}; drawn ones have 129"
            )
        what = sealed(suite, limit)
        text = text_of(what, date, seed, nonce)
        closed.append(replace(what, hash=hash_of(text)))
        opened.append(Opened(suite=suite.name, seed=str(seed), nonce=nonce, text=text))
    names = [suite.name for suite in suites]
    if len({*names}) < len(names):
        raise BadInput(f"commit: {', '.join(names)}; allowed: each suite once")
    made = Commitment(suites=tuple(closed), date=date, harness_version=harness_version)
    return made, Secret(commitment=made.id, suites=tuple(opened))


def why_not(commitment: Commitment, opened: Opened) -> str:
    """Why an opening does not open its suite's hash; empty where it does."""
    for what in commitment.suites:
        if what.suite != opened.suite:
            continue
        if not re.fullmatch(r"\d{1,200}", opened.seed, re.ASCII):
            return f"{opened.suite}: the seed is no number"
        text = text_of(what, commitment.date, int(opened.seed), opened.nonce)
        if text != opened.text:
            return f"{opened.suite}: the text is not that of this seed, nonce and suite"
        if hash_of(text) != what.hash:
            return f"{opened.suite}: hashes to {hash_of(text)[:12]}..., committed was {what.hash[:12]}..."
        return ""
    return f"{opened.suite}: is not in the commitment"


def read_commitment(path: Path) -> Commitment:
    """A commitment from its file.

    Raises:
        BadInput: It is none.
    """
    return _read(path, Commitment, "a commitment, as modelmetry commit writes it")


def read_opening(path: Path) -> Opening:
    """An opening from its file.

    Raises:
        BadInput: It is none.
    """
    return _read(path, Opening, "an opening, as modelmetry reveal writes it")


def read_secret(path: Path) -> Secret:
    """What opens a commitment, from its file.

    Raises:
        BadInput: It is none.
    """
    return _read(path, Secret, "the secret file that modelmetry commit wrote")


def kind_of(path: Path) -> str:
    """`commitment`, `opening` or `secret` by the file's own word; empty for other files."""
    try:
        found = msgspec.json.decode(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return ""
    name = found.get("format") if isinstance(found, dict) else None
    match = re.fullmatch(r"modelmetry (commitment|opening|secret) \d+", str(name))
    return match[1] if match else ""


def write(path: Path, what: Commitment | Opening | Secret, *, private: bool = False) -> None:
    """Write a file that is not there yet.

    Args:
        path: Where.
        what: The content.
        private: Whether only this user may read it.

    Raises:
        BadInput: It is there already, or cannot be written.
    """
    content = msgspec.json.format(canonical_json(what), indent=2) + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        handle = os.open(path, flags, 0o600 if private else 0o644)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise BadInput(
            f"{path}: is there already and is not overwritten; allowed: a new name"
        ) from None
    except OSError as error:
        raise cannot_write(path, error) from error


def _read(path: Path, kind: Any, allowed: str) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}; allowed: {allowed}") from error
    except (ValueError, RecursionError):
        # What the decoder says could quote the file, which may hold a secret.
        raise BadInput(f"{path}: is not {allowed}") from None
