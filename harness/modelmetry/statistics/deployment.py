"""Prediction of what models do in deployment from their scores on suites."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import Floats, fraction, numbers, two_dimensional, within
from modelmetry.statistics.distributions import t_quantile, two_sided
from modelmetry.statistics.estimate import Estimate

FEWEST_MODELS = 4
"""Below this many models nothing is predicted."""

FEW_MODELS = 10
"""Below this many models a prediction rests on too little, and a warning says so."""

# Ridge penalties tried, as shares of what each suite, scaled to a standard deviation of 1, weighs.
_PENALTIES = np.geomspace(1e-3, 1e3, 25)

# Bonett and Wright's interval is too narrow beyond.
_NEAR_ONE = 0.95

# Warned of when this share of a suite's spread between models is error.
_NOISY = 0.2

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What scores on suites tell of an outcome in deployment.

    Attributes:
        predicted: One for each new model; the interval is for its own outcome, not for a mean.
        error: Root mean square error of predicting each model from the others.
        baseline: The same error when each model is predicted by the mean of the others.
        skill: 1 - error^2 / baseline^2: 1 is perfect, 0 no better than the mean.
        correlations: Spearman's rank correlation of each suite with the outcome.
        models: How many models the prediction rests on.
        penalty: Ridge penalty chosen; 0 for one suite.
        warnings: Reasons for care, one sentence each.
    """

    predicted: tuple[Estimate, ...]
    error: float
    baseline: float
    skill: float
    correlations: tuple[Estimate, ...]
    models: int
    penalty: float
    warnings: tuple[str, ...] = ()


def predict(
    scores: ArrayLike,
    outcome: ArrayLike,
    new: ArrayLike,
    *,
    errors: ArrayLike | None = None,
    new_errors: ArrayLike | None = None,
    level: float = 0.95,
    bounds: tuple[float, float] | None = None,
) -> Deployment:
    """Predict the outcome in deployment of new models from models that are deployed already.

    One suite: least squares, with the exact t interval for a new observation (Draper and
    Smith 1998, Applied Regression Analysis). Several: ridge regression on
    standardized scores (Hoerl and Kennard 1970, Technometrics 12, 55-67), the penalty chosen by
    leave-one-out error (Allen 1974, Technometrics 16, 125-127). Its interval takes the residual
    variance from the error of models left out of all steps, the choice of the penalty included
    (Varma and Simon 2006, BMC Bioinformatics 7, 91), and Student's t with models less effective
    parameters for degrees of freedom; in simulations of 12 models and more it covers as promised.

    Both take models for independent draws from one population and the relation for linear; models of
    one family tell less than their number says. Errors of the scores that are alike in the old and the
    new models are part of the relation; where the new scores are less certain, the interval widens.

    Args:
        scores: Score of each model on each suite, shape (k, s); k >= 4.
        outcome: What was measured of the same models in deployment, shape (k,).
        new: Scores of new models on the same suites, shape (m, s), or (s,) for one model.
        errors: Standard errors of `scores`, shape (k, s), or None.
        new_errors: Standard errors of `new`, of its shape, or None; needs `errors`.
        level: Level of the predictive intervals, in (0, 1).
        bounds: Lowest and highest possible outcome, which predictions are cut to; None for any.

    Raises:
        ValueError: Fewer than four models, shapes that differ, NaN, negative errors, an outcome
            outside the bounds, or a suite or an outcome that is the same for all models.
    """
    fraction("level", level)
    table, found = _checked(scores, outcome)
    within("outcome", found, bounds)
    models, suites = table.shape
    fresh = _matrix("new", np.atleast_2d(np.asarray(new)), suites)
    old = _errors("errors", errors, suites, models)
    excess = _excess(old, _errors("new_errors", new_errors, suites, len(fresh)), fresh)
    fit = _fitted(table, found)
    left = [_left_out(table, found, model) for model in range(models)]
    misses = np.array([miss for miss, _ in left])
    reaches = np.array([reach for _, reach in left])
    error = math.sqrt(float((misses**2).mean()))
    baseline = float(found.std()) * models / (models - 1)
    skill = 1 - (error / baseline) ** 2
    variance = fit.residual
    if suites > 1:
        # The median, so that one model far out does not make all errors look small.
        variance = error**2 / (1 + float(np.median(reaches)))
    warnings = _doubts(models, skill) + _noisy(table, old)
    predicted = tuple(
        _predicted(fit, row, more, variance, level, table, float(reaches.max()), warnings)
        for row, more in zip(fresh, excess, strict=True)
    )
    return Deployment(
        predicted=tuple(_cut(one, bounds) for one in predicted),
        error=error,
        baseline=baseline,
        skill=skill,
        correlations=tuple(rank_correlation(suite, found, level=level) for suite in table.T),
        models=models,
        penalty=fit.penalty,
        warnings=tuple(warnings),
    )


