"""Corpora in files: texts and tokens of every kind are read alike, and what does not fit is one line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelmetry.errors import BadInput
from modelmetry.memory.blocks import Shard
from modelmetry.memory.corpora import encoded, opened
from modelmetry.memory.encodings import Encoding
from modelmetry.memory.texts import Coder, Words, coder, file_of, has_library

TEXTS = ["the cat sat", "", "  the  dog\nsat ", "a cat"]


class Letters:
    """Letters numbered from 0: a tokenizer of a fixed vocabulary without a library."""

    encoding = Encoding(name="team/letters", fingerprint="0123456789abcdef")
    vocabulary = 26

    def encode(self, texts: Any) -> list[Any]:
        return [np.array([ord(letter) - 97 for letter in text], np.uint32) for text in texts]

    def decode(self, rows: Any) -> list[str]:
        return ["".join(chr(97 + int(token)) for token in row) for row in rows]


def documents(shards: tuple[Shard, ...]) -> list[list[int]]:
    """All documents of shards whose blocks begin with documents."""
    return [
        document.tolist()
        for shard in shards
        for block in shard.blocks(3)
        for document in np.split(block.tokens, block.starts[1:])
    ]


def jsonl(path: Path, rows: list[Any]) -> Path:
    body = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(body) if path.suffix == ".gz" else body)
    return path


def test_words_are_what_stands_between_white_space() -> None:
    """Words are numbered as they come, and come back with single spaces between them."""
    words = Words()
    assert [row.tolist() for row in words.encode(TEXTS)] == [[0, 1, 2], [], [0, 3, 2], [4, 1]]
    assert words.decode([[0, 3, 2], []]) == ["the dog sat", ""]
    assert words.encode(["dog new"])[0].tolist() == [3, 5]
    assert words.decode(np.array([[5, 0]])) == ["new the"]
    assert words.encoding == Words().encoding


def test_texts_are_read_alike_from_every_kind_of_file(tmp_path: Path) -> None:
    """Parquet, JSONL and compressed JSONL give the same documents, missing ones included."""
    rows = [{"text": text, "n": 1} for text in (*TEXTS, None)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    jsonl(tmp_path / "b.jsonl", rows)
    jsonl(tmp_path / "c.jsonl.gz", rows)
    want = [[0, 1, 2], [], [0, 3, 2], [4, 1], []]
    for name in ("a.parquet", "b.jsonl", "c.jsonl.gz"):
        assert documents(opened([tmp_path / name], Words())) == want
    assert documents(opened([tmp_path], Words())) == 3 * want


def test_what_is_slow_to_read_is_written_once(tmp_path: Path) -> None:
    """Texts and JSONL become files of the same tokens; Parquet of tokens and arrays stay as they are."""
    jsonl(tmp_path / "a.jsonl", [{"text": "abc"}, {"text": ""}, {"text": "z"}])
    jsonl(tmp_path / "b.jsonl", [{"tokens": [3, 4]}])
    pq.write_table(pa.table({"tokens": [[5], [6, 7]]}), tmp_path / "c.parquet")
    np.save(tmp_path / "d.npy", np.array([[8, 9]], np.uint16))
    shards = opened(sorted(tmp_path.iterdir()), Letters())
    (tmp_path / "scratch").mkdir()
    made = encoded(shards, tmp_path / "scratch")
    assert (
        documents(made) == documents(shards) == [[0, 1, 2], [], [25], [3, 4], [5], [6, 7], [8, 9]]
    )
    assert [each is other for each, other in zip(made, shards, strict=True)] == [
        *(False, False, True, True),
    ]
    assert {each.encoding for each in made} == {Letters.encoding}
    assert len(list((tmp_path / "scratch").iterdir())) == 2


def test_a_column_is_found_or_named(tmp_path: Path) -> None:
    """Text goes before tokens; another column is read where it is named."""
    row = {"body": "b", "tokens": [2, 3], "text": "a"}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "a.parquet")
    jsonl(tmp_path / "b.jsonl", [{**row, "text": None}, row])
    for name, first in (("a.parquet", [[0]]), ("b.jsonl", [[], [0]])):
        path, times = tmp_path / name, len(first)
        assert documents(opened([path], Letters())) == first
        assert documents(opened([path], Letters(), ("body",))) == [[1]] * times
        assert documents(opened([path], Letters(), ("tokens",))) == [[2, 3]] * times
        assert documents(opened([path], Letters(), ("none", "tokens"))) == [[2, 3]] * times


BAD = [
    ("no-file", "a.jsonl", None, ("text",), r"no such file; allowed: files of a corpus"),
    ("column", "a.jsonl", [{"a": "x", "b": 1}], ("text", "tokens"),
     r"no column 'text' and no column 'tokens'; allowed: a, b"),
    ("kind", "a.jsonl", [{"text": 3}], ("text",), r"column 'text' holds int; allowed: texts or lists"),
    ("later-kind", "a.jsonl", [{"text": "x"}, {"text": 3}], ("text",), r"holds int; allowed: texts$"),
    ("nothing", "a.jsonl", [{"text": None}], ("text",), r"column 'text' holds nothing; allowed"),
    ("empty", "a.jsonl", [], ("text",), r"it is empty; allowed: a file with documents"),
    ("not-rows", "a.jsonl", [[1, 2]], ("text",), r"line 1: Expected `object`"),
    ("suffix", "a.txt", [{"text": "x"}], ("text",), r"unknown kind of shard; allowed: .npy"),
    ("beyond", "a.jsonl", [{"tokens": [3, 26]}], ("tokens",), r"token 26; allowed: 0 to 25"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "rows", "columns", "line"), [b[1:] for b in BAD],
                         ids=[b[0] for b in BAD])  # fmt: skip
def test_what_does_not_fit_is_one_line(
    name: str, rows: Any, columns: tuple[str, ...], line: str, tmp_path: Path
) -> None:
    """A file that is not there, empty, of another kind or under another tokenizer is named."""
    path = tmp_path / name
    if rows is not None:
        jsonl(path, rows)
    with pytest.raises(BadInput, match=line) as told:
        documents(opened([path], Letters(), columns))
    assert str(told.value).startswith(f"{path}: ")
    assert "\n" not in str(told.value)


def test_parquet_that_does_not_fit_is_one_line(tmp_path: Path) -> None:
    """No rows, no Parquet, and a column of another type are told apart."""
    path = tmp_path / "a.parquet"
    for table, line in (
        (pa.table({"text": pa.array([], pa.string())}), "it is empty"),
        (
            pa.table({"text": [1.5]}),
            "column 'text' holds double; allowed: texts or lists of tokens",
        ),
        (pa.table({"body": ["a"]}), "no column 'text' and no column 'tokens'; allowed: body"),
        (None, "not a readable Parquet file"),
    ):
        if table is None:
            path.write_bytes(b"nothing of the kind")
        else:
            pq.write_table(table, path)
        with pytest.raises(BadInput, match=line):
            opened([path], Letters())
    (tmp_path / "none").mkdir()
    for given, line in (([], "shards: none"), ([tmp_path / "none"], "no shard in it")):
        with pytest.raises(BadInput, match=line):
            opened(given, Letters())


def test_words_cannot_read_tokens(tmp_path: Path) -> None:
    """Token numbers say nothing to a tokenizer that numbers words itself."""
    np.save(tmp_path / "a.npy", np.arange(3, dtype=np.uint16))
    jsonl(tmp_path / "b.jsonl", [{"tokens": [1]}])
    for name in ("a.npy", "b.jsonl"):
        with pytest.raises(BadInput, match="holds tokens, which words cannot read"):
            opened([tmp_path / name], Words())


@pytest.mark.parametrize(
    ("stated", "refused"),
    [
        ("team/letters", False),
        ("Letters", False),
        ("gpt2", True),
        ({"name": "gpt2", "fingerprint": "0123456789abcdef"}, False),
        ({"name": "team/letters", "fingerprint": "ffff"}, True),
        ({"name": "elsewhere/letters"}, False),
        ("", False),
        (17, False),
    ],
)
def test_a_manifest_that_names_another_tokenizer_is_believed(
    stated: Any, refused: bool, tmp_path: Path
) -> None:
    """Fingerprints are compared where there is one, else the names' last parts."""
    path = jsonl(tmp_path / "a.jsonl", [{"text": "a"}])
    (tmp_path / "manifest.json").write_text(json.dumps({"tokenizer": stated, "other": [1]}))
    if not refused:
        assert documents(opened([path], Letters())) == [[0]]
        return
    with pytest.raises(BadInput, match=r"manifest.json: the corpus was made with the tokenizer"):
        opened([path], Letters())


