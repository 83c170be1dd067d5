"""Many tests at once: p-values corrected for how many were made."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import Floats, numbers


def holm(p_values: ArrayLike) -> Floats:
    """Holm's step-down adjusted p-values, which keep the family-wise error rate.

    Source: Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian
    Journal of Statistics 6, 65-70.

    Args:
        p_values: Shape (m,), in [0, 1]; one for each test of the family.

    Returns:
        Adjusted p-values in the same order, shape (m,), in [0, 1].

    Raises:
        ValueError: One is missing or outside [0, 1].
    """
    found = numbers("p_values", p_values)
    if found.min() < 0 or found.max() > 1:
        raise ValueError(f"p_values: {found.min()} to {found.max()}; allowed: 0 to 1")
    order = np.argsort(found, kind="stable")
    scaled = found[order] * np.arange(len(found), 0, -1)
    adjusted = np.empty_like(found)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted
