"""Contamination: has a model seen a published edition? Its canary, its rows, and the order of its rows."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from modelmetry.errors import BadInput
from modelmetry.items import Draft, Field, Scalar, Target, content_hash
from modelmetry.memory.canary import identifier, lead, sentence
from modelmetry.memory.continuing import KNOWN, Continuing
from modelmetry.memory.cutting import Cut, cut, cuts
from modelmetry.memory.published import Published, Row, read_published, strata
from modelmetry.memory.reordering import Block, blocks, orders
from modelmetry.spaces import Point, Space, Strata

_TRAIN = 64
_CUE = 4
"""Words of a block that are shown; the others are to follow."""

_WHOLE = 2**31
"""More words than any text has."""

_LINE = "\n"
"""Between two rows of a block."""


class _Nothing(Strata):
    """The strata of a split that an edition has no problems for."""

    def __init__(self) -> None:
        self.spaces, self.sizes, self.count, self.members = (), (), 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One of the two editions.

    Attributes:
        edition: It.
        cuts: What is shown of each row, and what is to follow.
        units: (task, split) -> the rows of each problem, or of the problems that come of one point.
    """

    edition: Published
    cuts: Mapping[Row, Cut]
    units: Mapping[tuple[str, str], Sequence[tuple[Row, ...]]]


