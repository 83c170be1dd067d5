"""Whether texts are likelier in the order in which they were published than in orders as likely."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import Floats, fraction, numbers, two_dimensional
from modelmetry.statistics.distributions import t_quantile, t_tail, two_sided
from modelmetry.statistics.estimate import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTest:
    """What a sharded order test found.

    Attributes:
        gain: Mean over shards of the log-probability in published order less its mean over the others.
        statistic: `gain` over its standard error; None where there is no test.
        df: Degrees of freedom: shards less 1.
        p: One-sided p-value that the published order is no likelier; None where there is no test.
        detectable: Smallest true gain that such a test shows with 80 % power; None likewise.
    """

    gain: Estimate
    statistic: float | None
    df: int
    p: float | None
    detectable: float | None


def gains(published: ArrayLike, others: ArrayLike) -> Floats:
    """Log-probability of each shard in published order less its mean in the other orders.

    Args:
        published: Natural log-probabilities, shape (shards,).
        others: The same of the shards in other orders, shape (shards, orders).

    Returns:
        Shape (shards,).

    Raises:
        ValueError: No values, NaN, or shapes that differ.
    """
    first = numbers("published", published)
    second = two_dimensional("others", others, "(shards, orders)")
    if len(second) != len(first):
        raise ValueError(f"others: {len(second)} rows; allowed: {len(first)}, one for each shard")
    return first - second.mean(axis=1)


def order_test(
    gained: ArrayLike,
    controls: ArrayLike | None = None,
    *,
    level: float = 0.95,
    power: float = 0.8,
) -> OrderTest:
    """Student's t test, over shards, that a model finds the published order likelier than others.

    The sharded test of Oren, Meister, Chatterji, Ladhak and Hashimoto (2023), Proving test set
    contamination in black-box language models, arXiv 2310.17623, section 3.2. It is exact in the limit of
    many shards if (1) the other orders of a shard were as likely to be published as the one that was:
    then a model that has not seen it is indifferent on average, however much it prefers some texts
    before others; and (2) shards are independent: they hold different items, and what the model has
    in common for all of them (its taste in texts) is no matter of their order. With controls, blocks of an
    edition that nobody has seen, what is tested is the gain beyond theirs, paired by shard: then
    (1) is not needed, if both editions arrange their items alike.

    Args:
        gained: From `gains`, shape (shards,).
        controls: The same of as many shards of a fresh edition; None for none.
        level: Confidence level of the two-sided interval, in (0, 1).
        power: For `detectable`, in (0, 1); of the one-sided test at (1 - level).

    Raises:
        ValueError: No values, NaN, or shapes that differ.
    """
    values = numbers("gained", gained)
    fraction("level", level)
    fraction("power", power)
    if controls is not None:
        values = values - numbers("controls", controls, len(values))
    n, mean = len(values), float(values.mean())
    error = float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else None
    low = high = statistic = p = smallest = None
    warnings = []
    if error is None:
        warnings.append("a test needs at least 2 shards, got 1")
    elif error <= 1e-12 * max(1.0, float(np.abs(values).max())):
        warnings.append("all shards gain the same: there is no test")
    else:
        df = n - 1
        half = two_sided(level, df) * error
        low, high, statistic = mean - half, mean + half, mean / error
        p = t_tail(statistic, df)
        smallest = (t_quantile(level, df) + t_quantile(power, df)) * error
        if n < 10:
            warnings.append(f"{n} shards: the t test leans on gains that are about normal")
    what = "gain in published order" + ("" if controls is None else " beyond that of controls")
    return OrderTest(
        gain=Estimate(
            value=mean,
            std_error=error,
            low=low,
            high=high,
            level=level,
            n=n,
            clusters=n,
            method=f"{what}; {'no interval' if low is None else f't interval, {n - 1} df'}",
            warnings=tuple(warnings),
        ),
        statistic=statistic,
        df=n - 1,
        p=p,
        detectable=smallest,
    )
