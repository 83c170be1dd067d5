"""The routes of the local Hub: requests parsed, rights checked, faults done, answers given."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml
from tests.hub.server import Asked, Blob, Commit, Hub, Kind, Repo, described, entry

_API = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)(/.*)?$")
_RESOLVE = re.compile(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)$")
_BATCH = re.compile(r"/(datasets/)?([^/]+/[^/]+)\.git/info/lfs/objects/batch$")
_LARGE = (".parquet", ".png", ".jpg", ".gz", ".bin")


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, line: str, code: str = "") -> None:
        super().__init__(line)
        self.status, self.line, self.code = status, line, code


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True  # small answers would wait for the client's delayed receipts
    wbufsize = -1

    def do_GET(self) -> None:
        self._serve()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the server's own names

    def log_message(self, *_: object) -> None: ...

    @property
    def hub(self) -> Hub:
        return self.server.hub  # type: ignore[attr-defined]

    def _serve(self) -> None:
        split = urlsplit(self.path)
        self.route, self.query = split.path, parse_qs(split.query)
        held = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.token = held or None
        action = self.hub.fault(self.command, self.route)
        if action in {"cut", "hold"}:
            self._half_of_it()
            if action == "hold":
                self.hub.holding.set()
                self.hub.go_on.wait(20)
            with contextlib.suppress(OSError):  # it may be gone
                self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self.body = self._all_of_it()
        asked = Asked(
            method=self.command,
            path=self.route,
            received=len(self.body),
            authorized=self.token is not None,
        )
        self.hub.asked.append(asked)
        try:
            self._ordered(action)
            with self.hub.lock:
                self._answer(*self._routed())
        except Refused as refused:
            headers = {"X-Error-Message": refused.line, "X-Error-Code": refused.code}
            kept = {name: text for name, text in headers.items() if text}
            self._answer(refused.status, {"error": refused.line}, kept)

    def _ordered(self, action: object) -> None:
        """Fail as a test ordered."""
        if action == "echo":
            raise Refused(403, f"forbidden for {self.headers.get('Authorization')}")
        if isinstance(action, int):
            raise Refused(action, "ordered by the test")

    def _half_of_it(self) -> None:
        """Read half of the body."""
        length = int(self.headers.get("Content-Length") or 2)
        self.rfile.read(max(1, length // 2)) if length > 2 else self.rfile.readline()

    def _all_of_it(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        whole = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def _answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        given = headers or {}
        if "Content-Type" not in given:
            self.send_header("Content-Type", "application/json")
        for name, text in given.items():
            self.send_header(name, text)
        if "Content-Length" not in given:
            self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(raw)
        self.wfile.flush()

    # Routes

    def _routed(self) -> tuple[Any, ...]:
        if self.route == "/api/whoami-v2":
            return self._whoami()
        if self.route == "/api/repos/create":
            return self._create()
        if self.route == "/api/validate-yaml":
            return self._validate()
        if self.route.startswith("/lfs/"):
            return self._large()
        if match := _BATCH.match(self.route):
            return self._batch(match[2], "datasets" if match[1] else "models")
        if match := _RESOLVE.match(self.route):
            return self._resolve(match)
        if match := _API.match(self.route):
            return self._repository(match[1], match[2], match[3] or "")  # type: ignore[arg-type]
        raise Refused(404, f"no route {self.command} {self.route}")

    def _user(self) -> str:
        """Who asks; a wrong token is told as such."""
        if self.token is None:
            raise Refused(401, "Invalid username or password.")
        if self.token not in self.hub.users:
            raise Refused(401, "Invalid credentials in Authorization header")
        return self.hub.users[self.token]

    def _writer(self) -> None:
        self._user()
        if self.token not in self.hub.writers:
            raise Refused(403, "you don't have the rights to write to this repository")

    def _whoami(self) -> tuple[Any, ...]:
        name = self._user()
        role = "write" if self.token in self.hub.writers else "read"
        access = {"type": "access_token", "accessToken": {"displayName": "t", "role": role}}
        return 200, {"type": "user", "id": "0", "name": name, "orgs": [], "auth": access}

    def _create(self) -> tuple[Any, ...]:
        self._user()
        asked = json.loads(self.body)
        kind: Kind = "datasets" if asked.get("type") == "dataset" else "models"
        name = f"{asked.get('organization') or self._user()}/{asked['name']}"
        if (kind, name) in self.hub.repos:
            raise Refused(409, f"You already created this {kind} repo: {name}")
        if not name.startswith("lab/") or self.token not in self.hub.writers:
            raise Refused(403, "You don't have the rights to create a repo under this namespace")
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        self.hub.create(kind, name, private=private)
        prefix = "datasets/" if kind == "datasets" else ""
        return 200, {"url": f"{self.hub.url}/{prefix}{name}", "id": "0"}

    def _validate(self) -> tuple[Any, ...]:
        text = json.loads(self.body)["content"]
        match = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
        try:
            yaml.safe_load(match[1] if match else "")
        except yaml.YAMLError as error:
            return 400, {"errors": [{"message": str(error)}], "warnings": []}
        return 200, {"errors": [], "warnings": []}

    def _found(self, kind: Kind, name: str) -> Repo:
        repo = self.hub.repos.get((kind, name))
        if self.token is not None:
            self._user()
        if repo is None or (repo.private and self.token is None):
            raise Refused(
                401 if self.token is None else 404, "Repository not found", "RepoNotFound"
            )
        return repo

    def _at(self, repo: Repo, revision: str) -> Commit:
        commit = repo.at(unquote(revision))
        if commit is None:
            raise Refused(404, f"Invalid rev id: {unquote(revision)}", "RevisionNotFound")
        return commit

    def _repository(self, kind: Kind, name: str, rest: str) -> tuple[Any, ...]:
        repo = self._found(kind, name)
        verb, _, tail = rest.removeprefix("/").partition("/")
        if verb in {"", "revision"}:
            return 200, described(kind, name, repo, self._at(repo, tail or "main"))
        if verb == "refs":
            return 200, _refs(repo)
        routes: dict[str, Callable[[Repo, str], tuple[Any, ...]]] = {
            "tree": self._tree,
            "paths-info": self._paths,
            "preupload": self._preupload,
            "commit": lambda repo, tail: self._commit(kind, name, repo, tail),
            "tag": self._tag,
        }
        if verb not in routes:
            raise Refused(404, f"no route {self.command} {self.route}")
        return routes[verb](repo, tail)

    def _tree(self, repo: Repo, tail: str) -> tuple[Any, ...]:
        revision, _, path = tail.partition("/")
        commit, under = self._at(repo, revision), unquote(path)
        expand = self.query.get("expand", [""])[0].lower() in {"true", "1"}
        recursive = self.query.get("recursive", [""])[0].lower() in {"true", "1"}
        found: dict[str, Blob | None] = {}
        for file, blob in sorted(commit.files.items()):
            if under and not file.startswith(f"{under}/"):
                continue
            inner = file[len(under) + 1 if under else 0 :].split("/")
            for depth in range(1, len(inner)):
                if recursive or depth == 1:
                    found.setdefault("/".join([*filter(None, [under]), *inner[:depth]]), None)
            if recursive or len(inner) == 1:
                found[file] = blob
        if under and not found:
            raise Refused(404, f"{under} does not exist on {unquote(revision)}", "EntryNotFound")
        lines = [entry(p, blob, commit, expand=expand) for p, blob in found.items()]
        start = int(self.query.get("cursor", ["0"])[0])
        end = start + self.hub.page
        headers = {}
        if end < len(lines):
            more = f"{self.hub.url}{self.route}?recursive={recursive}&expand={expand}&cursor={end}"
            headers["Link"] = f'<{more}>; rel="next"'
        return 200, lines[start:end], headers

    def _paths(self, repo: Repo, tail: str) -> tuple[Any, ...]:
        commit = self._at(repo, tail)
        if "json" in self.headers.get("Content-Type", ""):
            asked = json.loads(self.body)
        else:
            asked = parse_qs(self.body.decode())
        folders = {"/".join(p.split("/")[:i]) for p in commit.files for i in range(1, 9)}
        expand = str(asked.get("expand", "")).lower().strip("[]'\"") == "true"
        return 200, [
            entry(path, commit.files.get(path), commit, expand=expand)
            for path in asked.get("paths", [])
            if path in commit.files or path in folders
        ]

    def _preupload(self, repo: Repo, tail: str) -> tuple[Any, ...]:
        if "create_pr" not in self.query:
            self._writer()
        self._user()
        commit = self._at(repo, tail)
        files = []
        for asked in json.loads(self.body)["files"]:
            path = asked["path"]
            large = path.endswith(_LARGE) or asked["size"] >= self.hub.large
            old = commit.files.get(path)
            mode = {"path": path, "uploadMode": "lfs" if large else "regular"}
            files.append(mode | {"shouldIgnore": False, "oid": old.oid if old else None})
        return 200, {"files": files}

    def _batch(self, name: str, kind: Kind) -> tuple[Any, ...]:
        self._found(kind, name)
        self._user()
        asked = json.loads(self.body)
        objects = []
        for each in asked["objects"]:
            answer: dict[str, Any] = {"oid": each["oid"], "size": each["size"]}
            if each["oid"] not in self.hub.stored:
                answer["actions"] = self._actions(each["oid"], each["size"], asked["transfers"])
            objects.append(answer)
        return 200, {"transfer": "basic", "objects": objects}

    def _actions(self, oid: str, size: int, transfers: list[str]) -> dict[str, Any]:
        href, part = f"{self.hub.url}/lfs/{oid}", self.hub.part
        upload: dict[str, Any] = {"href": href, "header": {}}
        if part and size > part and "multipart" in transfers:
            count = -(-size // part)
            parts = {str(i): f"{href}/part/{i}" for i in range(1, count + 1)}
            upload = {"href": f"{href}/complete", "header": {"chunk_size": str(part), **parts}}
        return {"upload": upload, "verify": {"href": f"{href}/verify", "header": {}}}

    def _large(self) -> tuple[Any, ...]:
        oid, *rest = self.route.removeprefix("/lfs/").split("/")
        if self.command in {"GET", "HEAD"}:
            return self._bytes(self.hub.stored[oid], oid)
        if rest == ["verify"]:
            self._user()
            if oid not in self.hub.stored:
                raise Refused(404, "object does not exist")
            return 200, {}
        if rest[:1] == ["part"]:
            self.hub.parts[oid, int(rest[1])] = self.body
            return 200, b"", {"ETag": f'"{hashlib.md5(self.body).hexdigest()}"'}  # noqa: S324
        content = self.body
        if rest == ["complete"]:
            given = json.loads(self.body)["parts"]
            content = b"".join(self.hub.parts[oid, each["partNumber"]] for each in given)
        if hashlib.sha256(content).hexdigest() != oid:
            raise Refused(400, "the content does not hash to its name")
        self.hub.stored[oid] = content
        return 200, {}

    def _commit(self, kind: Kind, name: str, repo: Repo, tail: str) -> tuple[Any, ...]:
        pull = "create_pr" in self.query
        self._user() if pull else self._writer()
        revision = unquote(tail)
        head = self._at(repo, revision)
        header, *lines = [json.loads(line) for line in self.body.splitlines() if line]
        parent = header["value"].get("parentCommit")
        if parent is not None and parent != head.oid:
            raise Refused(412, "A commit has happened since. Please refresh and try again.")
        files = dict(head.files)
        for line in lines:
            _apply(self.hub, files, line["key"], line["value"])
        target = f"refs/pr/{len(repo.pulls) + 1}" if pull else revision
        oid = repo.add(target, header["value"]["summary"], files, head.oid)
        url = f"{self.hub.url}/{'datasets/' if kind == 'datasets' else ''}{name}"
        answer = {"success": True, "commitOid": oid, "commitUrl": f"{url}/commit/{oid}"}
        number = target.rpartition("/")[2]
        return 200, answer | ({"pullRequestUrl": f"{url}/discussions/{number}"} if pull else {})

    def _tag(self, repo: Repo, tail: str) -> tuple[Any, ...]:
        self._writer()
        name = json.loads(self.body)["tag"]
        if name in repo.tags:
            raise Refused(409, f"tag {name} already exists")
        repo.tags[name] = self._at(repo, tail).oid
        return 200, {}

    def _resolve(self, match: re.Match[str]) -> tuple[Any, ...]:
        repo = self._found("datasets" if match[1] else "models", match[2])
        commit, path = self._at(repo, match[3]), unquote(match[4])
        blob = commit.files.get(path)
        told = {"X-Repo-Commit": commit.oid}
        if blob is None:
            headers = {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"}
            return 404, {"error": "Entry not found"}, headers | told
        if blob.large:
            linked = {"X-Linked-Etag": f'"{blob.oid}"', "X-Linked-Size": str(blob.size)}
            # Another host, as with the Hub: its client asks no further for what stands in these headers.
            elsewhere = self.hub.url.replace("127.0.0.1", "localhost")
            away = {"Location": f"{elsewhere}/lfs/{blob.oid}", "ETag": f'"{blob.oid}"'}
            return 302, b"", told | linked | away
        return self._bytes(self.hub.content(blob), blob.oid, told)

    def _bytes(
        self, content: bytes, oid: str, told: dict[str, str] | None = None
    ) -> tuple[Any, ...]:
        """A file, or the range of it that is asked for."""
        headers = {"ETag": f'"{oid}"', "Accept-Ranges": "bytes", **(told or {})}
        headers["Content-Type"] = "application/octet-stream"
        status = 200
        if match := re.match(r"bytes=(\d+)-(\d*)$", self.headers.get("Range", "")):
            first, last = int(match[1]), int(match[2] or len(content) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
            content, status = content[first : last + 1], 206
        return status, content, headers | {"Content-Length": str(len(content))}


def _refs(repo: Repo) -> dict[str, Any]:
    """Branches, tags and pull requests."""

    def lines(names: dict[str, str], prefix: str) -> list[dict[str, str]]:
        return [
            {"name": name, "ref": f"{prefix}{name}", "targetCommit": oid}
            for name, oid in names.items()
        ]

    return {
        "branches": lines(repo.branches, "refs/heads/"),
        "tags": lines(repo.tags, "refs/tags/"),
        "pullRequests": lines(repo.pulls, ""),
        "converts": [],
    }


def _apply(hub: Hub, files: dict[str, Blob], key: str, value: dict[str, Any]) -> None:
    """One line of a commit."""
    path = value["path"]
    if key == "file":
        files[path] = hub.keep(base64.b64decode(value["content"]))
    elif key == "lfsFile":
        if value["oid"] not in hub.stored:
            raise Refused(400, f"{path}: the large file was not uploaded")
        content = hub.stored[value["oid"]]
        files[path] = Blob(oid=value["oid"], size=len(content), large=True)
    elif key == "deletedFile":
        if files.pop(path, None) is None:
            raise Refused(404, "A file with this name doesn't exist", "EntryNotFound")
    else:
        raise Refused(400, f"unknown operation {key}")
