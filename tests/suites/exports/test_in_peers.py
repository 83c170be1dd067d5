"""Exports in the real Inspect and the real lm-evaluation-harness: the same requests, the same scores."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.models import conftest
from tests.models.conftest import Stub
from tests.suites.exports.answering import answers, shown

from modelmetry import api
from modelmetry.items import Item, Seed
from modelmetry.suites import Suite, items, read

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]
_server, stub = conftest._server, conftest.stub

SEED = 5
BIN = Path(sys.executable).parent


def small(name: str) -> Suite:
    """A packaged suite with at most two tasks of at most two splits: each is an eval of its own."""
    suite = read(name)
    if not name.startswith("clevr"):
        return suite
    tasks = [replace(t, splits=dict([*t.splits.items()][1:3])) for t in suite.tasks[1:3]]
    return replace(suite, tasks=tuple(tasks), primary=(), contrasts=())


def asked(suite: Suite, limit: int) -> list[Item]:
    """Every item that a run of a suite asks."""
    return list(items(suite, Seed(root=SEED), limit))


def run(program: str, *arguments: str, cwd: Path) -> str:
    """Run another harness' own command, without a way to the network besides the local server."""
    done = subprocess.run(
        [str(BIN / program), *arguments],
        cwd=cwd,
        env=os.environ
        | {
            "STUB_API_KEY": "none",
            "OPENAI_API_KEY": "none",
            "HF_HUB_OFFLINE": "1",
            "HF_DATASETS_OFFLINE": "1",
            "INSPECT_DISPLAY": "none",
            "NO_PROXY": "127.0.0.1",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def ours(
    tmp_path: Path, stub: Stub, suite: Suite, limit: int
) -> tuple[Any, dict[str, float | None]]:
    """Our own run of a suite on the server: its record, and the score of each item."""
    run = api.run(
        suite,
        model="openai-api/stub",
        model_base_url=stub.url,
        limit=limit,
        seed=SEED,
        log_dir=tmp_path / "runs",
    )
    frame = run.frame()
    values = {
        item: None if math.isnan(value) else value
        for item, value in zip(frame["item"], frame["value"], strict=True)
    }
    return run, values


def by_inspect(
    tmp_path: Path, stub: Stub, suite: Suite, limit: int
) -> tuple[dict[str, float | None], dict[str, dict[str, float]]]:
    """The scores of an export by `inspect eval`, per sample, and the metrics of each of its tasks."""
    from inspect_ai.log import list_eval_logs, read_eval_log

    made = api.export(suite, to="inspect", out=tmp_path / "inspect", seed=SEED, limit=limit)
    run(
        "inspect",
        *("eval", f"inspect/{made.names[0]}", "--model", "openai-api/stub/m"),
        *("--model-base-url", stub.url, "--log-dir", "logs"),
        cwd=tmp_path,
    )
    values: dict[str, float | None] = {}
    metrics: dict[str, dict[str, float]] = {}
    for info in list_eval_logs(str(tmp_path / "logs")):
        log = read_eval_log(info)
        assert log.status == "success", log.error
        assert log.results is not None
        (found,) = log.results.scores
        task = log.eval.task.removeprefix("inspect/")
        metrics[task] = {name: metric.value for name, metric in found.metrics.items()}
        for sample in log.samples or []:
            value = sample.scores["modelmetry"].as_float()
            values[str(sample.id)] = None if math.isnan(value) else value
    return values, metrics


def by_lm_eval(
    tmp_path: Path, stub: Stub, suite: Suite, limit: int
) -> tuple[dict[str, float | None], dict[str, dict[str, float]]]:
    """The scores of an export by `lm-eval run`, per document, and the metrics of each of its tasks."""
    made = api.export(suite, to="lm-eval", out=tmp_path / "tasks", seed=SEED, limit=limit)
    values: dict[str, float | None] = {}
    metrics: dict[str, dict[str, float]] = {}
    for group in made.names:
        chat = not group.endswith("_completions")
        kind, path = ("chat-", "/chat/completions") if chat else ("", "/completions")
        model = f"model=stub,base_url={stub.url}{path},num_concurrent=8"
        run(
            "lm-eval",
            *("run", "--include_path", "tasks", "--tasks", group),
            *(["--apply_chat_template"] if chat else []),
            *("--model", f"local-{kind}completions", "--model_args"),
            model if chat else f"{model},tokenizer_backend=None,tokenized_requests=False",
            *("--output_path", group, "--log_samples"),
            cwd=tmp_path,
        )
        (results,) = (tmp_path / group).rglob("results_*.json")
        metrics |= json.loads(results.read_text())["results"]
        for path in (tmp_path / group).rglob("samples_*.jsonl"):
            for line in path.read_text().splitlines():
                sample = json.loads(line)
                assert sample["unscored"] == ("score" not in sample)
                values[sample["doc"]["id"]] = sample.get("score")
    return values, metrics


def chats(suite: Suite, limit: int) -> set[str]:
    """The uids of the items that are chats."""
    return {item.uid for item in asked(suite, limit) if item.format == "chat"}


def mean_and_error(run: Any, label: str, uids: set[str]) -> tuple[float, float | None]:
    """Mean and clustered standard error over some of a run's items, as our own statistics have them."""
    from modelmetry.statistics.means import mean

    frame = run.frame()
    rows = frame[(frame["split"] == label) & frame["item"].isin(uids) & frame["value"].notna()]
    found = mean(rows["value"].to_numpy(), clusters=rows["cluster"].to_numpy())
    return found.value, found.std_error


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("quickstart", 24),
        ("clevr-hope", 24),
        ("clevr-hope-pictures", 4),
        ("guardrails", 24),
        ("guardrails-screening", 24),
    ],
)
def test_inspect_asks_and_scores_the_same(
    name: str, limit: int, tmp_path: Path, stub: Stub
) -> None:
    """Every chat is asked in the same words and pictures, and every sample has the score of our run."""
    suite = small(name)
    answers(stub, asked(suite, limit), cut=True)
    whole, expected = ours(tmp_path, stub, suite, limit)
    requests = {shown(body) for path, _, body in stub.seen if "/chat" in path}
    stub.seen.clear()
    found, metrics = by_inspect(tmp_path, stub, suite, limit)
    assert {shown(body) for _, _, body in stub.seen} == requests
    uids = chats(suite, limit)
    assert found == {uid: expected[uid] for uid in uids}
    assert set(found.values()) >= {0.0, 1.0}, "a test of nothing"
    assert limit < 24 or None in found.values(), "nothing that could not be read"
    outcomes = set(whole.frame()["outcome"])
    assert "truncated" in outcomes or "guardrails" in name
    for label in set(whole.frame()["split"]):
        value, error = mean_and_error(whole, label, uids)
        task = f"{name}_{label}".replace("-", "_").replace("/", "_")
        assert metrics[task]["accuracy"] == pytest.approx(value)
        assert metrics[task]["stderr"] == pytest.approx(error or 0.0), "0 where there is none"


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("quickstart", 24),
        ("in-context-modular", 9),
        ("guardrails", 24),
        ("guardrails-screening", 24),
    ],
)
def test_lm_eval_asks_and_scores_the_same(
    name: str, limit: int, tmp_path: Path, stub: Stub
) -> None:
    """Chats and completions alike, to the byte of the prompt; wordings with turns are left out."""
    suite = small(name)
    answers(stub, asked(suite, limit), cut=False)  # lm-eval does not tell
    whole, expected = ours(tmp_path, stub, suite, limit)
    mine = [(path, body) for path, _, body in stub.seen]
    stub.seen.clear()
    found, metrics = by_lm_eval(tmp_path, stub, suite, limit)
    uids = {item.uid for item in asked(suite, limit) if item.wording != "conversation"}
    assert found == {uid: expected[uid] for uid in uids}
    theirs = {(path, shown(body)) for path, _, body in stub.seen}
    if not name.startswith("guardrails"):
        assert theirs == {(path, shown(body)) for path, body in mine}
    for label in set(whole.frame()["split"]):
        value, error = mean_and_error(whole, label, uids & chats(suite, limit))
        task = metrics[f"modelmetry_{name}_{label.replace('/', '_')}"]
        assert task["score,all"] == pytest.approx(value)
        expected_error = math.nan if error is None else error
        assert task["clustered_stderr,all"] == pytest.approx(expected_error, nan_ok=True)
