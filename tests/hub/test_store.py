"""Publishing through fsspec: folders and stores without folders; whole or not known of."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from tests.hub.published import files_of

from modelmetry import api
from modelmetry.errors import BadInput, ModelmetryError, Unreachable
from modelmetry.hub import store
from modelmetry.runs.folder import locked
from modelmetry.suites import read_edition


@pytest.fixture
def memory() -> MemoryFileSystem:
    """An empty store in memory, which has no folders to rename."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]
    return files


@pytest.mark.parametrize("form", ["{}", "file://{}", "{}/"])
def test_a_folder_holds_the_edition(made: Path, tmp_path: Path, form: str) -> None:
    """Under its own name, every byte the same; the second time nothing is written."""
    to = form.format(tmp_path / "deep" / "public")
    planned = api.publish(made, to=to, dry_run=True)
    assert not (tmp_path / "deep").exists()
    assert {change.state for change in planned.changes} == {"new"}
    done = api.publish(made, to=to)
    folder = tmp_path / "deep" / "public" / made.name
    assert done.sent
    assert files_of(folder) == files_of(made)
    assert [path.name for path in folder.parent.iterdir()] == [made.name]
    read_edition(folder)
    again = api.publish(made, to=to)
    assert (again.complete, again.sent) == (True, False)


