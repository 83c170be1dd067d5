"""The laboratory: exact counts by brute force, twins that stand nowhere, shards and their manifest."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import tracemalloc
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.errors import BadInput
from modelmetry.memory.laboratory import Laboratory, _alter, _Copy, _places
from modelmetry.memory.planting import Occurrence, Prompts
from modelmetry.memory.templates import incrementing, is_incrementing, is_repeating, repeating

SMALL: dict[str, Any] = {
    "k": 8,
    "documents": 700,
    "length": 40,
    "words": 128,
    "duplicates": (1, 3),
    "entropies": (2, 3),
    "near": 2,
    "canaries": 3,
    "rules": 0.3,
}
LAB = Laboratory(seed=3, **SMALL)

Places = dict[tuple[int, ...], list[tuple[int, int]]]


def _windows(laboratory: Laboratory, width: int) -> Places:
    """Every window of the corpus, one after the other, with its documents and offsets."""
    found: Places = {}
    for number, document in enumerate(laboratory.stream()):
        tokens = document.tolist()
        for offset in range(len(tokens) - width + 1):
            found.setdefault(tuple(tokens[offset : offset + width]), []).append((number, offset))
    return found


@settings(max_examples=6, deadline=None)
@given(
    seed=st.integers(0, 1 << 70),
    k=st.sampled_from([5, 8, 12]),
    near=st.integers(0, 3),
    spare=st.integers(0, 9),
)
def test_every_window_is_counted_exactly(seed: int, k: int, near: int, spare: int) -> None:
    """By brute force, all 2k tokens stand `duplicates` times; a twin's, and its prompt, nowhere."""
    options = {**SMALL, "k": k, "near": near, "length": 2 * k + spare, "documents": 600}
    laboratory = Laboratory(seed=seed, **options)
    wholes, prompts = _windows(laboratory, 2 * k), _windows(laboratory, k)
    for planted in laboratory.planted():
        assert len(planted.tokens) == 2 * k
        assert len(wholes.get(planted.tokens, [])) == planted.duplicates
        standing = prompts.get(planted.tokens[:k], [])
        if not planted.duplicates:
            assert standing == []
        elif planted.template == "none":
            assert len(standing) == planted.duplicates
    inserted = [planted for planted in laboratory.planted() if planted.duplicates]
    assert len(inserted) * 2 == len(laboratory.planted())


def test_prompts_stand_in_their_own_copies_alone() -> None:
    """No prompt equals another or stands in another sequence, nor in a document of another one."""
    prompts = [planted.tokens[:8] for planted in LAB.planted()]
    assert len(set(prompts)) == len(prompts)
    places, standing = _places(LAB), _windows(LAB, 8)
    carried = dict(zip(places.documents.tolist(), places.sequences.tolist(), strict=True))
    for i, planted in enumerate(LAB.planted()):
        others = [other for j, other in enumerate(LAB.planted()) if j != i]
        inside = {other.tokens[s : s + 8] for other in others for s in range(9)}
        assert planted.tokens[:8] not in inside
        assert all(carried.get(document) == i for document, _ in standing.get(prompts[i], []))


def test_documents_in_which_a_prompt_stands_by_chance_are_drawn_anew() -> None:
    """Short prompts do stand by chance in what is first drawn, and nowhere in what is given."""
    laboratory = Laboratory(seed=1, **{**SMALL, "k": 4, "rules": 1.0})
    numbers = np.arange(laboratory.documents)
    first, _ = laboratory._made(numbers, 0)
    given, found = laboratory.batch(0, laboratory.documents)
    changed = np.flatnonzero((first != given).any(axis=1))
    assert 0 < len(changed) < 100
    twins = {p.tokens[:4] for p in laboratory.planted() if not p.duplicates}
    assert not twins & set(_windows(laboratory, 4))
    assert Counter(at.sequence for at in found if at.whole) == {
        i: p.duplicates for i, p in enumerate(laboratory.planted()) if p.duplicates
    }


