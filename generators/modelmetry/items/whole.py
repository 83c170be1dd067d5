"""Files and folders that are there whole or not at all: written beside their place, then renamed."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelmetry.errors import BadInput, cannot_write


def write_whole(path: Path, data: bytes) -> None:
    """Write a file in one step, and its folder where that is missing; what was there is replaced.

    Whoever reads meanwhile sees the old file or the new one, also where the process is killed.

    Raises:
        BadInput: It cannot be written there.
        ModelmetryError: Writing failed.
    """
    part = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise cannot_write(path, error) from error


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A new folder to fill, which takes its place once all is written and is removed if it is not.

    Args:
        folder: Its place; may be there, empty.

    Raises:
        BadInput: Something is there already, or it cannot be written there.
        ModelmetryError: Writing failed.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise BadInput(f"{folder}: exists already; allowed: a new --out folder, or an empty one")
    part = _beside(folder)
    try:
        _clear(folder)
        part.mkdir(parents=True)
        yield part
        part.rename(folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _clear(folder: Path) -> None:
    """Remove what processes that are no more have left of this folder."""
    for left in folder.parent.glob(f".{folder.name}.part-*"):
        pid = left.name.rpartition("-")[2]
        if pid.isdecimal() and not _alive(int(pid)):
            shutil.rmtree(left, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _beside(path: Path) -> Path:
    """A hidden name in the same folder, which no other process uses."""
    return path.with_name(f".{path.name}.part-{os.getpid()}")
