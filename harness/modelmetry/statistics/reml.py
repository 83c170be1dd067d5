"""Restricted maximum likelihood of variance components, for designs small enough to be inverted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelmetry.statistics.checks import Codes, Floats

_STEPS = 100
_HALVINGS = 30
_CONVERGED = 1e-9

# The residual is kept off zero, where the likelihood has no value, by this share of the total.
_FLOOR = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """Where the restricted likelihood is largest.

    Attributes:
        variances: Of each term and of the residual, which is last, >= 0.
        information: Fisher information at them, same order, shape (k, k).
        converged: Whether the last step changed nothing.
    """

    variances: Floats
    information: Floats
    converged: bool


class Cells:
    """Scores summed up in the cells within which no term tells them apart.

    Args:
        values: Scores, shape (n,).
        cells: Cell of each, from 0, shape (n,).
        levels: For each term the level of each cell, shape (cells,).
    """

    def __init__(self, values: Floats, cells: Codes, levels: list[Codes]) -> None:
        self.counts = np.bincount(cells).astype(np.float64)
        self.means = np.bincount(cells, weights=values) / self.counts
        self.within = float(((values - self.means[cells]) ** 2).sum())
        self.df = len(values) - len(self.counts)
        self.levels = levels

    def covariance(self, variances: Floats) -> Floats:
        """Of the cell means, shape (cells, cells)."""
        found = np.diag(variances[-1] / self.counts)
        for variance, codes in zip(variances, self.levels, strict=False):
            found += variance * (codes[:, None] == codes[None, :])
        return found

    def log_likelihood(self, variances: Floats) -> float:
        """Restricted log-likelihood, without its constant."""
        ones = np.ones_like(self.means)
        covariance = self.covariance(variances)
        sign, log_det = np.linalg.slogdet(covariance)
        if sign <= 0:
            return -np.inf
        solved = np.linalg.solve(covariance, np.column_stack([ones, self.means]))
        weight = float(solved[:, 0].sum())
        mean = float(self.means @ solved[:, 0]) / weight
        square = float(self.means @ (solved[:, 1] - mean * solved[:, 0]))
        residual = variances[-1]
        inside = self.df * np.log(residual) + self.within / residual
        return -0.5 * (log_det + np.log(weight) + square + float(inside))

    def score(self, variances: Floats) -> tuple[Floats, Floats]:
        """Gradient of the restricted log-likelihood and Fisher information."""
        inverse = np.linalg.inv(self.covariance(variances))
        rows = inverse.sum(axis=1)
        projected = inverse - np.outer(rows, rows) / rows.sum()
        effects = projected @ self.means
        summed = [_by_level(projected, codes) for codes in self.levels]
        summed.append(projected / np.sqrt(self.counts)[:, None])
        k = len(summed)
        gradient, information = np.empty(k), np.empty((k, k))
        for s in range(k):
            own = self._by_term(effects[:, None], s)
            gradient[s] = 0.5 * (float((own**2).sum()) - self._trace(summed[s], s))
            for t in range(s, k):
                block = self._by_term(summed[s].T, t)
                information[s, t] = information[t, s] = 0.5 * float((block**2).sum())
        residual = variances[-1]
        gradient[-1] += 0.5 * (self.within / residual**2 - self.df / residual)
        information[-1, -1] += 0.5 * self.df / residual**2
        return gradient, information

    def _by_term(self, matrix: Floats, term: int) -> Floats:
        """Z_t' matrix, the residual's Z being the root of one over the counts."""
        if term < len(self.levels):
            return _by_level(matrix, self.levels[term])
        return matrix / np.sqrt(self.counts)[:, None]

    def _trace(self, summed: Floats, term: int) -> float:
        """Trace of Z_t' P Z_t from Z_t' P."""
        if term < len(self.levels):
            codes = self.levels[term]
            return float(summed[codes, np.arange(len(codes))].sum())
        return float((np.diag(summed) / np.sqrt(self.counts)).sum())


def _by_level(matrix: Floats, codes: Codes) -> Floats:
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    return np.add.reduceat(matrix[order], starts, axis=0)


def fit(cells: Cells, start: Floats) -> Fit:
    """Maximize the restricted likelihood by Fisher scoring among variances of at least zero.

    A component at zero stays there while the likelihood falls away from it; a step that would
    leave the allowed region or lower the likelihood is halved. Source: Patterson and Thompson
    (1971), Biometrika 58, 545-554; Searle, Casella and McCulloch (1992), Variance Components,
    chapter 6.

    Args:
        cells: The scores.
        start: Variances to begin with, the residual last; shape (terms + 1,).
    """
    total = max(float(np.abs(start).sum()), np.finfo(float).tiny)
    lowest = np.zeros_like(start)
    lowest[-1] = _FLOOR * total
    now = np.maximum(start, 0.01 * total)
    height = cells.log_likelihood(now)
    converged = False
    for _ in range(_STEPS):
        gradient, information = cells.score(now)
        free = (now > lowest) | (gradient > 0)
        step = np.zeros_like(now)
        step[free] = np.linalg.solve(information[np.ix_(free, free)], gradient[free])
        moved, reached = _climb(cells, now, step, lowest, height)
        change, now = float(np.abs(moved - now).max()), moved
        gained, height = reached - height, reached
        if change <= _CONVERGED * total or gained <= _CONVERGED * max(1.0, abs(height)) * 1e-3:
            converged = True
            break
    return Fit(variances=now, information=cells.score(now)[1], converged=converged)


def _climb(
    cells: Cells, now: Floats, step: Floats, lowest: Floats, height: float
) -> tuple[Floats, float]:
    """The longest of ever shorter steps that does not go down, or no step."""
    for halving in range(_HALVINGS):
        moved = np.maximum(now + step / 2**halving, lowest)
        reached = cells.log_likelihood(moved)
        if reached >= height:
            return moved, reached
    return now, height
