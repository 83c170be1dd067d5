"""`contamination` as a user meets it: two runs and an edition in, tables, a sentence and a report out."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.test_judging_command import modelmetry

from modelmetry import api

__all__ = ["modelmetry"]

LOGICS = {"ability": 0.5}
READ = {**LOGICS, "split_shift": {"*": 3.0}}


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, list[Path]]:
    """An edition, and runs of a respondent who has read it: there, and on a fresh seed."""
    edition = api.generate("calendar", seed=1, limit=40, out=tmp_path)
    runs = [
        api.run(
            what, model="reference/simulated", model_options=options, seed=seed, limit=limit,
            log_dir=tmp_path / "runs",
        ).folder
        for what, options, seed, limit in ((edition, READ, None, None), ("calendar", LOGICS, 2, 40))
    ]  # fmt: skip
    return edition, runs


def test_what_was_read_is_shown(made: tuple[Path, list[Path]], modelmetry, tmp_path: Path) -> None:
    """A respondent with 3 logits more on the edition is told by its scores, and the report is written."""
    edition, runs = made
    code, out, errors = modelmetry(
        "contamination", *runs, "--edition", edition, "--out", tmp_path / "r"
    )
    assert (code, errors) == (0, "")
    assert "is not like a model that has never seen edition seed-1-" in out
    assert "published less fresh" in out
    assert "note: no canary, rows or order" in out
    for name in ("report.html", "report.md", "estimates.csv"):
        assert str(tmp_path / "r" / name) in out
        assert (tmp_path / "r" / name).stat().st_size > 300


def test_faults_are_single_lines(made: tuple[Path, list[Path]], modelmetry, tmp_path: Path) -> None:
    """No edition, a folder that is none, a run of something else: exit code 2 and one line each."""
    edition, runs = made
    code, _, errors = modelmetry("contamination", runs[0])
    assert code == 2
    assert "--edition" in errors
    for arguments, line in (
        ((runs[0], "--edition", tmp_path), "is no edition"),
        ((tmp_path, "--edition", edition), "run.json"),
    ):
        code, out, errors = modelmetry("contamination", *arguments)
        assert (code, out) == (2, "")
        assert errors.count("\n") == 1
        assert line in errors
    code, _, errors = modelmetry("run", "contamination", "--dry-run")
    assert code == 2
    assert "no edition; allowed: -T edition=FOLDER" in errors
