"""Logs that the real Inspect and the real lm-evaluation-harness write: the same scores on both sides."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.models import conftest
from tests.models.conftest import Stub
from tests.suites.exports.answering import answers as answering
from tests.suites.exports.test_in_peers import asked, by_inspect, by_lm_eval, ours

from modelmetry import api
from modelmetry.suites import read

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]
_server, stub = conftest._server, conftest.stub

METRICS = ("match", "multi/a", "multi/b", "partial")


def tasks() -> list[Any]:
    """Two tasks of Inspect: text with three scorers in two epochs, one of them with clustered standard
    errors and failing samples; and multiple choice.
    """
    from inspect_ai import Epochs, Task
    from inspect_ai.dataset import Sample
    from inspect_ai.scorer import Score, accuracy, choice, match, mean, scorer, stderr
    from inspect_ai.solver import generate, multiple_choice

    @scorer(metrics={"a": [accuracy(), stderr(cluster="passage")], "b": [mean()]})
    def multi() -> Any:
        async def score(state: Any, target: Any) -> Any:
            said = state.output.completion
            right = "C" if target.text in said else "I"
            return Score(value={"a": right, "b": (len(said) % 4) / 3}, answer=said)

        return score

    @scorer(metrics=[mean(), stderr(cluster="passage")])
    def partial() -> Any:
        async def score(state: Any, target: Any) -> Any:
            said = state.output.completion
            if "unsure" in said:
                return Score(value=math.nan)
            if "silent" in said:
                return None
            return Score(value="P" if "almost" in said else "C" if target.text in said else "N")

        return score

    texts = [
        Sample(input=f"What is {i}?", target=str(i), id=i, metadata={"passage": f"p{i // 3}"})
        for i in range(20)
    ]
    options = [
        Sample(
            input=f"Which {i}?", target="ABC"[i % 3], choices=["red", "blue", "green"], id=f"c-{i}"
        )
        for i in range(9)
    ]
    clustered = match()
    return [
        Task(
            dataset=texts,
            solver=generate(),
            scorer=[clustered, multi(), partial()],
            metrics=None,
            epochs=Epochs(2, "mean"),
            name="texts",
            fail_on_error=False,
        ),
        Task(dataset=options, solver=multiple_choice(), scorer=choice(), name="options"),
    ]


def answers(seed: int) -> Iterator[Any]:
    """Answers of all kinds; every eleventh is no answer of a model but a failure."""
    from inspect_ai.model import ModelOutput, ModelUsage

    rng = random.Random(seed)
    place = 0
    while True:
        place += 1
        number = rng.randrange(20)
        said = rng.choice(
            [f"{number}", "almost 7", "unsure", "silent", "ANSWER: A", "ANSWER: B", "19"]
        )
        output = ModelOutput.from_content("mockllm/model", said)
        if place % 7 == 0:
            output.choices[0].stop_reason = "max_tokens"
        output.usage = ModelUsage(input_tokens=5, output_tokens=2, total_tokens=7)
        yield output


def evaluated(folder: Path, form: str, model: str = "mockllm/model", seed: int = 0) -> list[Any]:
    """The logs of both tasks, as Inspect wrote them."""
    import inspect_ai
    from inspect_ai.log import read_eval_log
    from inspect_ai.model import get_model

    asked = get_model(model, custom_outputs=answers(seed), memoize=False)
    logs = inspect_ai.eval(
        tasks(),
        model=asked,
        log_dir=str(folder),
        log_format=form,
        display="none",
        max_connections=1,
    )
    return [read_eval_log(log.location) for log in logs]


@pytest.mark.parametrize("form", ["eval", "json"])
def test_inspect(tmp_path: Path, form: str) -> None:
    """Means, standard errors and every sample's score, of each metric, are what Inspect reports."""
    for log in evaluated(tmp_path / "logs", form):
        assert log.status == "success", log.error
        path = Path(log.location.removeprefix("file://"))
        for metric in METRICS if log.eval.task == "texts" else ["choice"]:
            (done,) = api.import_logs(path, log_dir=tmp_path / "runs", metric=metric, cluster="")
            scorer, _, key = metric.partition("/")
            (told,) = [
                s for s in log.results.scores if s.scorer == scorer and s.name == (key or scorer)
            ]
            mean = (told.metrics.get("accuracy") or told.metrics["mean"]).value
            assert done.found.value == pytest.approx(mean, abs=1e-12)
            assert done.found.n == told.scored_samples
            if "stderr" in told.metrics:
                cluster = told.metrics["stderr"].params.get("cluster")
                if cluster:
                    (done,) = api.import_logs(
                        path, log_dir=tmp_path / "runs", metric=metric, cluster=cluster
                    )
                assert done.found.std_error == pytest.approx(
                    told.metrics["stderr"].value, abs=1e-12
                )
                assert done.notes == []
            (reduced,) = [r for r in log.reductions if r.scorer == scorer]
            theirs = {
                str(each.sample_id): each.value[key] if key else each.value
                for each in reduced.samples
            }
            check_samples(done, theirs)


