"""Noun phrases and predicates of English about objects, read from left to right as sets of them.

An expression means the set of the numbers of the objects that it is true of. A relative clause or a
place belongs to the nearest noun before it; `other` leaves out the object that is compared with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from modelmetry.errors import BadInput
from modelmetry.scenes.kinds import TYPES, VALUES
from modelmetry.scenes.lexicon import Token, tokens

_LIKE = (["of", "the", "same"], ["made", "of", "the"])
"""The words with which something is said to share a value."""

_FILLERS = ("also", "are", "stand")
"""The words that may stand between `and` or `or` and a place."""

_BESIDE = 20
"""How far to one side, in hundredths of a scene unit, is too near to be said to stand there."""

Objects = frozenset[int]
NOTHING: Objects = frozenset()


class Group(NamedTuple):
    """What a noun phrase means: the objects it fits; some others than one not yet known."""

    fits: Objects
    plural: bool
    other: bool = False


class Predicate(NamedTuple):
    """The objects that something is true of, and the object that they are compared with."""

    fits: Objects
    anchor: Objects = NOTHING


class Shown:
    """The objects that a model is shown, as sets of their numbers.

    Attributes:
        everything: All objects.
    """

    def __init__(self, objects: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> None:
        """Read the objects, whose types and values may be in invented words."""
        meanings = {names.get(value, value): value for kind in TYPES for value in VALUES[kind]}
        keys = [(kind, names.get(kind, kind)) for kind in TYPES]
        try:
            self._values = {
                each["id"]: {kind: meanings[each[key]] for kind, key in keys} for each in objects
            }
            self._right = {each["id"]: round(100 * each["right"]) for each in objects}
            self._front = {each["id"]: round(100 * each["front"]) for each in objects}
        except (KeyError, TypeError) as error:
            raise BadInput(
                f"objects: {error} is missing or unknown; allowed: id, right, front, "
                f"{', '.join(key for _, key in keys)} with the values {', '.join(meanings)}"
            ) from error
        self.everything: Objects = frozenset(self._values)

    def value(self, i: int, kind: str) -> str:
        """An object's value of a type."""
        return self._values[i][kind]

    def those(self, kind: str, value: str) -> Objects:
        """The objects that have a value."""
        return frozenset(i for i, values in self._values.items() if values[kind] == value)

    def alike(self, kind: str, i: int) -> Objects:
        """The objects that share an object's value of a type, and it itself."""
        return self.those(kind, self._values[i][kind])

    def toward(self, side: str, i: int) -> Objects:
        """The objects that stand left or right of, in front of or behind an object."""
        place = self._right if side in ("left", "right") else self._front
        sign = 1 if side in ("right", "front") else -1
        return frozenset(j for j in place if sign * (place[j] - place[i]) > _BESIDE)


