"""`api.items`: a suite's problems by position."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.tiny_pictures import paint, write_suite

from modelmetry import api
from modelmetry.errors import BadInput
from modelmetry.items import Seed
from modelmetry.suites import generator_of, in_words, read


def test_entries_are_the_suites_items() -> None:
    """The problem at that place of the stream, in the words of the suite, without those before it."""
    ds = api.items("addition", seed=7, size=100, split="carry", wording="plain")
    task = read("addition").tasks[0]
    for position in (0, 57, 99):
        problem = generator_of(task).problem(Seed(root=7), "carry", position)
        (item,) = [
            item
            for item in in_words(read("addition"), Seed(root=7))(task, problem)
            if item.wording == "plain"
        ]
        assert ds.item(position) == item
        assert ds[position]["question"] == item.text
        assert ds[position]["answer"] == item.problem.target.answers[0]


def test_training_is_not_what_is_measured() -> None:
    """By default entries are of the split train; another seed gives others."""
    ds = api.items("addition", seed=7, size=50)
    assert {entry["metadata"]["split"] for entry in ds} == {"train"}
    others = {entry["metadata"]["problem"] for entry in api.items("addition", seed=8, size=50)}
    assert others != {entry["metadata"]["problem"] for entry in ds}
    assert len(api.items("addition", seed=7)) == 500


def test_chats_take_turns_whatever_the_stratum() -> None:
    """All of them, each about as often at every difficulty; a completion only where it is named."""
    ds = api.items("addition", seed=7, size=400)
    chats = {prompt.name for prompt in read("addition").tasks[0].prompts if prompt.format == "chat"}
    found = Counter(
        (entry["metadata"]["wording"], *entry["metadata"]["difficulty"].values()) for entry in ds
    )
    assert {wording for wording, _ in found} == chats
    assert len(found) == len(chats) * 2
    for level in (1, 2):
        times = [found[wording, level] for wording in chats]
        assert min(times) > 0.35 * sum(times), "one wording for a stratum"
    completion = next(p for p in read("addition").tasks[0].prompts if p.format == "completion")
    entry = api.items("addition", size=3, wording=completion.name)[2]
    assert entry["metadata"]["format"] == "completion"


def test_scores_are_those_of_a_run() -> None:
    """The suite's own scorer, with its rules: reasoning, refusals and double answers."""
    ds = api.items("quickstart", task="calendar", seed=1, size=5, split="held-out")
    entry = ds[2]
    right = entry["answer"]
    wrong = next(text for text in entry["metadata"]["target"]["choices"] if text != right)
    assert ds.score_answer(right, entry) == 1.0
    assert ds.score_answer(f"<think>{wrong}</think>The answer is {right}.", entry) == 1.0
    assert ds.score_answer(wrong, entry) == 0.0
    assert ds.score_answer(f"{right} or {wrong}", entry) == 0.0
    assert ds.score_answer("", entry) == 0.0
    assert entry["metadata"]["source_dataset"] == "quickstart/calendar"


def test_all_that_a_split_holds() -> None:
    """Without a size, drawn by position all the same."""
    ds = api.items("in-context-modular", size=None)
    task = read("in-context-modular").tasks[0]
    assert ds.size == generator_of(task).count("train") > 10**6
    assert ds[ds.size - 1]["answer"]


def test_a_data_set_that_was_used_can_be_pickled() -> None:
    """Nothing that it made for itself goes along, and a copy makes it again."""
    ds = api.items("in-context-modular", wording="table", seed=3, size=20)
    before = pickle.dumps(ds)
    entries = [ds[5], ds[6]]
    assert pickle.dumps(ds) == before
    copy = pickle.loads(pickle.dumps(ds))  # noqa: S301
    assert [copy[5], copy[6]] == entries


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pictures_are_in_entries_and_streams(
    tmp_path: Path, painted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As PNG bytes in order, with typed parts in the messages; `datasets` gives images."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    pytest.importorskip("datasets")
    ds = api.items(write_suite(tmp_path), wording="see", size=3)
    entry = ds[1]
    assert entry["metadata"]["images"] == [paint(ds.item(1).pictures[0].recipe)]
    (turn,) = entry["metadata"]["messages"]
    assert [part["type"] for part in turn["content"]] == ["image", "text"]
    row = list(ds.iterable())[1]
    assert row["images"][0].size == (6, 2)


@pytest.mark.parametrize(
    ("suite", "asked", "line"),
    [
        ("quickstart", {}, "has several tasks; allowed: task= addition, calendar, greater-than"),
        ("quickstart", {"task": "calender"}, r"no task 'calender' \(did you mean 'calendar'\?\)"),
        ("addition", {"split": "trian"}, r"no split 'trian' \(did you mean 'train'\?\)"),
        ("addition", {"wording": "nope"}, "no wording 'nope' of a single turn; allowed: plain"),
        ("addition", {"size": 0}, r"addition/train: size 0; allowed: from 1 to \d+, or None"),
        ("addition", {"size": 10**9}, r"size 1000000000; allowed: from 1 to \d+, or None"),
        ("guardrails", {"task": "requests", "wording": "conversation"}, "of a single turn"),
    ],
)
def test_mistakes_are_one_line(suite: str, asked: dict[str, Any], line: str) -> None:
    """What is wrong, and what there is."""
    with pytest.raises(BadInput, match=line):
        api.items(suite, **asked)
