"""A local server that speaks the Hub's protocol: what `huggingface_hub` and `datasets` really send.

`with Hub() as hub:` serves at `hub.url`; `hub.environment()` is what a client needs to find it. Faults
are ordered with `hub.order("PUT", "/lfs/", 500)`. Everything lies in memory. Only the standard library
and PyYAML are used, so that it runs beside any version of the client.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from typing import Any, Literal, Self

WRITER, READER = "hf_writer0000000000000000000000000000", "hf_reader0000000000000000000000000000"
"""A token with the right to write to `lab/...`, and one without."""

Kind = Literal["models", "datasets"]
Action = int | Literal["cut", "hold", "echo"]
"""A status; or cut the connection after half of the body; or do so when `hub.go_on` is set; or
a 403 that repeats the token in its text, as a careless server would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A file's content: the Hub names regular files by git's SHA-1 and large ones by SHA-256."""

    oid: str
    size: int
    large: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A state of a repository."""

    oid: str
    parent: str | None
    title: str
    files: Mapping[str, Blob]


@dataclass(slots=True, kw_only=True)
class Repo:
    """A repository and its references."""

    private: bool
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pulls: dict[str, str] = field(default_factory=dict)

    def at(self, revision: str) -> Commit | None:
        """The commit that a branch, tag, pull request or hash names."""
        for names in (self.branches, self.tags, self.pulls):
            if revision in names:
                return self.commits[names[revision]]
        return self.commits.get(revision)

    def add(self, revision: str, title: str, files: Mapping[str, Blob], parent: str | None) -> str:
        """Commit on top of `parent`; the revision moves there."""
        number = len(self.commits)
        oid = hashlib.sha1(repr((number, title, sorted(files))).encode()).hexdigest()  # noqa: S324
        self.commits[oid] = Commit(oid=oid, parent=parent, title=title, files=dict(files))
        (self.pulls if revision.startswith("refs/pr/") else self.branches)[revision] = oid
        return oid


