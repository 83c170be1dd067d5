"""Runs that draw fresh items until a number is known well enough, or the budget ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Unpack

import numpy as np

import modelmetry.runs as runs
import modelmetry.suites as suites
from modelmetry.analyses.stopping import Rule, Standing, parse, standing
from modelmetry.analyses.table import Items, read_items
from modelmetry.api.asking import (
    DEFAULT_MODEL,
    Settings,
    changed,
    effort_of,
    leave,
    model_of,
)
from modelmetry.api.making import checked_limit, read_suite
from modelmetry.api.results import Run, read_run, write_report
from modelmetry.api.sources import source_of
from modelmetry.api.streams import Ladder, Stream, headline, tested
from modelmetry.errors import BadInput, LimitReached
from modelmetry.items import Item, installed_painter
from modelmetry.models import Model
from modelmetry.runs import RunRecord, Tally, Until
from modelmetry.suites import Suite, generator_of

_FIRST = 20
"""Problems per split before the rule is looked at for the first time, if a turn is no longer."""

_GROWTH = 1.2
"""Each further look comes after a fifth more problems: at most a fifth is asked beyond need."""

_RUNG = 6
"""Problems of each task for each model that an adaptive run chooses at once."""


def open_ended(what: str | Path | Suite) -> bool:
    """Whether this is the folder of a run that draws fresh items until a rule is met."""
    if isinstance(what, Suite) or str(what) in suites.names() or not runs.is_run(Path(what)):
        return False
    return runs.read_record(Path(what)).until is not None


def run_until(
    what: str | Path | Suite,
    *,
    until: str | None = None,
    models: Sequence[str | Model] = (),
    watch: Callable[[Tally, int], None] = lambda *_: None,
    started: Callable[[Path, RunRecord], None] = lambda *_: None,
    **settings: Unpack[Settings],
) -> list[Run]:
    """Ask models the same fresh problems of a suite until a rule is met.

    For a rule about accuracy the splits of the headline grow evenly. The rule is looked at again and
    again, which the intervals allow for: they are anytime-valid (see `statistics.sequential`). For
    a rule about thresholds a staircase chooses among all splits but train (`statistics.staircase`).

    Args:
        what: A suite (name, path or object), or the folder of such a run to go on with.
        until: `ci<0.02`: the 95 % interval of every model's accuracy is narrower than that on every
            headline split. `A>B`: it is known which of two models is better on every headline
            split; A is the first model. `threshold<0.5`: the interval of the difficulty at which
            accuracy is halfway is narrower than that for every task and model; the answers choose
            how hard the next problems are. By default the run's own rule.
        models: Specs or models; by default the run's own, or `DEFAULT_MODEL`.
        watch: Called with a model's tally and its place among the models after each answer.
        started: Called with each folder and record before the first question.
        **settings: As for `run`; limits of connections and cost are each model's, and `limit`, the
            most problems per split, may be raised for a run that is gone on with.

    Returns:
        The runs, scored, in the order of the models; report files lie in their folders.

    Raises:
        BadInput: Anything given cannot be used.
        Unreachable: A model does not answer; the runs can be resumed.
        LimitReached: The limit of problems or cost was reached first; the runs can be resumed.
    """
    checked_limit(settings.get("limit"))
    going_on = open_ended(what)
    plan = (_found if going_on else _made)(what, until, models, settings)
    new = not going_on and not settings.get("resume")
    for folder in plan.folders:
        started(folder, runs.read_record(folder))
    try:
        runs.execute_together(
            [
                runs.Part(folder=folder, model=model, watch=partial(_watched, watch, place))
                for place, (folder, model) in enumerate(zip(plan.folders, plan.models, strict=True))
            ],
            effort_of(plan.models, settings),
            plan.growth(),
        )
    except BaseException as error:
        # What stopped the runs is what the user must hear about, not a fault that came after it.
        with suppress(Exception):
            # Runs that grow together go on together: none is removed while one has answers.
            begun = any(runs.answers(folder) for folder in plan.folders)
            for folder in plan.folders:
                leave(folder, new=new and not begun, error=error)
        raise
    reads = [read_run(folder) for folder in plan.folders]
    for read in reads:
        write_report([read], read.folder)
    return reads


def dry_run_until(
    what: str | Path | Suite,
    *,
    until: str,
    models: Sequence[str | Model] = (),
    **settings: Unpack[Settings],
) -> dict[str, Any]:
    """What `run_until` would begin with; asks nothing and writes nothing.

    Args:
        what: A suite.
        until: The rule.
        models: Specs or models; by default `DEFAULT_MODEL`.
        **settings: As for `run`.

    Returns:
        Name -> value: the stream, the rule, and what a problem of each split costs.
    """
    suite = _suite(what, settings)
    source = changed(source_of(suite, None, settings.get("seed")), settings)
    specs = [model_of(source, model, settings).spec for model in models or [DEFAULT_MODEL]]
    rule = parse(until, specs)
    stream = _stream(rule, suite, source.seed)
    limit = settings.get("limit")
    most = "all there are" if limit is None else f"{limit:,}"
    if isinstance(stream, Stream):
        most = f"{min(limit or stream.most, stream.most):,}"
    return {
        "suite": f"{suite.name} version {suite.version}",
        "edition": stream.edition,
        "models": ", ".join(specs),
        "until": rule.text,
        "splits": ", ".join(
            stream.suite.label(task.name, split)
            for task in stream.suite.tasks
            for split in task.splits
        ),
        "requests for a problem of each": stream.width * source.repeats * len(specs),
        "problems of each, at most": most,
    }


def _watched(watch: Callable[[Tally, int], None], place: int, tally: Tally) -> None:
    watch(tally, place)


@dataclass(kw_only=True)
class _Plan:
    """Runs that go on until a rule is met.

    Attributes:
        stream: Where their items come from.
        rule: What is to be reached.
        until: The same as their records have it.
        folders: The runs, in the order of the rule's models.
        models: The models, likewise.
        limit: Most problems per split, or per task of an adaptive run; None for all there are.
    """

    stream: Stream | Ladder
    rule: Rule
    until: Until
    folders: list[Path]
    models: list[Model]
    limit: int | None
    _chosen: list[Item] = field(default_factory=list)

    def growth(self) -> runs.Growth:
        """Fresh items until the rule is met."""
        return runs.Growth(wanted=self._wanted, items=self._items)

    def _wanted(self) -> int:
        """How many items the runs should hold, by what was answered so far."""
        held = max(map(_held, self.folders))
        answered: list[Items] = []
        if held:
            answered = [read_items(read_run(folder).scores) for folder in self.folders]
            found = standing(self.rule, self.until, answered)
            if found.met:
                return held
            self._check_limit(answered[0], found)
        if isinstance(self.stream, Stream):
            return self._evenly(self.stream, held)
        self._chosen = self.stream.choose(answered, self._asked(), _RUNG)
        if not self._chosen:
            raise LimitReached(f"until {self.rule.text}: no problem is left at the levels wanted")
        return held + len(self._chosen)

    def _evenly(self, stream: Stream, held: int) -> int:
        # When the rule is looked at depends on nothing else, so that a run that was killed ends
        # as it would have without.
        problems = held // stream.width
        return stream.width * self._up_to(stream, problems * _GROWTH if held else _FIRST)

    def _check_limit(self, items: Items, found: Standing) -> None:
        """Refuse to go on beyond the limit."""
        groups = items.split if isinstance(self.stream, Stream) else items.task
        problems = max(len(np.unique(items.problem[groups.at(name)])) for name in groups.names)
        if isinstance(self.stream, Stream):
            most = self._up_to(self.stream, math.inf)
            why = "" if self.limit and self.limit < self.stream.most else ", all that there are"
        else:
            most, why = self.limit or math.inf, ""
        if problems >= most:
            raise LimitReached(
                f"until {self.rule.text}: open after {problems} problems{why} ({found.says})"
            )

    def _up_to(self, stream: Stream, problems: float) -> int:
        """About so many problems per split: whole turns, and no more than there may be."""
        step, most = stream.step, stream.most
        if self.limit is not None:
            most = min(most, self.limit)
        most = max(most - most % step, min(most, step))
        return most if problems >= most else min(most, step * (math.floor(problems / step) + 1))

    def _items(self, start: int, stop: int) -> list[Item]:
        """The items at positions from `start` up to `stop`."""
        if isinstance(self.stream, Stream):
            return self.stream.items(start, stop)
        # A run that was stopped while items were being added lacks what its peers have.
        longest = max(self.folders, key=_held)
        with runs.open_store(longest) as store:
            known = [item for _, item in islice(store.items(start - 1), stop - start)]
        return known + self._chosen[: stop - start - len(known)]

    def _asked(self) -> set[str]:
        """Uids of the problems in the runs."""
        with runs.open_store(max(self.folders, key=_held)) as store:
            return {item.problem.uid for _, item in store.items()}


def _made(
    what: str | Path | Suite, until: str | None, models: Sequence[str | Model], settings: Settings
) -> _Plan:
    """New runs of a suite, or those that `resume` finds."""
    suite = _suite(what, settings)
    seed = settings.get("seed") or 0
    source = changed(source_of(suite, None, seed), settings)
    asked = [model_of(source, model, settings) for model in models or [DEFAULT_MODEL]]
    rule = parse(until or "", [model.spec for model in asked])
    effort_of(asked, settings)  # what is wrong is said before anything is made
    stream = _stream(rule, suite, seed)
    folders = []
    for model in asked:
        same = {
            "edition": stream.edition,
            "model": model,
            "sampling": source.sampling,
            "repeats": source.repeats,
        }
        log_dir = Path(settings.get("log_dir") or "runs")
        found = runs.find(log_dir, **same) if settings.get("resume") else None
        folders.append(found or runs.prepare(log_dir, [], suite=stream.suite, seed=seed, **same))
    limit = settings.get("limit")
    return _Plan(
        stream=stream,
        rule=rule,
        until=_agreed(folders, rule, stream, limit),
        folders=folders,
        models=asked,
        limit=limit,
    )


def _found(
    what: str | Path | Suite, until: str | None, models: Sequence[str | Model], settings: Settings
) -> _Plan:
    """The run of a folder and those that grow with it."""
    folder = Path(str(what))
    record = runs.read_record(folder)
    if record.until is None:
        raise AssertionError("only runs that draw fresh items come here")
    folders = [folder.parent / peer for peer in record.until.peers]
    seed, given = settings.get("seed"), settings.get("suite_options")
    sources = [changed(source_of(peer, None, seed, given), settings) for peer in folders]
    if models and len(models) != len(folders):
        raise BadInput(f"{folder}: {len(models)} models; allowed: leave --model out")
    wanted = models or [None] * len(folders)
    asked = [model_of(s, model, settings) for s, model in zip(sources, wanted, strict=True)]
    rule = parse(until or record.until.rule, [model.spec for model in asked])
    for task in record.suite.tasks:
        if generator_of(task).fingerprint() != task.fingerprint:
            raise BadInput(
                f"{folder}: the installed {task.generator} generator makes other problems; "
                "allowed: the version that began the run"
            )
        for name, version in task.painters.items():
            if (now := installed_painter(name).version) != version:
                raise BadInput(
                    f"{folder}: painter {name} is installed in version {now}; "
                    f"allowed: version {version}, which began the run"
                )
    if (rule.threshold is not None) != record.until.adaptive:
        raise BadInput(f"{folder}: until {rule.text}; allowed: a rule like {record.until.rule}")
    stream = _stream(rule, record.suite, record.seed)
    limit = settings.get("limit") or record.limit
    agreed = _agreed(folders, rule, stream, limit)
    return _Plan(stream=stream, rule=rule, until=agreed, folders=folders, models=asked, limit=limit)


def _suite(what: str | Path | Suite, settings: Settings) -> Suite:
    """A suite, which can draw fresh items; neither an edition nor a run that has its items."""
    if not isinstance(what, Suite) and str(what) not in suites.names() and Path(what).is_dir():
        raise BadInput(f"{what}: its items are fixed; allowed with --until: a suite")
    return read_suite(what, settings.get("suite_options"))


def _stream(rule: Rule, suite: Suite, seed: int) -> Stream | Ladder:
    """The splits of the headline, or everything that is tested where answers choose."""
    if rule.threshold is None:
        return Stream(suite=headline(suite), seed=seed)
    return Ladder(suite=tested(suite), seed=seed)


def _agreed(
    folders: Sequence[Path], rule: Rule, stream: Stream | Ladder, limit: int | None
) -> Until:
    """The rule as the records of all runs now have it."""
    records = [runs.read_record(folder) for folder in folders]
    until = Until(
        rule=rule.text,
        strata=stream.strata,
        peers=tuple(folder.name for folder in folders),
        models=tuple(record.model for record in records),
        levels=stream.levels,
    )
    for folder, record in zip(folders, records, strict=True):
        runs.write_record(folder, replace(record, until=until, limit=limit))
    return until


def _held(folder: Path) -> int:
    with runs.open_store(folder) as store:
        return store.item_count()