class Phrases:
    """A text that is read from left to right: what each of its phrases means.

    Attributes:
        shown: The objects that the text is about.
        it: The object that `it` stands for.
        at: How many words were read.
        bare: Whether `of the same color` is said by the verb, not of the noun before it.
    """

    def __init__(self, text: str, shown: Shown, names: Mapping[str, str]) -> None:
        """Begin to read.

        Args:
            text: English; attributes and their types may be in invented words.
            shown: The objects that it is about.
            names: Type or value -> the word that stands for it in the text.
        """
        self.shown = shown
        self.it: int | None = None
        self._text = text
        self._tokens = [*tokens(text, names), Token("")]
        self._words = [token.text for token in self._tokens]
        self.at = 0
        self._wanted: list[str] = []
        self.bare = False

    # --- words

    def took(self, phrase: str) -> bool:
        """Read these words if they come next."""
        words = phrase.split()
        end = self.at + len(words)
        if self._words[self.at : end] == words:
            self.at = end
            self._wanted.clear()
            return True
        self._wanted.append(phrase)
        return False

    def need(self, *phrases: str) -> str:
        """Read whichever of these comes next.

        Raises:
            BadInput: None of them does.
        """
        for phrase in phrases:
            if self.took(phrase):
                return phrase
        raise self.unreadable()

    def comes(self, word: str) -> bool:
        """Whether this word comes next."""
        return self._words[self.at] == word

    def comes_kind(self, *kinds: str, after: int = 0) -> bool:
        """Whether a word of one of these kinds comes next, or after so many others."""
        place = self.at + after
        return place < len(self._tokens) and self._tokens[place].kind in kinds

    def word(self, *kinds: str) -> Token:
        """Read a word of one of these kinds.

        Raises:
            BadInput: Another word comes next.
        """
        token = self._tokens[self.at]
        if token.kind not in kinds:
            self._wanted += [f"a word for a {kind}" for kind in kinds]
            raise self.unreadable()
        self.at += 1
        self._wanted.clear()
        return token

    def kind(self) -> str:
        """Read the name of a type of attributes."""
        return self.word("type").means

    def end(self) -> None:
        """Be at the end of the text.

        Raises:
            BadInput: Something follows.
        """
        if self.at < len(self._words) - 1:
            raise self.unreadable()

    def unreadable(self) -> BadInput:
        """The error that says where the text is not understood."""
        allowed = ", ".join(map(repr, dict.fromkeys(self._wanted))) or "nothing more"
        where = repr(self._words[self.at]) if self._words[self.at] else "its end"
        return BadInput(f"question {self._text!r}: cannot be read at {where}; allowed: {allowed}")

    # --- noun phrases

    def nouns(self, *, plural: bool | None, other: bool = False) -> Group:
        """Read a noun phrase without its article, such as `red cubes that are behind the ball`.

        Args:
            plural: Whether the noun must be in the plural, or None if that is free.
            other: Whether the article said `other`.
        """
        fits = self.shown.everything
        while self.comes_kind("size", "color", "material"):
            token = self.word("size", "color", "material")
            fits &= self.shown.those(token.kind, token.means)
        number = self._tokens[self.at].plural
        if plural not in (None, number):
            self._wanted.append(f"a noun in the {'plural' if plural else 'singular'}")
            raise self.unreadable()
        noun = self.word("shape", "thing")
        if noun.kind == "shape":
            fits &= self.shown.those("shape", noun.means)
        found = Group(fits, number, other)
        said = self._modifier(plural=number)
        return found if said is None else self._narrowed(found, said)

    def _narrowed(self, group: Group, said: Predicate) -> Group:
        """What is left of a group of which something is said."""
        fits, other = group.fits & said.fits, group.other
        if other and said.anchor:
            fits, other = fits - said.anchor, False
        return group._replace(fits=fits, other=other)

    def whole(self, group: Group, said: Predicate | None = None) -> Objects:
        """The objects of a group, or those of which something is said.

        Raises:
            BadInput: They are `other` objects, but nothing says other than which.
        """
        found = group if said is None else self._narrowed(group, said)
        if found.other:
            self._wanted = ["what others are compared with"]
            raise self.unreadable()
        return found.fits

    def several(self) -> Group:
        """Read a noun phrase in the plural, with `other` or without."""
        return self.nouns(plural=True, other=self.took("other"))

    def some(self) -> Group:
        """Read a noun phrase with `a`, `any` or `another`."""
        article = self.need("another", "any other", "any", "an", "a")
        return self.nouns(plural=False, other="other" in article)

    def one(self) -> int:
        """Read a noun phrase that points out one object, or a pronoun for one.

        Raises:
            BadInput: No object or several fit, or nothing was mentioned that `it` could be.
        """
        if self.it is not None and (self.took("it") or self.took("the latter")):
            return self.it
        start = self.at
        self.need("the")
        group = self.nouns(plural=False, other=self.took("other"))
        return self.only(self.whole(group), start)

    def only(self, fits: Objects, start: int) -> int:
        """The one object that the words since `start` fit.

        Raises:
            BadInput: No object or several fit.
        """
        if len(fits) != 1:
            phrase = " ".join(self._words[start : self.at])
            raise BadInput(
                f"question {self._text!r}: cannot be read at {phrase!r}, which fits {len(fits)} "
                "objects; allowed: exactly one"
            )
        (i,) = fits
        return i

    def _modifier(self, *, plural: bool) -> Predicate | None:
        """Read what is said of a noun after it, if anything is."""
        if self.comes_kind("side"):
            return self.places()
        if self.took("that are" if plural else "that is"):
            return self.predicate()
        if self.took("that have" if plural else "that has"):
            return self.same()
        if not self.bare and self._words[self.at : self.at + 3] in _LIKE:
            return self.likeness()
        return None

    # --- predicates

    def predicate(self) -> Predicate:
        """Read what follows `are`: places, nouns, or in what something is the same."""
        if self._words[self.at : self.at + 3] in _LIKE:
            return self.likeness()
        wanted = "and" if self.took("both") else "or" if self.took("either") else ""
        if self.comes_kind("side"):
            return self._joined(self._place(), wanted)
        return self._joined(self._kinds(), wanted, nouns=True)

    def places(self) -> Predicate:
        """Read one place or several, such as `left of the cube and behind the ball`."""
        return self._joined(self._place())

    def same(self) -> Predicate:
        """Read what follows `have`, such as `the same color as the cube`."""
        self.need("the same")
        kind = self.kind()
        self.need("as")
        return self.like(kind, self.one())

    def like(self, kind: str, i: int) -> Predicate:
        """Sharing an object's value of a type."""
        return Predicate(self.shown.alike(kind, i), frozenset((i,)))

    def likeness(self) -> Predicate:
        """Read what follows `is`, such as `of the same color as the cube`."""
        said = self.need("of the same", "made of the same material")
        kind = self.kind() if said == "of the same" else "material"
        self.need("as")
        return self.like(kind, self.one())

    def _joined(self, first: Predicate, wanted: str = "", *, nouns: bool = False) -> Predicate:
        """Read what is joined to a predicate by `and` or by `or`, which includes both.

        Args:
            first: What was read.
            wanted: The word that must join it, as after `both` or `either`.
            nouns: Whether a noun may follow `or`.
        """
        fits, join = first.fits, wanted
        while (word := self._words[self.at]) in ("and", "or") and (skipped := self._next(nouns)):
            if join not in ("", word):
                self._wanted = [join]
                raise self.unreadable()
            join, wanted = word, ""
            self.at += skipped
            other = self._place() if self.comes_kind("side") else self._kinds()
            fits = fits & other.fits if word == "and" else fits | other.fits
        if wanted:
            self.need(wanted)
        if join == "or":
            self.took("or both")
        return Predicate(fits)

    def _next(self, nouns: bool) -> int:
        """How many words lead from `and` or `or` to a further predicate; 0 if none follows."""
        skipped = 1
        while self._words[self.at + skipped] in _FILLERS:
            skipped += 1
        if self.comes_kind("side", after=skipped):
            return skipped
        noun = nouns and self.comes("or") and self.comes_kind(*TYPES, "thing", after=1)
        return int(noun)

    def _place(self) -> Predicate:
        side = self.word("side").means
        return Predicate(self.shown.toward(side, self.one()))

    def _kinds(self) -> Predicate:
        """Read a noun in the plural that is said of objects."""
        fits = self.nouns(plural=True).fits
        if not self.took(", wherever they are ,"):
            self.took("anywhere")
        return Predicate(fits)