def test_no_tokenizer_is_one_line(tmp_path: Path) -> None:
    """Without a tokenizer, or with one that is not there, the line says what is allowed."""
    with pytest.raises(BadInput, match=r"^tokenizer: none; allowed: words, a tokenizer.json file"):
        coder("")
    wanted = (
        "tokenizer" if has_library() else "the library `tokenizers` is not installed; allowed: pip"
    )
    with pytest.raises(BadInput, match=wanted):
        coder(str(tmp_path / "nothing" / "tokenizer.json"))
    assert file_of("words", Words()) is None


@pytest.fixture
def trained(tmp_path: Path) -> tuple[Path, Coder]:
    """A byte-level tokenizer that cuts and fills up texts unless it is told not to."""
    tokenizers = pytest.importorskip("tokenizers")
    inner = tokenizers.Tokenizer(tokenizers.models.BPE())
    inner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|end|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(["the cat sat on the mat"] * 5, trainer)
    inner.post_processor = tokenizers.processors.TemplateProcessing(
        single="<|end|> $A", special_tokens=[("<|end|>", 0)]
    )
    inner.enable_truncation(4)
    inner.enable_padding(length=9)
    folder = tmp_path / "model"
    folder.mkdir()
    inner.save(str(folder / "tokenizer.json"))
    return folder, coder(str(folder))


