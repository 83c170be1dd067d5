"""Making probes: whose texts stand for their tokens, counted exactly, with controls that stand nowhere."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.brought import documents, jsonl
from tests.memory.test_corpora import Letters

from modelmetry.errors import BadInput
from modelmetry.memory import probing
from modelmetry.memory.features import describe
from modelmetry.memory.probes import COLUMNS, Record, clusters, told
from modelmetry.memory.probing import Request, make

K = 4


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return pq.read_table(folder / "probes.parquet").to_pylist()


def made(tmp_path: Path, **settings: Any) -> tuple[Record, list[dict[str, Any]]]:
    """Probes of a corpus in two files, and its words."""
    texts = documents(1, 40, 20, vocabulary=200)
    first = jsonl(tmp_path / "a.jsonl", [*texts[:30], "too short", ""])
    pq.write_table(pa.table({"text": texts[30:]}), tmp_path / "b.parquet")
    wanted = {"shards": (str(first), str(tmp_path / "b.parquet")), "tokenizer": "words", "k": K}
    record = make(Request(**{**wanted, "n": 200, **settings}), tmp_path / "out")
    return record, rows_of(tmp_path / "out")


def windows(texts: list[str], width: int = 2 * K) -> Counter[str]:
    """How often each window of words stands in texts: the slow, obvious count."""
    split = [text.split() for text in texts]
    return Counter(
        " ".join(words[at : at + width]) for words in split for at in range(len(words) - width + 1)
    )


def test_sequences_stand_as_often_as_is_said_and_where(tmp_path: Path) -> None:
    """Texts, counts, places and the record agree with the documents, listed by hand."""
    record, rows = made(tmp_path)
    texts = documents(1, 40, 20, vocabulary=200)
    counts = windows(texts)
    files = {"a.jsonl": [*texts[:30], "too short", ""], "b.parquet": texts[30:]}
    assert {row["duplicates"] for row in rows} == {1, 3}
    for row in rows:
        whole = row["prompt"] + row["continuation"]
        words = whole.split()
        assert row["duplicates"] == counts[whole]
        assert row["prompt"] == " ".join(words[:K])
        assert row["continuation"] == " " + " ".join(words[K:])
        assert row["tail"] == " " + " ".join(words[K // 2 : K])
        document = files[Path(row["shard"]).name][row["document"]].split()
        assert document[row["offset"] : row["offset"] + 2 * K] == words
        assert (row["inserted"], row["canary"], row["template"]) == (1, 0, "none")
    assert len({row["id"] for row in rows}) == len({row["prompt"] for row in rows}) == len(rows)
    assert record.corpus.tokens == sum(len(text.split()) for text in texts) + 2
    assert (record.corpus.documents, record.corpus.short) == (len(texts) + 2, 2)
    assert record.corpus.windows == counts.total()
    assert (record.k, record.drawn, record.probes, record.controls) == (K, 200, len(rows), 0)
    assert record.left_out == {"its prompt is that of another": 200 - len(rows)}
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["probes.json", "probes.parquet"]
    assert (
        msgspec.json.decode((tmp_path / "out" / "probes.json").read_bytes(), type=Record) == record
    )


def test_features_are_those_of_the_corpus(tmp_path: Path) -> None:
    """Frequencies are those of the words, and the other features those that `describe` finds."""
    _, rows = made(tmp_path)
    words = Counter(
        w for text in [*documents(1, 40, 20, vocabulary=200), "too short"] for w in text.split()
    )
    assert set(rows[0]) - set(COLUMNS) > {
        "frequency_mean",
        "semantic_matches",
        "huffman",
        "shannon",
    }
    for row in rows:
        counts = [words[word] for word in (row["prompt"] + row["continuation"]).split()]
        assert row["frequency_maximum"] == max(counts)
        assert row["frequency_mean"] == pytest.approx(np.mean(counts))
        assert row["frequency_minimum"] == min(counts)
    wholes = [row["prompt"] + row["continuation"] for row in rows]
    found = describe(
        [row["tokens"] for row in rows], [row["prompt"] for row in rows], wholes=wholes
    )
    for name, values in found.items():
        assert [row[name] for row in rows] == values.tolist()


def test_a_seed_fixes_the_probes(tmp_path: Path) -> None:
    """The same seed writes the same bytes, over what was there; another draws other sequences."""
    first, rows = made(tmp_path, n=50)
    (tmp_path / "out" / "tokenizer.json").write_text("of another time")
    again, _ = made(tmp_path, n=50)
    assert again == first
    assert not (tmp_path / "out" / "tokenizer.json").exists()
    _, others = made(tmp_path, n=50, seed=1)
    assert {row["prompt"] for row in rows} != {row["prompt"] for row in others}


def test_rules_are_told(tmp_path: Path) -> None:
    """Sequences that repeat or count have their template; text without a rule has none."""
    texts = ["so it is " * 6, " ".join(f"item {n}" for n in range(10, 20)), "a b c d e f g h"]
    path = jsonl(tmp_path / "a.jsonl", texts)
    make(Request(shards=(str(path),), tokenizer="words", k=K), tmp_path / "out")
    found = {(row["document"], row["template"]) for row in rows_of(tmp_path / "out")}
    assert found == {(0, "repeating"), (1, "incrementing"), (2, "none")}


def test_controls_stand_nowhere(tmp_path: Path) -> None:
    """Of held-out shards what stands in the corpus is left out and counted; the rest are controls."""
    texts, fresh = documents(1, 40, 20, vocabulary=200), documents(9, 20, 20, vocabulary=400)
    held = jsonl(tmp_path / "held-out.jsonl", [*fresh, texts[0]])
    record, rows = made(tmp_path, held_out=(str(held),), n=1000)
    corpus = windows(texts)
    controls = [row for row in rows if not row["inserted"]]
    assert {row["shard"] for row in controls} == {str(held)}
    assert {row["duplicates"] for row in controls} == {0}
    assert not {row["prompt"] + row["continuation"] for row in controls} & set(corpus)
    assert len({row["prompt"] for row in rows}) == len(rows)
    assert (record.probes, record.controls) == (len(rows) - len(controls), len(controls))
    assert record.probes + record.controls + sum(record.left_out.values()) == record.drawn
    # The held-out copy of a document has 13 windows, whose prompts are those of the corpus's own.
    assert record.left_out["its prompt is that of another"] >= 13
    near = {
        a["id"]: {
            b["cluster"]
            for b in rows
            if (a["shard"], a["document"]) == (b["shard"], b["document"])
            and abs(a["offset"] - b["offset"]) < 2 * K
        }
        for a in rows
    }
    assert all(near[row["id"]] == {row["cluster"]} for row in rows)
    assert {row["id"][:7] for row in controls} == {row["cluster"][:7] for row in controls}
    assert len({row["cluster"] for row in rows}) > 50
    assert record.held_out is not None
    assert record.held_out.documents == len(fresh) + 1


def test_a_control_in_the_corpus_is_dropped(tmp_path: Path) -> None:
    """Where few of the corpus's windows were drawn, held-out copies are found by counting alone."""
    texts = documents(1, 40, 20, vocabulary=200)
    held = jsonl(tmp_path / "held-out.jsonl", [texts[5], "u v w x y z a1 b1"])
    record, rows = made(tmp_path, held_out=(str(held),), n=14, seed=3)
    dropped = record.left_out["a control that stands in the corpus"]
    assert 10 <= dropped <= 13
    assert [row["prompt"] for row in rows if not row["inserted"]] == ["u v w x"]


