"""Publishing on the Hub: the real client, a local server, and everything read back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download
from tests.hub.published import client, files_of
from tests.hub.server import READER, Hub

from modelmetry import api
from modelmetry.errors import BadInput, ModelmetryError, Unreachable
from modelmetry.suites import read_edition

REPO = "lab/addition"
KEY = ("datasets", REPO)


def without_hidden(files: dict[str, bytes]) -> dict[str, bytes]:
    """What the Hub itself adds left out."""
    return {path: content for path, content in files.items() if path != ".gitattributes"}


def test_a_dry_run_names_every_file_and_sends_nothing(hub: Hub, made: Path) -> None:
    """Paths, sizes and hashes are those of the folder; the Hub is only asked."""
    planned = api.publish(made, repo=REPO, dry_run=True)
    manifest = read_edition(made).manifest
    told = {change.path: change for change in planned.changes}
    assert set(told) == {*manifest.files, "edition.json"}
    assert all(told[name].sha256 == digest for name, digest in manifest.files.items())
    assert all(told[name].size == (made / name).stat().st_size for name in told)
    assert {change.state for change in planned.changes} == {"new"}
    assert (planned.exists, planned.private, planned.sent, planned.complete) == (
        *(False, False),
        *(False, False),
    )
    assert hub.writes() == []
    assert hub.repos == {}


def test_a_dry_run_needs_no_token(hub: Hub, made: Path, tmp_path: Path) -> None:
    """Anybody may look at what would go."""
    with client(hub, tmp_path / "nobody", token=None):
        assert not api.publish(made, repo=REPO, dry_run=True).exists


def test_what_is_read_back_is_the_edition(hub: Hub, made: Path, tmp_path: Path) -> None:
    """One commit, one tag; every byte comes back, and the checksums hold."""
    done = api.publish(made, repo=REPO)
    name = read_edition(made).manifest.edition
    assert (done.tag, done.sent) == (f"{name}-v1", True)
    repo = hub.repos["datasets", REPO]
    assert repo.tags == {done.tag: done.commit}
    assert repo.branches == {"main": done.commit}
    assert len(repo.commits) == 2
    assert without_hidden(hub.files("datasets", REPO, done.tag)) == files_of(made)
    got = snapshot_download(
        REPO, repo_type="dataset", revision=done.tag, local_dir=tmp_path / "got"
    )
    assert list(read_edition(Path(got)).items()) == list(read_edition(made).items())


def test_files_that_the_manifest_does_not_name_stay_here(
    hub: Hub, made: Path, tmp_path: Path
) -> None:
    """Whatever lies in the folder besides, such as a file of secrets, is not sent."""
    folder = Path(shutil.copytree(made, tmp_path / "edition"))
    (folder / ".env").write_text("HF_TOKEN=hf_secret")
    api.publish(folder, repo=REPO)
    assert ".env" not in hub.files("datasets", REPO)


def test_the_second_time_nothing_is_sent(hub: Hub, made: Path) -> None:
    """The edition is found under its tag."""
    first = api.publish(made, repo=REPO)
    before = len(hub.writes())
    again = api.publish(made, repo=REPO)
    assert (again.complete, again.sent, again.commit) == (True, False, first.commit)
    assert len(hub.writes()) == before


def test_editions_of_a_suite_follow_each_other(hub: Hub, made: Path, later: Path) -> None:
    """Main holds the last one, each its tag; what others added stays."""
    first = api.publish(made, repo=REPO)
    hub.put("datasets", REPO, {"LICENSE": b"theirs", "commitments/1.json": b"{}"})
    second = api.publish(later, repo=REPO)
    old, new = hub.files("datasets", REPO, first.tag), hub.files("datasets", REPO, second.tag)
    assert without_hidden(old) == files_of(made)
    assert new == hub.files("datasets", REPO)
    assert new.pop("LICENSE") == b"theirs"
    new.pop("commitments/1.json")
    assert without_hidden(new) == files_of(later)
    assert api.publish(made, repo=REPO).complete
    assert hub.files("datasets", REPO)["edition.json"] == (later / "edition.json").read_bytes()


def test_files_of_the_former_edition_leave_main(
    hub: Hub, made: Path, later: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only the former edition had is deleted, and the dry run says so."""
    api.publish(made, repo=REPO)
    folder = Path(shutil.copytree(later, made.parent.parent / "smaller", dirs_exist_ok=True))
    import json

    manifest = json.loads((folder / "edition.json").read_bytes())
    del manifest["files"]["SHA256SUMS"]
    (folder / "SHA256SUMS").unlink()
    from modelmetry.suites.editions import edition as module

    kept = module.msgspec.convert(manifest, module.Manifest).sealed()
    (folder / "edition.json").write_bytes(module.msgspec.json.encode(kept))
    planned = api.publish(folder, repo=REPO, dry_run=True)
    assert [c.path for c in planned.changes if c.state == "deleted"] == ["SHA256SUMS"]
    api.publish(folder, repo=REPO)
    assert without_hidden(hub.files("datasets", REPO)) == files_of(folder)
    shutil.rmtree(folder)


