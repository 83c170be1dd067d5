"""The Parquet files of an edition: one row per item, streamed, with its pictures where it has any."""

from __future__ import annotations

import base64
import json
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelmetry.items import Item, Message, Painters, as_text
from modelmetry.suites.editions.contents import Contents, Table, Traits, split_file
from modelmetry.suites.suite import Suite

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 4096
"""Rows of a row group at most."""

BUFFERED = 32 * 2**20
"""Bytes of pictures that wait to be written, all files together."""

_SHARD = 256 * 2**20
"""Bytes after which a file with pictures is closed and the next one begun."""

_AT_HAND = 2048
"""Painted pictures that are kept in case another item shows them too: some 60 MB."""

_encode = msgspec.json.Encoder(order="deterministic").encode

Painted = tuple[tuple[str, bytes], ...]
"""The (address, PNG bytes) of an item's pictures, in order."""


def write_tables(
    folder: Path,
    suite: Suite,
    items: Iterable[Item],
    canary: str,
    *,
    data_uri: bool = False,
    processes: int | None = None,
) -> Contents:
    """Stream items into Parquet files, per task and split; returns what was written.

    A task without pictures has one file per split. With pictures there are as many as it takes,
    none much larger than 256 MB, and memory holds some 32 MB of them, however many there are.

    Args:
        folder: The edition's folder.
        suite: The suite.
        items: Its items, in order.
        canary: The sentence that every row holds; within a row group it is stored once.
        data_uri: Whether tasks with pictures get a second config with the pictures as data URIs.
        processes: How many paint; the bytes do not depend on it.
    """
    seeing = {task.name: bool(task.painters) for task in suite.tasks}
    files: dict[tuple[str, str, bool], Rows] = {}
    contents = Contents(traits={task.name: Traits() for task in suite.tasks})

    def file(task: str, split: str, *, uris: bool = False) -> Rows:
        if (task, split, uris) not in files:
            schema = _uri_schema() if uris else _schema(pictures=seeing[task])
            path = folder / split_file(task, split, uris=uris)
            files[task, split, uris] = Rows(path, schema, pictures=seeing[task])
        return files[task, split, uris]

    with Painters(processes) as painters:
        try:
            for item, pictures in with_pictures(items, painters):
                key = (item.task, item.problem.split)
                row = {**_row(contents.count, item), "canary": canary}
                file(*key).add(row, pictures)
                if data_uri and seeing[item.task]:
                    file(*key, uris=True).add(_uri_row(row, item, pictures), pictures)
                contents.traits[item.task].see(item)
                contents.count += 1
                if sum(each.buffered for each in files.values()) > BUFFERED:
                    max(files.values(), key=lambda each: each.buffered).flush()
            for each in files.values():
                each.flush()
        finally:
            for each in files.values():
                each.close()
    contents.tables = [rows.table(folder, *key) for key, rows in files.items()]
    return contents


def with_pictures(items: Iterable[Item], painters: Painters) -> Iterator[tuple[Item, Painted]]:
    """Every item with its pictures, in order; a picture that was just painted is not painted again.

    Args:
        items: The items.
        painters: Who paints; a few items ahead.
    """
    at_hand: OrderedDict[str, Future[bytes]] = OrderedDict()

    def ordered(item: Item) -> tuple[Item, list[tuple[str, Future[bytes]]]]:
        coming = []
        for picture in item.pictures:
            address = picture.address
            if address not in at_hand:
                at_hand[address] = painters.paint(picture)
            at_hand.move_to_end(address)
            coming.append((address, at_hand[address]))
        while len(at_hand) > _AT_HAND:
            at_hand.popitem(last=False)
        return item, coming

    stream = iter(items)
    waiting = deque(map(ordered, islice(stream, 16 * painters.processes)))
    while waiting:
        item, coming = waiting.popleft()
        yield item, tuple((address, future.result()) for address, future in coming)
        waiting.extend(map(ordered, islice(stream, 1)))


