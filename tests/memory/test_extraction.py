"""The generator of a user's own probes: it tells what the folder has, and refuses one that was changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.brought import BROUGHT, documents, jsonl

from modelmetry.errors import BadInput, SpaceExhausted
from modelmetry.items import Seed
from modelmetry.memory.encodings import Encoding
from modelmetry.memory.extraction import Extraction
from modelmetry.memory.probes import Corpus, Record, read, write
from modelmetry.memory.probing import Request, make
from modelmetry.memory.texts import has_library


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the probes that the contract is held with."""
    return Path(shutil.copytree(BROUGHT["extraction"]()["probes"], tmp_path / "probes"))


def test_problems_are_the_folders_rows(folder: Path) -> None:
    """Each row is one problem of one split, with its texts and factors; a fifth is for train."""
    generator = Extraction(probes=str(folder))
    rows = {row["id"]: row for row in pq.read_table(folder / "probes.parquet").to_pylist()}
    splits = {
        split: list(generator.problems(Seed(root=3), split, generator.count(split)))
        for split in generator.splits
    }
    for split, problems in splits.items():
        for problem in problems:
            row = rows.pop(str(problem.factors["probe"]))
            assert problem.fields == {"prompt": row["prompt"], "tail": row["tail"], "words": 4}
            assert problem.target.answers == (row["continuation"],)
            assert problem.cluster == row["cluster"]
            for name in ("duplicates", "template", "inserted", "canary"):
                assert problem.factors[name] == row[name]
            assert split == "train" or row["inserted"] == (split == "corpus")
    assert not rows
    inserted = [problem.factors["inserted"] for problem in splits["train"]]
    assert inserted.count(1) == -(-(inserted.count(1) + len(splits["corpus"])) // 5)
    assert inserted.count(0) == -(-(inserted.count(0) + len(splits["held-out"])) // 5)
    assert generator.k == 4


def test_features_are_the_tables(folder: Path) -> None:
    """Features come in the order of the problems; a problem of other probes is refused."""
    generator = Extraction(probes=str(folder))
    rows = {row["id"]: row for row in pq.read_table(folder / "probes.parquet").to_pylist()}
    factors = [p.factors for p in generator.problems(Seed(root=1), "corpus", 50)]
    found = generator.features(factors)
    assert {"frequency_mean", "textual_matches", "shannon", "repeating"} < set(found)
    for name, values in found.items():
        assert values.tolist() == [rows[str(of["probe"])][name] for of in factors]
    with pytest.raises(BadInput, match="has no probe 'corpus-999999'; allowed: the probes that"):
        generator.features([{"probe": "corpus-999999"}])


def test_a_split_is_a_uniform_sample(folder: Path) -> None:
    """The first problems of a split have no more copies than all of them: strata would balance them."""
    generator = Extraction(probes=str(folder))
    problems = list(generator.problems(Seed(root=5), "corpus", generator.count("corpus")))
    first, every = (
        sum(p.factors["duplicates"] == 3 for p in some) / len(some)
        for some in (problems[:150], problems)
    )
    assert abs(first - every) < 0.1


def test_tokens_of_words(folder: Path) -> None:
    """Words are compared as they are, known or not, whatever white space is around them."""
    assert Extraction(probes=str(folder)).tokens(" w1  unheard-of\n") == ["w1", "unheard-of"]


def test_no_controls_is_an_empty_split(tmp_path: Path) -> None:
    """Probes without controls have no held-out problems, and say how to get some."""
    path = jsonl(tmp_path / "a.jsonl", documents(1, 8, 20))
    make(Request(shards=(str(path),), tokenizer="words", k=4, n=30), tmp_path / "probes")
    generator = Extraction(probes=str(tmp_path / "probes"))
    assert generator.count("held-out") == 0
    assert generator.fingerprint()
    with pytest.raises(
        BadInput, match=r"no sequences for held-out in .*; allowed: probes with --held"
    ):
        generator.problem(Seed(root=0), "held-out", 0)
    with pytest.raises(SpaceExhausted):
        next(generator.problems(Seed(root=0), "held-out", 1))


def test_one_sequence_is_measured(tmp_path: Path) -> None:
    """A single sequence is not spent on train, which is then said to be empty."""
    path = jsonl(tmp_path / "a.jsonl", ["a b c d e f g h"])
    make(Request(shards=(str(path),), tokenizer="words", k=4), tmp_path / "probes")
    generator = Extraction(probes=str(tmp_path / "probes"))
    assert generator.count("corpus") == 1
    with pytest.raises(BadInput, match="no sequences for train"):
        generator.count("train")


def test_fingerprints_tell_probes_apart(folder: Path, tmp_path: Path) -> None:
    """The same probes elsewhere have the same fingerprint; one other count gives another."""
    mine = Extraction(probes=str(folder)).fingerprint()
    assert Extraction(probes=BROUGHT["extraction"]()["probes"]).fingerprint() == mine
    table = pq.read_table(folder / "probes.parquet")
    counts = [*table["duplicates"].to_pylist()[:-1], 17]
    place = table.column_names.index("duplicates")
    other = table.set_column(place, "duplicates", pa.array(counts, pa.int64()))
    write(tmp_path / "other", other, read(folder).record, None)
    assert Extraction(probes=str(tmp_path / "other")).fingerprint() != mine


@pytest.mark.parametrize("column", ["prompt", "tail", "continuation", "cluster"])
def test_fingerprints_see_every_text(column: str, folder: Path, tmp_path: Path) -> None:
    """One other text in the last row gives another fingerprint."""
    table = pq.read_table(folder / "probes.parquet")
    texts = [*table[column].to_pylist()[:-1], "another"]
    place = table.column_names.index(column)
    other = table.set_column(place, table.schema.field(column), pa.array(texts, pa.string()))
    write(tmp_path / "other", other, read(folder).record, None)
    mine = Extraction(probes=str(folder)).fingerprint()
    assert Extraction(probes=str(tmp_path / "other")).fingerprint() != mine


def test_what_was_changed_is_refused(folder: Path) -> None:
    """No folder, no record, another table or none: one line each, with what is allowed."""
    record, table = (folder / "probes.json").read_bytes(), (folder / "probes.parquet").read_bytes()
    with pytest.raises(
        BadInput, match=r"^extraction: no probes; allowed: -T probes=FOLDER, made by"
    ):
        Extraction()
    cases = [
        ("probes.parquet", None, r"probes.parquet: is missing; allowed: the probes as they were"),
        ("probes.parquet", table[:-1] + b"x", r"probes.parquet: was changed; allowed: the probes"),
        (
            "probes.json",
            None,
            r"probes.json: cannot be read: .*; allowed: a folder made by `modelmetry",
        ),
        ("probes.json", record[:-9], r"probes.json: no record of probes: "),
        ("probes.json", record.replace(b'"format": 1', b'"format": 2'), r"no record of probes: "),
        (
            "probes.json",
            record.replace(b'"seed": 0', b'"seed": 1'),
            r"probes.json: was changed; allowed: the record as it was written",
        ),
    ]
    for name, body, line in cases:
        (folder / "probes.json").write_bytes(record)
        (folder / "probes.parquet").write_bytes(table)
        if body is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(body)
        with pytest.raises(BadInput, match=line) as told:
            Extraction(probes=str(folder))
        assert "\n" not in str(told.value)


def test_another_tokenizer_is_refused(tmp_path: Path) -> None:
    """Beside duplicates that were counted under one tokenizer no other may lie, nor none."""
    empty = Corpus(shards=(), documents=0, short=0, tokens=0, windows=0)
    record = Record(
        k=4,
        tokenizer=Encoding(name="mine", fingerprint="0123"),
        tokenizer_file="",
        corpus=empty,
        held_out=None,
        sequences="",
        seed=0,
        drawn=0,
        probes=0,
        controls=0,
    )
    table = pq.read_table(Path(BROUGHT["extraction"]()["probes"]) / "probes.parquet")
    sealed = write(tmp_path, table, record, b"{}")
    assert sealed.tokenizer_file
    assert read(tmp_path).record == sealed
    file = tmp_path / "tokenizer.json"
    file.write_text("{ }")
    line = r"tokenizer.json: was changed; allowed: the one that duplicates were counted under, the tokenizer 'mine' \(0123\)"
    with pytest.raises(BadInput, match=line):
        Extraction(probes=str(tmp_path))
    file.unlink()
    with pytest.raises(
        BadInput, match=r"tokenizer.json: is missing; allowed: the one that duplicates"
    ):
        Extraction(probes=str(tmp_path))


def test_columns_that_are_missing_are_named(folder: Path) -> None:
    """A table that was written by something else says which column it lacks."""
    record = msgspec.json.decode((folder / "probes.json").read_bytes(), type=Record)
    table = pq.read_table(folder / "probes.parquet").drop_columns(["tail"])
    write(folder, table, record, None)
    with pytest.raises(BadInput, match="no column 'tail'; allowed: id, tokens, prompt"):
        Extraction(probes=str(folder))


@pytest.mark.skipif(has_library(), reason="the library `tokenizers` is installed here")
def test_tokens_without_the_library_are_words(folder: Path) -> None:
    """Where the tokenizer cannot be read, texts are still compared, word by word."""
    table, record = pq.read_table(folder / "probes.parquet"), read(folder).record
    write(folder, table, record, b"{}")
    assert Extraction(probes=str(folder)).tokens("a  b") == ["a", "b"]
