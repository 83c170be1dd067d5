"""The contract of every generator: problems by index, with a second way to the answer."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from modelmetry.errors import BadInput, SpaceExhausted, offered
from modelmetry.items.canonical import content_hash
from modelmetry.items.problem import Field, Problem, Scalar, Target
from modelmetry.items.seed import Seed
from modelmetry.spaces import Point, Space, Strata


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a generator builds from a point; `Generator.problem` adds where it came from.

    Attributes:
        fields: What a prompt template may use: one value per name in `Generator.fields`.
        target: The right answer.
        factors: One level per name in `Generator.factors`.
        canonical: What makes two problems the same problem; None means `fields`.
        cluster: The unit drawn independently; None means the problem itself.
    """

    fields: Mapping[str, Field]
    target: Target
    factors: Mapping[str, Scalar]
    canonical: object = None
    cluster: str | None = None


class Generator(ABC):
    """A family of problems: pure, seeded, with random access by index.

    Subclasses are frozen dataclasses whose fields are the options a suite may set. A split is a
    set: its strata are disjoint finite spaces of points, drawn without replacement in an order
    keyed by the seed, so a problem is found by its index alone.

    Attributes:
        name: Kebab-case, as in the entry point.
        version: Raised whenever the same seed would give other bytes.
        fields: Names that prompt templates may use.
        factors: Names of the factors every problem states.
        difficulty: The factor (a number) that is the difficulty axis.
        splits: Split name -> one sentence that says what it tests. `train` comes first: few-shot
            examples and training data are drawn from it.
        matched: Split -> the split whose order of points it shares. Where the two have strata of
            the same sizes, problems of one index belong together: a matched pair.
        alike: Factors in which a solved example must agree with the problem that it is shown for.
        needs: Options without which there are no problems, since they name what the user brings; the
            generator refuses to be made without them, and says how to make what they name.
        paths: Options that name files or folders. They are kept as absolute paths, and are no part of
            an edition's name, as the fingerprint covers what lies there.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    fields: ClassVar[tuple[str, ...]]
    factors: ClassVar[tuple[str, ...]]
    difficulty: ClassVar[str]
    splits: ClassVar[Mapping[str, str]]
    matched: ClassVar[Mapping[str, str]] = {}
    alike: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ()
    paths: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def strata(self, split: str) -> Sequence[Space]:
        """The disjoint strata of a split, by difficulty; problems cycle over them."""

    @abstractmethod
    def build(self, point: Point, rng: random.Random) -> Draft:
        """The problem at a point; `rng` draws only what does not make it another problem."""

    @abstractmethod
    def solve(self, fields: Mapping[str, Field]) -> str:
        """The canonical answer by a second way, from what the model is shown and nothing else."""

    def members(self, split: str) -> int:
        """Problems that each point of a split gives, >= 1: drawn together, told apart by `member`."""
        return 1

    def example(self, solved: Problem, problem: Problem) -> Problem:
        """A solved example as it is told beside a problem: in the problem's own vocabulary, say."""
        return solved

    def stratification(self, split: str) -> Strata:
        """The split's strata, built once per generator and split.

        Raises:
            BadInput: There is no such split.
        """
        # Options are frozen, so the strata never change; computing them can list large spaces.
        known: dict[str, Strata] = vars(self).setdefault("_strata", {})
        if split not in known:
            if split not in self.splits:
                raise BadInput(f"{self.name}: no split {split!r}{offered(split, self.splits)}")
            known[split] = self.arranged(split)
        return known[split]

    def arranged(self, split: str) -> Strata:
        """How the points of a split's strata follow each other; by default the strata take turns."""
        return Strata(self.strata(split), self.members(split))

    def count(self, split: str) -> int:
        """How many problems the split holds."""
        return self.stratification(split).count

    def problem(self, seed: Seed, split: str, index: int) -> Problem:
        """The problem at `index` of a split's stream: the same bytes always and everywhere.

        Raises:
            SpaceExhausted: `index` is at or beyond the number of problems in the split.
        """
        strata = self.stratification(split)
        if not 0 <= index < strata.count:
            raise SpaceExhausted(
                f"{self.name}/{split}: problem {index} was asked for; "
                f"the space holds {strata.count} distinct problems"
            )
        order = self.matched.get(split, split)
        point = strata.at(seed.key(self.name, self.version, order), index)
        draft = self.build(point, seed.rng(self.name, self.version, split, index))
        canonical = draft.fields if draft.canonical is None else draft.canonical
        uid = content_hash([self.name, self.version, canonical])[:16]
        return Problem(
            uid=uid,
            generator=self.name,
            version=self.version,
            split=split,
            index=index,
            fields=draft.fields,
            target=draft.target,
            factors=draft.factors,
            cluster=draft.cluster or uid,
        )

    def problems(self, seed: Seed, split: str, n: int) -> Iterator[Problem]:
        """The first `n` distinct problems of a split; duplicates in canonical form are skipped.

        Raises:
            SpaceExhausted: The split ends before `n` distinct problems were found.
        """
        if n > self.count(split):
            raise SpaceExhausted(
                f"{self.name}/{split}: {n} distinct problems were asked for; "
                f"the space holds {self.count(split)}"
            )
        seen: set[int] = set()
        index = 0
        while len(seen) < n:
            problem = self.problem(seed, split, index)
            index += 1
            key = int(problem.uid, 16)
            if key not in seen:
                seen.add(key)
                yield problem

    def fingerprint(self) -> str:
        """16 hex digits that change when the output changes: a hash of the first problems.

        Taken over four problems of each split under root seed 0, with name and version.
        """
        sample = [
            self.problem(Seed(root=0), split, index)
            for split in self.splits
            for index in range(min(4, self._offered(split)))
        ]
        return content_hash([self.name, self.version, sample])[:16]

    def _offered(self, split: str) -> int:
        """How many problems the split holds: none where the options rule it out."""
        try:
            return self.count(split)
        except BadInput:
            return 0
