"""Minimal tests: quads of scenes with one object each, which differ in the two values asked about."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

from modelmetry.items import digest
from modelmetry.scenes.holdouts import Combination, Holdout, holdout
from modelmetry.scenes.kinds import TYPES, VALUES, Filter, Kind
from modelmetry.scenes.placing import place
from modelmetry.scenes.world import Scene

CELLS = 4
"""Scenes of a quad: {x, dx} x {y, dy}; the first shows what is asked about, the others do not."""

_HARDEST_TO_SEE = Kind("small", "gray", "rubber", "cube")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quad:
    """One question about four scenes that share camera, lamps, place and irrelevant attributes.

    Attributes:
        variant: Number of what they share; the same in the IID and the OOD test of a pair.
        row: Index of the target among all combinations of the two types.
        target: The combination asked about.
        scenes: The four scenes; the answer is yes for the first.
    """

    variant: int
    row: int
    target: Combination
    scenes: tuple[Scene, ...]


@lru_cache(maxsize=64)
def quad(name: str, diversity: int | None, variant: int, *, ood: bool) -> Quad:
    """The quad of a variant: about the held-out pair, or about a combination that training shows.

    The source renders all four scenes {x, dx} x {y, dy} and afterwards drops those that show the
    held-out pair, which changes the share of "yes" between its tests (CLEVR-HOPE). Here a cell
    whose combination training never shows is filled by one that it does show and that is not the
    target, with irrelevant attributes of its own: every quad has one yes and three no. The two
    quads of a variant swap roles: what one asks about is what the other lacks. So what is shown
    for "no" is as near to the target, on average, in both tests.

    Args:
        name: The held-out pair.
        diversity: Combinations that training shows, or None for all but the pair.
        variant: Any integer >= 0.
        ood: Whether the question is about the held-out pair.
    """
    held = holdout(name, diversity)
    # The shared part is drawn first, from a stream that knows nothing of `ood`.
    rng = random.Random(digest("minimal", held.name, variant))
    blank = _blank(rng)
    others = _irrelevant(held, rng)
    order = rng.random()
    peer = _target(held, order)
    target = min(held.held) if ood else peer
    cells = _cells(
        held.types,
        target,
        held.shown - {peer},
        random.Random(digest("cells", held.name, variant, int(ood))),
    )
    scenes = []
    shown: set[Kind] = set()
    for combination in cells:
        kind = _kind(held, combination, others)
        while kind in shown:  # a stand-in may repeat a cell's combination
            kind = _kind(held, combination, _irrelevant(held, rng))
        shown.add(kind)
        thing = replace(blank.things[0], **kind._asdict())
        scenes.append(replace(blank, things=(thing,)))
    every = list(product(VALUES[held.types[0]], VALUES[held.types[1]]))
    return Quad(variant=variant, row=every.index(target), target=target, scenes=tuple(scenes))


def _blank(rng: random.Random) -> Scene:
    """Camera, lamps, place and rotation, at a place where any object can be seen."""
    while True:
        found = place([_HARDEST_TO_SEE], rng)
        if found is not None:
            return found


def _irrelevant(held: Holdout, rng: random.Random) -> dict[str, str]:
    """Values of the two attribute types that are not asked about."""
    return {kind: rng.choice(VALUES[kind]) for kind in TYPES if kind not in held.types}


def _kind(held: Holdout, combination: Combination, others: dict[str, str]) -> Kind:
    return Kind(**{**others, **dict(zip(held.types, combination, strict=True))})


def _target(held: Holdout, at: float) -> Combination:
    """A combination that training shows, by a number in [0, 1)."""
    shown = sorted(held.shown)
    return shown[int(at * len(shown))]


def _cells(
    types: tuple[str, str], target: Combination, others: frozenset[Combination], rng: random.Random
) -> Sequence[Combination]:
    """The target, then three of the others: those of a quad as far as there are such."""
    x, y = target
    quads = [
        ((x, dy), (dx, y), (dx, dy))
        for dx, dy in product(VALUES[types[0]], VALUES[types[1]])
        if dx != x and dy != y
    ]
    most = max(sum(cell in others for cell in cells) for cells in quads)
    cells = rng.choice([c for c in quads if sum(cell in others for cell in c) == most])
    # A stand-in shares a value with the target where it can: as hard to tell from it as a cell is.
    near = sorted(c for c in others if (c[0] == x) != (c[1] == y))
    return [target, *(c if c in others else rng.choice(near or sorted(others)) for c in cells)]


def asked_about(target: Combination) -> Filter:
    """The description that names the target's two values and nothing else."""
    return Filter.of(*target)
