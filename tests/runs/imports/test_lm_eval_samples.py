"""Samples of lm-eval become runs: each metric and filter, choices, settings, and what is wrong."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from tests.imported_logs import TIME, document, read, write_lm_eval

from modelmetry import api
from modelmetry.errors import BadInput
from modelmetry.runs import open_store

OPTIONS = ("red", "blueish", "a")


def imported(path: Path, **settings: Any) -> Any:
    return read(path, path.parent / "runs", **settings)


def test_multiple_choice(tmp_path: Path) -> None:
    """Chance, right answer and the answer given are the options' texts, normalized where the metric is."""
    path = write_lm_eval(
        tmp_path,
        [
            document(0, {"acc": 1.0, "acc_norm": 0.0}, options=OPTIONS, likely=[-1.0, -2.0, -3.0]),
            document(1, {"acc": 0.0, "acc_norm": 1.0}, options=OPTIONS, likely=[-3.0, -2.9, -9.0], target="1"),
        ],
    )  # fmt: skip
    found = imported(path, metric="acc").run.scores.to_pylist()
    assert [row["value"] for row in found] == [1.0, 0.0]
    assert [row["expected"] for row in found] == ["red", "blueish"]
    assert [row["answer"] for row in found] == ["red", "blueish"]
    assert found[0]["chance"] == pytest.approx(1 / 3)
    found = imported(path, metric="acc_norm").run.scores.to_pylist()
    assert [row["value"] for row in found] == [0.0, 1.0]
    assert [row["answer"] for row in found] == ["blueish", "blueish"]


def test_options_in_other_forms(tmp_path: Path) -> None:
    """A second round without the question is no option; where contexts differ, they are the options."""
    twice = document(0, {"acc": 1.0}, options=("x", "y"))
    twice["arguments"] |= {
        f"gen_args_{i + 2}": {"arg_0": "", "arg_1": f" {o}"} for i, o in enumerate("xy")
    }
    swapped = document(1, {"acc": 1.0}, options=("same", "same"))
    for i in range(2):
        swapped["arguments"][f"gen_args_{i}"]["arg_0"] = f"The {'ab'[i]} was"
    found = imported(write_lm_eval(tmp_path, [twice, swapped])).run.scores.to_pylist()
    assert [row["chance"] for row in found] == [0.5, 0.5]
    assert [row["expected"] for row in found] == ["x", "The a was"]


def test_filters(tmp_path: Path) -> None:
    """Of a document's lines, one per filter, the one of the metric counts; the raw text is kept."""
    rows = [
        document(i, {"exact_match": float(i == k)}, filter=name, filtered_resps=[name], text="so 4")
        for k, name in enumerate(("strict", "loose"))
        for i in range(3)
    ]
    path = write_lm_eval(tmp_path, rows)
    for k, name in enumerate(("strict", "loose")):
        found = imported(path, metric=name).run.scores.to_pylist()
        assert [row["value"] for row in found] == [float(i == k) for i in range(3)]
        assert {row["answer"] for row in found} == {name}
    with pytest.raises(
        BadInput, match="2 metrics and none named; allowed: --metric exact_match,str"
    ):
        imported(path)
    with pytest.raises(
        BadInput, match="'exact_match' may be either; allowed: exact_match,strict or"
    ):
        imported(path, metric="exact_match")
    again = api.read_run(imported(path, metric="loose").run.folder, scorer="includes")
    assert again.scores.column("value").to_pylist() == [0.0, 0.0, 0.0], (
        "the target is 0, said was 4"
    )


def test_what_was_asked_of_whom(tmp_path: Path) -> None:
    """Model, settings, versions, dates and the log's own numbers come from the results beside."""
    told = {
        "results": {"sums": {"acc,none": 0.5, "acc_stderr,none": 0.5, "f1,none": 0.3}},
        "configs": {
            "sums": {
                "output_type": "generate_until",
                "generation_kwargs": {"temperature": 0.7, "until": ["\n"]},
                "metric_list": [{"metric": "acc", "aggregation": "mean"}, {"metric": "f1", "aggregation": "f1"}],
            }
        },
        "config": {"model": "local-completions", "model_args": "model=m-1,base_url=http://h,api_key=k,dtype=half"},
        "system_instruction": "Be brief.",
    }  # fmt: skip
    path = write_lm_eval(
        tmp_path, [document(0, {"acc": 1, "f1": [0, 1]}), document(1, {"acc": 0})], told=told
    )
    done = imported(path, metric="acc")
    record = done.run.record
    assert record.model == "local-completions/m-1"
    assert dict(record.identity) == {
        "model": "local-completions/m-1", "harness": "lm_eval", "dtype": "half", "temperature": 0.7,
        "num_fewshot": 3, "system_instruction": "Be brief.",
    } | ({"model": "m-1"} if record.identity["model"] == "m-1" else {})  # fmt: skip
    assert record.versions["lm_eval"] == "0.4.13"
    assert (record.started_at, record.wall_s) == ("2026-11-22T01:54:54Z", 6.7)
    assert record.suite.version == 2
    assert done.notes == []
    with pytest.raises(BadInput, match=r"doc 0: f1 is \[0, 1\], which is no number"):
        imported(path, metric="f1")