def test_a_repository_of_something_else_is_left_alone(hub: Hub, made: Path, other: Path) -> None:
    """Files of no edition, or an edition of another suite: a line, and nothing is sent."""
    hub.create("datasets", REPO)
    hub.put("datasets", REPO, {"train.csv": b"a,b"})
    with pytest.raises(BadInput, match=r"holds train\.csv, which is of no edition; allowed"):
        api.publish(made, repo=REPO)
    hub.create("datasets", "lab/odd")
    hub.put("datasets", "lab/odd", {"edition.json": b"[]"})
    with pytest.raises(BadInput, match=r"its edition\.json is of no edition"):
        api.publish(made, repo="lab/odd")
    assert hub.writes() == []
    api.publish(other, repo="lab/calendar")
    before = len(hub.writes())
    with pytest.raises(BadInput, match=r"holds an edition of calendar; allowed.*of addition"):
        api.publish(made, repo="lab/calendar")
    assert len(hub.writes()) == before


def test_a_tag_is_never_moved(hub: Hub, made: Path, later: Path) -> None:
    """Under a tag that names other files nothing is published; under another it is."""
    api.publish(made, repo=REPO, revision="spring")
    with pytest.raises(BadInput, match=r"revision spring is there with another .*--revision"):
        api.publish(later, repo=REPO, revision="spring")
    assert api.publish(later, repo=REPO, revision="summer").sent
    assert set(hub.repos["datasets", REPO].tags) == {"spring", "summer"}


def test_private_is_private(hub: Hub, made: Path, later: Path, tmp_path: Path) -> None:
    """A new repository is seen by nobody else; one that is public is not filled as if it were not."""
    assert api.publish(made, repo=REPO, private=True).private
    with client(hub, tmp_path / "nobody", token=None):
        assert not api.publish(made, repo=REPO, dry_run=True).exists
    assert api.publish(later, repo=REPO).private
    api.publish(made, repo="lab/open")
    with pytest.raises(BadInput, match="is there and public; allowed: without --private"):
        api.publish(later, repo="lab/open", private=True)


def test_a_changed_edition_is_not_sent(hub: Hub, made: Path, tmp_path: Path) -> None:
    """Checksums are verified before the Hub is asked anything."""
    folder = Path(shutil.copytree(made, tmp_path / "edition"))
    (folder / "README.md").write_text("# better")
    with pytest.raises(BadInput, match=r"README\.md: was changed"):
        api.publish(folder, repo=REPO)
    assert hub.asked == []


