"""Runs that draw fresh items until a number is known: from the rule to the report."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests import tiny_pictures
from tests.runs.conftest import Scripted

from modelmetry import api
from modelmetry.analyses.comparison import compare
from modelmetry.analyses.estimates import analyze, headline
from modelmetry.analyses.stopping import anytime_difference
from modelmetry.analyses.table import matched, read_items
from modelmetry.errors import BadInput, LimitReached, ModelmetryError
from modelmetry.items import Painter
from modelmetry.models import Request
from modelmetry.suites import Suite

ABLE = {"ability": 0.0}


@pytest.fixture
def suite() -> Suite:
    """The greater-than suite, whose splits hold thousands of problems."""
    return api.read_suite("greater-than")


def test_a_run_ends_when_its_interval_is_narrow(suite: Suite, tmp_path: Path) -> None:
    """All headline splits reach the width, by problems as many as were needed, and say how."""
    run = api.run(
        suite, model="reference/simulated", model_options=ABLE, until="ci<0.2", log_dir=tmp_path
    )
    rows = headline(run.record, run.scores)
    assert run.record.status == "finished"
    assert [row.split for row in rows] == list(suite.primary)
    for row in rows:
        assert row.ci_low is not None
        assert row.ci_high is not None
        assert row.ci_high - row.ci_low < 0.2
        assert "anytime-valid" in row.estimate.method
        assert 20 < row.n_clusters < 400
    assert run.record.planned == run.scores.num_rows
    assert "anytime-valid" in (run.folder / "report.md").read_text()


def test_two_models_are_asked_the_same_until_their_order_is_known(
    suite: Suite, tmp_path: Path
) -> None:
    """The better of two respondents is found, and the comparison holds at any time too."""
    models = ["reference/simulated", "reference/chance"]
    done = api.run_until(
        suite, until="A>B", models=models, model_options=None, log_dir=tmp_path, seed=3
    )
    assert [run.record.model for run in done] == models
    assert done[0].scores.column("item").equals(done[1].scores.column("item"))
    found = compare([(run.record, run.scores) for run in done])
    for row in found.rows:
        assert row.comparison.difference.low is not None
        assert row.comparison.difference.low > 0
        assert "anytime-valid" in row.comparison.difference.method
        left, right = (read_items(run.scores) for run in done)
        at, sizes = matched(left, right, row.split), _sizes(done[0], row.split)
        anytime = anytime_difference(left, right, *at, sizes, level=0.95)
        assert anytime == (row.comparison.difference, row.comparison.p)
        assert row.comparison.p < 0.05


def _sizes(run: api.Run, split: str) -> tuple[int, ...]:
    """Points in each stratum of a split."""
    assert run.record.until is not None
    return run.record.until.strata[split]


def test_a_limit_leaves_the_rule_open_and_more_can_be_given(suite: Suite, tmp_path: Path) -> None:
    """At the limit the run says how wide the interval is; with a higher one it goes on."""
    settings: dict[str, Any] = {"model": "reference/simulated", "log_dir": tmp_path}
    with pytest.raises(LimitReached, match=r"until ci<0.12: open after 35 problems \(held-out: 0"):
        api.run(suite, until="ci<0.12", limit=35, **settings)
    (folder,) = tmp_path.iterdir()
    assert api.open_ended(folder)
    first = api.read_run(folder)
    assert first.record.status == "limit"
    assert "ended before its rule was met" in (folder / "report.md").read_text()
    with pytest.raises(LimitReached, match="open after 35 problems"):
        api.run(folder)  # the limit is the run's own unless another is given
    with pytest.raises(LimitReached, match="open after 70 problems"):
        api.run(folder, limit=70)
    again = api.read_run(folder)
    assert again.scores.to_pylist()[: first.scores.num_rows] == first.scores.to_pylist()
    whole = api.run(suite, until="ci<0.12", resume=True, **settings)
    assert whole.folder == folder
    assert whole.record.status == "finished"
    alone = api.run(suite, until="ci<0.12", model="reference/simulated", log_dir=tmp_path / "alone")
    both = zip(alone.scores.to_pylist(), whole.scores.to_pylist(), strict=False)
    assert all(a == b for a, b in both)


def test_an_adaptive_run_finds_the_threshold(tmp_path: Path) -> None:
    """Answers choose the difficulty; the threshold is the headline, and near the truth."""
    options = {"ability": 4.0, "slope": 1.25}
    run = api.run(
        "addition",
        model="reference/simulated",
        model_options=options,
        until="threshold<0.8",
        log_dir=tmp_path,
    )
    (row,) = headline(run.record, run.scores)
    assert row.estimand == "difficulty threshold: digits"
    assert row.ci_low is not None
    assert row.ci_high is not None
    assert row.ci_high - row.ci_low < 0.8
    assert abs(row.value - 4.0 / 1.25) < 0.6
    asked = run.frame().drop_duplicates("problem")
    near = asked[abs(asked["difficulty"] - row.value) < 1.5]
    assert len(near) > 0.7 * len(asked)
    rows = analyze(run.record, run.scores).rows
    assert [r for r in rows if r.kind == "difficulty threshold"] == [row]
    with pytest.raises(BadInput, match="the answers chose how hard"):
        api.update_leaderboard([run.folder], data=tmp_path / "boards")
    assert not [r for r in rows if r.kind == "contrast"]


def test_an_adaptive_run_ends_where_the_suite_is_too_easy(tmp_path: Path) -> None:
    """A respondent that is always right is soon known to be beyond the hardest level."""
    run = api.run("addition", model="reference/oracle", until="threshold<0.1", log_dir=tmp_path)
    (row,) = headline(run.record, run.scores)
    assert row.ci_high is None
    assert any("saturated" in warning for warning in row.estimate.warnings)
    assert len(run.frame()["problem"].unique()) < 200


def test_an_adaptive_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Stopped at a limit and given more, it never asks a problem twice."""
    settings: dict[str, Any] = {"model": "reference/simulated", "log_dir": tmp_path}
    options = {"ability": 4.0, "slope": 1.25}
    with pytest.raises(LimitReached, match="open after"):
        api.run("addition", until="threshold<0.1", limit=20, model_options=options, **settings)
    (folder,) = tmp_path.iterdir()
    with pytest.raises(LimitReached, match="open after"):
        api.run(folder, limit=60)
    frame = api.read_run(folder).frame()
    assert 60 <= frame["problem"].nunique() <= 90
    assert len(frame) == 3 * frame["problem"].nunique()