def test_the_default_laboratory_keeps_its_word() -> None:
    """Over 4 million tokens, texts searched as bytes: exact counts, and no twin's prompt."""
    laboratory = Laboratory()
    corpus = np.concatenate([tokens for tokens, _ in laboratory.batches()]).astype(np.uint16)
    assert corpus.shape == (16_384, 256)
    assert laboratory.tokens == corpus.size
    held = corpus.tobytes()
    for planted in laboratory.planted()[::3]:
        sought = np.array(planted.tokens, dtype=np.uint16)
        if not planted.duplicates:
            assert held.find(sought[:32].tobytes()) == -1
        else:
            places, at = [], held.find(sought.tobytes())
            while at >= 0:
                places.append(at)
                at = held.find(sought.tobytes(), at + 1)
            assert len(places) == planted.duplicates


def test_the_design_is_crossed_and_balanced() -> None:
    """Each cell has one pair; near copies go to half of every factor's levels; canaries are extra."""
    laboratory = Laboratory()
    inserted = [p for p in laboratory.planted() if p.duplicates and not p.canary]
    cells = Counter((p.duplicates, p.template, p.band, p.entropy, p.position) for p in inserted)
    assert set(cells.values()) == {1}
    assert len(cells) == 7 * 4 * 3 * (2 + 1 + 1)
    for name in ("template", "band", "entropy"):
        for level in {getattr(p, name) for p in inserted}:
            alike = [p.near for p in inserted if getattr(p, name) == level]
            assert set(alike) == {0, 4}
            assert abs(sum(map(bool, alike)) / len(alike) - 0.5) < 0.03
    canaries = [p for p in laboratory.planted() if p.canary]
    assert Counter(p.duplicates for p in canaries if p.duplicates) == dict.fromkeys(
        (1, 2, 4, 8, 16, 32, 64), 6
    )


def test_twins_differ_from_their_pair_in_insertion_alone() -> None:
    """A twin has the other's kind, names it and is named by it, but has tokens of its own."""
    by_id = {planted.id: planted for planted in LAB.planted()}
    assert len(by_id) == len(LAB.planted())
    for planted in by_id.values():
        twin = by_id[planted.twin]
        assert twin.twin == planted.id
        assert (planted.duplicates == 0) != (twin.duplicates == 0)
        same = {"id": "", "tokens": (), "twin": "", "duplicates": 0, "near": 0}
        assert asdict(planted) | same == asdict(twin) | same
        assert planted.tokens != twin.tokens
        assert planted.duplicates or not planted.near


@pytest.mark.parametrize("k", [4, 8, 32])
def test_templates_are_what_they_are_called(k: int) -> None:
    """The taxonomy's own detectors find each template, in tokens and text, and none where none is."""
    options = {**SMALL, "k": k, "length": 64, "words": 1024, "entropies": (5, 6), "near": 0}
    laboratory = Laboratory(seed=k, **options)
    rows = np.array([planted.tokens for planted in laboratory.planted()])
    for planted, repeats, counts in zip(
        laboratory.planted(), repeating(rows), incrementing(rows), strict=True
    ):
        assert repeats == (planted.template == "repeating")
        assert counts == (planted.template == "incrementing")
        words = laboratory.vocabulary.text(planted.tokens)
        assert is_repeating(words.split(" ")) == repeats
        assert is_incrementing(words) == counts


def test_words_come_from_the_band_and_source_that_are_stated() -> None:
    """Tokens lie in the band; those without template use 2 ** entropy words; canaries share 16."""
    laboratory = Laboratory(sequences=2)
    shared = set()
    for planted in laboratory.planted():
        words = [token for token in planted.tokens if token < laboratory.words]
        assert set(words) <= set(laboratory.vocabulary.band(planted.band))
        assert (len(words) < 64) == (planted.template == "incrementing")
        if planted.template == "none":
            assert 2**planted.entropy / 2 < len(set(words)) <= 2**planted.entropy
        else:
            assert planted.entropy == 0
        if planted.canary:
            shared |= set(words)
    assert len(shared) == 16


