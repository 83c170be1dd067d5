"""Memorization along model size or training: what several runs of the same probes say together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from modelmetry.analyses.measures import LEVEL
from modelmetry.analyses.memorization.probes import Probes
from modelmetry.analyses.memorization.rates import TWINS
from modelmetry.analyses.memorization.study import MemorizationStudy, TaskStudy
from modelmetry.errors import BadInput
from modelmetry.memory.taxonomy import CATEGORIES
from modelmetry.statistics import Estimate, clustered, multiplicity, pairs
from modelmetry.statistics.checks import partition
from modelmetry.statistics.distributions import t_p_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """One run of several.

    Attributes:
        name: What the run is called.
        at: Its place along the axis: weights, training steps, or whatever was stated.
        rates: Category, or `all` -> share of the planted sequences extracted.
        shares: Category -> part of all that was extracted; None where nothing was.
        twins: Share of twins extracted; None without twins.
        halfway: Duplicates at which half are extracted; None where the data cannot say.
    """

    name: str
    at: float
    rates: dict[str, Estimate]
    shares: dict[str, Estimate | None]
    twins: Estimate | None
    halfway: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The last run of several less the first, paired on the same probes.

    Attributes:
        of: `rate` or `share`.
        category: `all` or a category.
        difference: Last less first.
        p: Two-sided p-value of no difference, by Holm over the categories of one `of`; `all` is one
            comparison.
    """

    of: str
    category: str
    difference: Estimate
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Several runs along one axis.

    Attributes:
        axis: What it is: `weights`, `training steps`, ...
        task: The task.
        runs: By their place, ascending.
        changes: From the first to the last.
        warnings: Reasons for care, one sentence each.
    """

    axis: str
    task: str
    runs: tuple[Grown, ...]
    changes: tuple[Change, ...]
    warnings: tuple[str, ...] = ()


def find_growth(
    studies: Sequence[MemorizationStudy], names: Sequence[str], at: Sequence[float], axis: str
) -> tuple[Growth, ...]:
    """Every task that all runs have, along an axis; nothing of fewer than two runs.

    Args:
        studies: The runs' studies.
        names: What the runs are called.
        at: Place of each along the axis, finite.
        axis: What the axis is.

    Raises:
        BadInput: As many names and places were not given, a place is no number, the runs have no task in
            common, or asked other probes, or were told apart at other thresholds.
    """
    _check(studies, names, at)
    if len(studies) < 2:
        return ()
    order = sorted(range(len(studies)), key=lambda i: at[i])
    tasks = [{task.task: task for task in studies[i].tasks} for i in order]
    common = [name for name in tasks[0] if all(name in each for each in tasks)]
    if not common:
        raise BadInput(
            f"memorization: {names[order[0]]} and the others have no task in common; "
            "allowed: runs of one suite"
        )
    placed = [(names[i], float(at[i])) for i in order]
    return tuple(_growth(axis, [each[name] for each in tasks], placed) for name in common)


def _check(studies: Sequence[MemorizationStudy], names: Sequence[str], at: Sequence[float]) -> None:
    if not len(studies) == len(names) == len(at):
        raise BadInput(
            f"memorization: {len(studies)} runs, {len(names)} names, {len(at)} places; "
            "allowed: one of each for every run"
        )
    for name, place in zip(names, at, strict=True):
        if not np.isfinite(place):
            raise BadInput(f"memorization: {name} is at {place}; allowed: finite numbers")
    thresholds = {study.threshold for study in studies}
    if len(thresholds) > 1:
        told = ", ".join(map(str, sorted(thresholds)))
        raise BadInput(f"memorization: thresholds {told}; allowed: one for all runs")


def _growth(axis: str, tasks: Sequence[TaskStudy], placed: Sequence[tuple[str, float]]) -> Growth:
    first = tasks[0]
    for task, (name, _) in zip(tasks, placed, strict=True):
        if task.probes.wording != first.probes.wording or not np.array_equal(
            np.sort(task.probes.problem), np.sort(first.probes.problem)
        ):
            raise BadInput(
                f"memorization: {name} and {placed[0][0]} asked other probes in {first.task}; "
                "allowed: runs of one suite, limit and wording on the same corpus"
            )
    return Growth(
        axis=axis,
        task=first.task,
        runs=tuple(_grown(task, *place) for task, place in zip(tasks, placed, strict=True)),
        changes=tuple(_changes(first.probes, tasks[-1].probes)),
        warnings=tuple(_warnings(placed)),
    )


def _warnings(placed: Sequence[tuple[str, float]]) -> Iterator[str]:
    for (one, here), (two, there) in pairwise(placed):
        if here == there:
            yield f"{one} and {two} are at the same place, {here:g}"


def _grown(task: TaskStudy, name: str, at: float) -> Grown:
    rates = {(r.by, r.level): r.extracted for r in task.rates}
    found = {name: rates.get(("category", name)) for name in CATEGORIES}
    found = {"all": rates.get(("all", "all")), **found}
    halfway = {each.kind: each.duplicates for each in task.halfway}
    return Grown(
        name=name,
        at=at,
        rates={category: rate for category, rate in found.items() if rate is not None},
        shares={share.category: share.share for share in task.shares},
        twins=rates.get(("all", TWINS)),
        halfway=halfway.get("all"),
    )


def _changes(first: Probes, last: Probes) -> Iterator[Change]:
    """Rates and shares of the last less the first, on the planted sequences that both could score."""
    mine, yours = np.argsort(first.problem), np.argsort(last.problem)
    before, after = first.extracted[mine], last.extracted[yours]
    kept = first.planted[mine] & ~np.isnan(before) & ~np.isnan(after)
    before, after = before[kept], after[kept]
    category, cluster = first.category[mine][kept], first.cluster[mine][kept]
    if not kept.any():
        return
    yield _rate("all", before, after, cluster)
    present = [name for name in CATEGORIES if (category == name).any()]
    yield from _corrected(
        [
            _rate(name, *(part[category == name] for part in (before, after, cluster)))
            for name in present
        ]
    )
    if before.any() and after.any():
        yield from _corrected(
            [_share(name, before, after, category == name, cluster) for name in present]
        )


def _rate(category: str, before: np.ndarray, after: np.ndarray, cluster: np.ndarray) -> Change:
    return Change(
        of="rate",
        category=category,
        difference=pairs.difference(after, before, cluster, level=LEVEL),
        p=pairs.p_value(pairs.paired(after, before, cluster)),
    )


def _share(
    category: str, before: np.ndarray, after: np.ndarray, mine: np.ndarray, cluster: np.ndarray
) -> Change:
    """A difference of two ratios of the same probes, linearized, over those extracted at least once."""
    kept = (before > 0) | (after > 0)
    codes, count = partition(cluster[kept], int(kept.sum()))
    value, influence, weights = 0.0, np.zeros(len(codes)), np.zeros(len(codes))
    for out, sign in ((after[kept], 1.0), (before[kept], -1.0)):
        share = float(out @ mine[kept] / out.sum())
        value += sign * share
        influence += sign * out * (mine[kept] - share) / out.sum()
        weights += out / out.sum() / 2
    found = clustered.linear(value, influence, weights, codes, count, yes_or_no=False)
    error = found.std_error
    return Change(
        of="share",
        category=category,
        difference=clustered.estimate(
            found, "difference of shares", level=LEVEL, bounds=(-1.0, 1.0), unscored=0
        ),
        p=t_p_value(value / error, found.degrees) if error else 1.0,
    )


def _corrected(found: Sequence[Change]) -> list[Change]:
    adjusted = multiplicity.holm([each.p for each in found])
    return [replace(each, p=float(p)) for each, p in zip(found, adjusted, strict=True)]
