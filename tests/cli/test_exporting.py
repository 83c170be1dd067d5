"""`modelmetry export` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.test_commands import modelmetry


def test_an_export_says_what_not_to_test_on(tmp_path: Path) -> None:
    """The folder, how many examples, and which split and seed are now known to the model."""
    done = modelmetry(
        *("export", "addition", "--to", "chat", "--out", "tuning", "--limit", "7", "--seed", "3"),
        *("--wording", "missing"),
        cwd=tmp_path,
    )
    assert done.returncode == 2, "a wrong wording is bad input"
    assert "no chat 'missing'; allowed: addition/" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    done = modelmetry(
        *("export", "addition", "--to", "chat", "--out", "tuning", "--limit", "7", "--seed", "3"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    folder, note = done.stdout.splitlines()
    assert folder == "tuning"
    found = (tmp_path / "tuning" / "train.jsonl").read_text().splitlines()
    assert note == (
        f"{len(found)} examples of split train under seed 3; "
        "test the tuned model on other splits, or under another seed"
    )
    assert [turn["role"] for turn in json.loads(found[0])["messages"]][-1] == "assistant"


def test_flags_can_be_given_by_the_environment(tmp_path: Path) -> None:
    """As for every other command."""
    done = modelmetry(
        *("export", "addition", "--to", "datasets"),
        cwd=tmp_path,
        MODELMETRY_OUT="there",
        MODELMETRY_LIMIT="2",
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "there" / "data" / "train.parquet").is_file()


def test_clevr_files_need_scenes(tmp_path: Path) -> None:
    """A suite without scenes is one line; one with them gives scenes, questions and pictures."""
    asked = ("--to", "clevr", "--limit", "1", "--out", "clevr", "--split", "held-out")
    done = modelmetry("export", "addition", *asked, cwd=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "addition: its problems hold no scenes; allowed for clevr: suites of the gen" in line
    done = modelmetry("export", "clevr", *asked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "clevr").rglob("*.*")) == [
        "CLEVR_held-out_000000.png",
        "CLEVR_held-out_questions.json",
        "CLEVR_held-out_scenes.json",
    ]