def test_copies_stand_where_they_should() -> None:
    """Each document carries one copy at most: early ones in the first third, late in the last."""
    places = _places(LAB)
    assert len(set(places.documents.tolist())) == len(places.documents)
    regions: dict[str, list[int]] = {"early": [], "late": [], "anywhere": []}
    for document, sequence in zip(places.documents, places.sequences, strict=True):
        regions[LAB.planted()[sequence].position].append(int(document))
    assert max(regions["early"]) < 233
    assert min(regions["late"]) >= 467
    assert min(regions["anywhere"]) < 233 < 467 <= max(regions["anywhere"])
    exact = Counter(places.sequences[places.exact].tolist())
    near = Counter(places.sequences[~places.exact].tolist())
    for i, planted in enumerate(LAB.planted()):
        assert (exact[i], near[i]) == (planted.duplicates, planted.near)


def test_offsets_reach_both_ends() -> None:
    """Copies begin at every offset at which they fit, the first and the last included."""
    whole = {at.column for _, found in LAB.batches() for at in found if at.whole}
    assert whole == set(range(40 - 16 + 1))


def test_near_copies_differ_in_one_to_three_tokens() -> None:
    """A near copy is the sequence but for 1 to 3 other words, at least one of them in the prompt."""
    places, seen = _places(LAB), Counter[int]()
    for document, sequence in zip(
        places.documents[~places.exact], places.sequences[~places.exact], strict=True
    ):
        planted = np.array(LAB.planted()[sequence].tokens)
        tokens = LAB.document(int(document))
        windows = np.lib.stride_tricks.sliding_window_view(tokens, 16)
        differing = windows != planted
        best = differing[differing.sum(axis=1).argmin()]
        assert 1 <= best.sum() <= 3
        assert best[:8].any()
        seen[int(best.sum())] += 1
    assert set(seen) == {1, 2, 3}


@given(seed=st.integers(0, 1 << 30), k=st.integers(4, 9))
def test_an_altered_token_is_always_another(seed: int, k: int) -> None:
    """Even of two words the other one is taken: 1 to 3 tokens change, one of them in the prompt."""
    before = [token % 2 for token in range(2 * k)]
    after = list(before)
    _alter(random.Random(seed).random, after, 2)
    changed = [a != b for a, b in zip(after, before, strict=True)]
    assert 1 <= sum(changed) <= 3
    assert any(changed[:k])
    assert set(after) <= {0, 1}


@pytest.mark.parametrize(
    ("column", "sequence", "whole", "copy", "expected"),
    [
        (5, 1, True, _Copy(1, 5, True), True),
        (7, 1, False, _Copy(1, 5, True), True),  # a rule shows its prompt again
        (13, 1, False, _Copy(1, 5, True), True),
        (14, 1, False, _Copy(1, 5, True), False),  # beyond the copy
        (4, 1, False, _Copy(1, 5, True), False),  # before it
        (7, 1, True, _Copy(1, 5, True), False),  # a second whole one, as the rule goes on by chance
        (5, 1, False, _Copy(1, 5, True), False),
        (7, 1, False, _Copy(1, 5, False), True),
        (7, 1, True, _Copy(1, 5, False), False),  # a near copy next to what makes a whole one
        (5, 2, False, _Copy(1, 5, True), False),
        (5, 1, True, None, False),
    ],
)
def test_only_a_copy_s_own_prompt_is_expected(
    column: int, sequence: int, whole: bool, copy: _Copy | None, expected: bool
) -> None:
    """A document is kept where a prompt stands in its own copy, and is whole once where it should."""
    at = Occurrence(0, column, sequence, whole)
    assert LAB._expected(at, copy) is expected


