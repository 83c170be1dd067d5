"""The table of scores: log-probabilities in columns of their own, everything else as it was."""

from __future__ import annotations

import math
import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import msgspec
import pyarrow as pa
import pytest
from tests.runs.conftest import MakeRun, Scripted

from modelmetry.analyses.table import read_items
from modelmetry.items import Item, Seed, Target, content_hash
from modelmetry.models import Model, Request, Response, Sampling, resolve
from modelmetry.runs import Effort, execute, open_store, prepare, read_record
from modelmetry.runs.scores import COLUMNS, LOGPROBS, SCHEMA, score_table
from modelmetry.suites import Suite, edition, items

EFFORT = Effort(connections=1)


def table_of(folder: Path, scorer: str | None = None) -> pa.Table:
    """The scores of a run."""
    with open_store(folder) as store:
        return score_table(read_record(folder), store, scorer)


@dataclass(frozen=True, kw_only=True)
class Scoring(Model):
    """A model that gives log-probabilities by the item's place."""

    name: str = "scoring"
    provider: ClassVar[str] = "test"
    scores_texts: ClassVar[bool] = True

    async def answer(self, request: Request) -> Response:
        index = request.item.problem.index
        given: dict[int, tuple[tuple[float | None, ...] | None, tuple[float, ...] | None]] = {
            0: ((None, -1.5, -0.25), (-0.125, -2.0)),
            1: ((-0.1,) * 10, (0.0,)),
            2: ((None,), ()),
        }
        shown, target = given.get(index, (None, None))
        return Response(
            request_key=request.key,
            text="1",
            finish="stop",
            shown_logprobs=shown,
            target_logprobs=target,
        )


def test_log_probabilities_are_summed_and_counted(make_run: MakeRun) -> None:
    """Over the tokens that have one; null where none were asked for, zero of them is a number."""
    model = Scoring()
    folder = make_run(model)
    execute(folder, model, EFFORT)
    rows = {row["index"]: row for row in table_of(folder).to_pylist()}
    found = {n: tuple(row[name] for name in LOGPROBS) for n, row in rows.items()}
    assert found[0] == (-1.75, 2, -2.125, 2)
    assert found[1] == (-1.0, 10, 0.0, 1), "summed without rounding"
    assert found[1][0] == math.fsum([-0.1] * 10)
    assert found[2] == (0.0, 0, 0.0, 0)
    assert {found[n] for n in found if n > 2} == {(None, None, None, None)}


def test_the_columns_are_those_that_are_told(make_run: MakeRun) -> None:
    """Every column has its type and its meaning; the four new ones stand last."""
    folder = make_run("reference/chance")
    execute(folder, resolve("reference/chance"), EFFORT)
    table = table_of(folder)
    assert table.schema.names == list(COLUMNS)
    assert tuple(COLUMNS)[-4:] == LOGPROBS
    assert [(field.name, field.type) for field in table.schema] == [
        (name, kind) for name, (kind, _) in COLUMNS.items()
    ]
    assert SCHEMA.names == list(COLUMNS)[:-4]
    types = [table.schema.field(name).type for name in LOGPROBS]
    assert types == [pa.float64(), pa.int32(), pa.float64(), pa.int32()]
    for name in LOGPROBS:
        assert table.column(name).null_count == table.num_rows


def test_everything_else_is_as_it_was(make_run: MakeRun) -> None:
    """The literal was computed before there were log-probabilities of what is shown."""
    folder = make_run("reference/chance", repeats=2)
    execute(folder, resolve("reference/chance"), EFFORT)
    before = table_of(folder).select(SCHEMA.names)
    assert content_hash(before.to_pylist()) == (
        "74db8686d8cccc9ed4345785b9bcaf2311dc47daf1c5a73e23de37f42fb2ecbb"
    )
    assert before.schema.equals(SCHEMA)


def test_answers_of_old_runs_are_read(make_run: MakeRun) -> None:
    """A stored answer without the fields, and a table without the columns."""
    folder = make_run("reference/chance")
    execute(folder, resolve("reference/chance"), EFFORT)
    now = table_of(folder)
    with sqlite3.connect(folder / "responses.db") as database:
        for position, body in database.execute("SELECT position, body FROM responses").fetchall():
            stored = msgspec.json.decode(body)
            del stored["shown_logprobs"], stored["target_logprobs"]
            database.execute(
                "UPDATE responses SET body = ? WHERE position = ?",
                (msgspec.json.encode(stored), position),
            )
    database.close()
    assert table_of(folder).equals(now)
    assert len(read_items(now.select(SCHEMA.names)).uid) == now.num_rows


BEFORE = {
    False: "2b3276d739de30b4eeadcbff23e7ebf2b5b65de2f0be46cfd46bc1169a873780",
    True: "aeeae1222b48b5f8f44babbe4709929223d5ba96ead406569db46e8dbc8687c8",
}


@pytest.mark.parametrize("asked", [True, False])
def test_keys_of_requests_are_as_they_were(asked: bool) -> None:
    """The literals were computed before `target` could be asked for: stored answers rest on them."""
    plain = Sampling(logprobs=asked)
    assert content_hash(plain) == BEFORE[asked]
    assert content_hash(replace(plain, logprobs="target")) not in BEFORE.values()


def test_rows_are_of_their_task_and_of_the_canonical_answer(
    tmp_path: Path, small_suite: Suite
) -> None:
    """Of several tasks splits are told apart; expected is the first answer; a scorer can be another."""
    (task,) = small_suite.tasks
    tasks = (task, replace(task, name="again"))
    suite = replace(small_suite, tasks=tasks, primary=("addition/held-out",))

    def two_answers(item: Item) -> Item:
        canonical = item.problem.target.answers[0]
        target = Target(answers=(canonical, f"{canonical}000"))
        return replace(item, problem=replace(item.problem, target=target))

    async def script(request: Request) -> str:
        return f"{request.item.problem.target.answers[0]}.0"

    model = Scripted(script=script)
    asked = [two_answers(item) for item in items(suite, Seed(root=0))]
    folder = prepare(
        tmp_path / "runs",
        asked,
        suite=suite,
        seed=0,
        edition=edition(suite, Seed(root=0)),
        model=model,
        sampling=suite.sampling,
        repeats=1,
    )
    execute(folder, model, EFFORT)
    rows = table_of(folder).to_pylist()
    assert [row["split"] for row in rows] == [f"{item.task}/held-out" for item in asked]
    assert {row["task"] for row in rows} == {task.name, "again"}
    assert [row["expected"] for row in rows] == [i.problem.target.answers[0] for i in asked]
    assert {row["value"] for row in rows} == {1.0}
    assert {row["value"] for row in table_of(folder, "exact").to_pylist()} == {0.0}
