"""The dataset card of an edition: what the Hub and `datasets` need, and what a reader asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from modelmetry.items import Seed
from modelmetry.suites.reader import generator_of
from modelmetry.suites.suite import Suite

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (10**6, "100K<n<1M"))


def card(suite: Suite, seed: Seed, edition: str, count: int, canary: str) -> str:
    """The card's Markdown, with the YAML block that `datasets.load_dataset` reads.

    Args:
        suite: The suite.
        seed: The edition's seed.
        edition: The edition's name.
        count: Number of items.
        canary: The sentence that stands in every row.
    """
    head: dict[str, Any] = {
        "pretty_name": f"{suite.name} ({edition})",
        "annotations_creators": ["machine-generated"],
        "language": ["en"],
        "size_categories": [next((name for most, name in _SIZES if count < most), "1M<n<10M")],
        "source_datasets": ["original"],
        "task_categories": ["question-answering"],
        "tags": ["modelmetry", "procedurally-generated"],
        "configs": [
            {
                "config_name": task.name,
                "data_files": [
                    {
                        "split": split.replace("-", "_"),
                        "path": split_file(task.name, split, "-*" if task.painters else ""),
                    }
                    for split in task.splits
                ],
            }
            for task in suite.tasks
        ],
    }
    front = yaml.safe_dump(head, sort_keys=False, allow_unicode=True)
    body = _body(suite, seed, count, canary)
    return f"---\n{front}---\n\n# {suite.name}, edition {edition}\n\n{body}"


def split_file(task: str, split: str, number: str = "") -> str:
    """Relative path of a split's Parquet file; hyphens are not allowed in Hub split names.

    Args:
        task: The task's name.
        split: The split's name.
        number: Where a split has several files: a hyphen and the number, or a pattern of it.
    """
    return f"data/{task}/{split.replace('-', '_')}{number}.parquet"


def _painted(painters: Mapping[str, int]) -> str:
    if not painters:
        return ""
    return (
        f" Pictures by {' and '.join(f'`{p}` version {n}' for p, n in painters.items())}, in the "
        "column `images`, in "
        "order; in a prompt `[picture ...]` with the beginning of its address stands for each. A "
        "picture that several rows show is in each of them; files store it once per row group."
    )


def _body(suite: Suite, seed: Seed, count: int, canary: str) -> str:
    lines = [
        suite.question,
        "",
        canary,
        "",
        (
            f"{count} items, made by modelmetry from suite `{suite.name}` version {suite.version} "
            f"with seed {seed.root}; `edition.json` holds a checksum of every file."
        ),
        "",
    ]
    for task in suite.tasks:
        generator = generator_of(task)
        lines += [
            f"## {task.name}",
            "",
            (
                f"Generator `{task.generator}` version {generator.version}, "
                f"fingerprint `{task.fingerprint}`; scorer `{task.scorer}`."
                + _painted(task.painters)
            ),
            "",
            "| split | problems | meaning |",
            "|---|---|---|",
            *(f"| {name} | {n} | {generator.splits[name]} |" for name, n in task.splits.items()),
            "",
        ]
    lines += [
        (
            "Each row is one item: a problem under one wording. `prompt` is what a model reads, "
            "`answer` the canonical right answer, `answers` all accepted texts, `choices` the admitted "
            "ones where they are listed, `chance` the probability that a uniform guess is right, "
            "`factors` the levels of the problem's factors, `item` the whole item as JSON, and `canary` the "
            "sentence above: leave out of training data whatever holds it, and keep it where you copy rows. "
            "Whether a model has seen this edition all the same is asked with "
            "`modelmetry run contamination -T edition=FOLDER`."
        ),
        "",
    ]
    return "\n".join(lines)
