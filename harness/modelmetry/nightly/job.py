"""What a nightly job is: suites, models, budgets and gates, as `nightly.yaml` gives them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from modelmetry.items import content_hash

Count = Annotated[int, Meta(ge=1)]
Money = Annotated[float, Meta(gt=0)]
Name = Annotated[str, Meta(min_length=1)]
Share = Annotated[float, Meta(ge=0, lt=1)]
Options = dict[str, Any]
Splits = Literal["primary", "all"]

FIRST = "first"
"""As a baseline: the first night that asked the same anchors."""


class _Part(Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping of the file; keys that it does not know are refused."""


class Secret(_Part, frozen=True):
    """Where the secret is: in the environment, or in a file.

    Attributes:
        env: Name of the environment variable that holds it.
        file: Path of the file that holds it.
    """

    env: Name | None = None
    file: Name | None = None


class Fresh(_Part, frozen=True):
    """Problems drawn for one night alone.

    Attributes:
        limit: Most problems per split; None for the suite's own numbers.
    """

    limit: Count | None = None


class Anchors(_Part, frozen=True):
    """The frozen problems that every night asks again.

    Attributes:
        seed: Root seed; None for one that the secret gives.
        limit: Most problems per split; None for the suite's own numbers.
        edition: An edition's folder in place of both.
    """

    seed: Annotated[int, Meta(ge=0)] | None = None
    limit: Count | None = None
    edition: Name | None = None


class SuiteJob(_Part, frozen=True):
    """A suite and how it is asked.

    Attributes:
        suite: Name of a packaged suite, or path of a `.yaml` file.
        name: What the job calls it; the suite's own name if empty.
        fresh: Fresh problems; None for none.
        anchors: Anchors; None for none.
        options: Options of the suite's generators.
        epochs: How often each item is asked; None for the suite's own number.
        temperature: In place of the suite's own.
        max_tokens: In place of the suite's own.
    """

    suite: Name
    name: str = ""
    fresh: Fresh | None = None
    anchors: Anchors | None = None
    options: Options = {}
    epochs: Count | None = None
    temperature: Annotated[float, Meta(ge=0)] | None = None
    max_tokens: Count | None = None

    @property
    def label(self) -> str:
        """What the job calls it."""
        return self.name or Path(self.suite).stem


