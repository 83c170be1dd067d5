"""The command that a scheduler calls: what it prints, and its exit codes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.nightly import nights

from modelmetry.cli.main import _code

DATE = "2026-01-01"


def _run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["modelmetry", "nightly", *words])
    return _code()


def test_a_failed_gate_is_exit_5_and_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on stderr for each failed gate, the summary on stdout; the same again says the same."""
    worse = {"model": "reference/simulated", "name": "worse", "options": {"ability": -2}}
    able = {"model": "reference/simulated", "name": "able", "options": {"ability": 2}}
    path = nights.write(
        tmp_path,
        models=[able, worse],
        suites=[{"suite": "adding.yaml", "fresh": {"limit": 40}}],
        gates={"regression": {"against": ["able"]}},
    )
    nights.ask_here(path, DATE)
    assert _run(monkeypatch, str(path), "--date", DATE) == 5
    first = capsys.readouterr()
    (line,) = first.err.strip().splitlines()
    assert line.startswith(
        "modelmetry: regression: worse, adding, held-out: fresh problems against able"
    )
    assert "FAILED" in first.out
    assert _run(monkeypatch, str(path), "--date", DATE) == 5
    again = capsys.readouterr()
    assert again.err.splitlines()[0] == f"{DATE} is finished: nothing was asked"
    assert again.out == first.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("gone.yaml",), "gone.yaml: no such file; allowed: a nightly.yaml"),
        (("nightly.yaml", "--date", "tomorrow"), "date: 'tomorrow'; allowed: days as YYYY-MM-DD"),
        (("nightly.yaml", "--out", "adding.yaml"), "adding.yaml: cannot be written"),
    ],
)
def test_bad_input_is_exit_2_and_a_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    said: str,
) -> None:
    """A missing file, a wrong date, a file in place of a folder."""
    nights.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert _run(monkeypatch, *words) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line


def test_a_dry_run_is_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Suites, models, requests and commitments; nothing is written."""
    path = nights.write(tmp_path)
    assert _run(monkeypatch, str(path), "--dry-run", "--date", DATE) == 0
    told = capsys.readouterr().out
    assert "able" in told
    assert "anchors" in told
    assert not (tmp_path / "nights").exists()
