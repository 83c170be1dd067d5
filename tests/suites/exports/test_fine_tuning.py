"""Exports: what trainers read, whole or not at all, with the right answer as the last turn."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from tests.tiny_pictures import SUITE, paint, write_suite

from modelmetry.errors import BadInput
from modelmetry.items import Item, Seed
from modelmetry.suites import Suite, export, items, read
from modelmetry.suites.editions import tables

TEXT = SUITE.replace(", unseen: 4", "")
SEED = Seed(root=3)


@pytest.fixture
def suite(tmp_path: Path, painted: Path) -> Suite:
    """A suite about dots, in three chats, two with pictures."""
    return read(write_suite(tmp_path / "suite", TEXT))


def lines(path: Path) -> list[dict[str, Any]]:
    """Every line of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def exported(suite: Suite, split: str = "held-out") -> list[Item]:
    """What an export of a split that the suite asks holds."""
    return [item for item in items(suite, SEED) if item.problem.split == split]


def test_a_chat_names_its_pictures(suite: Suite, tmp_path: Path) -> None:
    """Texts have `<image>` where a picture is, the paths follow in order, the answer comes last."""
    out = tmp_path / "out"
    made = export(out, suite, SEED, to="chat", split="held-out")
    found, expected = lines(out / "held-out.jsonl"), exported(suite)
    assert made.count == len(found) == len(expected)
    for line, item in zip(found, expected, strict=True):
        *asked, last = line["messages"]
        assert last == {"role": "assistant", "content": item.problem.target.answers[0]}
        text = "".join(turn["content"] for turn in asked)
        assert text.count("<image>") == len(item.pictures) == len(line.get("images", []))
        assert all(isinstance(turn["content"], str) for turn in asked)
        for path, picture in zip(line.get("images", []), item.pictures, strict=True):
            assert path == f"images/{picture.address}.png"
            assert (out / path).read_bytes() == paint(picture.recipe)
    (info,) = json.loads((out / "dataset_info.json").read_text()).values()
    assert info["file_name"] == "held-out.jsonl"
    assert info["columns"] == {"images": "images", "messages": "messages"}


def test_inline_is_what_openai_reads(suite: Suite, tmp_path: Path) -> None:
    """Parts with data URIs in user turns, plain texts elsewhere, one file and nothing else."""
    out = tmp_path / "out"
    export(out, suite, SEED, to="chat", split="held-out", wordings=["dots/see"], inline=True)
    assert [path.name for path in out.iterdir()] == ["held-out.jsonl"]
    found = lines(out / "held-out.jsonl")
    expected = [item for item in exported(suite) if item.wording == "see"]
    for line, item in zip(found, expected, strict=True):
        user, assistant = line["messages"]
        picture, text = user["content"]
        data = base64.b64decode(picture["image_url"]["url"].removeprefix("data:image/png;base64,"))
        assert data == paint(item.pictures[0].recipe)
        assert text == {"type": "text", "text": item.messages[0].text}
        assert assistant == {"role": "assistant", "content": item.problem.target.answers[0]}


def test_train_is_exported_though_no_suite_asks_it(suite: Suite, tmp_path: Path) -> None:
    """As many problems as are wanted; other splits are not in it."""
    made = export(tmp_path / "out", suite, SEED, to="chat", limit=5, wordings=["see"])
    assert made.count == len(lines(tmp_path / "out" / "train.jsonl")) == 5


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("chosen", ["see", "read"])
def test_datasets_opens_the_folder(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str
) -> None:
    """`load_dataset` gives messages of typed parts and PIL images, in shards or not."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(tables, "BUFFERED", 100)
    monkeypatch.setattr(tables, "_SHARD", 1000)
    datasets = pytest.importorskip("datasets")
    pytest.importorskip("PIL")
    out = tmp_path / "out"
    wordings = [chosen, "read"]
    made = export(out, suite, SEED, to="datasets", split="held-out", wordings=wordings)
    rows = datasets.load_dataset(str(out), split="held_out", cache_dir=str(tmp_path / "cache"))
    expected = [item for item in exported(suite) if item.wording in wordings]
    assert made.count == len(rows) == len(expected)
    seeing = chosen == "see"
    assert ("images" in rows.column_names) == seeing
    assert not {"prompt", "completion"} & set(rows.column_names), "TRL would stumble"
    for row, item in zip(rows, expected, strict=True):
        assert row["answer"] == item.problem.target.answers[0]
        assert row["question"] == item.text
        assert json.loads(row["factors"]) == item.problem.factors
        last = row["messages"][-1]
        assert last["role"] == "assistant"
        if not seeing:
            assert last["content"] == row["answer"]
            continue
        assert last["content"] == [{"type": "text", "text": row["answer"]}]
        kinds = [part["type"] for turn in row["messages"] for part in turn["content"]]
        assert kinds.count("image") == len(row["images"]) == len(item.pictures)
        assert all(image.size == (6, 2) for image in row["images"])


def test_text_needs_no_painter(tmp_path: Path) -> None:
    """A text suite's chats are plain; its completions are left out."""
    export(tmp_path / "out", read("addition"), SEED, to="chat", limit=3)
    found = lines(tmp_path / "out" / "train.jsonl")
    chats = sum(prompt.format == "chat" for prompt in read("addition").tasks[0].prompts)
    assert len(found) == 3 * chats
    assert all(set(line) == {"messages"} for line in found)


