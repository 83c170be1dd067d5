"""The group `modelmetry leaderboard`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.leaderboards.boards import leaderboards

from modelmetry import api
from modelmetry.cli.main import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, and a folder of leaderboards."""
    place = tmp_path_factory.mktemp("leaderboards")
    run = api.run("addition", model="reference/majority", limit=12, log_dir=place / "runs")
    run.folder.rename(place / "run")
    leaderboards(place / "data", nights=2)
    return place


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path):
    """Exit code, output and errors of a command line, in that folder."""
    monkeypatch.chdir(folder)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["modelmetry", "leaderboard", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_a_dry_run_says_what_would_be_added(told, folder):
    """A line per entry, and no file."""
    code, out, _ = told("update", "run", "--data", "board", "--dry-run")
    assert code == 0
    assert out.count("would add: addition") >= 1
    assert "rank 1 (places 1 to 1) reference/majority" in out
    assert not (folder / "board").exists()


def test_update_names_the_file_and_refuses_the_same_again(told):
    """Exit code 2 and one line."""
    assert told("update", "run", "--data", "once")[:2] == (0, "once/addition.csv\n")
    code, out, wrong = told("update", "run", "--data", "once")
    assert (code, out) == (2, "")
    assert wrong.count("\n") == 1
    assert "already on this leaderboard" in wrong


def test_build_names_the_front_page(told, folder):
    """Which is there."""
    assert told("build", "--data", "data", "--out", "site")[:2] == (0, "site/index.html\n")
    assert (folder / "site" / "index.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("update", "nowhere"), "nowhere"),
        (("build", "--data", "nowhere"), "nowhere: no leaderboard; allowed"),
        (("build", "--data", "data", "--out", "run"), "holds something else"),
        (("build", "--data", "data", "--editions", "run"), "edition.json"),
        (("serve", "--data", "nowhere", "--port", "0"), "nowhere: no leaderboard"),
        (("serve", "--port", "70000"), "70000"),
        (("updat", "run"), "update"),
        (("build", "--dta", "x"), "--data"),
    ],
)
def test_bad_input_is_one_line(told, arguments, says):
    """What, where, what is allowed; exit code 2."""
    code, out, wrong = told(*arguments)
    assert (code, out) == (2, "")
    assert wrong.count("\n") == 1
    assert says in wrong
