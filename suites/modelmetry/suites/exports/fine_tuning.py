"""Exports for fine-tuning: solved problems in files that trainers read.

`chat` is JSON Lines. With pictures as files it is what LLaMA-Factory and ms-swift read: texts with
`<image>` where a picture is, and the pictures' paths beside them; a `dataset_info.json` introduces
the file to LLaMA-Factory. With pictures inside (`inline`) it is what OpenAI's vision fine-tuning
reads: parts, and data URIs. `datasets` is a folder for `datasets.load_dataset`, in the columns that
TRL's trainers read: `messages` of typed parts, and `images`. `clevr` is for models that read CLEVR's
own files; `clevr_files` writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from modelmetry.errors import BadInput
from modelmetry.items import Item, Message, Part, message
from modelmetry.models import wire
from modelmetry.suites.editions.tables import Painted, Rows, with_images
from modelmetry.suites.exports.folder import encode, write_lines, write_pictures
from modelmetry.suites.suite import Prompt, Suite

if TYPE_CHECKING:
    import pyarrow as pa

_IMAGE = "<image>"

Examples = Iterable[tuple[Item, Painted]]
"""Items with their pictures."""


def unfit(prompt: Prompt) -> str:
    """Why a wording is no example of a chat; empty where it is."""
    return "" if prompt.format == "chat" else "is a completion"


def check_turns(suite: Suite) -> None:
    """Refuse wordings in which the model speaks before its answer.

    Raises:
        BadInput: There is one.
    """
    for task in suite.tasks:
        for prompt in task.prompts:
            if prompt.earlier:
                raise BadInput(
                    f"{suite.name}: {task.name}/{prompt.name} leaves turns to the model, so it has no "
                    "solved problem to export; allowed: wordings without `turns`"
                )


def write_chats(folder: Path, suite: Suite, split: str, examples: Examples, *, inline: bool) -> int:
    """Write `<split>.jsonl`, and beside it the pictures and what introduces it to LLaMA-Factory.

    Args:
        folder: Where to; there already.
        suite: What takes part.
        split: The split.
        examples: Its items with their pictures.
        inline: Whether pictures are data URIs in the chats, and there is nothing beside them.

    Returns:
        How many examples were written.
    """
    write = _inline if inline else _beside(folder)
    count = write_lines(folder / f"{split}.jsonl", (write(*example) for example in examples))
    if not inline:
        _introduce(folder, suite, split)
    return count


def _solved(item: Item) -> tuple[Message, ...]:
    return (*item.messages, message("assistant", item.problem.target.answers[0]))


def _inline(item: Item, pictures: Painted) -> dict[str, Any]:
    """An example as OpenAI's fine-tuning reads it."""
    shown = dict(pictures)
    return {"messages": [wire.turn(turn, shown) for turn in _solved(item)]}


def _beside(folder: Path) -> Callable[[Item, Painted], dict[str, Any]]:
    """A function that writes an item's pictures as files and names them in the example."""

    def write(item: Item, pictures: Painted) -> dict[str, Any]:
        paths = write_pictures(folder, pictures)
        turns = [{"role": t.role, "content": _tagged(t, item)} for t in _solved(item)]
        return {"messages": turns, "images": paths} if paths else {"messages": turns}

    return write


def _tagged(turn: Message, item: Item) -> str:
    if _IMAGE in turn.text:
        raise BadInput(f"{item.uid}: its text holds {_IMAGE}; allowed: --inline, or --to datasets")
    return "".join(_IMAGE if part.image else part.text for part in turn.parts)


def _introduce(folder: Path, suite: Suite, split: str) -> None:
    """Write what LLaMA-Factory needs to know: `dataset_dir` is the folder, `dataset` the suite."""
    columns = {"messages": "messages"}
    if any(task.painters for task in suite.tasks):
        columns["images"] = "images"
    tags = {f"{role}_tag": role for role in ("role", "content", "user", "assistant", "system")}
    info = {"file_name": f"{split}.jsonl", "formatting": "sharegpt", "columns": columns}
    body = encode({suite.name: {**info, "tags": tags}})
    (folder / "dataset_info.json").write_bytes(msgspec.json.format(body, indent=2) + b"\n")


def write_dataset(folder: Path, suite: Suite, split: str, examples: Examples) -> int:
    """Write `data/*.parquet` and the card by which `datasets.load_dataset` opens the folder.

    Args:
        folder: Where to; there already.
        suite: What takes part.
        split: The split.
        examples: Its items with their pictures.

    Returns:
        How many examples were written.
    """
    name = split.replace("-", "_")
    seeing = any(task.painters for task in suite.tasks)
    path = folder / "data" / f"{name}.parquet"
    count = 0
    rows = Rows(path, _schema(seeing=seeing), pictures=seeing)
    try:
        for item, pictures in examples:
            rows.add(_row(item, seeing=seeing), pictures)
            count += 1
        rows.flush()
    finally:
        rows.close()
    pattern = f"data/{name}{'-*' if seeing else ''}.parquet"
    head = {
        "configs": [{"config_name": "default", "data_files": [{"split": name, "path": pattern}]}]
    }
    front = yaml.safe_dump(head, sort_keys=False)
    title = f"# {suite.name}: split {split}, solved, for fine-tuning"
    (folder / "README.md").write_text(f"---\n{front}---\n\n{title}\n", encoding="utf-8")
    return count


def _schema(*, seeing: bool) -> pa.Schema:
    import pyarrow as pa

    part = pa.struct([("type", pa.string()), ("text", pa.string())])
    turn = pa.struct(
        [("role", pa.string()), ("content", pa.list_(part) if seeing else pa.string())]
    )
    texts = ("question", "answer", "factors", "problem", "task", "wording")
    schema = pa.schema([("messages", pa.list_(turn)), *((name, pa.string()) for name in texts)])
    return with_images(schema) if seeing else schema


def _row(item: Item, *, seeing: bool) -> dict[str, Any]:
    # Not `prompt`: TRL takes a column of that name for the first half of a prompt and completion.
    return {
        "messages": [
            {"role": t.role, "content": list(map(_typed, t.parts)) if seeing else t.text}
            for t in _solved(item)
        ],
        "question": item.text,
        "answer": item.problem.target.answers[0],
        "factors": encode(item.problem.factors).decode(),
        "problem": item.problem.uid,
        "task": item.task,
        "wording": item.wording,
    }


def _typed(part: Part) -> dict[str, str]:
    return {"type": "image"} if part.image else {"type": "text", "text": part.text}
