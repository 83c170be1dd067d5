"""Logs of Inspect become runs: every value, outcome and name as recorded."""

from __future__ import annotations

import json
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from tests.imported_logs import (
    DEFLATE,
    REAL,
    STORED,
    ZSTANDARD,
    inspect_log,
    read,
    results,
    sample,
    write_eval,
    write_json,
    write_zip,
)

from modelmetry import api
from modelmetry.errors import BadInput
from modelmetry.runs import open_store
from modelmetry.runs.imports.inspect_samples import number, target


def imported(tmp_path: Path, *samples: dict[str, Any], **settings: Any) -> Any:
    """The run of a log of these samples."""
    header = settings.pop("header", {})
    path = write_json(tmp_path / "log.json", inspect_log(samples, **header))
    return read(path, tmp_path / "runs", **settings)


def rows(done: Any) -> list[dict[str, Any]]:
    return done.run.scores.to_pylist()


def refused(tmp_path: Path, *samples: dict[str, Any], **settings: Any) -> str:
    """The line about a log of these samples; nothing is left of the run."""
    with pytest.raises(BadInput) as caught:
        imported(tmp_path, *samples, **settings)
    left = tmp_path / "runs"
    assert not left.exists() or not list(left.iterdir())
    assert "\n" not in str(caught.value)
    return str(caught.value)


REPORTED = {"match": (0.5, 0.22360679774997896, 0), "multi/a": (0.5, 0.22360679774997896, 0),
            "multi/b": (2 / 3, None, 0), "partial": (0.125, 0.125, 4)}  # fmt: skip
"""What Inspect itself computed of the log in `REAL`: mean, standard error, answers without a score."""


@pytest.mark.parametrize("metric", REPORTED)
def test_a_real_log(tmp_path: Path, metric: str) -> None:
    """A `.eval` that Inspect wrote gives the mean, standard error and unscored answers that it reports."""
    (done,) = api.import_logs(REAL, log_dir=tmp_path, metric=metric)
    mean, error, unscored = REPORTED[metric]
    assert done.found is not None
    assert done.said is not None
    assert done.found.value == pytest.approx(mean, abs=1e-12)
    assert done.said.value == pytest.approx(mean, abs=1e-12)
    assert done.notes == []
    if error is not None:
        assert done.found.std_error == pytest.approx(error, abs=1e-12)
    assert done.found.unscored == unscored
    record = done.run.record
    assert (record.model, record.repeats, record.planned) == ("mockllm/model", 2, 12)
    assert (record.status, record.versions["inspect_ai"]) == ("finished", "0.3.285")
    assert {"run.json", "responses.db", "scores.parquet", "estimates.csv", "report.html"} <= {
        path.name for path in done.run.folder.iterdir()
    }


@pytest.mark.parametrize("method", [ZSTANDARD, DEFLATE, STORED])
def test_both_forms_are_one(tmp_path: Path, method: int) -> None:
    """The same log as JSON and as a zip of any method gives the same edition and scores."""
    marks = ["C", "I", float("nan"), "P"]
    log = inspect_log(sample(i, m, epoch=e) for e in (1, 2) for i, m in enumerate(marks))
    paths = [write_json(tmp_path / "a.json", log), write_eval(tmp_path / "a.eval", log, method)]
    one, two = (read(path, tmp_path / "runs") for path in paths)
    assert one.run.record.edition == two.run.record.edition
    a, b = (
        sorted((r["item"], r["repeat"], str(r["value"]), r["outcome"]) for r in rows(each))
        for each in (one, two)
    )
    assert a == b
    assert len(a) == 8


@pytest.mark.parametrize(
    ("value", "number_"),
    [("C", 1), ("I", 0), ("P", 0.5), ("N", 0), (True, 1), (False, 0), (0.25, 0.25), (1, 1), ("yes", 1),
     ("No", 0), ("TRUE", 1), ("0.75", 0.75), (None, None), (float("nan"), None)],
)  # fmt: skip
def test_values(value: object, number_: float | None) -> None:
    """Values mean what `value_to_float` of Inspect makes of them; None and NaN are unscored."""
    assert number(value, "x") == number_


@pytest.mark.parametrize("value", ["good", "nan", "inf", [1], {"a": 1}, ""])
def test_values_that_are_none(value: object) -> None:
    """Where Inspect would warn and take 0, the line names the value."""
    with pytest.raises(BadInput, match=r"here is .* no number; allowed: numbers, C, I"):
        number(value, "here")


