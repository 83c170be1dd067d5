"""A user's own corpus through the public interface: from shards to probes to a scored run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.brought import jsonl

from modelmetry import api
from modelmetry.errors import BadInput
from modelmetry.memory.laboratory import Laboratory
from modelmetry.memory.windows import all_counts

OPTIONS: dict[str, Any] = {
    "k": 6,
    "documents": 300,
    "length": 40,
    "words": 128,
    "duplicates": (1, 3),
    "entropies": (3,),
    "near": 2,
    "canaries": 2,
}
LAB = Laboratory(seed=3, **OPTIONS)

SUITE = """# Is it memorized?
version: 1
tasks:
  memorization:
    generator: memorization
    options: {corpus: 3, k: 6, documents: 300, length: 40, words: 128, duplicates: [1, 3],
      entropies: [3], near: 2, canaries: 2}
    scorer: continuation
    splits: {planted: 20, twins: 20}
    prompts:
      whole: {template: memorization/whole, format: completion}
      half: {template: memorization/half, format: completion}
"""


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of a small laboratory."""
    path = tmp_path_factory.mktemp("suite") / "small.yaml"
    path.write_text(SUITE, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def corpus(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The laboratory's corpus in three files."""
    folder = tmp_path_factory.mktemp("laboratory") / "corpus"
    made = api.corpus(suite, out=folder, shard_tokens=5000)
    assert [path.name for path in made.shards] == [f"corpus-{i:05d}.parquet" for i in range(3)]
    assert made.laboratory == LAB
    planted = [each.duplicates for each in LAB.planted() if each.duplicates]
    assert (made.planted, made.copies) == (len(planted), sum(planted))
    return folder


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return pq.read_table(folder / "probes.parquet").to_pylist()


def test_planted_sequences_are_counted_as_they_were_planted(corpus: Path, tmp_path: Path) -> None:
    """Each planted sequence's count is the manifest's; twins stand nowhere and are controls."""
    manifest = json.loads((corpus / "manifest.json").read_bytes())
    spelled, sequences = manifest["vocabulary"], manifest["sequences"]
    texts = [" ".join(spelled[token] for token in each["tokens"]) for each in sequences]
    made = api.probes(
        corpus,
        out=tmp_path,
        tokenizer="words",
        k=6,
        sequences=jsonl(tmp_path / "own.jsonl", texts),
    )
    rows = rows_of(tmp_path)
    found = {row["document"]: row["duplicates"] for row in rows}
    assert found == {i: each["found"] for i, each in enumerate(sequences)}
    assert {1, 3} < set(found.values())
    assert made.record.controls == sum(not each["found"] for each in sequences) > 10
    kinds = {row["document"]: row["template"] for row in rows if row["template"] != "none"}
    assert kinds.items() >= {
        (i, s["template"]) for i, s in enumerate(sequences) if s["template"] != "none"
    }


def test_from_shards_to_a_scored_run(corpus: Path, tmp_path: Path) -> None:
    """Every sampled window's count is the brute-force one; an oracle then continues them all."""
    made = api.probes(corpus, out=tmp_path / "probes", tokenizer="words", n=400, k=6)
    assert made.record.corpus.tokens == LAB.tokens
    documents = list(LAB.stream())
    counts = all_counts(documents, 12)
    for row in rows_of(tmp_path / "probes"):
        number = row["document"] + 125 * int(Path(row["shard"]).stem.partition("-")[2])
        at = row["offset"]
        assert row["duplicates"] == counts.counts(number)[at]
        tokens = documents[number][at : at + 12]
        assert row["prompt"] + row["continuation"] == LAB.vocabulary.text(tokens)
    done = api.run(
        "extraction",
        model="reference/oracle",
        suite_options={"probes": str(tmp_path / "probes")},
        log_dir=tmp_path / "runs",
    )
    values = done.scores.column("value").to_pylist()
    assert len(values) == 2 * sum(task_splits(done).values())
    assert set(values) == {1.0}
    assert set(task_splits(done)) == {"corpus"}
    (study,) = api.memorization(done.folder).studies
    assert study is not None


def task_splits(done: api.Run) -> dict[str, int]:
    (task,) = done.record.suite.tasks
    return dict(task.splits)


def test_held_out_shards_give_controls(corpus: Path, tmp_path: Path) -> None:
    """Controls are asked beside the corpus's sequences, and all are verified."""
    texts = [LAB.vocabulary.text(np.random.default_rng(i).integers(0, 128, 30)) for i in range(20)]
    held = jsonl(tmp_path / "held.jsonl", texts)
    made = api.probes(
        [str(corpus)], out=tmp_path / "probes", tokenizer="words", n=60, k=6, held_out=[held]
    )
    assert made.record.controls > 40
    given = {"probes": str(tmp_path / "probes")}
    shown = api.preview("extraction", suite_options=given, split="held-out", limit=4)
    assert {item.problem.factors["inserted"] for item in shown} == {0}
    assert api.verify("extraction", suite_options=given, n=50).passed


def test_a_suite_without_a_laboratory_has_no_corpus(suite: Path, tmp_path: Path) -> None:
    """No task of a laboratory, two laboratories, and a folder that is not empty: one line each."""
    with pytest.raises(
        BadInput, match=r"^calendar: no corpora of a laboratory; allowed: a suite wi"
    ):
        api.corpus("calendar", out=tmp_path)
    head, _, task = SUITE.partition("  memorization:")
    other = tmp_path / "other.yaml"
    two = f"{head}  one:{task}  two:{task.replace('corpus: 3', 'corpus: 4')}"
    other.write_text(two)
    with pytest.raises(BadInput, match=r"^other: 2 corpora of a laboratory"):
        api.corpus(other, out=tmp_path / "new")
    with pytest.raises(BadInput, match="is not empty"):
        api.corpus(suite, out=tmp_path)
    made = api.corpus(suite, out=tmp_path / "new", suite_options={"corpus": "9"})
    assert made.laboratory.seed == 9
