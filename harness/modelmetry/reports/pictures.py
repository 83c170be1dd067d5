"""Pictures on a page: a few of them as data URIs, by what stands for them in texts."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from modelmetry.items import Item, Painters, Part
from modelmetry.reports.samples import Sample

MOST_PICTURES = 60
"""Most pictures that a report holds: some 3 MB."""

MOST_PREVIEWED = 200
"""Most pictures that a preview holds."""


def embedded_pictures(samples: Sequence[Sample], most: int = MOST_PICTURES) -> str:
    """Pictures of samples as JSON that is safe inside an HTML script element; `{}` for none.

    Each sample's last picture, which is that of its question, goes before those of its examples;
    of too many, as many as may be are taken at even steps. Files that are gone are left out.

    Args:
        samples: The samples shown.
        most: Most pictures.

    Returns:
        What stands for a picture -> data URI.
    """
    files: dict[str, Path] = {}
    asked = [dict([*sample.pictures.items()][-1:]) for sample in samples]
    for group in (asked, [sample.pictures for sample in samples]):
        new = {name: path for part in group for name, path in part.items() if name not in files}
        files |= dict(_evenly(list(new.items()), most - len(files)))
    found: dict[str, str] = {}
    for name, path in files.items():
        with contextlib.suppress(OSError):
            found[name] = data_uri(path.read_bytes())
    return json.dumps(found, separators=(",", ":")).replace("<", "\\u003c")


def _evenly(files: Sequence[tuple[str, Path]], most: int) -> Iterable[tuple[str, Path]]:
    if len(files) <= most:
        return files
    return [files[n * len(files) // most] for n in range(most)]


def data_uri(png: bytes) -> str:
    """A PNG as a data URI."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def painted(items: Sequence[Item], most: int = MOST_PREVIEWED) -> Mapping[str, str]:
    """The first pictures of items, painted now: address -> data URI.

    Raises:
        BadInput: A painter is missing.
    """
    pictures = {picture.address: picture for item in items for picture in item.pictures}
    chosen = dict([*pictures.items()][:most])
    if not chosen:
        return {}
    with Painters() as painters:
        return dict(zip(chosen, map(data_uri, painters.in_order(chosen.values())), strict=True))


def pieces(parts: Iterable[Part], uris: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Parts as (text, data URI); the URI is empty for a text, and for a picture that is not there."""
    return tuple(
        (part.text, uris.get(part.image.address, "") if part.image else "") for part in parts
    )
