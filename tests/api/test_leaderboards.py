"""Runs onto leaderboards, and the leaderboards' site, from folders."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from modelmetry import api
from modelmetry.errors import BadInput
from modelmetry.leaderboards import read
from modelmetry.nightly.night import Cell, Night, Reading
from modelmetry.runs import read_record, write_record


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[Path]:
    """Folders of the runs of two models."""
    logs = tmp_path_factory.mktemp("runs")
    return [
        api.run("addition", model=model, limit=12, log_dir=logs).folder
        for model in ("reference/oracle", "reference/majority")
    ]


@pytest.fixture
def run(runs, tmp_path) -> Path:
    """A copy of the second run, to be changed."""
    return Path(shutil.copytree(runs[1], tmp_path / "runs" / runs[1].name))


@pytest.fixture(scope="module")
def edition(tmp_path_factory) -> Path:
    """The edition that the runs were asked."""
    return api.generate("addition", seed=0, limit=12, out=tmp_path_factory.mktemp("editions"))


def test_runs_are_entered_and_ranked(runs, tmp_path):
    """One file per suite; what was added is told with its ranks."""
    done = api.update_leaderboard(runs, data=tmp_path)
    assert done.files == (tmp_path / "addition.csv",)
    assert {(e.model, e.rank) for e in done.added} == {
        ("reference/oracle", 1),
        ("reference/majority", 2),
    }
    assert len(done.added) == len(read(tmp_path / "addition.csv"))


def test_a_dry_run_tells_the_same_and_writes_nothing(runs, tmp_path):
    """Ranks among what is there already."""
    api.update_leaderboard(runs[:1], data=tmp_path / "data")
    before = (tmp_path / "data" / "addition.csv").read_bytes()
    told = api.update_leaderboard(runs[1:], data=tmp_path / "data", dry_run=True)
    assert {e.rank for e in told.added} == {2}
    assert (tmp_path / "data" / "addition.csv").read_bytes() == before
    done = api.update_leaderboard(runs[1:], data=tmp_path / "data")
    assert done.added == told.added


def test_one_bad_run_keeps_all_out(runs, run, tmp_path):
    """Everything is checked before anything is written."""
    write_record(run, replace(read_record(run), status="interrupted"))
    with pytest.raises(BadInput, match="the run is interrupted; allowed: finished runs"):
        api.update_leaderboard([runs[0], run], data=tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_one_file_that_refuses_keeps_all_as_they_are(runs, run, tmp_path):
    """Of two suites, the second's run is there already: the first's file is not made."""
    record = read_record(run)
    write_record(run, replace(record, suite=replace(record.suite, name="other")))
    api.update_leaderboard([run], data=tmp_path / "data")
    with pytest.raises(BadInput, match=r"other\.csv: .* already on this leaderboard"):
        api.update_leaderboard([runs[0], run], data=tmp_path / "data")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["other.csv"]


def test_a_run_given_twice_or_there_already_is_refused(runs, tmp_path):
    """Once within one call, once within the file."""
    with pytest.raises(BadInput, match="given twice"):
        api.update_leaderboard([runs[0], runs[0]], data=tmp_path)
    api.update_leaderboard(runs[:1], data=tmp_path)
    for dry_run in (True, False):
        with pytest.raises(BadInput, match="already on this leaderboard"):
            api.update_leaderboard(runs[:1], data=tmp_path, dry_run=dry_run)


def test_answers_that_are_not_those_of_the_report_are_noticed(run, tmp_path):
    """The report's scores have another digest than the stored answers."""
    api.report(run, out=run)
    api.update_leaderboard([run], data=tmp_path / "data", dry_run=True)
    table = pq.read_table(run / "scores.parquet")
    answers = table.column("answer").to_pylist()
    at = table.column_names.index("answer")
    forged = table.set_column(at, "answer", [["forged", *answers[1:]]])
    pq.write_table(forged, run / "scores.parquet")
    with pytest.raises(BadInput, match=r"scores\.parquet states"):
        api.update_leaderboard([run], data=tmp_path / "data")
    (run / "scores.parquet").write_bytes(b"x")
    with pytest.raises(BadInput, match=r"scores\.parquet: cannot be read"):
        api.update_leaderboard([run], data=tmp_path / "data")


def test_answers_that_are_not_those_of_the_night_are_noticed(run, tmp_path):
    """The night's summary, two folders above, states the digest of its runs."""
    (entry, *_) = api.update_leaderboard([run], data=tmp_path / "data", dry_run=True).added

    def told(digest):
        given = {field: getattr(entry, field) for field in ("suite", "suite_version", "model")}
        numbers = ("split", "estimand", "value", "std_error", "ci_low", "ci_high", "ci_method")
        given |= {field: getattr(entry, field) for field in numbers}
        given |= {"n_items": 1, "n_clusters": 1, "n_unscored": 0, "edition": "e"}
        reading = Reading(
            date="2026-01-01", kind="fresh", seed_commitment="", run_digest=digest, **given
        )
        cell = Cell(
            suite=entry.suite,
            model=entry.model,
            kind="fresh",
            status="finished",
            run=f"runs/{run.name}",
        )
        night = Night(
            name="n",
            date="2026-01-01",
            started_at="",
            ended_at="",
            cells=(cell,),
            readings=(reading,),
            verdicts=(),
            config_digest="",
            harness_version="",
        )
        (tmp_path / "summary.json").write_bytes(msgspec.json.encode(night))
        return api.update_leaderboard([run], data=tmp_path / "data", dry_run=True)

    assert told(entry.run_digest).added
    with pytest.raises(BadInput, match=r"summary\.json states 0000"):
        told("0" * 64)
    (tmp_path / "summary.json").write_text("{}")
    assert api.update_leaderboard([run], data=tmp_path / "data", dry_run=True).added


def test_a_suite_that_would_lie_elsewhere_is_refused(run, tmp_path):
    """A record's suite is called after no path."""
    record = read_record(run)
    write_record(run, replace(record, suite=replace(record.suite, name="../../outside")))
    with pytest.raises(BadInput, match="not a name"):
        api.update_leaderboard([run], data=tmp_path / "data")


def test_a_site_is_built_of_runs_and_editions(runs, edition, tmp_path):
    """From runs and the edition that they were asked, to pages."""
    api.update_leaderboard(runs, data=tmp_path / "data")
    built = api.build_leaderboard(data=tmp_path / "data", out=tmp_path / "site", editions=[edition])
    assert (built.suites, built.models) == (1, 2)
    page = (built.folder / "suites" / "addition" / "index.html").read_text(encoding="utf-8")
    assert "../../editions/" in page


def test_a_changed_edition_is_refused(runs, edition, tmp_path):
    """Its certificate would prove nothing."""
    edition = shutil.copytree(edition, tmp_path / "edition")
    api.update_leaderboard(runs, data=tmp_path / "data")
    (edition / "certificate.json").write_text("{}")
    with pytest.raises(BadInput, match=r"certificate\.json: was changed"):
        api.build_leaderboard(data=tmp_path / "data", out=tmp_path / "site", editions=[edition])
    assert not (tmp_path / "site").exists()