def test_a_users_own_sequences(tmp_path: Path) -> None:
    """The first 2k tokens of each are asked; those that stand nowhere are controls."""
    texts = documents(1, 40, 20, vocabulary=200)
    own = jsonl(
        tmp_path / "own.jsonl", [texts[0], "p q r s t u v w x", " ".join(texts[3].split()[5:])]
    )
    record, rows = made(tmp_path, sequences=str(own))
    assert [row["inserted"] for row in rows] == [1, 0, 1]
    assert [row["duplicates"] for row in rows] == [3, 0, 1]
    assert [row["document"] for row in rows] == [0, 1, 2]
    assert rows[1]["prompt"] + rows[1]["continuation"] == "p q r s t u v w"
    assert rows[1]["frequency_maximum"] == 0
    assert (record.sequences, record.drawn, record.probes, record.controls) == (str(own), 3, 2, 1)


def test_own_sequences_that_are_too_short(tmp_path: Path) -> None:
    """How many are shorter than 2k, which is the first, and how long it is."""
    own = jsonl(tmp_path / "own.jsonl", ["a b c d e f g h", "one two", "", "a b c d e f g"])
    with pytest.raises(BadInput) as told_:
        made(tmp_path, sequences=str(own))
    assert str(told_.value) == (
        f"{own}: 3 of 4 sequences are shorter than 8 tokens, 2k; the first, {own}, row 2, has 2; "
        "allowed: sequences of 2k tokens or more"
    )


