"""Scores of a way to fit models, with intervals that hold what other training data would change."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelmetry.statistics.checks import Codes, Floats, floats, fraction, partition, whole, within
from modelmetry.statistics.clustered import FEW_CLUSTERS
from modelmetry.statistics.distributions import t_p_value, two_sided
from modelmetry.statistics.estimate import Estimate
from modelmetry.statistics.means import UNIT
from modelmetry.statistics.proportions import wilson_bounds

FitAndScore = Callable[[Codes, Codes], ArrayLike]
"""Takes the rows to fit to and the rows to score, repeats among them; returns a score, or several."""

Bounds = tuple[float, float] | None
"""Lowest and highest possible score, one of which may be infinite; None for none."""

# Resamples below which their spread is itself uncertain by more than a sixth.
_FEW_RESAMPLES = 20

# Least share of the resamples that must have a score.
_SCORED = 0.8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Refitted:
    """Scores with what refitting and other held-out items do to them.

    Attributes:
        scores: Each score, with its interval.
        values: Scores of the data as they are, shape (k,).
        draws: Scores of the resamples, shape (resamples, k); NaN where there was none.
        train: Rows that were fitted to, shape (train,).
        test: Rows that were held out, shape (test,).
        clusters: Clusters fitted to, and held out.
        level: Confidence level.
        bounds: Lowest and highest possible value of each score, or None.
        warnings: Reasons for care that hold for all.
    """

    scores: tuple[Estimate, ...]
    values: Floats
    draws: Floats
    train: Codes
    test: Codes
    clusters: tuple[int, int]
    level: float
    bounds: tuple[Bounds, ...]
    warnings: tuple[str, ...] = ()

    def difference(self, a: int, b: int) -> Estimate:
        """Score a less score b, paired: both were fitted to and scored on the same resamples.

        Raises:
            ValueError: There is no such score.
        """
        for name, at in (("a", a), ("b", b)):
            if not 0 <= at < len(self.values):
                raise ValueError(f"{name}: {at}; allowed: 0 to {len(self.values) - 1}")
        one, two = self.bounds[a], self.bounds[b]
        span = None if one is None or two is None else (one[0] - two[1], one[1] - two[0])
        return _estimate(
            float(self.values[a] - self.values[b]),
            self.draws[:, a] - self.draws[:, b],
            self,
            span,
            f"difference of scores {a} and {b}",
        )

    def p_value(self, a: int, b: int) -> float:
        """Two-sided p-value of no difference between two scores; 1 where there is no test."""
        found = self.difference(a, b)
        if not found.std_error or found.low is None:
            return 1.0
        kept = np.isfinite(self.draws[:, a] - self.draws[:, b]).sum()
        return t_p_value(found.value / found.std_error, _degrees(self, int(kept)))


def refitted(
    fit_and_score: FitAndScore,
    n: int,
    *,
    clusters: ArrayLike | None = None,
    held_out: ArrayLike | float = 0.2,
    rng: np.random.Generator,
    resamples: int = 200,
    level: float = 0.95,
    bounds: Bounds | Sequence[Bounds] = UNIT,
) -> Refitted:
    """Scores of a procedure (fit, then predict), over other training data and other items to score.

    The clusters are parted once into those to fit to and those held out. In each resample the clusters of
    either part are drawn again with replacement, the procedure is fitted anew to the first and scored on
    the second. The interval is of Student's t and the spread of the resampled scores, with the clusters of the
    smaller part or the resamples, whichever are fewer, less one for degrees of freedom; within bounds it is
    Wilson's, with as many observations as would have that spread. Few resamples suffice, as no tail is read
    from them, and Student's t allows for what few leave unknown of the spread.

    It is about the *expected score of the procedure at this size of training data*, over training sets
    and items like these; an interval for one fitted model on new items (`ranking.roc_auc`) is narrower and
    answers another question. The value is of the data as they are: resamples hold fewer distinct rows,
    fit worse for it, and lend their spread alone, which is rather too large where fits are unsteady. Procedures that turn on ties or on single rows,
    such as nearest neighbors, have too small a spread there. Sources: Efron and Tibshirani (1993), An
    introduction to the bootstrap, chapter 17; Field and Welsh (2007), Journal of the Royal Statistical
    Society B 69, 369-390; Bouthillier et al. (2021), Accounting for variance in machine learning
    benchmarks, MLSys 3, on what is missed without refitting.

    Several scores, of one procedure or of two, are resampled together: see `Refitted.difference`.

    Args:
        fit_and_score: Called with rows to fit to and rows to score, numbers from 0 to n - 1; returns one
            score, or always as many. A resample in which it raises ValueError, or gives NaN, is left out and
            counted; on the data as they are it must give numbers.
        n: Rows.
        clusters: Label of the unit drawn independently, shape (n,); None for one unit per row.
        held_out: Share of the clusters to hold out, drawn by `rng`; or for each row whether it is held
            out, shape (n,), the same within a cluster.
        rng: Parts and draws the clusters.
        resamples: How many times to fit, >= 2.
        level: Confidence level, in (0, 1).
        bounds: Lowest and highest possible score, at which intervals are cut, one of which may be infinite;
            None for none. A sequence holds those of each score.

    Raises:
        ValueError: No rows, a part without clusters, a cluster in both, numbers out of range, scores that
            are no numbers, or outside the bounds, or bounds for another number of scores.
    """
    whole("n", n, 1)
    whole("resamples", resamples, 2)
    fraction("level", level)
    codes, count = partition(clusters, int(n))
    outside = _held_out(held_out, codes, count, rng)
    rows = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=count))
    parts = [np.flatnonzero(~outside), np.flatnonzero(outside)]
    train, test = (np.sort(_rows(part, rows, ends)) for part in parts)
    values = np.atleast_1d(floats("fit_and_score", fit_and_score(train, test)))
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(f"fit_and_score: gave {values}; allowed: one or more finite numbers")
    limits = _limits(bounds, len(values))
    for value, limit in zip(values, limits, strict=True):
        within("fit_and_score", np.atleast_1d(value), limit)
    draws = np.full((int(resamples), len(values)), np.nan)
    reason = ""
    for draw in draws:
        drawn = [_rows(rng.choice(part, len(part)), rows, ends) for part in parts]
        try:
            found = np.atleast_1d(floats("fit_and_score", fit_and_score(*drawn)))
        except ValueError as error:
            reason = str(error)
            continue
        if found.shape != values.shape:
            raise ValueError(f"fit_and_score: gave {found}; allowed: {len(values)} numbers, always")
        draw[:] = np.where(np.isfinite(found), found, np.nan)
    few = min(len(part) for part in parts)
    warnings = [f"only {few} clusters in a part: the interval is rough"] * (few < FEW_CLUSTERS)
    if resamples < _FEW_RESAMPLES:
        warnings.append(f"only {resamples} resamples: the interval is rough")
    lost = int(np.isnan(draws).any(axis=1).sum())
    if lost:
        warnings.append(
            f"{lost} of {resamples} resamples had no score" + f" ({reason})" * bool(reason)
        )
    bare = Refitted(
        scores=(), values=values, draws=draws, train=train, test=test,
        clusters=(len(parts[0]), len(parts[1])), level=level, bounds=limits, warnings=tuple(warnings),
    )  # fmt: skip
    scores = tuple(
        _estimate(float(value), draws[:, k], bare, limits[k], "score")
        for k, value in enumerate(values)
    )
    return Refitted(
        scores=scores, values=values, draws=draws, train=train, test=test, clusters=bare.clusters,
        level=level, bounds=limits, warnings=bare.warnings,
    )  # fmt: skip


def _limits(bounds: Bounds | Sequence[Bounds], many: int) -> tuple[Bounds, ...]:
    """The bounds of each score."""
    if bounds is None or isinstance(bounds[0], int | float):
        return (cast("Bounds", bounds),) * many
    found = tuple(cast("Sequence[Bounds]", bounds))
    if len(found) != many:
        raise ValueError(f"bounds: of {len(found)} scores; allowed: {many}, one for each score")
    return found


def _degrees(found: Refitted, kept: int) -> int:
    """Degrees of freedom of a spread: clusters or resamples less one."""
    return min(*found.clusters, kept) - 1


def _held_out(
    held_out: ArrayLike | float, codes: Codes, count: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Which clusters are held out, shape (count,)."""
    given = np.asarray(held_out)
    if given.ndim == 0:
        share = fraction("held_out", float(floats("held_out", given)))
        many = min(max(1, round(share * count)), count - 1)
        found = np.zeros(count, dtype=bool)
        found[rng.permutation(count)[:many]] = True
    else:
        if given.shape != codes.shape or not np.isin(given, (0, 1)).all():
            raise ValueError(
                f"held_out: not a yes or no for each row; allowed: {len(codes)} of them"
            )
        rows = np.bincount(codes, weights=given.astype(np.float64), minlength=count)
        found = rows > 0
        if (found & (rows < np.bincount(codes, minlength=count))).any():
            raise ValueError("held_out: parts a cluster; allowed: all rows of a cluster, or none")
    if found.all() or not found.any():
        raise ValueError(
            f"held_out: {int(found.sum())} of {count} clusters; allowed: one or more in either part"
        )
    return found


