"""Rules that end a run which draws fresh items as it goes, and estimates that stay valid for it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from string import ascii_uppercase

import numpy as np

from modelmetry.analyses.adaptive import staircase
from modelmetry.analyses.measures import LEVEL
from modelmetry.analyses.strata import strata_of
from modelmetry.analyses.table import Items, matched
from modelmetry.errors import BadInput, nearest
from modelmetry.runs.record import Until
from modelmetry.spaces import Turns
from modelmetry.statistics import Estimate
from modelmetry.statistics.betting import p_values
from modelmetry.statistics.sequential import MeanSequence

ALLOWED = (
    '"ci<0.02" (width of the 95 % interval), "A>B" (the first two models, or their specs) or '
    '"threshold<0.5" (width of the interval, in units of the difficulty)'
)

_DIFFERENCES = (-1.0, 1.0)

_WIDTH = re.compile(r"(ci|threshold)\s*<\s*([0-9.eE+-]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What must be reached on every split before a run ends.

    Attributes:
        text: The rule as it is stored: `ci<0.02`, `A>B`, `threshold<0.5`.
        width: Width below which the accuracy's interval must fall, in (0, 1), or None.
        pair: Places of the two models whose order must be known, or None.
        threshold: Width below which the threshold's interval must fall, above 0, or None.
    """

    text: str
    width: float | None = None
    pair: tuple[int, int] | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far runs are from what their rule asks.

    Attributes:
        met: Whether it is reached on every split.
        says: The state in a few words, for each split.
    """

    met: bool
    says: str


def parse(text: str, models: Sequence[str]) -> Rule:
    """Read a rule.

    Args:
        text: `ci<WIDTH`, `threshold<WIDTH`, or `X>Y` where X and Y are letters (A is the first model) or specs.
        models: Specs of the models that are asked together.

    Raises:
        BadInput: It is not such a rule, or names no model that is asked.
    """
    stripped = text.strip()
    if found := _WIDTH.fullmatch(stripped):
        return _narrower(*found.groups())
    sides = [side.strip() for side in stripped.split(">")]
    if len(sides) != 2 or not all(sides):
        raise BadInput(f"until: {text!r}; allowed: {ALLOWED}")
    a, b = (_place(side, models) for side in sides)
    if a == b:
        raise BadInput(f"until: {text!r} compares a model with itself; allowed: two models")
    return Rule(text=f"{ascii_uppercase[a]}>{ascii_uppercase[b]}", pair=(a, b))


def _narrower(what: str, text: str) -> Rule:
    try:
        width = float(text)
    except ValueError:
        width = 0.0
    if what == "threshold":
        if not 0 < width < math.inf:
            raise BadInput(f"until: width {text}; allowed: above 0, in units of the difficulty")
        return Rule(text=f"threshold<{width:g}", threshold=width)
    if not 0 < width < 1:
        raise BadInput(f"until: width {text}; allowed: between 0 and 1, both excluded")
    return Rule(text=f"ci<{width:g}", width=width)


def _place(side: str, models: Sequence[str]) -> int:
    letters = ascii_uppercase[: len(models)]
    if len(side) == 1 and side in letters:
        return letters.index(side)
    if models.count(side) == 1:
        return models.index(side)
    hint = nearest(side, [*letters, *dict.fromkeys(models)])
    known = ", ".join(f"{letter} ({spec})" for letter, spec in zip(letters, models, strict=False))
    raise BadInput(f"until: no model {side!r}{hint}; allowed: {known}, one --model for each")


def standing(rule: Rule, until: Until, runs: Sequence[Items]) -> Standing:
    """Where runs stand by what has been answered so far.

    Args:
        rule: What is to be reached.
        until: The strata of the splits, or the levels of the tasks.
        runs: The items of each run, in the order of its models.
    """
    if rule.threshold is not None:
        return _threshold_standing(rule.threshold, until, runs)
    if rule.pair is not None:
        a, b = (runs[place] for place in rule.pair)
        return _pair_standing(rule.text, a, b, until.strata)
    says, met = [], True
    for label, sizes in until.strata.items():
        for items in runs:
            found = anytime_accuracy(items, label, sizes)
            width = None if found is None else _width(found)
            met = met and width is not None and rule.width is not None and width < rule.width
            says.append(f"{label}: {'no interval yet' if width is None else f'{width:.4f} wide'}")
    return Standing(met=met, says="; ".join(says))


def _threshold_standing(width: float, until: Until, runs: Sequence[Items]) -> Standing:
    says, met = [], True
    for task, levels in until.levels.items():
        for items in runs:
            found = staircase(items, task, levels).estimate(LEVEL)
            easiest, hardest = levels[0][0], levels[-1][0]
            if found.low is not None and found.low >= hardest:
                says.append(f"{task}: saturated, the threshold is above {hardest:g}")
            elif found.high is not None and found.high <= easiest:
                says.append(f"{task}: at the floor, the threshold is below {easiest:g}")
            else:
                reached = _width(found)
                met = met and reached is not None and reached < width
                says.append(f"{task}: {'open' if reached is None else f'{reached:.3g} wide'}")
    return Standing(met=met, says="; ".join(says))


def _pair_standing(text: str, a: Items, b: Items, strata: Mapping[str, Sequence[int]]) -> Standing:
    says, met = [], True
    # All splits are to be decided at once: together they err in at most 1 - LEVEL of the runs.
    level = 1 - (1 - LEVEL) / len(strata)
    for label, sizes in strata.items():
        at_a, at_b = matched(a, b, label)
        both = anytime_difference(a, b, at_a, at_b, sizes, level=level)
        found = None if both is None else both[0]
        if found is None or found.low is None or found.high is None:
            met = False
            says.append(f"{label}: no interval yet")
            continue
        decided = found.low > 0 or found.high < 0
        met = met and decided
        order = text if found.low > 0 else text.replace(">", "<") if found.high < 0 else "open"
        says.append(f"{label}: {order} ({found.low:+.3f} to {found.high:+.3f})")
    return Standing(met=met, says="; ".join(says))


def _width(found: Estimate) -> float | None:
    return None if found.low is None or found.high is None else found.high - found.low


def anytime_accuracy(items: Items, label: str, sizes: Sequence[int]) -> Estimate | None:
    """Accuracy on a split with an interval that stays valid whenever the run ends.

    It is about the mean over the split's strata, with equal weights, and moves on after each
    complete turn over them (see `turns`): turns are alike however many there will be.

    Args:
        items: The run's items, in the order asked.
        label: The split's label.
        sizes: Points in each of its strata.

    Returns:
        The estimate; None before the first turn is complete and scored.
    """
    where = np.flatnonzero(items.split.at(label))
    places, scored = items.index[where], items.scored[where]
    table = turns(places, items.value[where], scored, sizes)
    if not len(table):
        return None
    sequence = MeanSequence(level=LEVEL)
    sequence.add(table)
    found = _asked(sequence.estimate(), places[scored], sizes)
    return replace(found, unscored=int(items.unscored[where].sum()))


def _asked(found: Estimate, places: np.ndarray, sizes: Sequence[int]) -> Estimate:
    """The estimate of a sequence with what was asked for it, without what stood in."""
    over = f" over {len(sizes)} strata of equal weight" if len(sizes) > 1 else ""
    return replace(
        found,
        n=len(places),
        clusters=len(np.unique(places)),
        method=f"mean{over}; anytime-valid interval by betting",
    )


def anytime_difference(
    a: Items, b: Items, at_a: np.ndarray, at_b: np.ndarray, sizes: Sequence[int], *, level: float
) -> tuple[Estimate, float] | None:
    """Accuracy of one run minus that of another on the same items, valid whenever they end.

    Args:
        a: The first run's items.
        b: The second's.
        at_a: Positions of the items of one split in `a`, in the order asked, shape (n,).
        at_b: Positions of the same items in `b`, shape (n,).
        sizes: Points in each of the split's strata.
        level: Confidence level, in (0, 1).

    Returns:
        The estimate and the p-value of no difference, both valid at any time; None before the
        first turn is complete and scored in both.
    """
    scored = a.scored[at_a] & b.scored[at_b]
    deltas = a.value[at_a] - b.value[at_b]
    table = turns(a.index[at_a], deltas, scored, sizes)
    if not len(table):
        return None
    sequence = MeanSequence(level=level, bounds=_DIFFERENCES)
    sequence.add(table)
    found = _asked(sequence.estimate(unscored=int((~scored).sum())), a.index[at_a][scored], sizes)
    found = replace(found, method=f"paired difference, {found.method}")
    return found, float(p_values(table, 0.0, bounds=_DIFFERENCES)[-1])


def turns(
    places: np.ndarray, values: np.ndarray, scored: np.ndarray, sizes: Sequence[int]
) -> np.ndarray:
    """The complete turns over a split's strata: one problem of each, shape (turns, strata).

    A problem counts with the mean of its scored items. Where a stratum is used up its mean, which
    is then known, stands in; where nothing of a problem was scored, the mean of its turn. Turns in
    which nothing was scored are left out.

    Args:
        places: Place of each item's problem in the split's stream, shape (n,).
        values: One number per item, shape (n,).
        scored: Which items count, shape (n,), bool.
        sizes: Points in each stratum.
    """
    count = int(places.max(initial=-1)) + 1
    per_problem = np.bincount(places[scored], minlength=count)
    sums = np.bincount(places[scored], weights=values[scored], minlength=count)
    with np.errstate(invalid="ignore"):
        means = sums / per_problem  # NaN where nothing was scored
    stratum, turn = strata_of(np.arange(count), sizes)
    # The turn of the next problem is the first that is not complete.
    ended = count >= sum(sizes)
    complete = int(turn.max(initial=-1)) + 1 if ended else Turns(sizes).place(count)[1]
    table = np.full((complete, len(sizes)), np.nan)
    kept = turn < complete
    table[turn[kept], stratum[kept]] = means[kept]
    for place, size in enumerate(sizes):
        if size < complete and not np.isnan(known := table[:size, place]).all():
            table[size:, place] = np.nanmean(known)
    table = table[~np.isnan(table).all(axis=1)]
    holes = np.isnan(table)
    if holes.any():
        table = np.where(holes, np.nanmean(table, axis=1, keepdims=True), table)
    return table