def test_nothing_to_ask_is_one_line(tmp_path: Path) -> None:
    """No document long enough, no token at all, or no sequence left: each says what to do."""
    short = jsonl(tmp_path / "short.jsonl", ["a b", "c", ""])
    for k, line in (
        (2, r"none of 3 documents has 4 tokens, 2k; allowed: longer documents, or a sm"),
    ):
        with pytest.raises(BadInput, match=line):
            make(Request(shards=(str(short),), tokenizer="words", k=k), tmp_path / "out")
    corpus = jsonl(tmp_path / "a.jsonl", ["a b c d e f g h"])
    wanted = Request(shards=(str(corpus),), tokenizer="words", k=K, held_out=(str(short),))
    with pytest.raises(BadInput, match=r"^.*short.jsonl: none of 3 documents"):
        make(wanted, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
    for name, value in (("n", 0), ("k", 1), ("k", 4097), ("seed", -1)):
        with pytest.raises(BadInput, match=rf"^probes: {name} is {value}; allowed: from "):
            Request(shards=("a",), tokenizer="words", **{name: value})


class Lossy(Letters):
    """Writes every `q` as `k`, so that sequences with one are turned into other tokens."""

    def decode(self, rows: Any) -> list[str]:
        return [text.replace("q", "k") for text in super().decode(rows)]


def test_texts_that_do_not_stand_for_their_tokens_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be asked is counted by reason; nothing left is an error that lists the reasons."""
    monkeypatch.setattr(probing, "coder", lambda _: Lossy())
    path = jsonl(tmp_path / "a.jsonl", ["abcdefgh", "abqdefgh", "bcdefghq", "abcdxxxx"])
    record = make(Request(shards=(str(path),), tokenizer="lossy", k=K), tmp_path / "out")
    assert record.left_out == {
        "its text is turned into other tokens": 2,
        "its prompt is that of another": 1,
    }
    assert record.tokenizer == Letters.encoding
    path = jsonl(tmp_path / "b.jsonl", ["abqdefgh"])
    with pytest.raises(BadInput, match=r"none of 1 sequences is left \(1: its text is turned into"):
        make(Request(shards=(str(path),), tokenizer="lossy", k=K), tmp_path / "out")
    assert rows_of(tmp_path / "out")


class Bytes(Letters):
    """Bytes of UTF-8, of which broken characters become marks."""

    def encode(self, texts: Any) -> list[Any]:
        return [np.frombuffer(text.encode(), np.uint8).astype(np.uint32) for text in texts]

    def decode(self, rows: Any) -> list[str]:
        return [bytes(map(int, row)).decode(errors="replace") for row in rows]


def test_texts_of_bytes() -> None:
    """Cut characters, white space and NUL are left out; a tail begins where a character does."""
    texts = [
        "abcdefgh",
        "äbcdefg",
        "aäcdefg",
        "abcäefg",
        "abc😀d",
        "    efgh",
        "abcd    ",
        "abc\0efgh",
    ]
    rows = np.array(Bytes().encode(texts))
    found = told(rows, 4, Bytes())
    assert found.kept.tolist() == [0, 1, 2]
    assert found.prompts == ["abcd", "äbc", "aäc"]
    assert found.tails == ["cd", "bc", "äc"]
    assert found.continuations == ["efgh", "defg", "defg"]
    assert found.left_out == {
        "its text is turned into other tokens": 2,
        "prompt or continuation is white space alone": 2,
        "its text has a NUL character": 1,
    }


def test_windows_that_overlap_are_one_cluster() -> None:
    """Groups end where a document does, and where the next window begins after the last one's end."""
    places = np.array(
        [(0, 0, 0), (0, 0, 7), (0, 0, 14), (0, 0, 22), (0, 1, 23), (1, 1, 23), (1, 1, 30)]
    )
    assert clusters(places, 8).tolist() == [0, 0, 0, 3, 4, 5, 5]
    assert clusters(np.zeros((0, 3), np.int64), 8).tolist() == []