def test_rules_are_practiced_in_their_share_of_documents() -> None:
    """Without rules, documents without a copy are background; with them, the stated share is not."""
    bare = Laboratory(seed=3, **{**SMALL, "rules": 0.0, "documents": 3000})
    half = replace(bare, rules=0.5)
    free = np.setdiff1d(np.arange(3000), _places(bare).documents)
    background = bare.background.documents(free, 40)
    made = bare.batch(0, 3000)[0][free]
    assert (made != background).any(axis=1).mean() < 0.01
    changed = (half.batch(0, 3000)[0][free] != background).any(axis=1)
    assert abs(changed.mean() - 0.5) < 4 * (0.25 / len(free)) ** 0.5 + 0.01
    assert (_places(half).documents == _places(bare).documents).all()


def test_documents_are_the_same_in_any_batches() -> None:
    """Documents drawn alone, in sevens or all at once are the same, and so are occurrences."""
    together, found = LAB.batch(0, LAB.documents)
    parts = list(LAB.batches(7))
    assert (np.concatenate([tokens for tokens, _ in parts]) == together).all()
    assert [
        at._replace(row=at.row + 7 * i) for i, (_, some) in enumerate(parts) for at in some
    ] == found
    for number in (0, 350, 699):
        assert (LAB.document(number) == together[number]).all()
    assert sum(1 for _ in LAB.stream()) == 700
    for number in (-1, 700):
        with pytest.raises(IndexError):
            LAB.document(number)


def test_another_seed_gives_another_corpus() -> None:
    """Seeds share neither sequences, nor places, nor background."""
    other = replace(LAB, seed=4)
    mine, theirs = (
        {p.tokens for p in lab.planted() if p.template == "none"} for lab in (LAB, other)
    )
    assert not mine & theirs
    assert (_places(LAB).documents != _places(other).documents).any()
    assert (LAB.batch(0, 700)[0] != other.batch(0, 700)[0]).any(axis=1).mean() > 0.99


ELSEWHERE = """
import hashlib, sys
from modelmetry.memory.laboratory import Laboratory
laboratory = Laboratory(seed=11, k=8, documents=900, length=50, duplicates=(1, 2), near=1)
digest = hashlib.sha256(repr(laboratory.planted()).encode())
for tokens in laboratory.stream():
    digest.update(tokens.astype("<i4").tobytes())
print(digest.hexdigest())
"""


RECORDED = "a6b1d85e61046cdf96edd37ecae5ea04e245200fa7240612530dc5296dd50ff1"