@pytest.mark.parametrize(
    ("method", "path", "action", "kind", "line"),
    [
        ("GET", "whoami", 401, BadInput, "token is not accepted.*HF_TOKEN, or: hf auth login"),
        ("POST", "repos/create", 403, BadInput, "may not write there .*nothing was published"),
        ("POST", "repos/create", 404, BadInput, "does not exist, or this token"),
        ("POST", "repos/create", 409, BadInput, "somebody else changed it meanwhile"),
        ("POST", "preupload", 403, BadInput, "there and empty, nothing was published"),
        ("POST", "commit/", 403, BadInput, "nothing was published; allowed: a token"),
        ("POST", "commit/", 412, BadInput, "meanwhile.*nothing was published"),
        ("POST", "commit/", 500, Unreachable, "fails .500.*nothing was published"),
        ("POST", "commit/", 429, Unreachable, "asks to wait .*what was uploaded is kept"),
        ("POST", "commit/", "cut", Unreachable, "cannot be reached .*nothing was published"),
        ("POST", "tag/", 500, Unreachable, "without their tag"),
        ("POST", "tag/", 403, BadInput, "without their tag"),
        ("POST", "validate-yaml", 400, BadInput, "refused"),
        ("PUT", "lfs/", 403, BadInput, "nothing was published"),
    ],
)
def test_what_goes_wrong_is_one_line_and_then_goes_on(
    hub: Hub, made: Path, method: str, path: str, action: int, kind: type[Exception], line: str
) -> None:
    """No revision is there to cite, main holds all or nothing, and the same call completes it."""
    hub.order(method, path, action)
    with pytest.raises(kind, match=line) as caught:
        api.publish(made, repo=REPO)
    assert "\n" not in str(caught.value)
    assert REPO in str(caught.value) or "whoami" in path
    assert caught.value.__suppress_context__
    repo = hub.repos.get(("datasets", REPO))
    if repo is not None:
        assert repo.tags == {}
        assert set(without_hidden(hub.files("datasets", REPO))) in (set(), set(files_of(made)))
    done = api.publish(made, repo=REPO)
    assert without_hidden(hub.files("datasets", REPO, done.tag)) == files_of(made)


def test_who_may_not_write_is_told(hub: Hub, made: Path, tmp_path: Path) -> None:
    """A token to read, a namespace of others, a wrong token and none: each its own line."""
    with (
        client(hub, tmp_path / "reader", token=READER),
        pytest.raises(BadInput, match="may not write there"),
    ):
        api.publish(made, repo=REPO)
    with pytest.raises(BadInput, match=r"may not write there.*namespace"):
        api.publish(made, repo="others/addition")
    with (
        client(hub, tmp_path / "wrong", token="hf_wrongwrongwrong"),
        pytest.raises(BadInput, match="the token is not accepted"),
    ):
        api.publish(made, repo=REPO)
    with (
        client(hub, tmp_path / "nobody", token=None),
        pytest.raises(BadInput, match="there is no token; allowed"),
    ):
        api.publish(made, repo=REPO)
    assert hub.repos == {}


@pytest.mark.parametrize("action", [500, "cut"])
def test_an_upload_that_ends_in_the_middle_is_gone_on_with(
    hub: Hub, made: Path, action: int
) -> None:
    """What arrived is not sent again."""
    hub.order("PUT", "/lfs/", action, times=50, after=1)
    with pytest.raises(Unreachable, match=r"nothing was published.*same command goes on"):
        api.publish(made, repo=REPO)
    assert without_hidden(hub.files("datasets", REPO)) == {}
    (arrived,) = hub.stored
    hub.faults.clear()
    hub.asked.clear()
    done = api.publish(made, repo=REPO)
    assert hub.count("PUT", "/lfs/") == 2
    assert hub.count("PUT", arrived) == 0
    assert without_hidden(hub.files("datasets", REPO, done.tag)) == files_of(made)


def test_a_tag_that_is_missing_is_all_that_is_set(hub: Hub, made: Path) -> None:
    """After a push that ended before the tag there is no second commit."""
    hub.order("POST", "/tag/", 500)
    with pytest.raises(Unreachable):
        api.publish(made, repo=REPO)
    assert len(hub.repos["datasets", REPO].commits) == 2
    assert api.publish(made, repo=REPO).sent
    assert len(hub.repos["datasets", REPO].commits) == 2
    assert len(hub.repos["datasets", REPO].tags) == 1


