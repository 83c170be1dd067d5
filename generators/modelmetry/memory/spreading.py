"""Counts of windows whose shards are spread over the workers of Ray, or counted in this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from numpy.typing import ArrayLike

from modelmetry.errors import BadInput
from modelmetry.items.cluster import Executor, connected
from modelmetry.memory.blocks import Held, Shard
from modelmetry.memory.encodings import Encoding
from modelmetry.memory.finding import indexed
from modelmetry.memory.windows import Counts, count

AHEAD = 2
"""Tasks that are waiting or at work, for each that can be at work at a time."""

_TURNS = 4
"""Tasks for each that can be at work at a time, so that none is long at work when the others are done."""


def counted(
    probes: ArrayLike,
    shards: Iterable[Shard],
    *,
    executor: Executor = "local",
    width: int | None = None,
    encoding: Encoding | None = None,
    places: int = 0,
    threads: int | None = None,
) -> Counts:
    """`windows.count`, by the executor of choice: the counts are the same.

    On Ray each task takes shards that follow each other. The probes with what finds them are
    put into the object store once; a task holds a block of its shard at a time besides. Files must be
    found under the same names by all workers. A cluster that this process is connected to is used,
    or the one at `RAY_ADDRESS`; otherwise Ray is started on this machine, without dashboard or usage
    statistics, and stopped afterward.

    Args:
        probes: Token numbers, shape (n, width).
        shards: The corpus, or a part of it.
        executor: `local` for threads of this process, or `ray`.
        width: Tokens of a window; default what `probes` has.
        encoding: What the probes were encoded with; default what the first shard was.
        places: So many places of each probe are kept.
        threads: Threads that look for windows: in all, or on Ray for each task, which then takes so
            many processors; default one per processor, 4 at most, and on Ray one.

    Returns:
        The counts.

    Raises:
        BadInput: As for `windows.count`, if there is no such executor, or if Ray is not installed.
    """
    shards = tuple(shards)
    if executor == "local":
        return count(probes, shards, width=width, encoding=encoding, places=places, threads=threads)
    if executor != "ray":
        raise BadInput(f"executor: {executor!r}; allowed: local, ray")
    threads = 1 if threads is None else threads
    # Whatever is wrong with probes and shards together is found before Ray is started.
    empty = [
        Held(name=each.name, documents=(), encoding=each.encoding, vocabulary=each.vocabulary)
        for each in shards
    ]
    options = {"places": places, "threads": threads}
    index = indexed(probes, width)
    encoding = count(index, empty, encoding=encoding, **options).encoding
    with connected() as ray:
        at_once = _at_once(ray, threads)
        size = max(1, len(shards) // (_TURNS * at_once))
        groups = [shards[i : i + size] for i in range(0, len(shards), size)]
        task = ray.remote(count).options(num_cpus=threads)
        held = ray.put(index)
        submitted = (task.remote(held, group, encoding=encoding, **options) for group in groups)
        first, *rest = _in_order(ray, submitted, AHEAD * at_once)
    return sum(rest, start=first)


def _at_once(ray: Any, threads: int) -> int:
    """How many tasks of so many processors can be at work at a time, >= 1."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    processors = [int(resources.get("CPU", 0)) for resources in nodes]
    # A cluster that has none yet may still grow; one that is too small would wait for ever.
    if 0 < max(processors) < threads:
        raise BadInput(
            f"threads: {threads}; allowed: 1 to {max(processors)}, the processors of the largest "
            "machine of Ray's"
        )
    return max(1, sum(each // threads for each in processors))


def _in_order(ray: Any, submitted: Iterator[Any], most: int) -> Sequence[Counts]:
    """The results of tasks, of which no more than `most` are submitted before the first is done."""
    results: list[Counts] = []
    waiting: deque[Any] = deque()
    try:
        for task in submitted:
            waiting.append(task)
            if len(waiting) >= most:
                results.append(ray.get(waiting.popleft()))
        while waiting:
            results.append(ray.get(waiting.popleft()))
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, BadInput):
            raise BadInput(str(error.cause)) from None
        raise
    finally:
        for task in waiting:
            ray.cancel(task)
    return results