class ModelJob(_Part, frozen=True):
    """A model and how it is reached.

    Attributes:
        model: Spec `provider/name`.
        name: What the job calls it; the spec if empty.
        base_url: Its server's address.
        options: The back end's options, `-M` on the command line.
        max_connections: Most requests in flight.
        max_retries: Most repetitions of a request after a passing fault.
        cost_limit: US dollars that it may spend in a night; needs its prices.
        suites: Only these suites, by the names of the job; all if empty.
    """

    model: Name
    name: str = ""
    base_url: str | None = None
    options: Options = {}
    max_connections: Count | None = None
    max_retries: Annotated[int, Meta(ge=0)] | None = None
    cost_limit: Money | None = None
    suites: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What the job calls it."""
        return self.name or self.model


class CheckStandard(ModelJob, frozen=True):
    """The instrument that never changes and is asked first.

    Attributes:
        go_on: Whether the models are asked although it moved.
    """

    model: Name = "reference/check-standard"
    go_on: bool = False


class Budget(_Part, frozen=True):
    """What a night may take.

    Attributes:
        cost: US dollars for all models together.
        cell_cost: US dollars for one model on one suite and kind.
        cell_minutes: Minutes for the same.
    """

    cost: Money | None = None
    cell_cost: Money | None = None
    cell_minutes: Money | None = None


class Regression(_Part, frozen=True):
    """Whether a model lost accuracy, paired on the same items.

    Attributes:
        baseline: The night whose anchors are compared with: `first`, a date, or `none`.
        against: Models of the same night to be compared with besides, on all that both were asked.
        false_alarm_rate: Probability that a night without any loss fails, over all comparisons.
        margin: Loss that does not matter, as a share.
        splits: The suite's primary splits, or all.
        suites: Only these, by the names of the job; all if empty.
    """

    baseline: str = FIRST
    against: tuple[str, ...] = ()
    false_alarm_rate: Annotated[float, Meta(gt=0, lt=0.5)] = 0.01
    margin: Share = 0.0
    splits: Splits = "primary"
    suites: tuple[str, ...] = ()


class Drift(_Part, frozen=True):
    """Control charts over the nights.

    Attributes:
        run_length: Nights to the first false alarm on average, of all charts together.
        nights: Nights of the baseline, before a chart begins.
        rule: The rule of the charts.
        slack: Of CUSUM: half of the standardized change to be found soonest.
        weight: Of EWMA: weight of tonight.
        since: Nights before this one are left out; to begin anew once a change is understood.
        margin: Change that counts as none when it is said what moved.
        splits: The suite's primary splits, or all.
        suites: Only these, by the names of the job; all if empty.
    """

    run_length: Annotated[float, Meta(ge=20, le=100_000)] = 365.0
    nights: Annotated[int, Meta(ge=2)] = 40
    rule: Literal["cusum", "ewma", "shewhart"] = "cusum"
    slack: Annotated[float, Meta(gt=0, le=3)] = 0.5
    weight: Annotated[float, Meta(ge=0.02, le=1)] = 0.1
    since: dt.date | None = None
    margin: Annotated[float, Meta(gt=0, lt=1)] = 0.05
    splits: Splits = "primary"
    suites: tuple[str, ...] = ()


class Cost(_Part, frozen=True):
    """What a night may have cost.

    Attributes:
        night: US dollars of all models together.
        model: US dollars of each model.
    """

    night: Money | None = None
    model: Money | None = None


class Gates(_Part, frozen=True):
    """What a night is held against; what every night is, coverage and check standard, needs no word.

    Attributes:
        regression: None for none.
        drift: None for none.
        cost: None for none.
    """

    regression: Regression | None = None
    drift: Drift | None = None
    cost: Cost | None = None


class Keep(_Part, frozen=True):
    """How long nights are kept; history and the nights that others are held against always are.

    Attributes:
        answers: Nights whose runs are kept.
        nights: Nights whose folders are kept.
    """

    answers: Count = 30
    nights: Count = 400


class Job(_Part, frozen=True):
    """A nightly job; paths in it are relative to its file.

    Attributes:
        name: What it is called.
        suites: What is asked.
        models: Who is asked.
        out: Folder of all nights.
        secret: From which the seeds of fresh problems follow.
        check_standard: Asked first; False for none.
        timezone: In which a date begins and ends, by its IANA name.
        parallel: Models asked at the same time.
        budget: What a night may take.
        gates: What it is held against.
        keep: How long it is kept.
        leaderboard: Folder of leaderboards that finished fresh runs are added to.
    """

    suites: Annotated[tuple[SuiteJob, ...], Meta(min_length=1)]
    models: Annotated[tuple[ModelJob, ...], Meta(min_length=1)]
    name: Name = "nightly"
    out: Name = "nightly"
    secret: Secret | None = None
    check_standard: CheckStandard | bool = CheckStandard()
    timezone: Name = "UTC"
    parallel: Count = 1
    budget: Budget = Budget()
    gates: Gates = Gates()
    keep: Keep = Keep()
    leaderboard: Name | None = None

    @property
    def check(self) -> CheckStandard | None:
        """The check standard, or None."""
        if isinstance(self.check_standard, CheckStandard):
            return self.check_standard
        return CheckStandard() if self.check_standard else None

    @property
    def respondents(self) -> tuple[ModelJob, ...]:
        """All who are asked, the check standard first."""
        return (*([self.check] if self.check else []), *self.models)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of what the job asks and what it is held against; the secret has no part in it."""
        told = msgspec.to_builtins(self)
        return content_hash({key: told[key] for key in told if key not in ("secret", "parallel")})
