"""Editions: a suite's items under one seed, written as Parquet with checksums, and read back."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from modelmetry.errors import BadInput, cannot_write
from modelmetry.items import Item, Seed, content_hash
from modelmetry.memory.canary import edition_canary
from modelmetry.suites.editions.card import card
from modelmetry.suites.editions.tables import bodies, pictures, write_tables
from modelmetry.suites.render import edition as edition_name
from modelmetry.suites.render import items
from modelmetry.suites.suite import Suite

MANIFEST = "edition.json"
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
        canary: A sentence with a GUID, which stands in the card and in every row, too: a model that can
            go on with it has seen the edition. Unset for editions made before there was one, so that their
            checksums hold.
        digest: SHA-256 (hex) of all of the above.
        format: Version of the folder's layout.
    """

    edition: str
    suite: Suite
    seed: int
    limit: int | None
    item_count: int
    files: Mapping[str, str]
    canary: str | UnsetType = UNSET
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
        for _, body in heapq.merge(*map(bodies, self._tables()), key=lambda row: row[0]):
            yield _item(body)

    def pictures(self) -> Iterator[tuple[str, bytes]]:
        """(address, PNG bytes) of every picture in it; of one in several rows, several times."""
        for path in self._tables():
            yield from pictures(path)

    def _tables(self) -> list[Path]:
        names = sorted(name for name in self.manifest.files if name.endswith(".parquet"))
        return [self.folder / name for name in names]


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
    processes: int | None = None,
) -> Edition:
    """Write an edition into `out/<suite>-<edition>`; the same call writes the same bytes.

    Args:
        out: Parent folder; made if missing.
        suite: What to ask.
        seed: Root of all randomness.
        limit: Most problems per split.
        certificate: JSON text of the suite's certificate, stored beside the data.
        processes: How many paint pictures; None for one per processor core.

    Raises:
        BadInput: The folder exists already.
        ModelmetryError: Writing failed.
    """
    name = edition_name(suite, seed, limit)
    canary = edition_canary(suite.name, suite.version, name)
    folder = out / f"{suite.name}-{name}"
    if folder.exists():
        raise BadInput(f"{folder}: exists already; allowed: a new --out folder, or delete it")
    try:
        folder.mkdir(parents=True)
        count = write_tables(folder, suite, items(suite, seed, limit), canary, processes)
        text = card(suite, seed, name, count, canary)
        (folder / "README.md").write_text(text, encoding="utf-8")
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
            canary=canary,
        ).sealed()
        (folder / MANIFEST).write_bytes(msgspec.json.format(_encode(manifest), indent=2) + b"\n")
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
