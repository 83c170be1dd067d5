"""`run --until` and `grr` as a user meets them: exit codes, single lines, kill and resume."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from tests.cli.test_commands import CLEAN, modelmetry, scores, stored, stub

__all__ = ["stub"]


def test_a_rule_that_is_met_a_typo_and_a_limit(tmp_path: Path) -> None:
    """Met: 0. A typo: 2, in one line with what is allowed. A limit: 4, and how to go on."""
    base = ["run", "greater-than", "--model", "reference/chance", "--log-dir", "runs"]
    met = modelmetry(*base, "--until", "ci<0.3", cwd=tmp_path)
    assert met.returncode == 0, met.stderr
    assert "until ci<0.3" in met.stderr
    wrong = modelmetry(*base, "--until", "ci=0.3", cwd=tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("modelmetry: until: 'ci=0.3'; allowed:")
    assert len(wrong.stderr.splitlines()) == 1
    short = modelmetry(*base, "--until", "ci<0.1", "--limit", "21", cwd=tmp_path)
    assert short.returncode == 4
    assert "open after 21 problems" in short.stderr
    assert "go on with:" in short.stderr


def test_dry_runs_of_a_rule_ask_nothing(tmp_path: Path) -> None:
    """The plan names the rule and the splits, and makes no folder."""
    found = modelmetry("run", "addition", "--until", "threshold<1", "--dry-run", cwd=tmp_path)
    assert found.returncode == 0
    assert "until: threshold<1" in found.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_killed_run_goes_on_until_the_same_end(stub: str, tmp_path: Path) -> None:
    """Killed with -9 and gone on with by its folder, a run ends as one left alone does."""
    base = ["run", "greater-than", "--model", "openai-api/stub", "--model-base-url", stub,
            "--until", "ci<0.2", "--max-connections", "16", "--log-dir", "runs"]  # fmt: skip
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    assert modelmetry(*base, cwd=whole).returncode == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "modelmetry.cli", *base],
        cwd=killed,
        env=CLEAN,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    for _ in range(1200):
        try:
            if stored(killed / "runs") >= 60:
                break
        except sqlite3.Error:
            pass
        time.sleep(0.02)
    assert process.poll() is None
    process.kill()
    process.communicate()
    assert stored(killed / "runs") < stored(whole / "runs")
    (folder,) = (killed / "runs").iterdir()
    done = modelmetry("run", f"runs/{folder.name}", "--model-base-url", stub, cwd=killed)
    assert done.returncode == 0, done.stderr
    assert scores(killed / "runs") == scores(whole / "runs")


def test_grr_shows_what_a_suite_tells_apart(tmp_path: Path) -> None:
    """Two models on one edition: %GRR, categories, G, and a design; one run: one line, exit 2."""
    models = ["--model", "reference/simulated", "--model", "reference/chance"]
    made = modelmetry("run", "addition", *models, "--limit", "20", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    folders = [f"runs/{path.name}" for path in (tmp_path / "runs").iterdir()]
    found = modelmetry("grr", *folders, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    for word in ("repeatability", "%GRR", "distinct categories", "Phi", "recommended"):
        assert word in found.stdout
    one = modelmetry("grr", folders[0], cwd=tmp_path)
    assert one.returncode == 2
    assert one.stderr == "modelmetry: grr: 1 run; allowed: two or more of one suite\n"
