"""Designs of measurements: which factors were crossed or nested, and what they can tell apart."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import Codes, Floats, partition

RESIDUAL = "residual"
"""The component of the single score: repeats, and all that no term accounts for."""

REPEAT = "repeat"
"""What averages the residual: how often the same question is asked."""

# Interactions of more factors are left to the residual unless a caller names them.
_ORDER = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Unidentified:
    """A component whose variance the design cannot show.

    Attributes:
        name: The term.
        part_of: The component that its variance is counted in, or None where it is in none.
        reason: Why, as a clause.
    """

    name: str
    part_of: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """The smallest addition to a design that would identify components.

    Attributes:
        factor: What to have more levels of; `repeat` is to ask the same again.
        present: How many there are now, for each level of what it is crossed with.
        wanted: How many are needed, at least.
        extra: Additional scores, as a multiple of those present.
        components: What it would identify, alone or with the other additions.
    """

    factor: str
    present: int
    wanted: int
    extra: float
    components: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Term:
    """A partition of the scores into the levels of a factor or of an interaction.

    Attributes:
        name: Its factors joined by colons, as in `item:wording`.
        factors: Its factors, sorted by their order in the design.
        codes: Level of each score, from 0, shape (n,).
        counts: Scores at each level, shape (levels,).
    """

    name: str
    factors: tuple[str, ...]
    codes: Codes
    counts: Floats

    @property
    def levels(self) -> int:
        """How many levels occur."""
        return len(self.counts)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """The factors under which scores were taken.

    Attributes:
        n: Scores.
        factors: Each factor by itself.
        terms: What has a variance of its own in the model, the residual left out.
        nested: Factors, each with all those whose levels split into its own.
    """

    n: int
    factors: Mapping[str, Term]
    terms: tuple[Term, ...]
    nested: Mapping[str, tuple[str, ...]]

    def sizes(self) -> dict[str, float]:
        """Levels of each factor within those it is nested in, and repeats; means if unequal."""
        found: dict[str, float] = {}
        for name, term in self.factors.items():
            around = [self.factors[parent].codes for parent in self.nested.get(name, ())]
            found[name] = term.levels / (_joint(around)[1] if around else 1)
        cells = _joint([term.codes for term in self.factors.values()])[1]
        return {**found, REPEAT: self.n / cells}


def averaged_over(
    factors: Sequence[str], sizes: Mapping[str, float], nested: Mapping[str, tuple[str, ...]]
) -> float:
    """Levels of a term that a mean is taken over, when each factor has so many.

    A nested factor counts with those it is nested in: 50 items in each of 2 editions are 100.

    Args:
        factors: Of the term.
        sizes: Levels of each factor, within those it is nested in; 1 where it is not named.
        nested: As in `Design`.
    """
    around = {*factors, *itertools.chain.from_iterable(nested.get(f, ()) for f in factors)}
    return math.prod(sizes.get(name, 1) for name in around)


def read(
    factors: Mapping[str, ArrayLike],
    n: int,
    terms: Sequence[str] | None = None,
    nested: Mapping[str, str] | None = None,
) -> Design:
    """A design from the labels of its scores.

    A factor is nested in another where each of its labels occurs with one of the other's only.

    Args:
        factors: For each factor the label of every score, shape (n,).
        n: Scores.
        terms: What has a variance of its own, such as `item` and `item:wording`; None for every
            factor and every interaction of two that are not nested in each other.
        nested: Factors whose labels are used anew within each level of another, as `item` in
            `edition` where every edition numbers its items from 1.

    Raises:
        ValueError: No factors, labels that are missing or of the wrong shape, a term or nesting
            that names no factor, a term twice, or a reserved name.
    """
    if not factors:
        raise ValueError("factors: none; allowed: one or more")
    for name in factors:
        if not name or name in (RESIDUAL, REPEAT) or ":" in name:
            raise ValueError(
                f"factors: {name!r}; allowed: names without a colon, {RESIDUAL} and {REPEAT} aside"
            )
    codes = {name: partition(labels, n, name)[0] for name, labels in factors.items()}
    said = _ancestors(nested or {}, tuple(factors))
    for name, around in said.items():
        codes[name] = _joint([codes[name], *(partition(factors[p], n, p)[0] for p in around)])[0]
    alone = {name: _term((name,), codes) for name in factors}
    inside = {**_seen(alone), **said}
    if terms is None:
        wanted = [
            pair
            for order in range(1, _ORDER + 1)
            for pair in itertools.combinations(factors, order)
            if not any(b in inside.get(a, ()) for a, b in itertools.permutations(pair, 2))
        ]
    else:
        wanted = [_factors(term, tuple(factors)) for term in terms]
    twice = {":".join(term) for term in wanted if wanted.count(term) > 1}
    if twice:
        raise ValueError(f"terms: {min(twice)} twice; allowed: each once")
    return Design(
        n=n,
        factors=alone,
        terms=tuple(_term(term, codes) for term in wanted),
        nested={name: around for name, around in inside.items() if around},
    )


def _term(names: tuple[str, ...], codes: Mapping[str, Codes]) -> Term:
    joined, levels = _joint([codes[name] for name in names])
    counts = np.bincount(joined, minlength=levels).astype(np.float64)
    return Term(name=":".join(names), factors=names, codes=joined, counts=counts)


def _joint(codes: Sequence[Codes]) -> tuple[Codes, int]:
    """The partition into the combinations of levels that occur."""
    joined = codes[0]
    levels = int(joined.max()) + 1
    for other in codes[1:]:
        _, joined = np.unique(joined * (int(other.max()) + 1) + other, return_inverse=True)
        levels = int(joined.max()) + 1
    return joined, levels


def _factors(term: str, known: tuple[str, ...]) -> tuple[str, ...]:
    names = term.split(":")
    wrong = [name for name in names if name not in known]
    if wrong or len(set(names)) < len(names):
        raise ValueError(f"terms: {term!r}; allowed: {', '.join(known)}, joined by colons")
    return tuple(name for name in known if name in names)


def _ancestors(nested: Mapping[str, str], known: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Each nested factor with its parent, its parent's parent and so on."""
    found: dict[str, tuple[str, ...]] = {}
    for name in nested:
        around: list[str] = []
        inner = name
        while inner in nested:
            outer = nested[inner]
            if name not in known or outer not in known or outer in (name, *around):
                raise ValueError(
                    f"nested: {inner} in {outer}; allowed: one of {', '.join(known)} in another"
                )
            around.append(outer)
            inner = outer
        found[name] = tuple(around)
    return found