@pytest.mark.parametrize(
    ("what", "settings", "says"),
    [
        ("addition", {"until": "ci<2"}, "between 0 and 1"),
        ("addition", {"until": "A>B"}, "no model 'B'"),
        ("greater-than", {"until": "ci<0.1", "limit": 0}, "limit: 0"),
        ("greater-than", {"until": "ci<0.1", "cost_limit": 1.0}, "prices are unknown"),
    ],
)
def test_bad_input_is_refused_before_anything_is_made(
    what: str, settings: dict[str, Any], says: str, tmp_path: Path
) -> None:
    """One line, and no folder is left behind."""
    with pytest.raises(BadInput, match=says):
        api.run(what, model="reference/oracle", log_dir=tmp_path, **settings)
    assert list(tmp_path.iterdir()) == []


def test_fixed_items_cannot_grow(tmp_path: Path) -> None:
    """An edition and an ordinary run hold their items, and say that a suite is needed."""
    edition = api.generate("addition", seed=1, limit=3, out=tmp_path / "editions")
    run = api.run("addition", model="reference/oracle", limit=3, log_dir=tmp_path / "runs")
    for folder in (edition, run.folder):
        with pytest.raises(BadInput, match="allowed with --until: a suite"):
            api.run(folder, model="reference/oracle", until="ci<0.1", log_dir=tmp_path / "runs")


def test_one_failing_model_leaves_both_resumable(suite: Suite, tmp_path: Path) -> None:
    """When one of two models cannot be reached both runs end, and go on together later."""
    nowhere = {"model_base_url": "http://127.0.0.1:9/v1", "max_retries": 0}
    with pytest.raises(ModelmetryError):
        api.run_until(
            suite,
            until="A>B",
            models=["reference/oracle", "openai-api/x"],
            log_dir=tmp_path,
            **nowhere,
        )
    records = [api.read_run(folder).record for folder in tmp_path.iterdir()]
    assert len(records) == 2
    assert {record.status for record in records} == {"unreachable"}
    assert records[0].until is not None
    assert records[0].until == records[1].until
    assert {record.id for record in records} == set(records[0].until.peers)


