"""Commit, publish, reveal and audit, end to end; results in a model's repository."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import yaml
from tests.hub.published import client
from tests.hub.server import READER, Hub

from modelmetry import api
from modelmetry.api.auditing import Finding
from modelmetry.errors import BadInput
from modelmetry.hub.commitments import read_opening, read_secret
from modelmetry.items import Seed
from modelmetry.leaderboards import seed_commitment
from modelmetry.suites import read, read_edition, write
from modelmetry.suites.editions.edition import Manifest

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Commitment, secret, opening, and an edition, a run and a leaderboard of the seed."""
    folder = tmp_path_factory.mktemp("study")
    api.commit(["addition", "calendar"], out=folder / "commitment.json", limit=3)
    secret = read_secret(folder / "commitment.secret.json")
    seed = int(secret.suites[0].seed)
    write(folder / "editions", read("addition"), Seed(root=seed), limit=3)
    run = api.run("addition", model="reference/oracle", seed=seed, limit=3, log_dir=folder / "runs")
    assert run
    api.reveal(
        folder / "commitment.json",
        secret=folder / "commitment.secret.json",
        out=folder / "opening.json",
    )
    return folder


def edition_of(study: Path) -> Path:
    """The published edition."""
    return next((study / "editions").iterdir())


def run_of(study: Path) -> Path:
    """The run."""
    return next((study / "runs").iterdir())


def audited(study: Path, *things: Path) -> list[Finding]:
    """What the audit says."""
    return api.audit(study / "commitment.json", study / "opening.json", things)


def board(path: Path, *rows: tuple[str, str, str, str]) -> Path:
    """A table of (model, seed commitment, generator hash, date) of addition."""
    names = "model,suite,seed_commitment,generator_hash,date"
    path.write_text("\n".join([names, *(f"{r[0]},addition,{','.join(r[1:])}" for r in rows)]))
    return path


def test_what_was_committed_to_agrees(study: Path) -> None:
    """Hashes open, and every item of the edition and of the run is made again."""
    found = audited(study, edition_of(study), run_of(study))
    assert [each.outcome for each in found] == ["agrees"] * 4
    count = read_edition(edition_of(study)).manifest.item_count
    assert [each.items for each in found] == [0, 0, count, count]


def test_a_forged_item_is_found(study: Path, tmp_path: Path) -> None:
    """An edition with one changed item and right checksums: the first difference, by place and name."""
    forged = Path(shutil.copytree(edition_of(study), tmp_path / "forged"))
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = min(forged.glob("data/*/*.parquet"))
    table = pq.read_table(path)
    rows = table.column("item").to_pylist()
    before = json.loads(rows[1])
    text = rows[1].replace('"answers":["', '"answers":["9', 1)
    assert text != rows[1]
    rows[1] = text
    index = table.schema.get_field_index("item")
    changed = table.set_column(index, table.schema.field(index), pa.array(rows, pa.string()))
    pq.write_table(changed, path)
    manifest = msgspec.json.decode((forged / "edition.json").read_bytes(), type=Manifest)
    import hashlib

    name = path.relative_to(forged).as_posix()
    files = {**manifest.files, name: hashlib.sha256(path.read_bytes()).hexdigest()}
    sealed = replace(manifest, files=files).sealed()
    (forged / "edition.json").write_bytes(msgspec.json.encode(sealed))
    read_edition(forged)
    (finding,) = audited(study, forged)[2:]
    assert finding.outcome == "differs"
    assert "differs at problem.target.answers[0]: " in finding.says
    assert before["problem"]["uid"] in finding.says


def test_items_too_few_or_too_many_are_found(study: Path) -> None:
    """Whether some were left out or added is told, with the split."""
    from modelmetry.api.auditing import _held

    items = list(read_edition(edition_of(study)).items())
    splits = sorted(items, key=lambda item: item.problem.split)
    assert _held(items, splits) == (len(items), "")
    assert _held(items[:-2], items)[1].startswith("has 2 items fewer in addition/")
    assert _held(items, items[:-2])[1].startswith("has 2 items more in addition/")
    assert "differs at" in _held([*items[1:], items[0]], items)[1]


def test_a_changed_file_is_found(study: Path, tmp_path: Path) -> None:
    """Checksums that do not hold are a finding, not a fault of who asks."""
    changed = Path(shutil.copytree(edition_of(study), tmp_path / "changed"))
    (changed / "README.md").write_text("better")
    (finding,) = audited(study, changed)[2:]
    assert finding.outcome == "differs"
    assert "README.md: was changed" in finding.says


