"""Checks of what goes into a statistic: what is wrong is said in one line, never averaged in."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]


def numbers(name: str, values: ArrayLike, n: int | None = None) -> Floats:
    """One-dimensional finite numbers.

    Args:
        name: What they are called in the error line.
        values: Shape (n,), at least one; booleans count as 0 and 1.
        n: How many there must be, or None for any number.

    Raises:
        ValueError: The shape is wrong, there are none, or one is NaN or infinite.
    """
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1:
        raise ValueError(f"{name}: shape {found.shape}; allowed: one dimension")
    if n is not None and len(found) != n:
        raise ValueError(f"{name}: {len(found)} values; allowed: {n}, one for each observation")
    if not len(found):
        raise ValueError(f"{name}: no values; allowed: one or more")
    if not np.isfinite(found).all():
        bad = int(np.flatnonzero(~np.isfinite(found))[0])
        raise ValueError(f"{name}: value {bad} is {found[bad]}; allowed: finite numbers")
    return found


def within(name: str, values: Floats, bounds: tuple[float, float] | None) -> None:
    """Check that values lie within bounds, where there are any.

    Raises:
        ValueError: The bounds are not in order, or a value lies outside.
    """
    if bounds is None:
        return
    low, high = bounds
    if not low < high:
        raise ValueError(f"bounds: {low} to {high}; allowed: the lower one first")
    if values.min() < low or values.max() > high:
        raise ValueError(
            f"{name}: {values.min()} to {values.max()}; allowed: {low} to {high}, or bounds=None"
        )


def fraction(name: str, value: float) -> float:
    """A number strictly between 0 and 1, such as a confidence level.

    Raises:
        ValueError: It is not.
    """
    if not 0 < value < 1:
        raise ValueError(f"{name}: {value}; allowed: between 0 and 1, both excluded")
    return float(value)


def partition(clusters: ArrayLike | None, n: int, name: str = "clusters") -> tuple[Codes, int]:
    """The one partition that standard error, degrees of freedom and resampling read.

    Args:
        clusters: Any labels, shape (n,); None puts every observation in its own cluster.
        n: Observations.
        name: What the labels are called in the error line.

    Returns:
        Codes from 0, shape (n,), and how many clusters there are.

    Raises:
        ValueError: The shape is wrong, or a label is missing.
    """
    if clusters is None:
        return np.arange(n), n
    labels = np.asarray(clusters)
    if labels.shape != (n,):
        raise ValueError(f"{name}: shape {labels.shape}; allowed: ({n},), one for each observation")
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        raise ValueError(f"{name}: label {int(np.flatnonzero(np.isnan(labels))[0])} is missing")
    distinct, codes = np.unique(labels, return_inverse=True)
    return codes.reshape(-1), len(distinct)


def totals_within(codes: Codes, values: Floats, count: int) -> Floats:
    """Total of the values in each part of a partition, shape (count,)."""
    return np.asarray(np.bincount(codes, weights=values, minlength=count), dtype=np.float64)
