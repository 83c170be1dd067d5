"""What training never shows together: held-out pairs, how many partners stay, and CoGenT."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product

from modelmetry.errors import BadInput, offered
from modelmetry.items import digest
from modelmetry.scenes.kinds import KINDS, TYPE_OF, TYPES, VALUES, Filter, Kind

PAIRS: tuple[str, ...] = (
    *("rubber cylinder", "cyan rubber", "large rubber", "cyan cylinder", "large cylinder"),
    *("large cyan", "rubber sphere", "brown rubber", "small rubber", "brown sphere"),
    *("small sphere", "small brown", "metal cylinder", "red metal", "small metal"),
    *("red cylinder", "small cylinder", "small red", "metal cube", "gray metal"),
    *("large metal", "gray cube", "large cube", "large gray", "rubber cube"),
    *("purple rubber", "purple sphere", "small cube", "small purple"),
)
"""The 29 pairs of CLEVR-HOPE, by its index 0 to 28 (Berlot-Attwell et al., arXiv 2311.08695)."""

COGENT = "cogent"
"""Names the holdout of CLEVR's generalization test: cubes and cylinders swap their colors."""

_CUBES_IN_A = frozenset(("gray", "blue", "brown", "yellow"))

Combination = tuple[str, str]
"""A value of each of a holdout's two attribute types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdout:
    """Two attribute types, and which combinations of their values are seen when.

    Attributes:
        name: The pair, such as `rubber cylinder`, or `cogent`.
        types: The two attribute types, in the order of `TYPES`.
        shown: Combinations in train and in the IID splits: in no scene of these does an object
            combine two values otherwise, and no question names two others together.
        held: Combinations that occur in the OOD splits alone.
        tested: Combinations that an OOD scene may show: for a pair, `shown` and the pair; for
            `cogent`, condition B.
    """

    name: str
    types: tuple[str, str]
    shown: frozenset[Combination]
    held: frozenset[Combination]
    tested: frozenset[Combination]

    @property
    def diversity(self) -> int:
        """How many combinations of the two types training shows."""
        return len(self.shown)

    @property
    def peers(self) -> frozenset[Combination]:
        """Combinations that a question of train or of an IID split names.

        What training shows; of `cogent`, not the spheres, which condition B shows as well.
        """
        return (self.shown - self.tested) or self.shown

    def combination(self, described: Kind | Filter) -> tuple[str | None, str | None]:
        """The values of the two types that an object has or a filter names."""
        first, second = self.types
        return getattr(described, first), getattr(described, second)

    def holds(self, kind: Kind) -> bool:
        """Whether an object of the kind shows what is held out."""
        return self.combination(kind) in self.held

    def mentions(self, named: Filter) -> bool:
        """Whether a filter says what is held out."""
        return self.combination(named) in self.held

    def strange(self, described: Kind | Filter) -> bool:
        """Whether an object, or a filter that names both types, combines what training never does.

        With all partners kept that is the held-out pair alone; with fewer it is more.
        """
        combination = self.combination(described)
        return None not in combination and combination not in self.shown

    def kinds(self, combinations: frozenset[Combination]) -> tuple[Kind, ...]:
        """The kinds of objects whose values of the two types are combined like this."""
        return _kinds(self.types, combinations)


@lru_cache(maxsize=1024)  # asked for every scene that is drawn
def _kinds(types: tuple[str, str], combinations: frozenset[Combination]) -> tuple[Kind, ...]:
    first, second = types
    return tuple(k for k in KINDS if (getattr(k, first), getattr(k, second)) in combinations)


@cache
def holdout(name: str, diversity: int | None = None) -> Holdout:
    """The holdout of a pair's name, such as `rubber cylinder`, or of `cogent`.

    Args:
        name: Two values of different types, in any order; plurals and case do not matter.
        diversity: How many combinations of the two types training shows, or None for all but the
            pair. The sets are nested: a larger one holds every smaller one. Every value of the two
            types stays in train, so at least so many combinations are needed that this can be.

    Raises:
        BadInput: The name is no pair of values of two types, or so few combinations leave a
            value out, or so many there are not.
    """
    if name == COGENT:
        if diversity is not None:
            raise BadInput(
                f"pair cogent: diversity {diversity}; allowed: none, as it fixes its own"
            )
        return _cogent()
    first, second = _values(name)
    types = (TYPE_OF[first], TYPE_OF[second])
    order = _nested(types, (first, second))
    least = _least(order, types)
    wanted = len(order) if diversity is None else diversity
    if not least <= wanted <= len(order):
        raise BadInput(
            f"pair {first} {second}: diversity {diversity}; allowed: {least} (so that every "
            f"{types[0]} and {types[1]} stays in train) to {len(order)} (all but the pair)"
        )
    shown = frozenset(order[:wanted])
    held = frozenset([(first, second)])
    return Holdout(
        name=f"{first} {second}", types=types, shown=shown, held=held, tested=shown | held
    )


def holdouts(names: Iterable[str], diversity: int | None = None) -> tuple[Holdout, ...]:
    """One holdout per name, each once.

    Raises:
        BadInput: A name is unknown or given twice.
    """
    found = tuple(holdout(name, None if name == COGENT else diversity) for name in names)
    seen: set[str] = set()
    for each in found:
        if each.name in seen:
            raise BadInput(f"pairs: {each.name!r} is given twice; allowed: each once")
        seen.add(each.name)
    if not found:
        raise BadInput("pairs: there is none; allowed: one or more, such as 'rubber cylinder'")
    return found


def _values(name: str) -> Combination:
    """The two values of a pair's name, in the order of their types."""
    words = name.lower().replace("+", " ").replace("-", " ").split()
    known = [word if word in TYPE_OF else word.removesuffix("s") for word in words]
    for word in known:
        if word not in TYPE_OF:
            raise BadInput(f"pair {name!r}: unknown value {word!r}{offered(word, TYPE_OF)}")
    if len(known) != 2:
        raise BadInput(f"pair {name!r}: {len(known)} values; allowed: two, such as rubber cylinder")
    first, second = sorted(known, key=lambda value: TYPES.index(TYPE_OF[value]))
    if TYPE_OF[first] == TYPE_OF[second]:
        raise BadInput(
            f"pair {name!r}: both are values of {TYPE_OF[first]}; allowed: values of two types"
        )
    return first, second


