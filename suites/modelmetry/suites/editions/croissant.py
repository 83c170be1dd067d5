"""An edition's `croissant.json`: its tables, files and hashes in the Croissant format, version 1.0.

After https://docs.mlcommons.org/croissant/docs/croissant-spec-1.0.html. The Hub makes one of its own
for Parquet files; this one holds without it, and has the hash of every file. It states no date, so that
the same seed gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from modelmetry.suites.editions.card import license_of
from modelmetry.suites.editions.contents import Contents, Table, hub_split
from modelmetry.suites.licenses import LICENSES
from modelmetry.suites.suite import Suite

if TYPE_CHECKING:
    import pyarrow as pa

_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES = {"string": "sc:Text", "double": "sc:Float", "int64": "sc:Integer"}

ABOUT = {
    "uid": "The item: task, problem and wording.",
    "problem": "The problem, which several wordings share.",
    "split": "The split, as the generator calls it.",
    "wording": "The prompt's name.",
    "format": "chat, or completion for one text to be continued.",
    "messages": "The conversation that a model is shown.",
    "prompt": "The conversation as one text.",
    "answer": "The canonical right answer.",
    "answers": "All accepted answers.",
    "choices": "The admitted answers in the order shown, where they are listed.",
    "factors": "Levels of the problem's factors, as JSON.",
    "cluster": "The unit that was drawn independently.",
    "chance": "Probability that a uniform guess is right.",
    "position": "Place in a run, from 0.",
    "item": "The whole item as JSON.",
    "canary": "A sentence with a GUID: leave out of training data whatever holds it.",
    "images": "The pictures shown, in order.",
    "image": "The only picture shown, as a data URI.",
}
"""Column -> what it holds."""


def croissant(
    suite: Suite,
    edition: str,
    contents: Contents,
    *,
    hashes: Mapping[str, str],
    sizes: Mapping[str, int],
) -> bytes:
    """The text of `croissant.json`.

    Args:
        suite: The suite.
        edition: The edition's name.
        contents: What was written.
        hashes: SHA-256 (hex) of every Parquet file, by its path.
        sizes: Bytes of every Parquet file, by its path.
    """
    name = f"{suite.name}-{edition}"
    document = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name,
        "description": suite.question,
        "license": LICENSES[license_of(suite)],
        "creator": {"@type": "Organization", "name": "modelmetry"},
        "keywords": ["benchmark", "synthetic", suite.name],
        "inLanguage": "en",
        "version": f"{suite.version}.0.0",
        "isLiveDataset": False,
        "citeAs": (
            f"@misc{{{name}, title = {{{suite.name}, edition {edition}}}, "
            f"howpublished = {{made by modelmetry from suite {suite.name} version {suite.version}}}}}"
        ),
        "distribution": [
            *(
                _file(path, hashes[path], sizes[path])
                for table in contents.tables
                for path in table.paths
            ),
            *(_files(name, tables) for name, tables in contents.configs.items()),
        ],
        "recordSet": [
            record_set
            for config, tables in contents.configs.items()
            for record_set in (_splits(config, tables), _records(config, tables))
        ],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _file(path: str, digest: str, size: int) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "contentSize": f"{size} B",
        "encodingFormat": "application/x-parquet",
        "sha256": digest,
    }


def _files(config: str, tables: list[Table]) -> dict[str, Any]:
    """The files of a config, which lie beside `croissant.json`: so it is contained in nothing."""
    return {
        "@type": "cr:FileSet",
        "@id": f"{config}/files",
        "name": f"{config}/files",
        "encodingFormat": "application/x-parquet",
        "includes": [path for table in tables for path in table.paths],
    }


def _splits(config: str, tables: list[Table]) -> dict[str, Any]:
    here = f"{config}/splits"
    return {
        "@type": "cr:RecordSet",
        "@id": here,
        "name": here,
        "dataType": "cr:Split",
        "key": {"@id": f"{here}/name"},
        "field": [
            _field(f"{here}/name", "sc:Text", "The split, as the generator calls it."),
            _field(f"{here}/hub_name", "sc:Text", "The split, as `datasets` and the Hub call it."),
        ],
        "data": [
            {f"{here}/name": table.split, f"{here}/hub_name": hub_split(table.split)}
            for table in tables
        ],
    }


def _records(config: str, tables: list[Table]) -> dict[str, Any]:
    schema = tables[0].schema
    return {
        "@type": "cr:RecordSet",
        "@id": config,
        "name": config,
        "description": f"One row per item, splits {', '.join(table.split for table in tables)}.",
        "key": {"@id": f"{config}/uid"},
        "field": list(_fields(config, schema)),
    }


def _fields(config: str, schema: pa.Schema) -> Iterator[dict[str, Any]]:
    """The columns; conversations in parts have no form in the format, and are left out."""
    import pyarrow as pa

    for column in schema:
        name, kind = column.name, column.type
        here = f"{config}/{name}"
        source = {"fileSet": {"@id": f"{config}/files"}, "extract": {"column": name}}
        repeated = pa.types.is_list(kind)
        if repeated and pa.types.is_struct(kind.value_type):
            if name == "images":
                source["transform"] = {"jsonPath": "bytes"}
                shown = _field(here, "sc:ImageObject", ABOUT[name])
                yield {**shown, "repeated": True, "source": source}
            elif name == "messages" and pa.types.is_string(kind.value_type.field("content").type):
                yield {
                    **_field(here, None, ABOUT[name]),
                    "repeated": True,
                    "subField": [
                        {
                            **_field(f"{here}/{part}", "sc:Text", ""),
                            "source": {**source, "transform": {"jsonPath": part}},
                        }
                        for part in ("role", "content")
                    ],
                }
            continue
        data_type = _TYPES[str(kind.value_type if repeated else kind)]
        split = {"references": {"field": {"@id": f"{config}/splits/name"}}}
        yield {
            **_field(here, data_type, ABOUT[name]),
            **({"repeated": True} if repeated else {}),
            "source": source,
            **(split if name == "split" else {}),
        }


def _field(here: str, data_type: str | None, about: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": here,
        "name": here,
        **({"description": about} if about else {}),
        **({"dataType": data_type} if data_type else {}),
    }
