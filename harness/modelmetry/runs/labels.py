"""Labels by people: a blind random sample of a run's replies, and what they made of it, read back."""

from __future__ import annotations

import csv
import io
import random
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import msgspec

from modelmetry.errors import BadInput, offered
from modelmetry.items import content_hash, digest
from modelmetry.items.whole import write_whole
from modelmetry.personas.verdicts import VERDICTS, Verdict
from modelmetry.runs import folder as folders
from modelmetry.runs.cells import defused, restored
from modelmetry.scoring.judging import read_reply, shown

FOLDER = "labels"
LABELS = "labels.csv"
COLUMNS = ("id", "request", "reply", "label", "note")

Place = tuple[int, int]
"""Position of an item and number of the repeat: names a reply of a run."""

_KEPT = ("position", "repeat", "rater", "label", "note")
_LONGEST_CELL = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The key file of a sample: which replies stand behind its ids.

    Attributes:
        run: Id of the run.
        seed: Of the draw.
        n: Replies that were asked for.
        key: Secret that the ids are hashed with.
        drawn: The replies, in the order of the rows.
    """

    run: str
    seed: int
    n: int
    key: str
    drawn: tuple[Place, ...]

    def ids(self) -> list[str]:
        """The ids of the rows, which say nothing without the key."""
        # A letter first: spreadsheets take "12e4" for a number.
        return [f"r{content_hash([self.key, *place])[:12]}" for place in self.drawn]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One label by one person.

    Attributes:
        place: The reply.
        rater: Who.
        label: The class.
        note: What the person remarked.
    """

    place: Place
    rater: str
    label: Verdict
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What was in files that people filled in.

    Attributes:
        labels: The valid labels.
        unlabelled: Rows without one, wrong ones included.
        complaints: What is wrong, one line each with file and row.
    """

    labels: tuple[Label, ...]
    unlabelled: int
    complaints: tuple[str, ...]


def draw(folder: Path, *, n: int, seed: int, out: Path | None = None) -> tuple[Path, int]:
    """Write a blind random sample of a run's replies for people to label.

    Every reply with a text has the same chance. A row shows request and reply: no group, no model, no
    verdict. The key to the ids stays in the run's folder, under the file's name.

    Args:
        folder: The run.
        n: How many replies; all of them where there are fewer.
        seed: Seed of the draw.
        out: The CSV file; by default `labels/sample-<seed>.csv` in the run's folder.

    Returns:
        The file, and how many replies are in it.

    Raises:
        BadInput: A file of that name exists, or the run has nothing to label.
    """
    if n < 1:
        raise BadInput(f"n: {n}; allowed: from 1")
    record = folders.read_record(folder)
    path = out or folder / FOLDER / f"sample-{seed}.csv"
    key_path = folder / FOLDER / f"{path.stem}.json"
    if path.exists() or path.stem == Path(LABELS).stem:
        raise BadInput(f"{path}: is taken, perhaps with labels in it; allowed: another --out")
    with folders.open_store(folder) as store:
        rows: dict[Place, int] = {}
        for row, (position, repeat, _, response) in enumerate(store.rows()):
            if read_reply(response)[0]:
                rows[position, repeat] = row
        if not rows:
            raise BadInput(
                f"{folder}: no reply that people could label; allowed: runs with replies"
            )
        if key_path.is_file():
            sample = _sample(key_path)
            if (sample.run, sample.seed, sample.n) != (record.id, seed, n):
                raise BadInput(f"{key_path}: is the key of another sample; allowed: another --out")
        else:
            rng = random.Random(digest("labels", record.id, seed))
            drawn = tuple(rng.sample(list(rows), min(n, len(rows))))
            sample = Sample(run=record.id, seed=seed, n=n, key=secrets.token_hex(16), drawn=drawn)
        seen = [shown(*pair) for pair in store.picked([rows[place] for place in sample.drawn])]
    # The key first: a file of ids that nothing resolves would be work lost.
    write_whole(key_path, msgspec.json.encode(sample))
    pairs = zip(sample.ids(), seen, strict=True)
    write_whole(
        path, table(COLUMNS, ((uid, each.request, each.reply, "", "") for uid, each in pairs))
    )
    return path, len(seen)


def _sample(path: Path) -> Sample:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Sample)
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{path}: cannot be read: {error}") from error


def receive(folder: Path, files: Sequence[Path]) -> Received:
    """Read files that people filled in and add their labels to those that the run has.

    A rater's newer label of a reply replaces the older one.

    Args:
        folder: The run.
        files: CSV files with the columns `id` and `label`; a column `rater` says who, else each file is
            one rater's.

    Returns:
        What was in these files.

    Raises:
        BadInput: A file cannot be read, or there is no valid label in any.
    """
    record = folders.read_record(folder)
    ids: dict[str, Place] = {}
    for path in sorted((folder / FOLDER).glob("*.json")):
        sample = _sample(path)
        if sample.run == record.id:
            ids.update(zip(sample.ids(), sample.drawn, strict=True))
    if not ids:
        raise BadInput(f"{folder}: no sample was drawn; allowed: `modelmetry label {folder}` first")
    reader = _Reader(ids)
    names = _names(files)
    for path in files:
        reader.read(path, names[path])
    received = reader.received()
    if not received.labels:
        complaint = received.complaints[0] if received.complaints else f"{files[0]}: no rows"
        raise BadInput(f"no label in {len(files)} file(s): {complaint}")
    kept = {(label.place, label.rater): label for label in stored(folder)}
    kept.update({(label.place, label.rater): label for label in received.labels})
    rows = (
        (*map(str, each.place), each.rater, each.label, each.note)
        for each in sorted(kept.values(), key=lambda each: (each.place, each.rater))
    )
    write_whole(folder / FOLDER / LABELS, table(_KEPT, rows))
    return received


class _Reader:
    """Labels as they are found, each checked."""

    def __init__(self, ids: Mapping[str, Place]) -> None:
        self._ids = ids
        self._labels: dict[tuple[Place, str], Label | None] = {}
        self._unlabelled = 0
        self._complaints: list[str] = []

    def read(self, path: Path, name: str) -> None:
        """Take in a file; `name` is its rater where no column says who."""
        rows = parsed(path)
        columns = {column.strip().lower(): i for i, column in enumerate(next(rows, []))}
        for needed in ("id", "label"):
            if needed not in columns:
                raise BadInput(f"{path}: no column {needed!r}; allowed: {', '.join(COLUMNS)}")
        empty = 0
        for number, row in enumerate(rows, start=2):
            cells = {column: row[i] for column, i in columns.items() if i < len(row)}
            if not any(cell.strip() for cell in row):
                continue
            where = f"{path}: row {number}"
            uid, said = cells.get("id", "").strip(), cells.get("label", "").strip().lower()
            if not said:
                empty += 1
                self._unlabelled += 1
            elif uid not in self._ids:
                self._complain(f"{where}: unknown id {uid[:40]!r}; allowed: those of a sample")
            elif said not in VERDICTS:
                self._complain(f"{where}: label {said[:40]!r}{offered(said[:40], VERDICTS)}")
            else:
                rater = cells.get("rater", "").strip() or name
                note = cells.get("note", "")
                verdict = cast("Verdict", said)
                self._add(where, Label(place=self._ids[uid], rater=rater, label=verdict, note=note))
        if empty:
            self._complaints.append(f"{path}: {empty} rows without a label")

    def _add(self, where: str, label: Label) -> None:
        key = label.place, label.rater
        if key not in self._labels:
            self._labels[key] = label
            return
        before = self._labels[key]
        same = before is not None and before.label == label.label
        self._complain(
            f"{where}: {label.rater} labels this reply twice; "
            f"{'counted once' if same else 'none counts, as they differ'}"
        )
        if not same:
            self._labels[key] = None

    def _complain(self, line: str) -> None:
        self._unlabelled += 1
        self._complaints.append(line)

    def received(self) -> Received:
        """Everything that was taken in."""
        labels = tuple(label for label in self._labels.values() if label is not None)
        lost = len(self._labels) - len(labels)
        return Received(
            labels=labels,
            unlabelled=self._unlabelled + lost,
            complaints=tuple(self._complaints),
        )


def stored(folder: Path) -> list[Label]:
    """The labels that a run has, by reply and rater; none where nobody gave any.

    Raises:
        BadInput: The file cannot be read.
    """
    path = folder / FOLDER / LABELS
    if not path.is_file():
        return []
    rows = list(parsed(path))
    try:
        return [
            Label(place=(int(position), int(repeat)), rater=rater, label=_verdict(label), note=note)
            for position, repeat, rater, label, note in rows[1:]
        ]
    except ValueError as error:
        raise BadInput(f"{path}: cannot be read: {error}") from error


def majority(labels: Iterable[Label]) -> tuple[dict[Place, Verdict], int]:
    """The class that most raters gave each reply, and how many replies are left out as tied."""
    votes: dict[Place, Counter[Verdict]] = {}
    for label in labels:
        votes.setdefault(label.place, Counter())[label.label] += 1
    found: dict[Place, Verdict] = {}
    for place, counted in votes.items():
        (first, most), *others = counted.most_common(2)
        if not others or others[0][1] < most:
            found[place] = first
    return found, len(votes) - len(found)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A CSV file that spreadsheets open as UTF-8 and in which no cell is a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([defused(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig", "surrogatepass")


def parsed(path: Path) -> Iterator[list[str]]:
    """The rows of a CSV file, its header first, cells as they were before `table`.

    Commas, semicolons or tabs may stand between cells, as spreadsheets write all three.

    Raises:
        BadInput: The file cannot be read.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig", "surrogatepass")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 ({error.reason}); allowed: CSV in UTF-8") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror or error}") from error
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise BadInput(f"{path}: not a CSV file ({error})") from error
    finally:
        csv.field_size_limit(before)
    return ([restored(cell) for cell in row] for row in rows)


def _verdict(text: str) -> Verdict:
    if text not in VERDICTS:
        raise ValueError(f"label {text!r}")
    return cast("Verdict", text)


def _names(files: Sequence[Path]) -> dict[Path, str]:
    """The rater whom each file stands for: its name, or all of its path where names are alike."""
    stems = Counter(path.stem for path in set(files))
    return {path: path.stem if stems[path.stem] == 1 else str(path) for path in files}
