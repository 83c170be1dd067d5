"""The answers of a run: a SQLite file in which every answer is committed as it arrives."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from modelmetry.errors import BadInput, ModelmetryError
from modelmetry.items import Item
from modelmetry.models import Response

_SCHEMA = """
CREATE TABLE IF NOT EXISTS items (
    position INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS responses (
    position INTEGER NOT NULL, repeat INTEGER NOT NULL, key TEXT NOT NULL,
    failed INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (position, repeat)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS turns (
    position INTEGER NOT NULL, repeat INTEGER NOT NULL, turn INTEGER NOT NULL, key TEXT NOT NULL,
    body BLOB NOT NULL, PRIMARY KEY (position, repeat, turn)) WITHOUT ROWID;
"""
"""`turns` holds the replies of conversations that are under way. Databases made before there were
any lack it, and their items never ask for it."""

_encode = msgspec.json.Encoder().encode
_item = msgspec.json.Decoder(Item).decode
_response = msgspec.json.Decoder(Response).decode

T = TypeVar("T")


class Store:
    """Items and responses of one run, in `responses.db`.

    Write-ahead logging with `synchronous=NORMAL`: a killed process loses nothing that was put,
    a power cut at most the last moments, and the file stays whole in both cases.

    Args:
        path: The file.
        create: Make it if it is missing.

    Raises:
        BadInput: The file is missing, unreadable or not such a database.
        ModelmetryError: It cannot be made.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        if not create and not path.is_file():
            raise BadInput(f"{path}: no such file; allowed: the responses.db of a run")
        try:
            self._db = self._connect(str(path))
            if create:
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.executescript(_SCHEMA)
            else:
                self._look()
            self._db.execute("PRAGMA synchronous=NORMAL")
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._unwritten(error) if create else self._unreadable(error) from error

    @staticmethod
    def _connect(address: str) -> sqlite3.Connection:
        return sqlite3.connect(
            address, isolation_level=None, timeout=30, check_same_thread=False, uri=True
        )

    def _look(self) -> None:
        """Read something, in a read-only folder too, where SQLite cannot make its lock files."""
        try:
            self._db.execute("SELECT 1 FROM responses")
        except sqlite3.OperationalError:
            if self.path.with_name(f"{self.path.name}-wal").exists():
                raise  # what is in the log would be missing
            self._db.close()
            self._db = self._connect(f"{self.path.resolve().as_uri()}?mode=ro&immutable=1")
            self._db.execute("SELECT 1 FROM responses")

    def __enter__(self) -> Self:
        """Use as a context that closes the file."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; all that was put stays."""
        self._db.close()

    def add_items(self, items: Iterable[Item]) -> int:
        """Store further items of the run, in order, in one commit; returns how many.

        Raises:
            BadInput: Two items have the same uid.
        """
        rows = (
            (position, item.uid, _encode(item))
            for position, item in enumerate(items, self.item_count())
        )
        try:
            self._db.execute("BEGIN")
            count = self._db.executemany("INSERT INTO items VALUES (?, ?, ?)", rows).rowcount
            self._db.execute("COMMIT")
        except sqlite3.IntegrityError as error:
            raise BadInput(f"{self.path}: two items are the same ({error})") from error
        except sqlite3.Error as error:
            raise self._unwritten(error) from error
        return max(0, count)

    def put_turn(self, position: int, repeat: int, turn: int, response: Response) -> None:
        """Store an earlier reply of a conversation in a commit of its own.

        Args:
            position: The item's.
            repeat: Which repetition, from 0.
            turn: Which reply, from 0.
            response: It.
        """
        row = (position, repeat, turn, response.request_key, _encode(response))
        self._write("INSERT INTO turns VALUES (?, ?, ?, ?, ?)", row)

    def turns(self, position: int, repeat: int) -> list[Response]:
        """The replies so far of a conversation that is under way, in order."""
        query = "SELECT body FROM turns WHERE position = ? AND repeat = ? ORDER BY turn"
        return [self._decoded(_response, body) for (body,) in self._select(query, position, repeat)]

    def put(self, position: int, repeat: int, response: Response) -> None:
        """Store a response in a commit of its own; a failed one before it is replaced.

        One that holds the earlier replies of its conversation takes their place in the same commit.
        """
        row = (
            position,
            repeat,
            response.request_key,
            response.error is not None,
            _encode(response),
        )
        query = "INSERT OR REPLACE INTO responses VALUES (?, ?, ?, ?, ?)"
        if not response.replies:
            self._write(query, row)
            return
        self._write("BEGIN")
        try:
            self._write(query, row)
            self._write("DELETE FROM turns WHERE position = ? AND repeat = ?", row[:2])
            self._write("COMMIT")
        except ModelmetryError:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    def add_answered(self, rows: Iterable[tuple[int, int, Item | None, Response]]) -> int:
        """Store items that come with their answers, in one commit; returns how many answers.

        Args:
            rows: (position, repeat, item, response), the item only with its first response.

        Raises:
            BadInput: Two items have the same uid, or two answers are of one item and repeat.
        """
        count = 0
        try:
            self._db.execute("BEGIN")
            for position, repeat, item, response in rows:
                if item is not None:
                    row = (position, item.uid, _encode(item))
                    self._db.execute("INSERT INTO items VALUES (?, ?, ?)", row)
                failed = response.error is not None
                row = (position, repeat, response.request_key, failed, _encode(response))
                self._db.execute("INSERT INTO responses VALUES (?, ?, ?, ?, ?)", row)
                count += 1
            self._db.execute("COMMIT")
        except sqlite3.IntegrityError as error:
            raise BadInput(f"{self.path}: two items or answers are the same ({error})") from error
        except sqlite3.Error as error:
            raise self._unwritten(error) from error
        return count

    def _write(self, query: str, row: Sequence[object] = ()) -> None:
        try:
            self._db.execute(query, row)
        except sqlite3.Error as error:
            raise self._unwritten(
                error, "answers stored so far are kept and the run can be resumed"
            ) from error

    def edited(self, position: int) -> BadInput:
        """The line for a stored answer to another question than the run's."""
        return BadInput(
            f"{self.path}: item {position} was asked otherwise than run.json says; "
            "allowed: a run whose files were not edited"
        )

    def items(self, after: int = -1) -> Iterator[tuple[int, Item]]:
        """(position, item) in plan order, read in slices so that no cursor outlives a write.

        Args:
            after: Position before the first one wanted.
        """
        last = after
        query = "SELECT position, body FROM items WHERE position > ? ORDER BY position LIMIT 512"
        while rows := list(self._select(query, last)):
            for position, body in rows:
                yield position, self._decoded(_item, body)
            last = rows[-1][0]

    def item_count(self) -> int:
        """How many items the run holds."""
        return next(self._select("SELECT COUNT(*) FROM items"))[0]

    def answered(self) -> dict[tuple[int, int], str]:
        """(position, repeat) -> request key of every response that is not a failure."""
        query = "SELECT position, repeat, key FROM responses WHERE NOT failed"
        return {(position, repeat): key for position, repeat, key in self._select(query)}

    def counts(self) -> tuple[int, int]:
        """Number of answers, and number of failures."""
        query = "SELECT COUNT(*) - TOTAL(failed), TOTAL(failed) FROM responses"
        answers, failures = next(self._select(query))
        return int(answers), int(failures)

    def rows(self) -> Iterator[tuple[int, int, Item, Response]]:
        """(position, repeat, item, response) in plan order, streamed."""
        query = (
            "SELECT r.position, r.repeat, i.body, r.body FROM responses r "
            "JOIN items i ON i.position = r.position ORDER BY r.position, r.repeat"
        )
        for position, repeat, *bodies in self._select(query):
            yield position, repeat, *self._pair(bodies)

    def picked(self, rows: Sequence[int]) -> list[tuple[Item, Response]]:
        """Items and responses at places in the order of `rows`, without reading the others.

        Args:
            rows: Places from 0, in any order.
        """
        keys = list(self._select("SELECT position, repeat FROM responses ORDER BY 1, 2"))
        query = (
            "SELECT i.body, r.body FROM responses r JOIN items i ON i.position = r.position "
            "WHERE r.position = ? AND r.repeat = ?"
        )
        return [self._pair(next(self._select(query, *keys[row]))) for row in rows]

    def _select(self, query: str, *values: object) -> Iterator[tuple]:
        try:
            yield from self._db.execute(query, values)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._unreadable(error) from error

    def _pair(self, bodies: Sequence[bytes]) -> tuple[Item, Response]:
        item, response = bodies
        return self._decoded(_item, item), self._decoded(_response, response)

    def _decoded(self, decode: Callable[[bytes], T], body: bytes) -> T:
        try:
            return decode(body)
        except (ValueError, TypeError, RecursionError) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> BadInput:
        return BadInput(
            f"{self.path}: not a readable run database ({error}); "
            "allowed: the responses.db that a run wrote; try `sqlite3 responses.db .recover`"
        )

    def _unwritten(self, error: Exception, kept: str = "nothing was asked") -> ModelmetryError:
        return ModelmetryError(f"{self.path}: cannot be written ({error}); {kept}")
