"""Run lengths of control charts: how many nights pass before an alarm, found by simulation."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from modelmetry.statistics.checks import Codes, fraction, whole
from modelmetry.statistics.control_rules import Rule
from modelmetry.statistics.distributions import two_sided
from modelmetry.statistics.estimate import Estimate

MOST_NIGHTS = 30_000_000
"""So many nights are simulated in all; charts that have not alarmed by then are cut off."""


def average_run_length(
    rule: Rule,
    *,
    rng: np.random.Generator,
    shift: float = 0.0,
    runs: int = 10_000,
    level: float = 0.95,
) -> Estimate:
    """Nights up to and with the first alarm, on average, of a chart that starts at 0.

    The changes are independent normals of variance 1. Where charts are cut off at `MOST_NIGHTS`, it
    is all nights over all alarms, which is the mean as long as the chance of an alarm no longer
    depends on the night.

    Args:
        rule: The rule with its limit.
        rng: Draws the changes.
        shift: Their mean, in standard errors of a night; 0 for the false alarms.
        runs: Charts to simulate, >= 2.
        level: Confidence level of the interval, which is for the Monte Carlo error alone.

    Raises:
        ValueError: An argument is out of range, or the limit is so high that hardly a chart alarms.
    """
    fraction("level", level)
    if not math.isfinite(shift):
        raise ValueError(f"shift: {shift}; allowed: finite numbers")
    lengths, alarmed = _simulated(rule, shift, runs, rng)
    alarms = int(alarmed.sum())
    if alarms < 100 and alarms < runs:
        raise ValueError(
            f"limit: {rule.limit} alarms {alarms} times in {lengths.sum():,} nights; allowed: lower ones"
        )
    value = float(lengths.sum() / alarms)
    cut = alarms < runs
    spread = value / math.sqrt(alarms) if cut else float(lengths.std(ddof=1)) / math.sqrt(runs)
    half = two_sided(level) * spread
    warnings = []
    if cut:
        warnings.append(f"{runs - alarms} of {runs} charts were cut off before they alarmed")
    if not spread:
        warnings.append("every chart alarmed on the same night: the error is no more than rounding")
    return Estimate(
        value=value,
        std_error=spread,
        low=max(1.0, value - half) if spread else None,
        high=value + half if spread else None,
        level=level,
        n=runs,
        clusters=runs,
        method=f"average run length; {runs:,} simulated charts",
        warnings=tuple(warnings),
    )


def limit_for(
    rule: Rule, run_length: float, *, rng: np.random.Generator, runs: int = 10_000
) -> Rule:
    """The same rule with the limit at which false alarms come once in so many nights.

    Found by bisection on one set of simulated charts; the run length of the answer is off by about
    1 / sqrt(runs).

    Args:
        rule: The rule; its limit is not read.
        run_length: Nights to the first false alarm on average, from 10 to 10,000.
        rng: Draws the changes.
        runs: Charts to simulate for each limit tried, >= 2.

    Raises:
        ValueError: An argument is out of range, or a rule of such slack alarms less often.
    """
    if not 10 <= run_length <= 10_000:
        raise ValueError(f"run_length: {run_length}; allowed: 10 to 10,000 nights")
    from scipy.optimize import brentq

    seed = int(rng.integers(2**63))
    whole("runs", runs, 2)

    def excess(limit: float) -> float:
        # More nights than four times the wanted mean need not be lived through to know it is passed.
        stream = np.random.default_rng(seed)
        tried = replace(rule, limit=limit)
        lengths, alarmed = _simulated(tried, 0.0, runs, stream, int(4 * run_length * runs))
        return math.log(lengths.sum() / max(1, alarmed.sum()) / run_length)

    low, high = 0.05, 1.0
    if excess(low) > 0:
        raise ValueError(f"rule: {rule} alarms less often at any limit; allowed: a smaller slack")
    while excess(high) < 0:
        low, high = high, high * 1.5
    found = brentq(excess, low, high, xtol=1e-4)
    return replace(rule, limit=float(found))  # pyright: ignore[reportArgumentType]


def _simulated(
    rule: Rule,
    shift: float,
    runs: int,
    rng: np.random.Generator,
    most: int = MOST_NIGHTS,
) -> tuple[Codes, np.ndarray]:
    """Length of each chart, and whether it ended in an alarm."""
    whole("runs", runs, 2)
    lengths = np.zeros(runs, dtype=np.intp)
    alarmed = np.zeros(runs, dtype=bool)
    going = np.arange(runs)
    sides = np.zeros((2, runs))
    night = 0
    nights = 0
    while len(going) and nights < most:
        night += 1
        nights += len(going)
        z = rng.standard_normal(len(going)) + shift
        sides = rule.step(sides, np.stack([z, -z]))
        out = sides.max(axis=0) > rule.threshold
        if out.any():
            lengths[going[out]] = night
            alarmed[going[out]] = True
            going, sides = going[~out], sides[:, ~out]
    lengths[going] = night
    return lengths, alarmed
