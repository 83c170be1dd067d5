"""The search for a partition: models of the parts of very many rules, fitted many at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelmetry.statistics import ridge_logistic
from modelmetry.statistics.checks import Codes, Floats
from modelmetry.statistics.ridge_logistic import RidgeLogistic

Marks = NDArray[np.bool_]

# Loss per row that a Newton step must save; the models that are chosen are fitted to the end.
_CONVERGED = 1e-7

# Plain Newton steps after which a model is left to the damped search.
_STEPS = 12

# Share of the cuts not done below which the others are dropped.
_FEWER = 0.8

# A variance so small a part of the mean square is looked at again: it is rounding of a constant, or of a
# feature that in this part wants a scale of its own, which is left to the damped search.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Search:
    """Models of parts of the same rows, and what they call.

    The penalized loss is that of `ridge_logistic.fit`: in the units of all rows instead of each part's own,
    so that parts share their products, the penalty is on the slopes times the part's own spread.

    Attributes:
        y: Outcomes, 0 or 1, shape (n,).
        x: Features, shape (n, p).
        generic: The model of all rows, from which the search for each part's sets out.
        penalty: Of the slopes.
        balanced: Whether both outcomes get the same weight in each part.
        threshold: Log odds from which a row is called.
    """

    y: Floats
    x: Floats
    generic: RidgeLogistic
    penalty: float
    balanced: bool
    threshold: float

    def alone(self, mine: Marks) -> Codes:
        """Rows, those with the outcome, those called, and both, of the model of these rows; shape (4,)."""
        y, x = self.y[mine], self.x[mine]
        if not len(y):
            return np.zeros(4, dtype=np.intp)
        logits = ridge_logistic.quick(y, x, self.penalty, self.balanced, self.generic, _CONVERGED)
        called = logits >= self.threshold
        return np.array([len(y), y.sum(), called.sum(), called @ y], dtype=np.intp)

    def halved(self, among: Marks, marks: Marks) -> Codes:
        """The same of the two parts that each of several marks cuts some rows in.

        Args:
            among: The rows to cut, shape (n,).
            marks: Which go to the first of the two parts, shape (cuts, n).

        Returns:
            Shape (cuts, 2, 4).
        """
        at = np.flatnonzero(among)
        found = np.zeros((len(marks), 2, 4), dtype=np.intp)
        if not len(at) or not len(marks):
            return found
        # Equal cuts, as of features of few values, are fitted once.
        packed = np.packbits(marks[:, at], axis=1)
        _, first, which = np.unique(packed, axis=0, return_index=True, return_inverse=True)
        cuts = marks[first][:, at]
        batch = _Batch(self, at, cuts)
        counts = batch.counts()
        for cut, part in zip(*np.nonzero(~batch.done()), strict=True):
            mine = np.zeros(len(self.y), dtype=bool)
            mine[at[cuts[cut] == (part == 0)]] = True
            counts[cut, part] = self.alone(mine)
        return counts[which.reshape(-1)]


class _Batch:
    """Newton's method for the models of all parts of several cuts of the same rows at once.

    Args:
        search: What is sought.
        at: The rows, shape (r,).
        cuts: Which of them go to the first part, shape (cuts, r).
    """

    def __init__(self, search: Search, at: Codes, cuts: Marks) -> None:
        self._search, self._cuts = search, cuts
        self._y = search.y[at]
        self._z = np.ones((len(at), search.x.shape[1] + 1))
        self._z[:, 1:] = (search.x[at] - search.generic.center) / search.generic.scale
        self._share = cuts.astype(np.float64)
        self._sizes = self._parted(self._share, np.ones(len(at)))
        self._positives = self._parted(self._share, self._y)
        self._fit = (self._positives > 0) & (self._positives < self._sizes)
        self._odd = np.zeros(self._fit.shape, dtype=bool)
        self._spread, self._means = self._moments()
        self._fit &= ~self._odd
        self._weights = self._class_weights()
        self._theta = self._started()
        self._done = ~self._fit
        self._climb()

    def done(self) -> Marks:
        """Which models were found, shape (cuts, 2)."""
        return self._done & ~self._odd

    def counts(self) -> Codes:
        """As `Search.halved` gives them; of models that were not found without meaning."""
        sizes, positives = self._sizes, self._positives
        rate = np.log((positives + 0.5) / (sizes - positives + 0.5))
        theta = np.where(self._fit[..., None], self._theta, 0.0)
        theta[..., 0] = np.where(self._fit, theta[..., 0], rate)
        with np.errstate(invalid="ignore"):
            called = (self._logits(theta, self._cuts) >= self._search.threshold).astype(np.float64)
        mine = self._share * called
        calls = np.stack([mine.sum(axis=1), called.sum(axis=1) - mine.sum(axis=1)], axis=1)
        both = np.stack([mine @ self._y, called @ self._y - mine @ self._y], axis=1)
        return np.rint(np.stack([sizes, positives, calls, both], axis=2)).astype(np.intp)

    def _parted(self, share: Floats, values: Floats) -> Floats:
        """Totals of values in both parts of each cut, shape (cuts, 2, ...)."""
        one = share @ values
        return np.stack([one, values.sum(axis=0) - one], axis=1)

    def _moments(self) -> tuple[Floats, Floats]:
        """Variance of each feature in each part, 0 where it is constant, and its mean; (cuts, 2, p)."""
        z, sizes = self._z[:, 1:], np.maximum(self._sizes, 1.0)[..., None]
        means = self._parted(self._share, z) / sizes
        squares = self._parted(self._share, z**2) / sizes
        spread = squares - means**2
        level = np.ptp(z, axis=0) == 0
        doubtful = self._fit[..., None] & (spread <= _ROUNDING * squares) & ~level
        for cut, part in zip(*np.nonzero(doubtful.any(axis=2)), strict=True):
            columns = np.flatnonzero(doubtful[cut, part])
            rows = np.flatnonzero(self._cuts[cut] == (part == 0))
            spread[cut, part, columns] = 0.0
            self._odd[cut, part] = bool(np.ptp(z[np.ix_(rows, columns)], axis=0).any())
        spread[..., level] = 0.0
        return np.maximum(spread, 0.0), means

    def _class_weights(self) -> Floats:
        """Weight of each row in the model of its part, shape (cuts, r)."""
        if not self._search.balanced:
            return np.ones(self._cuts.shape)
        positives = np.maximum(self._positives, 1.0)
        negatives = np.maximum(self._sizes - self._positives, 1.0)
        yes, no = self._sizes / (2 * positives), self._sizes / (2 * negatives)
        of_one, of_two = (np.where(self._y == 1, yes[:, [k]], no[:, [k]]) for k in (0, 1))
        return np.where(self._cuts, of_one, of_two)

    def _started(self) -> Floats:
        """The model of all rows, with what a constant feature adds put in the intercept."""
        near = self._search.generic
        varies = self._spread > 0
        theta = np.empty((*self._spread.shape[:2], self._z.shape[1]))
        theta[..., 1:] = near.slopes * varies
        theta[..., 0] = near.intercept + ((near.slopes * ~varies) * self._means).sum(axis=2)
        return theta

    def _logits(self, theta: Floats, cuts: Marks) -> Floats:
        return np.where(cuts, theta[:, 0] @ self._z.T, theta[:, 1] @ self._z.T)

    def _climb(self) -> None:
        """Newton steps until each saves too little; cuts of which both models are found drop out."""
        size = self._z.shape[1]
        upper = np.triu_indices(size)
        products = self._z[:, upper[0]] * self._z[:, upper[1]]
        place = np.empty((size, size), dtype=np.intp)
        place[upper] = place[upper[::-1]] = np.arange(len(upper[0]))
        at = np.arange(len(self._cuts))
        cuts, share, weights = self._cuts, self._share, self._weights
        for _ in range(_STEPS):
            left = ~self._done[at].all(axis=1)
            if not left.any():
                return
            # Few that are done cost less than to copy those that are not.
            if left.mean() < _FEWER:
                at, cuts, share, weights = at[left], cuts[left], share[left], weights[left]
            with np.errstate(all="ignore"):
                gradient, bent = self._derivatives(at, (cuts, share, weights), products, upper)
                try:
                    step = _solved(bent[..., place] + self._ridges(at), gradient)
                except np.linalg.LinAlgError:
                    return
                self._theta[at] -= step
                saved = np.abs((gradient * step).sum(axis=2))
            self._done[at] = (saved <= _CONVERGED * self._sizes[at]) | ~self._fit[at]

    def _ridges(self, left: Codes) -> Floats:
        """What the penalty adds to the second derivative; 1 for slopes that are none."""
        spread = self._spread[left]
        diagonal = np.zeros((*spread.shape[:2], self._z.shape[1]))
        diagonal[..., 1:] = np.where(spread > 0, self._search.penalty * spread, 1.0)
        # As in `ridge_logistic`, for chances that all round to 0 or 1.
        diagonal[..., 0] = 1e-12 * self._sizes[left] + ~self._fit[left]
        return diagonal[..., None] * np.eye(self._z.shape[1])

    def _derivatives(
        self,
        at: Codes,
        rows: tuple[Marks, Floats, Floats],
        products: Floats,
        upper: tuple[Codes, Codes],
    ) -> tuple[Floats, Floats]:
        """First and second derivative of the loss of both parts of some cuts, the second flat."""
        cuts, share, weights = rows
        chance = self._logits(self._theta[at], cuts)
        np.exp(np.negative(chance, out=chance), out=chance)
        chance += 1
        np.reciprocal(chance, out=chance)
        pull = weights * (chance - self._y)
        gradient = _both(share * pull, pull, self._z)
        bend = np.subtract(1, chance, out=pull)
        bend *= chance
        bend *= weights
        bent = _both(np.multiply(share, bend, out=chance), bend, products)
        spread = self._spread[at]
        gradient[..., 1:] += self._search.penalty * spread * self._theta[at][..., 1:]
        # Constant features have no slope, and parts of one outcome no model.
        full = np.empty((*spread.shape[:2], self._z.shape[1]), dtype=bool)
        full[..., 0], full[..., 1:] = True, spread > 0
        full &= self._fit[at][..., None]
        bent *= full[..., upper[0]] & full[..., upper[1]]
        return gradient * full, bent


def _solved(matrices: Floats, values: Floats) -> Floats:
    """What each matrix takes to its values, shape (cuts, 2, columns)."""
    return np.asarray(np.linalg.solve(matrices, values[..., None])[..., 0], dtype=np.float64)


def _both(mine: Floats, all_: Floats, columns: Floats) -> Floats:
    """Totals over both parts, of which the second is what the first leaves; shape (cuts, 2, columns)."""
    one = mine @ columns
    return np.stack([one, all_ @ columns - one], axis=1)
