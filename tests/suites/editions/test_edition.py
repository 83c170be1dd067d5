"""Editions: the same bytes for the same seed, every byte checked, read back by others."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from modelmetry.errors import BadInput
from modelmetry.items import Seed
from modelmetry.suites import items, read, read_edition, write


def digest(folder: Path) -> dict[str, str]:
    """Hash of every file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    """Two editions of one suite and seed are equal, file by file."""
    suite = read("quickstart")
    one = write(tmp_path / "a", suite, Seed(root=9), limit=4)
    two = write(tmp_path / "b", suite, Seed(root=9), limit=4)
    assert digest(one.folder) == digest(two.folder)


def test_an_edition_holds_the_suites_items_in_order(tmp_path: Path) -> None:
    """What is read back is what the suite would ask."""
    suite = read("quickstart")
    edition = write(tmp_path, suite, Seed(root=9), limit=4)
    expected = list(items(suite, Seed(root=9), 4))
    assert list(read_edition(edition.folder).items()) == expected


def test_any_changed_byte_is_noticed(tmp_path: Path) -> None:
    """A flipped byte, a missing file and an edited manifest are each refused by name."""
    edition = write(tmp_path, read("addition"), Seed(root=1), limit=2)
    for file in [p for p in edition.folder.rglob("*") if p.is_file()]:
        good = file.read_bytes()
        middle = len(good) // 2
        file.write_bytes(good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :])
        with pytest.raises(BadInput, match=file.name):
            read_edition(edition.folder)
        file.unlink()
        with pytest.raises(BadInput, match=file.name):
            read_edition(edition.folder)
        file.write_bytes(good)
    read_edition(edition.folder)


def test_every_row_the_card_and_the_manifest_hold_the_canary(tmp_path: Path) -> None:
    """One sentence, which ends in a GUID; other seeds, limits and suites have another."""
    canaries = set()
    for name, root, limit in (
        ("addition", 1, 2),
        ("addition", 2, 2),
        ("addition", 1, 3),
        ("calendar", 1, 2),
    ):
        edition = write(tmp_path, read(name), Seed(root=root), limit=limit)
        canary = json.loads((edition.folder / "edition.json").read_text())["canary"]
        assert canary in (edition.folder / "README.md").read_text()
        for file in edition.folder.rglob("*.parquet"):
            column = pq.read_table(file).column("canary")
            assert column.unique().to_pylist() == [canary]
            assert len(column) > 1
            chunk = pq.ParquetFile(file).metadata.row_group(0)
            (found,) = [
                chunk.column(i)
                for i in range(chunk.num_columns)
                if chunk.column(i).path_in_schema == "canary"
            ]
            assert "RLE_DICTIONARY" in found.encodings
        assert edition.folder.name.removeprefix(f"{name}-") in canary
        canaries.add(canary.rpartition(" ")[2])
    assert len(canaries) == 4


def test_an_edition_made_before_there_were_canaries_is_read(tmp_path: Path) -> None:
    """A manifest without one keeps the digest that it was sealed with, and holds no word of it."""
    edition = write(tmp_path, read("addition"), Seed(root=1), limit=2)
    older = replace(edition.manifest, canary=msgspec.UNSET).sealed()
    text = msgspec.json.encode(older, order="deterministic")
    assert b'"canary"' not in text
    (edition.folder / "edition.json").write_bytes(text)
    found = read_edition(edition.folder)
    assert found.manifest.canary is msgspec.UNSET
    assert list(found.items()) == list(edition.items())
    assert older.digest != edition.manifest.digest


def test_a_canary_that_was_changed_is_noticed(tmp_path: Path) -> None:
    """It is part of what the manifest's digest is taken of."""
    edition = write(tmp_path, read("addition"), Seed(root=1), limit=2)
    path = edition.folder / "edition.json"
    canary = str(edition.manifest.canary)
    path.write_text(path.read_text().replace(canary, canary[:-1] + "x"))
    with pytest.raises(BadInput, match="was changed"):
        read_edition(edition.folder)


def test_an_existing_edition_is_not_overwritten(tmp_path: Path) -> None:
    """Writing twice to one place is refused."""
    write(tmp_path, read("addition"), Seed(root=1), limit=2)
    with pytest.raises(BadInput, match="exists already"):
        write(tmp_path, read("addition"), Seed(root=1), limit=2)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_datasets_reads_an_edition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`datasets.load_dataset` finds the configs and splits of the card, with the right rows."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    suite = read("quickstart")
    edition = write(tmp_path / "e", suite, Seed(root=2), limit=3)
    rows = datasets.load_dataset(
        str(edition.folder), "addition", split="held_out", cache_dir=str(tmp_path / "cache")
    )
    expected = [
        item
        for item in items(suite, Seed(root=2), 3)
        if item.task == "addition" and item.problem.split == "held-out"
    ]
    assert [item.uid for item in expected] == rows["uid"][:]
    assert [item.problem.target.answers[0] for item in expected] == rows["answer"][:]
    assert [item.text for item in expected] == rows["prompt"][:]


def test_a_folder_of_something_else_is_one_line(tmp_path: Path) -> None:
    """It says how editions are made."""
    with pytest.raises(
        BadInput, match=r"not an edition \(no edition.json\); allowed: the folder of"
    ):
        read_edition(tmp_path)
