"""Memorization: continue a sequence that stands in a corpus so many times, or its twin that never does."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from modelmetry.errors import BadInput
from modelmetry.items import Draft, Field, Scalar, Target, content_hash, digest
from modelmetry.memory.continuing import Continuing
from modelmetry.memory.features import SAMPLES, describe
from modelmetry.memory.laboratory import Laboratory, Options
from modelmetry.memory.sequences import Planted
from modelmetry.memory.vocabulary import Vocabulary
from modelmetry.spaces import Point, Space

_FOLDS = 5
_KEPT = 1 << 24
"""Tokens of a corpus that are held in memory to be read again; a larger one is made again."""


@dataclass(frozen=True, kw_only=True)
class Memorization(Options, Continuing):
    """What comes after these k words of the corpus, word for word?

    The probe of k-extraction after Prashanth et al., "Recite, Reconstruct, Recollect" (ICLR 2025,
    arXiv 2406.17746), for models trained on the corpus of a `Laboratory`, which says of every
    sequence how often it stands there. Each pair of a planted sequence and its twin is one cluster.

    Attributes:
        corpus: Seed of the laboratory: which corpus the model was trained on. The other options are
            the laboratory's.
    """

    corpus: int = 0

    name: ClassVar[str] = "memorization"
    version: ClassVar[int] = 2
    fields: ClassVar[tuple[str, ...]] = ("prompt", "tail", "words")
    factors: ClassVar[tuple[str, ...]] = (
        *("duplicates", "template", "band", "entropy", "position"),
        *("inserted", "near", "canary", "pair"),
    )
    difficulty: ClassVar[str] = "duplicates"
    splits: ClassVar[Mapping[str, str]] = {
        "train": "a fifth of the pairs, planted ones and twins: for examples and to fit thresholds",
        "planted": "sequences that stand in the corpus, as often as the factor duplicates says",
        "twins": "the planted sequences' twins, drawn alike and nowhere in the corpus",
    }
    matched: ClassVar[Mapping[str, str]] = {"twins": "planted"}

    def __post_init__(self) -> None:
        """Check the options by making the laboratory, though not yet its corpus."""
        for name in ("duplicates", "entropies"):
            value = getattr(self, name)
            if not isinstance(value, tuple | list):
                raise BadInput(f"memorization: {name} is {value!r}; allowed: a list of integers")
        _ = self.laboratory

    @cached_property
    def laboratory(self) -> Laboratory:
        """Where the sequences were planted."""
        given: dict[str, Any] = {}
        for option in dataclasses.fields(Options):
            value = getattr(self, option.name)
            given[option.name] = tuple(value) if isinstance(value, list) else value
        return Laboratory(seed=self.corpus, **given)

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return self.laboratory.vocabulary

    @cached_property
    def _pairs(self) -> Mapping[str, tuple[Planted, Planted]]:
        """Twin and planted sequence by the name of their pair."""
        found = {planted.id: planted for planted in self.laboratory.planted()}
        return {
            planted.id.rpartition("/")[0]: (found[planted.twin], planted)
            for planted in found.values()
            if planted.duplicates
        }

    def strata(self, split: str) -> Sequence[Space]:
        """One stratum for each number of duplicates and kind of sequence; a fifth of each to train."""
        cells: dict[tuple[int, bool, str], list[str]] = {}
        for pair, (_, planted) in self._pairs.items():
            kind = (planted.duplicates, planted.canary, planted.template)
            cells.setdefault(kind, []).append(pair)
        inserted = {"train": (1, 0), "planted": (1,), "twins": (0,)}[split]
        spaces = []
        for kind in sorted(cells):
            pairs = sorted(cells[kind], key=lambda pair: digest("memorization fold", pair))
            fold = len(pairs) // _FOLDS
            chosen = pairs[:fold] if split == "train" else pairs[fold:]
            if chosen:
                spaces.append(Space.of(inserted=inserted, pair=chosen))
        return spaces

    def build(self, point: Point, rng: random.Random) -> Draft:
        planted = self._pairs[point["pair"]][point["inserted"]]
        text, k = self._vocabulary.text, self.k
        return Draft(
            fields={
                "prompt": text(planted.tokens[:k]),
                "tail": text(planted.tokens[k // 2 : k]),
                "words": k,
            },
            target=Target(answers=(" " + text(planted.tokens[k:]),)),
            factors={
                "duplicates": planted.duplicates,
                "template": planted.template,
                "band": planted.band,
                "entropy": planted.entropy,
                "position": planted.position,
                "inserted": point["inserted"],
                "near": planted.near,
                "canary": int(planted.canary),
                "pair": point["pair"],
            },
            cluster=point["pair"],
        )

    def solve(self, fields: Mapping[str, Field]) -> str:
        """Go on by the prompt's own rule, else read on in the corpus, else look among the twins.

        The last is no second way: nothing tells how a twin without a rule goes on. It is taken only
        where the prompt stands nowhere in the corpus, and finds twins alone.

        Returns:
            The continuation with the space before it; empty where the prompt is of no sequence.
        """
        prompt = str(fields["prompt"])
        found = continued(prompt) or self._read_on(prompt) or self._twin(prompt)
        return f" {found}" if found else ""

    def tokens(self, text: str) -> Sequence[int | str]:
        return self._vocabulary.read(text)

    def features(
        self, factors: Sequence[Mapping[str, Scalar]]
    ) -> Mapping[str, NDArray[np.float64]]:
        rows = {sequence.id: row for row, sequence in enumerate(self.laboratory.planted())}
        chosen = []
        for of in factors:
            pair = self._pairs.get(str(of["pair"]))
            if pair is None:
                raise BadInput(
                    f"memorization: {of['pair']!r} is no pair of this laboratory; "
                    "allowed: problems that it made, with the same options"
                )
            chosen.append(rows[pair[int(of["inserted"])].id])
        return {name: column[chosen] for name, column in _described(self.laboratory).items()}

    def _read_on(self, prompt: str) -> str:
        """What comes most often after a prompt in the corpus; empty where it does not stand."""
        sought = np.array(self._vocabulary.tokens(prompt), dtype=np.uint16).tobytes()
        found: Counter[tuple[int, ...]] = Counter()
        for documents in _corpus(self.laboratory):
            held, at = documents.tobytes(), -1
            while (at := held.find(sought, at + 1)) >= 0:
                row, column = divmod(at // 2, self.length)
                if at % 2 == 0 and column + 2 * self.k <= self.length:
                    after = documents[row, column + self.k : column + 2 * self.k]
                    found[tuple(after.tolist())] += 1
        return self._vocabulary.text(found.most_common(1)[0][0]) if found else ""

    def _twin(self, prompt: str) -> str:
        text = self._vocabulary.text
        twins = (twin.tokens for twin, _ in self._pairs.values())
        found = (text(t[self.k :]) for t in twins if text(t[: self.k]) == prompt)
        return next(found, "")

    def fingerprint(self) -> str:
        """As of every generator, with the first documents of the corpus."""
        documents = self.laboratory.batch(0, min(4, self.documents))[0].tolist()
        return content_hash([super().fingerprint(), documents])[:16]


def continued(prompt: str) -> str:
    """As many words again by the rule of a text that repeats or counts; empty where it has none.

    The rule is the shortest period, at most half the text, at which all words are the same or
    numerals that grow by the same step.
    """
    words = prompt.split(" ")
    for period in range(1, len(words) // 2 + 1):
        steps = [_step(words[start::period]) for start in range(period)]
        if None not in steps:
            longer = list(words)
            for place in range(len(words), 2 * len(words)):
                last, step = longer[place - period], steps[place % period]
                longer.append(str(int(last) + step) if step else last)
            return " ".join(longer[len(words) :])
    return ""


def _step(words: Sequence[str]) -> int | None:
    """By how much numerals grow; 0 for one word throughout; None for neither."""
    if len(set(words)) == 1:
        return 0
    if not all(word.isdecimal() for word in words):
        return None
    numbers = [int(word) for word in words]
    steps = {b - a for a, b in pairwise(numbers)}
    return steps.pop() if len(steps) == 1 else None


def _corpus(laboratory: Laboratory) -> Iterator[np.ndarray]:
    """The documents in batches, uint16."""
    if laboratory.tokens <= _KEPT:
        yield from _kept(laboratory)
    else:
        yield from (tokens.astype(np.uint16) for tokens, _ in laboratory.batches())


@lru_cache(maxsize=1)
def _kept(laboratory: Laboratory) -> tuple[np.ndarray, ...]:
    return tuple(tokens.astype(np.uint16) for tokens, _ in laboratory.batches())


@lru_cache(maxsize=4)
def _described(laboratory: Laboratory) -> dict[str, NDArray[np.float64]]:
    """The features of all sequences of a laboratory, in the order of `Laboratory.planted`."""
    sequences, text = laboratory.planted(), laboratory.vocabulary.text
    frequencies, samples = laboratory.surveyed(SAMPLES)
    return describe(
        [sequence.tokens for sequence in sequences],
        [text(sequence.tokens[: laboratory.k]) for sequence in sequences],
        wholes=[text(sequence.tokens) for sequence in sequences],
        frequencies=frequencies,
        samples=[text(window) for window in samples.tolist()],
    )
