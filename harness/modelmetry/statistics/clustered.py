"""Standard errors of linear statistics whose observations were drawn in clusters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modelmetry.statistics.checks import Codes, Floats, totals_within
from modelmetry.statistics.distributions import two_sided
from modelmetry.statistics.estimate import Estimate
from modelmetry.statistics.proportions import wilson_bounds

FEW_CLUSTERS = 10
"""Below this many clusters a standard error is rough, and a warning says so."""

# The same within bounds, where Wilson's interval holds its level down to here in simulations.
_FEWEST = 4

# So few clusters with the rarer outcome tell little of those that were not drawn.
_FEW_RARE = 5

# Weight of each of the two made-up clusters, see `worth`.
_GUARD = 0.1

# Sums of rounding errors are no spread.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """A weighted mean of observations, with the spread of its clusters.

    For each cluster S is the sum of its observations' influences on the value, and W that of their
    weights; S sums to 0 over the clusters and W to 1.

    Attributes:
        value: The statistic.
        clusters: Independently drawn units, G.
        n: Observations.
        squares: Sum of S^2.
        cross: Sum of S W.
        shares: Sum of W^2.
        peak: Sum of S^4 / (sum of S^2)^2, their kurtosis over G: 1 where one cluster is all the spread,
            1 / G where all share it alike, or there is none.
        degrees: Degrees of freedom of the standard error, > 0: `effective` - 1, unless the design
            gives others.
        yes_or_no: Whether every cluster is one yes or one no, whose spread follows from the value.
    """

    value: float
    clusters: int
    n: int
    squares: float
    cross: float
    shares: float
    peak: float
    degrees: float
    yes_or_no: bool

    @property
    def df(self) -> int:
        """Degrees of freedom of clusters of equal weight: G - 1."""
        return self.clusters - 1

    @property
    def effective(self) -> float:
        """Clusters of equal weight that would carry as much: Kish's 1 / sum of W^2."""
        return 1 / self.shares

    @property
    def std_error(self) -> float | None:
        """The CR1 standard error, sqrt(G / (G-1) * sum of S^2); None below two clusters."""
        if self.clusters < 2:
            return None
        error = math.sqrt(self.clusters / (self.clusters - 1) * self.squares)
        return error if error > _ROUNDING * max(1.0, abs(self.value)) else 0.0

    @property
    def score_degrees(self) -> float:
        """Degrees of freedom of the score interval: fewer where few clusters make up the spread.

        Those of the variance by Satterthwaite (1946), 2 (sum of S^2)^2 / sum of var(S^2), where the
        variance of each S^2 is put at 2/3 S^4, as that of a normal S is on average, less one for the
        mean; at most `degrees`. A yes or no keeps those: how far out it lies is known.
        """
        if not self.std_error or self.yes_or_no:
            return self.degrees
        return min(self.degrees, 3 / self.peak - 1)

    def rare(self, bounds: tuple[float, float]) -> float:
        """Over how many clusters the rarer outcome is spread: 1 / sum of its squared shares."""
        above, below = self.value - bounds[0], bounds[1] - self.value
        least, sign = (above, 1.0) if above <= below else (below, -1.0)
        squares = self.squares + 2 * sign * least * self.cross + least**2 * self.shares
        return least**2 / squares if squares > 0 else 0.0

    def reported(
        self,
        ends: tuple[float, float] | None,
        *,
        level: float,
        unscored: int,
        method: str,
        warnings: Sequence[str],
    ) -> Estimate:
        """The statistic with the ends of the interval that was found for it, or with none."""
        low, high = ends or (None, None)
        return Estimate(
            value=self.value,
            std_error=self.std_error,
            low=low,
            high=high,
            level=level,
            n=self.n,
            clusters=self.clusters,
            unscored=unscored,
            method=method,
            warnings=tuple(warnings),
        )

    def concentrated(self, bounds: tuple[float, float]) -> bool:
        """Whether the rarer outcome lies in so few clusters that their spread is poorly known.

        In fewer than five, or than half the effective clusters less one; not where each is one yes or
        no.
        """
        few = min(_FEW_RARE, (self.effective - 1) / 2)
        # Sums of shares round: two equal clusters are two.
        return not self.yes_or_no and self.rare(bounds) < few - 1e-9


