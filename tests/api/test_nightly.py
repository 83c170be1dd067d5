"""Whole nights: what is asked once, what is gone on with, what fails, and what is kept."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest
from tests.nightly import nights

from modelmetry.api.nightly import dry_run_nightly, nightly, states, worker
from modelmetry.api.nightly.keeping import dropped
from modelmetry.api.nightly.night import read_night
from modelmetry.errors import BadInput
from modelmetry.leaderboards import seed_commitment
from modelmetry.nightly.job import Keep
from modelmetry.nightly.night import Night
from modelmetry.nightly.seeds import fresh_seed
from modelmetry.runs.folder import locked

ABLE = {"model": "reference/simulated", "name": "able", "options": {"ability": 1.5}}
UNABLE = {**ABLE, "options": {"ability": -1.0}}
ANCHORS = [{"suite": "adding.yaml", "anchors": {"seed": 3, "limit": 40}}]
FIRST, SECOND, THIRD = "2026-01-01", "2026-01-02", "2026-01-03"


def _outcomes(night: Night, gate: str) -> set[str]:
    return {verdict.outcome for verdict in night.verdicts if verdict.gate == gate}


def test_a_night_in_processes_of_its_own(tmp_path: Path) -> None:
    """One model's server is not there: its cell says why, the other is finished, and the night fails. The same
    date again asks what is missing alone; once all is finished, nothing. The secret is nowhere."""
    suites = [{"suite": "adding.yaml", "fresh": {"limit": 20}}]
    gone = {"model": "vllm/gone", "name": "gone", "base_url": "http://127.0.0.1:9/v1"}
    gates = {"drift": {"suites": ["adding"]}}
    path = nights.write(
        tmp_path, parallel=2, suites=suites, models=[gone, ABLE], gates=gates, name="<night> & co"
    )
    said: list[str] = []
    done = nightly(path, date=FIRST, said=said.append)
    assert [cell.status for cell in done.night.cells] == ["unreachable", "finished"]
    assert (done.asked, done.exit_code) == (True, 5)
    assert all("although a gate names the suite" in v.says for v in done.night.failed)
    assert len(said) == 2
    assert sum("finished in" in line for line in said) == 1
    nights.write(
        tmp_path, suites=suites, models=[{**ABLE, "name": "gone"}, ABLE], gates=gates, name="mended"
    )
    mended = nights.night(path, FIRST)
    assert (mended.asked, mended.exit_code) == (True, 0)
    assert mended.night.cells[1] == done.night.cells[1]
    names = {p.name for p in done.folder.iterdir()}
    assert {"summary.json", "summary.md", "junit.xml", "report.html", "runs", "cells"} <= names
    assert {p.name for p in done.folder.parent.iterdir()} >= {"index.html", "index.json", "history"}
    told = msgspec.json.decode((done.folder / "summary.json").read_bytes(), type=Night)
    assert told == mended.night
    before = {p: p.stat().st_mtime_ns for p in done.folder.rglob("*")}
    again = nightly(path, date=FIRST)
    assert (again.asked, again.night, again.exit_code) == (False, mended.night, 0)
    assert {p: p.stat().st_mtime_ns for p in done.folder.rglob("*")} == before
    for file in done.folder.parent.rglob("*"):
        assert not file.is_file() or nights.SECRET.encode() not in file.read_bytes()


def test_every_model_is_asked_the_same_fresh_problems_and_none_twice(tmp_path: Path) -> None:
    """Within a night fresh problems are shared; from night to night they differ and anchors do not."""
    path = nights.write(tmp_path, models=[ABLE, {"model": "reference/oracle"}])
    found = [nights.night(path, date).night for date in (FIRST, SECOND)]
    editions = [{(r.kind, r.edition, r.seed_commitment) for r in night.readings} for night in found]
    assert [len(each) for each in editions] == [2, 2]
    assert {kind for kind, *_ in editions[0] & editions[1]} == {"anchor"}
    seed = fresh_seed(nights.SECRET.encode(), "adding", SECOND)
    assert seed_commitment("adding", seed) in {c for _, _, c in editions[1]}
    assert str(seed) not in (tmp_path / "nights" / SECOND / "summary.json").read_text()


def test_a_planted_regression_fails_the_night(tmp_path: Path) -> None:
    """A model that got worse is found on the anchors, against the first night; one that did not, is not."""
    gates = {"regression": {"false_alarm_rate": 0.01}}
    steady = {"model": "reference/simulated", "name": "steady", "options": {"respondent": 2}}
    path = nights.write(tmp_path, models=[ABLE, steady], gates=gates, suites=ANCHORS)
    first = nights.night(path, FIRST)
    assert (first.exit_code, _outcomes(first.night, "regression")) == (0, {"not decided"})
    nights.write(tmp_path, models=[UNABLE, steady], gates=gates, suites=ANCHORS)
    second = nights.night(path, SECOND)
    assert second.exit_code == 5
    (failed,) = second.night.failed
    assert (failed.gate, failed.model, failed.suite) == ("regression", "able", "adding")
    assert f"anchors against {FIRST}" in failed.says
    assert failed.p is not None
    assert failed.p < 0.01
    nights.write(tmp_path, models=[ABLE, steady], gates=gates, suites=ANCHORS)
    assert nights.night(path, THIRD).exit_code == 0


def test_a_pinned_night_and_another_model(tmp_path: Path) -> None:
    """The baseline may be a night of one's choice, or a model of the same night on all items."""
    gates: dict[str, Any] = {"regression": {"baseline": "none", "against": ["able"]}}
    other = {**UNABLE, "name": "other"}
    path = nights.write(tmp_path, models=[ABLE, other], gates=gates)
    first = nights.night(path, FIRST)
    assert [(v.model, v.says.split(" against ")[0]) for v in first.night.failed] == [
        ("other", "anchors"),
        ("other", "fresh problems"),
    ]
    nights.write(tmp_path, models=[other], gates={"regression": {"baseline": FIRST}})
    second = nights.night(path, SECOND)
    assert second.exit_code == 0
    assert _outcomes(second.night, "regression") == {"passed"}
    nights.write(tmp_path, models=[other], gates={"regression": {"baseline": "2025-12-31"}})
    with pytest.raises(BadInput, match=f"no such night in .*{FIRST}, {SECOND}"):
        nightly(path, date=THIRD)


