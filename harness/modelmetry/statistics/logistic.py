"""The likelihood of a logistic curve between a guess rate and lapses, and how to climb it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import Codes, Floats, numbers

MOST_LAPSES = 0.2
"""Highest lapse rate that is considered."""

STEEPEST = 40.0
"""Beyond this many logits per standard deviation of difficulty a curve is a step."""

# Distinct difficulties told apart; more are joined with their neighbors.
_MOST_LEVELS = 400

# No share is below this one, so that every likelihood has a logarithm.
_LEAST = 1e-15

_STEPS = 100
_CONVERGED = 1e-9


def accuracy(logits: Floats, guess: Floats, lapse: ArrayLike = 0.0) -> Floats:
    """Guess + (1 - guess) (1 - lapse) / (1 + exp(-logits)): a lapse is a guess at any difficulty.

    Args:
        logits: Any shape.
        guess: Probability of guessing right, in [0, 1); broadcast.
        lapse: Probability of guessing though the answer is known, in [0, 1]; broadcast.
    """
    return guess + (1 - guess) * (1 - np.asarray(lapse, dtype=np.float64)) * _logistic(logits)


def guess_rates(guess: ArrayLike, n: int) -> Floats:
    """Guess rates, shape (n,), from as many or from one.

    Raises:
        ValueError: One is NaN or outside [0, 1), or their number is another.
    """
    given = np.asarray(guess, dtype=np.float64)
    rate = numbers("guess", np.full(n, given) if given.ndim == 0 else given, n)
    if rate.min() < 0 or rate.max() >= 1:
        raise ValueError(f"guess: {rate.min()} to {rate.max()}; allowed: from 0 to below 1")
    return rate


def _logistic(logits: Floats) -> Floats:
    # tanh does not overflow.
    return (1 + np.tanh(logits / 2)) / 2


class Likelihood:
    """The log-likelihood of (intercept, gradient, lapse rate) over standardized difficulty.

    Items of the same difficulty and guess rate are one cell; more than 400 difficulties are
    joined in as many steps.

    Args:
        x: Difficulty of each item, shape (n,), not all the same.
        y: Scores, shape (n,), in [0, 1].
        rate: Guess rates, shape (n,), in [0, 1).

    Attributes:
        center: Mean difficulty.
        scale: Standard deviation of difficulty.
        x: Standardized difficulty of each cell, shape (cells,).
        rate: Guess rate of each.
        n: Items of each.
        right: Sum of their scores.
        cell: The cell of each item, shape (n,).
    """

    def __init__(self, x: Floats, y: Floats, rate: Floats) -> None:
        self.center, self.scale = float(x.mean()), float(x.std())
        z = (x - self.center) / self.scale
        if len(np.unique(z)) > _MOST_LEVELS:
            step = (z.max() - z.min()) / _MOST_LEVELS
            z = z.min() + step * (np.minimum((z - z.min()) // step, _MOST_LEVELS - 1) + 0.5)
        levels, at = np.unique(z, return_inverse=True)
        rates, of = np.unique(rate, return_inverse=True)
        pairs, self.cell = np.unique(at * len(rates) + of, return_inverse=True)
        self.x, self.rate = levels[pairs // len(rates)], rates[pairs % len(rates)]
        self._room = 1 - self.rate
        self.n = np.bincount(self.cell).astype(np.float64)
        self.right = np.bincount(self.cell, weights=y)

    def parts(self, theta: Floats) -> tuple[Floats, Floats, Floats]:
        """Accuracy and one less it, shape (cells,), and derivatives of accuracy, (cells, 3)."""
        share, rest, p, q = self._chances(theta)
        slant = self._room * (1 - theta[2]) * share * rest
        return p, q, np.stack([slant, slant * self.x, -self._room * share], axis=1)

    def _chances(self, theta: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Share known and one less it, accuracy and one less it, each above 0."""
        bent = np.tanh((theta[0] + theta[1] * self.x) / 2)
        share = np.maximum((1 + bent) / 2, _LEAST)
        rest = np.maximum((1 - bent) / 2, _LEAST)
        p = self.rate + self._room * (1 - theta[2]) * share
        return share, rest, p, self._room * (rest + theta[2] * share)

    def value(self, theta: Floats) -> float:
        """The log-likelihood."""
        _, _, p, q = self._chances(theta)
        return float(self.right @ np.log(p) + (self.n - self.right) @ np.log(q))

    def information(self, theta: Floats) -> Floats:
        """Fisher information, shape (3, 3)."""
        p, q, slopes = self.parts(theta)
        return (slopes * (self.n / (p * q))[:, None]).T @ slopes

    def climb(
        self,
        start: Floats,
        *,
        free: tuple[bool, bool, bool] = (True, True, True),
        threshold: float | None = None,
        rising: bool = False,
    ) -> Floats:
        """The most likely parameters, shape (3,), by Fisher scoring with step halving.

        Args:
            start: Where to start; parameters that are not free stay there.
            free: Which parameters move.
            threshold: Where the logit is to be 0, the intercept following from the gradient; None
                for anywhere.
            rising: Whether the gradient may be above 0.
        """
        low = np.array([-np.inf, -STEEPEST, 0.0])
        high = np.array([np.inf, STEEPEST if rising else 0.0, MOST_LAPSES])
        moves = np.eye(3)
        if threshold is not None:
            moves[0], free = (0.0, -threshold, 0.0), (False, free[1], free[2])
        theta = moves @ start
        best = self.value(theta)
        for _ in range(_STEPS):
            p, q, slopes = self.parts(theta)
            score = moves.T @ (slopes.T @ ((self.right - self.n * p) / (p * q)))
            outward = ((theta <= low) & (score < 0)) | ((theta >= high) & (score > 0))
            moving = np.flatnonzero(np.array(free) & ~outward)
            if not len(moving):
                break
            slopes = slopes @ moves
            bent = (slopes * (self.n / (p * q))[:, None]).T @ slopes
            step = np.zeros(3)
            # A flat direction gets a short step rather than an error.
            bread = bent[np.ix_(moving, moving)] + 1e-9 * np.eye(len(moving))
            step[moving] = np.linalg.solve(bread, score[moving])
            after, gained = self._halved(theta, step, best, moves, low, high)
            moved, theta, best = np.abs(after - theta).max(), after, best + gained
            if gained < _CONVERGED or moved < _CONVERGED:
                break
        return theta

    def _halved(
        self, theta: Floats, step: Floats, best: float, moves: Floats, low: Floats, high: Floats
    ) -> tuple[Floats, float]:
        """The first of step, half of it and so on that does not lose, and what it gains."""
        for _ in range(40):
            after = moves @ np.clip(theta + step, low, high)
            gained = self.value(after) - best
            if gained >= 0:
                return after, gained
            step = step / 2
        return theta, 0.0

    def natural(self, theta: Floats) -> tuple[float, float, float]:
        """The parameters in the difficulty's own unit."""
        gradient = float(theta[1]) / self.scale
        return float(theta[0]) - gradient * self.center, gradient, float(theta[2])

    def spread(
        self, theta: Floats, gradient: Floats, y: Floats, codes: Codes, count: int
    ) -> tuple[float | None, float]:
        """Clustered standard error of a function of the parameters, and its square by the model's.

        The error is by the delta method, with G/(G-1); None where the parameters are not told. The
        ratio is no less than it would be were each item its own cluster, which is 1 where every
        answer is right or wrong: sums over few clusters would make it too small by chance.

        Args:
            theta: The most likely parameters; those at a bound count as known.
            gradient: Derivative of the function, shape (3,).
            y: Scores, shape (n,).
            codes: Cluster of each, from 0.
            count: How many clusters, two or more.
        """
        inside = [True, theta[1] > -STEEPEST, 0 < theta[2] < MOST_LAPSES or gradient[2] != 0]
        kept = np.flatnonzero(inside)
        information = self.information(theta)[np.ix_(kept, kept)]
        size = np.sqrt(np.maximum(np.diag(information), 1e-12))
        told = np.linalg.cond(information / np.outer(size, size)) < 1e9
        if not told or not gradient[kept].any():
            # As if a cluster told no more than one of its observations.
            return None, len(y) / count
        weights = np.linalg.solve(information, gradient[kept])
        p, q, slopes = self.parts(theta)
        moved = (slopes[:, kept] @ weights) / (p * q)
        parts = (y - p[self.cell]) * moved[self.cell]
        sums = np.bincount(codes, weights=parts, minlength=count)
        variance = count / (count - 1) * float(sums @ sums)
        model = float(weights @ information @ weights)
        apart = 1.0 if bool(np.isin(y, (0.0, 1.0)).all()) else float(parts @ parts) / model
        alone = count == len(y)
        return math.sqrt(variance), apart if alone else max(apart, variance / model)
