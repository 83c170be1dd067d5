"""A run's identity card: `run.json`, everything about a run besides its items and answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from modelmetry.models import Sampling
from modelmetry.suites import Suite

Status = Literal["running", "finished", "interrupted", "unreachable", "limit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """When a run that draws fresh items as it goes is to end.

    Attributes:
        rule: What must be reached: `ci<0.02`, `A>B` with the models' places among `peers`, or
            `threshold<0.5`.
        strata: Split label -> points in each of its strata, in the order in which they take
            turns; 2**53 stands for more. Empty where the answers chose the difficulty.
        levels: Task -> (difficulty, chance) of everything that the answers could choose from.
        peers: Ids of the runs that draw the same items together, this one included.
        models: Specs of their models, in the same order.
    """

    rule: str
    strata: Mapping[str, tuple[int, ...]]
    peers: tuple[str, ...]
    models: tuple[str, ...]
    levels: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)

    @property
    def adaptive(self) -> bool:
        """Whether answers decided how hard the next problems were."""
        return bool(self.levels)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What was run, on what, with what, and how it ended.

    Attributes:
        format: Version of the run folder's layout.
        id: `<suite>-<model>-<UTC time>`, the folder's name.
        suite: The suite as it was asked.
        seed: Root seed of the problems.
        edition: Names the exact test set: a hash of suite, version, seed, limits, fingerprints.
        model: The model's spec.
        identity: What else can change the model's answers.
        found: What the back end turned out to be, such as its revision; for the record only.
        sampling: How answers were decoded, before each prompt's own stop texts.
        repeats: How often each item was asked.
        limit: Most problems per split, or None.
        until: The rule that ends the run, or None where the items were fixed beforehand.
        status: How far it came.
        planned: Number of answers that make the run complete, one per item and repeat, or as many as were drawn so far.
        versions: Package name -> version.
        started_at: ISO 8601, UTC.
        ended_at: ISO 8601, UTC; empty while running.
        wall_s: Seconds spent asking, over all resumptions.
        note: Why it stopped, in one line; empty when finished.
        origin: Of a run that was read from another harness's log: which log, which of its metrics,
            and how it was read. Empty for a run of ours.
    """

    id: str
    suite: Suite
    seed: int
    edition: str
    model: str
    identity: Mapping[str, Any]
    sampling: Sampling
    repeats: int
    planned: int
    started_at: str
    found: Mapping[str, str] = field(default_factory=dict)
    format: Literal[1] = 1
    limit: int | None = None
    until: Until | None = None
    status: Status = "running"
    versions: Mapping[str, str] = field(default_factory=dict)
    ended_at: str = ""
    wall_s: float = 0.0
    note: str = ""
    origin: Mapping[str, str] = field(default_factory=dict)
