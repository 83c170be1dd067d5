"""Results for a model's repository: `.eval_results/*.yaml`, which the Hub shows and ranks by.

After https://huggingface.co/docs/hub/eval-results. The format has a value and no uncertainty: interval,
size and method stand in the notes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from modelmetry.analyses import Row
from modelmetry.errors import BadInput
from modelmetry.runs.record import RunRecord
from modelmetry.statistics import Estimate
from modelmetry.suites.editions.eval_yaml import split_id


def eval_results(
    record: RunRecord,
    rows: Sequence[Row],
    *,
    dataset: str,
    revision: str = "",
    url: str = "",
    digest: str = "",
) -> str:
    """The YAML text of one finished run: an entry per split, of accuracy in [0, 1].

    The task of an entry is the split as `eval.yaml` of the edition calls it.

    Args:
        record: The run's identity card.
        rows: Its estimates, from `analyses.estimate`; those of other estimands are passed over.
        dataset: The edition's repository, such as `org/quickstart`.
        revision: Its commit or tag; empty for none.
        url: Where the run's report or answers stand; empty for none.
        digest: `leaderboards.run_digest` of the run; empty for none.

    Raises:
        BadInput: The run is not finished, chose its problems by the answers, or has no accuracy on any
            split.
    """
    if record.until is not None and record.until.adaptive:
        raise BadInput(
            f"{record.id}: its problems depend on the answers; allowed as results: runs on an edition"
        )
    if record.status != "finished":
        raise BadInput(f"{record.id}: {record.status}; allowed as results: finished runs")
    names = {
        record.suite.label(task.name, split): split_id(task.name, split)
        for task in record.suite.tasks
        for split in task.splits
    }
    entries = [
        _entry(record, row.estimate, names[row.split], dataset, revision, url, digest)
        for row in rows
        if row.estimand == "accuracy" and row.split in names
    ]
    if not entries:
        raise BadInput(f"{record.id}: no accuracy on any split; allowed as results: runs with one")
    return yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=100)


def _entry(
    record: RunRecord,
    found: Estimate,
    task: str,
    dataset: str,
    revision: str,
    url: str,
    digest: str,
) -> dict[str, Any]:
    version = record.versions.get("modelmetry", "")
    entry: dict[str, Any] = {
        "dataset": {
            "id": dataset,
            "task_id": task,
            **({"revision": revision} if revision else {}),
        },
        "value": round(found.value, 6),
        "date": record.ended_at or record.started_at,
    }
    if url:
        entry["source"] = {"url": url, "name": f"modelmetry run {record.id}"}
    entry["notes"] = "; ".join(_notes(record, found, version, digest))
    return entry


def _notes(record: RunRecord, found: Estimate, version: str, digest: str) -> list[str]:
    """What is to be known of a value, part by part, each without line breaks."""
    interval = (
        "no interval"
        if found.low is None or found.high is None
        else f"{found.level:.0%} interval {found.low:.4f} to {found.high:.4f}"
    )
    repeats = f"each asked {record.repeats} times" if record.repeats > 1 else "each asked once"
    parts = [
        f"{interval} ({found.method})" if found.method else interval,
        f"{found.n} items in {found.clusters} clusters, {repeats}, {found.unscored} unscored",
        f"suite {record.suite.name} version {record.suite.version}, edition {record.edition}",
        f"temperature {record.sampling.temperature:g}, at most {record.sampling.max_tokens} tokens",
        f"modelmetry {version}".strip(),
        *([f"run {digest}"] if digest else []),
        *found.warnings,
    ]
    return [" ".join(part.split()) for part in parts]
