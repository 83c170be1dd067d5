"""Many tests at once: p-values corrected for how many were made."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import Floats, numbers


def holm(p_values: ArrayLike) -> Floats:
    """Holm's step-down adjusted p-values, which keep the family-wise error rate.

    Valid whatever the dependence of the tests. Source: Holm (1979), A simple sequentially rejective
    multiple test procedure, Scandinavian Journal of Statistics 6, 65-70.

    Args:
        p_values: Shape (m,), in [0, 1]; one for each test of the family.

    Returns:
        Adjusted p-values in the same order, shape (m,), in [0, 1].

    Raises:
        ValueError: One is missing or outside [0, 1].
    """
    found = _checked(p_values)
    order = np.argsort(found, kind="stable")
    scaled = found[order] * np.arange(len(found), 0, -1)
    return _in_place(np.maximum.accumulate(scaled), order)


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Step-up adjusted p-values that keep the false discovery rate.

    Of the tests called significant, at most that share is wrong on average. Valid where the tests
    are independent or positively dependent. Source: Benjamini and Hochberg (1995), Journal of the
    Royal Statistical Society B 57, 289-300.

    Args:
        p_values: Shape (m,), in [0, 1]; one for each test of the family.

    Returns:
        Adjusted p-values in the same order, shape (m,), in [0, 1].

    Raises:
        ValueError: One is missing or outside [0, 1].
    """
    return _stepped_up(_checked(p_values), 1.0)


def benjamini_yekutieli(p_values: ArrayLike) -> Floats:
    """Step-up adjusted p-values that keep the false discovery rate whatever the dependence.

    Those of Benjamini and Hochberg times 1 + 1/2 + ... + 1/m. Source: Benjamini and Yekutieli
    (2001), Annals of Statistics 29, 1165-1188, theorem 1.3.

    Args:
        p_values: Shape (m,), in [0, 1]; one for each test of the family.

    Returns:
        Adjusted p-values in the same order, shape (m,), in [0, 1].

    Raises:
        ValueError: One is missing or outside [0, 1].
    """
    found = _checked(p_values)
    return _stepped_up(found, float((1 / np.arange(1, len(found) + 1)).sum()))


CORRECTIONS: dict[str, Callable[[ArrayLike], Floats]] = {
    "holm": holm,
    "bh": benjamini_hochberg,
    "by": benjamini_yekutieli,
}
"""The corrections by the names that they go by in commands."""

CORRECTION_NAMES = {"holm": "Holm", "bh": "Benjamini-Hochberg", "by": "Benjamini-Yekutieli"}
"""The same, as people call them."""


def _checked(p_values: ArrayLike) -> Floats:
    found = numbers("p_values", p_values)
    if found.min() < 0 or found.max() > 1:
        raise ValueError(f"p_values: {found.min()} to {found.max()}; allowed: 0 to 1")
    return found


def _stepped_up(found: Floats, factor: float) -> Floats:
    order = np.argsort(found, kind="stable")
    scaled = found[order] * factor * len(found) / np.arange(1, len(found) + 1)
    return _in_place(np.minimum.accumulate(scaled[::-1])[::-1], order)


def _in_place(sorted_values: Floats, order: np.ndarray) -> Floats:
    adjusted = np.empty_like(sorted_values)
    adjusted[order] = np.minimum(sorted_values, 1.0)
    return adjusted
