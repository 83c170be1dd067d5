"""The site on this machine."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from tests.leaderboards.boards import leaderboards, night

from modelmetry.errors import BadInput
from modelmetry.leaderboards import update
from modelmetry.leaderboards.serving import Site, serve

COMMAND = (
    "import sys; from pathlib import Path; from modelmetry.leaderboards.serving import serve; "
    "serve(Path(sys.argv[1]), 0, [], lambda line: print(line, flush=True))"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two suites, one night."""
    return leaderboards(tmp_path_factory.mktemp("data"), nights=1)


@pytest.fixture(scope="module")
def server(data):
    """A server in a process of its own; its port."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(data)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said = process.stdout.readline()
    yield process, int(said.split(":")[2].split("/")[0])
    process.kill()
    process.wait()
    process.stdout.close()


def asked(port, path, host="127.0.0.1"):
    """Status and text of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", f"{host}:{port}")
    connection.endheaders()
    answer = connection.getresponse()
    text = answer.read().decode("utf-8", "replace")
    connection.close()
    return answer.status, text


def test_pages_are_served(server):
    """The front page, a suite's page, and nothing that is not there."""
    _, port = server
    assert asked(port, "/")[0] == 200
    assert "a/good" in asked(port, "/suites/sums/index.html")[1]
    assert asked(port, "/none.html")[0] == 404


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "//etc/passwd"],
)
def test_nothing_else_is_served(server, path):
    """Paths that lead out of the site find nothing."""
    assert asked(server[1], path)[0] == 404


def test_folders_are_not_listed(server):
    """Only files that somebody links to."""
    assert asked(server[1], "/models/")[0] == 404


def test_other_peoples_names_for_this_machine_are_refused(server):
    """A page elsewhere whose name leads here cannot read the site."""
    assert asked(server[1], "/", host="evil.example")[0] == 403
    assert asked(server[1], "/", host="localhost")[0] == 200


def test_a_change_is_built_anew(server, data):
    """Within a few seconds, and the server goes on after a damaged file."""
    process, port = server
    update(data / "sums.csv", night(9, [("late/comer", 0.5)]))
    ends = time.monotonic() + 20
    while "late/comer" not in asked(port, "/")[1]:
        assert time.monotonic() < ends
        time.sleep(0.1)
    assert process.stdout.readline().startswith("built anew")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_cleanly(data, sent, tmp_path):
    """Exit code 0, no traceback, and its folder is gone."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        # Shells that run in the background tell their children to pass over Ctrl-C.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    process.stdout.readline()
    assert list(tmp_path.iterdir())
    process.send_signal(sent)
    said, wrong = process.communicate(timeout=20)
    assert (process.returncode, said, wrong) == (0, "ended\n", "")
    assert not list(tmp_path.iterdir())


def test_a_taken_port_is_one_line(data):
    """With the way out."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match=rf"port {port}: .*--port 0"):
            serve(data, port, [], print)


def test_a_damaged_file_keeps_the_site(data, tmp_path):
    """The line says why nothing was built anew; the next good file is built."""
    said: list[str] = []
    mine = tmp_path / "data"
    update(mine / "sums.csv", night(0, [("a", 0.5)]))
    (tmp_path / "sites").mkdir()
    site = Site(mine, tmp_path / "sites", [], said.append)
    before = site.current
    assert not site.look()
    good = (mine / "sums.csv").read_text()
    (mine / "sums.csv").write_text("x\n")
    assert not site.look()
    assert site.current == before
    assert "not built anew" in said[0]
    (mine / "sums.csv").write_text(good)
    assert site.look()
    assert site.current != before
    assert Path(site.current / "index.html").is_file()