def test_outcomes(tmp_path: Path) -> None:
    """What failed is unscored; what is worth nothing is told apart by how it ended; values stand."""
    cases: list[tuple[dict[str, Any], float | None, str]] = [
        (sample(0), 1.0, "answered"),
        (sample(1, "I"), 0.0, "answered"),
        (sample(2, "I", stop="max_tokens"), 0.0, "truncated"),
        (sample(3, "C", stop="max_tokens"), 1.0, "answered"),
        (sample(4, "I", stop="content_filter"), 0.0, "refused"),
        (sample(5, "I", text=" "), 0.0, "no answer"),
        (sample(6, "N"), 0.0, "no answer"),
        (sample(7, "I", limit={"type": "token", "limit": 9}), 0.0, "truncated"),
        (sample(8, error={"message": "boom\nat line 3"}), None, "instrument failed"),
        (sample(9, scores=None), None, "instrument failed"),
        (sample(10, scores={"match": {"value": "I", "reason": "refusal"}}), 0.0, "refused"),
        (sample(11, scores={"match": {"value": "I", "reason": "grader_failed"}}), None, "instrument failed"),
        (sample(12, invalidation={"reason": "leaked"}), None, "instrument failed"),
        (sample(13, 0.5, stop="model_length"), 0.5, "answered"),
    ]  # fmt: skip
    found = rows(imported(tmp_path, *(case for case, _, _ in cases)))
    assert [(row["value"], row["outcome"]) for row in found] == [case[1:] for case in cases]
    assert found[8]["reason"] == "boom at line 3"
    assert found[12]["reason"] == "declared invalid: leaked"
    assert (found[0]["input_tokens"], found[0]["output_tokens"]) == (7, 2)


def test_choices() -> None:
    """A letter or a text names the choice; chance is one in their number; of several answers none."""
    assert target(["B"], ["red", "blue"]).answers == ("blue",)
    assert target(["blue"], ["red", "blue"]).chance == 0.5
    assert target(["B"], ["A", "B", "C"]).answers == ("B",), "a text goes before a letter"
    assert target(["A", "B"], ["red", "blue", "green"]).chance == 0.0
    assert target(["Z"], ["red", "blue"]).answers == ("Z",)
    assert target([], []).answers == ("",)


def test_what_was_shown(tmp_path: Path) -> None:
    """Messages up to the model's first turn, with what the log keeps apart put back; no pixels."""
    key = "0" * 32
    turns = [
        {"role": "system", "content": f"attachment://{key}"},
        {"role": "user", "content": [{"type": "text", "text": "See:"}, {"type": "image", "image": "data:x"}]},
        {"role": "assistant", "content": "thinking", "source": "generate"},
        {"role": "tool", "content": "42"},
        {"role": "assistant", "content": "Paris", "source": "generate"},
    ]  # fmt: skip
    done = imported(
        tmp_path,
        sample(1, messages=turns, attachments={key: "Be brief."}, choices=["Paris", "Rome"]),
    )
    with open_store(done.run.folder) as store:
        ((_, item),) = store.items()
    assert [turn.role for turn in item.messages] == ["system", "user"]
    assert item.messages[0].text == "Be brief."
    assert item.text.splitlines()[1].startswith("See:[image ")
    assert item.problem.target.choices == ("Paris", "Rome")
    assert rows(done)[0]["chance"] == 0.5


def test_the_same_questions(tmp_path: Path) -> None:
    """Same task, ids and content: one edition, whoever answers; anything else is another edition."""
    base = [sample(i) for i in range(3)]
    editions = {}
    for name, (samples, settings) in {
        "same": (base, {}),
        "model": (
            [sample(i, "I", text="?") for i in (2, 0, 1)],
            {"header": {"model": "test/other"}},
        ),
        "question": ([*base[:2], sample(2, input="Another?")], {}),
        "target": ([*base[:2], sample(2, target="Rome")], {}),
        "id": ([*base[:2], sample(3)], {}),
        "fewer": (base[:2], {}),
        "task": (base, {"header": {"task": "rivers"}}),
        "version": (base, {"header": {"task_version": 2}}),
        "scale": (base, {"scale": (0.0, 2.0)}),
        "split": (base, {"split": "dev"}),
    }.items():
        (tmp_path / name).mkdir()
        editions[name] = imported(tmp_path / name, *samples, **settings).run.record.edition
    assert editions["model"] == editions["same"]
    assert len(set(editions.values())) == len(editions) - 1


