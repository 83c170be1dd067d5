"""Item response theory: abilities of many models and what each item tells of them (2PL)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import Codes, Floats, floats, fraction
from modelmetry.statistics.distributions import two_sided
from modelmetry.statistics.estimate import Estimate

FEWEST_MODELS = 10
"""Below this many models item parameters are not estimated."""

WELL = 0.5
"""Highest standard error of an ability that counts as measured well, in logits of ability."""

# Priors of an item: log discrimination is normal about 0, difficulty is normal about 0.
_SPREAD_OF_LOG = 0.5
_SPREAD_OF_DIFFICULTY = 2.5

# Abilities are integrated from -_REACH to _REACH over evenly spaced nodes, closer to each other the
# more items there are: where many items make an ability precise, Gauss and Hermite's nodes lie too
# far apart.
_REACH = 6.0
_FEWEST_NODES = 121

# Items x nodes that are worked on at once.
_BLOCK = 500_000

_ROUNDS = 1000
_CONVERGED = 1e-5
_LONGEST_STEP = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResponse:
    """P(model i is right on item j) = 1 / (1 + exp(-discrimination_j (ability_i - difficulty_j))).

    Abilities and difficulties are in units of the spread of these models' abilities, whose mean is
    0 and whose mean square is 1.

    Attributes:
        abilities: One per model, with its interval.
        items: Indices of the items that tell models apart, shape (k,); what follows is of these.
        difficulty: Ability at which half are right, shape (k,).
        difficulty_error: Its standard error, shape (k,).
        discrimination: Logits gained per unit of ability, > 0, shape (k,).
        discrimination_error: Its standard error, shape (k,).
        log_likelihood: Of the scores, abilities integrated out, without the priors of the items.
        warnings: Reasons for care, one sentence each.
    """

    abilities: tuple[Estimate, ...]
    items: Codes
    difficulty: Floats
    difficulty_error: Floats
    discrimination: Floats
    discrimination_error: Floats
    log_likelihood: float
    warnings: tuple[str, ...] = ()

    def item_information(self, ability: ArrayLike) -> Floats:
        """Fisher information of each item at some abilities, shape (k, m).

        Args:
            ability: Shape (m,).
        """
        at = np.asarray(ability, dtype=np.float64)
        p = _right(at, np.log(self.discrimination), self.difficulty)
        return self.discrimination[:, None] ** 2 * p * (1 - p)

    def test_information(self, ability: ArrayLike) -> Floats:
        """Fisher information of all items together at some abilities, shape (m,).

        Its root is one over the standard error with which the items alone tell an ability.

        Args:
            ability: Shape (m,).
        """
        return self.item_information(ability).sum(axis=0)

    def measured_well(self, error: float = WELL) -> tuple[float, float] | None:
        """Range of ability, within -6 to 6, that the items tell with at most some standard error.

        Args:
            error: The standard error, > 0.

        Returns:
            The lowest and the highest such ability, or None where there is none.
        """
        at = np.linspace(-_REACH, _REACH, 1201)
        good = np.flatnonzero(self.test_information(at) >= 1 / error**2)
        return (float(at[good[0]]), float(at[good[-1]])) if len(good) else None


def two_parameter(scores: ArrayLike, *, level: float = 0.95) -> ItemResponse:
    """Fit the two-parameter logistic model by marginal maximum likelihood with weak priors.

    EM over evenly spaced nodes, with abilities drawn from a standard normal distribution: Bock and
    Aitkin (1981), Psychometrika 46, 443-459. So that few models suffice, discriminations have a
    lognormal prior (mean of the logarithm 0, standard deviation 0.5) and difficulties a normal one
    (0, 2.5): Mislevy (1986), Psychometrika 51, 177-195. Standard errors of items are from the
    observed information, by Louis (1982), Journal of the Royal Statistical Society B 44, 226-233,
    item by item. Abilities are posterior means (EAP); to the posterior variance is added what the
    uncertainty of the items contributes to first order, and intervals are normal. In the end the
    scale is moved so that abilities have mean 0 and mean square 1, from which the priors of the
    items had drawn it away. Scores between 0 and 1, such as means over repeats, enter as a quasi-
    likelihood.

    Items on which all models have the same score tell no models apart and are left out, with a
    warning.

    Args:
        scores: Scores in [0, 1], shape (models, items); NaN where a model was not asked an item.
        level: Confidence level, in (0, 1).

    Raises:
        ValueError: Fewer than 10 models, a score out of range, a model without scores, or no item
            on which models differ.
    """
    fraction("level", level)
    y, asked, items, warnings = _checked(scores)
    nodes, prior = _nodes(len(items))
    logs, difficulty = np.zeros(len(items)), _first(y, asked)
    for _ in range(_ROUNDS):
        weights, _ = _posterior(y, asked, logs, difficulty, nodes, prior)
        before = np.concatenate([logs, difficulty])
        parts = [
            _improved(y[:, part], asked[:, part], logs[part], difficulty[part], nodes, weights)
            for part in _blocks(len(items), len(nodes))
        ]
        logs, difficulty = (np.concatenate(each) for each in zip(*parts, strict=True))
        if np.abs(np.concatenate([logs, difficulty]) - before).max() < _CONVERGED:
            break
    else:
        warnings = (*warnings, f"the fit had not settled after {_ROUNDS} rounds")
    weights, likelihood = _posterior(y, asked, logs, difficulty, nodes, prior)
    parts = [
        _errors(y[:, part], asked[:, part], logs[part], difficulty[part], nodes, weights)
        for part in _blocks(len(items), len(nodes))
    ]
    covariance = np.concatenate([part[0] for part in parts])
    pull = np.concatenate([part[1] for part in parts], axis=1)
    mean = weights @ nodes
    center = float(mean.mean())
    scale = float(np.sqrt((weights @ nodes**2).mean() - center**2))
    error = np.sqrt(
        weights @ nodes**2 - mean**2 + np.einsum("nka,kab,nkb->n", pull, covariance, pull)
    )
    return ItemResponse(
        abilities=_abilities((mean - center) / scale, error / scale, asked, level),
        items=items,
        difficulty=(difficulty - center) / scale,
        difficulty_error=np.sqrt(covariance[:, 1, 1]) / scale,
        discrimination=np.exp(logs) * scale,
        discrimination_error=np.exp(logs) * scale * np.sqrt(covariance[:, 0, 0]),
        log_likelihood=likelihood,
        warnings=warnings,
    )


def _checked(scores: ArrayLike) -> tuple[Floats, Floats, Codes, tuple[str, ...]]:
    """Scores with 0 for missing, which were asked, the items kept, and warnings."""
    given = floats("scores", scores)
    if given.ndim != 2:
        raise ValueError(f"scores: shape {given.shape}; allowed: (models, items)")
    if len(given) < FEWEST_MODELS:
        raise ValueError(f"scores: {len(given)} models; allowed: {FEWEST_MODELS} or more")
    there = ~np.isnan(given)
    seen = given[there]
    if len(seen) and (seen.min() < 0 or seen.max() > 1):
        raise ValueError(f"scores: {seen.min()} to {seen.max()}; allowed: 0 to 1, NaN if not asked")
    if not there.any(axis=1).all():
        raise ValueError(f"scores: model {int(there.any(axis=1).argmin())} has none; allowed: some")
    low, high = np.where(there, given, 1.0).min(axis=0), np.where(there, given, 0.0).max(axis=0)
    items = np.flatnonzero(low < high)
    if not len(items):
        raise ValueError("scores: no item has different scores; allowed: at least one that does")
    warnings = []
    for what, which in (("right", low == 1), ("wrong", high == 0)):
        if which.any():
            warnings.append(
                f"{which.sum():,} of {given.shape[1]:,} items: all models {what}, no information"
            )
    kept = there[:, items]
    if not kept.any(axis=1).all():
        model = int(kept.any(axis=1).argmin())
        raise ValueError(f"scores: model {model} has none on items that differ; allowed: some")
    return np.where(kept, given[:, items], 0.0), kept.astype(np.float64), items, tuple(warnings)


def _nodes(items: int) -> tuple[Floats, Floats]:
    """Nodes and the standard normal distribution's weights on them."""
    count = max(_FEWEST_NODES, int(2 * _REACH * np.sqrt(items)))
    nodes = np.linspace(-_REACH, _REACH, count)
    density = np.exp(-(nodes**2) / 2)
    return nodes, density / density.sum()