def linear(
    value: float,
    influence: Floats,
    weights: Floats,
    codes: Codes,
    clusters: int,
    *,
    yes_or_no: bool | None = None,
) -> Linear:
    """A statistic and what its cluster-robust standard error needs, by linearization.

    Source: Liang and Zeger (1986), Biometrika 73, 13-22; for means over questions, Miller (2024),
    Adding error bars to evals, arXiv 2411.00640.

    Args:
        value: The statistic.
        influence: How much each observation moved it, shape (n,); sums to 0.
        weights: Weight of each observation in it, shape (n,), >= 0; sums to 1.
        codes: Cluster of each observation, from 0, shape (n,).
        clusters: How many clusters.
        yes_or_no: Whether every cluster is one yes or no, see `all_or_nothing`; None to take single
            observations for that.
    """
    sums = totals_within(codes, influence, clusters)
    shares = totals_within(codes, weights, clusters)
    effective, squares = 1 / float(shares @ shares), float(sums @ sums)
    return Linear(
        value=float(value),
        clusters=clusters,
        n=len(influence),
        squares=squares,
        cross=float(sums @ shares),
        shares=1 / effective,
        peak=float(((sums**2 / squares) ** 2).sum()) if squares > 0 else 1 / clusters,
        degrees=max(0.5, effective - 1),
        yes_or_no=clusters == len(influence) if yes_or_no is None else yes_or_no,
    )


def all_or_nothing(
    values: Floats, codes: Codes, clusters: int, bounds: tuple[float, float] | None
) -> bool:
    """Whether all observations of each cluster lie at one and the same bound.

    Args:
        values: Shape (n,), within the bounds.
        codes: Cluster of each, from 0, shape (n,).
        clusters: How many clusters.
        bounds: Lowest and highest possible value, or None.
    """
    if bounds is None or not np.isin(values, bounds).all():
        return False
    high = np.bincount(codes, weights=values == bounds[1], minlength=clusters)
    return bool(((high == 0) | (high == np.bincount(codes, minlength=clusters))).all())


def estimate(
    found: Linear, what: str, *, level: float, bounds: tuple[float, float] | None, unscored: int
) -> Estimate:
    """A linear statistic with an interval that never has width 0.

    Within bounds the interval is Wilson's with as many observations as would be worth as much if
    they were independent (`worth`), and Student's t for the normal quantile; without bounds it is the
    t interval. Sources: Kott and Carr (1997), Journal of Official Statistics 13, 367-383; Franco,
    Little, Louis and Slud (2019), Journal of Survey Statistics and Methodology 7, 334-364. The degrees
    of freedom are the effective number of clusters less one, which is clusters - 1 where all weigh
    the same (Carter, Schnepel and Steigerwald, 2017, Review of Economics and Statistics 99, 698-709,
    for clusters alike within), and within bounds fewer where few clusters make up the spread
    (`Linear.score_degrees`).

    In simulations of 5 to 500 clusters, means from 0.01 to 0.99, and intra-cluster correlations to 0.6, a
    95 % interval covers in 92 % or more where clusters are of one size, and in 91 % or more where
    they are not, with or without a warning; of the runs without a warning it is 93 to 98 % in most
    designs, and as little as 88 % where nearly half the runs warn.

    Args:
        found: The statistic.
        what: Its name, for `method`.
        level: Confidence level, in (0, 1).
        bounds: Lowest and highest possible value, or None.
        unscored: Observations that were left out.
    """
    ends: tuple[float, float] | None = None
    method = f"{what}; no interval"
    warnings: list[str] = []
    if found.std_error is None:
        warnings.append(f"an interval needs at least 2 clusters, got {found.clusters}")
    else:
        warnings.extend(roughness(found, bounds))
        if found.std_error == 0:
            instead = "read the interval, not the error" if bounds else "there is no interval"
            warnings.append(f"no cluster differs from another: {instead}")
        if bounds is not None:
            ends = score_bounds(found, level, bounds)
            method = f"{what}; clustered Wilson interval, t with {found.score_degrees:.4g} df"
        elif found.std_error > 0:
            half = two_sided(level, found.degrees) * found.std_error
            ends = (found.value - half, found.value + half)
            method = f"{what}; clustered t interval, {found.degrees:.4g} df"
    return found.reported(ends, level=level, unscored=unscored, method=method, warnings=warnings)