def test_chats(tmp_path: Path) -> None:
    """Chats, which lm-eval keeps as JSON in a text, are messages again."""
    chat = json.dumps(
        [{"role": "system", "content": "Brief."}, {"role": "user", "content": "2+2?"}]
    )
    row = document(0, {"acc": 1.0})
    row["arguments"]["gen_args_0"]["arg_0"] = [chat]
    done = imported(write_lm_eval(tmp_path, [row]))
    with open_store(done.run.folder) as store:
        ((_, item),) = store.items()
    assert [turn.role for turn in item.messages] == ["system", "user"]
    assert item.format == "chat"


def test_without_results(tmp_path: Path) -> None:
    """Samples alone are read too; the folder, as lm-eval names it, tells the model."""
    path = write_lm_eval(tmp_path / "org__name", [document(0, {"acc": 1.0})], told={})
    assert imported(path).run.record.model == "org/name"
    other = path.with_name("mine.jsonl")
    path.rename(other)
    assert imported(other).run.record.suite.name == "mine"


def test_folders_and_results(tmp_path: Path) -> None:
    """A folder stands for the logs in it, results for the samples beside; other files are passed over."""
    path = write_lm_eval(tmp_path / "a", [document(0, {"acc": 1.0})])
    (tmp_path / "a" / "notes.json").write_text("{}")
    (tmp_path / "a" / "notes.jsonl").write_text("{}")
    for given in (tmp_path, path.with_name(f"results_{TIME}.json")):
        (done,) = api.import_logs(given, log_dir=tmp_path / "runs")
        assert done.log == path
    path.unlink()
    with pytest.raises(
        BadInput, match=r"no samples_<task>_.*beside it; allowed: results of an eval"
    ):
        api.import_logs(path.with_name(f"results_{TIME}.json"), log_dir=tmp_path / "runs")
    with pytest.raises(BadInput, match="no logs in it; allowed: logs of inspect_ai"):
        api.import_logs(tmp_path / "a", log_dir=tmp_path / "runs")
    with pytest.raises(BadInput, match="no such file or folder"):
        api.import_logs(tmp_path / "b", log_dir=tmp_path / "runs")
    with pytest.raises(BadInput, match="nothing to import"):
        api.import_logs([], log_dir=tmp_path / "runs")


def test_unscored(tmp_path: Path) -> None:
    """A metric that is missing, null or NaN for a document is unscored, not wrong."""
    rows = [document(i, {"acc": v}) for i, v in enumerate([1.0, None, math.nan])]
    rows.append(document(3, {"other": 1.0}))
    done = imported(write_lm_eval(tmp_path, rows), metric="acc")
    assert done.run.scores.column("value").to_pylist() == [1.0, None, None, None]
    assert done.found.unscored == 3


@pytest.mark.parametrize(
    "text", ["", "\n\n", "{", "[1]", "{}", '{"doc_id": 1}', "5", '{"doc_id": NaN', "\udcff"]
)
def test_what_is_no_log(tmp_path: Path, text: str) -> None:
    """One line that names the file and what is allowed."""
    path = tmp_path / f"samples_sums_{TIME}.jsonl"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadInput, match=r"samples_sums_.*jsonl: .*; allowed: "):
        imported(path)


def test_results_that_are_none(tmp_path: Path) -> None:
    """So with a results file that is broken: the model would not be known."""
    path = write_lm_eval(tmp_path, [document(0, {"acc": 1.0})])
    path.with_name(f"results_{TIME}.json").write_text("{")
    with pytest.raises(BadInput, match=r"results_.*json: not readable as JSON"):
        imported(path)
