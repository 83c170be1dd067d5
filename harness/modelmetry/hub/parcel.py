"""Parcels: what is to be published, every file with its size and hashes, and what it would change."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from modelmetry.errors import BadInput
from modelmetry.hub.failures import hidden
from modelmetry.suites import Edition

State = Literal["new", "changed", "same", "deleted", "unknown"]
"""Of a file, against what is there; unknown where nobody could look."""

MANIFEST = "edition.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A file to publish.

    Attributes:
        path: Where it goes, relative, with slashes.
        content: Where it lies, or its bytes.
        size: Bytes.
        sha256: SHA-256 (hex).
    """

    path: str
    content: Path | bytes
    size: int
    sha256: str

    @property
    def git_sha1(self) -> str:
        """The name that git gives to the content; the Hub tells it of small files."""
        whole = self.content if isinstance(self.content, bytes) else self.content.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(whole) + whole, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """Files that are published together or not at all.

    Attributes:
        what: `edition`, `commitment`, `opening` or `results`.
        name: Of the folder in which they go in a store.
        suite: The suite that they are about; empty for commitments.
        tag: Names the published state; set last. Empty for none.
        title: One line for the history.
        pieces: The files; that by which a reader knows the whole comes last.
    """

    what: Literal["edition", "commitment", "opening", "results"]
    name: str
    suite: str
    tag: str
    title: str
    pieces: tuple[Piece, ...]

    @property
    def first_config(self) -> str:
        """How a call of `load_dataset` goes on with an edition's first config; empty for none."""
        names = sorted({p.path.split("/")[1] for p in self.pieces if p.path.startswith("data/")})
        return f", {names[0]!r}" if names else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What publishing does with one file.

    Attributes:
        path: Where it goes.
        state: What happens with it.
        size: Bytes afterwards; 0 for deleted ones.
        sha256: SHA-256 (hex) afterwards; empty for deleted ones.
    """

    path: str
    state: State
    size: int = 0
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What was published, or would be.

    Attributes:
        target: Address of the repository or folder.
        what: What it is.
        exists: Whether the repository or folder was there before.
        private: Whether it is private; None where that is not known.
        tag: The revision under which it is cited; empty for none.
        complete: Whether everything was there already, tag included: nothing was sent.
        sent: Whether anything was sent now.
        changes: Every file.
        commit: Hash of the commit that holds it, where there is one.
        pull_request: Address of the pull request, where there is one.
        read_with: How it is read, in one line; empty where nothing reads it.
        unseen: Of a dry run that could not reach the target: why, in one line. What is there is not
            known then, and every file is listed as it is here.
    """

    target: str
    what: str
    exists: bool
    private: bool | None
    tag: str
    complete: bool
    sent: bool
    changes: tuple[Change, ...]
    commit: str = ""
    pull_request: str = ""
    read_with: str = ""
    unseen: str = ""


def unseen(parcel: Parcel, target: str, why: str) -> Publication:
    """What would go to a target that cannot be reached: every file, against nothing.

    Args:
        parcel: What is to be published.
        target: Address of the repository or folder.
        why: What went wrong, in one line.
    """
    return Publication(
        target=target,
        what=parcel.what,
        exists=False,
        private=None,
        tag=parcel.tag,
        complete=False,
        sent=False,
        changes=tuple(
            Change(path=piece.path, state="unknown", size=piece.size, sha256=piece.sha256)
            for piece in parcel.pieces
        ),
        unseen=why,
    )


def piece_of(path: str, content: Path | bytes) -> Piece:
    """A file with its size and hash."""
    if isinstance(content, bytes):
        size, digest = len(content), hashlib.sha256(content)
    else:
        size = content.stat().st_size
        with content.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
    return Piece(path=path, content=content, size=size, sha256=digest.hexdigest())


def edition_parcel(edition: Edition, *, tag: str | None = None, title: str = "") -> Parcel:
    """An edition's files: those that its manifest names, and no other that lies beside them.

    Args:
        edition: A checked edition.
        tag: Its revision; by default the edition's name and the suite's version.
        title: One line for the history.
    """
    manifest = edition.manifest
    names = [*sorted(manifest.files), MANIFEST]
    revision = tag or edition_tag(manifest.edition, manifest.suite.version)
    return Parcel(
        what="edition",
        name=f"{manifest.suite.name}-{manifest.edition}",
        suite=manifest.suite.name,
        tag=checked_tag(revision),
        title=title or f"{manifest.suite.name} {revision}: {manifest.item_count} items",
        pieces=tuple(piece_of(name, edition.folder / name) for name in names),
    )


def edition_tag(edition: str, version: int) -> str:
    """The revision under which an edition is cited."""
    return f"{edition}-v{version}"


def checked_tag(tag: str) -> str:
    """A name that git allows as a tag and that needs no quoting.

    Raises:
        BadInput: It is none.
    """
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    wrong = not tag or set(tag) - allowed or tag[0] in "-." or ".." in tag or tag.endswith(".lock")
    if wrong or tag in {"main", "HEAD"} or tag[-1] == ".":
        raise BadInput(
            f"revision: {hidden(tag)!r}; allowed: a tag of letters, digits, '.', '-' and '_', and not main"
        )
    return tag


def compared(pieces: tuple[Piece, ...], there: Mapping[str, str]) -> list[Change]:
    """What happens with every file of a parcel.

    Args:
        pieces: The files.
        there: Path -> SHA-256, or git's SHA-1 for small files, of what is there.
    """
    changes = []
    for piece in pieces:
        old = there.get(piece.path)
        if old is None:
            state: State = "new"
        else:
            own = piece.git_sha1 if len(old) == 40 else piece.sha256
            state = "same" if own == old else "changed"
        changes.append(Change(path=piece.path, state=state, size=piece.size, sha256=piece.sha256))
    return changes