@pytest.mark.torch
def test_a_tokenizer_of_a_file_neither_adds_nor_cuts(trained: tuple[Path, Coder]) -> None:
    """Whole texts come back, special tokens included; nothing is put before, after or left out."""
    folder, made = trained
    texts = ["the cat sat on the mat, zwölf 日本 times", "", "<|end|> x"]
    rows = made.encode(texts)
    assert made.decode([row.tolist() for row in rows]) == texts
    assert [len(rows[1]), rows[2][0]] == [0, 0]
    assert made.encoding.name == "model"
    assert made.vocabulary is not None
    assert made.vocabulary > 256
    again = coder(str(folder / "tokenizer.json"))
    assert again.encoding == made.encoding
    assert file_of(str(folder), made) == (folder / "tokenizer.json").read_bytes()
    with pytest.raises(BadInput, match="cannot encode a text"):
        made.encode(["\ud800"])
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(BadInput, match="no tokenizer: "):
        coder(str(folder))


def test_a_folder_of_probes_is_no_shard(tmp_path: Path) -> None:
    """Probes beside the shards they were drawn from would be counted once more."""
    jsonl(tmp_path / "a.jsonl", [{"text": "a b"}])
    pq.write_table(pa.table({"text": ["c"]}), tmp_path / "probes.parquet")
    assert len(opened([tmp_path], coder("words"))) == 2
    (tmp_path / "probes.json").write_text("{}")
    with pytest.raises(BadInput, match=r"holds probes, .*; allowed: a folder of shards alone"):
        opened([tmp_path], coder("words"))
