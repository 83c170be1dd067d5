"""The search for a question: descriptions and relations that give a template a wanted answer.

Depth first, in random order: objects and relations are chosen from the scene outwards, and each
set is told what it is wanted for, so that most dead ends are seen before they are entered.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from operator import eq, gt, lt
from typing import TypeVar

from modelmetry.scenes.kinds import TYPE_OF, TYPES, Filter
from modelmetry.scenes.programs import ALL, FILTERS, FORMS, Seen
from modelmetry.scenes.templates import Node, Template
from modelmetry.scenes.world import RELATIONS

TRIES = 300
"""Descriptions tried before a search is given up."""

PARTNERS = 20
"""Descriptions tried for the second side of a question before its first side is drawn again."""

Accept = Callable[[int], object]
Found = tuple[int, tuple[int, ...]]
"""A set of objects, and its witnesses: a further description of objects in this set makes every
part of the question that led to the set matter if it fits some object of each witness."""

T = TypeVar("T")

_SHORTER = tuple(
    frozenset(form & ~(1 << i) for i in range(len(TYPES)) if form >> i & 1) for form in FORMS
)
"""Form -> the forms with one type less. If any part of a description tells an object, one of these
does: what lies between two descriptions that fit a search fits it, too."""

_COMPARE = {"equal_integer": eq, "less_than": lt, "greater_than": gt}


def drawn(items: Sequence[T], rng: random.Random) -> Iterator[T]:
    """All items in random order, drawn as they are needed."""
    left = list(items)
    while left:
        i = int(rng.random() * len(left))
        left[i], left[-1] = left[-1], left[i]
        yield left.pop()


@lru_cache(maxsize=4096)
def members(objects: int) -> tuple[int, ...]:
    """The objects in a set."""
    return tuple(i for i in range(objects.bit_length()) if objects >> i & 1)


def form_of(types: Iterable[str]) -> int:
    """The form of a filter that names these types."""
    return sum(1 << TYPES.index(name) for name in types)


class Search:
    """One search: what is chosen so far, and what may be chosen.

    Attributes:
        filters: Per description slot, what was chosen last.
        relations: Per relation slot, the same.
        tries: Descriptions tried so far.
    """

    def __init__(
        self,
        seen: Seen,
        template: Template,
        rng: random.Random,
        *,
        naming: Filter | None = None,
        slot: int = -1,
        strange: Callable[[Filter], bool] | None = None,
    ) -> None:
        """Prepare a search.

        Args:
            seen: The scene.
            template: What is asked.
            rng: Where all choices come from.
            naming: Values that the description in `slot`, and no other, names together.
            slot: The description slot that names them; -1 without `naming`.
            strange: Filters that are no description; not asked about `slot` if `naming` itself
                is strange.
        """
        self.seen, self.template, self.rng = seen, template, rng
        self.filters = [Filter()] * len(template.open)
        self.relations = [""] * template.relations
        self.tries = 0
        self._naming, self._slot, self._strange = naming, slot, strange
        self._bearers = seen.of(naming) if naming else 0
        self._excused = slot if naming and strange and strange(naming) else -1
        held = form_of(TYPE_OF[value] for value in naming.named) if naming else 0
        self._forms = [
            tuple(
                form
                for form in FORMS[1:]
                if not form & closed and (place != slot or form & held == held)
            )
            for place, closed in enumerate(form_of(types) for types in template.open)
        ]
        self._parts = [0] * len(template.open)
        self._used = 0
        self._limit = TRIES
        self._presence = template.program.op in ("count", "exist")
        self._least, self._most = 0, len(seen.kinds) + 1
        self._contrary: dict[int, Accept] = {}

    def questions(self, answer: str) -> Iterator[None]:
        """Fill the slots in every way that gives the answer, one after the other."""
        node = self.template.program
        action, _, kind = node.op.partition("_")
        if self._slot >= 0 and not self._bearers and self.template.family != "zero-hop":
            # Elsewhere all that is said fits something.
            return
        if action == "count":
            yield from self._counted(node.inputs[0], int(answer))
        elif action == "exist":
            yield from self._existing(node.inputs[0], answer == "yes")
        elif action == "query":
            yield from self._queried(node.inputs[0], self.seen.values[answer])
        elif kind in TYPES:
            yield from self._compared(node, kind, answer == "yes")
        else:
            yield from self._weighed(node, answer == "yes")

    def _counted(self, node: Node, wanted: int) -> Iterator[None]:
        """Fill the slots so that a set holds so many objects."""
        if node.op == "filter":
            self._least = wanted
        elif node.op == "union":
            self._most = wanted
        for _ in self._sets(node, lambda objects: objects.bit_count() == wanted):
            yield

    def _existing(self, node: Node, wanted: bool) -> Iterator[None]:
        """Fill the slots so that a set does or does not hold an object."""
        self._contrary[node.slot] = lambda objects: bool(objects) != wanted
        for _ in self._sets(node, lambda objects: bool(objects) == wanted):
            yield

    def _queried(self, node: Node, wanted: int) -> Iterator[None]:
        """Fill the slots so that a `unique` gives one of the objects wanted."""
        for _ in self._objects(node, wanted):
            yield

    def _compared(self, node: Node, kind: str, equal: bool) -> Iterator[None]:
        """Fill the slots so that two objects do or do not share a value."""
        same, (left, right) = self.seen.same[kind], [each.inputs[0] for each in node.inputs]
        pairs = [others if equal else self.seen.whole & ~others for others in same]
        first = sum(1 << i for i, others in enumerate(pairs) if others & ~(1 << i))
        for one in self._objects(left, first):
            for _ in self._partners(self._objects(right, pairs[one])):
                yield

    def _weighed(self, node: Node, truth: bool) -> Iterator[None]:
        """Fill the slots so that two numbers do or do not compare as asked.

        Neither side lies in the other by what it says, the sets differ, and the first is not empty.
        """
        compare, (left, right) = _COMPARE[node.op], [each.inputs[0] for each in node.inputs]
        for first, _ in self._sets(left, self._side):
            size = first.bit_count()

            def fits(other: int, size: int = size, first: int = first) -> bool:
                return compare(size, other.bit_count()) == truth and other != first

            self._contrary[right.slot] = lambda other, size=size, first=first: (
                compare(size, other.bit_count()) != truth and other != first
            )
            for _ in self._partners(self._sets(right, fits)):
                if not self._nested(left.slot, right.slot):
                    yield

    def _nested(self, one: int, other: int) -> bool:
        """Whether one of two described sets is a part of the other by what they say."""

        def within(inner: int, outer: int) -> bool:
            return not self._parts[inner] & ~self._parts[outer] and all(
                value in (None, also)
                for value, also in zip(self.filters[outer], self.filters[inner], strict=True)
            )

        return within(one, other) or within(other, one)

    def _objects(self, node: Node, wanted: int) -> Iterator[int]:
        """Objects that a `unique` can give, each other than all that are in use."""
        described = node.inputs[0]
        slot = described.slot

        if slot == self._slot:
            wanted &= self._bearers

        def promising(part: int) -> int:
            return part & wanted & ~self._used

        for part, witnesses in self._sets(described.inputs[0], promising):
            for i in drawn(members(promising(part)), self.rng):
                if self.tries > self._limit:
                    return
                named = self._description(slot, i, part, witnesses)
                if named is None:
                    continue
                self.filters[slot], self._parts[slot] = named, part
                self._used |= 1 << i
                yield i
                self._used &= ~(1 << i)

    def _sets(self, node: Node, accept: Accept) -> Iterator[Found]:
        """Sets that a node can give and that are accepted."""
        seen = self.seen
        action, _, kind = node.op.partition("_")
        if action == "scene":
            yield seen.whole, ()
        elif action == "filter":
            for part, witnesses in self._sets(node.inputs[0], self._enough):
                self._parts[node.slot] = part
                for found in self._descriptions(node.slot, part, witnesses, accept):
                    yield found, ()
        elif action == "relate":
            for i in self._objects(node.inputs[0], seen.whole):
                for relation in drawn(RELATIONS, self.rng):
                    part = seen.relations[relation][i]
                    if accept(part):
                        self.relations[node.slot] = relation
                        yield part, (seen.whole & ~part & ~(1 << i),)
        elif action == "same":
            for i in self._objects(node.inputs[0], seen.whole):
                part = seen.same[kind][i]
                if accept(part):
                    yield part, (seen.whole & ~part & ~(1 << i),)
        else:
            yield from self._joined(node, accept)

    def _joined(self, node: Node, accept: Accept) -> Iterator[Found]:
        """Unions and intersections to which each side adds something of its own."""
        left, right = node.inputs
        union = node.op == "union"
        for one, _ in self._sets(left, self._side):

            def fits(other: int, one: int = one) -> bool:
                both = one | other if union else one & other
                return bool(one & ~other and other & ~one and accept(both))

            for other, _ in self._partners(self._sets(right, fits)):
                sides = (one & ~other, other & ~one)
                if union:
                    yield one | other, (*sides, self.seen.whole & ~(one | other))
                else:
                    yield one & other, sides

    def _enough(self, part: int) -> bool:
        """Whether the set counted can be a subset of this one."""
        return part.bit_count() >= self._least

    def _side(self, one: int) -> bool:
        """Whether a set can be one side of what is counted."""
        return 0 < one.bit_count() < self._most

    def _partners(self, second: Iterator[T]) -> Iterator[T]:
        """What there is for the second side, with little patience for each."""
        limit = self._limit
        while True:
            self._limit = min(limit, self.tries + PARTNERS)
            found = next(second, None)
            self._limit = limit
            if found is None:
                return
            yield found

    def _mentions(self, named: Filter) -> bool:
        """Whether a filter names all values of `naming`."""
        wanted = self._naming or ()
        return all(w is None or w == value for w, value in zip(wanted, named, strict=False))

    def _allowed(self, slot: int, named: Filter) -> bool:
        """Whether a description may stand in a slot."""
        if self._naming is not None and self._mentions(named) != (slot == self._slot):
            return False
        return self._strange is None or slot == self._excused or not self._strange(named)

    def _description(
        self, slot: int, i: int, part: int, witnesses: tuple[int, ...]
    ) -> Filter | None:
        """What tells an object of a set: half the time a description that cannot be shortened."""
        self.tries += 1
        own, alone = self.seen.own[i], 1 << i
        fits = [
            form
            for form in self._forms[slot]
            if own[form] & part == alone and all(own[form] & each for each in witnesses)
        ]
        if self.rng.random() < 0.5:
            fits = [form for form in fits if _SHORTER[form].isdisjoint(fits)]
        for form in drawn(fits, self.rng):
            named = FILTERS[self.seen.kinds[i]][form]
            if self._allowed(slot, named):
                return named
        return None

    def _descriptions(
        self, slot: int, part: int, witnesses: tuple[int, ...], accept: Accept
    ) -> Iterator[int]:
        """Subsets of a set that descriptions leave: first their form is drawn, then the values.

        Where the answer is yes or no it cannot be told from the form, such as from how much is
        said: only forms with which this set admits either answer are used.
        """
        if not all(witnesses):
            return
        contrary = self._contrary.get(slot)
        for form in drawn(self._forms[slot], self.rng):
            self.tries += 1
            if contrary and not self._contrasted(slot, form, part, witnesses, contrary):
                continue
            found = self._fitting(form, part, witnesses, accept)
            for named in drawn(found, self.rng):
                if self._allowed(slot, named):
                    self.filters[slot] = named
                    yield self.seen.fitting[form].get(named, 0) & part
                    break
            if self.tries > self._limit:
                return

    def _contrasted(
        self, slot: int, form: int, part: int, witnesses: tuple[int, ...], contrary: Accept
    ) -> bool:
        """Whether a form admits the contrary answer as well.

        In the whole scene `naming` must be said there as well; elsewhere that would be too rare.
        """
        found = self._fitting(form, part, witnesses, contrary)
        if slot == self._slot and not witnesses:
            return any(self._mentions(named) for named in found)
        return bool(found)

    def _fitting(
        self, form: int, part: int, witnesses: tuple[int, ...], accept: Accept
    ) -> list[Filter]:
        """Filters of a form that leave a set of objects that is accepted."""
        fitting = self.seen.fitting[form]
        if self._presence and not witnesses and accept(0):
            return [named for named in ALL[form] if named not in fitting]
        return [
            named
            for named, objects in fitting.items()
            if accept(objects & part) and all(objects & each for each in witnesses)
        ]