def test_other_seeds_limits_and_suites_are_found(study: Path, tmp_path: Path) -> None:
    """Each says what it is and what was committed."""
    seed = int(read_opening(study / "opening.json").suites[0].seed)
    addition = read("addition")
    reworded = replace(addition, question="Something else?")
    other = replace(addition, version=addition.version + 1)
    makings = (
        (addition, seed + 1, 3, "says it is of seed"),
        (addition, seed, 2, "has limit 2, committed was 3"),
        (addition, seed, None, "has limit none, committed was 3"),
        (reworded, seed, 3, "in other words, amounts or with another scorer"),
        (other, seed, 3, "asks version 2 of addition, committed was 1"),
        (read("greater-than"), seed, 3, "of suite greater-than, which the opening does not open"),
    )
    for number, (suite, root, limit, says) in enumerate(makings):
        made = write(tmp_path / str(number), suite, Seed(root=root), limit=limit and min(limit, 3))
        (finding,) = audited(study, made.folder)[2:]
        assert finding.outcome == "differs"
        assert says in finding.says


def test_rows_are_linked_to_the_opened_seeds(study: Path, tmp_path: Path) -> None:
    """By the hash that stands in every row; rows of other seeds are not counted."""
    seed = int(read_opening(study / "opening.json").suites[0].seed)
    right, wrong = seed_commitment("addition", seed), seed_commitment("addition", 1)
    prints = read("addition").tasks[0].fingerprint
    path = board(
        tmp_path / "a.csv", ("m", right, prints, "2026-03-01"), ("n", wrong, prints, "2026-03-01")
    )
    (finding,) = audited(study, path)[2:]
    assert (finding.outcome, finding.says) == ("agrees", "1 rows, of m, are of the opened seeds")
    (finding,) = audited(study, board(path, ("n", wrong, prints, "2026-03-01")))[2:]
    assert (finding.outcome, finding.says) == ("differs", "no row is of an opened seed")
    (finding,) = audited(study, board(path, ("m", right, "0" * 64, "2026-03-01")))[2:]
    assert "of another generator" in finding.says
    import pandas as pd

    frame = pd.read_csv(board(path, ("m", right, prints, "2026-03-01")), dtype=str)
    frame.drop(columns="generator_hash").to_parquet(tmp_path / "h.parquet")
    assert audited(study, tmp_path / "h.parquet")[2].outcome == "agrees"


def test_a_real_leaderboard_is_linked(study: Path, tmp_path: Path) -> None:
    """The rows that `leaderboard update` writes hold the hash that the audit looks for."""
    read_run = api.read_run(run_of(study))
    from modelmetry.leaderboards import entries_of
    from modelmetry.leaderboards.store import dumped

    path = tmp_path / "addition.csv"
    path.write_text(dumped(entries_of(read_run.record, read_run.scores)))
    (finding,) = audited(study, path)[2:]
    assert finding.outcome == "agrees", finding
    assert "reference/oracle" in finding.says


def test_what_was_asked_before_the_date_is_found(study: Path, tmp_path: Path) -> None:
    """A run or a row older than the commitment cannot have come after it."""
    seeds = {"addition": int(read_opening(study / "opening.json").suites[0].seed)}
    (tmp_path / "seeds.json").write_text(json.dumps(seeds))
    api.commit(
        ["addition"],
        out=tmp_path / "c.json",
        seeds_from=tmp_path / "seeds.json",
        date="2999-01-01",
        limit=3,
    )
    api.reveal(tmp_path / "c.json", secret=tmp_path / "c.secret.json", out=tmp_path / "o.json")
    row = ("m", seed_commitment("addition", seeds["addition"]), "", "2998-12-31")
    things = [run_of(study), board(tmp_path / "a.csv", row), edition_of(study)]
    found = api.audit(tmp_path / "c.json", tmp_path / "o.json", things)
    assert [each.outcome for each in found] == ["agrees", "differs", "differs", "agrees"]
    assert "before the commitment of 2999-01-01" in found[1].says


def test_one_suite_is_opened_and_the_other_stays_secret(study: Path, tmp_path: Path) -> None:
    """An opening of one suite holds nothing of the other."""
    opening = api.reveal(
        study / "commitment.json",
        secret=study / "commitment.secret.json",
        out=tmp_path / "one.json",
        only=["calendar"],
    )
    assert [each.suite for each in opening.suites] == ["calendar"]
    hidden = read_secret(study / "commitment.secret.json").suites[0]
    text = (tmp_path / "one.json").read_text()
    assert hidden.seed not in text
    assert hidden.nonce not in text
    found = api.audit(study / "commitment.json", tmp_path / "one.json", [edition_of(study)])
    assert [each.outcome for each in found] == ["agrees", "not opened", "differs"]
    with pytest.raises(BadInput, match="no suite 'nope'; allowed: addition, calendar"):
        api.reveal(
            study / "commitment.json",
            secret=study / "commitment.secret.json",
            out=tmp_path / "two.json",
            only=["nope"],
        )