class Rows:
    """Rows on their way into one Parquet file, or into numbered ones where they have pictures.

    Args:
        path: The file; before `.parquet` goes the number, where there is one.
        schema: The columns.
        pictures: Whether the rows show pictures.

    Attributes:
        buffered: Bytes of pictures that wait to be written.
    """

    def __init__(self, path: Path, schema: pa.Schema, *, pictures: bool) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._schema, self._pictures = path, schema, pictures
        self._rows: list[dict[str, Any]] = []
        self.buffered = 0
        self._count, self._size = 0, 0
        self._paths: list[Path] = []
        self._open()

    def _open(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self._path
        options: dict[str, Any] = {}
        if self._pictures:
            path = path.with_name(f"{path.stem}-{len(self._paths):05}.parquet")
            # Within a row group a picture is stored once, however many rows show it.
            options = {"dictionary_pagesize_limit": 4 * BUFFERED}
        self._paths.append(path)
        self._sink = pa.OSFile(str(path), "wb")
        self._writer = pq.ParquetWriter(self._sink, self._schema, compression="zstd", **options)

    def add(self, row: dict[str, Any], pictures: Painted) -> None:
        """Take a row; it is written sooner or later."""
        if "images" in self._schema.names:
            row["images"] = [{"bytes": png, "path": f"{name}.png"} for name, png in pictures]
        self._rows.append(row)
        self.buffered += sum(len(png) for _, png in pictures)
        if len(self._rows) == BATCH or self.buffered > BUFFERED:
            self.flush()

    def flush(self) -> None:
        """Write a row group, and begin another file where this one has become large."""
        import pyarrow as pa

        if self._sink.tell() > _SHARD:
            self.close()
            self._open()
        table = pa.Table.from_pylist(self._rows, schema=self._schema)
        self._writer.write_table(table)
        self._count, self._size = self._count + len(self._rows), self._size + table.nbytes
        self._rows, self.buffered = [], 0

    def close(self) -> None:
        """End the file."""
        self._writer.close()
        self._sink.close()

    def table(self, folder: Path, task: str, split: str, uris: bool) -> Table:
        """What was written, once it is closed.

        Args:
            folder: The edition's folder.
            task: The task's name.
            split: The split's name.
            uris: Whether pictures are data URIs.
        """
        return Table(
            task=task,
            split=split,
            uris=uris,
            paths=tuple(path.relative_to(folder).as_posix() for path in self._paths),
            rows=self._count,
            size=self._size,
            schema=self._schema,
        )


def _schema(*, pictures: bool) -> pa.Schema:
    import pyarrow as pa

    turn = pa.struct([("role", pa.string()), ("content", pa.string())])
    schema = pa.schema(
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
            ("canary", pa.string()),
        ]
    )
    return with_images(schema) if pictures else schema


def with_images(schema: pa.Schema) -> pa.Schema:
    """A schema with a column of pictures, which `datasets` decodes by what the metadata says."""
    import pyarrow as pa

    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    features = {"images": {"feature": {"_type": "Image"}, "_type": "Sequence"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return schema.append(pa.field("images", pa.list_(image))).with_metadata(metadata)


def _uri_schema() -> pa.Schema:
    """Columns of the config with data URIs: those that harnesses read, and whole conversations."""
    import pyarrow as pa

    part = pa.struct([("type", pa.string()), ("text", pa.string()), ("image", pa.string())])
    turn = pa.struct([("role", pa.string()), ("content", pa.list_(part))])
    fields = [
        field if field.name != "messages" else field.with_type(pa.list_(turn))
        for field in _schema(pictures=False)
        if field.name != "item"
    ]
    return pa.schema([*fields, pa.field("image", pa.string())])


def _uri_row(row: dict[str, Any], item: Item, pictures: Painted) -> dict[str, Any]:
    """A row with its pictures as data URIs: in the conversation, and in `image` where it is one."""
    uris = {
        address: f"data:image/png;base64,{base64.b64encode(png).decode()}"
        for address, png in pictures
    }
    alone = next(iter(uris.values())) if len(item.pictures) == 1 else None
    return {
        **{name: value for name, value in row.items() if name not in {"item", "images"}},
        "messages": [{"role": turn.role, "content": _parts(turn, uris)} for turn in item.messages],
        "prompt": "\n".join(turn.text.strip() for turn in item.messages),
        "image": alone,
    }


def _parts(turn: Message, uris: Mapping[str, str]) -> list[dict[str, str | None]]:
    return [
        {"type": "text", "text": part.text, "image": None}
        if part.image is None
        else {"type": "image", "text": None, "image": uris[part.image.address]}
        for part in turn.parts
    ]


def _row(position: int, item: Item) -> dict[str, Any]:
    problem = item.problem
    return {
        "uid": item.uid,
        "problem": problem.uid,
        "split": problem.split,
        "wording": item.wording,
        "format": item.format,
        "messages": [{"role": turn.role, "content": as_text(turn.parts)} for turn in item.messages],
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


def bodies(path: Path) -> Iterator[tuple[int, str]]:
    """(position, item as JSON) of every row of a file, in order."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH, columns=["position", "item"]):
            yield from zip(batch[0].to_pylist(), batch[1].to_pylist(), strict=True)


def pictures(path: Path) -> Iterator[tuple[str, bytes]]:
    """(address, PNG bytes) of every picture in a file; of one in several rows, several times."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        if "images" not in file.schema_arrow.names:
            return
        for batch in file.iter_batches(64, columns=["images"]):
            for image in batch[0].flatten():
                yield image["path"].as_py().removesuffix(".png"), image["bytes"].as_py()
