"""Stores that fsspec reaches, folders and S3-like ones: an edition is there whole or not known of."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modelmetry.errors import BadInput, ModelmetryError
from modelmetry.hub.failures import explained, hidden
from modelmetry.hub.parcel import Change, Parcel, Piece, Publication
from modelmetry.runs.folder import locked

_WHOLE_PUTS = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "memory"}
"""Protocols under which a file appears when all of it has arrived, and which have no folders to rename."""

_CHUNK = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A place that fsspec reaches.

    Attributes:
        url: As given, without passwords and queries.
        files: The file system, an `fsspec.AbstractFileSystem`.
        root: The path in it.
        whole: Whether a file appears whole.
        local: Whether it is a folder of this machine.
    """

    url: str
    files: Any
    root: str
    whole: bool
    local: bool

    def at(self, parcel: Parcel) -> str:
        """The parcel's folder."""
        return f"{self.root.rstrip('/')}/{parcel.name}"


def open_store(url: str) -> Store:
    """A store by its address, such as `s3://bucket/editions`, `file:///data` or a folder.

    Raises:
        BadInput: The address or its protocol is not known, or its package is not installed.
    """
    shown = hidden(url)
    if not url.strip():
        raise BadInput("to: it is empty; allowed: a folder, s3://bucket/editions, ...")
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise BadInput(f"{shown}: needs fsspec; allowed: pip install 'modelmetry[hub]'") from None
    try:
        files, root = url_to_fs(url)
    except ImportError as error:
        raise BadInput(f"{shown}: {hidden(str(error))}") from None
    except (ValueError, OSError) as error:
        raise BadInput(
            f"{shown}: {hidden(str(error))}; allowed: a folder, file://, s3://, gs:// or another address "
            "that fsspec knows"
        ) from None
    names = {files.protocol} if isinstance(files.protocol, str) else {*files.protocol}
    return Store(
        url=shown.rstrip("/"),
        files=files,
        root=str(root),
        whole=bool(names & _WHOLE_PUTS),
        local="file" in names,
    )


def plan(store: Store, parcel: Parcel) -> Publication:
    """What publishing would do; nothing is written.

    Raises:
        BadInput: Another edition or something else is there under this name.
        Unreachable: The store does not answer.
    """
    folder, files = store.at(parcel), store.files
    target = f"{store.url}/{parcel.name}"
    last = parcel.pieces[-1]
    made = Publication(
        target=target,
        what=parcel.what,
        exists=False,
        private=None,
        tag="",
        complete=False,
        sent=False,
        changes=tuple(
            Change(path=piece.path, state="new", size=piece.size, sha256=piece.sha256)
            for piece in parcel.pieces
        ),
        read_with=_read_with(target, parcel),
    )
    with explained(target):
        files.invalidate_cache()
        if files.exists(f"{folder}/{last.path}"):
            # The last file is there only when all are, and holds the others' checksums.
            if not _same(store, f"{folder}/{last.path}", last):
                raise BadInput(
                    f"{target}: is there with other content; allowed: another place, or delete it"
                )
            whole = tuple(replace(change, state="same") for change in made.changes)
            return replace(made, exists=True, complete=True, changes=whole)
        if not store.whole and files.exists(folder):
            raise BadInput(f"{target}: is there and is no edition; allowed: another place")
    return made


def push(store: Store, parcel: Parcel, planned: Publication) -> Publication:
    """Write what was planned.

    Where folders can be renamed, files gather in `.<name>.partial` beside, which gets its name in one
    step; in a folder of this machine one push works there at a time. Elsewhere, as in S3, every file appears whole, and the one that lists all others comes last.
    Files that a push which ended early left there are read again and kept where they are right.

    Raises:
        BadInput: No right to write, or another push is at work there.
        Unreachable: The store does not answer.
    """
    if planned.complete:
        return planned
    folder, files = store.at(parcel), store.files
    left = "what is there has no list of files yet, so nothing reads it"
    with explained(planned.target, left=left):
        if store.whole:
            _gather(store, folder, parcel)
        else:
            parent, name = folder.rsplit("/", 1)
            stage = f"{parent}/.{name}.partial"
            files.makedirs(stage, exist_ok=True)
            with _alone(store, stage):
                _gather(store, stage, parcel)
                _rename(store, stage, folder, parcel)
    return replace(planned, sent=True)


def _gather(store: Store, folder: str, parcel: Parcel) -> None:
    """Put every file there, in order; those that are there and right are left alone."""
    files = store.files
    for piece in parcel.pieces:
        path = f"{folder}/{piece.path}"
        if files.exists(path) and _same(store, path, piece):
            continue
        if not store.whole:
            files.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        if isinstance(piece.content, bytes):
            files.pipe_file(path, piece.content)
        else:
            files.put_file(str(piece.content), path)
        files.invalidate_cache()
        if files.size(path) != piece.size:
            raise ModelmetryError(
                f"{hidden(path)}: did not arrive whole; run the same command again"
            )


def _alone(store: Store, stage: str) -> AbstractContextManager[None]:
    """Hold a stage for this process, where that is possible."""
    if not store.local:
        return nullcontext()
    return locked(Path(stage), "another push is at work there; allowed: one at a time")


def _rename(store: Store, stage: str, folder: str, parcel: Parcel) -> None:
    """Give the gathered files their place; on this machine, nothing else that lies among them."""
    if store.local:
        own = {Path(stage, piece.path) for piece in parcel.pieces}
        for path in [p for p in Path(stage).rglob("*") if p.is_file()]:
            if path in own:
                _flush(path, os.O_RDWR)
            else:  # the lock, and what an earlier push of other files left
                path.unlink()
        Path(stage).rename(folder)  # atomic, and refuses a folder that holds anything
        _flush(Path(folder).parent, os.O_RDONLY)
    else:
        store.files.mv(stage, folder, recursive=True)


def _flush(path: Path, how: int) -> None:
    """Make the system write it to disk now."""
    handle = os.open(path, how)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _same(store: Store, path: str, piece: Piece) -> bool:
    """Whether a file there is the piece, read back and hashed."""
    if store.files.size(path) != piece.size:
        return False
    digest = hashlib.sha256()
    with store.files.open(path, "rb") as file:
        read: Callable[[], bytes] = lambda: file.read(_CHUNK)  # noqa: E731 - for iter
        for chunk in iter(read, b""):
            digest.update(chunk)
    return digest.hexdigest() == piece.sha256


def _read_with(target: str, parcel: Parcel) -> str:
    if parcel.what != "edition":
        return ""
    protocol, mark, _ = target.partition("://")
    if not mark or protocol == "file":
        return f"datasets.load_dataset({target.removeprefix('file://')!r}{parcel.first_config})"
    return f"fsspec.filesystem({protocol!r}).get({target!r}, 'FOLDER', recursive=True)"
