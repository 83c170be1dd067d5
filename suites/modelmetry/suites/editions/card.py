"""The dataset card of an edition: what the Hub and `datasets` need, and what a reader asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import yaml
from msgspec import UnsetType

from modelmetry.items import Seed
from modelmetry.suites.editions.contents import Contents, Table, hub_split
from modelmetry.suites.editions.eval_yaml import left_out, task_id
from modelmetry.suites.editions.words import code, plain
from modelmetry.suites.licenses import DEFAULT, LICENSES
from modelmetry.suites.reader import generator_of
from modelmetry.suites.suite import Suite, Task

if TYPE_CHECKING:
    import pyarrow as pa

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (10**6, "100K<n<1M"))
_CATEGORIES = {
    "choice": "multiple-choice",
    "continuation": "text-generation",
    "continuation-tokens": "text-generation",
    "includes": "text-generation",
    "refusal": "text-generation",
    "refusal-keywords": "text-generation",
}
"""Scorer -> what kind of task the Hub calls it; all else is question answering."""

_REPO = "OWNER/NAME"


class Check(msgspec.Struct):
    """What the card tells of a split's verification; see `analyses.verification.SplitCheck`."""

    split: str
    problems: int
    duplicates: int
    disagreements: int
    chance: float
    constant: Share
    bag_of_words: Share
    marginals: dict[str, float]


class Share(msgspec.Struct):
    """The value of an estimate."""

    value: float


class Certificate(msgspec.Struct):
    """What the card tells of a certificate."""

    splits: list[Check]


def license_of(suite: Suite) -> str:
    """The license of the suite's data, as the Hub calls it."""
    return DEFAULT if isinstance(suite.license, UnsetType) else suite.license


def card(
    suite: Suite,
    seed: Seed,
    edition: str,
    canary: str,
    contents: Contents,
    *,
    sizes: Mapping[str, int],
    certificate: bytes | None = None,
) -> str:
    """The card's Markdown, with the YAML block that `datasets.load_dataset` reads.

    Args:
        suite: The suite.
        seed: The edition's seed.
        edition: The edition's name.
        canary: The sentence that stands in every row.
        contents: What was written.
        sizes: Bytes of every Parquet file, by its path.
        certificate: JSON text of the suite's certificate, if there is one.
    """
    front = yaml.safe_dump(
        metadata(suite, edition, contents, sizes), sort_keys=False, allow_unicode=True, width=100
    )
    parts = [
        f"# {suite.name}, edition {edition}",
        plain(suite.question, 2000),
        canary,  # as it stands in the rows: whoever looks for it finds it
        (
            f"{contents.count:,} items, made by modelmetry from suite `{suite.name}` version "
            f"{suite.version} with seed {seed.root}. No person wrote or labeled them: a generator drew "
            "each problem together with its answer."
        ),
        *_load(contents),
        *_score(suite, contents),
        "## What is in it",
        *(part for task in suite.tasks for part in _task(task, contents)),
        _COLUMNS,
        *(["## How it was checked", *_checked(certificate)] if certificate else []),
        "## Files",
        _FILES,
        "## License",
        (
            f"[{license_of(suite)}]({LICENSES[license_of(suite)]}). Cite the edition by its name, "
            f"`{suite.name}-{edition}`: it names every byte of the items."
        ),
    ]
    return f"---\n{front}---\n\n" + "\n\n".join(parts) + "\n"


def metadata(
    suite: Suite, edition: str, contents: Contents, sizes: Mapping[str, int]
) -> dict[str, Any]:
    """The fields of the card's YAML block.

    Args:
        suite: The suite.
        edition: The edition's name.
        contents: What was written.
        sizes: Bytes of every Parquet file, by its path.
    """
    most = next((name for below, name in _SIZES if contents.count < below), "1M<n<10M")
    tags = ["benchmark", "modelmetry", "synthetic", "procedurally-generated", suite.name]
    return {
        "pretty_name": f"{suite.name} ({edition})",
        "license": license_of(suite),
        "language": ["en"],
        "annotations_creators": ["machine-generated"],
        "language_creators": ["machine-generated"],
        "multilinguality": ["monolingual"],
        "source_datasets": ["original"],
        "size_categories": [most],
        "task_categories": categories(suite),
        "tags": tags,
        "configs": [
            {
                "config_name": name,
                "data_files": [
                    {"split": hub_split(table.split), "path": table.pattern} for table in tables
                ],
            }
            for name, tables in contents.configs.items()
        ],
        "dataset_info": [
            {
                "config_name": name,
                "features": features(tables[0].schema),
                "splits": [
                    {
                        "name": hub_split(table.split),
                        "num_bytes": table.size,
                        "num_examples": table.rows,
                    }
                    for table in tables
                ],
                "download_size": sum(sizes[path] for table in tables for path in table.paths),
                "dataset_size": sum(table.size for table in tables),
            }
            for name, tables in contents.configs.items()
        ],
    }


def categories(suite: Suite) -> list[str]:
    """The Hub's task categories, by what is shown and how answers are read."""
    found = dict.fromkeys(
        name
        for task in suite.tasks
        for name in (
            *(["visual-question-answering"] if task.painters else []),
            _CATEGORIES.get(task.scorer, "question-answering"),
        )
    )
    # Options are chosen to answer a question.
    return list(found | ({"question-answering": None} if "multiple-choice" in found else {}))


def features(schema: pa.Schema) -> list[dict[str, Any]]:
    """Columns as the card says them, in the form that `datasets` writes itself."""
    return [
        {"name": field.name, **({"list": "image"} if field.name == "images" else _type(field.type))}
        for field in schema
    ]


