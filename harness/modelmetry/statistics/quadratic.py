"""Quadratic forms of scores in a random-effects model: their sums, expectations and covariances.

With Z_t the n x levels matrix of zeros and ones of term t, V_t = Z_t Z_t', V_residual the identity
and M what takes off the grand mean, the scores have covariance V = sum of s_t V_t, and the forms
are q_t = y' M V_t M y. All is worked out from counts of scores in the cells of two terms; nothing
here is n x n and dense.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelmetry.statistics.checks import Codes, Floats
from modelmetry.statistics.designs import Term

# Terms of more levels than this, and than would leave more cells than this, are multiplied out among
# the levels that meet; the others through their own levels.
_FEW_LEVELS, _MOST_CELLS = 50, 2e7

# Forms whose part not explained by others is smaller are no forms of their own.
_SINGULAR = 1e-9


class Forms:
    """The forms of a set of terms and of the residual, which is last.

    Args:
        terms: Partitions of the same n scores.
        n: Scores.
    """

    def __init__(self, terms: Sequence[Term], n: int) -> None:
        self.n = n
        self.terms = tuple(terms)
        self.counts: list[Floats] = [*(term.counts for term in terms), np.ones(n)]
        codes = [*(term.codes for term in terms), np.arange(n)]
        self._above = [[_cells(a, b) for b in codes[s:]] for s, a in enumerate(codes)]

    def sums(self, values: Floats) -> Floats:
        """The forms of values, shape (terms + 1,)."""
        centered = values - values.mean()
        sums = [np.bincount(term.codes, weights=centered) for term in self.terms]
        return np.array([float(s @ s) for s in [*sums, centered]])

    def _cells(self, s: int, t: int) -> Any:
        """Scores in each cell of two terms, shape (levels of s, levels of t)."""
        return self._above[s][t - s] if s <= t else self._above[t][s - t].T

    def expectations(self) -> Floats:
        """E q_s = sum over t of this[s, t] times the variance of t; symmetric.

        The entries are tr(M V_s M V_t).
        """
        k = len(self.counts)
        found = np.empty((k, k))
        own = [float(counts @ counts) / self.n for counts in self.counts]
        for s in range(k):
            for t in range(s, k):
                cells = self._cells(s, t)
                crossed = float(self.counts[s] @ (cells @ self.counts[t])) / self.n
                total = float(cells.data @ cells.data)
                found[s, t] = found[t, s] = total - 2 * crossed + own[s] * own[t]
        return found

    def covariances(self, variances: Floats) -> Floats:
        """Cov(q_s, q_t) for normal effects of these variances, >= 0.

        The entries are 2 tr(M V_s M V M V_t M V) = 2 |Z_s' M V M Z_t|^2. Terms of few levels enter
        V as thin factors, so that no product is larger than its sparse operands demand.
        """
        k = len(self.counts)
        most = max(_FEW_LEVELS, self.n**2 / _MOST_CELLS)
        entering = [u for u in range(k) if variances[u] > 0]
        thin = [u for u in entering if len(self.counts[u]) <= most]
        wide = [u for u in entering if len(self.counts[u]) > most]
        few = [self._stacked(thin, variances, s) for s in range(k)]
        many = [self._stacked(wide, variances, s) for s in range(k)]
        inner = [(x @ x.T).toarray() for x in few]
        shares = [counts / self.n for counts in self.counts]
        moved = [self._moved(variances, s) for s in range(k)]
        total = float(moved[-1].sum())
        found = np.empty((k, k))
        for s in range(k):
            for t in range(s, k):
                product = many[s].T @ many[t]
                a, b = shares[s], shares[t]
                c = moved[s] - total / 2 * a
                d = moved[t] - total / 2 * b
                square = float(product.data @ product.data) + float((inner[s] * inner[t]).sum())
                square += 2 * float((few[s] @ product).multiply(few[t]).sum())
                for left, right in ((a, d), (c, b)):
                    square -= 2 * float(left @ (product @ right))
                    square -= 2 * float((few[s] @ left) @ (few[t] @ right))
                square += (a @ a) * (d @ d) + (c @ c) * (b @ b) + 2 * (a @ c) * (b @ d)
                found[s, t] = found[t, s] = 2 * square
        return found

    def _stacked(self, which: list[int], variances: Floats, s: int) -> Any:
        """Cells of some terms with term s, each scaled by its standard deviation."""
        from scipy import sparse

        if not which:
            return sparse.csr_array((1, len(self.counts[s])))
        scaled = [np.sqrt(variances[u]) * self._cells(u, s) for u in which]
        return sparse.csr_array(sparse.vstack(scaled, format="csr"))

    def _moved(self, variances: Floats, s: int) -> Floats:
        """Z_s' V 1."""
        parts = [
            variance * (self._cells(s, u) @ self.counts[u]) for u, variance in enumerate(variances)
        ]
        return np.sum(parts, axis=0)


def independent(expectations: Floats) -> list[int]:
    """The forms that are no linear combination of those before them, the last one first of all.

    Args:
        expectations: As `Forms.expectations` gives them.

    Returns:
        Their places in order, the last of which is that of the residual.
    """
    scale = np.sqrt(np.diag(expectations))
    if not scale.all():
        raise ValueError("expectations: a form is 0; allowed: forms of terms with two levels")
    normal = expectations / np.outer(scale, scale)
    kept = [len(normal) - 1]
    for place in range(len(normal) - 1):
        cross = normal[np.ix_(kept, [place])]
        explained = (cross.T @ np.linalg.solve(normal[np.ix_(kept, kept)], cross)).item()
        if 1 - explained > _SINGULAR:
            kept.append(place)
    return sorted(kept)


def solve(expectations: Floats, sums: Floats) -> Floats:
    """Solutions x of expectations x = sums, scaled so that counts of all sizes keep their digits.

    Args:
        expectations: Shape (k, k), symmetric and positive definite.
        sums: Shape (k,) or (k, m).
    """
    scale = 1 / np.sqrt(np.diag(expectations))
    normal = expectations * np.outer(scale, scale)
    return (np.linalg.solve(normal, (sums.T * scale).T).T * scale).T


def _cells(a: Codes, b: Codes) -> Any:
    """Scores in each cell of two partitions, shape (levels of a, levels of b)."""
    from scipy import sparse

    shape = (int(a.max()) + 1, int(b.max()) + 1)
    return sparse.csr_array(sparse.coo_array((np.ones(len(a)), (a, b)), shape=shape))
