"""Editions: the same bytes for the same seed, every byte checked, read back by others."""

from __future__ import annotations

import hashlib
from pathlib import Path

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
