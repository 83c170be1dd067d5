"""The uncertainty budget of a mean score, in the manner of the GUM."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import Floats, fraction, numbers
from modelmetry.statistics.components import FEW_LEVELS, Component, Components
from modelmetry.statistics.designs import Extra, Unidentified
from modelmetry.statistics.distributions import two_sided


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source of uncertainty that the scores do not show, such as a judge's calibration.

    Attributes:
        name: What it is called.
        std_uncertainty: Its contribution to the uncertainty of the mean, in its unit, >= 0.
        df: Degrees of freedom of that, > 0; infinite where it is taken as exact.
    """

    name: str
    std_uncertainty: float
    df: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a budget.

    Attributes:
        name: Component or source.
        kind: `A`, from the scores, or `B`, from elsewhere.
        std_uncertainty: Contribution to the uncertainty of the mean, in the unit of the scores.
        share: Part of the combined variance, in [0, 1]; 0 where that is 0.
        df: Degrees of freedom of the contribution; None where it is 0.
        std_dev: Standard deviation of the component's effects; None for kind B.
        effective: Levels that the mean averages over, see `Component`; None for kind B.
        includes: Terms that the component holds, too.
    """

    name: str
    kind: str
    std_uncertainty: float
    share: float
    df: float | None
    std_dev: float | None = None
    effective: float | None = None
    includes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What the uncertainty of a mean score is made of.

    Attributes:
        value: The mean.
        std_uncertainty: Combined standard uncertainty, in the unit of the scores.
        df: Effective degrees of freedom; None where there is no uncertainty to be seen.
        coverage_factor: k, the quantile of Student's t; None likewise.
        expanded: U = k times the standard uncertainty; None likewise.
        low: value - U, or None.
        high: value + U, or None.
        level: Coverage probability.
        lines: The contributions, in the order of the components, then the other sources.
        unidentified: Components that the design does not show, with the reason.
        extras: The smallest additions to the design that would show them.
        method: How the components and the degrees of freedom were found.
        warnings: Reasons for care, one sentence each.
    """

    value: float
    std_uncertainty: float
    df: float | None
    coverage_factor: float | None
    expanded: float | None
    low: float | None
    high: float | None
    level: float
    lines: tuple[Line, ...]
    unidentified: tuple[Unidentified, ...]
    extras: tuple[Extra, ...]
    method: str
    warnings: tuple[str, ...] = ()


def budget(
    components: Components,
    *,
    fixed: Collection[str] = (),
    sources: Sequence[Source] = (),
    level: float = 0.95,
) -> Budget:
    """The uncertainty budget of the mean that `variance_components` was given.

    A component contributes its variance times the sum over its levels of the squared weight of the
    level in the mean. The effective degrees of freedom are 2 u_c^4 over the variance of u_c^2, and
    that follows from the covariance of the components, which share mean squares; for independent
    contributions this is the Welch-Satterthwaite formula. They are not taken below the least
    number of levels less one among the factors that contribute, which a difference of mean squares
    may give. Source: JCGM 100:2008 (GUM), 5.1.2, G.4.1 and H.5; Satterthwaite (1946), Biometrics
    Bulletin 2, 110-114.

    Args:
        components: Of one model's scores.
        fixed: Factors all of whose levels of interest are in the design, such as `wording` for a
            mean that is to hold for these wordings only. A term of fixed factors alone is then no
            uncertainty; with a random factor beside it, it is.
        sources: Further contributions, independent of the scores and of each other.
        level: Coverage probability, in (0, 1).

    Raises:
        ValueError: A factor that the components do not know, a source's name that is taken, a
            negative uncertainty, degrees of freedom that are not positive, or a wrong level.
    """
    fraction("level", level)
    wrong = [name for name in fixed if name not in components.factors]
    if wrong:
        raise ValueError(f"fixed: {wrong[0]}; allowed: {', '.join(components.factors)}")
    _check(sources, {component.name for component in components.components})
    random = [not set(part.name.split(":")) <= set(fixed) for part in components.components]
    parts = [part for part, varies in zip(components.components, random, strict=True) if varies]
    silent = [_silent(components, part) for part in components.components]
    weights = np.array([1 / part.effective for part in components.components]) * random
    weights[silent] = 0.0
    combined = float(weights @ components.variances)
    combined += sum(source.std_uncertainty**2 for source in sources)
    df = _effective_df(components, weights, combined, sources)
    factor = None if df is None else two_sided(level, df)
    root = math.sqrt(combined)
    expanded = None if factor is None else factor * root
    missing = tuple(
        part for part in components.unidentified if not set(part.name.split(":")) <= set(fixed)
    )
    lines = _lines(parts, sources, combined)
    return Budget(
        value=components.mean,
        std_uncertainty=root,
        df=df,
        coverage_factor=factor,
        expanded=expanded,
        low=None if expanded is None else components.mean - expanded,
        high=None if expanded is None else components.mean + expanded,
        level=level,
        lines=tuple(lines),
        unidentified=missing,
        extras=_needed(components.extras, missing),
        method=f"components by {components.method}; Welch-Satterthwaite",
        warnings=(
            *components.warnings,
            *_warnings(missing, lines),
            *(
                f"{part.name} shows no spread over its {part.levels} levels and counts as none"
                for part, quiet, varies in zip(components.components, silent, random, strict=True)
                if quiet and varies and combined > 0
            ),
            *components.rough(weights),
        ),
    )