def test_the_same_seed_gives_the_same_bytes_in_every_process() -> None:
    """Processes with other hash seeds make the recorded corpus."""
    for hash_seed in ("1", "2"):
        there = subprocess.run(
            [sys.executable, "-c", ELSEWHERE],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert there.stdout.strip() == RECORDED


def test_memory_does_not_grow_with_the_corpus() -> None:
    """A corpus of 256 billion tokens gives documents from its start, middle and end in 64 MB."""
    tracemalloc.start()
    laboratory = Laboratory(seed=5, documents=1 << 30)
    for first in (0, 1 << 29, (1 << 30) - 256):
        assert laboratory.batch(first, 256)[0].shape == (256, 256)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 64e6


def test_shards_hold_the_corpus_and_the_manifest_what_is_known(tmp_path: Path) -> None:
    """Shards read one after the other are the documents; the manifest counts what was found."""
    paths = LAB.write(tmp_path / "corpus", shard_tokens=4100)
    assert [path.name for path in paths] == [f"corpus-{i:05d}.parquet" for i in range(7)]
    rows = [row for path in paths for row in pq.read_table(path).to_pylist()]
    assert [row["document"] for row in rows] == list(range(700))
    assert {len(pq.read_table(path)) for path in paths[:-1]} == {102}
    for row, tokens in zip(rows, LAB.stream(), strict=True):
        assert row["tokens"] == tokens.tolist()
        assert LAB.vocabulary.tokens(row["text"]) == tuple(row["tokens"])
    manifest = json.loads((tmp_path / "corpus" / "manifest.json").read_text(encoding="utf-8"))
    options = {
        name: tuple(v) if isinstance(v, list) else v for name, v in manifest["options"].items()
    }
    assert Laboratory(**options) == LAB
    assert manifest["tokens"] == 700 * 40
    assert manifest["shards"] == [path.name for path in paths]
    assert manifest["vocabulary"] == list(LAB.vocabulary.spelled)
    stream = b"".join(tokens.astype("<i4").tobytes() for tokens in LAB.stream())
    assert manifest["sha256"] == hashlib.sha256(stream).hexdigest()
    for told, planted in zip(manifest["sequences"], LAB.planted(), strict=True):
        assert told["found"] == told["duplicates"] == planted.duplicates
        assert told["tokens"] == list(planted.tokens)
    assert sorted(p.name for p in (tmp_path / "corpus").iterdir()) == [
        *(path.name for path in paths),
        "manifest.json",
    ]


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    """Two folders written from one seed are the same, byte for byte; a used folder is refused."""
    for name in ("a", "b"):
        LAB.write(tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    with pytest.raises(BadInput, match="is not empty; allowed: a new or empty folder"):
        LAB.write(tmp_path / "a")
    with pytest.raises(BadInput, match="cannot be written"):
        LAB.write(tmp_path / "a" / "manifest.json" / "under")
    with pytest.raises(BadInput, match="shard_tokens is 0; allowed: integers from 1"):
        LAB.write(tmp_path / "c", shard_tokens=0)


@given(data=st.data(), k=st.integers(1, 6))
def test_prompts_are_found_wherever_they_stand(data: st.DataObject, k: int) -> None:
    """Every occurrence, overlapping ones too, is found, as by comparing at each place."""
    token = st.integers(0, 2)
    sequence = st.tuples(*[token] * (2 * k))
    sequences = data.draw(st.lists(sequence, min_size=1, max_size=5, unique_by=lambda s: s[:k]))
    document = st.lists(token, min_size=12, max_size=12)
    documents = np.array(data.draw(st.lists(document, min_size=1, max_size=4)), dtype=np.int32)
    expected = [
        (row, column, number, tuple(tokens[column : column + 2 * k]) == sequence)
        for row, tokens in enumerate(documents.tolist())
        for column in range(12 - k + 1)
        for number, sequence in enumerate(sequences)
        if tuple(tokens[column : column + k]) == sequence[:k]
    ]
    assert Prompts(sequences).find(documents) == expected
    assert Prompts([(1,) * 40]).find(documents) == []


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"k": 3}, "k is 3; allowed: integers from 4 to 1024"),
        ({"k": 2.5}, "k is 2.5; allowed: integers"),
        ({"k": True}, "k is True; allowed: integers"),
        ({"seed": -1}, "seed is -1; allowed: integers from 0"),
        ({"length": 63}, "length is 63; allowed: integers from 64 to 65536"),
        ({"documents": 0}, "documents is 0; allowed: integers from 1"),
        ({"duplicates": (0, 1)}, "duplicates is 0; allowed: integers from 1 to 1024"),
        ({"duplicates": (1, 1025)}, "duplicates is 1025; allowed: integers from 1 to 1024"),
        ({"duplicates": ()}, "duplicates is (); allowed: a tuple"),
        ({"duplicates": (2, 1)}, "duplicates is (2, 1); allowed: rising"),
        ({"duplicates": (2, 2)}, "duplicates is (2, 2); allowed: rising"),
        ({"duplicates": 4}, "duplicates is 4; allowed: a tuple"),
        ({"entropies": (0,)}, "entropies is 0; allowed: integers from 1 to 11"),
        (
            {"entropies": (7,)},
            "words (for entropies up to 7 bits) is 2000; allowed: integers from 2048",
        ),
        ({"words": 50_001}, "is 50001; allowed: integers from 1024 to 50000"),
        ({"sequences": 0}, "sequences is 0; allowed: integers from 1"),
        ({"near": -1}, "near is -1; allowed: integers from 0"),
        ({"canaries": -1}, "canaries is -1; allowed: integers from 0"),
        ({"rules": 1.5}, "rules is 1.5; allowed: from 0 to 1"),
        ({"rules": float("nan")}, "rules is nan; allowed: from 0 to 1"),
        ({"rules": "half"}, "rules is 'half'; allowed: from 0 to 1"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], line: str) -> None:
    """Each bad option is one line with what is allowed."""
    with pytest.raises(BadInput) as caught:
        Laboratory(**options)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_too_few_documents_for_the_copies_are_refused() -> None:
    """The line says how many are needed; that many are enough, one fewer is not."""
    with pytest.raises(BadInput, match="allowed: 7530 documents or more"):
        Laboratory(documents=7000)
    least = Laboratory(seed=1, documents=7530)
    assert len(_places(least).documents) == 7530
    with pytest.raises(BadInput, match="allowed: 7530"):
        Laboratory(documents=7529)


