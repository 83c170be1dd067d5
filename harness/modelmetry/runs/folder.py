"""A run's folder: its record, its answers and its lock; made, opened and found again."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from modelmetry.errors import BadInput, cannot_write
from modelmetry.items import Gallery
from modelmetry.runs.record import RunRecord
from modelmetry.runs.store import Store

RECORD = "run.json"
RESPONSES = "responses.db"
PICTURES = "pictures"

_decode = msgspec.json.Decoder(RunRecord).decode


def now() -> str:
    """The present moment in ISO 8601, UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_run(path: Path) -> bool:
    """Whether the folder is that of a run."""
    return (path / RECORD).is_file()


def read_record(folder: Path) -> RunRecord:
    """Read `run.json`.

    Raises:
        BadInput: It is missing or not such a record.
    """
    path = folder / RECORD
    try:
        return _decode(path.read_bytes())
    except FileNotFoundError as error:
        raise BadInput(f"{folder}: not a run (no {RECORD}); allowed: a run's folder") from error
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{path}: cannot be read: {error}") from error


def write_record(folder: Path, record: RunRecord) -> None:
    """Write `run.json` in one step: it is whole before and after, whatever happens between."""
    data = msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"
    temporary = folder / f"{RECORD}.part"
    try:
        temporary.write_bytes(data)
        temporary.replace(folder / RECORD)
    except OSError as error:
        raise cannot_write(folder / RECORD, error) from error


def open_store(folder: Path) -> Store:
    """The answers of an existing run."""
    return Store(folder / RESPONSES)


def gallery(folder: Path) -> Gallery:
    """Where the pictures of a run are, beside it: runs in one place share them."""
    return Gallery(folder.absolute().parent / PICTURES)


def hang(folder: Path, pictures: Iterable[tuple[str, bytes]]) -> None:
    """Lay pictures that exist where a run will look for them, so that none is painted anew.

    Args:
        folder: The run's folder.
        pictures: (address, PNG bytes), in any order and any number of times.
    """
    with gallery(folder) as walls:
        for address, png in pictures:
            if walls.kept(address) != png:
                walls.keep(address, png)


def answers(folder: Path) -> int:
    """How many answers, failures aside, a run has so far."""
    with open_store(folder) as store:
        return store.counts()[0]


def make(log_dir: Path, suite: str, model: str) -> Path:
    """Make an empty folder named by time, suite and model.

    Raises:
        BadInput: The folder cannot be made there.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    stem = f"{stamp}-{suite}-{re.sub(r'[^A-Za-z0-9.]+', '-', model).strip('-')}"[:120]
    for number in range(1, 1000):
        folder = log_dir / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise cannot_write(log_dir, error) from error
        return folder
    raise BadInput(f"{log_dir}: a thousand runs named {stem} exist already")


def runs_in(log_dir: Path) -> list[Path]:
    """Folders of the runs in a log folder, newest first."""
    if not log_dir.is_dir():
        return []
    return sorted((path for path in log_dir.iterdir() if is_run(path)), reverse=True)


@contextlib.contextmanager
def locked(folder: Path, held: str = "another process is running this run") -> Iterator[None]:
    """Hold a folder's lock, which the system lets go when the process ends in any way.

    Args:
        folder: A run's folder, or whatever else one process at a time may work in.
        held: What is said where another process holds it.

    Raises:
        BadInput: Another process holds it, or the folder cannot be written.
    """
    try:
        import fcntl
    except ImportError:  # no advisory locks on this platform
        yield
        return
    try:
        handle = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR)
    except OSError as error:
        raise cannot_write(folder, error) from error
    try:
        # Some network file systems know no locks; a run is no worse off there than without.
        with contextlib.suppress(OSError):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BadInput(f"{folder}: {held}") from error
        yield
    finally:
        os.close(handle)
