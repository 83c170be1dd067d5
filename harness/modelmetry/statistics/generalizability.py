"""Generalizability theory: how well a design's scores tell models apart, and which design will."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modelmetry.statistics.checks import Floats, fraction
from modelmetry.statistics.components import Components
from modelmetry.statistics.designs import REPEAT, RESIDUAL, averaged_over
from modelmetry.statistics.distributions import f_quantile

MOST_DESIGNS = 10_000
"""A study lists at most so many designs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficients:
    """How well the mean score of a design tells the objects of measurement apart.

    Attributes:
        sizes: The design: levels of each factor, and `repeat`.
        object_variance: Variance of the objects' universe scores, >= 0.
        relative_error: Variance of the error in the difference of an object from the mean of
            objects measured on the same levels.
        absolute_error: Variance of the error in the score itself, on levels drawn anew.
        generalizability: G = object / (object + relative), in [0, 1]; None where both are 0.
        generalizability_low: Lower end of its interval, or None.
        generalizability_high: Upper end, or None.
        dependability: Phi = object / (object + absolute), in [0, 1]; None where both are 0.
        dependability_low: Lower end of its interval, or None.
        dependability_high: Upper end, or None.
        difference_error: Standard error of the difference of two objects on the same levels,
            the root of twice the relative error, in the unit of the scores.
        level: Confidence level of the intervals.
        warnings: Reasons for care, one sentence each.
    """

    sizes: Mapping[str, float]
    object_variance: float
    relative_error: float
    absolute_error: float
    generalizability: float | None
    generalizability_low: float | None
    generalizability_high: float | None
    dependability: float | None
    dependability_low: float | None
    dependability_high: float | None
    difference_error: float
    level: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Designs, the cheapest first, and the one to take.

    Attributes:
        designs: Each with its coefficients.
        costs: Of each, in the same order.
        recommended: The cheapest that meets the targets, or None where none does.
        warnings: Reasons for care, one sentence each.
    """

    designs: tuple[Coefficients, ...]
    costs: tuple[float, ...]
    recommended: Coefficients | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weights:
    """What the components contribute to a design's mean score, each shape (components,).

    Attributes:
        universe: To the variance of the objects' universe scores.
        relative: To the error of differences on the same levels.
        absolute: To the error of the score.
    """

    universe: Floats
    relative: Floats
    absolute: Floats


def weights(
    components: Components,
    sizes: Mapping[str, float],
    part: str = "model",
    fixed: Collection[str] = (),
) -> Weights:
    """The weights of a design that averages over so many levels of each factor.

    A term is divided by the levels of its factors, the object's left out, and the residual by all
    of them and the repeats; a nested factor's are counted within each level of what it is nested
    in. Where the residual holds an interaction that no repeat would average, it is not divided by
    the repeats, which errs on the safe side. Terms of the object and fixed factors alone are part
    of the universe score, and terms of fixed factors alone are nothing.

    Args:
        components: Of the scores of several objects.
        sizes: Levels of each factor, > 0; 1 where it is not named.
        part: The object of measurement: the factor whose levels are to be told apart.
        fixed: Factors that stay as they are, all their levels of interest being in the design.

    Raises:
        ValueError: A name that the components do not know, or a size that is not positive.
    """
    known = [*(name for name in components.factors if name != part), REPEAT]
    if part not in components.factors:
        raise ValueError(f"part: {part}; allowed: {', '.join(components.factors)}")
    for name in (*sizes, *fixed):
        if name not in known:
            raise ValueError(f"sizes: {name}; allowed: {', '.join(known)}")
    for name, size in sizes.items():
        if not (math.isfinite(size) and size > 0):
            raise ValueError(f"sizes: {name}: {size}; allowed: above 0")
    universe, relative, absolute = np.zeros((3, len(components.components)))
    for place, component in enumerate(components.components):
        if component.name == RESIDUAL:
            names = {*components.factors}
            share = 1 / averaged_over(known[:-1], sizes, components.nested)
            share /= 1 if component.includes else sizes.get(REPEAT, 1)
        else:
            names = set(component.name.split(":"))
            share = 1 / averaged_over(sorted(names - {part}), sizes, components.nested)
        if names <= {part, *fixed}:
            universe[place] = share if part in names else 0.0
        else:
            absolute[place] = share
            relative[place] = share if part in names else 0.0
    return Weights(universe=universe, relative=relative, absolute=absolute)


def coefficients(
    components: Components,
    sizes: Mapping[str, float] | None = None,
    *,
    part: str = "model",
    fixed: Collection[str] = (),
    level: float = 0.95,
) -> Coefficients:
    """G and Phi of the mean score over a design, with intervals.

    Source: Brennan (2001), Generalizability Theory, chapters 1, 3 and 4; Shavelson and Webb (1991),
    Generalizability Theory: A Primer. The intervals are those of `signal_interval`, with
    Satterthwaite's degrees of freedom; for the G of one crossed facet that is exact: Feldt (1965),
    Psychometrika 30, 357-370.

    Args:
        components: Of the scores of several objects.
        sizes: Levels of each factor and repeats that the score averages over; None for those of
            the data.
        part: The object of measurement: the factor whose levels are to be told apart.
        fixed: Factors that stay as they are.
        level: Confidence level, in (0, 1).

    Raises:
        ValueError: A name that the components do not know, a size that is not positive, or a wrong
            level.
    """
    fraction("level", level)
    if sizes is None:
        sizes = {name: size for name, size in components.sizes.items() if name != part}
    found = weights(components, sizes, part, fixed)
    variances = components.variances
    true, relative, absolute = (
        float(share @ variances) for share in (found.universe, found.relative, found.absolute)
    )
    g = signal_interval(components, found, found.relative, level)
    phi = signal_interval(components, found, found.absolute, level)
    return Coefficients(
        sizes=dict(sizes),
        object_variance=true,
        relative_error=relative,
        absolute_error=absolute,
        generalizability=true / (true + relative) if true + relative else None,
        generalizability_low=_coefficient(g[0]),
        generalizability_high=_coefficient(g[1]),
        dependability=true / (true + absolute) if true + absolute else None,
        dependability_low=_coefficient(phi[0]),
        dependability_high=_coefficient(phi[1]),
        difference_error=math.sqrt(2 * relative),
        level=level,
        warnings=(
            *components.warnings,
            *_warnings(components, sizes, part, fixed),
            *components.rough(found.universe + found.absolute),
        ),
    )


def signal_interval(
    components: Components, found: Weights, error: Floats, level: float
) -> tuple[float | None, float | None]:
    """Interval of the ratio of the object's variance to that of an error, >= 0.

    (object + relative error) / error is taken as F: its upper part is nearly the mean square of
    objects, which shares little with the main effects in an absolute error. The share of relative
    in the error, which is then taken off, counts as known.

    Args:
        components: The components.
        found: The weights of the design.
        error: Those of the error, shape (k,), the relative or the absolute ones.
        level: Confidence level, in (0, 1).

    Returns:
        Both ends; None and None where a variance is 0.
    """
    both = found.universe + found.relative
    above, below = float(both @ components.variances), float(error @ components.variances)
    if above <= 0 or below <= 0:
        return None, None
    above_df = satterthwaite(above, both, components)
    below_df = satterthwaite(below, error, components)
    ratio, share = above / below, float(found.relative @ components.variances) / below
    low = ratio / f_quantile((1 + level) / 2, above_df, below_df) - share
    high = ratio / f_quantile((1 - level) / 2, above_df, below_df) - share
    return max(0.0, low), max(0.0, high)


def satterthwaite(value: float, weight: Floats, components: Components) -> float:
    """Degrees of freedom of a weighted sum of components, 2 value^2 over its variance."""
    spread = float(weight @ components.covariance @ weight)
    return max(2 * value**2 / spread, components.least_df(weight))


def d_study(
    components: Components,
    candidates: Mapping[str, Sequence[int]],
    *,
    generalizability: float | None = None,
    dependability: float | None = None,
    difference_error: float | None = None,
    cost: Callable[[Mapping[str, float]], float] | None = None,
    part: str = "model",
    fixed: Collection[str] = (),
) -> Study:
    """Every combination of candidate sizes, and the cheapest that meets all targets given.

    Source: Brennan (2001), Generalizability Theory, chapter 4.

    Args:
        components: Of the scores of several objects, from a pilot.
        candidates: For each factor, and `repeat`, the numbers of levels to consider.
        generalizability: Wanted G, in (0, 1), or None.
        dependability: Wanted Phi, in (0, 1), or None.
        difference_error: Wanted standard error of the difference of two objects, > 0, or None.
        cost: Cost of a design for one object from its sizes; None for its number of scores.
        part: The object of measurement: the factor whose levels are to be told apart.
        fixed: Factors that stay as they are.

    Raises:
        ValueError: No candidates, too many, a size below 1, no target, or one out of range.
    """
    for name, target in (("generalizability", generalizability), ("dependability", dependability)):
        if target is not None:
            fraction(name, target)
    if difference_error is not None and not difference_error > 0:
        raise ValueError(f"difference_error: {difference_error}; allowed: above 0")
    if generalizability is None and dependability is None and difference_error is None:
        raise ValueError("targets: none; allowed: one or more")
    count = math.prod(len(sizes) for sizes in candidates.values())
    if not candidates or not 1 <= count <= MOST_DESIGNS:
        raise ValueError(f"candidates: {count} designs; allowed: 1 to {MOST_DESIGNS}")
    price = cost or (lambda sizes: math.prod(sizes.values()))
    listed = [
        dict(zip(candidates, map(float, sizes), strict=True))
        for sizes in itertools.product(*candidates.values())
    ]
    ordered = sorted(listed, key=price)
    found = [coefficients(components, sizes, part=part, fixed=fixed) for sizes in ordered]
    best = next(
        (
            design
            for design in found
            if (generalizability is None or (design.generalizability or 0) >= generalizability)
            and (dependability is None or (design.dependability or 0) >= dependability)
            and (difference_error is None or design.difference_error <= difference_error)
        ),
        None,
    )
    missed = () if best else ("no candidate meets the target: offer larger ones",)
    return Study(
        designs=tuple(found),
        costs=tuple(price(sizes) for sizes in ordered),
        recommended=best,
        warnings=(*found[0].warnings, *missed),
    )


def _coefficient(ratio: float | None) -> float | None:
    """Signal to signal and error, from signal to error."""
    return None if ratio is None else ratio / (1 + ratio)


def _warnings(
    components: Components, sizes: Mapping[str, float], part: str, fixed: Collection[str]
) -> list[str]:
    found = [
        f"the error leaves out {other.name}: {other.reason}"
        for other in components.unidentified
        if other.part_of is None and not set(other.name.split(":")) <= {part, *fixed}
    ]
    names = {component.name for component in components.components}
    if part not in names:
        found.append(f"the variance of {part} is not identified and counts as 0")
    residual = components[RESIDUAL]
    if residual.includes and sizes.get(REPEAT, 1) > 1:
        held = " and ".join(residual.includes)
        found.append(f"the residual holds {held}: repeats are not counted to average it")
    return found
