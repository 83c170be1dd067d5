"""Exports for fine-tuning: solved problems in files that trainers read.

`chat` is JSON Lines. With pictures as files it is what LLaMA-Factory and ms-swift read: texts with
`<image>` where a picture is, and the pictures' paths beside them; a `dataset_info.json` introduces
the file to LLaMA-Factory. With pictures inside (`inline`) it is what OpenAI's vision fine-tuning
reads: parts, and data URIs. `datasets` is a folder for `datasets.load_dataset`, in the columns that
TRL's trainers read: `messages` of typed parts, and `images`. `clevr` is for models that read CLEVR's
own files; `clevr_files` writes it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import yaml

from modelmetry.errors import BadInput, cannot_write
from modelmetry.items import Item, Message, Painters, Part, Seed, message
from modelmetry.models import wire
from modelmetry.suites.editions.tables import Painted, Rows, with_images, with_pictures
from modelmetry.suites.reader import generator_of
from modelmetry.suites.render import items
from modelmetry.suites.suite import Suite

if TYPE_CHECKING:
    import pyarrow as pa

MOST = 10_000
"""Problems of a split that the suite does not ask, unless told otherwise."""

_IMAGE = "<image>"
_encode = msgspec.json.Encoder(order="deterministic").encode

Form = Literal["chat", "datasets", "clevr"]


def export(
    out: Path,
    suite: Suite,
    seed: Seed,
    *,
    to: Form,
    split: str = "train",
    limit: int | None = None,
    wordings: Iterable[str] = (),
    inline: bool = False,
    processes: int | None = None,
) -> int:
    """Write solved problems into a new folder, in one step: it is there whole or not at all.

    Args:
        out: The folder; may be there, empty.
        suite: The suite; a task that has the split takes part.
        seed: Root of all randomness.
        to: `chat`, `datasets` or `clevr`.
        split: The split, whether or not the suite asks it.
        limit: Most problems per task; None for the suite's own number, or `MOST`.
        wordings: Only these, as `wording` or `task/wording`; none for all chats. None for `clevr`,
            which has words of its own.
        inline: Whether a chat's pictures are data URIs in it.
        processes: How many paint pictures.

    Returns:
        How many examples were written.

    Raises:
        BadInput: The folder is not empty, there is no such split or wording, or for `clevr` no scene.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput(f"{out}: exists already; allowed: a new --out folder, or an empty one")
    wordings = tuple(wordings)
    if to == "datasets" and inline:
        raise BadInput(
            "export to datasets: its rows hold their pictures; allowed: inline with chat"
        )
    if to == "clevr" and (wordings or inline):
        raise BadInput(
            "export to clevr: it has words and pictures of its own; allowed: no wordings, not inline"
        )
    chosen = _of_split(suite, split, limit)
    if to != "clevr":
        chosen = _in_chats(chosen, wordings)
    with _whole(out) as folder, Painters(processes) as painters:
        if to == "clevr":
            # It reads 90 templates, which other forms need not wait for.
            from modelmetry.suites.exports.clevr_files import write_clevr

            return write_clevr(folder, chosen, seed, split, painters)
        examples = with_pictures(items(chosen, seed), painters)
        if to == "datasets":
            return _write_dataset(folder, chosen, split, examples)
        write = _inline if inline else _beside(folder)
        count = _write_lines(folder / f"{split}.jsonl", (write(*example) for example in examples))
        if not inline:
            _introduce(folder, chosen, split)
        return count


def _of_split(suite: Suite, split: str, limit: int | None) -> Suite:
    """The tasks that have a split, with it alone."""
    tasks = []
    for task in suite.tasks:
        generator = generator_of(task)
        if split in generator.splits:
            count = limit or task.splits.get(split, MOST)
            tasks.append(replace(task, splits={split: min(count, generator.count(split))}))
    if not tasks:
        splits = dict.fromkeys(s for task in suite.tasks for s in generator_of(task).splits)
        raise BadInput(
            f"{suite.name}: nothing to export from split {split!r}; allowed: {', '.join(splits)}"
        )
    return replace(suite, tasks=tuple(tasks))


def _in_chats(suite: Suite, wordings: tuple[str, ...]) -> Suite:
    """The suite with those of these wordings that are chats."""
    known = [f"{t.name}/{p.name}" for t in suite.tasks for p in t.prompts if p.format == "chat"]
    named = {name for label in known for name in (label, label.split("/")[1])}
    if unknown := [name for name in wordings if name not in named]:
        raise BadInput(
            f"{suite.name}: no chat {unknown[0]!r}; allowed: {', '.join(known) or 'none'}"
        )
    if not known:
        raise BadInput(f"{suite.name}: no prompt is a chat; allowed: prompts of format chat")
    tasks = []
    for task in suite.tasks:
        prompts = tuple(
            prompt
            for prompt in task.prompts
            if prompt.format == "chat"
            and (not wordings or {prompt.name, f"{task.name}/{prompt.name}"} & {*wordings})
        )
        for prompt in prompts:
            if prompt.earlier:
                raise BadInput(
                    f"{suite.name}: {task.name}/{prompt.name} leaves turns to the model, so it has no "
                    "solved problem to export; allowed: wordings without `turns`"
                )
        if prompts:
            tasks.append(replace(task, prompts=prompts))
    return replace(suite, tasks=tuple(tasks))


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its place once all is written; what was left is removed."""
    part = out.with_name(f"{out.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        yield part
        part.rename(out)
    except OSError as error:
        raise cannot_write(out, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _solved(item: Item) -> tuple[Message, ...]:
    return (*item.messages, message("assistant", item.problem.target.answers[0]))


def _write_lines(path: Path, lines: Iterable[dict[str, Any]]) -> int:
    count = 0
    with path.open("wb") as file:
        for line in lines:
            file.write(_encode(line) + b"\n")
            count += 1
        file.flush()
        os.fsync(file.fileno())
    return count


def _inline(item: Item, pictures: Painted) -> dict[str, Any]:
    """An example as OpenAI's fine-tuning reads it."""
    shown = dict(pictures)
    return {"messages": [wire.turn(turn, shown) for turn in _solved(item)]}


def _beside(folder: Path) -> Callable[[Item, Painted], dict[str, Any]]:
    """A function that writes an item's pictures as files and names them in the example."""

    def write(item: Item, pictures: Painted) -> dict[str, Any]:
        paths = []
        for address, png in pictures:
            path = folder / "images" / f"{address}.png"
            if not path.exists():
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(png)
            paths.append(f"images/{path.name}")
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
    body = _encode({suite.name: {**info, "tags": tags}})
    (folder / "dataset_info.json").write_bytes(msgspec.json.format(body, indent=2) + b"\n")


def _write_dataset(
    folder: Path, suite: Suite, split: str, examples: Iterable[tuple[Item, Painted]]
) -> int:
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
        "factors": _encode(item.problem.factors).decode(),
        "problem": item.problem.uid,
        "task": item.task,
        "wording": item.wording,
    }


def _typed(part: Part) -> dict[str, str]:
    return {"type": "image"} if part.image else {"type": "text", "text": part.text}