def test_metrics_are_chosen(tmp_path: Path) -> None:
    """Of several one has to be named, wholly or by the part that tells it apart."""
    scores = {
        "match": {"value": "C"},
        "multi": {"value": {"a": 0.25, "b": "great"}},
        "list": {"value": [1, 0]},
    }
    log = [sample(0, scores=scores)]
    line = refused(tmp_path, *log)
    assert (
        "5 metrics and none named; allowed: --metric match or multi/a or multi/b or list/0" in line
    )
    assert "metric 'matsh' (did you mean 'match'?)" in refused(tmp_path, *log, metric="matsh")
    assert "multi/b is 'great', which is no number" in refused(tmp_path, *log, metric="b")
    assert rows(imported(tmp_path, *log, metric="multi/a"))[0]["value"] == 0.25
    assert rows(imported(tmp_path, *log, metric="list/1"))[0]["value"] == 0.0
    assert imported(tmp_path, *log, metric=("acc", "match")).metric == "match"


def test_scale(tmp_path: Path) -> None:
    """Values of another scale are refused until the scale is named, and then lie in [0, 1]."""
    log = [sample(0, 10), sample(1, 1), sample(2, 5.5)]
    line = refused(tmp_path, *log)
    assert "sample 0: match is 10; allowed: 0 to 1, or another --scale LOW,HIGH" in line
    found = rows(imported(tmp_path, *log, scale=(1.0, 10.0)))
    assert [row["value"] for row in found] == [1.0, 0.0, 0.5]
    for scale in ((1.0, 1.0), (2.0, 1.0), (0.0, math.nan), (0.0, math.inf)):
        with pytest.raises(BadInput, match="scale"):
            read(tmp_path / "log.json", tmp_path / "runs", scale=scale)


