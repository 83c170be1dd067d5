"""The site on this machine: built into a folder of its own, served, and built anew on a change."""

from __future__ import annotations

import contextlib
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from modelmetry.errors import BadInput, ModelmetryError
from modelmetry.leaderboards.site.build import build
from modelmetry.leaderboards.site.certificates import Given

HOST = "127.0.0.1"

_LOOKS_S = 1.0
"""Seconds between two looks at the leaderboard files."""

_KEPT = 2
"""Sites kept, so that a page that is being read still finds its files."""


class Site:
    """The newest build of the leaderboards in a folder.

    Args:
        data: Folder of one CSV file per suite.
        folder: Where to build; one folder for each build.
        editions: Editions whose certificates are shown.
        said: Told of every change.
    """

    def __init__(
        self, data: Path, folder: Path, editions: Sequence[Given], said: Callable[[str], None]
    ) -> None:
        self._data, self._folder, self._editions, self._said = data, folder, editions, said
        self._builds: list[Path] = []
        self._seen = self._stamps()
        self._build()

    @property
    def current(self) -> Path:
        """The folder to serve."""
        return self._builds[-1]

    def look(self) -> bool:
        """Build anew if a file changed; whether it did. A file that cannot be read changes nothing."""
        stamps = self._stamps()
        if stamps == self._seen:
            return False
        self._seen = stamps
        try:
            self._build()
        except ModelmetryError as error:
            self._said(f"not built anew: {error}")
            return False
        self._said("built anew: the leaderboards changed")
        return True

    def _build(self) -> None:
        number = len(list(self._folder.iterdir()))
        target = self._folder / f"{number:06d}"
        while target.exists():
            number += 1
            target = self._folder / f"{number:06d}"
        build(self._data, target, self._editions)
        self._builds.append(target)
        for old in self._builds[:-_KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        del self._builds[:-_KEPT]

    def _stamps(self) -> dict[str, tuple[int, int]]:
        found = {}
        for path in sorted(self._data.glob("*.csv")):
            try:
                state = path.stat()
            except OSError:
                continue
            found[path.name] = (state.st_mtime_ns, state.st_size)
        return found


class _Handler(SimpleHTTPRequestHandler):
    """Files of the newest build and nothing else, for browsers on this machine."""

    server_version = "modelmetry"
    sys_version = ""

    def __init__(self, *given: Any, site: Site, **named: Any) -> None:
        self._site = site
        super().__init__(*given, directory=str(site.current), **named)

    def send_head(self) -> Any:
        # A name of somebody else's that leads here would let their page read this one.
        host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        if host not in (HOST, "localhost"):
            self.send_error(403, "Only this machine may look")
            return None
        asked = Path(self.translate_path(self.path)).resolve()
        if not asked.is_relative_to(self._site.current.resolve()):
            self.send_error(404)
            return None
        return super().send_head()

    def list_directory(self, path: Any) -> None:
        self.send_error(404)

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Where another program listens already, that is said rather than shared.
    allow_reuse_port = False


def serve(data: Path, port: int, editions: Sequence[Given], said: Callable[[str], None]) -> None:
    """Show the leaderboards until interrupted or terminated; its folder is removed then.

    Args:
        data: Folder of one CSV file per suite.
        port: Where to listen on 127.0.0.1; 0 for any free port.
        editions: Editions whose certificates are shown.
        said: Told the address, and every change.

    Raises:
        BadInput: There are no leaderboards, or the port is taken.
    """
    with (
        _terminable(),
        tempfile.TemporaryDirectory(prefix="leaderboards-", ignore_cleanup_errors=True) as folder,
    ):
        site = Site(data, Path(folder), editions, said)
        try:
            server = _Server((HOST, port), partial(_Handler, site=site))
        except OSError as error:
            raise BadInput(
                f"port {port}: {error.strerror or error}; allowed: a free one (--port 0 takes any)"
            ) from error
        ended = threading.Event()
        looker = threading.Thread(target=_look, args=(site, ended), daemon=True)
        with server:
            try:
                looker.start()
                said(f"http://{HOST}:{server.server_address[1]}/ (Ctrl-C ends it)")
                server.serve_forever(poll_interval=0.1)
            except KeyboardInterrupt:
                said("ended")
            finally:
                ended.set()
                looker.join()


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Take SIGTERM for Ctrl-C: otherwise it would leave the site behind in the temporary folder."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _look(site: Site, ended: threading.Event) -> None:
    while not ended.wait(_LOOKS_S):
        site.look()
