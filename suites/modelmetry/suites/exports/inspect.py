"""Exports for Inspect: a task file that `inspect eval` runs as it is, samples, pictures and scorers."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelmetry.items import Item, Message, is_model_turn
from modelmetry.items.conversation import reply_number
from modelmetry.suites.editions.tables import Painted
from modelmetry.suites.exports.asking import (
    Asked,
    identifier,
    rendered,
    sections,
    target,
    write_by,
)
from modelmetry.suites.exports.fine_tuning import Examples
from modelmetry.suites.exports.folder import Exported, write_pictures
from modelmetry.suites.exports.scorers import write_scorers
from modelmetry.suites.suite import Prompt


def unfit(prompt: Prompt) -> str:
    """Why Inspect cannot ask a wording; empty where it can."""
    return "" if prompt.format == "chat" else "is a completion, and Inspect asks chats"


def write(folder: Path, asked: Asked, examples: Examples, *, inline: bool) -> Exported:
    """Write `<suite>_tasks.py`, one file of samples per split, pictures, scorers and a README.

    The file is not `<suite>.py`, as Inspect puts its folder first on the path of imports, where
    `calendar.py` would stand before the standard library's.

    Args:
        folder: Where to; there already.
        asked: What is asked.
        examples: Its items with their pictures.
        inline: Whether pictures are data URIs in the samples, and no files.
    """
    suite = asked.suite
    stops = {(t.name, p.name): p.stop for t in suite.tasks for p in t.prompts}
    scorers = {task.name: task.scorer for task in suite.tasks}
    names = {(task.name, split): identifier(label) for task, split, label in sections(suite)}

    def lines() -> Iterator[tuple[str, dict[str, Any]]]:
        for item, pictures in examples:
            sample = _sample(asked, item, _shown(folder, pictures, inline=inline), pictures)
            extra = {
                "scorer": scorers[item.task],
                "stop": list(stops[item.task, item.wording]),
            }
            sample["metadata"] |= extra
            yield names[item.task, item.problem.split], sample

    package = write_scorers(folder, scorers.values())
    counts: Counter[str] = Counter()
    count = write_by(folder, lines(), lambda name: counts.update([name]))
    tasks = [
        {
            "name": identifier(suite.name, label),
            "file": f"{names[task.name, split]}.jsonl",
            "label": label,
            "count": counts[names[task.name, split]],
        }
        for task, split, label in sections(suite)
    ]
    path = folder / f"{identifier(suite.name)}_tasks.py"
    values = {**asked.about(), "file": path.name, "package": package, "tasks": tasks}
    path.write_text(rendered("inspect.py", **values), encoding="utf-8")
    (folder / "README.md").write_text(rendered("inspect.md", **values), encoding="utf-8")
    return Exported(count=count, names=(path.name,))


def _sample(asked: Asked, item: Item, shown: dict[str, str], pictures: Painted) -> dict[str, Any]:
    """One sample: messages up to the model's first turn, and the rest of the script beside."""
    turns = item.messages
    first = next((i for i, turn in enumerate(turns) if is_model_turn(turn)), len(turns))
    # Inspect finds files of `input` alone, beside the samples.
    within = {address: _data_uri(png) for address, png in pictures}
    right = item.problem.target
    sample: dict[str, Any] = {
        "id": item.uid,
        "input": [{"role": t.role, "content": _content(t, shown)} for t in turns[:first]],
        "target": list(right.answers),
        "metadata": {
            **asked.facts(item),
            "factors": item.problem.factors,
            "target": target(item),
            "script": [_parts(t, within) for t in turns[first:] if not is_model_turn(t)],
        },
    }
    return sample | ({"choices": list(right.choices)} if right.choices else {})


def _shown(folder: Path, pictures: Painted, *, inline: bool) -> dict[str, str]:
    """Where each picture is found, by address."""
    if inline:
        return {address: _data_uri(png) for address, png in pictures}
    paths = write_pictures(folder, pictures)
    return {address: path for (address, _), path in zip(pictures, paths, strict=True)}


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _content(turn: Message, shown: dict[str, str]) -> str | list[dict[str, Any]]:
    return _parts(turn, shown) if any(part.image for part in turn.parts) else turn.text


def _parts(turn: Message, shown: dict[str, str]) -> list[dict[str, Any]]:
    """A turn's parts as Inspect has them; `reply` quotes what the model said."""
    parts: list[dict[str, Any]] = []
    for part in turn.parts:
        if part.image is not None:
            parts.append({"type": "image", "image": shown[part.image.address]})
        elif part.kind == "reply":
            parts.append({"type": "reply", "number": reply_number(part)})
        else:
            parts.append({"type": "text", "text": part.text})
    return parts