def test_clusters_and_factors(tmp_path: Path) -> None:
    """Clusters come from a key of the metadata, also within; else each sample is its own."""
    log = [
        sample(i, metadata={"passage": i // 2, "at": {"level": "hard" if i else "easy"}})
        for i in range(4)
    ]
    found = rows(imported(tmp_path, *log))
    assert len({row["cluster"] for row in found}) == 4
    found = rows(imported(tmp_path, *log, cluster="passage", factors=["at.level"]))
    assert [row["cluster"] for row in found] == ["0", "0", "1", "1"]
    assert json.loads(found[1]["factors"]) == {"at.level": "hard", "difficulty": 0}
    (tmp_path / "other").mkdir()
    line = refused(tmp_path / "other", *log, cluster="pasage")
    assert "sample 0 has no 'pasage' (did you mean 'passage'?); allowed: passage" in line
    assert "has no single 'at'" in refused(tmp_path / "other", *log, cluster="at")


def test_the_logs_own_clusters(tmp_path: Path) -> None:
    """A log whose standard error is clustered says by what; another cluster is told as a difference."""
    log = [
        sample(i, "C" if i < 3 else "I", metadata={"passage": i // 2, "writer": i // 3})
        for i in range(6)
    ]
    error = math.sqrt((1.0**2 + 0.0**2 + 1.0**2) * 3 / 2) / 6
    header = {"results": results("match", 0.5, error, cluster="passage")}
    done = imported(tmp_path, *log, header=header)
    assert done.run.record.origin["cluster"] == "passage"
    assert len({row["cluster"] for row in rows(done)}) == 3
    assert done.found.std_error == pytest.approx(error)
    assert done.notes == []
    done = imported(tmp_path, *log, header=header, cluster="writer")
    assert done.notes == [
        "the standard errors differ: here over clusters by writer, in the log by passage"
    ]


def test_what_a_log_says_is_checked(tmp_path: Path) -> None:
    """A mean that is not that of the samples is told, with its reason."""
    log = [sample(0), sample(1, "I"), sample(2, error={"message": "x"})]
    done = imported(tmp_path, *log, header={"results": results("match", 1 / 3, 0.1)})
    assert done.notes == ["the means differ: the log counts what failed or could not be scored"]
    header = {"status": "error", "error": {"message": "out of money"}}
    done = imported(tmp_path, *log, header=header)
    assert done.run.record.status == "interrupted"
    assert done.notes == ["the log's status is error: out of money"]


def test_no_secrets(tmp_path: Path) -> None:
    """Keys, addresses and long values of a log's settings are not kept; the others are."""
    key = "sk-" + "a1" * 12
    args = {
        "api_key": "x",
        "base_url": "http://h",
        "dtype": "bf16",
        "note": key,
        "outputs": [1],
        "where": "https://u:p@h",
    }
    log = sample(0, error={"message": f"401: bad key {key}"})
    done = imported(tmp_path, log, sample(1), header={"model_args": args})
    assert dict(done.run.record.identity) == {
        "model": "test/m", "harness": "inspect_ai", "dtype": "bf16", "temperature": 0.5,
    }  # fmt: skip
    for path in done.run.folder.iterdir():
        assert key.encode() not in path.read_bytes(), path


def test_any_text_can_be_kept(tmp_path: Path) -> None:
    """Half surrogates, NULs and markup in questions, answers and ids come through as text."""
    text = "\ud800\0<script>alert(1)</script>"
    log = [sample(text, text=text, input=text, target=text, metadata={"a": text})]
    done = imported(tmp_path, *log, header={"task": "../<b>&"}, cluster="a")
    assert done.run.folder.parent == tmp_path / "runs"
    api.report(done.run.folder, out=done.run.folder)
    assert "<script>alert(1)" not in (done.run.folder / "report.html").read_text()


def test_members_in_any_order(tmp_path: Path) -> None:
    """A JSON log that was written anew, with its keys sorted, is read as well."""
    log = inspect_log([sample(0), sample(1, "I")], results=results("match", 0.5, 0.5))
    paths = [write_json(tmp_path / "a.json", log), tmp_path / "b.json"]
    paths[1].write_text(json.dumps(log, sort_keys=True))
    one, two = (read(path, tmp_path / "runs") for path in paths)
    assert one.said == two.said is not None
    assert one.run.record.ended_at == two.run.record.ended_at == "2026-11-22T01:51:40Z"


def test_a_log_without_a_header(tmp_path: Path) -> None:
    """An evaluation that was killed has what it wrote at its start; its answers are not complete."""
    log = inspect_log([sample(i) for i in range(2)])
    log["eval"]["dataset"]["samples"] = 5
    begun = {"version": 2, "eval": log["eval"], "plan": log["plan"]}
    entries = [(f"samples/{i}_epoch_1.json", json.dumps(sample(i)).encode()) for i in range(2)]
    path = tmp_path / "x.eval"
    write_zip(path, [*entries, ("_journal/start.json", json.dumps(begun).encode())], ZSTANDARD)
    done = read(path, tmp_path / "runs")
    assert (done.run.record.status, done.run.record.planned) == ("interrupted", 5)
    assert done.run.scores.num_rows == 2


BAD: dict[str, Any] = {
    "empty.json": b"",
    "other.json": b'{"a": 1}',
    "list.json": b"[1, 2]",
    "bytes.json": b"\xff\xfe\x00",
    "header.json": inspect_log([]),
    "version.json": inspect_log([sample(1)], version=7),
    "twice.json": inspect_log([sample(1), sample(1)]),
    "changing.json": inspect_log([sample(1), sample(1, epoch=2, input="Else?")]),
    "shape.json": inspect_log([sample(1, messages="none")]),
    "number.json": inspect_log([5]) if False else {**inspect_log([]), "samples": [5]},
    "scores.json": inspect_log([sample(1, scores={})]),
    "broken.eval": b"PK\x03\x04 and no more",
    "text.eval": b"hello",
    "nothing.txt": b"hello",
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_log(tmp_path: Path, name: str) -> None:
    """Anything else is one line that names the file and what is allowed."""
    data = BAD[name]
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    with pytest.raises(BadInput, match=rf"{name}: .*; allowed: ") as caught:
        read(path, tmp_path / "runs")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


def test_a_cut_or_changed_zip(tmp_path: Path) -> None:
    """A real log cut anywhere, or with any byte changed in a sample, is refused or read as it was."""
    whole = REAL.read_bytes()
    right = read(REAL, tmp_path / "right", metric="match")
    path = tmp_path / "cut.eval"
    for length in range(0, len(whole), len(whole) // 12):
        path.write_bytes(whole[:length])
        with pytest.raises(BadInput, match=r"cut\.eval: .*; allowed: "):
            read(path, tmp_path / "runs", metric="match")
    for place in range(100, 20_000, 2_500):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        try:
            found = read(path, tmp_path / "runs", metric="match")
        except BadInput:
            continue
        assert found.run.scores.column("value") == right.run.scores.column("value")


@pytest.mark.parametrize("method", [ZSTANDARD, DEFLATE, STORED])
def test_checksums(tmp_path: Path, method: int) -> None:
    """An entry whose bytes are not those that the zip's checksum is of is refused."""
    one = sample(1)
    path = write_eval(tmp_path / "x.eval", inspect_log([one]), method)
    crc = struct.pack("<I", zlib.crc32(json.dumps(one).encode()))
    whole = path.read_bytes()
    assert whole.count(crc) == 2
    path.write_bytes(whole.replace(crc, b"\1\2\3\4"))
    with pytest.raises(BadInput, match=r"samples/1_epoch_1\.json cannot be read"):
        read(path, tmp_path / "runs")
