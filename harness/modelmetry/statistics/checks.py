"""Checks of what goes into a statistic: what is wrong is said in one line, never averaged in."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]


def floats(name: str, values: ArrayLike) -> Floats:
    """Numbers of any shape, NaN among them.

    Raises:
        ValueError: One is no number, or rows are of different lengths.
    """
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: not all are numbers; allowed: numbers, in equal rows") from None


def numbers(name: str, values: ArrayLike, n: int | None = None) -> Floats:
    """One-dimensional finite numbers.

    Args:
        name: What they are called in the error line.
        values: Shape (n,), at least one; booleans count as 0 and 1.
        n: How many there must be, or None for any number.

    Raises:
        ValueError: The shape is wrong, there are none, or one is no number, NaN or infinite.
    """
    found = floats(name, values)
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


def two_dimensional(name: str, values: ArrayLike, shape: str) -> Floats:
    """Two-dimensional finite numbers.

    Args:
        name: What they are called in the error line.
        values: At least one row and one column.
        shape: What the rows and columns are, for the error line.

    Raises:
        ValueError: The shape is wrong, there are none, or one is no number, NaN or infinite.
    """
    found = floats(name, values)
    if found.ndim != 2:
        raise ValueError(f"{name}: shape {found.shape}; allowed: {shape}")
    numbers(name, found.reshape(-1))
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


def fraction(name: str, value: float, below: float = 1) -> float:
    """A number strictly between 0 and 1, such as a confidence level, or between 0 and `below`.

    Raises:
        ValueError: It is not.
    """
    if not 0 < value < below:
        raise ValueError(f"{name}: {value}; allowed: between 0 and {below:g}, both excluded")
    return float(value)


def whole(name: str, value: float, least: int) -> int:
    """A whole number from `least` on, such as a count.

    Raises:
        ValueError: It is not.
    """
    if not least <= value < math.inf or value != int(value):
        raise ValueError(f"{name}: {value}; allowed: whole numbers from {least}")
    return int(value)


def partition(clusters: ArrayLike | None, n: int, name: str = "clusters") -> tuple[Codes, int]:
    """The one partition that standard error, degrees of freedom and resampling read.

    Args:
        clusters: Any labels, shape (n,); None puts every observation in its own cluster.
        n: Observations.
        name: What the labels are called in the error line.

    Returns:
        Codes from 0, shape (n,), and how many clusters there are.

    Raises:
        ValueError: The shape is wrong, a label is missing, or labels cannot be ordered.
    """
    if clusters is None:
        return np.arange(n), n
    labels = np.asarray(clusters)
    if labels.shape != (n,):
        raise ValueError(f"{name}: shape {labels.shape}; allowed: ({n},), one for each observation")
    if labels.dtype.kind in "fO":
        # NaN alone differs from itself.
        absent = [label is None or label != label for label in labels.tolist()]
        if any(absent):
            where = absent.index(True)
            raise ValueError(f"{name}: label {where} is missing; allowed: one for each observation")
    try:
        distinct, codes = np.unique(labels, return_inverse=True)
    except TypeError:
        raise ValueError(f"{name}: numbers and texts; allowed: labels of one kind") from None
    return codes.reshape(-1), len(distinct)


def effective_number(codes: Codes) -> float:
    """Parts of equal size that would carry as much as those of a partition: n^2 / sum of sizes^2.

    Source: Kish (1965), Survey sampling.
    """
    sizes = np.bincount(codes).astype(np.float64)
    return float(sizes.sum() ** 2 / (sizes @ sizes))


def totals_within(codes: Codes, values: Floats, count: int) -> Floats:
    """Total of the values in each part of a partition, shape (count,)."""
    return np.asarray(np.bincount(codes, weights=values, minlength=count), dtype=np.float64)
