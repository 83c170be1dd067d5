"""Canaries of editions: a sentence with an identifier that stands nowhere else, and others drawn alike."""

from __future__ import annotations

from uuid import UUID

from modelmetry.items import digest


def identifier(*names: str | int) -> str:
    """A GUID that belongs to these names: 122 bits of their SHA-256, in the form of a random one.

    The same names give the same identifier, so that an edition is written with the same bytes
    again; who does not know all of them cannot tell it, and no model works it out as it reads.
    """
    return str(UUID(int=digest("modelmetry canary", *names) >> 128, version=4))


def lead(suite: str, edition: str) -> str:
    """What stands before the identifier: the same for one edition, and for no other.

    Args:
        suite: The suite's name.
        edition: The edition's name.
    """
    return (
        f"Test data of the modelmetry suite {suite}, edition {edition}, which should never appear "
        "in training corpora. Canary GUID"
    )


def sentence(suite: str, edition: str, guid: str) -> str:
    """The whole canary, as it stands in an edition."""
    return f"{lead(suite, edition)} {guid}"


def edition_canary(suite: str, version: int, edition: str) -> str:
    """The canary of an edition.

    Its identifier is a hash of the suite's name and version and of the edition's name, which ends in
    the root seed and a hash of all that shapes the test set: the edition of a seed that was not told
    to anybody cannot be guessed.

    Args:
        suite: The suite's name.
        version: Its version.
        edition: The edition's name.
    """
    return sentence(suite, edition, identifier("edition", suite, version, edition))
