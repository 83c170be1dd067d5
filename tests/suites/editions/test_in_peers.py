"""Editions in the real Inspect and the real mlcroissant: the same requests, scores, rows and pictures."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from tests.hub.server import Hub
from tests.models import conftest
from tests.models.conftest import Stub, answer
from tests.suites.exports.answering import shown

from modelmetry.items import Item, Seed, Target, load
from modelmetry.models import wire
from modelmetry.suites import Edition, read, write

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]
_server, stub = conftest._server, conftest.stub

REPO = "lab/edition"

STYLES = (
    *("{right}", " {right}\n", "{right}.", "**{right}**", "It is {right}", "{other}", "Hmm"),
    *("", "{other}.", "First {other}, but then\n{right}"),
)
"""Replies that both sides must read alike."""

VERBATIM = ("{right}", "{right}", " {right} and so on", "{other}", "")
"""The same where a text is to be continued."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A local Hub."""
    with Hub() as served:
        yield served


def key(item: Item, pictures: dict[str, bytes]) -> str:
    """A hash of what our own request for an item shows."""
    return shown({"messages": [wire.turn(message, pictures) for message in item.messages]})


def reply(item: Item, number: int) -> str:
    """What the server says to the item of a number."""
    target = item.problem.target
    right = target.answers[0]
    styles = VERBATIM if item.task == "memorization" else STYLES
    other = next((text for text in target.choices if text != right), "4711")
    return styles[number % len(styles)].format(right=right.strip(), other=other)


