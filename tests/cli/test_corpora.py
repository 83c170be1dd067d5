"""The commands `probes` and `corpus`, as a user meets them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.api.test_probing import SUITE
from tests.brought import documents, jsonl

from modelmetry.cli.main import commands as cli
from modelmetry.errors import BadInput


def asked(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def shown(*arguments: str | Path) -> str:
    """What a command prints."""
    done = asked(*arguments)
    assert done.exit_code == 0, done.output + repr(done.exception)
    return done.output


def test_a_corpus_is_written_and_said_how_to_train_on(tmp_path: Path) -> None:
    """Figures, files, a warning about the manifest, and the command that comes next."""
    suite = tmp_path / "small.yaml"
    suite.write_text(SUITE, encoding="utf-8")
    text = shown(
        "corpus", suite, "--out", tmp_path / "lab", "-T", "corpus=5", "--shard-tokens", "5000"
    )
    assert "300 documents of 40 words, 12,000 in all" in text
    assert re.search(
        r"\d+ planted sequences of 12 words in \d+ exact copies, and as many twins", text
    )
    assert "column text of corpus-00000.parquet to corpus-00002.parquet" in text
    assert f"next: modelmetry run {suite} -T corpus=5 --model" in text
    assert len(list((tmp_path / "lab").glob("*.parquet"))) == 3


def test_probes_are_written_and_said_how_to_ask(tmp_path: Path) -> None:
    """Figures, what was left out and why, and a command that works."""
    corpus = jsonl(tmp_path / "a.jsonl", [*documents(1, 40, 20), "too short"])
    held = jsonl(tmp_path / "b.jsonl", documents(2, 10, 20))
    out = tmp_path / "probes"
    text = shown(
        "probes", corpus, "--out", out, "--tokenizer", "words", "--n", "90", "--k", "4",
        "--held-out", held, "--seed", "1",
    )  # fmt: skip
    assert text.startswith(f"{out}\n")
    assert "corpus: 1,202 tokens, 61 documents, of which 1 are shorter than 8 tokens" in text
    assert "held out: 320 tokens, 16 documents, of which 0 are shorter" in text
    found = re.search(
        r"(\d+) sequences of the corpus and (\d+) controls, of 180; (\d+) left out", text
    )
    assert found
    assert sum(map(int, found.groups())) == 180
    assert re.search(r"\d+ left out: its prompt is that of another", text)
    assert f"next: modelmetry run extraction -T probes={out} --model ... --max-tokens 4" in text
    done = shown(
        "run", "extraction", "-T", f"probes={out}", "--model", "reference/oracle",
        "--max-tokens", "4", "--limit", "10", "--log-dir", tmp_path / "runs",
    )  # fmt: skip
    assert re.search(r"corpus +accuracy +1.000", done)


def test_own_sequences_are_read(tmp_path: Path) -> None:
    """`--probes` takes the place of the draw."""
    corpus = jsonl(tmp_path / "a.jsonl", documents(1, 40, 20))
    own = jsonl(tmp_path / "own.jsonl", [documents(1, 40, 20)[0]])
    given = ("--tokenizer", "words", "--k", "4", "--out", tmp_path / "out")
    text = shown("probes", corpus, "--probes", own, *given)
    assert "1 sequences of the corpus and 0 controls, of 1; 0 left out" in text


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    """No tokenizer, no file, no column, and no probes given to the suite."""
    corpus = jsonl(tmp_path / "a.jsonl", documents(1, 4, 20))
    out = ("--out", tmp_path / "out")
    words = ("--tokenizer", "words")
    for arguments, line in (
        (("probes", corpus, *out), "tokenizer: none; allowed: words, a tokenizer.json"),
        (("probes", tmp_path / "none.jsonl", *words, *out), "none.jsonl: no such file"),
        (("probes", corpus, *words, *out, "--column", "body"), "no column 'body'; allowed: text"),
        (("run", "extraction"), "extraction: no probes; allowed: -T probes=FOLDER"),
        (
            ("run", "extraction", "-T", "probes=none"),
            "allowed: a folder made by `modelmetry probes`",
        ),
    ):
        error = asked(*arguments).exception
        assert isinstance(error, BadInput)
        assert line in str(error)
        assert "\n" not in str(error)


@pytest.mark.parametrize("kind", ["suites", "generators"])
def test_what_needs_a_users_data_says_so(kind: str) -> None:
    """`list` names the options that must be given, and nothing where there are none."""
    lines = shown("list", kind).splitlines()
    (line,) = (line for line in lines if line.startswith("extraction "))
    assert line.rstrip().endswith("? Needs -T probes=...")
    assert sum("Needs -T" in line for line in lines) == 2
    assert not any("Needs" in line for line in lines if line.startswith("addition"))
