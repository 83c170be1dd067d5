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

from modelmetry.errors import BadInput
from modelmetry.items import Item, Seed, content_hash
from modelmetry.items.whole import whole_folder
from modelmetry.memory.canary import edition_canary
from modelmetry.suites.editions.card import card
from modelmetry.suites.editions.contents import Contents, is_item_table
from modelmetry.suites.editions.croissant import croissant
from modelmetry.suites.editions.eval_yaml import eval_yaml
from modelmetry.suites.editions.tables import bodies, pictures, write_tables
from modelmetry.suites.render import edition as edition_name
from modelmetry.suites.render import items
from modelmetry.suites.suite import Suite

MANIFEST = "edition.json"
SUMS = "SHA256SUMS"
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
        return [self.folder / name for name in sorted(filter(is_item_table, self.manifest.files))]


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
    data_uri: bool = False,
    processes: int | None = None,
) -> Edition:
    """Write an edition into `out/<suite>-<edition>`; the same call writes the same bytes.

    The folder is there when all of it is written, and not before.

    Args:
        out: Parent folder; made if missing.
        suite: What to ask.
        seed: Root of all randomness.
        limit: Most problems per split.
        certificate: JSON text of the suite's certificate, stored beside the data.
        data_uri: Whether tasks with pictures get a second config, `<task>_data_uri`, with the pictures
            as data URIs: for harnesses that read no others, at up to three times the size.
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
    with whole_folder(folder) as part:
        contents = write_tables(
            part, suite, items(suite, seed, limit), canary, data_uri=data_uri, processes=processes
        )
        hashes = _write_about(part, suite, seed, name, canary, contents, certificate)
        manifest = Manifest(
            edition=name,
            # Where the file lay is no part of an edition, and differs between machines.
            suite=replace(suite, source=""),
            seed=seed.root,
            limit=limit,
            item_count=contents.count,
            files=hashes,
            canary=canary,
        ).sealed()
        (part / MANIFEST).write_bytes(msgspec.json.format(_encode(manifest), indent=2) + b"\n")
    return Edition(folder=folder, manifest=manifest)


def _write_about(
    folder: Path,
    suite: Suite,
    seed: Seed,
    name: str,
    canary: str,
    contents: Contents,
    certificate: bytes | None,
) -> dict[str, str]:
    """Write certificate, card, `croissant.json`, `eval.yaml` and checksums; SHA-256 of every file."""
    hashes = {path: _sha256(folder / path) for table in contents.tables for path in table.paths}
    sizes = {path: (folder / path).stat().st_size for path in hashes}
    tasks = eval_yaml(suite, name, contents)
    text = card(suite, seed, name, canary, contents, sizes=sizes, certificate=certificate)
    about = {
        "README.md": text.encode(),
        "certificate.json": certificate or b"",
        "croissant.json": croissant(suite, name, contents, hashes=hashes, sizes=sizes),
        "eval.yaml": tasks.encode(),
    }
    hashes |= {path: hashlib.sha256(body).hexdigest() for path, body in about.items() if body}
    hashes = dict(sorted(hashes.items()))
    sums = "".join(f"{digest}  {path}\n" for path, digest in hashes.items()).encode()
    for path, body in {**about, SUMS: sums}.items():
        if body:
            (folder / path).write_bytes(body)
    return {SUMS: hashlib.sha256(sums).hexdigest(), **hashes}


def read_edition(folder: Path) -> Edition:
    """Open an edition and check every byte of it; files that it does not name are left alone.

    Raises:
        BadInput: A file is missing or does not hash to what the manifest says.
    """
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise BadInput(
            f"{folder}: not an edition (no {MANIFEST}); allowed: the folder of one (modelmetry generate)"
        ) from error
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


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