def _silent(components: Components, part: Component) -> bool:
    """Whether a factor has too few levels to say more than that it shows no spread."""
    alone = part.name in components.factors and part.name not in components.nested
    return alone and part.variance == 0 and part.levels < FEW_LEVELS


def welch_satterthwaite(std_uncertainties: ArrayLike, df: ArrayLike) -> float:
    """Effective degrees of freedom of the root sum of squares of independent uncertainties.

    Source: JCGM 100:2008 (GUM), equation G.2b; Welch (1947), Biometrika 34, 28-35.

    Args:
        std_uncertainties: Contributions, shape (k,), >= 0, not all 0.
        df: Of each, shape (k,), > 0; may be infinite.

    Raises:
        ValueError: Shapes that differ, negative or only zero uncertainties, or a df of 0 or less.
    """
    found = numbers("std_uncertainties", std_uncertainties)
    degrees = np.asarray(df, dtype=np.float64)
    if degrees.shape != found.shape:
        raise ValueError(f"df: shape {degrees.shape}; allowed: {found.shape}")
    if found.min() < 0 or not found.any():
        raise ValueError("std_uncertainties: negative or all 0; allowed: 0 or more, one above")
    if not (degrees > 0).all():
        raise ValueError(f"df: {degrees.min()}; allowed: above 0")
    below = float((found**4 / degrees).sum())
    return float((found @ found) ** 2 / below) if below else math.inf


def _check(sources: Sequence[Source], taken: set[str]) -> None:
    for source in sources:
        if source.name in taken:
            raise ValueError(f"sources: {source.name} twice; allowed: each name once")
        taken.add(source.name)
        if not (math.isfinite(source.std_uncertainty) and source.std_uncertainty >= 0):
            raise ValueError(
                f"sources: {source.name}: {source.std_uncertainty}; allowed: 0 or more"
            )
        if not source.df > 0:
            raise ValueError(f"sources: {source.name}: df {source.df}; allowed: above 0")


def _effective_df(
    components: Components, weights: Floats, combined: float, sources: Sequence[Source]
) -> float | None:
    if combined <= 0:
        return None
    spread = float(weights @ components.covariance @ weights)
    spread += sum(2 * source.std_uncertainty**4 / source.df for source in sources)
    if spread <= 0:
        return math.inf
    least = [components.least_df(weights)] if (weights * components.variances).any() else []
    least += [source.df for source in sources if source.std_uncertainty > 0]
    return max(2 * combined**2 / spread, min(least))


def _lines(parts: Sequence[Component], sources: Sequence[Source], combined: float) -> list[Line]:
    found = []
    for part in parts:
        square = part.variance / part.effective
        found.append(
            Line(
                name=part.name,
                kind="A",
                std_uncertainty=math.sqrt(square),
                share=square / combined if combined else 0.0,
                df=part.df,
                std_dev=math.sqrt(part.variance),
                effective=part.effective,
                includes=part.includes,
            )
        )
    for source in sources:
        square = source.std_uncertainty**2
        found.append(
            Line(
                name=source.name,
                kind="B",
                std_uncertainty=source.std_uncertainty,
                share=square / combined if combined else 0.0,
                df=source.df if square else None,
            )
        )
    return found


def _needed(extras: Sequence[Extra], missing: Sequence[Unidentified]) -> tuple[Extra, ...]:
    names = {part.name for part in missing}
    return tuple(extra for extra in extras if names & set(extra.components))


def _warnings(missing: Sequence[Unidentified], lines: Sequence[Line]) -> list[str]:
    found = [
        f"the uncertainty leaves out {part.name}: {part.reason}"
        for part in missing
        if part.part_of is None
    ]
    if not any(line.std_uncertainty for line in lines):
        found.append("no score differs from another: there is no interval")
    return found
