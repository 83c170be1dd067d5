"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modelmetry.errors import BadInput, ModelmetryError
from modelmetry.items.whole import whole_folder, write_whole


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    """Its folder is made where it is missing."""
    path = tmp_path / "new" / "a.json"
    write_whole(path, b"1")
    write_whole(path, b"2")
    assert path.read_bytes() == b"2"
    assert [each.name for each in path.parent.iterdir()] == ["a.json"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    """And a line that names it."""
    (tmp_path / "a").mkdir()
    with pytest.raises(BadInput, match=r"a: cannot be written: Is a directory"):
        write_whole(tmp_path / "a", b"1")
    assert [each.name for each in tmp_path.iterdir()] == ["a"]
    with pytest.raises(ModelmetryError, match="cannot be written"):
        write_whole(tmp_path / ("n" * 300), b"1")


def test_a_folder_appears_at_the_end(tmp_path: Path) -> None:
    """Not before everything in it is written."""
    out = tmp_path / "deep" / "out"
    with whole_folder(out) as part:
        (part / "a").write_text("a")
        assert not out.exists()
    assert (out / "a").read_text() == "a"
    assert [each.name for each in out.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, BadInput, OSError])
def test_a_folder_that_was_not_finished_is_not_there(
    tmp_path: Path, error: type[BaseException]
) -> None:
    """Whatever the reason; an empty one that was there stays."""
    out = tmp_path / "out"
    out.mkdir()

    def fill() -> None:
        with whole_folder(out) as part:
            (part / "a").write_text("a")
            raise error("no")

    with pytest.raises(ModelmetryError if error is OSError else error):
        fill()
    assert [each.name for each in tmp_path.iterdir()] == ["out"]
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("there", ["file", "folder"])
def test_what_is_there_is_not_touched(tmp_path: Path, there: str) -> None:
    """A file, or a folder with something in it."""
    out = tmp_path / "out"
    mine = out / "mine" if there == "folder" else out
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    with pytest.raises(BadInput, match="exists already"), whole_folder(out):
        pass
    assert mine.read_text() == "mine"


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    """What a living one writes is not."""
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    old = tmp_path / f".out.part-{int(gone.stdout)}"
    alive = tmp_path / f".out.part-{os.getppid()}"
    for left in (old, alive):
        left.mkdir()
    with whole_folder(tmp_path / "out"):
        pass
    assert not old.exists()
    assert alive.exists()