def test_a_check_standard_that_moved_stops_the_night(tmp_path: Path) -> None:
    """Where the instrument moved no model is asked, unless that is wished for."""
    check = {"model": "reference/simulated", "name": "check", "options": {"ability": 0.5}}
    moved = {**check, "options": {"ability": 0.4}}
    anchors = [{"suite": "adding.yaml", "anchors": {"seed": 3, "limit": 20}}]
    path = nights.write(tmp_path, check_standard=check, suites=anchors)
    nights.night(path, FIRST)
    assert _outcomes(nights.night(path, SECOND).night, "check standard") == {"passed"}
    nights.write(tmp_path, check_standard=moved, suites=anchors)
    nights.ask_here(path, THIRD, "check")
    stopped = nightly(path, date=THIRD)
    assert stopped.exit_code == 5
    assert _outcomes(stopped.night, "check standard") == {"failed"}
    (verdict,) = (v for v in stopped.night.failed if v.gate == "check standard")
    assert f"not those of {FIRST}: " in verdict.says
    assert [c.run for c in stopped.night.cells if c.model == "able"] == [""]
    nights.write(tmp_path, check_standard={**moved, "go_on": True}, suites=anchors)
    went_on = nights.night(path, THIRD)
    assert went_on.exit_code == 5
    assert {c.status for c in went_on.night.cells} == {"finished"}


def _waits(check: Any, seconds: float = 20) -> Any:
    until = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return found


def _status(path: Path, date: str) -> list[str]:
    made = nights.plan(path, date)
    found = [states.read(made.folder, each.key) for each in made.asks]
    return ["" if state is None else state.cell.status for state in found]


