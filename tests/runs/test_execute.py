"""Runs: faults are values, nothing answered is lost, what stopped can be gone on with."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.runs.conftest import MakeRun, Scripted

from modelmetry.errors import BadInput, LimitReached, ModelmetryError, Unreachable
from modelmetry.models import Rejected, Request, Retries, Transient, resolve
from modelmetry.runs import Effort, Store, Tally, answers, execute, find, open_store, read_record
from modelmetry.runs.scores import score_table
from modelmetry.suites import Suite

QUICK = Effort(connections=4, retries=Retries(attempts=3, first_wait_s=0.001))


def right(request: Request) -> str:
    """The right answer."""
    return request.item.problem.target.answers[0]


async def truthful(request: Request) -> str:
    """Answers correctly after a moment."""
    await asyncio.sleep(0)
    return right(request)


def values(folder: Path) -> list[float | None]:
    """The scores of a run in plan order."""
    with open_store(folder) as store:
        return score_table(read_record(folder), store).column("value").to_pylist()


def test_a_run_asks_everything_once(make_run: MakeRun) -> None:
    """Every item is asked for every repeat, with a sampling seed of its own."""
    seen: Counter[str] = Counter()
    seeds = set()

    async def script(request: Request) -> str:
        seen[request.key] += 1
        seeds.add(request.seed)
        return right(request)

    model = Scripted(script=script)
    folder = make_run(model, repeats=3)
    record = execute(folder, model, QUICK)
    assert record.status == "finished"
    assert record.planned == len(seen) == len(seeds)
    assert set(seen.values()) == {1}
    assert values(folder) == [1.0] * record.planned


def test_passing_faults_are_retried_and_lasting_ones_are_values(make_run: MakeRun) -> None:
    """A fault that passes leaves no trace in the scores; a lasting one is unscored with a reason."""
    tries: Counter[str] = Counter()

    async def script(request: Request) -> str:
        tries[request.item.uid] += 1
        if request.item.problem.index == 0:
            raise Rejected("the prompt is too long")
        if request.item.problem.index == 1:
            raise Transient("server error 500")
        if tries[request.item.uid] < 3:
            raise Transient("try again")
        return right(request)

    model = Scripted(script=script)
    folder = make_run(model)
    tallies: list[Tally] = []
    record = execute(folder, model, QUICK, lambda tally: tallies.append(replace(tally)))
    with open_store(folder) as store:
        table = score_table(record, store).to_pylist()
    assert record.status == "finished"
    failed = [row for row in table if row["value"] is None]
    assert {row["reason"] for row in failed} == {"the prompt is too long", "server error 500"}
    assert {row["value"] for row in table if row not in failed} == {1.0}
    assert tallies[-1].failed == len(failed)
    assert tallies[-1].retried > 0


def test_resuming_asks_only_what_is_missing_or_failed(make_run: MakeRun) -> None:
    """The second session asks exactly what the first did not answer."""
    broken = True
    asked: list[str] = []

    async def script(request: Request) -> str:
        asked.append(request.item.uid)
        if broken and request.item.problem.index % 2:
            raise Rejected("no")
        return right(request)

    model = Scripted(script=script)
    folder = make_run(model)
    execute(folder, model, QUICK)
    first = answers(folder)
    asked.clear()
    broken = False
    record = execute(folder, model, QUICK)
    assert len(asked) == len(set(asked)) == record.planned - first
    assert values(folder) == [1.0] * record.planned


def test_a_resumed_run_scores_like_an_uninterrupted_one(make_run: MakeRun, tmp_path: Path) -> None:
    """Interrupted halfway and resumed, a run has the same score table, row for row."""
    whole = make_run("reference/chance", log_dir=tmp_path / "whole")
    execute(whole, resolve("reference/chance"), QUICK)
    parts = make_run("reference/chance", log_dir=tmp_path / "parts")
    shutil.copy(whole / "responses.db", parts / "responses.db")
    import sqlite3

    with sqlite3.connect(parts / "responses.db") as database:
        database.execute("DELETE FROM responses WHERE position % 3 = 1")
    database.close()
    execute(parts, resolve("reference/chance"), QUICK)
    tables = []
    for folder in (whole, parts):
        with open_store(folder) as store:
            tables.append(score_table(read_record(folder), store))
    assert tables[0].equals(tables[1])


def test_a_dead_server_ends_the_run(make_run: MakeRun) -> None:
    """When nothing answers the run stops at once, says so, and keeps what it had."""

    async def script(_: Request) -> str:
        raise Transient("connection refused", unreachable=True)

    model = Scripted(script=script)
    folder = make_run(model)
    with pytest.raises(Unreachable, match="connection refused"):
        execute(folder, model, QUICK)
    record = read_record(folder)
    assert record.status == "unreachable"
    assert "connection refused" in record.note


def test_a_server_that_dies_midway_ends_the_run_and_keeps_its_answers(make_run: MakeRun) -> None:
    """Answers received before the server died are kept, and the run goes on later."""
    alive = 5

    async def script(request: Request) -> str:
        nonlocal alive
        alive -= 1
        if alive < 0:
            raise Transient("connection reset", unreachable=True)
        return right(request)

    model = Scripted(script=script)
    folder = make_run(model)
    with pytest.raises(Unreachable):
        execute(folder, model, QUICK)
    assert answers(folder) == 5
    alive = 10**6
    assert execute(folder, model, QUICK).status == "finished"


def test_nothing_but_server_errors_ends_the_run(make_run: MakeRun) -> None:
    """A server that only ever fails is taken for dead instead of being asked for hours."""
    asked = 0

    async def script(_: Request) -> str:
        nonlocal asked
        asked += 1
        raise Transient("server error 500")

    model = Scripted(script=script)
    folder = make_run(model, repeats=20)
    with pytest.raises(Unreachable, match="in a row"):
        execute(folder, model, QUICK)
    assert asked < 100


def test_nothing_but_refusals_ends_the_run_with_the_reason(make_run: MakeRun) -> None:
    """A server that refuses every request is not asked to the end, and its words are passed on."""
    asked = 0

    async def script(_: Request) -> str:
        nonlocal asked
        asked += 1
        raise Rejected("temperature is not supported")

    model = Scripted(script=script)
    folder = make_run(model, repeats=20)
    with pytest.raises(BadInput, match=r"not one request.*temperature is not supported"):
        execute(folder, model, QUICK)
    assert asked <= 20 + 4


def test_what_was_answered_before_makes_refusals_ordinary(make_run: MakeRun) -> None:
    """A run that has answers goes on to its end, however many of the rest are refused."""

    async def script(request: Request) -> str:
        if request.item.problem.index:
            raise Rejected("too long")
        return right(request)

    model = Scripted(script=script)
    folder = make_run(model, repeats=5)
    for _ in range(2):
        assert execute(folder, model, QUICK).status == "finished"


def test_the_cost_limit_does_not_pay_for_repetitions(make_run: MakeRun) -> None:
    """Once the limit is reached, requests that wait to be repeated are left for another session."""
    asked: Counter[str] = Counter()

    async def script(request: Request) -> str:
        asked[request.key] += 1
        if request.item.problem.index % 2:
            raise Transient("busy", retry_after_s=60)
        await asyncio.sleep(0.05)
        return right(request)

    model = Scripted(script=script, price_output=1.0)
    folder = make_run(model)
    started = time.monotonic()
    with pytest.raises(LimitReached):
        execute(folder, model, replace(QUICK, connections=8, cost_limit_usd=1.0))
    assert time.monotonic() - started < 10
    assert max(asked.values()) == 1


def test_preparing_leaves_nothing_behind_when_it_fails(make_run: MakeRun, tmp_path: Path) -> None:
    """A folder that did not become a run is removed."""
    from modelmetry.runs import folder as folders

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folders, "RECORD", "no-such-folder/run.json")
        with pytest.raises(BadInput, match="cannot be written"):
            make_run("reference/oracle", log_dir=tmp_path / "log")
    assert list((tmp_path / "log").iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"{}", b'"\xff"', b"[" * 100_000])
def test_a_corrupt_record_is_one_line_and_no_hindrance(
    make_run: MakeRun, small_suite: Suite, damage: bytes
) -> None:
    """A damaged run.json is refused by name, and does not keep other runs from being found."""
    whole, broken = make_run("reference/oracle"), make_run("reference/oracle")
    (broken / "run.json").write_bytes(damage)
    with pytest.raises(BadInput, match=r"run\.json: cannot be read"):
        read_record(broken)
    same = {"model": resolve("reference/oracle"), "sampling": small_suite.sampling, "repeats": 1}
    assert find(whole.parent, edition=read_record(whole).edition, **same) == whole


def test_retry_after_holds_all_connections(make_run: MakeRun) -> None:
    """Nobody asks again before the time that the server named."""
    refused_at = 0.0
    early: list[float] = []

    async def script(request: Request) -> str:
        nonlocal refused_at
        now = time.monotonic()
        if not refused_at:
            refused_at = now
            raise Transient("429", retry_after_s=0.3)
        await asyncio.sleep(0.02)
        if 0.05 < now - refused_at < 0.3:
            early.append(now - refused_at)
        return right(request)

    model = Scripted(script=script)
    folder = make_run(model)
    execute(folder, model, QUICK)
    assert early == []
    assert time.monotonic() - refused_at >= 0.3


def test_the_cost_limit_stops_the_run_and_keeps_answers_in_flight(make_run: MakeRun) -> None:
    """Spending ends soon after the limit; every answer paid for is stored; the run goes on later."""
    paid = 0

    async def script(request: Request) -> str:
        nonlocal paid
        paid += 1
        await asyncio.sleep(0.01)
        return right(request)

    model = Scripted(script=script, price_output=1.0)
    folder = make_run(model)
    with pytest.raises(LimitReached, match="cost limit"):
        execute(folder, model, replace(QUICK, cost_limit_usd=3.0))
    assert read_record(folder).status == "limit"
    assert answers(folder) == paid <= 3 + 4
    assert execute(folder, model, QUICK).status == "finished"


def test_another_model_is_refused(make_run: MakeRun) -> None:
    """A run is gone on with by the model that started it, with the same options."""
    folder = make_run("reference/oracle")
    with pytest.raises(BadInput, match="reference/oracle"):
        execute(folder, resolve("reference/chance"), QUICK)


def test_edited_files_are_noticed(make_run: MakeRun) -> None:
    """A run whose record was edited after the fact is refused."""
    model = Scripted(script=truthful)
    folder = make_run(model)
    execute(folder, model, QUICK)
    path = folder / "run.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.raises(BadInput, match="asked otherwise"):
        execute(folder, model, QUICK)


def test_find_knows_the_same_question(make_run: MakeRun, small_suite: Suite) -> None:
    """A run is found again by what it asks, and not by something else."""
    folder = make_run("reference/oracle")
    record = read_record(folder)
    same = {
        "edition": record.edition,
        "model": resolve("reference/oracle"),
        "sampling": small_suite.sampling,
        "repeats": 1,
    }
    assert find(folder.parent, **same) == folder
    assert find(folder.parent, **{**same, "repeats": 2}) is None
    assert find(folder.parent, **{**same, "model": resolve("reference/chance")}) is None
    able = {name: resolve("reference/simulated", options={"ability": name}) for name in (1, 2)}
    one = make_run(able[1])
    assert find(folder.parent, **{**same, "model": able[1]}) == one
    assert find(folder.parent, **{**same, "model": able[2]}) is None
    assert find(folder.parent / "nowhere", **same) is None


@pytest.mark.parametrize(
    "text",
    ["", "\x00", "half \ud800 a pair", "x" * 100_000, "<html><script>alert(1)</script>", "\u202e?"],
)
def test_odd_answers_are_stored_and_scored(make_run: MakeRun, text: str) -> None:
    """Whatever a model says is stored, and scored as an answer or a non-answer, never lost."""

    async def script(_: Request) -> str:
        return text

    model = Scripted(script=script)
    folder = make_run(model)
    record = execute(folder, model, QUICK)
    assert answers(folder) == record.planned
    assert set(values(folder)) <= {0.0}


def test_faults_in_back_ends_written_by_others_are_not_hidden(make_run: MakeRun) -> None:
    """An exception that is no model fault is a bug and comes through; answers are kept."""

    async def script(request: Request) -> str:
        if request.item.problem.index == 3:
            raise RuntimeError("a bug")
        return right(request)

    model = Scripted(script=script)
    folder = make_run(model)
    with pytest.raises(RuntimeError, match="a bug"):
        execute(folder, model, QUICK)
    assert answers(folder) > 0
    assert read_record(folder).status == "interrupted"


@pytest.mark.parametrize("damage", ["truncate", "garbage", "no table", "gone"])
def test_a_corrupt_database_is_one_line(make_run: MakeRun, damage: str) -> None:
    """A damaged responses.db is named with a way out, not a traceback."""
    model = Scripted(script=truthful)
    folder = make_run(model)
    execute(folder, model, QUICK)
    path = folder / "responses.db"
    damages: dict[str, Callable[[], object]] = {
        "truncate": lambda: path.write_bytes(path.read_bytes()[:5000]),
        "garbage": lambda: path.write_bytes(b"not a database" * 1000),
        "no table": lambda: path.write_bytes(b""),
        "gone": path.unlink,
    }
    damages[damage]()
    with pytest.raises(BadInput, match=r"responses\.db") as error:
        values(folder)
    assert "\n" not in str(error.value)


def test_bytes_that_are_no_text_are_one_line(make_run: MakeRun) -> None:
    """A stored answer whose text is not UTF-8, or is no blob at all, is named with a way out."""
    import sqlite3

    model = Scripted(script=truthful)
    folder = make_run(model)
    execute(folder, model, QUICK)
    for body in (b'"\xff"', 5):
        database = sqlite3.connect(folder / "responses.db")
        with database:
            database.execute("UPDATE responses SET body = ? WHERE position = 0", (body,))
        database.close()
        with pytest.raises(BadInput, match=r"responses\.db: not a readable") as error:
            values(folder)
        assert str(error.value).count("not a readable") == 1


def test_a_database_that_cannot_be_made_is_no_bad_database(tmp_path: Path) -> None:
    """Where no database can be made, nobody is told to repair one."""
    with pytest.raises(ModelmetryError, match="cannot be written") as error:
        Store(tmp_path / "nowhere" / "responses.db", create=True)
    assert "recover" not in str(error.value)


def test_a_read_only_run_can_be_read(make_run: MakeRun) -> None:
    """A run on a medium where SQLite cannot make its lock files is scored all the same."""
    model = Scripted(script=truthful)
    folder = make_run(model)
    execute(folder, model, QUICK)
    with tempfile.TemporaryDirectory() as place:  # pytest's own folders are closed to others
        path = Path(shutil.copy(folder / "responses.db", place))
        Path(place).chmod(0o555)
        path.chmod(0o444)
        me = os.geteuid()
        try:
            if me == 0:
                os.seteuid(65534)  # root may write anywhere
            with Store(path) as store:
                found = list(store.rows())
        finally:
            os.seteuid(me)
            Path(place).chmod(0o755)
    assert len(found) == read_record(folder).planned


def test_a_full_disk_is_one_line(make_run: MakeRun) -> None:
    """When the database cannot grow, the run stops with a line and keeps what it stored."""
    model = Scripted(script=truthful)
    folder = make_run(model, repeats=40)
    from modelmetry.runs import run as module

    def small(path: Path) -> object:
        store = open_store(path)
        pages = store._db.execute("PRAGMA page_count").fetchone()[0]
        store._db.execute(f"PRAGMA max_page_count={pages + 8}")
        return store

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.folders, "open_store", small)
        with pytest.raises(ModelmetryError, match=r"cannot be written.*full"):
            execute(folder, model, QUICK)
    kept = answers(folder)
    assert kept > 0
    assert execute(folder, model, QUICK).status == "finished"


def test_two_processes_cannot_run_one_run(make_run: MakeRun) -> None:
    """A run that is being asked is locked."""
    from modelmetry.runs.folder import locked

    model = Scripted(script=truthful)
    folder = make_run(model)
    with locked(folder), pytest.raises(BadInput, match="another process"):
        execute(folder, model, QUICK)


def test_runs_work_inside_a_running_loop(make_run: MakeRun) -> None:
    """A notebook, which has a loop running, can start a run."""
    model = Scripted(script=truthful)
    folder = make_run(model)

    async def notebook() -> str:
        return execute(folder, model, QUICK).status

    assert asyncio.run(notebook()) == "finished"