@dataclass(frozen=True, kw_only=True)
class Contamination(Continuing):
    """What comes next in a published edition of a suite, canary and rows, word for word?

    Split `canary` shows the canary up to its GUID; the true one is to follow, or one of `references`
    drawn alike that stand nowhere. Split `rows` shows a row's beginning, cut where no other row begins so
    and what follows is the row's own (`cutting.cuts`); beside each stands the row of the same index of an
    edition of the same suite with another, unpublished seed. Split `order` has blocks of rows as
    published and in random orders that were as likely (Oren et al. 2023, Proving test set contamination in
    black-box language models, arXiv 2310.17623); nearly all of a block is to follow, for its
    log-probability. Rows are texts: pictures are what stands for them in `prompt`.

    Attributes:
        edition: Folder of the published edition.
        fresh: Folder of the edition with another seed; empty for no controls.
        references: Identifiers drawn like the true one, >= 0; they serve log-probabilities only.
        k: Words of a row shown, unless it takes more, and words to follow at most; >= 1.
        stretch: Words of a block at most.
        orders: Random orders of each block, >= 0; 0 for no split `order`.
    """

    edition: str = ""
    fresh: str = ""
    references: int = 255
    k: int = 32
    stretch: int = 600
    orders: int = 15

    name: ClassVar[str] = "contamination"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("prompt", "tail", "words", "of")
    factors: ClassVar[tuple[str, ...]] = (
        *KNOWN, "edition", "kind", "place", "order", "exchangeable",
    )  # fmt: skip
    difficulty: ClassVar[str] = "duplicates"
    splits: ClassVar[Mapping[str, str]] = {
        "train": "identifiers of editions that do not exist",
        "canary": "the canary's identifier, and others drawn alike that stand nowhere",
        "rows": "rows of the published edition, each beside one of a fresh edition",
        "order": "blocks of rows as published, and the same in orders that were as likely",
    }
    needs: ClassVar[tuple[str, ...]] = ("edition",)
    paths: ClassVar[tuple[str, ...]] = ("edition", "fresh")

    def __post_init__(self) -> None:
        """Check the options, and read the editions."""
        if not self.edition:
            raise BadInput(
                "contamination: no edition; allowed: -T edition=FOLDER (made by: modelmetry generate)"
            )
        for name, least in (("references", 0), ("k", 1), ("stretch", 1), ("orders", 0)):
            if getattr(self, name) < least:
                raise BadInput(
                    f"contamination: {name} is {getattr(self, name)}; allowed: integers from {least}"
                )
        published = read_published(self.edition)
        if self.fresh:
            _check_fresh(published, read_published(self.fresh))

    def tokens(self, text: str) -> Sequence[int | str]:
        return text.split()

    def features(
        self,
        factors: Sequence[Mapping[str, Scalar]],
    ) -> Mapping[str, NDArray[np.float64]]:
        return {}

    @cached_property
    def _sides(self) -> tuple[_Side, ...]:
        """The published edition, and the fresh one where there is one."""
        folders = [self.edition, *([self.fresh] if self.fresh else [])]
        return tuple(self._side(read_published(folder)) for folder in folders)

    def _side(self, edition: Published) -> _Side:
        rows = edition.rows
        made = cuts(
            [row.text for row in rows],
            [(row.task, row.wording) for row in rows],
            [row.cluster for row in rows],
            self.k,
        )
        files = {key: tuple(of) for key, of in groupby(rows, lambda row: (row.task, row.split))}
        return _Side(
            edition=edition,
            cuts={row: found for row, found in zip(rows, made, strict=True) if found},
            units={key: _units(of, self._turns.get(key)) for key, of in files.items()},
        )

    @cached_property
    def _turns(self) -> Mapping[tuple[str, str], Strata | None]:
        """(task, split) -> the strata that took turns in it; None where that is not known."""
        edition = read_published(self.edition)
        keys = dict.fromkeys((row.task, row.split) for row in edition.rows)
        return {key: strata(edition, *key) for key in keys}

    @cached_property
    def _pairs(self) -> Mapping[tuple[str, str, str], list[tuple[Row, ...]]]:
        """(task, split, wording) -> rows that can be asked, each with its control where there is one."""
        published, *fresh = self._sides
        controls = {
            (row.task, row.split, row.wording, row.index): row
            for side in fresh
            for row in side.cuts
        }
        seen = {row.text for row in published.edition.rows}
        found: dict[tuple[str, str, str], list[tuple[Row, ...]]] = {}
        for row in published.cuts:
            pair = [row]
            if fresh:
                control = controls.get((row.task, row.split, row.wording, row.index))
                # A small space gives both editions some problems: those are controls of nothing.
                if control is None or control.text in seen:
                    continue
                pair.append(control)
            found.setdefault((row.task, row.split, row.wording), []).append(tuple(pair))
        return found

    @cached_property
    def _files(self) -> Mapping[tuple[str, str], tuple[Sequence[tuple[Row, ...]], ...]]:
        """(task, split) -> units of each edition, place by place those of the same index and stratum."""
        found = {}
        for key in self._sides[0].units:
            known = [{of[0].index: of for of in side.units.get(key, ())} for side in self._sides]
            # A problem that was drawn before is skipped, in one edition and not in the other.
            shared = [index for index in known[0] if all(index in units for units in known)]
            found[key] = tuple([units[index] for index in shared] for units in known)
        return found

    @cached_property
    def _blocks(self) -> Mapping[tuple[str, str], tuple[bool, list[Block]]]:
        """(task, split) -> whether its orders are as likely without looking at controls; its blocks."""
        found = {}
        for key, (units, *controls) in self._files.items():
            words = [sum(len(row.text.split()) for row in unit) for unit in units]
            turns, ways = self._turns[key], self.orders + 1
            labels = [turns.turns.place(unit[0].index)[0] if turns else 0 for unit in units]
            made, fair = blocks(labels, words, self.stretch, ways), turns is not None
            if not made and controls:
                # Too few of one stratum are neighbors; a fresh edition has its strata in the same order.
                made, fair = blocks([0] * len(units), words, self.stretch, ways), False
            if made and self.orders and (fair or controls):
                found[key] = (fair, made)
        return found

    def strata(self, split: str) -> Sequence[Space]:
        """The true identifier first; rows by task, split and wording; blocks by task and split."""
        if split == "train":
            return [Space.of(kind=("train",), number=range(_TRAIN))]
        if split == "canary":
            if not self._sides[0].edition.canary:
                return []
            others = [Space.of(kind=("reference",), number=range(self.references))]
            return [Space.of(kind=("canary",), number=(0,)), *(others if self.references else [])]
        if split == "rows":
            sizes = {key: len(pairs) for key, pairs in self._pairs.items()}
        else:
            sizes = {key: len(made) for key, (_, made) in self._blocks.items()}
        kind = {"rows": "row", "order": "block"}[split]
        return [Space.of(kind=(kind,), of=(key,), number=range(n)) for key, n in sizes.items()]

    def members(self, split: str) -> int:
        """A row comes with its control, a block with its control and all orders of both."""
        sides = 1 + bool(self.fresh)
        return {"rows": sides, "order": sides * (1 + self.orders)}.get(split, 1)

    def arranged(self, split: str) -> Strata:
        """As of every generator, with nothing where the edition has nothing to ask."""
        spaces = self.strata(split)
        return Strata(spaces, self.members(split)) if spaces else _Nothing()

    def build(self, point: Point, rng: random.Random) -> Draft:
        member = point.get("member", 0)
        if point["kind"] == "row":
            row = self._pairs[point["of"]][point["number"]][member]
            found = self._sides[member].cuts[row]
            pair = self._pairs[point["of"]][point["number"]][0]
            return self._draft(
                found,
                f"row {member} {_name(row)}",
                cluster=f"row {pair.cluster}",
                published=not member,
                place="/".join(point["of"]),
            )
        if point["kind"] == "block":
            return self._block(point["of"], point["number"], member)
        return self._canary(point, rng)

    def _canary(self, point: Point, rng: random.Random) -> Draft:
        edition, kind = self._sides[0].edition, point["kind"]
        if kind == "canary":
            guid, of = edition.guid, "canary"
        else:
            of = f"{kind} {rng.getrandbits(64):016x}"
            guid = identifier(of)
        shown = lead(edition.suite, edition.edition)
        made = sentence(edition.suite, edition.edition, guid)
        found = cut(made, len(shown.split()), 1)
        return self._draft(found, of, cluster="", published=kind == "canary", canary=True)

    def _block(self, key: tuple[str, str], number: int, member: int) -> Draft:
        fair, made = self._blocks[key]
        block = made[number]
        side, order = divmod(member, 1 + self.orders)
        name = f"block {'/'.join(key)}/{block.first}"
        ways = orders(block.labels, self.orders, f"{self._sides[0].edition.edition} {name}")
        found = cut(self._told(side, key, block, ways[order]), _CUE, _WHOLE)
        return self._draft(
            found,
            f"{name} {side} {','.join(map(str, ways[order]))}",
            cluster=name,
            published=not side,
            place="/".join(key),
            order=order,
            exchangeable=fair,
        )

    def _told(self, side: int, key: tuple[str, str], block: Block, order: Sequence[int]) -> str:
        units = self._files[key][side][block.first : block.first + len(block.labels)]
        return _LINE.join(row.text for unit in order for row in units[unit])

    def _draft(
        self,
        found: Cut,
        of: str,
        *,
        cluster: str,
        published: bool,
        canary: bool = False,
        place: str = "",
        order: int = 0,
        exchangeable: bool = False,
    ) -> Draft:
        return Draft(
            fields={
                "prompt": found.shown,
                "tail": found.tail,
                "words": len(found.follows.split()),
                "of": of,
            },
            target=Target(answers=(found.follows,)),
            factors={
                "duplicates": (len(self._sides[0].edition.rows) if canary else 1) * published,
                "template": "none",
                "inserted": int(published),
                "canary": int(canary),
                "edition": self._sides[0].edition.edition,
                "kind": of.partition(" ")[0],
                "place": place,
                "order": order,
                "exchangeable": int(exchangeable),
            },
            cluster=cluster or None,
        )

    def solve(self, fields: Mapping[str, Field]) -> str:
        """Read on in the edition's card, in its rows, or in the rows put in the order that is named.

        References stand nowhere: theirs is made again from its name.
        """
        kind, _, rest = str(fields["of"]).partition(" ")
        prompt, words = str(fields["prompt"]), int(fields["words"])
        if kind == "canary":
            card = (self._sides[0].edition.folder / "README.md").read_text(encoding="utf-8")
            return f" {card.split(prompt, 1)[1].split()[0]}"
        if kind in ("reference", "train"):
            return f" {identifier(str(fields['of']))}"
        if kind == "row":
            side, _, name = rest.partition(" ")
            rows = self._sides[int(side)].edition.rows
            named = (row for row in rows if _name(row) == name)
            texts = [row.text for row in named if row.text.lstrip().startswith(prompt)]
        else:
            name, side, order = rest.rsplit(" ", 2)
            task, split, first = name.split("/")
            units = self._files[task, split][int(side)]
            chosen = (units[int(first) + int(unit)] for unit in order.split(","))
            texts = [_LINE.join(row.text for unit in chosen for row in unit)]
        after = texts[0].lstrip().removeprefix(prompt)
        end = 0
        for word in after.split()[:words]:
            end = after.index(word, end) + len(word)
        return after[:end]

    def fingerprint(self) -> str:
        """As of every generator, with the names of the editions."""
        named = [side.edition.edition for side in self._sides]
        return content_hash([super().fingerprint(), named])[:16]