def _seen(alone: Mapping[str, Term]) -> dict[str, tuple[str, ...]]:
    """Nesting that the labels show; one level of a factor shows nothing."""
    found = {}
    for name, inner in alone.items():
        found[name] = tuple(
            other
            for other, outer in alone.items()
            if 1 < outer.levels < inner.levels
            and _joint([inner.codes, outer.codes])[1] == inner.levels
        )
    return found


def confounded(design: Design) -> list[Unidentified]:
    """The terms that have no level to compare, or the same levels as another or as the scores.

    Where two terms have the same levels the one of fewer factors keeps the name.
    """
    found: list[Unidentified] = []
    kept: list[Term] = []
    for term in sorted(design.terms, key=lambda term: len(term.factors)):
        twin = next((other for other in kept if _same(term, other)), None)
        if term.levels == 1:
            reason = f"{term.name} has one level"
            found.append(Unidentified(name=term.name, part_of=None, reason=reason))
        elif term.levels == design.n:
            reason = f"each {term.name} has one score"
            found.append(Unidentified(name=term.name, part_of=RESIDUAL, reason=reason))
        elif twin is not None:
            reason = f"{term.name} has the same levels as {twin.name}"
            found.append(Unidentified(name=term.name, part_of=twin.name, reason=reason))
        else:
            kept.append(term)
    return found


def _same(a: Term, b: Term) -> bool:
    return a.levels == b.levels == _joint([a.codes, b.codes])[1]


def extras(design: Design, missing: Sequence[Unidentified]) -> tuple[Extra, ...]:
    """What to add so that the missing components are identified, factor by factor.

    A factor of one level gets a second. A term with one score at each level needs repeats, unless
    a second level of a factor outside it gives it more scores anyway. Two factors whose levels
    coincide need a second level of the one within each level of the other. What is nested cannot
    be told from what it is nested in, whatever is added, and is left out.
    """
    terms = {term.name: term for term in design.terms}
    single = [name for name, factor in design.factors.items() if factor.levels == 1]
    names = [component.name for component in missing]
    second = {name for name in single if any(name in terms[t].factors for t in names)}
    needs: dict[str, list[str]] = {}
    for component in missing:
        term = terms[component.name]
        around = {*term.factors}.union(*(design.nested.get(f, ()) for f in term.factors))
        wanted = [name for name in term.factors if name in second]
        twin = component.part_of
        if term.levels == design.n:
            wanted += sorted(second - around)[:1] if second - around else [REPEAT]
        elif not wanted and twin in terms and not {*terms[twin].factors} & around:
            wanted.append(twin)
        for name in wanted:
            needs.setdefault(name, []).append(component.name)
    return tuple(
        Extra(factor=name, present=1, wanted=2, extra=1.0, components=tuple(components))
        for name, components in needs.items()
    )