def rank_correlation(a: ArrayLike, b: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Spearman's rank correlation over models, with an interval.

    Fisher's z with the variance (1 + r^2 / 2) / (k - 3) of Bonett and Wright (2000), Psychometrika
    65, 23-28, made for correlations up to 0.95; ties have their mean rank. A perfect correlation is
    given half the step to the next one for its interval, so that this has a width.

    Args:
        a: One number per model, shape (k,); k >= 4.
        b: Another of the same models, shape (k,).
        level: Confidence level, in (0, 1).

    Raises:
        ValueError: Fewer than four models, shapes that differ, NaN, or values that are all the same.
    """
    from scipy.stats import rankdata

    first = numbers("a", a)
    second = numbers("b", b, len(first))
    count = len(first)
    if count < FEWEST_MODELS:
        raise ValueError(f"a: {count} models; allowed: {FEWEST_MODELS} or more")
    for name, values in (("a", first), ("b", second)):
        if np.ptp(values) == 0:
            raise ValueError(f"{name}: all values are {values[0]}; allowed: values that differ")
    r = float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])
    most = 1 - 6 / (count * (count**2 - 1))
    z = math.atanh(min(most, max(-most, r)))
    half = two_sided(fraction("level", level)) * math.sqrt((1 + r**2 / 2) / (count - 3))
    warnings = []
    if count < FEW_MODELS:
        warnings.append(f"only {count} models: the ranks of so few say little")
    if abs(r) > _NEAR_ONE:
        warnings.append("so near to 1 the interval is too narrow")
    return Estimate(
        value=r,
        std_error=None,
        low=min(r, math.tanh(z - half)),
        high=max(r, math.tanh(z + half)),
        level=level,
        n=count,
        clusters=count,
        method="Spearman's rank correlation; Bonett-Wright interval",
        warnings=tuple(warnings),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """A ridge regression on standardized scores.

    Attributes:
        center: Mean score of each suite, shape (s,).
        scale: Standard deviation of each suite, infinite where it is 0; shape (s,).
        axes: Principal axes of the standardized scores, shape (r, s).
        strength: Squared singular value and penalty of each axis, shape (r,).
        slopes: Of the outcome on the standardized scores, shape (s,).
        mean: Mean outcome.
        models: How many models were fitted.
        df: Models less effective parameters, >= 1.
        residual: Residual sum of squares over `df`.
        penalty: The penalty chosen.
    """

    center: Floats
    scale: Floats
    axes: Floats
    strength: Floats
    slopes: Floats
    mean: float
    models: int
    df: float
    residual: float
    penalty: float

    def value(self, row: Floats) -> float:
        return self.mean + float((row - self.center) / self.scale @ self.slopes)

    def reach(self, row: Floats) -> float:
        """Variance of the prediction over that of a residual, the bias of the penalty included."""
        scaled = (row - self.center) / self.scale
        along = self.axes @ scaled
        reach = 1 / self.models + float((along**2 / self.strength).sum())
        # Of more suites than models, some directions are known from the penalty alone.
        beyond = max(0.0, float(scaled @ scaled - along @ along))
        return reach + (beyond / (self.models * self.penalty) if self.penalty else 0.0)


def _fitted(table: Floats, outcome: Floats) -> _Fit:
    """Least squares for one suite; for several, ridge with the least leave-one-out error."""
    models, suites = table.shape
    center = table.mean(axis=0)
    scale = np.where(np.ptp(table, axis=0) > 0, table.std(axis=0), np.inf)
    left, singular, axes = np.linalg.svd((table - center) / scale, full_matrices=False)
    deviations = outcome - outcome.mean()
    along = left.T @ deviations
    penalties = np.zeros(1) if suites == 1 else _PENALTIES
    # Where nothing varies and nothing is penalized, 0 over the smallest number is 0.
    strength = np.maximum(singular**2 + models * penalties[:, None], np.finfo(np.float64).tiny)
    shrunk = singular**2 / strength
    residuals = deviations - (shrunk * along) @ left.T
    leverages = 1 / models + shrunk @ (left**2).T
    free = np.maximum(1 - leverages, _ROUNDING)
    best = int(((residuals / free) ** 2).mean(axis=1).argmin())
    df = max(1.0, models - float(leverages[best].sum()))
    return _Fit(
        center=center,
        scale=scale,
        axes=axes,
        strength=strength[best],
        slopes=(singular / strength[best] * along) @ axes,
        mean=float(outcome.mean()),
        models=models,
        df=df,
        residual=float((residuals[best] ** 2).sum()) / df,
        penalty=float(penalties[best]),
    )


def _left_out(table: Floats, outcome: Floats, model: int) -> tuple[float, float]:
    """Error of predicting a model from the others, the penalty chosen anew, and its reach."""
    others = np.arange(len(table)) != model
    fit = _fitted(table[others], outcome[others])
    return float(outcome[model]) - fit.value(table[model]), fit.reach(table[model])


def _predicted(
    fit: _Fit,
    row: Floats,
    excess: Floats,
    variance: float,
    level: float,
    table: Floats,
    furthest: float,
    warnings: list[str],
) -> Estimate:
    value, reach = fit.value(row), fit.reach(row)
    low = high = None
    own = []
    outside = np.flatnonzero((row < table.min(axis=0)) | (row > table.max(axis=0)))
    if len(outside):
        which = ", ".join(map(str, outside))
        own.append(f"extrapolation: the score on suite {which} lies outside those of the models")
    elif reach > furthest:
        own.append("extrapolation: no model has such a combination of scores")
    spread = float(((fit.slopes / fit.scale) ** 2 * excess).sum())
    error: float | None = math.sqrt(variance * (1 + reach) + spread)
    if error <= _ROUNDING * max(1.0, abs(fit.mean)):
        error = None
        own.append("the scores fit the outcome without error: there is no interval")
    else:
        half = t_quantile((1 + level) / 2, fit.df) * error
        low, high = value - half, value + half
    how = "least squares" if len(row) == 1 else "ridge"
    return Estimate(
        value=value,
        std_error=error,
        low=low,
        high=high,
        level=level,
        n=len(table),
        clusters=len(table),
        method=f"prediction of one new model by {how}; t interval, {fit.df:.1f} df",
        warnings=(*warnings, *own),
    )


def _cut(found: Estimate, bounds: tuple[float, float] | None) -> Estimate:
    """A prediction within the bounds; without interval where all of that lies beyond them."""
    if bounds is None:
        return found
    value = min(bounds[1], max(bounds[0], found.value))
    low, high, warnings = found.low, found.high, list(found.warnings)
    if value != found.value:
        warnings.append(f"the prediction, {found.value:.3g}, is cut to the bounds")
    if low is not None and high is not None:
        low, high = max(bounds[0], low), min(bounds[1], high)
        if low >= high:
            low = high = None
            warnings.append("the whole interval lies outside the bounds: there is none")
    return replace(found, value=value, low=low, high=high, warnings=tuple(warnings))


def _doubts(models: int, skill: float) -> list[str]:
    found = []
    if models < FEW_MODELS:
        found.append(f"only {models} models: too few to trust what is predicted from them")
    if skill <= 0:
        found.append("the suites predict the outcome no better than the mean of the other models")
    return found


def _noisy(table: Floats, errors: Floats | None) -> list[str]:
    if errors is None:
        return []
    shares = (errors**2).mean(axis=0) / table.var(axis=0, ddof=1)
    return [
        f"{min(1.0, float(share)):.0%} of the spread between models on suite {suite} is error of "
        "their scores"
        for suite, share in enumerate(shares)
        if share > _NOISY
    ]


def _errors(name: str, errors: ArrayLike | None, suites: int, models: int) -> Floats | None:
    if errors is None:
        return None
    found = _matrix(name, np.atleast_2d(np.asarray(errors)), suites, models)
    if found.min() < 0:
        raise ValueError(f"{name}: {found.min()}; allowed: from 0")
    return found


def _excess(old: Floats | None, young: Floats | None, fresh: Floats) -> Floats:
    """By how much the variance of each new score's error exceeds that of the old ones'."""
    if young is None:
        return np.zeros_like(fresh)
    if old is None:
        raise ValueError("new_errors: given without errors; allowed: both or neither")
    return np.maximum(0.0, young**2 - (old**2).mean(axis=0))


def _matrix(name: str, values: ArrayLike, suites: int, rows: int | None = None) -> Floats:
    wanted = f"({'m' if rows is None else rows}, {suites})"
    found = two_dimensional(name, values, wanted)
    if found.shape[1] != suites or rows not in (None, len(found)):
        raise ValueError(f"{name}: shape {found.shape}; allowed: {wanted}")
    return found


def _checked(scores: ArrayLike, outcome: ArrayLike) -> tuple[Floats, Floats]:
    given = two_dimensional("scores", scores, "(models, suites)")
    if len(given) < FEWEST_MODELS:
        raise ValueError(
            f"scores: {len(given)} models; allowed: {FEWEST_MODELS} or more to predict at all"
        )
    found = numbers("outcome", outcome, len(given))
    for suite, column in enumerate(given.T):
        if np.ptp(column) == 0:
            raise ValueError(
                f"scores: suite {suite} is {column[0]} for all models; allowed: scores that differ"
            )
    if np.ptp(found) == 0:
        raise ValueError(f"outcome: {found[0]} for all models; allowed: outcomes that differ")
    return given, found