def roughness(found: Linear, bounds: tuple[float, float] | None) -> list[str]:
    """Why an interval of at least two clusters may not hold its level: a sentence, or none.

    Args:
        found: The statistic.
        bounds: Lowest and highest possible value, or None.
    """
    least = FEW_CLUSTERS if bounds is None else _FEWEST
    worth_few = found.effective < min(FEW_CLUSTERS, found.clusters / 2)
    # Sums of weights round: five equal clusters are five.
    if found.effective < least - 1e-9 or worth_few:
        uneven = f", worth {found.effective:.1f} of one size" if found.clusters >= least else ""
        return [f"only {found.clusters} clusters{uneven}: the standard error is rough"]
    if bounds is None or not found.std_error:
        return []
    if found.concentrated(bounds):
        spread = found.rare(bounds)
        return [
            f"the rarer outcome lies in few clusters (about {spread:.1f}): others may hold more"
        ]
    return []


def score_bounds(
    found: Linear, level: float, bounds: tuple[float, float], degrees: float | None = None
) -> tuple[float, float]:
    """Ends of the clustered Wilson interval of `estimate`; at least two clusters.

    Args:
        found: The statistic.
        level: Confidence level, in (0, 1).
        bounds: Lowest and highest possible value.
        degrees: Degrees of freedom of the interval this one is a part of; None for its own.
    """
    lowest, highest = bounds
    span = highest - lowest
    p = min(1.0, max(0.0, (found.value - lowest) / span))
    quantile = two_sided(level, found.score_degrees if degrees is None else degrees)
    low, high = wilson_bounds(p, worth(found, p, bounds), quantile)
    return lowest + span * low, lowest + span * high


def worth(found: Linear, p: float, bounds: tuple[float, float]) -> float:
    """How many independent yes/no observations would tell as much: p (1-p) / SE^2.

    Where the rarer outcome is concentrated the standard error rests on the few clusters that hold
    it, and is too small when chance spared those. There the same is worked out as if a tenth of a
    cluster all right and a tenth of one all wrong had been seen too, and the smaller number counts;
    where all is right this is about the effective number of clusters. The made-up parts are this
    package's own, by simulation: without them a 95 % interval of a concentrated outcome covers in
    as little as 79 %, with them in 94 % or more.

    Args:
        found: The statistic.
        p: Its value as a share of the way from the lowest to the highest possible, in [0, 1].
        bounds: Lowest and highest possible value.
    """
    span = bounds[1] - bounds[0]
    error = (found.std_error or 0.0) / span
    plain = p * (1 - p) / error**2 if error > 0 and 0 < p < 1 else math.inf
    if not (math.isinf(plain) or found.concentrated(bounds)):
        return plain
    extra = _GUARD * found.shares
    center = (p + extra) / (1 + 2 * extra)
    shift = p - center
    squares = (
        found.squares / span**2
        + 2 * shift * found.cross / span
        + shift**2 * found.shares
        + extra * found.shares * (center**2 + (1 - center) ** 2)
    )
    return min(plain, center * (1 - center) * (1 + 2 * extra) / squares)
