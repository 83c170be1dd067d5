"""Models for parts of the data: one for all, one for each category, and the partition that fits best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelmetry.statistics import ridge_logistic
from modelmetry.statistics.checks import Codes, Floats, fraction, partition, two_dimensional, whole
from modelmetry.statistics.partition_search import Search
from modelmetry.statistics.ridge_logistic import RidgeLogistic, yes_or_no

QUANTILES = (0.25, 0.5, 0.75)
"""Where features are cut."""

PARTS = ("first", "second", "third")
"""What the parts of a rule are called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A rule that parts rows in three by two features and their thresholds.

    The first part is where the first feature reaches its threshold; else the second where the second
    reaches its own; else the third.

    Attributes:
        first: Column of the feature that is asked first.
        first_quantile: Quantile of the training rows that its threshold is.
        first_threshold: Its threshold.
        second: Column of the feature that is asked next.
        second_quantile: Quantile of its threshold.
        second_threshold: Its threshold.
        sizes: Training rows in each part.
        positives: Those of them with the outcome.
        f1: F1 of the three models on the rows that they were fitted to.
    """

    first: int
    first_quantile: float
    first_threshold: float
    second: int
    second_quantile: float
    second_threshold: float
    sizes: tuple[int, int, int]
    positives: tuple[int, int, int]
    f1: float

    def parts(self, design: ArrayLike) -> NDArray[np.str_]:
        """The part of each row, one of `PARTS`, shape (m,).

        Args:
            design: Features in the order of the search, shape (m, p).

        Raises:
            ValueError: NaN, or too few columns.
        """
        return np.array(PARTS)[self.places(design)]

    def places(self, design: ArrayLike) -> Codes:
        """The part of each row by its place in `PARTS`, shape (m,); see `parts`."""
        x = two_dimensional("design", design, "(observations, features)")
        if x.shape[1] <= max(self.first, self.second):
            raise ValueError(
                f"design: {x.shape[1]} columns; allowed: {max(self.first, self.second) + 1} or more"
            )
        one = x[:, self.first] >= self.first_threshold
        two = x[:, self.second] >= self.second_threshold
        return np.where(one, 0, np.where(two, 1, 2))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PartitionedModel:
    """A model for each part of the data.

    Attributes:
        models: By the name of the part.
        rule: How rows are told apart; None where categories are given.
        table: All rules that were tried, the best first; empty where none were.
        warnings: Reasons for care, one sentence each.
    """

    models: dict[str, RidgeLogistic]
    rule: Candidate | None = None
    table: tuple[Candidate, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    def probabilities(self, design: ArrayLike, categories: ArrayLike | None = None) -> Floats:
        """Predicted probabilities of the outcome, shape (m,), in [0, 1].

        Args:
            design: Features in the order of the fit, shape (m, p).
            categories: Category of each row, shape (m,), where models are of given categories; else None.

        Raises:
            ValueError: NaN, other columns, categories that are absent or not asked for, or one that there is
                no model for.
        """
        x = two_dimensional("design", design, "(observations, features)")
        if self.rule is not None:
            if categories is not None:
                raise ValueError(
                    "categories: given; allowed: None, as a rule tells the parts apart"
                )
            names = self.rule.parts(x)
        else:
            if categories is None:
                raise ValueError("categories: None; allowed: one for each row")
            partition(categories, len(x), "categories")
            names = np.asarray(categories).astype(str)
        found = np.empty(len(x))
        for name in np.unique(names).tolist():
            if name not in self.models:
                raise ValueError(f"categories: {name!r}; allowed: {', '.join(self.models)}")
            mine = names == name
            found[mine] = self.models[name].probabilities(x[mine])
        return found


def by_category(
    outcomes: ArrayLike,
    design: ArrayLike,
    categories: ArrayLike,
    *,
    penalty: float = 1.0,
    balanced: bool = False,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
) -> PartitionedModel:
    """Fit a `ridge_logistic` model to the rows of each category.

    A category whose rows all have the outcome, or none of them, gets a constant, with a warning. The
    generic model is `ridge_logistic.fit` of all rows.

    Args:
        outcomes: 0 or 1 for each row, shape (n,).
        design: Features without an intercept, shape (n, p).
        categories: Label of the category of each row, shape (n,).
        penalty: As `ridge_logistic.fit`, for each model.
        balanced: As `ridge_logistic.fit`, within each category.
        clusters: As `ridge_logistic.fit`.
        level: As `ridge_logistic.fit`.

    Raises:
        ValueError: As `ridge_logistic.fit`, or categories that are missing.
    """
    y = yes_or_no("outcomes", outcomes)
    x = two_dimensional("design", design, "(observations, features)")
    if len(x) != len(y):
        raise ValueError(f"design: {len(x)} rows; allowed: {len(y)}, one for each observation")
    partition(categories, len(y), "categories")
    units, _ = partition(clusters, len(y))
    names = np.asarray(categories).astype(str)
    models = {
        name: ridge_logistic.fit(
            y[names == name], x[names == name], penalty=penalty, balanced=balanced,
            clusters=units[names == name], level=level,
        )
        for name in np.unique(names).tolist()
    }  # fmt: skip
    return PartitionedModel(models=models, warnings=_said(models))


def optimal(
    outcomes: ArrayLike,
    design: ArrayLike,
    *,
    quantiles: Sequence[float] = QUANTILES,
    penalty: float = 1.0,
    balanced: bool = False,
    threshold: float = 0.5,
    subsample: int | None = None,
    rng: np.random.Generator | None = None,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
) -> PartitionedModel:
    """Search all rules of two features and thresholds for the one whose three models have the best F1.

    Every ordered pair of features and every quantile of either: p q (p - 1) q rules, 810 of ten features and
    three quantiles. F1 is that of all parts together, on the rows that the models were fitted to:
    the best of so many is too good there, and is to be judged on rows held out (`refitting.refitted` with
    the search inside). Ties go to the rule that comes first. The search is that of Prashanth et al.
    (2024), Recite, reconstruct, recollect, arXiv 2406.17746.

    The models of one first feature and threshold are fitted together, from that of all rows
    (`partition_search`). The time grows with rows times rules: 1,638 rules of 14 features on 10,000 rows
    take about a second, so of many more rows search on a part (`subsample`).

    Args:
        outcomes: 0 or 1 for each row, shape (n,).
        design: Features without an intercept, shape (n, p), p >= 2.
        quantiles: Where each feature is cut, in (0, 1), of all training rows.
        penalty: As `ridge_logistic.fit`, for each model.
        balanced: As `ridge_logistic.fit`, within each part; as in the source of the search. Without it few
            of a rare outcome are called, and F1 tells little.
        threshold: Probability from which F1 takes a row for called, in (0, 1).
        subsample: Search on so many rows drawn at random, and fit the chosen models to all; None for all.
        rng: Draws them.
        clusters: As `ridge_logistic.fit`, for the chosen models.
        level: As `ridge_logistic.fit`.

    Raises:
        ValueError: As `ridge_logistic.fit`, fewer than two features, quantiles out of range, or a subsample
            without `rng`.
    """
    generic = ridge_logistic.fit(outcomes, design, penalty=penalty, balanced=balanced)
    y, x = yes_or_no("outcomes", outcomes), np.asarray(design, dtype=np.float64)
    units, _ = partition(clusters, len(y))
    fraction("level", level)
    table = search(
        y, x, generic, quantiles=quantiles, penalty=penalty, balanced=balanced,
        threshold=threshold, subsample=subsample, rng=rng,
    )  # fmt: skip
    rule = table[0]
    names = rule.parts(x)
    models = {
        name: ridge_logistic.fit(
            y[names == name], x[names == name], penalty=penalty, balanced=balanced,
            clusters=units[names == name], level=level,
        )
        for name in PARTS if (names == name).any()
    }  # fmt: skip
    warnings = list(_said(models))
    for name in PARTS:
        if name not in models:
            models[name] = generic
            warnings.append(f"{name}: no training row falls there: it gets the model of all rows")
    if rule.f1 == 0:
        warnings.append("F1 is 0 for every rule, as none is called: take balanced=True")
    return PartitionedModel(models=models, rule=rule, table=table, warnings=tuple(warnings))


def search(
    outcomes: ArrayLike,
    design: ArrayLike,
    generic: RidgeLogistic,
    *,
    quantiles: Sequence[float] = QUANTILES,
    penalty: float = 1.0,
    balanced: bool = False,
    threshold: float = 0.5,
    subsample: int | None = None,
    rng: np.random.Generator | None = None,
) -> tuple[Candidate, ...]:
    """All rules of `optimal`, the best first, without the models of their parts.

    Args:
        outcomes: 0 or 1 for each row, shape (n,).
        design: Features without an intercept, shape (n, p), p >= 2.
        generic: A model of these features from which the search for others sets out, such as that of all
            rows.
        quantiles: As `optimal`.
        penalty: As `optimal`.
        balanced: As `optimal`.
        threshold: As `optimal`.
        subsample: As `optimal`.
        rng: As `optimal`.

    Raises:
        ValueError: As `optimal`.
    """
    y = yes_or_no("outcomes", outcomes)
    x = two_dimensional("design", design, "(observations, features)")
    if len(x) != len(y):
        raise ValueError(f"design: {len(x)} rows; allowed: {len(y)}, one for each observation")
    if x.shape[1] < 2:
        raise ValueError(f"design: {x.shape[1]} column; allowed: 2 or more")
    fraction("threshold", threshold)
    cuts = tuple(fraction("quantiles", each) for each in quantiles)
    if not cuts:
        raise ValueError("quantiles: none; allowed: one or more")
    thresholds = np.quantile(x, cuts, axis=0, method="inverted_cdf")
    rows = np.arange(len(y))
    if subsample is not None:
        if rng is None:
            raise ValueError("rng: None; allowed: a generator, to draw the subsample")
        if whole("subsample", subsample, 2) < len(y):
            rows = np.sort(rng.choice(len(y), int(subsample), replace=False))
    found = _rules(
        Search(
            y=y[rows], x=x[rows], generic=generic, penalty=penalty, balanced=balanced,
            threshold=float(np.log(threshold / (1 - threshold))),
        ),
        thresholds,
        cuts,
    )  # fmt: skip
    return tuple(sorted(found, key=lambda each: -each.f1))


def _rules(search: Search, thresholds: Floats, cuts: Sequence[float]) -> list[Candidate]:
    """All rules, in order of their features and thresholds."""
    places = [(f, k) for f in range(search.x.shape[1]) for k in range(len(cuts))]
    reached = np.stack([search.x[:, f] >= thresholds[k, f] for f, k in places])
    found = []
    for (f, k), one in zip(places, reached, strict=True):
        others = [at for at, (g, _) in enumerate(places) if g != f]
        first = search.alone(one)
        for at, rest in zip(others, search.halved(~one, reached[others]), strict=True):
            g, j = places[at]
            sizes, positives, calls, both = np.vstack([first, rest]).T.tolist()
            yes, called = sum(positives), sum(calls)
            found.append(
                Candidate(
                    first=f,
                    first_quantile=cuts[k],
                    first_threshold=float(thresholds[k, f]),
                    second=g,
                    second_quantile=cuts[j],
                    second_threshold=float(thresholds[j, g]),
                    sizes=(sizes[0], sizes[1], sizes[2]),
                    positives=(positives[0], positives[1], positives[2]),
                    f1=2 * sum(both) / (yes + called) if yes + called else 0.0,
                )
            )
    return found


def _said(models: dict[str, RidgeLogistic]) -> tuple[str, ...]:
    """Warnings of the models, each with the name of its part."""
    return tuple(f"{name}: {why}" for name, model in models.items() for why in model.warnings)