def test_a_push_that_breaks_shows_no_folder_and_goes_on(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What arrived is kept if it is right; half a file is written again."""
    put = LocalFileSystem.put_file
    done: list[str] = []

    def breaking(self: Any, local: str, remote: str, **options: Any) -> None:
        if len(done) == 3:
            Path(remote).write_bytes(Path(local).read_bytes()[:5])
            raise OSError(28, "No space left on device")
        put(self, local, remote, **options)
        done.append(remote)

    monkeypatch.setattr(LocalFileSystem, "put_file", breaking)
    with pytest.raises(ModelmetryError, match="no list of files yet, so nothing reads it"):
        api.publish(made, to=str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [f".{made.name}.partial"]
    first, done[:] = list(done), []
    monkeypatch.setattr(
        LocalFileSystem, "put_file", lambda *a, **o: (put(*a, **o), done.append(a[2]))
    )
    api.publish(made, to=str(tmp_path))
    assert not {*first} & {*done}
    assert len(first) + len(done) == len(files_of(made))
    assert [path.name for path in tmp_path.iterdir()] == [made.name]
    assert files_of(tmp_path / made.name) == files_of(made)


def test_the_manifest_comes_last(
    made: Path, memory: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader of a store without folders knows of an edition when all of it is there."""
    order: list[str] = []
    put = MemoryFileSystem.put_file
    monkeypatch.setattr(
        MemoryFileSystem, "put_file", lambda *a, **o: (order.append(a[2]), put(*a, **o))
    )
    done = api.publish(made, to="memory://public/editions")
    assert order[-1].endswith("/edition.json")
    assert len(order) == len(files_of(made))
    root = f"/public/editions/{made.name}"
    assert {path.removeprefix(f"{root}/"): memory.cat(path) for path in memory.find(root)} == (
        files_of(made)
    )
    assert done.target == f"memory://public/editions/{made.name}"
    assert api.publish(made, to="memory://public/editions").complete
    assert len(order) == len(files_of(made))


def test_a_wrong_file_of_an_earlier_push_is_put_right(made: Path, memory: MemoryFileSystem) -> None:
    """Even of the same size: it is read back, not believed."""
    path = f"/public/{made.name}/README.md"
    memory.pipe_file(path, b"x" * (made / "README.md").stat().st_size)
    api.publish(made, to="memory://public")
    assert memory.cat(path) == (made / "README.md").read_bytes()


def test_something_else_is_left_alone(made: Path, tmp_path: Path, memory: MemoryFileSystem) -> None:
    """A folder of that name that is no edition, or another edition under it: a line."""
    (tmp_path / made.name).mkdir()
    (tmp_path / made.name / "mine.txt").write_text("mine")
    with pytest.raises(BadInput, match="is there and is no edition; allowed"):
        api.publish(made, to=str(tmp_path))
    memory.pipe_file(f"/public/{made.name}/edition.json", b"{}")
    with pytest.raises(BadInput, match="is there with other content; allowed"):
        api.publish(made, to="memory://public")
    assert files_of(tmp_path) == {f"{made.name}/mine.txt": b"mine"}
    assert memory.cat(f"/public/{made.name}/edition.json") == b"{}"


def test_a_file_that_does_not_arrive_whole_is_noticed(
    made: Path, memory: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sizes are asked for after every file; the manifest does not follow."""
    monkeypatch.setattr(
        MemoryFileSystem, "put_file", lambda self, _, remote, **__: self.pipe_file(remote, b"half")
    )
    with pytest.raises(ModelmetryError, match="did not arrive whole"):
        api.publish(made, to="memory://public")
    assert not memory.exists(f"/public/{made.name}/edition.json")


def test_a_remote_that_renames_is_filled_beside(made: Path, tmp_path: Path) -> None:
    """As on a file server: the folder gets its name when it is full."""
    from modelmetry.hub.parcel import edition_parcel

    files = DirFileSystem(str(tmp_path), fs=LocalFileSystem())
    place = store.Store(url="sftp://host", files=files, root="/", whole=False, local=False)
    parcel = edition_parcel(read_edition(made))
    store.push(place, parcel, store.plan(place, parcel))
    assert files_of(tmp_path / made.name) == files_of(made)
    assert [path.name for path in tmp_path.iterdir()] == [made.name]


def test_two_pushes_into_one_folder_do_not_mix(made: Path, tmp_path: Path) -> None:
    """The second ends in a line while the first is at work; what others left among its files stays out."""
    stage = tmp_path / f".{made.name}.partial"
    (stage / "data_uri").mkdir(parents=True)
    (stage / "data_uri/old.parquet").write_bytes(b"of an earlier push")
    with locked(stage), pytest.raises(BadInput, match="another push is at work there"):
        api.publish(made, to=str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [stage.name]
    api.publish(made, to=str(tmp_path))
    assert files_of(tmp_path / made.name) == files_of(made)


def test_a_store_that_is_away_is_told_with_what_would_go(
    made: Path, memory: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dry run lists all files; a real one ends."""

    def cut(*_: object, **__: object) -> None:
        raise ConnectionResetError("cut")

    monkeypatch.setattr(type(memory), "exists", cut)
    planned = api.publish(made, to="memory://public", dry_run=True)
    assert "cannot be reached" in planned.unseen
    assert {change.path for change in planned.changes} == {*files_of(made)}
    assert {change.state for change in planned.changes} == {"unknown"}
    with pytest.raises(Unreachable, match="cannot be reached"):
        api.publish(made, to="memory://public")


def test_a_place_that_is_none_is_told(made: Path, tmp_path: Path) -> None:
    """An unknown protocol, one whose package is missing, a folder without rights; never a password."""
    with pytest.raises(BadInput, match="allowed: a folder, file://, s3://") as caught:
        api.publish(made, to="nosuch://user:word@host/x")
    assert "word" not in str(caught.value)
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelmetryError) as caught:
        api.publish(made, to=str(tmp_path / "file"))
    assert "\n" not in str(caught.value)
    if os.geteuid():
        tmp_path.chmod(0o500)
        with pytest.raises(BadInput, match="may not be written to"):
            api.publish(made, to=str(tmp_path))


def test_hub_and_store_are_not_mixed(made: Path) -> None:
    """One target, and what belongs to the Hub alone is refused elsewhere."""
    for options in ({}, {"repo": "a/b", "to": "x"}):
        with pytest.raises(BadInput, match="either --repo org/name or --to URL"):
            api.publish(made, **options)
    for options in ({"private": True}, {"revision": "x"}, {"message": "x"}):
        with pytest.raises(BadInput, match="are for --repo"):
            api.publish(made, to="memory://x", **options)


def test_what_is_nothing_to_publish_is_told(tmp_path: Path) -> None:
    """A folder of something else, a missing one, any file."""
    (tmp_path / "x.json").write_text("{}")
    for what, line in (
        (tmp_path, "is nothing that can be published"),
        (tmp_path / "none", "no such file or folder"),
        (tmp_path / "x.json", "is nothing that can be published"),
    ):
        with pytest.raises(BadInput, match=f"{line}; allowed: the folder of an edition"):
            api.publish(what, repo="lab/x")