def by_inspect(
    edition: Edition,
    hub: Hub,
    stub: Stub,
    tmp_path: Path,
    say: Callable[[Item, int], str] = reply,
) -> dict[str, tuple[float, dict[str, float]]]:
    """Of every task of `inspect eval hf/...`: its accuracy, and the values of its samples."""
    from inspect_ai.log import list_eval_logs, read_eval_log

    pictures = dict(edition.pictures())
    said = {key(item, pictures): say(item, n) for n, item in enumerate(edition.items())}

    unknown = []

    async def respond(_request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        for turn in body["messages"]:
            if turn["role"] == "assistant":  # Inspect breaks the line before a text that has parts
                turn["content"] = turn["content"].removeprefix("\n")
        text = said.get(shown(body))
        if text is None:
            unknown.append(body["messages"])
        sent = {**answer(text or "", index=0), "id": "1", "model": "stub"}
        sent |= {"object": "chat.completion", "usage": {**sent["usage"], "total_tokens": 1}}
        return web.json_response(sent)

    stub.reply = respond
    hub.create("datasets", REPO)
    names = [*edition.manifest.files, "edition.json"]
    hub.put("datasets", REPO, {name: (edition.folder / name).read_bytes() for name in names})
    own = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "INSPECT_DISPLAY": "none"}
    done = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "inspect"), "eval", f"hf/{REPO}"),
            *("--model", "openai-api/stub/m", "--model-base-url", stub.url, "--log-dir", "logs"),
        ],
        cwd=tmp_path,
        env=os.environ | hub.environment(tmp_path / "hf") | own | {"STUB_API_KEY": "none"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert not unknown, "Inspect asks something else than we do"
    found = {}
    for info in list_eval_logs(str(tmp_path / "logs")):
        log = read_eval_log(info)
        assert log.status == "success", log.error
        assert log.results is not None
        values = {
            sample.metadata["uid"]: float(next(iter(sample.scores.values())).value == "C")
            for sample in log.samples
        }
        (scored,) = log.results.scores
        found[log.eval.task.rpartition("/")[2]] = (scored.metrics["accuracy"].value, values)
    return found


def by_us(edition: Edition) -> dict[str, dict[str, float]]:
    """Task of the benchmark -> uid -> what our scorer makes of the same replies."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    suite = edition.manifest.suite
    for number, item in enumerate(edition.items()):
        scorer = load("scorers", suite.task(item.task).scorer)
        name = f"{item.task}_{item.problem.split.replace('-', '_')}"
        found[name][item.uid] = float(scorer(item.problem.target, reply(item, number)).correct)
    return found


@pytest.mark.parametrize(
    "name", ["quickstart", "clevr-hope", "addition", "memorization", "graph-arithmetic"]
)
def test_inspect_scores_an_edition_as_we_do(
    name: str, hub: Hub, stub: Stub, tmp_path: Path
) -> None:
    """`inspect eval hf/org/name` asks what our run asks, and marks every reply alike."""
    edition = write(tmp_path, read(name), Seed(root=4), limit=3 if name == "clevr-hope" else 6)
    tasks = yaml.safe_load((edition.folder / "eval.yaml").read_text())["tasks"]
    inspect, ours = by_inspect(edition, hub, stub, tmp_path), by_us(edition)
    assert set(inspect) == {task["id"] for task in tasks}
    for task, (accuracy, values) in inspect.items():
        assert values == ours[task]
        assert accuracy == pytest.approx(sum(values.values()) / len(values))
        assert 0 < accuracy < 1


def test_inspect_sees_the_pictures_of_data_uris(hub: Hub, stub: Stub, tmp_path: Path) -> None:
    """Pictures go to the model byte for byte, where our request has them, among examples too."""
    edition = write(tmp_path, read("clevr-hope-pictures"), Seed(root=4), limit=1, data_uri=True)
    inspect, ours = by_inspect(edition, hub, stub, tmp_path), by_us(edition)
    assert len(inspect) == 12
    assert {task: values for task, (_, values) in inspect.items()} == ours


def test_where_inspect_marks_otherwise(hub: Hub, stub: Stub, tmp_path: Path) -> None:
    """The differences that the documentation states are there: words, boxes, units, letters."""
    differing = {
        "addition": r"\boxed{{{right}}} then 99",
        "calendar": "{right}, or as they say: so",
    }

    def say(item: Item, _: int) -> str:
        return differing.get(item.task, "").format(right=item.problem.target.answers[0])

    edition = write(tmp_path, read("quickstart"), Seed(root=4), limit=3)
    suite = edition.manifest.suite
    for item in edition.items():
        if item.task in differing:
            scorer = load("scorers", suite.task(item.task).scorer)
            assert scorer(item.problem.target, say(item, 0)).correct
    inspect = by_inspect(edition, hub, stub, tmp_path, say)
    assert {accuracy for accuracy, _ in inspect.values()} == {0.0}


def test_one_right_answer_beyond_five_digits_is_told_from_its_neighbor() -> None:
    """Inspect compares numbers to five digits; the pattern used for longer ones does not."""
    import asyncio

    from inspect_ai.scorer import Target as InspectTarget
    from inspect_ai.scorer import match, pattern

    from modelmetry.suites.editions.eval_yaml import LAST_WHOLE

    class State:
        """All that these scorers look at."""

        class output:  # noqa: N801
            completion = "It is 123457."

    target = InspectTarget("123456")
    by_match = asyncio.run(match(numeric=True)(State, target))  # type: ignore[arg-type]
    by_pattern = asyncio.run(pattern(LAST_WHOLE)(State, target))  # type: ignore[arg-type]
    assert by_match is not None
    assert by_pattern is not None
    assert (by_match.value, by_pattern.value) == ("C", "I")
    assert not load("scorers", "number")(Target(answers=("123456",)), "It is 123457.").correct


@pytest.mark.parametrize("name", ["quickstart", "guardrails"])
def test_croissant_is_valid_and_gives_the_rows(name: str, tmp_path: Path) -> None:
    """mlcroissant finds no error, and reads every item of every config with its split."""
    import mlcroissant

    edition = write(tmp_path, read(name), Seed(root=4), limit=3)
    dataset = mlcroissant.Dataset(edition.folder / "croissant.json")
    assert not dataset.metadata.ctx.issues.errors
    (warning,) = dataset.metadata.ctx.issues.warnings
    assert 'datePublished" is recommended' in warning
    found = {}
    for task in edition.manifest.suite.tasks:
        for row in dataset.records(task.name):
            turns = row[f"{task.name}/messages"]
            found[row[f"{task.name}/uid"].decode()] = (
                row[f"{task.name}/split"].decode(),
                row[f"{task.name}/answer"].decode(),
                [turn[f"{task.name}/messages/content"].decode() for turn in turns],
            )
        splits = [row[f"{task.name}/splits/name"] for row in dataset.records(f"{task.name}/splits")]
        assert [s.decode() if isinstance(s, bytes) else s for s in splits] == list(task.splits)
    assert found == {
        item.uid: (
            item.problem.split,
            item.problem.target.answers[0],
            ["".join(part.text for part in turn.parts) for turn in item.messages],
        )
        for item in edition.items()
    }


def test_croissant_gives_the_pictures(tmp_path: Path) -> None:
    """mlcroissant reads the pictures of a row in order, and data URIs as text."""
    import mlcroissant
    from PIL import Image

    edition = write(tmp_path, read("clevr-hope-pictures"), Seed(root=4), limit=1, data_uri=True)
    pictures = dict(edition.pictures())
    items = {item.uid: item for item in edition.items() if item.task == "in-context"}
    dataset = mlcroissant.Dataset(edition.folder / "croissant.json")
    seen = 0
    for row in dataset.records("in-context"):
        item = items[row["in-context/uid"].decode()]
        expected = [Image.open(io.BytesIO(pictures[p.address])) for p in item.pictures]
        shown_here = row["in-context/images"] or []
        assert [i.tobytes() for i in shown_here] == [i.tobytes() for i in expected]
        seen += len(expected)
    assert seen == 20
    uris = [row["zero-shot_data_uri/image"] for row in dataset.records("zero-shot_data_uri")]
    assert sum(uri is not None for uri in uris) == 4
    assert json.dumps(uris[0].decode())[:23] == '"data:image/png;base64,'
