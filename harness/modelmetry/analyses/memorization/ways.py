"""Three ways of predicting what is extracted, fitted to some rows and scored on others, again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modelmetry.statistics import calibration_error, classification, partitions, ranking
from modelmetry.statistics.partitions import PARTS, Candidate
from modelmetry.statistics.ridge_logistic import RidgeLogistic, again, fit

MODELS = ("generic", "taxonomic", "optimal")
"""One logistic model of all rows; one per category; one per part of the best rule found."""

METRICS = ("ROC AUC", "PR AUC", "F1", "log loss", "calibration error")

_PENALTY = 1.0

# Models that are fitted twice: plain, and balanced within their rows.
_Twice = tuple[RidgeLogistic, RidgeLogistic]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class First:
    """What was found on the rows as they are.

    Attributes:
        probabilities: Model -> plain probabilities of the rows held out.
        rule: The best partition; None where none was sought.
        searched: Training rows that it was searched for on; 0 where none was.
    """

    probabilities: dict[str, np.ndarray]
    rule: Candidate | None
    searched: int


class Ways:
    """The models of some rows.

    Args:
        y: Whether each was extracted, 0 or 1, both among them, shape (n,).
        x: The design, shape (n, p).
        category: Of each row, shape (n,).
        codes: Cluster of each row, from 0, shape (n,).
        rng: Draws the rows of the search.
        subsample: How many those are; None for all.
    """

    def __init__(
        self,
        y: np.ndarray,
        x: np.ndarray,
        category: np.ndarray,
        codes: np.ndarray,
        rng: np.random.Generator,
        subsample: int | None,
    ) -> None:
        self.y, self.x, self.category, self.codes = y, x, category, codes
        self.categories: list[str] = np.unique(category).tolist()
        self.names = MODELS if x.shape[1] > 1 else MODELS[:2]
        self._of = np.searchsorted(self.categories, category)
        self._rng, self._subsample = rng, subsample
        self._near = self._twice_from_afar()
        self._first: First | None = None

    @property
    def first(self) -> First:
        """What the first call of `scored` found, which is that of the rows as they are."""
        if self._first is None:
            raise ValueError("nothing was fitted yet")
        return self._first

    def scored(self, train: np.ndarray, test: np.ndarray) -> list[float]:
        """Each metric of each model fitted to some rows and scored on others, repeats among both.

        Raises:
            ValueError: The rows to fit to or to score have one outcome only.
        """
        for what, rows in (("fit to", train), ("score", test)):
            if self.y[rows].min() == self.y[rows].max():
                raise ValueError(f"outcomes: all alike in the rows to {what}")
        times = np.bincount(train, minlength=len(self.y))
        rows = np.flatnonzero(times)
        generic = self._twice(rows, times, self._near)
        zero = np.zeros(len(self.y), dtype=np.intp)
        predicted = {
            "generic": self._predicted([generic], zero, test),
            "taxonomic": self._parted(rows, times, self._of, len(self.categories), generic, test),
        }
        rule, searched = None, 0
        if "optimal" in self.names:
            rule, searched = self._best(train, generic[1])
            of = rule.places(self.x)
            predicted["optimal"] = self._parted(rows, times, of, len(PARTS), generic, test)
        if self._first is None:
            plain = {name: both[0] for name, both in predicted.items()}
            self._first = First(probabilities=plain, rule=rule, searched=searched)
        y, codes = self.y[test], self.codes[test]
        return [score for name in self.names for score in metrics(y, *predicted[name], codes)]

    def _twice_from_afar(self) -> _Twice:
        """Models of all rows, near which those of resamples are."""
        plain, balanced = (
            fit(self.y, self.x, penalty=_PENALTY, balanced=each) for each in (False, True)
        )
        return plain, balanced

    def _twice(self, rows: np.ndarray, times: np.ndarray, near: _Twice) -> _Twice:
        y, x, w = self.y[rows], self.x[rows], times[rows].astype(np.float64)
        return (
            again(y, x, w, _PENALTY, False, near[0]),
            again(y, x, w, _PENALTY, True, near[1]),
        )

    def _parted(
        self,
        rows: np.ndarray,
        times: np.ndarray,
        of: np.ndarray,
        parts: int,
        generic: _Twice,
        test: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Predictions of a model for each part; of parts without rows those of the model of all."""
        models = []
        for part in range(parts):
            mine = rows[of[rows] == part]
            models.append(self._twice(mine, times, generic) if len(mine) else generic)
        return self._predicted(models, of, test)

    def _predicted(
        self, models: Sequence[_Twice], of: np.ndarray, test: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Plain and balanced probabilities of the rows to score."""
        found = np.empty(len(test)), np.empty(len(test))
        for part, twice in enumerate(models):
            mine = of[test] == part
            if mine.any():
                x = self.x[test[mine]]
                for each, model in zip(found, twice, strict=True):
                    each[mine] = model.probabilities(x)
        return found

    def _best(self, train: np.ndarray, generic: RidgeLogistic) -> tuple[Candidate, int]:
        """The best rule on the training rows, or on some of them; and on how many it was sought."""
        if self._subsample is not None and self._subsample < len(train):
            train = self._rng.choice(train, self._subsample, replace=False)
        found = partitions.search(
            self.y[train], self.x[train], generic, penalty=_PENALTY, balanced=True
        )
        return found[0], len(train)


def metrics(
    y: np.ndarray, plain: np.ndarray, balanced: np.ndarray, codes: np.ndarray
) -> list[float]:
    """`METRICS` of predictions, in their order.

    Args:
        y: Outcomes, both 0 and 1 among them, shape (m,).
        plain: Probabilities in the sample, shape (m,).
        balanced: Probabilities were half extracted, shape (m,): what is called.
        codes: Cluster of each row, shape (m,).
    """
    called = balanced >= 0.5
    right = float(called @ y)
    return [
        float(ranking.placements(y, plain)[y == 1].mean()),
        float(ranking.average_precision(y, plain)),
        2 * right / float(called.sum() + y.sum()),
        float(classification.losses(y, plain).mean()),
        calibration_error.debiased_calibration_error(y, plain, codes).value,
    ]
