"""Items as a data set: positions, entries, scores, pickles, and streams for `datasets`."""

from __future__ import annotations

import json
import pickle
import sys
from typing import Any

import pytest

from modelmetry import api
from modelmetry.errors import BadInput
from modelmetry.items import Dataset, Item, Problem, Target, message


def draw(position: int) -> Item:
    """Any item, known by its position."""
    problem = Problem(
        uid=f"{position:016x}",
        generator="squares",
        version=1,
        split="train",
        index=position,
        fields={},
        target=Target(answers=(str(position**2),)),
        factors={"n": position, "even": position % 2 == 0},
        cluster=f"{position:016x}",
    )
    messages = (message("system", "Count."), message("user", f"{position} squared?"))
    return Item(task="squares", wording="plain", format="chat", messages=messages, problem=problem)


def exact(target: Target, text: str) -> float | None:
    """1 or 0, or None for a shrug."""
    return None if text == "?" else float(text in target.answers)


def squares(size: int = 10) -> Dataset:
    """A data set of squares."""
    return Dataset(name="squares", seed=0, size=size, draw=draw, score=exact, difficulty="n")


def test_an_entry_is_what_other_loops_read() -> None:
    """Question, answer and metadata with where it came from, and all that JSON can hold."""
    entry = squares()[3]
    assert list(entry) == ["question", "answer", "metadata"]
    assert entry["question"] == "Count.\n3 squared?"
    assert entry["answer"] == "9"
    metadata = entry["metadata"]
    assert (metadata["source_dataset"], metadata["source_index"]) == ("squares", 3)
    assert metadata["difficulty"] == {"n": 3}
    assert metadata["messages"] == [
        {"role": "system", "content": "Count."},
        {"role": "user", "content": "3 squared?"},
    ]
    assert json.loads(json.dumps(entry)) == entry


def test_positions_are_those_of_a_sequence() -> None:
    """Negative ones count from the end; beyond either end there is none; iteration gives all."""
    ds = squares()
    assert len(ds) == 10
    assert ds[-1] == ds[9]
    assert ds[-10] == ds[0]
    assert [entry["answer"] for entry in ds] == [str(n**2) for n in range(10)]
    assert [entry["answer"] for entry in ds] == [entry["answer"] for entry in ds], "again"
    for position in (10, -11):
        with pytest.raises(IndexError, match=f"position {position}; allowed: from -10 to 9"):
            ds[position]
    for wrong in ("3", 1.0, True, slice(2)):
        with pytest.raises(TypeError, match="allowed: integers"):
            ds[wrong]  # pyright: ignore[reportArgumentType]
    assert ds.item(-1) == draw(9)
    with pytest.raises(BadInput, match="squares: size 0; allowed: integers from 1"):
        squares(0)


def test_there_may_be_more_than_a_length_can_say() -> None:
    """`len` gives what Python can hold, and any position is drawn without those before it."""
    ds = squares(10**30)
    assert len(ds) == sys.maxsize
    assert ds[10**29]["answer"] == str(10**58)
    assert ds[-1]["metadata"]["source_index"] == 10**30 - 1


def test_scores_are_the_scorers() -> None:
    """What is no text or cannot be read is 0; what the entry lacks is said."""
    ds = squares()
    entry = json.loads(json.dumps(ds[3]))
    assert ds.score_answer(answer="9", entry=entry) == 1.0
    assert ds.score_answer("8", entry) == 0.0
    assert ds.score_answer("?", entry) == 0.0
    assert ds.score_answer(None, entry) == 0.0
    assert isinstance(ds.score_answer("?", entry), float)
    for broken in ({}, {"metadata": {}}, {"metadata": {"target": {"answers": 3}}}):
        with pytest.raises(BadInput, match="squares: this entry holds no target"):
            ds.score_answer("9", broken)


def test_a_data_set_can_be_pickled() -> None:
    """Workers of data loaders get a copy that gives the same."""
    copy = pickle.loads(pickle.dumps(squares()))  # noqa: S301
    assert copy[4] == squares()[4]


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`datasets` without the network."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return pytest.importorskip("datasets")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_stream_holds_every_entry_once(quiet: Any) -> None:
    """In shards that can be told apart, resumed and shared among workers; features are stated."""
    stream = squares().iterable(num_shards=4)
    assert isinstance(stream, quiet.IterableDataset)
    assert stream.num_shards == 4
    rows = list(stream)
    assert [row["source_index"] for row in rows] == list(range(10))
    assert [row["answer"] for row in rows] == [entry["answer"] for entry in squares()]
    assert set(rows[0]) == set(stream.features)
    assert json.loads(rows[3]["factors"]) == {"n": 3, "even": False}
    parts = [row["source_index"] for k in range(4) for row in stream.shard(4, k)]
    assert parts == list(range(10))
    begun = iter(stream)
    first = [next(begun)["source_index"] for _ in range(7)]
    state = stream.state_dict()
    again = squares().iterable(num_shards=4)
    again.load_state_dict(state)
    assert first + [row["source_index"] for row in again] == list(range(10))
    shuffled = [row["source_index"] for row in stream.shuffle(seed=1, buffer_size=5)]
    assert sorted(shuffled) == list(range(10)) != shuffled
    scored = squares().score_answer("9", {"metadata": {"target": json.loads(rows[3]["target"])}})
    assert scored == 1.0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_shards_are_neither_none_nor_more_than_entries(quiet: Any) -> None:
    """By default 64 of a large set, and one per entry of a small one."""
    assert squares(1000).iterable().num_shards == 64
    assert squares(3).iterable().num_shards == 3
    assert next(iter(squares(10**18).iterable()))["answer"] == "0"
    for wrong in (0, 11):
        with pytest.raises(BadInput, match=f"{wrong} shards of 10 entries; allowed: from 1 to 10"):
            squares().iterable(wrong)


def test_without_datasets_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing else is lost."""
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(BadInput, match=r"not installed.*pip install 'modelmetry\[hub\]'"):
        squares().iterable()


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")
def test_torch_loads_from_both() -> None:
    """By position and as a stream, with two workers: every entry once."""
    data = pytest.importorskip("torch.utils.data")
    ds = api.items("addition", seed=7, size=40)
    loader = data.DataLoader(ds, batch_size=None, num_workers=2)
    expected = sorted(entry["question"] for entry in ds)
    assert sorted(entry["question"] for entry in loader) == expected
    stream = ds.iterable(num_shards=4)
    streamed = data.DataLoader(stream, batch_size=None, num_workers=2)
    assert sorted(row["question"] for row in streamed) == expected
