"""The features of probes as the columns of a design: which can be used, and on which scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

_SKEWED = 1.0
"""Skewness from which a feature counts as highly skewed: Bulmer (1979), Principles of statistics."""

_SAME = 1 - 1e-9
"""Correlation of two features that tell the same."""

_CONSTANT = 1e-10
"""Part of a feature's size below which its spread is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """Features as columns.

    Attributes:
        names: Of the columns: the feature's name, or `log(1 + name)` where its logarithm is taken.
        features: Name of the feature that each is of.
        columns: Their values, shape (n, p), finite.
        values: The features' own values, shape (n, p).
        left_out: Feature -> why it is left out.
    """

    names: tuple[str, ...]
    features: tuple[str, ...]
    columns: np.ndarray
    values: np.ndarray
    left_out: dict[str, str]


def find_design(features: Mapping[str, np.ndarray], rows: np.ndarray) -> Design:
    """The columns that features make over some rows.

    Models are linear in them and standardize them, so a feature whose distribution has a long tail is
    ruled by it: numbers of duplicates and token frequencies are spread over powers of ten. Where none
    of its values is below 0, there are more than two, its skewness is above 1, and taking log(1 + value) at least halves
    that, the logarithm is taken, and the column's name says so. The source standardizes only. Partitions do not
    change with it. Left out are features with a value that is unknown or infinite, constant ones, and the later of two
    that are one the other times a number plus another.

    Args:
        features: Name -> values, shape (m,).
        rows: Which rows to take, bool, shape (m,); one or more.
    """
    left_out: dict[str, str] = {}
    kept: dict[str, tuple[str, np.ndarray, np.ndarray]] = {}
    for feature, all_values in features.items():
        values = np.asarray(all_values, dtype=np.float64)[rows]
        missing = int((~np.isfinite(values)).sum())
        if missing:
            left_out[feature] = f"not known, or infinite, of {missing:,} of {len(values):,} probes"
            continue
        if values.std() <= _CONSTANT * np.abs(values).max():
            left_out[feature] = f"{values[0]:g} for all probes"
            continue
        column, logged = _scaled(values)
        same = next(
            (other for other, (_, _, own) in kept.items() if _tell_the_same(own, column)), ""
        )
        if same:
            left_out[feature] = f"tells the same as {same}"
            continue
        kept[feature] = f"log(1 + {feature})" if logged else feature, values, column
    empty = np.empty((int(np.sum(rows)), 0))
    return Design(
        names=tuple(name for name, _, _ in kept.values()),
        features=tuple(kept),
        columns=np.column_stack([empty, *(column for _, _, column in kept.values())]),
        values=np.column_stack([empty, *(values for _, values, _ in kept.values())]),
        left_out=left_out,
    )


def _scaled(values: np.ndarray) -> tuple[np.ndarray, bool]:
    """The values, or log(1 + value) where that is taken; and whether it is."""
    low = values.min()
    if low < 0 or ((values == low) | (values == values.max())).all():
        return values, False
    logged = np.log1p(values)
    skewed = _skewness(values)
    taken = skewed > _SKEWED and abs(_skewness(logged)) <= skewed / 2
    return (logged, True) if taken else (values, False)


def _skewness(values: np.ndarray) -> float:
    """Third central moment over the cube of the standard deviation; of values that vary."""
    away = values - values.mean()
    return float((away**3).mean() / (away**2).mean() ** 1.5)


def _tell_the_same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two columns that vary are correlated perfectly."""
    one, two = a - a.mean(), b - b.mean()
    return abs(float(one @ two)) >= _SAME * float(np.sqrt((one @ one) * (two @ two)))
