"""Editions: a suite's items under one seed, written as Parquet with checksums, and read back."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from modelmetry.errors import BadInput, cannot_write
from modelmetry.items import Item, Seed, content_hash
from modelmetry.suites.card import card, split_file
from modelmetry.suites.render import edition as edition_name
from modelmetry.suites.render import items
from modelmetry.suites.suite import Suite

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST = "edition.json"
_BATCH = 4096
_encode = msgspec.json.Encoder(order="deterministic").encode
_item = msgspec.json.Decoder(Item).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an edition is and what its files must hash to.

    Attributes:
        edition: Names the exact test set.
        suite: The suite as it was when the edition was made.
        seed: Root seed.
        limit: Most problems per split, or None.
        item_count: Number of items in all files.
        files: Relative path -> SHA-256 (hex) of every other file.
        digest: SHA-256 (hex) of all of the above.
        format: Version of the folder's layout.
    """

    edition: str
    suite: Suite
    seed: int
    limit: int | None
    item_count: int
    files: Mapping[str, str]
    digest: str = ""
    format: Literal[1] = 1

    def sealed(self) -> Manifest:
        """The manifest with its own digest."""
        return replace(self, digest=content_hash(replace(self, digest="")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """A checked edition on disk.

    Attributes:
        folder: Where it lies.
        manifest: Its manifest.
    """

    folder: Path
    manifest: Manifest

    def items(self) -> Iterator[Item]:
        """Every item, in the order in which a run asks them."""
        paths = [self.folder / name for name in self.manifest.files if name.endswith(".parquet")]
        for _, body in heapq.merge(*map(_bodies, sorted(paths)), key=lambda row: row[0]):
            yield _item(body)


def is_edition(path: Path) -> bool:
    """Whether the folder is that of an edition."""
    return (path / MANIFEST).is_file()


def write(
    out: Path,
    suite: Suite,
    seed: Seed,
    *,
    limit: int | None = None,
    certificate: bytes | None = None,
) -> Edition:
    """Write an edition into `out/<suite>-<edition>`; the same call writes the same bytes.

    Args:
        out: Parent folder; made if missing.
        suite: What to ask.
        seed: Root of all randomness.
        limit: Most problems per split.
        certificate: JSON text of the suite's certificate, stored beside the data.

    Raises:
        BadInput: The folder exists already.
        ModelmetryError: Writing failed.
    """
    name = edition_name(suite, seed, limit)
    folder = out / f"{suite.name}-{name}"
    if folder.exists():
        raise BadInput(f"{folder}: exists already; allowed: a new --out folder, or delete it")
    try:
        folder.mkdir(parents=True)
        count = _write_tables(folder, suite, seed, limit)
        (folder / "README.md").write_text(card(suite, seed, name, count), encoding="utf-8")
        if certificate is not None:
            (folder / "certificate.json").write_bytes(certificate)
        manifest = Manifest(
            edition=name,
            # Where the file lay is no part of an edition, and differs between machines.
            suite=replace(suite, source=""),
            seed=seed.root,
            limit=limit,
            item_count=count,
            files={
                str(path.relative_to(folder).as_posix()): _sha256(path) for path in _all(folder)
            },
        ).sealed()
        text = msgspec.json.format(_encode(manifest), indent=2)
        (folder / MANIFEST).write_bytes(text + b"\n")
    except OSError as error:
        raise cannot_write(folder, error) from error
    return Edition(folder=folder, manifest=manifest)


def read_edition(folder: Path) -> Edition:
    """Open an edition and check every byte of it; files that it does not name are left alone.

    Raises:
        BadInput: A file is missing or does not hash to what the manifest says.
    """
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{path}: cannot be read: {error}") from error
    if manifest.sealed().digest != manifest.digest:
        raise BadInput(f"{path}: was changed; allowed: an edition exactly as it was generated")
    for name, expected in manifest.files.items():
        file = folder / name
        if not file.is_file():
            raise BadInput(f"{file}: is missing; allowed: an edition exactly as it was generated")
        if _sha256(file) != expected:
            raise BadInput(f"{file}: was changed; allowed: an edition exactly as it was generated")
    return Edition(folder=folder, manifest=manifest)


def _all(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_tables(folder: Path, suite: Suite, seed: Seed, limit: int | None) -> int:
    """Stream the items into one Parquet file per task and split; returns how many."""
    import pyarrow.parquet as pq

    schema = _schema()
    writers: dict[tuple[str, str], pq.ParquetWriter] = {}
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    count = 0

    def flush(key: tuple[str, str]) -> None:
        import pyarrow as pa

        writers[key].write_table(pa.Table.from_pylist(rows[key], schema=schema))
        rows[key] = []

    try:
        for position, item in enumerate(items(suite, seed, limit)):
            key = (item.task, item.problem.split)
            if key not in writers:
                path = folder / split_file(*key)
                path.parent.mkdir(parents=True, exist_ok=True)
                writers[key] = pq.ParquetWriter(path, schema, compression="zstd")
                rows[key] = []
            rows[key].append(_row(position, item))
            count += 1
            if len(rows[key]) == _BATCH:
                flush(key)
        for key in writers:
            flush(key)
    finally:
        for writer in writers.values():
            writer.close()
    return count


def _schema() -> pa.Schema:
    import pyarrow as pa

    turn = pa.struct([("role", pa.string()), ("content", pa.string())])
    return pa.schema(
        [
            ("uid", pa.string()),
            ("problem", pa.string()),
            ("split", pa.string()),
            ("wording", pa.string()),
            ("format", pa.string()),
            ("messages", pa.list_(turn)),
            ("prompt", pa.string()),
            ("answer", pa.string()),
            ("answers", pa.list_(pa.string())),
            ("choices", pa.list_(pa.string())),
            ("factors", pa.string()),
            ("cluster", pa.string()),
            ("chance", pa.float64()),
            ("position", pa.int64()),
            ("item", pa.string()),
        ]
    )


def _row(position: int, item: Item) -> dict[str, Any]:
    problem = item.problem
    return {
        "uid": item.uid,
        "problem": problem.uid,
        "split": problem.split,
        "wording": item.wording,
        "format": item.format,
        "messages": [{"role": turn.role, "content": turn.text} for turn in item.messages],
        "prompt": item.text,
        "answer": problem.target.answers[0],
        "answers": list(problem.target.answers),
        "choices": list(problem.target.choices),
        "factors": _encode(problem.factors).decode(),
        "cluster": problem.cluster,
        "chance": problem.target.chance,
        "position": position,
        "item": _encode(item).decode(),
    }


def _bodies(path: Path) -> Iterator[tuple[int, str]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH, columns=["position", "item"]):
            yield from zip(batch[0].to_pylist(), batch[1].to_pylist(), strict=True)
