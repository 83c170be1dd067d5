"""A night: what was asked of whom, what came out, and which gates it passed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["fresh", "anchor"]
"""Problems drawn for this night alone, or the frozen ones that every night asks again."""

Outcome = Literal["passed", "failed", "not decided"]
"""Of a gate. What could not be decided, such as drift on the third night, fails nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One model on one suite.

    Attributes:
        suite: The suite's name.
        model: The model's spec.
        kind: Fresh problems or anchors.
        status: `finished`, or how far the run came (`interrupted`, `unreachable`, `limit`), or `failed`
            where it could not begin.
        run: The run's folder, relative to the night's; empty where there is none.
        note: Why it did not finish, in one line; empty when it did.
        wall_s: Seconds spent asking.
        cost_usd: Price in US dollars; 0 without prices.
    """

    suite: str
    model: str
    kind: Kind
    status: str
    run: str = ""
    note: str = ""
    wall_s: float = 0.0
    cost_usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One estimate of one night; the fields are the history's columns, in order.

    Attributes:
        date: The night, ISO 8601.
        suite: The suite's name.
        suite_version: Its version.
        model: The model's spec.
        kind: Fresh problems or anchors.
        split: The split's label.
        estimand: What was estimated, a share in [0, 1].
        value: The estimate.
        std_error: Standard error, or None.
        ci_low: Lower end of the 95 % interval, or None.
        ci_high: Upper end, or None.
        ci_method: How value and interval were made.
        n_items: Items that entered.
        n_clusters: Independently drawn units among them.
        n_unscored: Answers that the instrument failed to read.
        edition: Names the exact test set.
        seed_commitment: SHA-256 that fixes the seed without showing it.
        run_digest: SHA-256 of what was asked and how it was scored.
        cost_usd: Price of the run in US dollars; 0 without prices.
        primary: Whether the split is one of the suite's headline.
        change: On anchors, paired difference to the first night that asked the same ones; None on that
            night, and on fresh problems.
        change_error: Its standard error; that of its interval where no item changed.
        change_clusters: Independently drawn units in it.
    """

    date: str
    suite: str
    suite_version: int
    model: str
    kind: Kind
    split: str
    estimand: str
    value: float
    std_error: float | None
    ci_low: float | None
    ci_high: float | None
    ci_method: str
    n_items: int
    n_clusters: int
    n_unscored: int
    edition: str
    seed_commitment: str
    run_digest: str
    cost_usd: float = 0.0
    primary: bool = True
    change: float | None = None
    change_error: float | None = None
    change_clusters: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a gate says.

    Attributes:
        gate: `regression`, `drift`, `cost`, `check standard` or `coverage`.
        suite: The suite, or empty where the gate is about the night.
        model: The model, or empty likewise.
        split: The split's label, or empty likewise.
        outcome: Whether it passed.
        says: The finding in one sentence, numbers and limit included.
        p: p-value after correction over the night's gates of this kind, where it has one.
    """

    gate: str
    suite: str = ""
    model: str = ""
    split: str = ""
    outcome: Outcome
    says: str
    p: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One night, whole; `summary.json` is this.

    Attributes:
        name: The job's name.
        date: The night, ISO 8601.
        started_at: ISO 8601, UTC.
        ended_at: ISO 8601, UTC.
        cells: Every model on every suite, in the order of the configuration.
        readings: Every estimate.
        verdicts: What every gate says.
        config_digest: SHA-256 of the configuration, secrets left out.
        harness_version: Version of modelmetry that asked.
        format: Version of this record.
    """

    name: str
    date: str
    started_at: str
    ended_at: str
    cells: tuple[Cell, ...]
    readings: tuple[Reading, ...]
    verdicts: tuple[Verdict, ...]
    config_digest: str
    harness_version: str
    format: Literal[1] = 1

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The gates that failed."""
        return tuple(verdict for verdict in self.verdicts if verdict.outcome == "failed")