def test_a_forged_opening_is_found(study: Path, tmp_path: Path) -> None:
    """Another seed, or the opening of another commitment; and reveal writes no such thing."""
    opening = json.loads((study / "opening.json").read_bytes())
    opening["suites"][0]["seed"] = "12"
    (tmp_path / "forged.json").write_text(json.dumps(opening))
    found = api.audit(study / "commitment.json", tmp_path / "forged.json", [edition_of(study)])
    assert [each.outcome for each in found] == ["differs", "agrees", "differs"]
    api.commit(["addition"], out=tmp_path / "c.json", limit=3)
    found = api.audit(tmp_path / "c.json", study / "opening.json")
    assert [(each.about, each.outcome) for each in found] == [
        ("opening", "differs"),
        ("addition", "differs"),
        ("calendar", "differs"),
    ]
    with pytest.raises(BadInput, match="the secret does not open it"):
        api.reveal(
            study / "commitment.json", secret=tmp_path / "c.secret.json", out=tmp_path / "x.json"
        )
    assert not (tmp_path / "x.json").exists()


def test_a_night_is_committed_to_and_opened_with_its_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seed is the nightly job's own; the secret alone opens it and is written nowhere."""
    from modelmetry.nightly.seeds import fresh_seed

    monkeypatch.setenv("NIGHT", "a secret of some length")
    for name in ("one", "two"):
        api.commit(
            ["addition"],
            out=tmp_path / f"{name}.json",
            secret="env:NIGHT",
            date="2026-01-31",
            limit=3,
        )
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    opening = api.reveal(tmp_path / "one.json", secret="env:NIGHT", out=tmp_path / "o.json")
    expected = fresh_seed(b"a secret of some length", "addition", "2026-01-31")
    assert [each.seed for each in opening.suites] == [str(expected)]
    assert all(b"a secret of" not in path.read_bytes() for path in tmp_path.iterdir())
    assert api.audit(tmp_path / "one.json", tmp_path / "o.json")[0].outcome == "agrees"
    monkeypatch.setenv("NIGHT", "another secret of some length")
    with pytest.raises(BadInput, match="the secret does not open it"):
        api.reveal(tmp_path / "one.json", secret="env:NIGHT", out=tmp_path / "p.json")


