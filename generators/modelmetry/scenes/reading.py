"""A second solver of questions: it reads their English, and answers from a list of objects.

It knows neither programs nor templates: sentences are told apart by their first words, and what
they say about objects is read by `modelmetry.scenes.grammar` as sets.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modelmetry.scenes.grammar import Objects, Phrases, Predicate, Shown

_Answer = bool | int | str
_Holds = Callable[[int, int], bool]

_AMOUNTS: tuple[tuple[str, str, _Holds], ...] = (
    ("more", "than", operator.gt),
    ("fewer", "than", operator.lt),
    ("exactly as many", "as", operator.eq),
    ("just as many", "as", operator.eq),
    ("equally many", "and", operator.eq),
)
"""What is said before one amount and between it and another, and what it says of the two."""

_NUMBERS: Mapping[str, _Holds] = {
    "the same as": operator.eq,
    "greater than": operator.gt,
    "lower than": operator.lt,
}
"""What is said between two numbers, and what it says of them."""


def solve(question: str, objects: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> str:
    """The answer to a question about objects.

    Args:
        question: One English sentence, or two joined by `;`, that ends in `?`.
        objects: Per object its `id`, its attributes under the names of their types, and `right`
            and `front`, its place as the camera sees it in scene units, to two decimals. One
            stands to a side of another if it stands there by more than 0.2.
        names: Attribute type or value -> the word that stands for it in question and objects, in
            place of the English.

    Returns:
        `yes`, `no`, a number, or the word for an attribute value.

    Raises:
        BadInput: The question is not understood, or what should be one object is none or several.
    """
    answer = _Sentence(question, Shown(objects, names), names).answer()
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    return names.get(answer, answer) if isinstance(answer, str) else str(answer)


class _Sentence(Phrases):
    """A question, read from left to right."""

    def answer(self) -> _Answer:
        """Read the whole of it."""
        if self.comes("the"):
            found = self._told()
        else:
            if self.took("take"):
                self.it = self.one()
                self.need(";")
            elif self.took("there is"):
                self.it = self._introduced()
            found = self._asked()
        self.need("?")
        self.end()
        return found

    def _introduced(self, said: Predicate | None = None) -> int:
        """Read `a cube;` or `another cube;` and what is said of it: `it` from here on."""
        start = self.at
        group = self.some()
        self.need(";")
        return self.only(self.whole(group, said), start)

    def _asked(self) -> _Answer:
        """Read a question, told by its first word."""
        openings: Mapping[str, Callable[[], _Answer]] = {
            "what": self._what,
            "how": self._how,
            "is": self._is,
            "are": self._are,
            "does": self._does,
            "do": self._do,
            "with how many": self._shared,
            "of": self._of,
            "counting": self._counting,
        }
        return openings[self.need(*openings)]()

    # --- what an object is like

    def _told(self) -> _Answer:
        """Read `the cube is of what color` and the like."""
        one = self.one()
        said = self.need("is of what", "has what", "shares its")
        kind = self.kind()
        if said != "shares its":
            return self.shown.value(one, kind)
        self.need("with")
        self.it = self._introduced(self.like(kind, one))
        return self._asked()

    def _what(self) -> _Answer:
        """Read what follows `what`, which asks for a value or for a number."""
        if self.comes_kind("type"):
            kind = self.kind()
            verb = self.need("is", "does")
            one = self.one()
            if verb == "does":
                self.need("have")
            return self.shown.value(one, kind)
        self.need("is")
        if self.it is not None and self.took("its"):
            return self.shown.value(self.it, self.kind())
        if self.took("the number of"):
            return len(self._all())
        if self.comes("the") and self.comes_kind("type", after=1):
            return self.shown.value(*self._of_one())
        one = self.one()
        self.need("made of")
        return self.shown.value(one, "material")

    def _of_one(self) -> tuple[int, str]:
        """Read `the color of the cube`."""
        self.need("the")
        kind = self.kind()
        self.need("of")
        return self.one(), kind

    def _is(self) -> bool:
        """Read what follows `is`: whether something is there, is the same, or numbers compare."""
        if self.took("there"):
            return bool(self._scene(self.whole(self.some())))
        if self.took("the number of"):
            first = len(self._all())
            holds = _NUMBERS[self.need(*_NUMBERS)]
            self.need("the number of")
            return holds(first, len(self._all()))
        if self.comes("the") and self.comes_kind("type", after=1):
            one, kind = self._of_one()
            self.need("the same as that of")
            return one in self.like(kind, self.one()).fits
        self.bare = True
        one = self.one()
        if self.took("as big as"):
            return one in self.like("size", self.one()).fits
        return one in self.likeness().fits

    # --- which objects there are

    def _are(self) -> bool:
        """Read what follows `are`: whether some are there, how two agree, or amounts compare."""
        there = self.took("there")
        compared = self._compared()
        if compared is not None:
            return compared
        if self.took("any") or there:
            return bool(self._scene(self.whole(self.several())))
        return self._two("outnumbered by the", operator.lt)

    def _do(self) -> bool:
        """Read what follows `do`: how two objects or two amounts compare."""
        return self._two("outnumber the", operator.gt)

    def _two(self, verb: str, holds: _Holds) -> bool:
        """Read two objects and in what they agree, or two kinds of objects and which are more."""
        self.bare = True
        start = self.at
        self.need("the")
        first = self.nouns(plural=None)
        if first.plural:
            self.need(verb)
            return holds(len(self.whole(first)), len(self.whole(self.several())))
        one = self.only(self.whole(first), start)
        self.need("and")
        other = self.one()
        said = self.need("have the same", "equally big", "made of the same material")
        kinds = {"equally big": "size", "made of the same material": "material"}
        return one in self.like(kinds.get(said) or self.kind(), other).fits

    def _does(self) -> bool:
        """Read what follows `does`: whether the scene contains or an object shares something."""
        if self.took("the scene contain") or self.took("the whole scene contain"):
            compared = self._compared()
            if compared is not None:
                return compared
            return bool(self.whole(self.several() if self.took("any") else self.some()))
        if self.took("the number of"):
            first = len(self._all())
            self.need("equal the number of")
            return first == len(self._all())
        if self.comes("any"):
            group = self.some()
            self.need("have")
            return bool(self.whole(group, self.same()))
        one = self.one()
        if self.need("have", "share its") == "have":
            return one in self.same().fits
        kind = self.kind()
        self.need("with")
        return bool(self.whole(self.some(), self.like(kind, one)))

    # --- how many objects there are

    def _how(self) -> _Answer:
        """Read what follows `how`: a size or a number is asked."""
        if self.need("big is", "many") == "big is":
            return self.shown.value(self.one(), "size")
        group, said = self.several(), None
        verb = self.need("are there", "are", "stand", "have", "does the scene contain")
        if verb == "have":
            said = self.same()
        elif verb == "stand" or self.comes_kind("side"):
            said = self.places()
        elif verb == "are" or self.took("that are"):
            said = self.predicate()
        return len(self._scene(self.whole(group, said)))

    def _shared(self) -> int:
        """Read what follows `with how many`."""
        group = self.several()
        self.need("does")
        one = self.one()
        self.need("share its")
        return len(self.whole(group, self.like(self.kind(), one)))

    def _of(self) -> int:
        """Read what follows `of`: some objects, and how many of them are something else, too."""
        self.need("all", "the")
        group = self.several()
        self.need(", how many are")
        self.took("also")
        return len(self.whole(group, self.predicate()))

    def _counting(self) -> int:
        """Read what follows `counting`: one set of objects, or several together."""
        sets = [self._all()]
        while self.took("and"):
            self.took("also")
            sets.append(self._all())
        if len(sets) > 1:
            self.need(", each")
            self.word("thing")
            self.need("once")
        self.need(", how many do you get")
        return len(frozenset[int]().union(*sets))

    def _compared(self) -> bool | None:
        """Read two amounts that are compared, such as `more cubes than balls`, if they come next."""
        for before, between, holds in _AMOUNTS:
            if self.took(before):
                first = self._all()
                self.need(between)
                self.took("there are")
                group = self.several()
                second = self.whole(group, self.predicate() if self.took("are") else None)
                return holds(len(first), len(self._scene(second)))
        return None

    def _all(self) -> Objects:
        """Read a noun phrase in the plural, with or without an article: all that it fits."""
        if not self.took("all"):
            self.took("the")
        return self._scene(self.whole(self.several()))

    def _scene(self, found: Objects) -> Objects:
        """Read where objects are looked for, if it is said: it is always the whole scene."""
        if not (self.took("in the scene") or self.took("in the whole scene")):
            self.took("in all")
        return found
