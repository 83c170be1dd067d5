"""Quantiles and tails of the distributions that intervals and tests are read from.

scipy is imported on first use: it takes longer to load than everything else here together.
"""

from __future__ import annotations

import math

import numpy as np

from modelmetry.statistics.checks import Codes, Floats


def t_quantile(probability: float, df: float) -> float:
    """Quantile of Student's t; the normal quantile when `df` is infinite."""
    from scipy.special import ndtri, stdtrit

    return float(ndtri(probability) if math.isinf(df) else stdtrit(df, probability))


def two_sided(level: float, df: float = math.inf) -> float:
    """Half-width, in standard errors, of a two-sided interval at a confidence level."""
    return t_quantile((1 + level) / 2, df)


def t_tail(statistic: float, df: float) -> float:
    """Probability that Student's t exceeds a statistic; the normal when `df` is infinite."""
    from scipy.special import ndtr, stdtr

    return float(ndtr(-statistic) if math.isinf(df) else stdtr(df, -statistic))


def t_p_value(statistic: float, df: float) -> float:
    """Two-sided p-value of a t statistic; of a normal one when `df` is infinite."""
    return 2 * t_tail(abs(statistic), df)


def beta_quantile(probability: float, a: float, b: float) -> float:
    """Quantile of the beta distribution."""
    from scipy.special import betaincinv

    return float(betaincinv(a, b, probability))


def chi_square_tail(statistic: float, df: float) -> float:
    """Probability that chi-square exceeds a statistic."""
    from scipy.special import chdtrc

    return float(chdtrc(df, statistic))


def chi_square_quantile(probability: float, df: float) -> float:
    """Quantile of chi-square."""
    from scipy.special import chdtri

    return float(chdtri(df, 1 - probability))


def coin_tail(k: int, n: int) -> float:
    """Probability of at most `k` heads in `n` throws of a fair coin."""
    from scipy.special import bdtr

    return float(bdtr(k, n, 0.5)) if k >= 0 else 0.0


def normal_scores(t: Floats, df: float) -> Floats:
    """Standard normal values as far out as values of Student's t are, by their tails."""
    from scipy.special import ndtri, stdtr

    # The lower tail is exact far out, where the upper one rounds to 1; none is so far out as infinity.
    return np.sign(t) * -ndtri(np.maximum(stdtr(df, -np.abs(t)), 1e-300))


def normal_quantile_of_heads(throws: Codes) -> Floats:
    """Standard normal values as far out as all heads in so many throws of a fair coin; 0 for none."""
    from scipy.special import ndtri

    # Beyond 1000 throws the probability is no longer a number, and the value above 37.
    return np.maximum(0.0, -ndtri(0.5 ** np.minimum(throws, 1000.0)))


def f_quantile(probability: float, above: float, below: float) -> float:
    """Quantile of Fisher's F with degrees of freedom `above` over `below`; finite ones."""
    from scipy.special import fdtri

    return float(fdtri(above, below, probability))


def f_tail(statistic: float, above: float, below: float) -> float:
    """Probability that Fisher's F with these degrees of freedom exceeds a statistic."""
    from scipy.special import fdtrc

    return float(fdtrc(above, below, statistic))
