"""Items as a data set: by position, in the form that training libraries read, scored strictly."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec

from modelmetry.errors import BadInput
from modelmetry.items.problem import Item, Message, Target

if TYPE_CHECKING:
    import datasets

Entry = dict[str, Any]
"""`question`, `answer` and `metadata`, as in reasoning_gym."""

_SHARDS = 64
"""Shards of an iterable data set, unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Items by position, as reasoning_gym's data sets give them: `ds[i]`, `ds.score_answer(...)`.

    Any entry is drawn by its position alone, without those before it, and is the same in every
    process, so a data set is as good as its name: it can be pickled, sharded and resumed. Problems
    come in the order of the split's stream, which may repeat one; its `problem` tells.

    Attributes:
        name: What `source_dataset` says.
        seed: Root seed.
        size: How many entries there are, >= 1.
        draw: From a position, 0 to `size` - 1, to the item there. To be pickled it must be picklable.
        score: From a target and a reply to a score in [0, 1], or None where it cannot be read.
        difficulty: The factor that is the difficulty axis.
    """

    name: str
    seed: int
    size: int
    draw: Callable[[int], Item] = field(repr=False)
    score: Callable[[Target, str], float | None] = field(repr=False)
    difficulty: str = ""

    def __post_init__(self) -> None:
        """Check the size."""
        if self.size < 1:
            raise BadInput(f"{self.name}: size {self.size}; allowed: integers from 1")

    def __len__(self) -> int:
        """How many entries there are; at most the longest length that Python has."""
        return min(self.size, sys.maxsize)

    def __getitem__(self, index: int) -> Entry:
        """The entry at a position; negative ones count from the end.

        Args:
            index: From -`size` to `size` - 1.

        Returns:
            `question` (all that is shown, as one text), `answer` (the canonical right one) and
            `metadata`: `source_dataset`, `source_index`, `difficulty` (factor -> level), `uid`,
            `problem`, `task`, `split`, `wording`, `format`, `cluster`, `factors`, `target` (all that
            is right), `messages` (turns with `role` and `content`; a turn with pictures has typed
            parts) and `images` (PNG bytes, in order).

        Raises:
            IndexError: There is no such entry.
            TypeError: The position is no integer.
        """
        position = self._position(index)
        return self._entry(position, self.draw(position))

    def __iter__(self) -> Iterator[Entry]:
        """Every entry, in order."""
        return map(self.__getitem__, range(self.size))

    def item(self, index: int) -> Item:
        """The item behind the entry at a position.

        Raises:
            IndexError: There is no such entry.
        """
        return self.draw(self._position(index))

    def score_answer(self, answer: str | None, entry: Mapping[str, Any]) -> float:
        """Score a reply to an entry as a run scores it: strictly, reasoning stripped.

        Args:
            answer: The reply; None is wrong.
            entry: As `ds[i]` gave it; of its `metadata` the `target` is read.

        Returns:
            A number in [0, 1]; 0 also where the reply cannot be read, as when it names two answers.

        Raises:
            BadInput: The entry holds no target.
        """
        if not isinstance(answer, str):
            return 0.0
        try:
            target = msgspec.convert(entry["metadata"]["target"], Target)
        except (KeyError, TypeError, msgspec.ValidationError) as error:
            raise BadInput(
                f"{self.name}: this entry holds no target ({error}); allowed: entries of such a data set"
            ) from error
        return self.score(target, answer) or 0.0

    def iterable(self, num_shards: int | None = None) -> datasets.IterableDataset:
        """The entries as a stream of the library `datasets`, which workers share shard by shard.

        A column for each key of `metadata`, which suits tables better; `factors` and `target` are
        JSON texts, and `images` are pictures. Its `state_dict` resumes within a shard, the entries
        of that shard before it being drawn again: many shards resume soon.

        Args:
            num_shards: How many, from 1 to `size`; None for up to 64.

        Raises:
            BadInput: `datasets` is not installed, or there are fewer entries than shards.
        """
        try:
            import datasets
        except ImportError:
            raise BadInput(
                "datasets: not installed, so there is no IterableDataset; "
                "allowed: pip install 'modelmetry[hub]'"
            ) from None
        shards = min(self.size, _SHARDS) if num_shards is None else num_shards
        if not 1 <= shards <= self.size:
            raise BadInput(
                f"{self.name}: {shards} shards of {self.size} entries; allowed: from 1 to {self.size}"
            )
        bounds = [self.size * k // shards for k in range(shards + 1)]
        return datasets.IterableDataset.from_generator(
            _rows,
            features=_features(datasets),
            gen_kwargs={"dataset": self, "shards": list(pairwise(bounds))},
        )

    def _position(self, index: int) -> int:
        if isinstance(index, bool) or not hasattr(index, "__index__"):
            raise TypeError(f"{self.name}: position {index!r}; allowed: integers")
        position = index.__index__()
        if not -self.size <= position < self.size:
            raise IndexError(
                f"{self.name}: position {position}; allowed: from {-self.size} to {self.size - 1}"
            )
        return position % self.size

    def _entry(self, position: int, item: Item) -> Entry:
        problem = item.problem
        factors = dict(problem.factors)
        return {
            "question": item.text,
            "answer": problem.target.answers[0],
            "metadata": {
                "source_dataset": self.name,
                "source_index": position,
                "difficulty": {k: v for k, v in factors.items() if k == self.difficulty},
                "uid": item.uid,
                "problem": problem.uid,
                "task": item.task,
                "split": problem.split,
                "wording": item.wording,
                "format": item.format,
                "cluster": problem.cluster,
                "factors": factors,
                # By way of JSON, so that it is equal to itself after a trip through a file.
                "target": msgspec.json.decode(msgspec.json.encode(problem.target)),
                "messages": [{"role": t.role, "content": _content(t)} for t in item.messages],
                "images": [picture.png() for picture in item.pictures],
            },
        }


def _content(turn: Message) -> str | list[dict[str, str]]:
    if all(part.image is None for part in turn.parts):
        return turn.text
    return [
        {"type": "image"} if part.image else {"type": "text", "text": part.text}
        for part in turn.parts
    ]


def _rows(dataset: Dataset, shards: list[tuple[int, int]]) -> Iterator[dict[str, Any]]:
    """The rows of some shards; `datasets` splits the list among workers."""
    for first, end in shards:
        for position in range(first, end):
            entry = dataset[position]
            facts = entry.pop("metadata")
            facts["messages"] = [
                {"role": turn["role"], "content": _plain(turn["content"])}
                for turn in facts["messages"]
            ]
            for name in ("factors", "target", "difficulty"):
                facts[name] = msgspec.json.encode(facts[name]).decode()
            facts["images"] = [{"bytes": png, "path": None} for png in facts["images"]]
            yield entry | facts


def _plain(content: str | list[dict[str, str]]) -> list[dict[str, str]]:
    """A turn's parts: a column has one type, so a plain text is one part."""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [{"type": part["type"], "text": part.get("text", "")} for part in parts]


def _features(datasets: Any) -> Any:
    text = datasets.Value("string")
    names = (
        "question",
        "answer",
        "source_dataset",
        "difficulty",
        "uid",
        "problem",
        "task",
        "split",
    )
    more = ("wording", "format", "cluster", "factors", "target")
    part = {"type": text, "text": text}
    return datasets.Features(
        {
            **dict.fromkeys((*names, *more), text),
            "source_index": datasets.Value("int64"),
            "messages": [{"role": text, "content": [part]}],
            "images": datasets.List(datasets.Image()),
        }
    )