def _slow(tmp_path: Path) -> Path:
    """A night that takes a while: the check standard as the only model."""
    slow = {"model": "reference/check-standard", "name": "slow"}
    suites = [{"suite": "adding.yaml", "anchors": {"limit": 60}}]
    return nights.write(tmp_path, models=[slow], suites=suites)


def _children(pid: int) -> list[int]:
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in told]


def _command(path: Path) -> list[str]:
    return [sys.executable, "-m", "modelmetry.cli", "nightly", str(path), "--date", FIRST]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds children in /proc")
def test_killed_at_any_point_nothing_is_lost(tmp_path: Path) -> None:
    """The worker killed: the cell says so. The night killed: its worker stops by
    itself, and the same command goes on with the same run. Two at once: one line."""
    path = _slow(tmp_path)
    asking = subprocess.Popen(_command(path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _waits(
        lambda: (
            _status(path, FIRST)[0] == "asking" and list(tmp_path.glob("nights/*/runs/*/run.json"))
        )
    )
    with pytest.raises(BadInput, match="another night is at work there"):
        nightly(path, date=SECOND)
    (child,) = _children(asking.pid)
    asking.send_signal(signal.SIGKILL)
    asking.wait()
    assert not (tmp_path / "nights" / FIRST / "summary.json").exists()
    _waits(lambda: _status(path, FIRST)[0] == "interrupted" or not Path(f"/proc/{child}").exists())
    asking = subprocess.Popen(_command(path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _waits(lambda: _status(path, FIRST)[0] == "asking" and _children(asking.pid))
    os.kill(_children(asking.pid)[0], signal.SIGKILL)
    assert asking.wait() == 5
    night = read_night(tmp_path / "nights" / FIRST)
    assert night is not None
    assert [cell.status for cell in night.cells] == ["failed"]
    assert "killed by SIGKILL" in night.cells[0].note
    done = nightly(path, date=FIRST)
    assert (done.exit_code, {cell.status for cell in done.night.cells}) == (0, {"finished"})
    assert len(list((tmp_path / "nights" / FIRST / "runs").glob("*/run.json"))) == 1


@pytest.mark.slow
def test_limits_of_money_and_time(tmp_path: Path) -> None:
    """The night's money is not overspent, and a cell that takes too long is stopped; both keep what they have,
    and where nothing else is wrong the exit code is 4."""
    prices = {"price_input": 1e3, "price_output": 1e3}
    dear = {"model": "reference/check-standard", "name": "dear", "options": prices}
    path = nights.write(
        tmp_path,
        parallel=2,
        models=[dear, ABLE],  # who needs nothing: what is left of the shares goes to the other
        suites=[{"suite": "adding.yaml", "anchors": {"seed": 3, "limit": 10}}],
        budget={"cost": 0.05},
    )
    done = nightly(path, date=FIRST)
    money, free = done.night.cells
    assert (money.status, free.status, done.exit_code) == ("limit", "finished", 4)
    assert "cost limit" in money.note
    assert 0.02 < money.cost_usd < 0.15
    nights.write(
        tmp_path,
        models=[{**dear, "name": "slow", "options": {}}],
        suites=[{"suite": "quickstart", "anchors": {"seed": 1}}],
        budget={"cell_minutes": 0.02},
    )
    done = nightly(path, date=SECOND)
    (late,) = done.night.cells
    assert (late.status, done.exit_code) == ("limit", 4)
    assert late.note == "the time limit of 0.02 minutes was reached"
    assert (done.folder / late.run / "run.json").is_file()


def test_a_changed_configuration_makes_what_is_new_only(tmp_path: Path) -> None:
    """A model more within a date: the others' runs stay, and the gates are held anew."""
    path = nights.write(tmp_path)
    first = nights.night(path, FIRST)
    nights.write(
        tmp_path, models=[ABLE, {"model": "reference/oracle"}], gates={"cost": {"night": 1}}
    )
    second = nights.night(path, FIRST)
    assert [c.run for c in second.night.cells[:2]] == [c.run for c in first.night.cells]
    assert len(second.night.cells) == 4
    assert _outcomes(second.night, "cost") == {"passed"}


def test_history_is_one_line_of_pandas(tmp_path: Path) -> None:
    """Three nights are three files that read as one frame; anchors have a paired change from night two."""
    path = nights.write(tmp_path, suites=ANCHORS)
    for date in (FIRST, SECOND, THIRD):
        nights.night(path, date)
    frame = pd.read_parquet(tmp_path / "nights" / "history")
    assert sorted(frame.date.unique()) == [FIRST, SECOND, THIRD]
    anchors = frame.query("kind == 'anchor'").sort_values("date")
    assert anchors.change.isna().tolist() == [True, False, False]
    assert anchors.change.tolist()[1:] == [0.0, 0.0]
    assert (anchors.change_error[1:] > 0).all()


def test_old_answers_go_and_baselines_stay(tmp_path: Path) -> None:
    """Beyond what is kept, runs are dropped, then folders; the first night and history are not."""
    path = nights.write(tmp_path, suites=ANCHORS, keep={"answers": 1, "nights": 2})
    for date in (FIRST, SECOND, THIRD, "2026-01-04"):
        done = nights.night(path, date)
    out = tmp_path / "nights"
    assert (out / FIRST / "runs").is_dir()
    assert not (out / SECOND).exists()
    assert not (out / THIRD / "runs").exists()
    assert (out / THIRD / "summary.json").is_file()
    assert (out / "2026-01-04" / "runs").is_dir()
    assert len(list((out / "history").glob("*.parquet"))) == 4
    assert any("kept no longer" in note for note in done.notes)
    # The first night's anchors can still be compared with.
    nights.write(tmp_path, models=[UNABLE], suites=ANCHORS, gates={"regression": {}})
    assert nights.night(path, "2026-01-05").exit_code == 5


def test_a_night_that_is_made_up_for_is_not_the_last(tmp_path: Path) -> None:
    """The page of all nights shows the scores of the latest night, whichever was written last."""
    path = nights.write(tmp_path, suites=ANCHORS)
    nights.night(path, SECOND)
    page = nights.night(path, FIRST).folder.parent / "index.html"
    assert f"Share of right answers on {SECOND}" in " ".join(page.read_text().split())


def test_a_night_whose_answers_are_gone_is_not_asked_again(tmp_path: Path) -> None:
    """It is still finished; what would change it is refused, and its history stays what it was."""
    path = nights.write(tmp_path, suites=ANCHORS, keep={"answers": 1, "nights": 2})
    for date in (FIRST, SECOND, THIRD, "2026-01-04"):
        done = nights.night(path, date)
    out = done.folder.parent
    known = {file.name: file.read_bytes() for file in (out / "history").iterdir()}
    again = nightly(path, date=THIRD)
    assert not again.asked
    assert all(cell["finished"] for cell in dry_run_nightly(path, date=THIRD))
    with pytest.raises(BadInput, match=r"2026-01-02: its answers are kept no longer"):
        nightly(path, date=SECOND)
    nights.write(tmp_path, models=[UNABLE], suites=ANCHORS)
    with pytest.raises(BadInput, match=r"2026-01-03: its answers are kept no longer"):
        nightly(path, date=THIRD)
    assert known == {file.name: file.read_bytes() for file in (out / "history").iterdir()}


def test_nights_after_tonight_are_not_old(tmp_path: Path) -> None:
    """A night of long ago that is made up for does not push out those after it."""
    for date in (FIRST, SECOND, THIRD):
        (tmp_path / date / "runs").mkdir(parents=True)
    (tmp_path / "leaderboard").mkdir()
    assert dropped(tmp_path, Keep(answers=1, nights=1), set(), FIRST) == []
    assert dropped(tmp_path, Keep(answers=1, nights=9), {FIRST}, THIRD) == [
        tmp_path / SECOND / "runs"
    ]


def test_a_dry_run_asks_and_writes_nothing(tmp_path: Path) -> None:
    """It tells every cell, its requests and its price, and leaves no folder."""
    priced = {**ABLE, "options": {"price_input": 2.0, "price_output": 2.0}}
    told = dry_run_nightly(
        nights.write(tmp_path, models=[ABLE, {**priced, "name": "dear"}]), date=FIRST
    )
    assert [(cell["model"], cell["kind"], cell["requests"]) for cell in told] == [
        ("able", "anchor", 80),
        ("able", "fresh", 80),
        ("dear", "anchor", 80),
        ("dear", "fresh", 80),
    ]
    assert told[0]["most cost in USD"] is None
    assert told[2]["most cost in USD"] > 0
    assert not (tmp_path / "nights").exists()


def test_finished_fresh_runs_go_to_the_leaderboard_once(tmp_path: Path) -> None:
    """Fresh runs are added, anchors are not, and not again when the night is summed up again."""
    path = nights.write(tmp_path, leaderboard="board")
    done = nights.night(path, FIRST)
    (csv,) = (tmp_path / "board").glob("*.csv")
    rows = pd.read_csv(csv)
    assert rows.model.tolist() == ["reference/simulated"]
    (done.folder / "summary.json").unlink()
    assert nightly(path, date=FIRST).notes == ()
    assert len(pd.read_csv(csv)) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"secret": None}, "secret: none is named"),
        ({"secret": {"file": "gone"}}, "gone: no such file; make one with"),
        ({"models": [{"model": "reference/simulatd"}]}, "unknown reference 'simulatd'"),
        ({"models": [{**ABLE, "cost_limit": 1.0}]}, "models: able: cost_limit: the model's prices"),
    ],
)
def test_bad_input_is_told_before_anything_is_asked(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    """A wrong model, a missing secret or price: one line, and no folder."""
    with pytest.raises(BadInput, match=said):
        nightly(nights.write(tmp_path, **changes), date=FIRST)
    assert not (tmp_path / "nights").exists()


def test_a_worker_hides_nothing_it_could_tell(tmp_path: Path) -> None:
    """A suite whose file broke since the night was planned is a failed cell with its line."""
    path = nights.write(tmp_path)
    made = nights.plan(path, FIRST)
    (tmp_path / "adding.yaml").write_text("# broken\nversion: 1")
    each = made.asks[0]
    work = worker.Work(model=made.job.models[0], asks=(each,), folder=str(made.folder))
    worker._asked(work, each, made.models["able"], worker._Stop(), 0.0)
    cell = states.cell_of(made.folder, each)
    assert cell.status == "failed"
    assert "adding.yaml" in cell.note


def test_a_lock_is_let_go(tmp_path: Path) -> None:
    """A lock held elsewhere refuses with the words it was given, and is free afterwards."""
    with locked(tmp_path), pytest.raises(BadInput, match="busy"), locked(tmp_path, "busy"):
        pass
    with locked(tmp_path, "busy"):
        pass


def test_the_summary_is_plain_json(tmp_path: Path) -> None:
    """Anyone reads it: names of fields, numbers, null."""
    done = nights.night(nights.write(tmp_path), FIRST)
    told = json.loads((done.folder / "summary.json").read_text())
    assert told["format"] == 1
    assert set(told) == {field.name for field in dataclasses.fields(Night)}


def test_another_model_under_a_name_is_asked_anew(tmp_path: Path) -> None:
    """What is finished counts only where it is what would be asked now."""
    path = nights.write(tmp_path, suites=ANCHORS)
    first = nights.night(path, FIRST).night
    nights.write(tmp_path, models=[UNABLE], suites=ANCHORS)
    second = nights.night(path, FIRST).night
    assert second.cells[0].run != first.cells[0].run
    assert second.readings[0].value < first.readings[0].value


def test_other_anchors_are_not_compared(tmp_path: Path) -> None:
    """A pinned night that asked other anchors decides nothing, though some items may be the same."""
    nights.night(nights.write(tmp_path, suites=ANCHORS), FIRST)
    other = [{"suite": "adding.yaml", "anchors": {"seed": 3, "limit": 30}}]
    gates = {"regression": {"baseline": FIRST}}
    found = nights.night(nights.write(tmp_path, suites=other, gates=gates), SECOND).night
    (verdict,) = (v for v in found.verdicts if v.gate == "regression")
    assert verdict.outcome == "not decided"
    assert "did not ask this model the same anchors" in verdict.says
