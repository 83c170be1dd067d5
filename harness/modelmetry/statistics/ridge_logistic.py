"""Logistic regression with an L2 penalty: a model that predicts a yes or no from features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import (
    Codes,
    Floats,
    fraction,
    numbers,
    partition,
    two_dimensional,
    within,
)
from modelmetry.statistics.clustered import FEW_CLUSTERS
from modelmetry.statistics.crossed_clusters import sandwich
from modelmetry.statistics.distributions import two_sided
from modelmetry.statistics.estimate import Estimate

_STEPS = 100

# Loss that a further Newton step would save, per unit of weight, below which the search is over.
_CONVERGED = 1e-14

# The same for refits, whose logits are then off by some 1e-5.
_NEAR = 1e-10

# A column whose spread is so small a part of its size is constant but for rounding.
_CONSTANT = 1e-10

# Rows are taken in such blocks, which stay in the processor's cache.
_BLOCK = 4096


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RidgeLogistic:
    """A fitted model.

    Attributes:
        intercept: Log odds where every feature is at its center.
        slopes: Log odds gained per standard deviation of each feature, shape (p,); 0 for columns that
            are constant, and for all where one outcome only was seen.
        center: Mean of each feature in the data it was fitted to, shape (p,).
        scale: Standard deviation of each there, shape (p,); 1 for columns that are constant.
        coefficients: The slopes with their intervals.
        n: Rows that it was fitted to.
        positives: Total weight of those with the outcome.
        constant: Whether it predicts one probability for all.
        warnings: Reasons for care, one sentence each.
    """

    intercept: float
    slopes: Floats
    center: Floats
    scale: Floats
    coefficients: tuple[Estimate, ...]
    n: int
    positives: float
    constant: bool = False
    warnings: tuple[str, ...] = ()

    def logits(self, design: ArrayLike) -> Floats:
        """Predicted log odds, shape (m,).

        Args:
            design: Features in the order of the fit, shape (m, p).

        Raises:
            ValueError: NaN, or another number of columns.
        """
        x = two_dimensional("design", design, "(observations, features)")
        if x.shape[1] != len(self.slopes):
            raise ValueError(f"design: {x.shape[1]} columns; allowed: {len(self.slopes)}")
        gain = self.slopes / self.scale
        return np.asarray((x - self.center) @ gain + self.intercept, dtype=np.float64)

    def probabilities(self, design: ArrayLike) -> Floats:
        """Predicted probabilities of the outcome, shape (m,), in [0, 1]; see `logits`."""
        return _chance(self.logits(design))


def fit(
    outcomes: ArrayLike,
    design: ArrayLike,
    *,
    penalty: float = 1.0,
    balanced: bool = False,
    weights: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
) -> RidgeLogistic:
    """Fit by Newton's method: the least of weighted loss + penalty / 2 * sum of squared slopes.

    Features are standardized (mean 0, standard deviation 1 over the weighted rows) and the intercept is
    free of penalty, so that units do not matter. `penalty` is 1 / C of scikit-learn's
    `LogisticRegression`. Source: Hoerl and Kennard (1970), Technometrics 12, 55-67; le Cessie and van
    Houwelingen (1992), Ridge estimators in logistic regression, Applied Statistics 41, 191-201.

    With `balanced` both outcomes weigh half of the total. Probabilities are then those where half have
    the outcome, and not calibrated where they have not.

    Intervals of the slopes are Student's t with the sandwich of scores summed by cluster, G/(G-1), and
    the penalized information (White 1982, Econometrica 50, 1-25). They are about the slopes that the
    same penalty gives on more data like these, per standard deviation of these and with these class weights:
    the penalty's pull toward 0 is not undone. In small samples it is not small.

    One outcome only, or rows that weigh nothing for one, give a model that predicts (k + 1/2) / (n + 1)
    for all; constant columns get no slope; both with a warning. Where the model tells the outcomes apart
    without an error, a warning says that the penalty alone holds the slopes.

    Args:
        outcomes: 0 or 1 for each row, shape (n,).
        design: Features without an intercept, shape (n, p).
        penalty: Above 0.
        balanced: Whether both outcomes get the same total weight.
        weights: Weight of each row, shape (n,), >= 0 and not all 0; whole ones count as repeats. None
            for 1.
        clusters: Label of the unit drawn independently, shape (n,); None for one unit per row.
        level: Confidence level, in (0, 1).

    Raises:
        ValueError: No values, NaN, outcomes other than 0 and 1, a penalty or weights out of range, or
            shapes that differ.
    """
    y = yes_or_no("outcomes", outcomes)
    x = two_dimensional("design", design, "(observations, features)")
    if len(x) != len(y):
        raise ValueError(f"design: {len(x)} rows; allowed: {len(y)}, one for each observation")
    if not 0 < penalty < math.inf:
        raise ValueError(f"penalty: {penalty}; allowed: above 0")
    w = np.ones(len(y)) if weights is None else numbers("weights", weights, len(y))
    if w.min() < 0 or not w.any():
        raise ValueError("weights: below 0, or all 0; allowed: 0 and above, one or more above")
    codes, count = partition(clusters, len(y))
    return fitted(y, x, w, penalty, balanced, codes, count, fraction("level", level))


def yes_or_no(name: str, outcomes: ArrayLike) -> Floats:
    """Outcomes that are 0 or 1, shape (n,).

    Raises:
        ValueError: One is another number.
    """
    y = numbers(name, outcomes)
    within(name, y, (0.0, 1.0))
    if not np.isin(y, (0.0, 1.0)).all():
        bad = int(np.flatnonzero(~np.isin(y, (0.0, 1.0)))[0])
        raise ValueError(f"{name}: value {bad} is {y[bad]}; allowed: 0 and 1")
    return y


def fitted(
    y: Floats,
    x: Floats,
    w: Floats,
    penalty: float,
    balanced: bool,
    codes: Codes,
    count: int,
    level: float,
) -> RidgeLogistic:
    """`fit` of checked data."""
    total, positives = float(w.sum()), float(w @ y)
    z, center, scale, varies = _standardized(x, w)
    warnings = []
    if not varies.all():
        which = ", ".join(str(k) for k in np.flatnonzero(~varies))
        warnings.append(f"constant columns have no slope: {which}")
    shared = {"center": center, "scale": scale, "n": len(y), "positives": positives}
    if positives in (0, total):
        said = "all" if positives else "none"
        warnings.append(f"{said} of {len(y)} have the outcome: the model is a constant")
        empty, why = np.zeros(x.shape[1]), ("the model is a constant",)
        return RidgeLogistic(
            intercept=_constant(positives, total), slopes=empty, constant=True,
            coefficients=_estimates(empty, empty, count, len(y), level, why),
            warnings=tuple(warnings), **shared,
        )  # fmt: skip
    w = _balanced(w, y) if balanced else w
    theta, inverse, done = climb(y, z, w, penalty)
    if not done:
        warnings.append("the search did not end: the slopes are rough")
    logits = z @ theta
    seen = w > 0
    if logits[seen & (y == 1)].min() > logits[seen & (y == 0)].max():
        warnings.append("the model tells the outcomes apart: the penalty alone holds the slopes")
    errors = np.zeros(len(scale))
    if count > 1:
        influences = (w * (y - _chance(logits)))[:, None] * (z @ inverse)
        variances = np.diag(sandwich(influences, codes, None)[0])[1:]
        errors = np.where(varies, np.sqrt(np.maximum(variances, 0)), 0.0)
    rough = (f"only {count} clusters: the standard errors are rough",) * (count < FEW_CLUSTERS)
    return RidgeLogistic(
        intercept=float(theta[0]), slopes=theta[1:],
        coefficients=_estimates(theta[1:], errors, count, len(y), level, (*rough, *warnings)),
        warnings=tuple(warnings), **shared,
    )  # fmt: skip


def quick(
    y: Floats, x: Floats, penalty: float, balanced: bool, near: RidgeLogistic, saved: float
) -> Floats:
    """Log odds that a model of these rows predicts for them, without its intervals; for searches.

    Args:
        y: Outcomes, 0 or 1, shape (n,).
        x: Features, shape (n, p).
        penalty: As `fit`.
        balanced: As `fit`.
        near: A model of the same features to start from.
        saved: Loss per row that another Newton step must save.
    """
    w, positives = np.ones(len(y)), float(y.sum())
    if positives in (0, len(y)):
        return np.full(len(y), _constant(positives, len(y)))
    z, center, scale, varies = _standardized(x, w)
    start = _moved(near, center, scale, varies)
    theta, _, _ = climb(y, z, _balanced(w, y) if balanced else w, penalty, start, saved)
    return np.asarray(z @ theta, dtype=np.float64)


def again(
    y: Floats, x: Floats, w: Floats, penalty: float, balanced: bool, near: RidgeLogistic
) -> RidgeLogistic:
    """`fit` of checked data without its intervals, searched for from a model of data like these.

    For refits to resamples, which need neither and are many.

    Args:
        y: Outcomes, 0 or 1, shape (n,).
        x: Features, shape (n, p).
        w: Weights, >= 0 and not all 0, shape (n,).
        penalty: As `fit`.
        balanced: As `fit`.
        near: The model to start from.
    """
    total, positives = float(w.sum()), float(w @ y)
    z, center, scale, varies = _standardized(x, w)
    theta = np.zeros(z.shape[1])
    constant = positives in (0, total)
    warnings = ()
    if constant:
        theta[0] = _constant(positives, total)
    else:
        weights = _balanced(w, y) if balanced else w
        start = _moved(near, center, scale, varies)
        theta, _, done = climb(y, z, weights, penalty, start, _NEAR)
        warnings = () if done else ("the search did not end: the slopes are rough",)
    return RidgeLogistic(
        intercept=float(theta[0]), slopes=theta[1:], center=center, scale=scale, coefficients=(),
        n=len(y), positives=positives, constant=constant, warnings=warnings,
    )  # fmt: skip


def _moved(near: RidgeLogistic, center: Floats, scale: Floats, varies: np.ndarray) -> Floats:
    """Intercept and slopes of a model where features are standardized otherwise."""
    gain = near.slopes / near.scale
    return np.append(near.intercept + (center - near.center) @ gain, gain * scale * varies)


def _constant(positives: float, total: float) -> float:
    """Log odds where one outcome only was seen."""
    return math.log((positives + 0.5) / (total - positives + 0.5))


def _balanced(w: Floats, y: Floats) -> Floats:
    total, positives = float(w.sum()), float(w @ y)
    return w * np.where(y == 1, total / (2 * positives), total / (2 * (total - positives)))


def _standardized(x: Floats, w: Floats) -> tuple[Floats, Floats, Floats, np.ndarray]:
    """Standardized features after a column of ones, their center and scale, and which vary."""
    total, size = float(w.sum()), np.abs(x).max(axis=0)
    center = (w @ x) / total
    z = np.empty((len(x), x.shape[1] + 1))
    z[:, 0] = 1.0
    z[:, 1:] = x - center
    scale = np.sqrt((w @ z[:, 1:] ** 2) / total)
    varies = scale > _CONSTANT * size
    scale = np.where(varies, scale, 1.0)
    z[:, 1:] *= varies / scale
    return z, center, scale, varies


def climb(
    y: Floats,
    z: Floats,
    w: Floats,
    penalty: float,
    start: Floats | None = None,
    least: float = _CONVERGED,
) -> tuple[Floats, Floats, bool]:
    """The least penalized loss, the inverse of its second derivative, and whether it was reached.

    Args:
        y: Outcomes, both 0 and 1 among those that weigh; shape (n,).
        z: Features after a first column of ones, shape (n, p + 1).
        w: Weights, shape (n,).
        penalty: Of all but the first column.
        start: Where to begin, shape (p + 1,); None for the mean rate.
        least: Loss, per unit of weight, that another step must save.
    """
    ridge = np.full(z.shape[1], penalty)
    ridge[0] = 0.0
    if start is None:
        theta = np.zeros(z.shape[1])
        theta[0] = math.log((w @ y) / (w @ (1 - y)))
    else:
        theta = start
    total = float(w.sum())
    now, gradient, bent = _derivatives(y, z, w, ridge, theta)
    for _ in range(_STEPS):
        step = np.asarray(np.linalg.solve(bent, gradient), dtype=np.float64)
        saved = float(gradient @ step)
        if saved <= least * total:
            return theta - step, _inverse(bent), True
        size = 1.0
        while True:
            after = _derivatives(y, z, w, ridge, theta - size * step)
            # Steps are halved until they save something of what they promise (Armijo).
            if after[0] <= now - 1e-4 * size * saved or size < 1e-8:
                break
            size /= 2
        theta = theta - size * step
        now, gradient, bent = after
    return theta, _inverse(bent), False


def _inverse(matrix: Floats) -> Floats:
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def _derivatives(
    y: Floats, z: Floats, w: Floats, ridge: Floats, theta: Floats
) -> tuple[float, Floats, Floats]:
    """Penalized loss with its first and second derivative."""
    value, gradient = 0.5 * float(ridge @ theta**2), ridge * theta
    bent = np.diag(ridge)
    for at in range(0, len(y), _BLOCK):
        part, some, most = z[at : at + _BLOCK], w[at : at + _BLOCK], y[at : at + _BLOCK]
        logits = part @ theta
        # exp of minus the size cannot overflow.
        small = np.exp(-np.abs(logits))
        chance = np.where(logits >= 0, 1.0, small) / (1 + small)
        loss = np.log1p(small) + np.maximum(logits, 0) - most * logits
        value += float(some @ loss)
        gradient = gradient + (some * (chance - most)) @ part
        bent = bent + (part * (some * small / (1 + small) ** 2)[:, None]).T @ part
    # Where all chances round to 0 or 1 the intercept keeps a curvature.
    bent[0, 0] += 1e-12 * float(w.sum())
    return value, gradient, bent


def _chance(logits: Floats) -> Floats:
    return np.exp(-np.logaddexp(0, -logits))


def _estimates(
    values: Floats, errors: Floats, count: int, n: int, level: float, warnings: Sequence[str]
) -> tuple[Estimate, ...]:
    reach = two_sided(level, count - 1) if count > 1 and errors.any() else 0.0
    found = []
    for value, error in zip(values.tolist(), errors.tolist(), strict=True):
        bare = not error > 0
        said = (*warnings, "no cluster differs from another: there is no interval")
        found.append(
            Estimate(
                value=value,
                std_error=None if bare else error,
                low=None if bare else value - reach * error,
                high=None if bare else value + reach * error,
                level=level,
                n=n,
                clusters=count,
                method="penalized logistic regression, log odds per standard deviation; "
                + ("no interval" if bare else f"t with {count - 1} df"),
                warnings=said if bare else tuple(warnings),
            )
        )
    return tuple(found)
