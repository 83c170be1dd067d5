"""The limits of many control charts that together are to alarm once in so many nights."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np

from modelmetry.errors import BadInput
from modelmetry.nightly.job import Drift
from modelmetry.statistics import Estimate
from modelmetry.statistics.control_rules import CUSUM, EWMA, Rule, Shewhart

_STATES = 100
"""Steps into which a chart's statistic is cut; the run length is then off by less than 1 %."""


def rule_of(drift: Drift) -> Rule:
    """The rule that a configuration names; its limit is yet to be set."""
    if drift.rule == "cusum":
        return CUSUM(slack=drift.slack)
    return EWMA(weight=drift.weight) if drift.rule == "ewma" else Shewhart()


@cache
def with_limit(rule: Rule, run_length: float, charts: int) -> tuple[Rule, Estimate]:
    """The rule with the limit at which so many charts together alarm falsely once in so many nights.

    Each chart alone alarms once in run_length * charts nights. Where charts are independent all
    together then alarm once in `run_length`, whichever comes first; where they move together, as those
    of models that were asked the same fresh problems do, later.

    Args:
        rule: The rule; its limit is not read.
        run_length: Nights to the first false alarm of all charts, on average.
        charts: How many there are, >= 1.

    Returns:
        The rule, and the run length of one chart.

    Raises:
        BadInput: So high a run length has no limit.
    """
    from scipy.optimize import brentq

    wanted = math.log(run_length * charts)

    def excess(limit: float) -> float:
        return math.log(run_length_of(replace(rule, limit=limit))) - wanted

    low, high = 0.5, 1.0
    while excess(high) < 0:
        low, high = high, high * 1.5
        if high > 60:
            raise BadInput(f"gates.drift: no limit gives {run_length:g} nights; allowed: fewer")
    found = float(brentq(excess, 0.05 if low == 0.5 else low, high, xtol=1e-3))  # pyright: ignore
    estimate = Estimate(
        value=run_length * charts,
        std_error=None,
        low=None,
        high=None,
        level=0.95,
        n=charts,
        clusters=charts,
        method=(
            f"run length of one of {charts} charts that together alarm falsely once in {run_length:g} "
            "nights; Markov chain"
        ),
    )
    return replace(rule, limit=found), estimate


def run_length_of(rule: Rule) -> float:
    """Nights to the first false alarm on average, of a two-sided chart that starts at 0.

    For CUSUM and EWMA by a Markov chain over slices of the statistic: Brook and Evans (1972),
    Biometrika 59, 539-549; Lucas and Saccucci (1990), Technometrics 32, 1-12. The two sides of a CUSUM are
    joined as in Van Dobben de Bruyn (1968), Cumulative sum tests: 1 / length is the sum of those of the
    sides. `run_lengths.average_run_length` simulates the same; its run lengths end at 10,000.

    Args:
        rule: The rule with its limit.
    """
    from scipy.special import ndtr

    if isinstance(rule, Shewhart):
        return float(1 / (2 * ndtr(-rule.limit)))
    if isinstance(rule, CUSUM):
        # State 0 is the statistic at 0 exactly; state i the slice around i * width.
        width = 2 * rule.limit / (2 * _STATES - 1)
        at = np.arange(_STATES) * width
        ends = (at[None, :] + width / 2) - at[:, None] + rule.slack
        below = ndtr(ends)
        moves = np.diff(below, axis=1, prepend=0.0)
        return _expected(moves)[0] / 2
    width = 2 * rule.threshold / (2 * _STATES + 1)
    at = np.arange(-_STATES, _STATES + 1) * width
    center = at[None, :] - (1 - rule.weight) * at[:, None]
    upper = ndtr((center + width / 2) / rule.weight)
    moves = upper - ndtr((center - width / 2) / rule.weight)
    return _expected(moves)[_STATES]


def _expected(moves: np.ndarray) -> np.ndarray:
    """Steps until a chain leaves, from each state; `moves` are its probabilities to stay within."""
    return np.linalg.solve(np.eye(len(moves)) - moves, np.ones(len(moves)))