def test_bad_input_is_a_line(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What, where, what is allowed; and no secret in it."""
    monkeypatch.setenv("SHORT", "short")
    monkeypatch.setenv("SEEDS", '{"addition": 7}')
    monkeypatch.setenv("WORDS", "seven")
    out = tmp_path / "new.json"
    for options, line in (
        ({"date": "31.1.2026"}, "date: '31.1.2026'; allowed: ISO 8601"),
        ({"date": "20260131"}, "allowed: ISO 8601"),
        ({"secret": "env:SHORT"}, "--secret needs --date"),
        ({"secret": "env:SHORT", "date": "2026-01-31"}, "it has 5 bytes; allowed: from 16"),
        ({"secret": "env:NONE", "date": "2026-01-31"}, "the variable NONE is not set"),
        ({"secret": "hunter2hunter2", "date": "2026-01-31"}, "the file named cannot be read"),
        ({"seeds_from": "env:SEEDS"}, "can be guessed"),
        ({"seeds_from": "env:WORDS"}, "allowed: a JSON object"),
        ({"seeds_from": "x", "secret": "y"}, "either --seeds-from or --secret"),
        ({"limit": 0}, "limit: 0"),
    ):
        with pytest.raises(BadInput) as caught:
            api.commit(["addition"], out=out, **options)  # type: ignore[arg-type]
        assert line in str(caught.value)
        assert "hunter2" not in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(BadInput, match="unknown suite 'adition'"):
        api.commit(["adition"], out=out)
    monkeypatch.setenv("SEEDS", '{"calendar": 7}')
    with pytest.raises(BadInput, match="no seed for addition"):
        api.commit(["addition"], out=out, seeds_from="env:SEEDS")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(BadInput, match="is there already"):
        api.commit(["addition"], out=study / "commitment.json", secret_out=tmp_path / "s.json")
    assert list(tmp_path.iterdir()) == []
    for thing, line in ((tmp_path / "none", "no such file"), (tmp_path, "is none of these")):
        with pytest.raises(BadInput, match=line):
            audited(study, thing)
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadInput, match="no column suite"):
        audited(study, tmp_path / "x.csv")


def test_a_generator_of_another_version_is_told(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has another modelmetry is told which one to install, and not that the edition is forged."""
    from modelmetry.algebra.addition import Addition

    monkeypatch.setattr(Addition, "fingerprint", lambda self: "f" * 64)
    with pytest.raises(
        BadInput, match=r"makes it otherwise than committed; allowed: modelmetry \d"
    ):
        audited(study, edition_of(study))


def test_commitment_edition_and_opening_in_one_repository(study: Path, tmp_path: Path) -> None:
    """In the order in which they may be seen; what was published is never changed; no secret goes."""
    with Hub() as hub, client(hub, tmp_path / "home"):
        first = api.publish(study / "commitment.json", repo="lab/addition")
        assert first.tag.startswith("commitment-")
        done = api.publish(edition_of(study), repo="lab/addition")
        last = api.publish(study / "opening.json", repo="lab/addition")
        paths = {*hub.files("datasets", "lab/addition")}
        names = {first.changes[0].path, last.changes[0].path}
        assert names < paths
        assert len(hub.repos["datasets", "lab/addition"].tags) == 3
        assert api.publish(study / "commitment.json", repo="lab/addition").complete
        assert done.tag in hub.repos["datasets", "lab/addition"].tags
        with pytest.raises(BadInput, match="is the secret of a commitment"):
            api.publish(study / "commitment.secret.json", repo="lab/addition")
        hub.put("datasets", "lab/addition", {last.changes[0].path: b"{}"})
        hub.repos["datasets", "lab/addition"].tags.pop(last.tag)
        with pytest.raises(BadInput, match="it is never changed"):
            api.publish(study / "opening.json", repo="lab/addition")


def test_results_go_to_the_model(study: Path, tmp_path: Path) -> None:
    """One file per suite, which names the edition's commit; the client's own parser reads it."""
    with Hub() as hub, client(hub, tmp_path / "home"):
        results = {"repo": "lab/model", "dataset": "lab/addition"}
        with pytest.raises(BadInput, match="no such data set"):
            api.publish_results([run_of(study)], **results)
        edition = api.publish(edition_of(study), repo="lab/addition")
        with pytest.raises(BadInput, match="no such model"):
            api.publish_results([run_of(study)], **results)
        hub.create("models", "lab/model")
        hub.put("models", "lab/model", {"README.md": b"# Model"})
        planned = api.publish_results([run_of(study)], **results, dry_run=True)
        assert [change.path for change in planned.changes] == [".eval_results/addition.yaml"]
        assert set(hub.files("models", "lab/model")) == {".gitattributes", "README.md"}
        assert api.publish_results([run_of(study)], **results).sent
        files = hub.files("models", "lab/model")
        entries = yaml.safe_load(files[".eval_results/addition.yaml"])
        assert entries
        assert {each["dataset"]["revision"] for each in entries} == {edition.commit}
        assert {each["dataset"]["id"] for each in entries} == {"lab/addition"}
        from huggingface_hub import parse_eval_result_entries

        assert len(parse_eval_result_entries(entries)) == len(entries)
        assert api.publish_results([run_of(study)], **results).complete


def test_results_for_a_model_of_others_are_a_pull_request(study: Path, tmp_path: Path) -> None:
    """Who may not write is told of --pr; main stays as it is."""
    with Hub() as hub, client(hub, tmp_path / "home"):
        results = {"repo": "lab/model", "dataset": "lab/addition"}
        api.publish(edition_of(study), repo="lab/addition")
        hub.create("models", "lab/model")
        with client(hub, tmp_path / "reader", token=READER):
            with pytest.raises(BadInput, match="or --pr for a pull request"):
                api.publish_results([run_of(study)], **results)
            done = api.publish_results([run_of(study)], **results, pull_request=True)
        assert done.pull_request.endswith("/discussions/1")
        assert set(hub.files("models", "lab/model")) == {".gitattributes"}
        assert ".eval_results/addition.yaml" in hub.files("models", "lab/model", "refs/pr/1")


def test_results_on_another_edition_are_refused(study: Path, tmp_path: Path) -> None:
    """The revision must be of the edition that was asked."""
    with Hub() as hub, client(hub, tmp_path / "home"):
        made = write(tmp_path / "editions", read("addition"), Seed(root=1), limit=2)
        api.publish(made.folder, repo="lab/addition", revision="spring")
        hub.create("models", "lab/model")
        results = {"repo": "lab/model", "dataset": "lab/addition"}
        with pytest.raises(BadInput, match="no revision seed-"):
            api.publish_results([run_of(study)], **results)
        with pytest.raises(BadInput, match="revision spring is not edition seed-"):
            api.publish_results([run_of(study)], **results, revision="spring")
        with pytest.raises(BadInput, match="runs of one model, one of each suite"):
            api.publish_results([run_of(study)] * 2, **results)
