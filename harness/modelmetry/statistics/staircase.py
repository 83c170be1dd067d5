"""Adaptive choice of difficulty: a Bayesian staircase that asks where it learns most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import Codes, Floats, fraction, numbers, whole, within
from modelmetry.statistics.estimate import Estimate
from modelmetry.statistics.logistic import MOST_LAPSES, accuracy, guess_rates
from modelmetry.statistics.means import UNIT

# Points of the grid over threshold, logarithm of the slope, and lapse rate.
_POINTS = (41, 11, 5)

# The prior of the threshold reaches this share of the tested range beyond it at both ends.
_BEYOND = 0.5

# From 10 % to 90 % a logistic curve takes 4.4 / slope. The prior of the slope goes from a curve for
# which that is twice the tested range to one for which it is half of the narrowest step.
_SPAN = 4.4

# The prior of the lapse rate falls like (1 - lapse)^_RARE.
_RARE = 20.0

# An axis is narrowed to where its density is above this share of the highest.
_NEGLIGIBLE = 1e-6
_ZOOMS = 6

# How much of the interval's level may lie beyond the tested range before its end does.
_TIED = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class _Posterior:
    """A density on a grid.

    Attributes:
        thresholds: Rising and evenly spaced, shape (t,).
        weights: Probability of each grid point, shape (t, r), where r counts slopes x lapse rates.
        accuracy: At each level, shape (levels, t, r).
        right: Its logarithm, likewise.
        wrong: Logarithm of one less the accuracy, likewise.
    """

    thresholds: Floats
    weights: Floats
    accuracy: Floats
    right: Floats
    wrong: Floats


class Staircase:
    """Chooses which of some levels of difficulty to ask next, and estimates the threshold.

    The model is `logistic.accuracy`, with a slope and a lapse rate that are not known. The
    posterior is computed on a grid that is narrowed to where its mass is; the prior is uniform over
    the threshold, from half the tested range below the easiest level to half of it above the
    hardest, uniform over the logarithm of the slope, from a curve much flatter than the tested
    range to one that falls between two neighboring levels, and gives lapse rates from 0 to 0.2 the
    density (1 - lapse)^20. The next level is that whose answer is expected to tell most about the
    threshold, slope and lapse rate being averaged over. Source: Kontsevich and Tyler (1999), Vision
    Research 39, 2729-2737 (the psi method); Prins (2013), Journal of Vision 13(7):3 (nuisance
    parameters marginalized); Watson (2017), Journal of Vision 17(3):10 (QUEST+).

    Answers must be independent given the level: ask each time another item.

    Args:
        levels: Difficulties that can be asked, higher being harder, shape (m,); two or more differ.
        guess: Probability of guessing right at each level, shape (m,) or one number, in [0, 1).
        rng: Breaks ties between levels that tell as much.

    Raises:
        ValueError: The levels do not differ, or a value is out of range.
    """

    def __init__(
        self, levels: ArrayLike, *, guess: ArrayLike | float = 0.0, rng: np.random.Generator
    ) -> None:
        self._levels = numbers("levels", levels)
        self._guess = guess_rates(guess, len(self._levels))
        self._rng = rng
        steps = np.diff(np.unique(self._levels))
        if not len(steps):
            raise ValueError(
                f"levels: all are {self._levels[0]:g}; allowed: two or more that differ"
            )
        low, high = float(self._levels.min()), float(self._levels.max())
        margin = _BEYOND * (high - low)
        self._box = (
            (low - margin, high + margin),
            (float(np.log(_SPAN / (2 * (high - low)))), float(np.log(2 * _SPAN / steps.min()))),
            (0.0, MOST_LAPSES),
        )
        self._right = np.zeros(len(self._levels))
        self._wrong = np.zeros(len(self._levels))
        self._now: _Posterior | None = None

    @property
    def asked(self) -> int:
        """How many answers have been seen."""
        return round(float(self._right.sum() + self._wrong.sum()))

    def next(self) -> int:
        """Index of the level to ask next."""
        return int(self.next_batch(1)[0])

    def next_batch(self, k: int) -> Codes:
        """Indices of the levels to ask next, all at once, shape (k,); one may come several times.

        Chosen one after the other, each as if those before it had been answered as expected.

        Args:
            k: How many, >= 1.

        Raises:
            ValueError: `k` is below 1 or not whole.
        """
        whole("k", k, 1)
        now = self._posterior()
        weights = now.weights
        chosen = np.empty(k, dtype=np.intp)
        for i in range(k):
            gain, expected = _information(now, weights)
            best = np.flatnonzero(gain >= gain.max() - _TIED)
            level = int(self._rng.choice(best))
            chosen[i] = level
            p = expected[level]
            weights = weights * np.exp(p * now.right[level] + (1 - p) * now.wrong[level])
            weights = weights / weights.sum()
        return chosen

    def update(self, indices: ArrayLike, scores: ArrayLike) -> None:
        """Take answers into account; their order does not matter.

        Args:
            indices: Of the levels asked, shape (k,).
            scores: Score of each answer, shape (k,), in [0, 1]; one between counts as a share of a
                right answer and the rest of a wrong one.

        Raises:
            ValueError: An index names no level, a score is out of range, or shapes differ.
        """
        where = np.asarray(indices)
        values = numbers("scores", scores)
        within("scores", values, UNIT)
        if where.shape != values.shape or where.dtype.kind not in "iu":
            raise ValueError(
                f"indices: {where.dtype} of shape {where.shape}; allowed: a whole number for each "
                f"of {len(values)} scores"
            )
        m = len(self._levels)
        if where.min() < 0 or where.max() >= m:
            raise ValueError(f"indices: {where.min()} to {where.max()}; allowed: 0 to {m - 1}")
        self._right += np.bincount(where, weights=values, minlength=m)
        self._wrong += np.bincount(where, weights=1 - values, minlength=m)
        self._now = None

    def predicted(self) -> Floats:
        """Expected accuracy at each level, shape (m,), in [0, 1]."""
        now = self._posterior()
        return _information(now, now.weights)[1]

    def estimate(self, level: float = 0.95) -> Estimate:
        """The threshold: posterior mean, standard deviation, and equal-tailed credible interval.

        A lower end below the tested levels, or an upper one above, is None, since only the prior
        bounds it there, and a warning says `saturated` or `floor`. The value and the other end are
        never beyond: a lower end at the hardest level says that the threshold is above it.

        Args:
            level: Probability of the interval, in (0, 1).

        Raises:
            ValueError: `level` is out of range.
        """
        fraction("level", level)
        now = self._posterior()
        mass = now.weights.sum(axis=1)
        mean = float(mass @ now.thresholds)
        error = float(np.sqrt(mass @ (now.thresholds - mean) ** 2))
        ends = _quantiles(now.thresholds, mass, ((1 - level) / 2, (1 + level) / 2))
        easiest, hardest = float(self._levels.min()), float(self._levels.max())
        warnings = []
        if ends[1] > hardest:
            verb = "is" if mean > hardest else "may be"
            warnings.append(f"saturated: the threshold {verb} above the hardest level, {hardest:g}")
        if ends[0] < easiest:
            verb = "is" if mean < easiest else "may be"
            warnings.append(f"floor: the threshold {verb} below the easiest level, {easiest:g}")
        return Estimate(
            value=min(max(mean, easiest), hardest),
            std_error=error,
            low=min(ends[0], hardest) if ends[0] >= easiest else None,
            high=max(ends[1], easiest) if ends[1] <= hardest else None,
            level=level,
            n=self.asked,
            clusters=self.asked,
            method="Bayesian threshold of a logistic curve; credible interval",
            warnings=tuple(warnings),
        )

    def _posterior(self) -> _Posterior:
        if self._now is None:
            self._now, narrower = self._on_grid(self._box)
            for _ in range(_ZOOMS):
                box = narrower
                self._now, narrower = self._on_grid(box)
                if narrower == box:
                    break
        return self._now

    def _on_grid(
        self, box: tuple[tuple[float, float], ...]
    ) -> tuple[_Posterior, tuple[tuple[float, float], ...]]:
        """The posterior on a grid over a box, and the box that holds all but a negligible part."""
        axes = [np.linspace(*ends, n) for ends, n in zip(box, _POINTS, strict=True)]
        t, s, lapse = (a.reshape(-1) for a in np.meshgrid(*axes, indexing="ij"))
        logits = np.exp(s) * (t - self._levels[:, None])
        p = accuracy(logits, self._guess[:, None], lapse)
        # Only a score that was surely right or wrong could have probability 0.
        p = np.clip(p, 1e-12, 1 - 1e-12)
        right, wrong = np.log(p), np.log1p(-p)
        density = self._right @ right + self._wrong @ wrong + _RARE * np.log1p(-lapse)
        weights = np.exp(density - density.max()).reshape(_POINTS)
        for k in range(3):
            # By the trapezoidal rule an end of an axis stands for half a step.
            weights[tuple([0, -1] if i == k else slice(None) for i in range(3))] /= 2
        narrower = []
        for k, axis in enumerate(axes):
            marginal = weights.sum(axis=tuple(i for i in range(3) if i != k))
            kept = np.flatnonzero(marginal > _NEGLIGIBLE * marginal.max())
            first, last = max(0, int(kept[0]) - 1), min(len(axis) - 1, int(kept[-1]) + 1)
            wide = last - first > 0.75 * (len(axis) - 1)
            narrower.append(box[k] if wide else (float(axis[first]), float(axis[last])))
        shape = (len(self._levels), _POINTS[0], -1)
        found = _Posterior(
            thresholds=axes[0],
            weights=(weights / weights.sum()).reshape(_POINTS[0], -1),
            accuracy=p.reshape(shape),
            right=right.reshape(shape),
            wrong=wrong.reshape(shape),
        )
        return found, tuple(narrower)


def _information(now: _Posterior, weights: Floats) -> tuple[Floats, Floats]:
    """Mutual information of answer and threshold at each level, and expected accuracy there."""
    mass = weights.sum(axis=1)
    joint = np.einsum("ltr,tr->lt", now.accuracy, weights)
    expected = joint.sum(axis=1)
    given = joint / np.where(mass > 0, mass, 1.0)
    return _entropy(expected) - _entropy(given) @ mass, expected


def _entropy(p: Floats) -> Floats:
    """Of a yes/no answer, in nats."""
    q = np.clip(p, 1e-12, 1 - 1e-12)
    return -q * np.log(q) - (1 - q) * np.log1p(-q)


def _quantiles(points: Floats, mass: Floats, at: tuple[float, float]) -> tuple[float, float]:
    """Where a density that is evenly spread over each point's cell reaches some probabilities."""
    step = points[1] - points[0]
    edges = np.append(points - step / 2, points[-1] + step / 2)
    reached = np.append(0.0, np.cumsum(mass))
    low, high = np.interp(at, reached / reached[-1], edges)
    return float(low), float(high)
