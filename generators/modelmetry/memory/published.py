"""Editions as whoever downloads them has them: the texts of their Parquet files, checked and in order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from modelmetry.errors import BadInput
from modelmetry.items import Generator, load
from modelmetry.spaces import Strata

MANIFEST = "edition.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of an edition: a problem under one wording.

    Attributes:
        task: The task's name.
        split: The split's name.
        wording: The prompt's name.
        problem: The problem's uid.
        index: The problem's place in its split's stream.
        cluster: Name of the unit that was drawn independently, such as a scene.
        text: What a model is shown, a space and the canonical right answer.
    """

    task: str
    split: str
    wording: str
    problem: str
    index: int
    cluster: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """An edition that was read and found unchanged.

    Attributes:
        folder: Where it lies.
        suite: The suite's name.
        version: The suite's version.
        edition: The edition's name.
        canary: Its canary; empty where it was made before there was one.
        rows: Its rows, file by file in the files' order.
        tasks: Task name -> what the manifest says of it.
    """

    folder: Path
    suite: str
    version: int
    edition: str
    canary: str
    rows: tuple[Row, ...]
    tasks: Mapping[str, Mapping[str, Any]]

    @property
    def guid(self) -> str:
        """The canary's identifier; empty without one."""
        return self.canary.rpartition(" ")[2]


def read_published(folder: str) -> Published:
    """Read an edition's texts.

    Raises:
        BadInput: There is no edition, or a byte of it was changed.
    """
    path = Path(folder)
    try:
        manifest = (path / MANIFEST).read_bytes()
        raw = msgspec.json.decode(manifest)
        # Other folders hold the same rows once more, with pictures as data URIs.
        rows = [name for name in raw["files"] if name.startswith("data/")]
        names = tuple(sorted(name for name in rows if name.endswith(".parquet")))
        # Keys keep the order in which they stand, which is that of what was hashed.
        sealed = hashlib.sha256(msgspec.json.encode({**raw, "digest": ""})).hexdigest()
        whole = sealed == raw["digest"]
        marks = tuple((path / name).stat().st_mtime_ns for name in names)
    except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
        raise BadInput(
            f"{path}: no edition can be read ({type(error).__name__}: {error}); allowed: a folder made by "
            "`modelmetry generate`"
        ) from error
    if not whole:
        raise _changed(path / MANIFEST)
    return _read(path, manifest, names, marks)


@lru_cache(maxsize=4)
def _read(path: Path, manifest: bytes, names: tuple[str, ...], _: tuple[int, ...]) -> Published:
    raw = msgspec.json.decode(manifest)
    rows: list[Row] = []
    for name in names:
        file = path / name
        with file.open("rb") as opened:
            if hashlib.file_digest(opened, "sha256").hexdigest() != raw["files"][name]:
                raise _changed(file)
        rows += _rows(file)
    suite = raw["suite"]
    return Published(
        folder=path,
        suite=suite["name"],
        version=suite["version"],
        edition=raw["edition"],
        canary=raw.get("canary", ""),
        rows=tuple(rows),
        tasks={task["name"]: task for task in suite["tasks"]},
    )


def _changed(file: Path) -> BadInput:
    return BadInput(f"{file}: was changed; allowed: an edition exactly as it was generated")


class _Problem(msgspec.Struct):
    index: int


class _Item(msgspec.Struct):
    problem: _Problem


_item = msgspec.json.Decoder(_Item).decode
_COLUMNS = ("uid", "problem", "split", "wording", "cluster", "prompt", "answer", "item")


def _rows(file: Path) -> Iterator[Row]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as opened:
        for batch in opened.iter_batches(4096, columns=list(_COLUMNS)):
            columns = batch.to_pydict()
            cells = zip(*(columns[name] for name in _COLUMNS), strict=True)
            for uid, problem, split, wording, cluster, prompt, answer, item in cells:
                yield Row(
                    task=uid.partition("/")[0],
                    split=split,
                    wording=wording,
                    problem=problem,
                    index=_item(item).problem.index,
                    cluster=cluster,
                    text=f"{prompt} {answer}",
                )


def strata(edition: Published, task: str, split: str) -> Strata | None:
    """The strata that took turns in a split; None where the generator is not the one that made it.

    None as well where points were not drawn alone, but crossed with others.

    Args:
        edition: The edition.
        task: The task's name.
        split: The split's name.
    """
    stated = edition.tasks[task]
    options = msgspec.json.encode(stated["options"], order="sorted")
    generator = _generator(stated["generator"], options, stated["fingerprint"])
    found = generator.stratification(split) if generator is not None else None
    return found if type(found) is Strata else None


@lru_cache(maxsize=16)
def _generator(name: str, options: bytes, fingerprint: str) -> Generator | None:
    """The installed generator with these options; None where it gives other problems than it did."""
    try:
        kind = load("generators", name)
        hints = get_type_hints(kind)
        given = msgspec.json.decode(options)
        made = kind(**{key: msgspec.convert(value, hints[key]) for key, value in given.items()})
    except (BadInput, LookupError, TypeError, msgspec.ValidationError):
        return None
    return made if made.fingerprint() == fingerprint else None