def _nested(types: tuple[str, str], pair: Combination) -> list[Combination]:
    """All combinations but the pair, in an order whose leading parts cover the values evenly.

    Each next combination is the one whose two values were used least so far, first those that
    share a value with the pair, which has one partner less; other ties are broken by a hash, so
    that no value is favored by the alphabet.
    """

    def rank(c: Combination) -> tuple[object, ...]:
        uses = sorted((used[c[0]], used[c[1]]))
        return uses, not set(c) & set(pair), digest("diversity", *pair, *c)

    left = [c for c in product(VALUES[types[0]], VALUES[types[1]]) if c != pair]
    used: dict[str, int] = dict.fromkeys((*VALUES[types[0]], *VALUES[types[1]]), 0)
    order: list[Combination] = []
    while left:
        best = min(left, key=rank)
        left.remove(best)
        order.append(best)
        for value in best:
            used[value] += 1
    return order


def _least(order: list[Combination], types: tuple[str, str]) -> int:
    """How many leading combinations show every value of both types."""
    missing = {*VALUES[types[0]], *VALUES[types[1]]}
    for count, combination in enumerate(order, 1):
        missing -= set(combination)
        if not missing:
            return count
    raise AssertionError("every value has a partner besides the pair")


def _cogent() -> Holdout:
    """Condition A (Johnson et al., CVPR 2017): cubes in four colors, cylinders in the others."""
    everything = tuple(product(VALUES["color"], VALUES["shape"]))
    swap: Mapping[str, str] = {"cube": "cylinder", "cylinder": "cube", "sphere": "sphere"}
    shown = frozenset(
        (color, shape)
        for color, shape in everything
        if shape == "sphere" or (color in _CUBES_IN_A) == (shape == "cube")
    )
    tested = frozenset((color, swap[shape]) for color, shape in shown)
    return Holdout(
        name=COGENT, types=("color", "shape"), shown=shown, held=tested - shown, tested=tested
    )