def _type(arrow: pa.DataType) -> dict[str, Any]:
    import pyarrow as pa

    if pa.types.is_list(arrow):
        inner = _type(arrow.value_type)
        return {"list": inner.get("dtype", inner.get("struct"))}
    if pa.types.is_struct(arrow):
        return {"struct": [{"name": field.name, **_type(field.type)} for field in arrow]}
    return {"dtype": {"double": "float64"}.get(str(arrow), str(arrow))}


def _load(contents: Contents) -> Iterator[str]:
    first = contents.tables[0]
    yield "## How to load it"
    yield (
        "```python\nfrom datasets import load_dataset\n\n"
        f'rows = load_dataset("{_REPO}", "{first.config}", split="{hub_split(first.split)}")\n```'
    )
    yield (
        f"`{_REPO}` is the repository, or the path of this folder. "
        f"Configs: {', '.join(map(code, contents.configs))}."
    )


def _score(suite: Suite, contents: Contents) -> Iterator[str]:
    yield "## How to score a model on it"
    yield (
        "With modelmetry, which asks the items in their order, reads the answers by rule and says how "
        "uncertain the numbers are:"
    )
    yield "```sh\nmodelmetry run FOLDER --model openai/gpt-4o\n```"
    reasons = left_out(suite, contents)
    asked = [table for task in suite.tasks for table in contents.asked(task.name)]
    asked = [table for table in asked if table.task not in reasons]
    if asked:
        sampling = suite.sampling
        yield "With [Inspect](https://inspect.aisi.org.uk), which finds its tasks in `eval.yaml`:"
        yield (
            f"```sh\ninspect eval hf/{_REPO}/{task_id(asked[0])} --model openai/gpt-4o "
            f"--temperature {sampling.temperature:g} --max-tokens {sampling.max_tokens}\n```"
        )
        yield (
            "Inspect asks every wording as a chat, without a prompt's own stop texts, and its scorers "
            "read less than modelmetry's: an answer that is nothing but the answer counts the same."
        )
    if reasons:
        lines = [f"- {code(task)}: {reason}." for task, reason in reasons.items()]
        yield "Not in `eval.yaml`:\n\n" + "\n".join(lines)


def _task(task: Task, contents: Contents) -> Iterator[str]:
    generator = generator_of(task)
    rows = {table.split: table.rows for table in contents.tables if table.task == task.name}
    yield f"### {task.name}"
    yield (
        f"Generator {code(task.generator)} version {generator.version}, fingerprint "
        f"`{task.fingerprint}`; scorer {code(task.scorer)}; "
        f"wordings {', '.join(code(prompt.name) for prompt in task.prompts)}."
        + _painted(task.painters)
        + _uris([table for table in contents.tables if table.task == task.name])
    )
    head = "| split | rows | what it holds |\n|---|--:|---|\n"
    yield head + "\n".join(
        f"| {code(hub_split(name))} | {rows[name]:,} | {plain(generator.splits.get(name, ''))} |"
        for name in task.splits
        if name in rows
    )


def _painted(painters: Mapping[str, int]) -> str:
    if not painters:
        return ""
    names = " and ".join(f"{code(name)} version {n}" for name, n in painters.items())
    return (
        f" Pictures by {names}, in the column `images`, in order; in a prompt `[picture ...]` with the "
        "beginning of its address stands for each. A picture that several rows show is in each of them; "
        "files store it once per row group."
    )


def _uris(tables: list[Table]) -> str:
    config = next((table.config for table in tables if table.uris), None)
    if config is None:
        return ""
    return (
        f" Config {code(config)} is the same rows for harnesses that read pictures as data URIs: in "
        "`messages`, part by part, and in `image` where a row shows one picture."
    )


_COLUMNS = (
    "Each row is one item: a problem under one wording. `messages` and `prompt` are what a model reads, "
    "`answer` the canonical right answer, `answers` all accepted texts, `choices` the admitted ones where "
    "they are listed, `chance` the probability that a uniform guess is right, `factors` the levels of the "
    "problem's factors, `cluster` the unit that was drawn independently, `position` the item's place in a "
    "run, `item` the whole item as JSON, and `canary` the sentence above: leave out of training data "
    "whatever holds it, and keep it where you copy rows. Whether a model has seen this edition all the "
    "same is asked with `modelmetry run contamination -T edition=FOLDER`."
)

_FILES = (
    "`edition.json` holds the suite as it was, and a checksum of every file; `sha256sum -c SHA256SUMS` "
    "checks them without modelmetry. `croissant.json` describes the tables in the Croissant format. "
    "Whoever has modelmetry and the seed can make the edition again, byte for byte."
)


def _checked(certificate: bytes) -> Iterator[str]:
    checks = msgspec.json.decode(certificate, type=Certificate).splits
    yield (
        "By `modelmetry verify`, before it was written, on problems of the same seed. The second solver "
        "finds answers another way than the generator. A model that has not understood the question can "
        "score as much as the last three columns say: a uniform guess, always giving one answer, and "
        "naive Bayes over the question's words. All of it is in `certificate.json`."
    )
    head = (
        "| split | problems | second solver disagrees | repeated | most common answer | guess | "
        "one answer | words |\n|---|--:|--:|--:|---|--:|--:|--:|\n"
    )
    yield head + "\n".join(map(_check, checks))


def _check(check: Check) -> str:
    answer, share = max(check.marginals.items(), key=lambda pair: pair[1], default=("", 0.0))
    return (
        f"| {code(check.split)} | {check.problems:,} | {check.disagreements} | {check.duplicates} | "
        f"{plain(answer, 40)} ({share:.1%}) | {check.chance:.3f} | {check.constant.value:.3f} | "
        f"{check.bag_of_words.value:.3f} |"
    )