@dataclass(slots=True)
class Fault:
    """What goes wrong with the requests that match, `times` times, after `after` good ones."""

    method: str
    path: re.Pattern[str]
    action: Action
    times: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it came in.

    Attributes:
        method: The HTTP method.
        path: Path without the query.
        received: Bytes of its body.
        authorized: Whether it had a token.
    """

    method: str
    path: str
    received: int
    authorized: bool


class Hub:
    """The server and all it holds."""

    def __init__(self, *, part: int | None = None, large: int = 2**20, page: int = 1000) -> None:
        """Set up an empty Hub.

        Args:
            part: Bytes of one part of an upload; larger files are asked for in parts. None for one part.
            large: Bytes from which any file is a large one; Parquet files and pictures always are.
            page: Entries of a listing per page.
        """
        self.part, self.large, self.page = part, large, page
        self.repos: dict[tuple[Kind, str], Repo] = {}
        self.regular: dict[str, bytes] = {}
        self.stored: dict[str, bytes] = {}
        self.parts: dict[tuple[str, int], bytes] = {}
        self.asked: list[Asked] = []
        self.faults: list[Fault] = []
        self.holding, self.go_on = threading.Event(), threading.Event()
        self.writers = {WRITER}
        self.users = {WRITER: "writer", READER: "reader"}
        self.lock = threading.RLock()
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        from tests.hub.handler import Handler

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.hub = self  # type: ignore[attr-defined]
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on.set()
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def environment(self, home: object, token: str | None = WRITER) -> dict[str, str]:
        """Variables for a client process that shall talk to this Hub alone.

        Args:
            home: A fresh folder for its cache.
            token: Its token, if any.
        """
        found = {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_OFFLINE": "0",
            "TRANSFORMERS_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",  # this server keeps large files as LFS, not in chunks
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }
        return found | ({"HF_TOKEN": token} if token else {})

    def order(
        self, method: str, path: str, action: Action, *, times: int = 1, after: int = 0
    ) -> None:
        """Let something go wrong.

        Args:
            method: Of the requests.
            path: Pattern found in their paths.
            action: What happens.
            times: How often.
            after: How many such requests go well before.
        """
        self.faults.append(Fault(method, re.compile(path), action, times, after))

    def fault(self, method: str, path: str) -> Action | None:
        """What is to go wrong with this request."""
        with self.lock:
            for fault in self.faults:
                if fault.method == method and fault.path.search(path) and fault.times:
                    if fault.after:
                        fault.after -= 1
                        continue
                    fault.times -= 1
                    return fault.action
        return None

    def create(self, kind: Kind, name: str, *, private: bool = False) -> Repo:
        """An empty repository with the first commit that the Hub itself makes."""
        repo = Repo(private=private)
        blob = self.keep(b"*.parquet filter=lfs diff=lfs merge=lfs -text\n")
        repo.add("main", "initial commit", {".gitattributes": blob}, None)
        self.repos[kind, name] = repo
        return repo

    def keep(self, content: bytes) -> Blob:
        """Store a regular file."""
        oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324
        self.regular[oid] = content
        return Blob(oid=oid, size=len(content), large=False)

    def content(self, blob: Blob) -> bytes:
        """The bytes of a file."""
        return (self.stored if blob.large else self.regular)[blob.oid]

    def put(self, kind: Kind, name: str, files: Mapping[str, bytes]) -> str:
        """Somebody's own commit of regular files to main; returns its hash."""
        repo = self.repos[kind, name]
        head = repo.at("main")
        assert head is not None
        new = {path: self.keep(content) for path, content in files.items()}
        return repo.add("main", "somebody's own", {**head.files, **new}, head.oid)

    def files(self, kind: Kind, name: str, revision: str = "main") -> dict[str, bytes]:
        """Path -> bytes of everything at a revision."""
        commit = self.repos[kind, name].at(revision)
        assert commit is not None
        return {path: self.content(blob) for path, blob in commit.files.items()}

    def count(self, method: str, path: str) -> int:
        """How many requests came whose path matches."""
        return sum(a.method == method and re.search(path, a.path) is not None for a in self.asked)

    def writes(self) -> list[Asked]:
        """The requests that changed anything or sent data, all but questions."""
        harmless = re.compile(r"paths-info|validate-yaml|preupload")
        return [
            each
            for each in self.asked
            if each.method not in {"GET", "HEAD"} and not harmless.search(each.path)
        ]


def described(kind: Kind, name: str, repo: Repo, commit: Commit) -> dict[str, Any]:
    """What the Hub tells about a repository at a commit."""
    return {
        "_id": "000000000000000000000000",
        "id": name,
        "author": name.split("/")[0],
        "sha": commit.oid,
        "lastModified": now(),
        "createdAt": now(),
        "private": repo.private,
        "disabled": False,
        "gated": False,
        "downloads": 0,
        "likes": 0,
        "tags": [],
        "siblings": [{"rfilename": path} for path in sorted(commit.files)],
    } | ({"modelId": name} if kind == "models" else {})


def entry(path: str, blob: Blob | None, commit: Commit, *, expand: bool) -> dict[str, Any]:
    """A line of a listing: a file, or a folder where there is no blob."""
    if blob is None:
        line: dict[str, Any] = {"type": "directory", "oid": "0" * 40, "size": 0, "path": path}
    else:
        line = {"type": "file", "oid": blob.oid, "size": blob.size, "path": path}
        if blob.large:
            line["oid"] = hashlib.sha1(blob.oid.encode()).hexdigest()  # noqa: S324
            line["lfs"] = {"oid": blob.oid, "size": blob.size, "pointerSize": 134}
    if expand:
        line["lastCommit"] = {"id": commit.oid, "title": commit.title, "date": now()}
    return line


def now() -> str:
    """This moment, as the Hub writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
