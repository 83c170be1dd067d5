"""Quantiles and tails of the distributions that intervals and tests are read from.

scipy is imported on first use: it takes longer to load than everything else here together.
"""

from __future__ import annotations

import math


def t_quantile(probability: float, df: float) -> float:
    """Quantile of Student's t; the normal quantile when `df` is infinite."""
    from scipy.special import ndtri, stdtrit

    return float(ndtri(probability) if math.isinf(df) else stdtrit(df, probability))


def two_sided(level: float, df: float = math.inf) -> float:
    """Half-width, in standard errors, of a two-sided interval at a confidence level."""
    return t_quantile((1 + level) / 2, df)


def t_p_value(statistic: float, df: float) -> float:
    """Two-sided p-value of a t statistic."""
    from scipy.special import stdtr

    return float(2 * stdtr(df, -abs(statistic)))


def beta_quantile(probability: float, a: float, b: float) -> float:
    """Quantile of the beta distribution."""
    from scipy.special import betaincinv

    return float(betaincinv(a, b, probability))


def coin_tail(k: int, n: int) -> float:
    """Probability of at most `k` heads in `n` throws of a fair coin."""
    from scipy.special import bdtr

    return float(bdtr(k, n, 0.5)) if k >= 0 else 0.0
