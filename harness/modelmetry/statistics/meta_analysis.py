"""Several estimates of one thing, pooled: random effects, heterogeneity, and a moderator."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import Floats, fraction, numbers, partition
from modelmetry.statistics.distributions import (
    chi_square_quantile,
    chi_square_tail,
    t_p_value,
    two_sided,
)
from modelmetry.statistics.estimate import Estimate

FEW_STUDIES = 5
"""Below this many studies their spread is poorly known, and a warning says so."""

_HALVINGS = 200

# Quantiles of the variance between studies over which one more study is predicted, and halvings.
_NODES = 32
_STEPS = 45

# Sums of rounding errors are no spread.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pooled:
    """What several studies say together.

    Attributes:
        mean: The mean of the distribution that the studies' true values are drawn from.
        prediction: Ends of the interval for the true value of one more study; None below three.
        tau: Standard deviation of the true values, >= 0.
        tau_low: Lower end of its interval, at the level of `mean`; None for one study, and where
            the studies are more alike than chance explains.
        tau_high: Its upper end, likewise.
        q: Cochran's Q, the weighted squares about the fixed-effect mean.
        df: Its degrees of freedom: studies less one.
        p: p-value of no heterogeneity; 1 for one study.
        i_squared: Share of the studies' variance that is not their sampling, in [0, 1).
        weights: Weight of each study in the mean, shape (k,); sums to 1.
    """

    mean: Estimate
    prediction: tuple[float, float] | None
    tau: float
    tau_low: float | None
    tau_high: float | None
    q: float
    df: int
    p: float
    i_squared: float
    weights: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Regression:
    """How the studies' true values change with a moderator.

    Attributes:
        slope: Change per unit of the moderator.
        p: Two-sided p-value of no change; 1 where there is no test.
        intercepts: Value at a moderator of 0 in each group, shape (groups,), in the groups' order.
        tau: Standard deviation of the true values about the line, >= 0.
        df: Degrees of freedom: studies less the coefficients.
    """

    slope: Estimate
    p: float
    intercepts: Floats
    tau: float
    df: int


def pool(values: ArrayLike, errors: ArrayLike, *, level: float = 0.95) -> Pooled:
    """Random-effects mean of independent estimates, with its heterogeneity.

    The variance between studies is Paule and Mandel's, at which the weighted squares about the mean
    are what they are expected to be; its interval is by Q-profiling. The mean has Student's t interval
    of Hartung and Knapp, whose standard error is scaled by those squares, never by less than 1.
    The prediction interval is over all variances that the data admit, each by its confidence, as in
    Nagashima and others: that of Higgins and others, which takes the estimate for the truth, covers
    in 85 % where studies differ by less than their errors. Sources: DerSimonian and Laird (1986),
    Controlled Clinical Trials 7, 177-188; Paule and Mandel (1982), Journal of Research of the
    National Bureau of Standards 87, 377-385; Viechtbauer (2007), Statistics in Medicine 26, 37-52;
    Knapp and Hartung (2003), Statistics in Medicine 22, 2693-2710; Rover, Knapp and Friede (2015),
    BMC Medical Research Methodology 15, 99; Nagashima, Noma and Furukawa (2019), Statistical Methods
    in Medical Research 28, 1689-1702.

    One study stands for itself, with the normal interval of its own error. An error of 0 is taken for
    the smallest of the others, as no estimate is free of error; where all are 0 the studies' spread
    alone counts, and where there is none either there is no interval.

    Args:
        values: The studies' estimates, shape (k,), k >= 1; independent of each other.
        errors: Their standard errors, shape (k,), >= 0.
        level: Confidence level, in (0, 1).

    Raises:
        ValueError: No values, NaN, a negative error, or shapes that differ.
    """
    fraction("level", level)
    y = numbers("values", values)
    variances, warnings = _variances(errors, len(y))
    k, ones = len(y), np.ones((len(y), 1))
    squares = _squares(y, variances, ones)
    # Without errors the studies' spread is all between them.
    bare = float(y.var(ddof=1)) if k > 1 else 0.0
    tau2 = _solved(squares, k - 1) if variances.any() else bare
    fit = _weighted(y, variances + tau2, ones)
    mean, method = float(fit.coefficients[0]), "random-effects mean"
    error, df = _error(fit, variances, k - 1), k - 1
    if error is None:
        method += "; no interval"
        why = "it has no error of its own" if k == 1 else "the studies are alike, without error"
        warnings.append(f"there is no interval: {why}")
    elif k == 1:
        method = "one study, its own normal interval"
        warnings.append("one study: it says nothing of others")
    else:
        method += f"; Knapp-Hartung interval, t with {df} df"
        if k < FEW_STUDIES:
            warnings.append(f"only {k} studies: how far they differ is poorly known")
    quantile = two_sided(level, df if k > 1 else math.inf)
    found = _estimate(mean, error, quantile, level, k, method, warnings)
    q = float(squares(0.0)) if variances.any() else 0.0
    ahead = _prediction(y, variances, level) if k > 2 and error is not None else None
    # Q-profiling inverts the test that Q at this variance is a chi-square.
    ends: tuple[float | None, float | None] = (None, None)
    if k > 1 and variances.any():
        tails = (1 + level) / 2, (1 - level) / 2
        least, most = (_solved(squares, chi_square_quantile(t, k - 1)) for t in tails)
        # Studies more alike than chance lets them be leave no variance that the test accepts.
        ends = (math.sqrt(least), math.sqrt(most)) if most > 0 else (None, None)
    return Pooled(
        mean=found,
        prediction=ahead,
        tau=math.sqrt(tau2),
        tau_low=ends[0],
        tau_high=ends[1],
        q=q,
        df=k - 1,
        p=chi_square_tail(q, k - 1) if k > 1 else 1.0,
        i_squared=max(0.0, 1 - (k - 1) / q) if q > 0 else 0.0,
        weights=fit.weights / fit.weights.sum(),
    )


def regress(
    values: ArrayLike,
    errors: ArrayLike,
    moderator: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    level: float = 0.95,
) -> Regression:
    """Random-effects meta-regression of independent estimates on one moderator.

    As `pool`, with a line for the mean: Paule and Mandel's variance about it, and Knapp and Hartung's t
    interval for the slope, never narrower than without their factor. Sources: Knapp and Hartung
    (2003), Statistics in Medicine 22, 2693-2710; Panityakul, Bumrungsup and Knapp (2013), Journal of
    Mathematics and Statistics 9, 16-21. Each group of studies has an intercept of its own, so that
    the slope is the one within groups.

    Args:
        values: The studies' estimates, shape (k,), k >= 2; independent of each other.
        errors: Their standard errors, shape (k,), >= 0; 0 is treated as by `pool`.
        moderator: What may change them, shape (k,); not the same throughout every group.
        groups: Label of what has an intercept of its own, shape (k,); None for one intercept.
        level: Confidence level, in (0, 1).

    Returns:
        The fit; there is no interval where the studies are no more than the coefficients.

    Raises:
        ValueError: No values, NaN, a negative error, shapes that differ, or a moderator that does
            not vary within a group.
    """
    fraction("level", level)
    y = numbers("values", values)
    x = numbers("moderator", moderator, len(y))
    codes, count = partition(np.zeros(len(y)) if groups is None else groups, len(y), "groups")
    variances, warnings = _variances(errors, len(y))
    apart = x - (np.bincount(codes, weights=x) / np.bincount(codes))[codes]
    if np.abs(apart).max() <= _ROUNDING * max(1.0, float(np.abs(x).max())):
        raise ValueError("moderator: it does not vary within a group; allowed: two values or more")
    design = np.column_stack([np.arange(count) == codes[:, None], x]).astype(np.float64)
    df = len(y) - count - 1
    tau2 = _solved(_squares(y, variances, design), df) if df > 0 else 0.0
    fit = _weighted(y, variances + tau2, design)
    slope, error = float(fit.coefficients[-1]), _error(fit, variances, df)
    method = "random-effects meta-regression"
    method += f" within {count} groups" if count > 1 else ""
    if df < 1:
        error = None
        warnings.append(f"{len(y)} studies for {count + 1} coefficients: there is no interval")
    elif error is None:
        warnings.append("the studies lie on the line, without error: there is no interval")
    elif len(y) < 2 * FEW_STUDIES:
        warnings.append(f"only {len(y)} studies: how far they differ is poorly known")
    method += f"; Knapp-Hartung interval, t with {df} df" if error else "; no interval"
    quantile = two_sided(level, max(df, 1))
    return Regression(
        slope=_estimate(slope, error, quantile, level, len(y), method, warnings),
        p=t_p_value(slope / error, df) if error else 1.0,
        intercepts=fit.coefficients[:-1],
        tau=math.sqrt(tau2),
        df=df,
    )


def _variances(errors: ArrayLike, k: int) -> tuple[Floats, list[str]]:
    """Squared errors, those of 0 replaced by the smallest other; all 0 where there is no other."""
    found = numbers("errors", errors, k)
    if found.min() < 0:
        raise ValueError(f"errors: {found.min()}; allowed: from 0")
    some = found > 0
    warnings = []
    if some.any() and not some.all():
        found = np.where(some, found, found[some].min())
        warnings.append(f"{int((~some).sum())} of {k} errors are 0: taken for the smallest other")
    return found**2, warnings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fit:
    """A weighted least-squares fit.

    Attributes:
        coefficients: Shape (p,).
        last: Variance of the last coefficient, were the weights inverse variances.
        squares: Weighted squared residuals.
        weights: Shape (k,).
    """

    coefficients: Floats
    last: float
    squares: float
    weights: Floats


def _weighted(y: Floats, variances: Floats, design: Floats) -> _Fit:
    # Without any error all studies weigh the same.
    weights = 1 / variances if variances.all() else np.ones(len(y))
    inverse = np.linalg.inv(design.T @ (weights[:, None] * design))
    coefficients = inverse @ (design.T @ (weights * y))
    squares = float((weights * (y - design @ coefficients) ** 2).sum())
    return _Fit(
        coefficients=coefficients, last=float(inverse[-1, -1]), squares=squares, weights=weights
    )


def _error(fit: _Fit, variances: Floats, df: int) -> float | None:
    """Knapp and Hartung's standard error of the last coefficient; None where nothing varies."""
    factor = fit.squares / df if df > 0 else 0.0
    if variances.any():
        return math.sqrt(max(1.0, factor) * fit.last)
    return math.sqrt(factor * fit.last) if factor > _ROUNDING**2 else None


def _squares(y: Floats, variances: Floats, design: Floats) -> Callable[[float], float]:
    """Weighted squared residuals as a function of the variance between studies; it falls."""

    def squares(tau2: float) -> float:
        return _weighted(y, variances + tau2, design).squares

    return squares


def _solved(squares: Callable[[float], float], wanted: float) -> float:
    """The variance between studies at which the squares are the wanted number, or 0."""
    if wanted <= 0 or squares(0.0) <= wanted:
        return 0.0
    # For large variances the squares fall like 1 / variance.
    high = 1.0
    while squares(high) > wanted:
        high *= 2
    low = 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if squares(middle) > wanted else (low, middle)
    return high


def _prediction(y: Floats, variances: Floats, level: float) -> tuple[float, float]:
    """Ends between which the true value of one more study lies; three studies or more that differ.

    The variance between studies has a confidence distribution, in which Q at the variance is a
    chi-square; of it `_NODES` quantiles stand for all. Given one of them the new value is about the
    weighted mean like Student's t, and the ends are quantiles of the mixture.
    """
    df = len(y) - 1
    q = np.array([chi_square_quantile((i + 0.5) / _NODES, df) for i in range(_NODES)])

    def fitted(tau2: Floats) -> tuple[Floats, Floats, Floats]:
        weights = 1 / (variances + tau2[:, None])
        total = weights.sum(axis=1)
        means = weights @ y / total
        return means, total, (weights * (y - means[:, None]) ** 2).sum(axis=1)

    # A variance of 0 is kept off 0, where without errors the weights would be infinite.
    low = np.full(_NODES, _ROUNDING * (float(variances.max()) + float(y.var())))
    high = np.full(_NODES, float(((y - y.mean()) ** 2).sum()) / q.min())
    for _ in range(_STEPS):
        middle = (low + high) / 2
        more = fitted(middle)[2] > q
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    means, total, squares = fitted(high)
    scale = np.sqrt(high + np.maximum(squares / df, 1.0) / total)
    return _mixture(means, scale, df, (1 - level) / 2), _mixture(means, scale, df, (1 + level) / 2)


def _mixture(means: Floats, scale: Floats, df: int, probability: float) -> float:
    """A quantile of the equal mixture of Student's t distributions, by halving."""
    from scipy.special import stdtr

    reach = abs(two_sided(1 - 1e-9, df)) * float(scale.max())
    low, high = float(means.min()) - reach, float(means.max()) + reach
    for _ in range(_STEPS):
        middle = (low + high) / 2
        below = float(np.mean(stdtr(df, (middle - means) / scale))) < probability
        low, high = (middle, high) if below else (low, middle)
    return (low + high) / 2


def _estimate(
    value: float,
    error: float | None,
    quantile: float,
    level: float,
    k: int,
    method: str,
    warnings: list[str],
) -> Estimate:
    ends = (None, None) if error is None else (value - quantile * error, value + quantile * error)
    return Estimate(
        value=value,
        std_error=error,
        low=ends[0],
        high=ends[1],
        level=level,
        n=k,
        clusters=k,
        method=method,
        warnings=tuple(warnings),
    )