def test_an_export_that_stops_leaves_nothing(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file has the final name until all is written."""
    out = tmp_path / "out"

    def fails(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("modelmetry.suites.exports.fine_tuning._tagged", fails)
        with pytest.raises(KeyboardInterrupt):
            export(out, suite, SEED, to="chat", limit=2, wordings=["see"])
    assert list(tmp_path.glob("*out*")) == []
    export(out, suite, SEED, to="chat", limit=2, wordings=["see"])
    assert list(tmp_path.glob("*out*")) == [out]


def test_the_same_call_writes_the_same_bytes(suite: Suite, tmp_path: Path) -> None:
    """Both forms, whatever the number of processes."""
    for to in ("chat", "datasets"):
        made = []
        for processes in (1, 3):
            out = tmp_path / f"{to}{processes}"
            export(out, suite, SEED, to=to, split="held-out", processes=processes)
            made.append({p.relative_to(out): p.read_bytes() for p in out.rglob("*.*")})
        assert made[0] == made[1]


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (
            {"split": "trian"},
            r"dots: nothing to export from split 'trian' .did you mean 'train'..; allowed: train, held-out",
        ),
        (
            {"wordings": ["sea"]},
            r"dots: no chat 'sea' .did you mean 'dots/see'..; allowed: dots/see, dots/shown, dots/read",
        ),
    ],
)
def test_mistakes_are_one_line(
    suite: Suite, tmp_path: Path, asked: dict[str, Any], line: str
) -> None:
    """Unknown splits and wordings are answered with those that are there."""
    with pytest.raises(BadInput, match=line):
        export(tmp_path / "out", suite, SEED, to="chat", **asked)
    assert not (tmp_path / "out").exists()


def test_a_folder_with_something_in_it_is_left_alone(suite: Suite, tmp_path: Path) -> None:
    """An empty folder will do; a file or a folder with files is refused."""
    (tmp_path / "empty").mkdir()
    export(tmp_path / "empty", suite, SEED, to="chat", limit=1)
    for name in ("empty", "empty/train.jsonl"):
        with pytest.raises(BadInput, match="exists already; allowed: a new --out folder"):
            export(tmp_path / name, suite, SEED, to="chat", limit=1)


def test_a_text_that_looks_like_a_picture_is_refused(tmp_path: Path, painted: Path) -> None:
    """`<image>` in a text would be taken for one by the trainers that read it."""
    suite = read(write_suite(tmp_path, TEXT, read="<image> {{ word }} {{ scene.dots }}?"))
    with pytest.raises(BadInput, match="its text holds <image>; allowed: --inline"):
        export(tmp_path / "out", suite, SEED, to="chat", limit=1)
    assert export(tmp_path / "in", suite, SEED, to="chat", limit=1, inline=True).count == 3


def test_rows_hold_their_pictures_anyway(suite: Suite, tmp_path: Path) -> None:
    """Pictures inline are a form of chats; with datasets the option is refused, not ignored."""
    with pytest.raises(BadInput, match="allowed: inline with chat"):
        export(tmp_path / "out", suite, SEED, to="datasets", limit=1, inline=True)
