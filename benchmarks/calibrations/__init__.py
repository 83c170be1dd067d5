"""The parts of the calibration: what each statistic promises, and what simulation finds.

A part is a module with a function `cases(runs, seed, quick)` that yields `Case` objects; `quick` asks for
the small fixed subset that the tests run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One promise held against simulated data of known truth.

    Attributes:
        part: The kind of promise: `coverage`, `type I error`, `power`, `run length`, `recovery`.
        method: The function, as `means.mean`.
        truth: The simulated truth, as `p=0.5 n=100 clusters=20 icc=0.1`.
        found: What came out: the share of runs, or another number.
        error: Monte Carlo standard error of `found`.
        low: Lowest value that keeps the promise; None where there is no lower limit.
        high: Highest value that keeps the promise; None where there is no upper limit.
        claimed: Whether the method claims validity here; False where it warns or refuses.
        note: Why it is not claimed, or anything else a reader should know.
    """

    part: str
    method: str
    truth: str
    found: float
    error: float
    low: float | None = None
    high: float | None = None
    claimed: bool = True
    note: str = ""

    @property
    def verdict(self) -> str:
        """`holds`, `falls short`, `too much`, or `not claimed`; no Monte Carlo error is forgiven."""
        if not self.claimed:
            return "not claimed"
        if self.low is not None and self.found < self.low:
            return "falls short"
        if self.high is not None and self.found > self.high:
            return "too much"
        return "holds"

    def surely_breaks(self, errors: float = 3.0) -> bool:
        """Whether the promise is broken by more than so many Monte Carlo standard errors."""
        if not self.claimed:
            return False
        slack = errors * self.error
        below = self.low is not None and self.found + slack < self.low
        return below or (self.high is not None and self.found - slack > self.high)


def share(hits: int, runs: int) -> tuple[float, float]:
    """A share of runs and its Monte Carlo standard error, that of one more hit and miss."""
    smooth = (hits + 1) / (runs + 2)
    return hits / runs, math.sqrt(smooth * (1 - smooth) / runs)
