"""The results of statistics: an estimate with its uncertainty, and a comparison of two."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number and how far to trust it.

    Attributes:
        value: The point estimate.
        std_error: Standard error, or None where the design cannot give one.
        low: Lower end of the interval, or None where there is none.
        high: Upper end of the interval, or None where there is none.
        level: Confidence level of the interval, in (0, 1).
        n: Observations that entered (item means over repeats count once each).
        clusters: Independently drawn units among them.
        unscored: Observations left out because the instrument failed.
        method: How value and interval were made.
        warnings: Reasons for care, one sentence each.
    """

    value: float
    std_error: float | None
    low: float | None
    high: float | None
    level: float
    n: int
    clusters: int
    unscored: int = 0
    method: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalence:
    """Whether a difference was shown to be smaller than a margin.

    Attributes:
        margin: Largest difference that does not matter, > 0.
        p: p-value of a difference of the margin or more.
        p_adjusted: `p` corrected for the family of comparisons.
        low: Lower end of the interval that must lie within the margin, or None.
        high: Its upper end, or None.
        level: Confidence level of that interval: one minus twice the tests' error rate.
        warnings: Reasons for care, one sentence each.
    """

    margin: float
    p: float
    p_adjusted: float
    low: float | None
    high: float | None
    level: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two models on the same items.

    Attributes:
        a: Name of the first.
        b: Name of the second.
        difference: a - b, paired on items.
        p: Two-sided p-value of no difference.
        p_adjusted: `p` corrected for the family of comparisons.
        family_size: How many comparisons were made.
        detectable: Smallest difference seen with 80 % power at this design, two-sided 5 %.
        p_exact: Two-sided p-value of an exact test on the same pairs, or None.
        exact_method: Which exact test.
        correction: How `p_adjusted` was corrected; see `multiplicity.CORRECTIONS`.
        equivalence: Whether the difference is smaller than a margin, where one was stated.
    """

    a: str
    b: str
    difference: Estimate
    p: float
    p_adjusted: float
    family_size: int
    detectable: float
    p_exact: float | None = None
    exact_method: str = ""
    correction: str = "holm"
    equivalence: Equivalence | None = None