def _check_fresh(published: Published, fresh: Published) -> None:
    """Refuse controls that are none.

    Raises:
        BadInput: They are of another suite, or of the same edition.
    """
    if (published.suite, published.version) != (fresh.suite, fresh.version):
        raise BadInput(
            f"contamination: {fresh.folder} is of suite {fresh.suite} version {fresh.version}; allowed: an "
            f"edition of {published.suite} version {published.version} with another seed"
        )
    made, again = (
        [(t["generator"], t["options"], t["fingerprint"]) for t in each.tasks.values()]
        for each in (published, fresh)
    )
    if made != again:
        raise BadInput(
            f"contamination: {fresh.folder} was made by other generators than {published.folder}; allowed: "
            "editions made alike, with the same version of modelmetry"
        )
    if published.edition == fresh.edition:
        raise BadInput(
            f"contamination: {fresh.folder} is the published edition itself; allowed: an edition of "
            f"{published.suite} with another seed that was not published"
        )


def _name(row: Row) -> str:
    return f"{row.task}/{row.split}/{row.index}/{row.wording}"


def _units(rows: Sequence[Row], turns: Strata | None) -> list[tuple[Row, ...]]:
    """Rows of a file by the point that their problems come from, in the file's order."""
    members = turns.members if turns else 1
    return [tuple(of) for _, of in groupby(rows, lambda row: row.index // members)]