def _rows(clusters: Codes, rows: Codes, ends: Codes) -> Codes:
    """All rows of some clusters, as often as they are named."""
    if len(ends) == len(rows):
        return rows[clusters]
    starts = np.append(0, ends[:-1])[clusters]
    sizes = ends[clusters] - starts
    before = np.cumsum(sizes) - sizes
    return rows[np.arange(int(sizes.sum())) + np.repeat(starts - before, sizes)]


def _estimate(
    value: float,
    draws: Floats,
    found: Refitted,
    bounds: Bounds,
    what: str,
) -> Estimate:
    kept = draws[np.isfinite(draws)]
    warnings = list(found.warnings)
    few, spread = min(found.clusters), 0.0
    if few < 2:
        warnings.append(f"an interval needs at least 2 clusters in either part, got {few}")
    elif len(kept) < max(2.0, _SCORED * len(draws)):
        warnings.append("too few resamples have a score: there is no interval")
    else:
        spread = float(kept.std(ddof=1)) * math.sqrt(few / (few - 1))
        if spread <= 1e-12 * max(1.0, abs(value)):
            spread = 0.0
            warnings.append("no resample differs from another: there is no interval")
    bare = spread == 0
    low, high, df = value, value, _degrees(found, len(kept))
    if not bare:
        low, high = _ends(value, spread, two_sided(found.level, df), bounds)
    method = f"{what} held out; " + (
        "no interval"
        if bare
        else f"spread of {len(kept)} refits to resampled clusters, t with {df} df"
    )
    return Estimate(
        value=value,
        std_error=None if bare else spread,
        low=None if bare else low,
        high=None if bare else high,
        level=found.level,
        n=len(found.train) + len(found.test),
        clusters=sum(found.clusters),
        method=method,
        warnings=tuple(warnings),
    )


def _ends(value: float, spread: float, quantile: float, bounds: Bounds) -> tuple[float, float]:
    """Wilson's interval of as many observations as would have this spread; without bounds, of t."""
    if bounds is None:
        return value - quantile * spread, value + quantile * spread
    lowest, width = bounds[0], bounds[1] - bounds[0]
    share = 0.0 if math.isinf(width) else (value - lowest) / width
    worth = share * (1 - share) * (width / spread) ** 2
    if not worth > 0:
        half = quantile * spread
        return max(bounds[0], value - half), min(bounds[1], value + half)
    low, high = wilson_bounds(share, worth, quantile)
    return lowest + width * low, lowest + width * high