def test_a_small_stratum_that_is_used_up_is_not_asked_again(tmp_path: Path) -> None:
    """Problems are counted as asked, and the mean gives the strata equal weight."""
    run = api.run("addition", model="reference/simulated", until="ci<0.1", log_dir=tmp_path, seed=9)
    (row,) = headline(run.record, run.scores)
    frame = run.frame()
    assert row.n_clusters == frame["problem"].nunique()
    assert row.n_items == len(frame)
    by_length = frame.groupby("difficulty")["value"].mean()
    assert row.value == pytest.approx(by_length.mean(), abs=0.01)
    assert "2 strata of equal weight" in row.estimate.method


def test_a_refused_key_keeps_what_the_other_model_answered(suite: Suite, tmp_path: Path) -> None:
    """The run of the model that was refused stays beside the other's, and both go on together."""
    refused = True

    async def script(request: Request) -> str:
        if refused:
            raise BadInput("the server refused the key (401)")
        return "none"

    models = ["reference/oracle", Scripted(script=script)]
    with pytest.raises(BadInput, match="refused the key"):
        api.run_until(suite, until="A>B", models=models, log_dir=tmp_path)
    folders = list(tmp_path.iterdir())
    assert len(folders) == 2
    refused = False
    done = api.run_until(folders[0], models=models)
    assert {run.folder for run in done} == set(folders)
    assert {run.record.status for run in done} == {"finished"}


def test_nothing_is_left_of_runs_that_never_began(suite: Suite, tmp_path: Path) -> None:
    """Where no model answered, no folder stays."""

    async def script(request: Request) -> str:
        raise BadInput("the server refused the key (401)")

    with pytest.raises(BadInput, match="refused the key"):
        api.run(suite, model=Scripted(script=script), until="ci<0.1", log_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_generator_cannot_go_on_with_a_run(suite: Suite, tmp_path: Path) -> None:
    """Where the installed generator makes other problems, the run says which version it needs."""
    with pytest.raises(LimitReached):
        api.run(suite, model="reference/chance", until="ci<0.05", limit=21, log_dir=tmp_path)
    (folder,) = tmp_path.iterdir()
    text = (folder / "run.json").read_text()
    fingerprint = suite.tasks[0].fingerprint
    assert fingerprint in text
    (folder / "run.json").write_text(text.replace(fingerprint, "0" * len(fingerprint)))
    with pytest.raises(BadInput, match="the installed greater-than generator makes other problems"):
        api.run(folder, limit=100)


def test_an_adaptive_run_asks_nothing_that_examples_come_from(tmp_path: Path) -> None:
    """The train split is left out, also where a suite counts it among its headlines."""
    assert "calendar/train" in api.read_suite("quickstart").primary
    with pytest.raises(LimitReached):
        api.run(
            "quickstart",
            model="reference/chance",
            until="threshold<0.001",
            limit=12,
            log_dir=tmp_path,
        )
    (folder,) = tmp_path.iterdir()
    asked = set(api.read_run(folder).frame()["split"])
    assert asked
    assert not any(split.endswith("train") for split in asked)


def test_when_one_model_fails_the_other_stops_soon(suite: Suite, tmp_path: Path) -> None:
    """It keeps what it has, and does not spend on a comparison that cannot be made now."""

    async def slow(request: Request) -> str:
        await asyncio.sleep(0.02)
        return "none"

    async def refused(request: Request) -> str:
        raise BadInput("the server refused the key (401)")

    models = [Scripted(script=slow, name="slow"), Scripted(script=refused, name="refused")]
    with pytest.raises(BadInput, match="refused the key"):
        api.run_until(suite, until="A>B", models=models, log_dir=tmp_path, max_connections=1)
    (answered, _) = sorted((len(api.read_run(f).scores) for f in tmp_path.iterdir()), reverse=True)
    assert answered < 20


def test_another_painter_cannot_go_on_with_a_run(
    tmp_path: Path, painted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a painter is installed in another version, the run says which one it needs."""
    suite = tiny_pictures.write_suite(
        tmp_path / "suite", tiny_pictures.SUITE.replace(", unseen: 4", "")
    )
    with pytest.raises(LimitReached):
        api.run(
            suite, model="reference/chance", until="ci<0.05", limit=21, log_dir=tmp_path / "runs"
        )
    (folder,) = (path.parent for path in (tmp_path / "runs").glob("*/run.json"))
    newer = Painter(version=4, paint=tiny_pictures.paint)
    monkeypatch.setattr(tiny_pictures, "PAINTER", newer)
    line = "painter tiny is installed in version 4; allowed: version 3, which began the run"
    with pytest.raises(BadInput, match=line):
        api.run(folder, limit=30)