def check_samples(done: Any, theirs: dict[str, Any]) -> None:
    """Every sample's mean over its epochs is the one that Inspect reduced it to."""
    from modelmetry.runs import open_store

    with open_store(done.run.folder) as store:
        ids = {item.uid: item.problem.fields["id"] for _, item in store.items()}
    frame = done.run.frame()
    means = frame.groupby("item")["value"].mean().rename(ids)
    scored = {name: value for name, value in theirs.items() if not math.isnan(value)}
    assert means.dropna().to_dict() == pytest.approx(scored)


def test_failures_and_two_models(tmp_path: Path) -> None:
    """Samples that failed are unscored; two models' logs of one task pair on the same samples."""
    import inspect_ai
    from inspect_ai import Task
    from inspect_ai.dataset import Sample
    from inspect_ai.model import get_model
    from inspect_ai.scorer import match
    from inspect_ai.solver import generate, solver

    @solver
    def failing() -> Any:
        async def solve(state: Any, generate: Any) -> Any:
            if state.sample_id == 3:
                raise RuntimeError("the sandbox is gone")
            return state

        return solve

    data = [Sample(input=f"{i}?", target=str(i), id=i) for i in range(8)]
    for seed in (1, 2):
        task = Task(dataset=data, solver=[failing(), generate()], scorer=match(), name="some")
        asked = get_model("mockllm/model", custom_outputs=answers(seed), memoize=False)
        inspect_ai.eval(
            task, model=asked, log_dir=str(tmp_path / "logs"), display="none", fail_on_error=False,
            max_connections=1, temperature=seed / 10,
        )  # fmt: skip
    done = api.import_logs(tmp_path / "logs", log_dir=tmp_path / "runs")
    for each in done:
        (row,) = [row for row in each.run.scores.to_pylist() if row["value"] is None]
        assert (row["outcome"], row["expected"]) == ("instrument failed", "3")
        assert "the sandbox is gone" in row["reason"]
        assert each.found.n == 7
    found = api.compare([each.run.folder for each in done])
    assert found.rows[0].comparison.difference.n == 7
    names = {found.rows[0].comparison.a, found.rows[0].comparison.b}
    assert names == {f"mockllm/model (temperature=0.{k})" for k in (1, 2)}


