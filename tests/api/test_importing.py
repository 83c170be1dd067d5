"""Imported runs in everything that runs are for: reports, comparisons, gauge studies, re-scoring."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tests.imported_logs import inspect_log, read, results, sample, write_eval, write_json

from modelmetry import api
from modelmetry.errors import BadInput
from modelmetry.items import Item, Seed
from modelmetry.models import Model, Request, Response
from modelmetry.runs import read_record
from modelmetry.suites import edition, items
from modelmetry.suites import read as read_suite


def answered(model: str, ability: float, n: int = 60, **header: Any) -> dict[str, Any]:
    """A log of a model that is right on a share of passages of three questions each."""
    rng = random.Random(model)
    rows = []
    for place in range(n):
        right = rng.random() < ability
        said = "Paris" if right else "Rome"
        rows.append(
            sample(place, "C" if right else "I", text=f"It is {said}.", metadata={"passage": place // 3})
        )  # fmt: skip
    return inspect_log(rows, model=model, **header)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three models' logs of one task, imported."""
    folder = tmp_path_factory.mktemp("imported")
    paths = [
        write_eval(folder / f"{k}.eval", answered(f"test/m{k}", ability))
        for k, ability in enumerate((0.9, 0.5, 0.2))
    ]
    done = api.import_logs(paths, log_dir=folder / "runs", cluster="passage")
    return [each.run.folder for each in done]


def test_reports(runs: list[Path]) -> None:
    """A run's own report says where it comes from, and nothing that only generated problems have."""
    for name in ("report.html", "report.md"):
        text = (runs[0] / name).read_text()
        assert "60 samples of a task of inspect" in text
        assert "imported from" in text
        for wrong in ("seed", "modelmetry run ", "finite space", "temperature 0.0"):
            assert wrong not in text.lower().replace("editions (seeds)", ""), (name, wrong)
    assert (runs[0] / "estimates.csv").read_text().count("accuracy") >= 1


def test_compared(runs: list[Path], tmp_path: Path) -> None:
    """Runs of the same questions are paired on them, with the clusters that were named."""
    found = api.compare(runs)
    assert len(found.rows) == 3
    assert {row.comparison.difference.clusters for row in found.rows} == {20}
    best = found.rows[0].comparison
    assert (best.a, best.b) == ("test/m0", "test/m1")
    assert best.difference.value > 0.2
    assert api.report(runs, out=tmp_path / "report")


def test_levels(tmp_path: Path) -> None:
    """Accuracies by a factor stand in the report, though there is no difficulty to draw a curve over."""
    log = answered("test/m", 0.5, n=12)
    for place, each in enumerate(log["samples"]):
        each["metadata"]["subject"] = "<law>" if place % 2 else "music"
    run = read(write_json(tmp_path / "l.json", log), tmp_path / "runs", factors=("subject",)).run
    api.report(run.folder, out=run.folder)
    text = (run.folder / "report.html").read_text()
    assert "Accuracy by factor level" in text
    assert "-levels" in text
    assert "subject=&lt;law&gt;" in text
    assert "subject=music" in (run.folder / "report.md").read_text()
    assert "level of difficulty" not in text


def test_gauged(runs: list[Path]) -> None:
    """Gauge R&R tells how many models the task tells apart."""
    study = api.grr(runs)
    assert study.models == 3
    assert len(study.resolutions) == 1


def test_other_questions_do_not_compare(runs: list[Path], tmp_path: Path) -> None:
    """Other data under the same task's name are other questions, unless what is common is asked for."""
    log = answered("test/m4", 0.5)
    log["samples"][0]["input"] = "Another question?"
    other = read(write_json(tmp_path / "o.json", log), tmp_path / "runs").run.folder
    with pytest.raises(BadInput, match=r"asked imported-.*allowed: runs of one edition"):
        api.compare([runs[0], other])
    (row,) = api.compare([runs[0], other], common=True).rows
    assert row.left_out == 2


def test_scored_again(runs: list[Path], tmp_path: Path) -> None:
    """The stored texts can be scored by a scorer of ours; without one the record stands."""
    recorded = api.read_run(runs[0]).scores.column("value").to_pylist()
    assert api.read_run(runs[0], scorer="includes").scores.column("value").to_pylist() == recorded
    assert set(api.read_run(runs[0], scorer="exact").scores.column("value").to_pylist()) == {0.0}
    assert api.score(runs[0], scorer="includes", out=tmp_path / "again")


def test_what_an_imported_run_is_not_for(runs: list[Path], tmp_path: Path) -> None:
    """Nobody can go on asking, no leaderboard takes it, and it is no pilot of another suite."""
    for call in (api.run, api.dry_run):
        with pytest.raises(
            BadInput, match=r"was imported from inspect_ai.*allowed: report, compare"
        ):
            call(runs[0])
    with pytest.raises(BadInput, match="allowed on a leaderboard: runs of "):
        api.update_leaderboard([runs[0]], data=tmp_path)
    with pytest.raises(
        BadInput, match=r"pilot: .*asked capitals version 1; allowed: runs of quick"
    ):
        api.plan("quickstart", pilots=[runs[0]])


def test_imported_once(tmp_path: Path) -> None:
    """The same log read the same way is there already; read another way it is another run."""
    path = write_json(tmp_path / "log.json", answered("test/m", 0.5, n=6))
    first = read(path, tmp_path / "runs")
    again = read(path, tmp_path / "runs")
    assert (first.new, again.new) == (True, False)
    assert first.run.folder == again.run.folder
    other = read(path, tmp_path / "runs", cluster="passage")
    assert other.new
    assert other.run.folder != first.run.folder
    assert other.run.record.edition == first.run.record.edition


