"""Items in loops that were written for reasoning_gym, with the real package."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from modelmetry import api

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]


def rewards(ds: Any, answer: Callable[[dict[str, Any]], str | None]) -> list[float]:
    """What a training loop does with a data set of reasoning_gym: ask, answer, reward."""
    found = []
    for entry in ds:
        assert isinstance(entry["question"], str)
        assert isinstance(entry["answer"], str)
        metadata = entry["metadata"]
        assert isinstance(metadata["source_dataset"], str)
        assert isinstance(metadata["source_index"], int)
        assert isinstance(metadata["difficulty"], dict)
        found.append(ds.score_answer(answer=answer(entry), entry=entry))
    return found


def by_position(ds: Sequence[Any]) -> list[str]:
    """What a shuffling sampler does: length, and entries by position."""
    order = sorted(range(len(ds)), key=lambda i: (i * 7919) % len(ds))
    return [ds[i]["question"] for i in order]


def test_one_loop_runs_on_both() -> None:
    """Keys, types and rewards are those that a loop written for reasoning_gym expects."""
    import reasoning_gym

    theirs = reasoning_gym.create_dataset("basic_arithmetic", size=20, seed=7)
    ours = api.items("addition", seed=7, size=20)
    for ds in (theirs, ours):
        assert rewards(ds, lambda entry: entry["answer"]) == [1.0] * 20
        assert rewards(ds, lambda _: None) == [0.0] * 20
        assert len(set(by_position(ds))) > 15
    near = [ours.score_answer(f"{entry['answer']}7", entry) for entry in ours]
    assert near == [0.0] * 20, "no reward for an answer that merely contains the right one"


def test_a_composite_of_reasoning_gym_takes_ours() -> None:
    """The lines of the documentation register it; mixing and scoring then are the package's own."""
    from reasoning_gym.composite import CompositeConfig, CompositeDataset, DatasetSpec
    from reasoning_gym.factory import DATASETS

    page = Path(__file__).parents[2] / "docs" / "plug-and-play.md"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    (lines,) = (block for block in blocks if "register_dataset" in block)
    exec(lines, {"__name__": __name__})  # noqa: S102 - the page is ours
    try:
        specs = [
            DatasetSpec(name="modelmetry", weight=1, config={"suite": "addition"}),
            DatasetSpec(name="leg_counting", weight=1, config={}),
        ]
        mixed = CompositeDataset(CompositeConfig(size=30, seed=5, datasets=specs))
        entries = list(mixed)
        names = {entry["metadata"]["source_dataset"] for entry in entries}
        assert names == {"modelmetry", "leg_counting"}
        assert [mixed.score_answer(e["answer"], e) for e in entries] == [1.0] * 30
    finally:
        DATASETS.pop("modelmetry")