def test_full_corpora_are_filled() -> None:
    """Where as many documents are needed as there are copies, every one carries a copy."""
    options = {**SMALL, "near": 0, "canaries": 0, "documents": 3 * 64}
    assert len(_places(Laboratory(**options)).documents) == 192


def test_prompts_too_short_to_be_told_apart_are_refused() -> None:
    """Where there are not so many distinct prompts, one line says what to change."""
    with pytest.raises(BadInput, match=r"of 3084 sequences, \d+ share a prompt of 4 tokens"):
        Laboratory(**{**SMALL, "k": 4, "near": 0, "documents": 40_000, "sequences": 16}).planted()


def test_documents_that_never_come_out_clean_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where prompts stand by chance in every attempt, of which one is allowed here, a line says so."""
    monkeypatch.setattr("modelmetry.memory.laboratory.ATTEMPTS", 1)
    laboratory = Laboratory(seed=1, **{**SMALL, "k": 4, "rules": 1.0})
    with pytest.raises(BadInput, match=r"prompts of 4 tokens stand in document \d+ by chance"):
        laboratory.batch(0, laboratory.documents)


def test_a_small_corpus_is_counted_whole() -> None:
    """Occurrences are exact; windows are of one document each, all of them or so many at most."""
    small = Laboratory(**SMALL)
    corpus = np.array(list(small.stream()))
    counts, windows = small.surveyed(10_000)
    expected = np.bincount(corpus.ravel(), minlength=small.vocabulary.size)
    assert counts.tolist() == expected.tolist()
    assert windows.shape == (small.documents, small.k)
    places = range(small.length - small.k + 1)
    found = [
        next(i for i in places if (document[i : i + small.k] == window).all())
        for document, window in zip(corpus, windows, strict=True)
    ]
    assert {places[0], places[-1]} <= set(found)
    assert len(set(found)) == len(places)
    for row, window in enumerate(small.surveyed(7)[1]):
        assert window.tobytes() in corpus[small.documents * row // 7].tobytes()


def test_a_large_corpus_is_looked_at_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches from all over stand for the rest, in proportion; the same ones each time."""
    small = Laboratory(**SMALL)
    whole = small.surveyed(1)[0]
    monkeypatch.setattr("modelmetry.memory.laboratory._BATCH", 10 * small.length)
    asked = []
    batch = Laboratory.batch

    def noted(self: Laboratory, first: int, rows: int) -> Any:
        asked.append((first, rows))
        return batch(self, first, rows)

    monkeypatch.setattr(Laboratory, "batch", noted)
    counts, windows = small.surveyed(50, most=20 * 10 * small.length)
    assert len(asked) == 20
    assert asked[0] == (0, 10)
    assert asked[-1][0] > 0.9 * small.documents
    assert counts.sum() == pytest.approx(small.tokens)
    assert len(windows) == 50
    again = small.surveyed(50, most=20 * 10 * small.length)
    assert (again[0] == counts).all()
    assert (again[1] == windows).all()
    common = whole > small.tokens / 50
    assert common.any()
    assert counts[common] == pytest.approx(whole[common], rel=0.25)
