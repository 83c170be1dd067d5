"""Counts are the same wherever the shards are read; on Ray, they are read by many in bounded memory."""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from modelmetry.errors import BadInput
from modelmetry.memory.blocks import BLOCK, Block, Held
from modelmetry.memory.encodings import Encoding
from modelmetry.memory.shards import shard
from modelmetry.memory.spreading import AHEAD, counted
from modelmetry.memory.windows import Counts, count

PROCESSORS = 2


def _told(counts: Counts) -> tuple:
    return (
        *(counts.counts.tolist(), counts.found.tolist(), counts.shards, counts.documents),
        *(counts.tokens, counts.probes, counts.kept, counts.encoding, counts.equal.tolist()),
        counts.width,
    )


def _corpus(number: int, rng: np.random.Generator) -> list[Held]:
    """Shards of few different tokens, so that probes stand in them often."""
    return [
        Held(
            name=str(i),
            documents=[rng.integers(3, size=rng.integers(30)).tolist() for _ in range(9)],
            encoding=Encoding(name="three", fingerprint="ab" if i == 4 else ""),
            vocabulary=4,
        )
        for i in range(number)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A shard of random tokens that notes where it is sent and read, and by whom."""

    name: str
    folder: Path
    blocks_: int = 1
    seconds: float = 0.0
    encoding: Encoding = field(default_factory=Encoding)
    vocabulary: int | None = None

    def __reduce__(self) -> tuple:
        self._note("sent", {})
        return _noted, (self.name, self.folder, self.blocks_, self.seconds)

    def blocks(self, size: int = BLOCK) -> Iterator[Block]:
        rng = np.random.default_rng(0)
        self._note("begun", {"pid": os.getpid()})
        time.sleep(self.seconds)
        for _ in range(self.blocks_):
            yield Block(rng.integers(100, size=size, dtype=np.uint16), np.array([0]))
        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self._note("ended", {"pid": os.getpid(), "kilobytes": largest})

    def _note(self, what: str, noted: dict[str, Any]) -> None:
        path = self.folder / f"{what}-{self.name}"
        path.write_text(json.dumps({"at": time.time(), "name": self.name, **noted}))


def _noted(name: str, folder: Path, blocks: int, seconds: float) -> Noted:
    return Noted(name=name, folder=folder, blocks_=blocks, seconds=seconds)


def _notes(folder: Path, what: str) -> list[dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in folder.glob(f"{what}-*")]
    return sorted(found, key=lambda note: note["at"])


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """Ray with two workers on this machine, without dashboard or usage statistics."""
    ray = _started()
    yield ray
    ray.shutdown()


def _started() -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # What Ray will do in its next version about accelerators, of which none is used here.
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    ray = importlib.import_module("ray")

    ray.init(
        num_cpus=PROCESSORS, include_dashboard=False, log_to_driver=False, logging_level="error"
    )
    return ray


def test_locally_counts_are_those_of_count() -> None:
    """Whatever is asked of `count` is asked of it."""
    rng = np.random.default_rng(0)
    shards, probes = _corpus(5, rng), rng.integers(3, size=(20, 3))
    encoding = Encoding(name="three")
    found = counted(probes, iter(shards), width=3, encoding=encoding, places=2, threads=1)
    assert _told(found) == _told(count(probes, shards, places=2))
    assert found.counts.any()
    with pytest.raises(BadInput, match="threads: 0; allowed: at least 1"):
        counted(probes, shards, threads=0)


def test_another_executor_is_refused() -> None:
    """The two that there are stand in the line."""
    with pytest.raises(BadInput, match="executor: 'dask'; allowed: local, ray"):
        counted([[1]], [Held(name="a", documents=[[1]])], executor="dask")  # type: ignore[arg-type]


def test_without_ray_a_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, with the extra that has it."""
    missing: dict[str, ModuleType | None] = {"ray": None}
    for name, module in missing.items():
        monkeypatch.setitem(sys.modules, name, module)  # type: ignore[arg-type]
    with pytest.raises(BadInput) as refused:
        counted([[1]], [Held(name="a", documents=[[1]])], executor="ray")
    assert str(refused.value) == (
        "executor ray: ray is not installed; allowed: the executor local, or "
        'pip install "modelmetry[ray]"'
    )


@pytest.mark.parametrize(
    ("probes", "shards", "options", "line"),
    [
        ([[1]], [], {}, "shards: none; allowed: at least one"),
        ([[1], [1, 2]], ["a"], {}, "probes: not all of one length"),
        ([[1]], ["a"], {"width": 2}, "allowed: .number, width., width 2"),
        ([[9]], ["a"], {}, "probes: token 9; allowed: 0 to 3, the vocabulary of a"),
        ([[1]], ["a", "b", "a"], {}, "a: given twice; allowed: each shard once"),
        ([[1]], ["a"], {"encoding": Encoding(name="x")}, "a: made with the tokenizer 'three'"),
        ([[1]], ["a"], {"places": -1}, "places: -1"),
        ([[1]], ["a"], {"threads": 0}, "threads: 0; allowed: at least 1"),
    ],
)
def test_what_cannot_be_counted_is_refused_before_ray_starts(
    probes, shards, options, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines are those of `count`, whether Ray is there or not."""
    monkeypatch.setitem(sys.modules, "ray", None)
    held = [
        Held(name=name, documents=[[1]], encoding=Encoding(name="three"), vocabulary=4)
        for name in shards
    ]
    for executor in ("local", "ray"):
        with pytest.raises(BadInput, match=line):
            counted(probes, held, executor=executor, **options)


@pytest.mark.ray
@pytest.mark.parametrize("number", [1, 3, 23])
def test_counts_on_ray_are_the_local_ones(ray: Any, number: int) -> None:
    """Counts, places, tallies, encoding and order, for shards in memory; probes are given twice."""
    rng = np.random.default_rng(number)
    shards, probes = _corpus(number, rng), rng.integers(3, size=(30, 3))
    for threads in (None, 2):
        found = counted(probes, iter(shards), executor="ray", places=3, threads=threads)
        assert _told(found) == _told(count(probes, shards, places=3))
    assert found.counts.any()
    assert len(set(found.equal.tolist())) < 30
    assert ray.is_initialized()


@pytest.mark.ray
@pytest.mark.usefixtures("ray")
def test_files_are_read_where_they_are(tmp_path: Path) -> None:
    """Shards that are files, with separators, count as they do here."""
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{i}.u16" for i in range(6)]
    for path in paths:
        rng.integers(4, size=5000, dtype=np.uint16).tofile(path)
    shards = [shard(path, separator=0) for path in paths]
    probes = rng.integers(1, 4, size=(40, 4))
    found = counted(probes, shards, executor="ray", places=2)
    assert _told(found) == _told(count(probes, shards, places=2))


@pytest.mark.ray
@pytest.mark.usefixtures("ray")
@pytest.mark.parametrize("width", [3, 4])
def test_a_failing_shard_gives_its_own_line(tmp_path: Path, width: int) -> None:
    """The line of the first shard that cannot be read, unchanged, wherever it was read."""
    rng = np.random.default_rng(0)
    shards = [*_corpus(12, rng), Held(name="bad", documents=[[1] * 9], vocabulary=1)]
    shards[-1] = Held(name="bad", documents=[[7] * 9], encoding=shards[0].encoding, vocabulary=4)
    probes = rng.integers(3, size=(5, width))
    lines = []
    for executor in ("local", "ray"):
        with pytest.raises(BadInput) as refused:
            counted(probes, shards, executor=executor)
        lines.append(str(refused.value))
    assert lines == ["bad: token 7; allowed: 0 to 3"] * 2
    gone = shard(tmp_path / "gone.u16")
    with pytest.raises(BadInput, match=r"gone\.u16: cannot be read: No such file"):
        counted(probes, [gone], executor="ray")


@pytest.mark.ray
@pytest.mark.usefixtures("ray")
def test_shards_spread_over_workers(tmp_path: Path) -> None:
    """Two processes, neither of them this one, are at work at the same time, and no more."""
    shards = [Noted(name=f"{i:02}", folder=tmp_path, seconds=0.1) for i in range(16)]
    counted([[1, 2]], shards, executor="ray")
    begun, ended = _notes(tmp_path, "begun"), _notes(tmp_path, "ended")
    assert len(begun) == len(ended) == 16
    workers = {note["pid"] for note in begun}
    assert len(workers) >= PROCESSORS
    assert os.getpid() not in workers
    at_work = [
        sum(a["at"] <= moment["at"] for a in begun) - sum(b["at"] < moment["at"] for b in ended)
        for moment in begun
    ]
    assert max(at_work) == PROCESSORS


@pytest.mark.ray
@pytest.mark.usefixtures("ray")
def test_memory_is_bounded(tmp_path: Path) -> None:
    """Few shards are sent ahead; a worker's memory is that of a block, not of its shards."""
    shards = [Noted(name=f"{i:02}", folder=tmp_path, blocks_=24) for i in range(16)]
    counted([[1, 2, 3, 4]], shards, executor="ray")
    sent, ended = _notes(tmp_path, "sent"), _notes(tmp_path, "ended")
    assert len(sent) == len(ended) == 16
    # Two shards a task, as 16 are shared out over four turns of two workers.
    ahead = [
        sum(a["at"] <= moment["at"] for a in sent) - sum(b["at"] < moment["at"] for b in ended)
        for moment in sent
    ]
    assert PROCESSORS < max(ahead) <= 2 * AHEAD * PROCESSORS
    # 16 x 24 blocks of 2 MB were read.
    for pid in {note["pid"] for note in ended}:
        sizes = [note["kilobytes"] for note in ended if note["pid"] == pid]
        assert sizes[-1] - sizes[0] < 32 << 10
        assert sizes[-1] < 400 << 10


@pytest.mark.ray
def test_more_threads_than_processors_are_refused(ray: Any) -> None:
    """Such a task would wait for ever."""
    assert ray.cluster_resources()["CPU"] == PROCESSORS
    with pytest.raises(
        BadInput, match="threads: 3; allowed: 1 to 2, the processors of the largest"
    ):
        counted([[1]], [Held(name="a", documents=[[1]])], executor="ray", threads=3)


@pytest.mark.ray
def test_ray_is_started_and_stopped_where_it_was_not(ray: Any) -> None:
    """Without a connection there is one for the time being, which nobody is told of."""
    ray.shutdown()
    try:
        found = counted([[1, 1]], [Held(name="a", documents=[[1, 1, 1]])], executor="ray")
        assert found.counts.tolist() == [2]
        assert not ray.is_initialized()
        assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    finally:
        _started()
