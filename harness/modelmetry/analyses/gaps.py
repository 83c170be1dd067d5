"""Systematicity gaps: how much worse answers are where two attributes meet that never met before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from modelmetry.analyses.measures import LEVEL
from modelmetry.analyses.table import Items
from modelmetry.statistics import Estimate, balanced, meta_analysis
from modelmetry.statistics.distributions import two_sided
from modelmetry.suites import Suite, Task

ENDINGS = (("-iid", "-ood"), ("-a", "-b"))
"""Endings of the names of two splits of which the second alone shows the held-out pair."""

_OTHERS = -1
"""Class of the answers that too few problems have to be a class of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """Two splits of a task: on what training shows, and on what it never shows.

    Attributes:
        task: The task's name.
        kind: What the splits' names have in common: `minimal`, `complex`, `cogent`.
        a: Label of the split of combinations that training shows.
        b: Label of the split of those held out.
    """

    task: str
    kind: str
    a: str
    b: str

    @property
    def label(self) -> str:
        """The two labels as a difference, as those of contrasts."""
        return f"{self.a} - {self.b}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """The gap on one held-out pair.

    Attributes:
        pair: The pair's name.
        types: Its two attribute types.
        diversity: How many combinations of the two types training shows; 0 where it is not said.
        accuracy_a: Balanced accuracy on combinations that training shows, over the same answers.
        accuracy_b: The same on the held-out pair.
        estimate: Their difference; in points of which 1 is the whole.
    """

    pair: str
    types: str
    diversity: int
    accuracy_a: float
    accuracy_b: float
    estimate: Estimate


def sampling_errors(found: Sequence[Gap]) -> np.ndarray:
    """Standard error of each gap, from one variance per cluster for all pairs; shape (pairs,).

    A pair has few clusters, so that its own standard error is a matter of chance, 0 among the
    values, and weights made of it would favor the pairs on which chance spared the answers. Where
    no pair has any spread the errors are read back from the intervals, which are never of width 0.

    Args:
        found: Gaps that have intervals; one or more.
    """
    each = [gap.estimate for gap in found]
    clusters = np.array([estimate.clusters for estimate in each])
    typical = float(np.mean([(e.std_error or 0.0) ** 2 * e.clusters for e in each]))
    if typical > 0:
        return np.sqrt(typical / clusters)
    halves = np.array([((e.high or 0.0) - (e.low or 0.0)) / 2 for e in each])
    return halves / [two_sided(e.level, max(1, e.clusters - 1)) for e in each]


def find_twins(suite: Suite, items: Items) -> list[Twins]:
    """The tests of a run: splits that come in twos, of tasks with the factor `pair`.

    Args:
        suite: What was asked.
        items: The run's items; both splits must have scored ones.
    """
    found = []
    for task in suite.tasks:
        if "pair" not in task.factors:
            continue
        for kind, a, b in _twos(task):
            labels = suite.label(task.name, a), suite.label(task.name, b)
            if all((items.split.at(label) & items.scored).any() for label in labels):
                found.append(Twins(task=task.name, kind=kind, a=labels[0], b=labels[1]))
    return found


def _twos(task: Task) -> list[tuple[str, str, str]]:
    """(what two splits' names share, the first, the second)."""
    return [
        (name.removesuffix(first), name, name.removesuffix(first) + second)
        for first, second in ENDINGS
        for name in task.splits
        if name.endswith(first) and name.removesuffix(first) + second in task.splits
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The scored items of two splits with their factors; arrays have shape (n,).

    Attributes:
        place: Position of each item in the run's items.
        first: Whether it is of the first split.
        pair: Name of the pair.
        types: Its attribute types.
        diversity: Combinations that training shows; 0 where it is not said.
        variant: Number of the variant of a minimal test; -1 elsewhere.
        cell: Cell of its quad; -1 elsewhere.
    """

    place: np.ndarray
    first: np.ndarray
    pair: np.ndarray
    types: np.ndarray
    diversity: np.ndarray
    variant: np.ndarray
    cell: np.ndarray

    @property
    def pairs(self) -> list[str]:
        """The pairs, those of the same types together, in the order of the answers."""
        both = dict.fromkeys(zip(self.types.tolist(), self.pair.tolist(), strict=True))
        order = {types: i for i, types in enumerate(dict.fromkeys(types for types, _ in both))}
        return [pair for _, pair in sorted(both, key=lambda found: order[found[0]])]


def answers(items: Items, twins: Twins) -> Answers:
    """The scored items of two splits with their factors."""
    a, b = items.split.at(twins.a), items.split.at(twins.b)
    place = np.flatnonzero((a | b) & items.scored)
    codes, inverse = np.unique(items.factors.codes[place], return_inverse=True)
    levels = [json.loads(items.factors.names[code]) for code in codes]

    def factor(name: str, missing: str | int) -> np.ndarray:
        return np.array([each.get(name, missing) for each in levels])[inverse]

    return Answers(
        place=place,
        first=a[place],
        pair=factor("pair", ""),
        types=factor("types", ""),
        diversity=factor("diversity", 0),
        variant=factor("variant", -1),
        cell=factor("cell", -1),
    )


def gaps(items: Items, found: Answers) -> list[Gap]:
    """The gap on each pair; nothing of a pair whose two sides have no answer in common.

    Args:
        items: The run's items.
        found: Those of the two splits.
    """
    return list(_each_pair(items, found, items.value[found.place], (0.0, 1.0)))


def _each_pair(
    items: Items, found: Answers, values: np.ndarray, bounds: tuple[float, float]
) -> Iterator[Gap]:
    """The gap of values of these answers on each pair."""
    sides = _Sides.of(items, found, values)
    unscored = items.unscored[found.place]
    for pair in found.pairs:
        here = found.pair == pair
        part = sides.at(here)
        estimate = part.difference(bounds, int(unscored[here].sum()))
        if estimate is None:
            continue
        at = int(np.flatnonzero(here)[0])
        accuracies = part.accuracies()
        yield Gap(
            pair=pair,
            types=str(found.types[at]),
            diversity=int(found.diversity[at]),
            accuracy_a=accuracies[0],
            accuracy_b=accuracies[1],
            estimate=estimate,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """Values of items of two splits, with right answers and clusters; shape (n,) each."""

    values: np.ndarray
    first: np.ndarray
    classes: np.ndarray
    clusters: np.ndarray

    @classmethod
    def of(cls, items: Items, found: Answers, values: np.ndarray) -> _Sides:
        return cls(
            values=values,
            first=found.first,
            classes=items.expected.codes[found.place],
            clusters=items.cluster[found.place],
        )

    def at(self, here: np.ndarray) -> _Sides:
        """The chosen items, the answers that few of them have taken together as one class."""
        classes, clusters, first = self.classes[here], self.clusters[here], self.first[here]
        kinds, codes = np.unique(classes, return_inverse=True)
        units = int(clusters.max()) + 1 if len(clusters) else 1
        seen = np.unique((first * len(kinds) + codes) * units + clusters) // units
        counts = np.bincount(seen, minlength=2 * len(kinds)).reshape(2, len(kinds))
        classes = np.where((counts.min(axis=0) > 1)[codes], classes, _OTHERS)
        return _Sides(values=self.values[here], first=first, classes=classes, clusters=clusters)

    def difference(self, bounds: tuple[float, float], unscored: int) -> Estimate | None:
        """Balanced mean of the first side less that of the second; None without a common class."""
        a, b = self.first, ~self.first
        if not a.any() or not b.any():
            return None
        found = balanced.difference(
            self.values[a],
            self.values[b],
            self.classes[a],
            self.classes[b],
            self.clusters[a],
            self.clusters[b],
            level=LEVEL,
            bounds=bounds,
            unscored=unscored,
        )
        one_sided = set(self.classes[a].tolist()) ^ set(self.classes[b].tolist())
        if found is None or not one_sided:
            return found
        why = "one side has no problem with some right answer of the other: it is left out"
        return replace(found, warnings=(*found.warnings, why))

    def accuracies(self) -> tuple[float, float]:
        """Balanced mean of each side over the classes that both have."""
        kinds, codes = np.unique(self.classes, return_inverse=True)
        place = np.where(self.first, 0, len(kinds)) + codes
        counts = np.bincount(place, minlength=2 * len(kinds)).reshape(2, -1)
        totals = np.bincount(place, weights=self.values, minlength=2 * len(kinds)).reshape(2, -1)
        both = counts.min(axis=0) > 0
        a, b = (totals[:, both] / counts[:, both]).mean(axis=1).tolist()
        return a, b


def differences(items: Items, twins: Twins, other: Twins) -> list[Gap]:
    """Gap less that of another task on the same problems, for each pair.

    Only the wordings that both tasks have count, all where they have none in common; answers to one
    problem in several wordings are averaged first.

    Args:
        items: The items of both tasks.
        twins: The one.
        other: The other, such as the zero-shot control.

    Returns:
        One per pair; the accuracies are differences of accuracies too. Nothing of a pair of which no
        problem was scored in both tasks.
    """
    found, against = _same_wordings(items, answers(items, twins), answers(items, other))
    one, first = _by_problem(items, found)
    two, second = _by_problem(items, against)
    _, at_one, at_two = np.intersect1d(one, two, return_indices=True)
    if not len(at_one):
        return []
    values = first[1][at_one] - second[1][at_two]
    kept = _subset(found, first[0][at_one])
    return list(_each_pair(items, kept, values, (-1.0, 1.0)))


def _same_wordings(items: Items, a: Answers, b: Answers) -> tuple[Answers, Answers]:
    words = [items.wording.codes[part.place] for part in (a, b)]
    common = np.intersect1d(words[0], words[1])
    if not len(common):
        return a, b
    kept = (np.flatnonzero(np.isin(part, common)) for part in words)
    found = [_subset(part, at) for part, at in zip((a, b), kept, strict=True)]
    return found[0], found[1]


def _by_problem(items: Items, found: Answers) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Keys of the problems, and the first item and the mean value of each."""
    # The same problem may stand in two splits of a custom suite.
    keys = items.problem[found.place].astype(np.int64) * 2 + found.first
    distinct, at, inverse = np.unique(keys, return_index=True, return_inverse=True)
    totals = np.bincount(inverse, weights=items.value[found.place])
    return distinct, (at, totals / np.bincount(inverse))


def _subset(found: Answers, at: np.ndarray) -> Answers:
    return Answers(
        place=found.place[at],
        first=found.first[at],
        pair=found.pair[at],
        types=found.types[at],
        diversity=found.diversity[at],
        variant=found.variant[at],
        cell=found.cell[at],
    )


def pooled(found: Sequence[Gap]) -> meta_analysis.Pooled | None:
    """The random-effects mean over the pairs; None where no gap has an interval.

    Pairs are independent: each has scenes of its own. The estimate counts items and clusters, not
    pairs, of which `df` is one less.

    Args:
        found: One gap per pair.
    """
    usable = [gap for gap in found if gap.estimate.low is not None]
    if not usable:
        return None
    values = [gap.estimate.value for gap in usable]
    result = meta_analysis.pool(values, sampling_errors(usable), level=LEVEL)
    mean = result.mean
    warnings = list(mean.warnings)
    if left_out := len(found) - len(usable):
        warnings.append(f"{left_out} of {len(found)} pairs have no interval: they are left out")
    return replace(
        result,
        mean=replace(
            mean,
            n=sum(gap.estimate.n for gap in usable),
            clusters=sum(gap.estimate.clusters for gap in usable),
            unscored=sum(gap.estimate.unscored for gap in usable),
            method=f"{mean.method}; over {len(usable)} pair{'s' * (len(usable) > 1)}",
            warnings=tuple(warnings),
        ),
    )
