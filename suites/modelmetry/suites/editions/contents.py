"""What an edition's tables hold: the files of every split, and what its items ask of a harness."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelmetry.items import Item

if TYPE_CHECKING:
    import pyarrow as pa

DATA_URI = "_data_uri"
"""What the name of a config with data URIs has behind the task's; no task's name holds a `_`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The rows of one split in one config.

    Attributes:
        task: The task's name.
        split: The split's name, as the generator says it.
        uris: Whether its pictures are data URIs, for harnesses that read no others.
        paths: Its Parquet files, relative to the edition, in order.
        rows: Number of rows, >= 1.
        size: Bytes that the rows take in memory.
        schema: Its columns.
    """

    task: str
    split: str
    uris: bool
    paths: tuple[str, ...]
    rows: int
    size: int
    schema: pa.Schema

    @property
    def config(self) -> str:
        """Name of the config that it belongs to."""
        return config_name(self.task, uris=self.uris)

    @property
    def pattern(self) -> str:
        """The files as `data_files` of a card names them."""
        return split_file(self.task, self.split, "-*" if self.numbered else "", uris=self.uris)

    @property
    def numbered(self) -> bool:
        """Whether the files' names end in numbers."""
        return self.paths[0] != split_file(self.task, self.split, uris=self.uris)


@dataclass(slots=True, kw_only=True)
class Traits:
    """What the items of a task have in common, as far as other harnesses need to know it.

    Attributes:
        several: Whether some problem has more than one right answer, or an interval of them.
        replies: Whether some conversation waits for a reply of the model before the last.
        pictures: Most pictures that an item shows.
        turns: Most turns of a conversation.
        words: Whether every answer is one word of letters and digits.
        whole: Whether every answer is a whole number in plain digits.
        longest: Characters of the longest answer.
    """

    several: bool = False
    replies: bool = False
    pictures: int = 0
    turns: int = 0
    words: bool = True
    whole: bool = True
    longest: int = 0

    def see(self, item: Item) -> None:
        """Take an item into account."""
        target = item.problem.target
        answer = target.answers[0]
        self.several |= (
            len(target.answers) > 1 or target.interval is not None or target.tolerance > 0
        )
        self.replies |= any(part.kind == "reply" for turn in item.messages for part in turn.parts)
        self.pictures = max(self.pictures, len(item.pictures))
        self.turns = max(self.turns, len(item.messages))
        self.words &= answer.isalnum()
        self.whole &= is_whole(answer)
        self.longest = max(self.longest, len(answer))


@dataclass(slots=True, kw_only=True)
class Contents:
    """Everything that was written.

    Attributes:
        count: Number of items.
        tables: The tables, each split's pictures as data URIs after those as images.
        traits: Task -> what its items have in common.
    """

    count: int = 0
    tables: Sequence[Table] = ()
    traits: dict[str, Traits] = field(default_factory=dict)

    @property
    def configs(self) -> dict[str, list[Table]]:
        """Config -> its tables, in order."""
        found: dict[str, list[Table]] = {}
        for table in self.tables:
            found.setdefault(table.config, []).append(table)
        return found

    def asked(self, task: str) -> Iterable[Table]:
        """The tables of a task from which a harness may ask: with data URIs where there are some."""
        tables = [table for table in self.tables if table.task == task]
        return [table for table in tables if table.uris] or tables


def config_name(task: str, *, uris: bool = False) -> str:
    """Name of a task's config."""
    return f"{task}{DATA_URI}" if uris else task


def hub_split(split: str) -> str:
    """A split's name on the Hub, which allows no hyphens."""
    return split.replace("-", "_")


def split_file(task: str, split: str, number: str = "", *, uris: bool = False) -> str:
    """Relative path of a split's Parquet file.

    Args:
        task: The task's name.
        split: The split's name.
        number: Where a split has several files: a hyphen and the number, or a pattern of it.
        uris: Whether it is the file with data URIs.
    """
    folder = "data_uri" if uris else "data"
    return f"{folder}/{task}/{hub_split(split)}{number}.parquet"


def is_item_table(name: str) -> bool:
    """Whether a file of an edition holds its items, and not the same once more with data URIs."""
    return name.startswith("data/") and name.endswith(".parquet")


def is_whole(answer: str) -> bool:
    """Whether an answer is a whole number as Python prints it."""
    digits = answer.removeprefix("-")
    return digits.isascii() and digits.isdigit() and (digits == "0" or digits[0] != "0")
