"""Processes that paint: pictures go in, PNG bytes come out, and nobody else is held up."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import BinaryIO, Self, cast

import msgspec

from modelmetry.errors import BadInput, ModelmetryError
from modelmetry.items.canonical import canonical_json
from modelmetry.items.picture import Picture

# A plain child process, not one of `multiprocessing`: that imports the user's script again, which
# ends badly where the script lacks its `if __name__ == "__main__"`.
_CHILD = "from modelmetry.items.painting import serve; serve()"
_AHEAD = 4
"""Pictures that wait or stand ready per process, in `in_order`."""

Then = Callable[[str, bytes], None]

_picture = msgspec.json.Decoder(Picture).decode


class Painters:
    """A pool of painting processes, each started when it is first needed.

    Args:
        processes: How many; None for one per processor core that this process may use.
    """

    def __init__(self, processes: int | None = None) -> None:
        self.processes = processes or _cores()
        self._threads = ThreadPoolExecutor(self.processes, thread_name_prefix="painter")
        self._own = threading.local()
        self._children: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        """Use as a context that ends the processes."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes; what is not painted yet is not painted any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for child in self._children:
            child.kill()
        self._threads.shutdown()
        for child in self._children:
            child.communicate()

    def paint(self, picture: Picture, then: Then = lambda *_: None) -> Future[bytes]:
        """The picture's PNG bytes, once a process has painted it.

        The future fails with BadInput where the painter is missing or cannot read the recipe.

        Args:
            picture: What to paint.
            then: Called with the picture's address and bytes before the future is done.
        """

        def work() -> bytes:
            png = self._exchange(picture)
            then(picture.address, png)
            return png

        return self._threads.submit(work)

    def in_order(self, pictures: Iterable[Picture]) -> Iterator[bytes]:
        """The PNG bytes of every picture, in order, with only a few ahead of need in memory."""
        coming = iter(pictures)
        waiting = deque(map(self.paint, islice(coming, _AHEAD * self.processes)))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(map(self.paint, islice(coming, 1)))

    def _exchange(self, picture: Picture) -> bytes:
        """Hand a picture to this thread's own process and wait for it."""
        child = getattr(self._own, "child", None)
        if child is None:
            child = self._own.child = self._start()
        asked, replies = cast("BinaryIO", child.stdin), cast("BinaryIO", child.stdout)
        try:
            asked.write(canonical_json(picture) + b"\n")
            asked.flush()
            verdict, size = replies.readline().split()
            content = replies.read(int(size))
        except (OSError, ValueError):
            raise ModelmetryError(
                f"{picture.painter}: the painting process ended before its picture was done"
            ) from None
        if verdict == b"done":
            return content
        said = content.decode("utf-8", "replace")
        raise BadInput(said) if verdict == b"refused" else ModelmetryError(said)

    def _start(self) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-c", _CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)},
            start_new_session=True,  # Ctrl-C is for us; it ends when its input does
        )
        self._children.append(child)
        return child


def serve() -> None:
    """Paint what comes in on standard input, one picture as JSON per line, until it ends."""
    # A painter's library may print; that must not get among the pictures.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with contextlib.suppress(BrokenPipeError):  # whoever asked was killed: nobody to complain to
        for line in sys.stdin.buffer:
            _reply(replies, *_painted(_picture(line)))


def _painted(picture: Picture) -> tuple[bytes, bytes]:
    try:
        return b"done", picture.png()
    except BadInput as error:
        return b"refused", str(error).encode()
    except Exception as error:  # noqa: BLE001 - told to whoever asked for the picture
        return b"failed", f"{picture.painter}: {type(error).__name__}: {error}".encode()


def _reply(out: BinaryIO, verdict: bytes, content: bytes) -> None:
    out.write(b"%b %d\n%b" % (verdict, len(content), content))
    out.flush()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