def lm_eval_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The results of lm-eval on a task of choices and one of texts, three answers each, two filters."""
    import json

    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = tmp_path / "tasks"
    folder.mkdir()
    rng = random.Random(3)
    rows = [
        {"q": f"q{i}?", "choices": ["red", "blueish", "a"], "label": i % 3, "passage": i // 2, "a": str(i % 7)}
        for i in range(21)
    ]  # fmt: skip
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    head = f"dataset_path: json\ndataset_kwargs: {{data_files: {{test: {folder}/data.jsonl}}}}\ntest_split: test\n"
    (folder / "mc.yaml").write_text(
        f"task: d_mc\n{head}output_type: multiple_choice\ndoc_to_text: '{{{{q}}}}'\n"
        "doc_to_target: '{{label}}'\ndoc_to_choice: '{{choices}}'\nmetric_list:\n"
        "  - {metric: acc, aggregation: mean, higher_is_better: true}\n"
        "  - {metric: acc_norm, aggregation: mean, higher_is_better: true}\nmetadata: {version: 1.0}\n"
    )
    (folder / "gen.yaml").write_text(
        f"task: d_gen\n{head}output_type: generate_until\ndoc_to_text: 'Q: {{{{q}}}}'\n"
        "doc_to_target: '{{a}}'\nrepeats: 3\ngeneration_kwargs: {until: [X], do_sample: true, temperature: 0.7}\n"
        "filter_list:\n"
        "  - {name: strict, filter: [{function: regex, regex_pattern: '([0-9])'}, {function: take_first}]}\n"
        "  - {name: maj, filter: [{function: regex, regex_pattern: '([0-9])'}, {function: majority_vote}, {function: take_first}]}\n"
        "metric_list:\n  - {metric: exact_match, aggregation: mean, higher_is_better: true}\nmetadata: {version: 2.0}\n"
    )
    import lm_eval
    from lm_eval.api.model import LM
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager

    class Guessing(LM):
        def loglikelihood(self, requests: Any, **_: Any) -> Any:
            return [(-5 * rng.random(), rng.random() < 0.3) for _ in requests]

        def generate_until(self, requests: Any, **_: Any) -> Any:
            return [
                rng.choice([str(rng.randrange(7)), f"so {r.doc['a']}", "none"]) for r in requests
            ]

        def loglikelihood_rolling(self, requests: Any, **_: Any) -> Any:
            return [-1.0 for _ in requests]

    tracker = EvaluationTracker(output_path=str(tmp_path / "out"))
    results = lm_eval.simple_evaluate(
        model=Guessing(), tasks=["d_mc", "d_gen"], bootstrap_iters=10, log_samples=True,
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
    )  # fmt: skip
    samples = results.pop("samples")
    tracker.save_results_aggregated(results=results, samples=samples)
    for name, each in samples.items():
        tracker.save_results_samples(task_name=name, samples=each)
    return results["results"]


def test_lm_eval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every metric and filter of choices and texts: mean and standard error are lm-eval's."""
    results = lm_eval_logs(tmp_path, monkeypatch)
    for task, metrics in {
        "d_mc": ("acc,none", "acc_norm,none"),
        "d_gen": ("exact_match,strict", "exact_match,maj"),
    }.items():
        (path,) = (tmp_path / "out").rglob(f"samples_{task}_*.jsonl")
        for metric in metrics:
            name, _, kind = metric.partition(",")
            (done,) = api.import_logs(path, log_dir=tmp_path / "runs", metric=metric)
            assert done.found.value == pytest.approx(results[task][metric], abs=1e-12)
            assert done.found.std_error == pytest.approx(
                results[task][f"{name}_stderr,{kind}"], abs=1e-12
            )
            assert done.said.value == done.found.value
            assert done.notes == []
        if task == "d_mc":
            for metric in ("acc", "acc_norm"):
                (done,) = api.import_logs(path, log_dir=tmp_path / "runs", metric=metric)
                for row in done.run.scores.to_pylist():
                    assert row["value"] == float(row["answer"] == row["expected"])
                    assert row["chance"] == pytest.approx(1 / 3)
    # The texts themselves say which option was likeliest: our own scorer finds the same accuracy.
    (path,) = (tmp_path / "out").rglob("samples_d_mc_*.jsonl")
    (done,) = api.import_logs(path, log_dir=tmp_path / "runs", metric="acc")
    again = api.read_run(done.run.folder, scorer="choice")
    assert again.scores.column("value").to_pylist() == done.run.scores.column("value").to_pylist()


@pytest.mark.parametrize("suite", ["quickstart", "in-context-modular"])
def test_round_trip_by_inspect(tmp_path: Path, stub: Stub, suite: str) -> None:
    """A suite exported, asked by Inspect and imported is a run of ours: items and scores are the same."""
    asked_of = read(suite)
    answering(stub, asked(asked_of, 8), cut=True)
    run, values = ours(tmp_path, stub, asked_of, 8)
    by_inspect(tmp_path, stub, asked_of, 8)
    check_round_trip(tmp_path, run, values, tmp_path / "logs")


@pytest.mark.parametrize("suite", ["quickstart"])
def test_round_trip_by_lm_eval(tmp_path: Path, stub: Stub, suite: str) -> None:
    """Likewise by lm-eval, chats and completions."""
    asked_of = read(suite)
    answering(stub, asked(asked_of, 8), cut=False)
    run, values = ours(tmp_path, stub, asked_of, 8)
    by_lm_eval(tmp_path, stub, asked_of, 8)
    check_round_trip(tmp_path, run, values, tmp_path)


def check_round_trip(tmp_path: Path, run: Any, values: dict[str, float | None], logs: Path) -> None:
    done = api.import_logs(logs, log_dir=tmp_path / "imported")
    seen = set()
    for each in done:
        assert each.run.record.suite == run.record.suite
        assert each.run.record.edition == run.record.edition
        for row in each.run.scores.to_pylist():
            assert row["value"] == values[row["item"]], row
            seen.add(row["item"])
        for found in api.compare([run.folder, each.run.folder], common=True).rows:
            assert found.comparison.difference.value == 0.0
    assert seen
    assert seen <= set(values)
