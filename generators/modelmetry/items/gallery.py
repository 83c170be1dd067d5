"""A gallery: a folder in which every picture is painted once, under its content address."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Self

from modelmetry.errors import cannot_write
from modelmetry.items.painting import Painters
from modelmetry.items.picture import Picture

_START, _END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


class Gallery:
    """Pictures by address, painted when they are first wanted, in processes of their own.

    Several processes may use one folder at a time: a file appears in one step, and whoever comes
    second writes the same.

    Args:
        folder: Where `ab/<address>.png` are; made when the first picture is.
        processes: How many paint; None for one per processor core.
    """

    def __init__(self, folder: Path, processes: int | None = None) -> None:
        self.folder = folder
        self._painters = Painters(processes)
        self._coming: dict[str, Future[bytes]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        """Use as a context that ends the painting processes; the folder stays."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the painting processes."""
        self._painters.close()

    def path(self, address: str) -> Path:
        """Where the picture of an address is, or will be."""
        return self.folder / address[:2] / f"{address}.png"

    async def png(self, picture: Picture) -> bytes:
        """A picture's PNG bytes; painted at most once, however many wait for it.

        Raises:
            BadInput: Its painter is missing or refuses it, or the folder cannot be written.
        """
        kept = self.kept(picture.address)
        if kept:
            return kept
        coming = asyncio.wrap_future(self._painting(picture))
        # Whoever gives up waiting must not take the picture from the others, nor leave a fault that
        # asyncio complains of because nobody heard of it.
        coming.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(coming)

    def kept(self, address: str) -> bytes | None:
        """A picture that was painted before, or None; a file that is not whole does not count."""
        with contextlib.suppress(OSError):
            png = self.path(address).read_bytes()
            if png.startswith(_START) and png.endswith(_END):
                return png
        return None

    def keep(self, address: str, png: bytes) -> None:
        """Keep a picture's PNG bytes, whatever is there.

        Raises:
            BadInput: The folder cannot be written.
        """
        path = self.path(address)
        part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(png)
            part.replace(path)
        except OSError as error:
            raise cannot_write(path, error) from error

    def _painting(self, picture: Picture) -> Future[bytes]:
        address = picture.address
        with self._lock:
            found = self._coming.get(address)
            if found is None:
                found = self._coming[address] = self._painters.paint(picture, self.keep)
        found.add_done_callback(lambda _: self._coming.pop(address, None))
        return found