def test_somebody_who_is_faster_is_not_written_over(hub: Hub, made: Path) -> None:
    """A commit between the look and the push stops the push."""
    from modelmetry.hub import repository
    from modelmetry.hub.parcel import edition_parcel

    hub.create("datasets", REPO)
    repo, parcel = repository.connect(REPO), edition_parcel(read_edition(made))
    found = repository.look(repo)
    planned = repository.plan(repo, parcel, found)
    hub.put("datasets", REPO, {"README.md": b"theirs"})
    with pytest.raises(BadInput, match="somebody else changed it meanwhile"):
        repository.push(repo, parcel, planned, found)
    assert hub.files("datasets", REPO)["README.md"] == b"theirs"
    assert hub.repos["datasets", REPO].tags == {}


def test_a_commit_that_is_not_what_was_sent_gets_no_tag(hub: Hub, made: Path) -> None:
    """The files are listed again before the tag is set."""
    keep = hub.keep
    hub.keep = lambda content: keep(content.replace(b"seed", b"sead"))  # type: ignore[method-assign]
    with pytest.raises(ModelmetryError, match="is not what was sent; it got no tag"):
        api.publish(made, repo=REPO)
    assert hub.repos["datasets", REPO].tags == {}


def test_large_files_go_in_parts_and_listings_have_pages(made: Path, tmp_path: Path) -> None:
    """A Hub that asks for parts of 4 KiB and lists two files at a time gets and gives the same."""
    with Hub(part=4096, page=2) as hub, client(hub, tmp_path / "home"):
        done = api.publish(made, repo=REPO)
        assert hub.count("PUT", "/part/") > 3
        assert without_hidden(hub.files("datasets", REPO, done.tag)) == files_of(made)
        assert api.publish(made, repo=REPO).complete


@pytest.mark.parametrize("name", ["addition", "a/b/c", "lab/", "lab/a b", "-lab/a", "lab/a..b"])
def test_a_name_that_is_none_is_told(made: Path, name: str) -> None:
    """Before anything is asked."""
    with pytest.raises(BadInput, match=r"repo: .*; allowed: org/name"):
        api.publish(made, repo=name)


@pytest.mark.parametrize("tag", ["main", "a b", "-x", "a..b", "", "v1.lock", "refs/x", "a?"])
def test_a_revision_that_is_no_tag_is_told(made: Path, tag: str) -> None:
    """A tag is quoted nowhere and is no branch."""
    if tag:
        with pytest.raises(BadInput, match=r"revision: .*; allowed: a tag"):
            api.publish(made, repo=REPO, revision=tag)
    else:
        from modelmetry.hub.parcel import checked_tag

        with pytest.raises(BadInput, match="revision: ''"):
            checked_tag(tag)


def test_a_hub_that_is_away_is_unreachable(hub: Hub, made: Path, tmp_path: Path) -> None:
    """Nobody listens: exit code 3."""
    with Hub() as gone, client(gone, tmp_path / "gone"):
        gone.__exit__()
        with pytest.raises(Unreachable, match="cannot be reached") as caught:
            api.publish(made, repo=REPO)
        assert caught.value.exit_code == 3
        gone.__enter__()


def test_offline_mode_is_one_line(hub: Hub, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked, and the line says which variable it is; a dry run lists what would go."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(Unreachable, match="HF_HUB_OFFLINE is set; allowed: HF_HUB_OFFLINE=0"):
        api.publish(made, repo=REPO)
    planned = api.publish(made, repo=REPO, dry_run=True)
    assert {change.path for change in planned.changes} == {*files_of(made)}
    assert "HF_HUB_OFFLINE is set" in planned.unseen
    assert hub.asked == []
