"""Equivalence of two models on the same items: a difference shown to be smaller than a margin."""

from __future__ import annotations

from numpy.typing import ArrayLike

from modelmetry.statistics.checks import fraction
from modelmetry.statistics.clustered import roughness
from modelmetry.statistics.distributions import t_tail
from modelmetry.statistics.estimate import Equivalence
from modelmetry.statistics.means import UNIT
from modelmetry.statistics.pairs import Paired, paired


def tost(
    a: ArrayLike,
    b: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    margin: float,
    alpha: float = 0.05,
    bounds: tuple[float, float] | None = UNIT,
) -> Equivalence:
    """Two one-sided tests that the mean of a - b lies within a margin of 0.

    The tests are those that the interval of `pairs.difference` inverts, so the difference is within
    the margin at alpha exactly where its 1 - 2 alpha interval is: Tango's score test on
    independent items answered right or wrong, its clustered form elsewhere, and the paired t test
    on clusters where there are no bounds. Source: Schuirmann (1987), Journal of Pharmacokinetics
    and Biopharmaceutics 15, 657-680; Tango (1998), Statistics in Medicine 17, 891-908.

    Args:
        a: Score of the first model on each item, shape (n,).
        b: Score of the second on the same items in the same order, shape (n,).
        clusters: Label of the unit drawn independently, shape (n,); None for one unit per item.
        margin: Largest difference that does not matter, stated before looking; > 0, and below the
            largest possible one.
        alpha: Error rate of each test, in (0, 0.5).
        bounds: Lowest and highest possible score; None for the t tests.

    Raises:
        ValueError: No values, NaN, scores outside the bounds, shapes that differ, or a margin or
            alpha out of range.
    """
    return equivalence(paired(a, b, clusters, bounds=bounds), margin, alpha=alpha)


def equivalence(found: Paired, margin: float, *, alpha: float = 0.05) -> Equivalence:
    """What `tost` finds in differences that have been taken.

    Args:
        found: From `pairs.paired`.
        margin: Largest difference that does not matter, > 0.
        alpha: Error rate of each test, in (0, 0.5).

    Raises:
        ValueError: The margin or alpha is out of range.
    """
    fraction("alpha", alpha, below=0.5)
    if not 0 < margin < (found.span or float("inf")):
        most = "" if found.span is None else f" and below {found.span:g}"
        raise ValueError(f"margin: {margin}; allowed: above 0{most}")
    level = 1 - 2 * alpha
    ends = found.bounds(level)
    above, below = found.statistic(-margin), found.statistic(margin)
    p, warnings = 1.0, []
    if above is None or below is None:
        warnings.append("equivalence needs at least 2 clusters, not all differing by the same")
    else:
        p = max(t_tail(above, found.df), t_tail(-below, found.df))
        warnings.extend(roughness(found.mean, None))
    return Equivalence(
        margin=float(margin),
        p=p,
        p_adjusted=p,
        low=None if ends is None else ends[0],
        high=None if ends is None else ends[1],
        level=level,
        warnings=tuple(warnings),
    )


def verdict(p_equivalent: float, p_different: float, *, alpha: float = 0.05) -> str:
    """What the two questions, is it small and is it there, say together.

    Args:
        p_equivalent: p-value of equivalence, from `tost`.
        p_different: Two-sided p-value of no difference.
        alpha: Error rate of either, in (0, 1).

    Returns:
        `equivalent within the margin`, `different`, `different, but within the margin`, or
        `undecided`.

    Raises:
        ValueError: A number is out of range.
    """
    fraction("alpha", alpha)
    for name, p in (("p_equivalent", p_equivalent), ("p_different", p_different)):
        if not 0 <= p <= 1:
            raise ValueError(f"{name}: {p}; allowed: 0 to 1")
    small, there = p_equivalent < alpha, p_different < alpha
    if small:
        return "different, but within the margin" if there else "equivalent within the margin"
    return "different" if there else "undecided"
