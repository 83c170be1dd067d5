"""Publishing as a user does it: commands in processes of their own, killed, interrupted, and searched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from functools import partial
from pathlib import Path

import pytest
from tests import tiny_pictures
from tests.hub.published import files_of
from tests.hub.server import WRITER, Hub

from modelmetry import api
from modelmetry.errors import BadInput
from modelmetry.items import Seed
from modelmetry.suites import read, read_edition, write

REPO = "lab/addition"


def started(hub: Hub, folder: Path, *arguments: object, **variables: str) -> subprocess.Popen[str]:
    """`modelmetry ...` in a process that knows this Hub alone."""
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "modelmetry.cli", *map(str, arguments)],
        env={**os.environ, **hub.environment(folder / "home"), **variables},
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Shells that run in the background tell their children to pass over Ctrl-C.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_push_that_is_killed_publishes_nothing_and_is_gone_on_with(
    hub: Hub, made: Path, tmp_path: Path, how: signal.Signals
) -> None:
    """In the middle of an upload: no file, no tag; the rest goes with the next call."""
    hub.order("PUT", "/lfs/", "hold", after=1)
    pushing = started(hub, tmp_path / "work", "publish", made, "--repo", REPO)
    assert hub.holding.wait(20)
    pushing.send_signal(how)
    if how is signal.SIGKILL:
        pushing.wait(20)
    hub.go_on.set()
    _, errors = pushing.communicate(timeout=30)
    assert "Traceback" not in errors
    if how is signal.SIGINT:
        assert (pushing.returncode, errors.splitlines()[-1]) == (130, "modelmetry: interrupted")
    repo = hub.repos["datasets", REPO]
    assert (repo.tags, set(hub.files("datasets", REPO))) == ({}, {".gitattributes"})
    kept = len(hub.stored)
    assert kept >= 1
    hub.faults.clear()
    hub.asked.clear()
    done = api.publish(made, repo=REPO)
    assert hub.count("PUT", "/lfs/") == 3 - kept
    got = hub.files("datasets", REPO, done.tag)
    got.pop(".gitattributes")
    assert got == files_of(made)


def test_the_token_is_nowhere(hub: Hub, made: Path, tmp_path: Path) -> None:
    """Not in what is printed, tracebacks included, and in no file, even where a server repeats it."""
    hub.order("POST", "preupload", "echo")
    pushing = started(
        *(hub, tmp_path / "work", "publish", made, "--repo", REPO), MODELMETRY_TRACEBACK="1"
    )
    said = "".join(pushing.communicate(timeout=60))
    assert "Traceback" in said
    assert "forbidden for Bearer ***" in said
    hub.faults.clear()
    for method, path in (
        ("GET", "whoami"),
        ("POST", "preupload"),
        ("POST", "/commit/"),
        ("POST", "/tag/"),
    ):
        hub.order(method, path, "echo")
        with pytest.raises(BadInput, match=r"forbidden for Bearer \*\*\*") as caught:
            api.publish(made, repo=REPO)
        said += "".join(traceback.format_exception(caught.value))
    api.publish(made, repo=REPO)
    kept = b"".join(files_of(tmp_path).values()) + b"".join(files_of(made).values())
    sent = b"".join(hub.files("datasets", REPO).values())
    for place in (said.encode(), kept, sent):
        assert WRITER.encode() not in place
        assert WRITER[3:].encode() not in place


READ_BACK = """
import json, sys, datasets
datasets.disable_progress_bars()
found = []
for repo, tag, *configs in json.loads(sys.argv[1]):
    rows = [
        row
        for config in configs
        for part in datasets.load_dataset(repo, config, revision=tag).values()
        for row in part
    ]
    found.append([[row["uid"], *(list(p.size) for p in row.get("images") or [])] for row in rows])
print(json.dumps(found))
"""


def test_datasets_reads_it_back_by_its_revision(
    hub: Hub, made: Path, later: Path, painted: Path, tmp_path: Path
) -> None:
    """`load_dataset(repo, revision=tag)` gives that edition though main holds another; pictures as such."""
    done = api.publish(made, repo=REPO)
    api.publish(later, repo=REPO)
    text = tiny_pictures.SUITE.replace(", unseen: 4", "")
    suite = read(tiny_pictures.write_suite(tmp_path / "suite", text))
    seen = write(tmp_path / "editions", suite, Seed(root=1), limit=2).folder
    shown = api.publish(seen, repo="lab/pictures")
    asked = [(REPO, done.tag, "addition"), ("lab/pictures", shown.tag, "dots")]
    reading = subprocess.run(
        [sys.executable, "-c", READ_BACK, json.dumps(asked)],
        env={**os.environ, **hub.environment(tmp_path / "fresh")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert reading.returncode == 0, reading.stderr
    for rows, folder in zip(json.loads(reading.stdout), (made, seen), strict=True):
        items = list(read_edition(folder).items())
        assert sorted(row[0] for row in rows) == sorted(item.uid for item in items)
        shows = sum(len(item.pictures) for item in items)
        assert sum(len(row) - 1 for row in rows) == shows
        assert all(size[0] > 0 for row in rows for size in row[1:])
