"""The commands publish, commit, reveal and audit: what they print, and how they end."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tests.hub.published import client, edition
from tests.hub.server import Hub

from modelmetry.cli.main import main

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small edition."""
    return edition(tmp_path_factory.mktemp("editions"))


@pytest.fixture
def told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> object:
    """A function from a command line, run in an empty folder, to exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def tell(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["modelmetry", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return tell


def test_publish_says_what_would_go_and_what_went(told, made: Path, tmp_path: Path) -> None:
    """Dry: every file with size and hash. Wet: counts, revision, how to read. Again: nothing to send."""
    with Hub() as hub, client(hub, tmp_path / "home"):
        code, out, errors = told("publish", made, "--repo", "lab/addition", "--dry-run")
        assert (code, errors) == (0, "")
        manifest = json.loads((made / "edition.json").read_bytes())
        for name, digest in manifest["files"].items():
            (line,) = [line for line in out.splitlines() if f" {name} " in line]
            assert line.split() == [name, "new", f"{(made / name).stat().st_size:,}", digest]
        count = len(manifest["files"]) + 1
        assert (
            f"{hub.url}/datasets/lab/addition (none to be seen there; would be new and public)"
            in out
        )
        assert f"would send {count} of {count} files, " in out
        assert hub.writes() == []
        code, out, errors = told("publish", made, "--repo", "lab/addition", "--private")
        assert (code, errors) == (0, "")
        assert "(new, private)" in out
        assert f"sent {count} of {count} files" in out
        tag = f"{manifest['edition']}-v1"
        commit = hub.repos["datasets", "lab/addition"].tags[tag]
        assert f"revision {tag} = {commit}" in out
        assert f"load_dataset('lab/addition', 'addition', revision='{tag}')" in out
        code, out, _ = told("publish", made, "--repo", "lab/addition")
        assert code == 0
        assert "everything is there already; nothing to send" in out
        hub.order("GET", "whoami", 503)
        code, out, errors = told("publish", made, "--repo", "lab/addition")
        assert (code, out, errors.count("\n")) == (3, "", 1)


def test_a_dry_run_lists_the_files_though_the_hub_is_away(told, made: Path, tmp_path: Path) -> None:
    """Every file with size and hash, that nothing is known of the target, and exit code 3."""
    with Hub() as hub, client(hub, tmp_path / "home", token=None):
        hub.order("GET", "/api/datasets/", 503, times=99)
        code, out, errors = told("publish", made, "--repo", "lab/addition", "--dry-run")
    manifest = json.loads((made / "edition.json").read_bytes())
    for name, digest in manifest["files"].items():
        (line,) = [line for line in out.splitlines() if f" {name} " in line]
        assert line.split() == [name, "unknown", f"{(made / name).stat().st_size:,}", digest]
    count = len(manifest["files"]) + 1
    assert "lab/addition (not reached: what is there is not known)" in out
    assert f"would send at most {count} of {count} files, " in out
    assert (code, errors.count("\n")) == (3, 1)
    assert "the server fails (503)" in errors


def test_publish_into_a_folder(told, made: Path, tmp_path: Path) -> None:
    """The folder is named, and how it is read."""
    code, out, _ = told("publish", made, "--to", tmp_path / "public")
    assert code == 0
    place = f"{tmp_path / 'public' / made.name}"
    assert out.splitlines()[0] == f"{place} (new)"
    assert out.splitlines()[-1] == f"read with: datasets.load_dataset({place!r}, 'addition')"
    assert (tmp_path / "public" / made.name / "edition.json").is_file()


def test_commit_reveal_audit(told, tmp_path: Path) -> None:
    """From suites to an audit that passes, then one that finds a difference: exit code 5."""
    code, out, _ = told("commit", "addition", "calendar", "--limit", 2, "--date", "2026-01-31")
    assert code == 0
    hashes = {
        each["suite"]: each["hash"]
        for each in json.loads((tmp_path / "commitment.json").read_bytes())["suites"]
    }
    assert f"addition version 1: {hashes['addition']}" in out
    assert "keep commitment.secret.json to yourself" in out
    assert told("commit", "addition")[0] == 2
    code, out, _ = told("reveal", "commitment.json", "--suite", "addition")
    secret = json.loads((tmp_path / "commitment.secret.json").read_bytes())
    seeds = {each["suite"]: each["seed"] for each in secret["suites"]}
    assert (code, out.splitlines()) == (0, ["opening.json", f"addition: seed {seeds['addition']}"])
    made = edition(tmp_path / "editions", seed=int(seeds["addition"]), limit=2)
    code, out, errors = told("audit", "commitment.json", "opening.json", made)
    assert (code, errors) == (0, "")
    assert [line.split(":")[0] for line in out.splitlines()] == ["agrees", "not opened", "agrees"]
    other = edition(tmp_path / "editions", seed=5, limit=2)
    code, out, errors = told("audit", "commitment.json", "opening.json", made, other)
    assert code == 5
    assert errors == f"modelmetry: audit: 1 of 4 checks differ: {other}\n"
    assert out.splitlines()[-1].startswith(f"differs: {other}: says it is of seed 5")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["publish", "{made}"], "either --repo org/name or --to URL"),
        (["publish", "{made}", "--repo", "lab"], "repo: 'lab'; allowed: org/name"),
        (["publish", "none", "--repo", "lab/x"], "none: no such file or folder; allowed"),
        (["publish", "{made}", "{made}", "--repo", "lab/x"], "2 things; allowed: one"),
        (["publish", "{made}", "--repo", "lab/x", "--pr"], "--pr does not go with an edition"),
        (["publish", "r", "--results", "--repo", "a/b"], "needs --repo of the model and --dataset"),
        (
            ["publish", "r", "--results", "--repo", "a/b", "--dataset", "a/b", "--private"],
            "--private does not go with --results",
        ),
        (["publish", "{made}", "--to", "nosuch://x"], "nosuch://x: "),
        (["publish", "{made}", "--to", ""], "to: it is empty; allowed: a folder, s3://"),
        (["publish", "{made}", "--repo", "hf_writer0123456789"], "repo: 'hf_***'; allowed: org"),
        (["publish", "hf_writer0123456789", "--repo", "lab/x"], "hf_***: no such file or folder"),
        (
            ["publish", "{made}", "--repo", "lab/x", "--revision", "hf_writer0123456789 "],
            "revision: 'hf_*** '; allowed",
        ),
        (["commit", "adition"], "unknown suite 'adition'"),
        (["commit", "addition", "--date", "tomorrow"], "date: 'tomorrow'; allowed: ISO 8601"),
        (["reveal", "none.json"], "none.json: cannot be read"),
        (["audit", "none.json", "none.json"], "none.json: cannot be read"),
    ],
)
def test_bad_input_is_one_line(told, made: Path, arguments: list[str], line: str) -> None:
    """Exit code 2, and nothing printed besides."""
    code, out, errors = told(*(each.format(made=made) for each in arguments))
    assert (code, out, errors.count("\n")) == (2, "", 1)
    assert line in errors


def test_a_secret_given_by_mistake_is_not_repeated(
    told, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither on the command line nor in a variable that another flag would read."""
    monkeypatch.setenv("MODELMETRY_SECRET", "very-secret-indeed")
    assert told("commit", "addition")[0] == 0
    code, out, errors = told(
        *("commit", "addition", "--out", "x.json", "--secret", "very-secret-indeed"),
        *("--date", "2026-01-31"),
    )
    assert code == 2
    assert "very-secret-indeed" not in out + errors
    assert all(b"very-secret" not in each.read_bytes() for each in tmp_path.glob("*.json"))