def test_all_or_none(tmp_path: Path) -> None:
    """One log that cannot be read, and none is imported: it is noticed before anything is written."""
    good = write_json(tmp_path / "good.json", answered("test/m", 0.5, n=6))
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    with pytest.raises(BadInput, match=r"bad\.json"):
        api.import_logs([good, bad], log_dir=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_many_are_streamed(tmp_path: Path) -> None:
    """Samples are read one after the other: peak memory hardly grows with their number."""
    import tracemalloc

    from modelmetry.runs import imports

    peaks = []
    for n in (100, 400):
        log = inspect_log(sample(i, events=["x" * 20_000]) for i in range(n))
        path = write_json(tmp_path / f"{n}.json", log)
        answers = imports.read_log(path).answers
        tracemalloc.start()
        assert sum(1 for _ in answers()) == n
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


@dataclass(frozen=True, kw_only=True)
class Told(Model):
    """Answers every other item rightly, by its uid."""

    name: str = "told"
    provider: ClassVar[str] = "test"

    async def answer(self, request: Request) -> Response:
        return Response(request_key=request.key, text=said(request.item), finish="stop")


def said(item: Item) -> str:
    """What the model says: right, wrong, or twice over, which no instrument can read."""
    right = item.problem.target.answers[0]
    return [right, "no idea", f"{right} or maybe 7?"][int(item.problem.uid, 16) % 3]


def of_ours(
    suite: str, seed: int, limit: int, only: str | None = None, **changed: Any
) -> Iterator[dict[str, Any]]:
    """Samples as Inspect keeps them of our export, with the facts that the export gives them."""
    asked = read_suite(suite)
    for item in items(asked, Seed(root=seed), limit):
        problem = item.problem
        if only not in (None, problem.split) or item.format != "chat":
            continue
        facts = {
            "problem": problem.uid, "task": item.task, "split": problem.split, "wording": item.wording,
            "cluster": problem.cluster, "edition": edition(asked, Seed(root=seed), limit),
        }  # fmt: skip
        yield sample(
            item.uid, [1.0, 0.0, 0.5][int(problem.uid, 16) % 3], input=item.text, target=list(problem.target.answers), text=said(item),
            metadata=facts | changed,
        )  # fmt: skip


def own_log(tmp_path: Path, *, seed: int = 3, version: int = 1, **changed: Any) -> Path:
    samples = list(of_ours("addition", seed, 6, **changed))
    header = {"metadata": {"suite": "addition"}, "task_version": version}
    tmp_path.mkdir(exist_ok=True)
    return write_json(
        tmp_path / "own.json",
        inspect_log(samples, results=results("match", 0.5, 0.0, cluster="cluster"), **header),
    )


def test_a_name_that_is_a_formula(tmp_path: Path) -> None:
    """What the other harness wrote is text in a spreadsheet, too; negative numbers stay numbers."""
    path = write_json(tmp_path / "log.json", answered("=1+1/m", 0.5, n=6))
    done = api.import_logs(path, log_dir=tmp_path / "runs", split="=test")[0]
    assert done.task == "capitals"
    with (done.run.folder / "estimates.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["model"], row["split"]) for row in rows} == {("'=1+1/m", "'=test")}


def test_our_own_suite(tmp_path: Path) -> None:
    """A log of our export is known as our suite: its items are ours, and pair with a run of ours."""
    version = read_suite("addition").version
    done = read(own_log(tmp_path, version=version), tmp_path / "runs").run
    native = api.run("addition", model=Told(), seed=3, limit=6, log_dir=tmp_path / "runs")
    assert done.record.suite == native.record.suite
    assert done.record.edition == native.record.edition
    assert done.record.seed == 3
    ours = {row["item"]: row for row in native.scores.to_pylist()}
    for row in done.scores.to_pylist():
        same = (
            "problem",
            "split",
            "index",
            "cluster",
            "expected",
            "chance",
            "difficulty",
            "factors",
        )
        assert {key: row[key] for key in same} == {key: ours[row["item"]][key] for key in same}
    compared = api.compare([done.folder, native.folder], common=True).rows
    assert {row.split for row in compared} == {row["split"] for row in done.scores.to_pylist()}
    assert all(row.comparison.difference.n for row in compared)
    assert api.plan("addition", pilots=[done.folder])


def test_what_only_looks_like_ours(tmp_path: Path) -> None:
    """Where the items cannot be made again, it is anybody's log: another seed, version or answer."""
    version = read_suite("addition").version
    cases: dict[str, dict[str, Any]] = {
        "version": {"version": version + 1},
        "edition": {"version": version, "edition": "seed-4-00000000"},
        "name": {"version": version, "edition": "none"},
        "split": {"version": version, "split": "nowhere"},
    }
    for name, changed in cases.items():
        done = read(own_log(tmp_path / name, **changed), tmp_path / "runs").run
        assert done.record.edition.startswith("imported-"), name
    path = own_log(tmp_path / "target", version=version)
    log = json.loads(path.read_text())
    log["samples"][0]["target"] = ["no such answer"]
    write_json(path, log)
    assert read(path, tmp_path / "runs").run.record.edition.startswith("imported-")


def test_a_record_without_an_origin(tmp_path: Path) -> None:
    """Runs made before there were imports are read as runs of ours."""
    run = api.run("addition", model=Told(), seed=3, limit=2, log_dir=tmp_path)
    path = run.folder / "run.json"
    record = json.loads(path.read_text())
    assert record.pop("origin") == {}
    path.write_text(json.dumps(record))
    assert read_record(run.folder) == run.record