def _blocks(items: int, nodes: int) -> list[slice]:
    """The items in parts that take a bounded memory."""
    size = max(1, _BLOCK // nodes)
    return [slice(first, first + size) for first in range(0, items, size)]


def _first(y: Floats, asked: Floats) -> Floats:
    """Difficulties to start from: the logit of each item's share of wrong answers."""
    share = (y.sum(axis=0) + 0.5) / (asked.sum(axis=0) + 1)
    return np.log1p(-share) - np.log(share)


def _right(nodes: Floats, logs: Floats, difficulty: Floats) -> Floats:
    """Accuracy of each item at each ability, shape (k, nodes)."""
    logits = np.exp(logs)[:, None] * (nodes - difficulty[:, None])
    return (1 + np.tanh(logits / 2)) / 2


def _posterior(
    y: Floats, asked: Floats, logs: Floats, difficulty: Floats, nodes: Floats, prior: Floats
) -> tuple[Floats, float]:
    """Weight of each ability for each model, shape (models, nodes), and the log-likelihood."""
    joint = np.tile(np.log(prior), (len(y), 1))
    for part in _blocks(len(logs), len(nodes)):
        logits = np.exp(logs[part])[:, None] * (nodes - difficulty[part, None])
        joint += y[:, part] @ logits - asked[:, part] @ np.logaddexp(0, logits)
    top = joint.max(axis=1, keepdims=True)
    weights = np.exp(joint - top)
    total = weights.sum(axis=1, keepdims=True)
    return weights / total, float((np.log(total) + top).sum())


def _improved(
    y: Floats, asked: Floats, logs: Floats, difficulty: Floats, nodes: Floats, weights: Floats
) -> tuple[Floats, Floats]:
    """Item parameters after one step of Fisher scoring on the expected log-posterior."""
    p = _right(nodes, logs, difficulty)
    a = np.exp(logs)[:, None]
    # Derivatives of an item's logit by log discrimination and by difficulty.
    by_log = a * (nodes - difficulty[:, None])
    residual = y.T @ weights - (seen := asked.T @ weights) * p
    spread = seen * p * (1 - p)
    score_log = (residual * by_log).sum(axis=1) - logs / _SPREAD_OF_LOG**2
    score_b = -(residual * a).sum(axis=1) - difficulty / _SPREAD_OF_DIFFICULTY**2
    i_log = (spread * by_log**2).sum(axis=1) + 1 / _SPREAD_OF_LOG**2
    i_b = (spread * a**2).sum(axis=1) + 1 / _SPREAD_OF_DIFFICULTY**2
    i_both = -(spread * by_log * a).sum(axis=1)
    determinant = i_log * i_b - i_both**2
    step_log = (i_b * score_log - i_both * score_b) / determinant
    step_b = (i_log * score_b - i_both * score_log) / determinant
    longest = _LONGEST_STEP
    return (
        logs + np.clip(step_log, -longest, longest),
        difficulty + np.clip(step_b, -longest, longest),
    )


def _errors(
    y: Floats, asked: Floats, logs: Floats, difficulty: Floats, nodes: Floats, weights: Floats
) -> tuple[Floats, Floats]:
    """Covariance of each item's parameters, and how they pull each ability.

    Returns:
        Shapes (k, 2, 2) and (models, k, 2); the latter is the derivative of the posterior mean.
    """
    p = _right(nodes, logs, difficulty)
    a = np.exp(logs)[:, None]
    towards = np.stack([a * (nodes - difficulty[:, None]), -np.broadcast_to(a, p.shape)])
    mean = weights @ nodes
    seen = asked.T @ weights
    complete = np.einsum("iq,aiq,biq->iab", seen * p * (1 - p), towards, towards)
    missing = np.zeros_like(complete)
    pull = np.empty((len(y), len(logs), 2))
    for i, weight in enumerate(weights):
        scores = asked[i][:, None] * (y[i][:, None] - p) * towards
        average = scores @ weight
        missing += np.einsum("q,aiq,biq->iab", weight, scores, scores)
        missing -= np.einsum("ai,bi->iab", average, average)
        pull[i] = (scores @ (weight * (nodes - mean[i]))).T
    prior = np.diag([_SPREAD_OF_LOG**-2, _SPREAD_OF_DIFFICULTY**-2])
    # The complete-data information alone bounds what is lost where few models make it all.
    observed = complete - missing + prior
    safe = np.linalg.eigvalsh(observed)[:, 0] > 0
    return np.linalg.inv(np.where(safe[:, None, None], observed, prior)), pull


def _abilities(values: Floats, errors: Floats, asked: Floats, level: float) -> tuple[Estimate, ...]:
    half = two_sided(level)
    counts = asked.sum(axis=1).astype(int).tolist()
    return tuple(
        Estimate(
            value=value,
            std_error=error,
            low=value - half * error,
            high=value + half * error,
            level=level,
            n=n,
            clusters=n,
            method="2PL ability; posterior mean and normal interval",
        )
        for value, error, n in zip(values.tolist(), errors.tolist(), counts, strict=True)
    )
