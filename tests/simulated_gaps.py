"""Scored runs of simulated respondents on held-out pairs, with a gap of known size."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from modelmetry.models import Sampling
from modelmetry.reports import Section
from modelmetry.runs.record import RunRecord
from modelmetry.runs.scores import SCHEMA
from modelmetry.scenes.holdouts import PAIRS, holdout
from modelmetry.suites import Prompt, Suite, Task

FACTORS = (
    *("pair", "types", "diversity", "named", "family", "template"),
    *("objects", "steps", "variant", "row", "cell"),
)

ANSWERS = ("yes", "no", "2", "red", "cube")
"""Right answers of the complex tests."""


def hope_suite(shots: Sequence[int] = (0,), splits: Sequence[str] = ("minimal",)) -> Suite:
    """A suite with one task per number of shots: `zero-shot`, `in-context`, `task-2`, ..."""
    names = ["zero-shot" if not n else "in-context" if n == 8 else f"shots-{n}" for n in shots]
    tasks = tuple(
        Task(
            name=name,
            generator="clevr-hope",
            options={},
            splits={f"{kind}-{side}": 4 for kind in splits for side in ("iid", "ood")},
            prompts=(Prompt(name="list", template="clevr-hope/list", source="", shots=n),),
            scorer="choice",
            fields=("question",),
            factors=FACTORS,
            difficulty="steps",
            fingerprint="",
        )
        for name, n in zip(names, shots, strict=True)
    )
    return Suite(name="clevr-hope", version=1, question="Is there a gap?", tasks=tasks)


def hope_run(
    suite: Suite,
    *,
    pairs: Sequence[str] = PAIRS,
    variants: int = 4,
    scenes: int = 8,
    ability: float = 1.0,
    shift: float | dict[str, float] = 0.0,
    pair_sd: float = 0.0,
    cluster_sd: float = 0.0,
    per_doubling: float = 0.0,
    always: str = "",
    diversity: int | None = None,
    model: str = "test/simulated",
    seed: int = 0,
) -> Section:
    """A run of a respondent whose logit falls on the splits that show a held-out pair.

    Args:
        suite: From `hope_suite`.
        pairs: Held-out pairs.
        variants: Quads of each pair on each side of the minimal tests.
        scenes: Problems of each pair on each side of the complex tests.
        ability: Logit on combinations that training shows.
        shift: Logits gained on held-out pairs, in all tasks or by name of task.
        pair_sd: Standard deviation of a pair's own shift.
        cluster_sd: Standard deviation of the effect of a variant or scene.
        per_doubling: Logits gained on held-out pairs per doubling of diversity above 3.
        always: The one answer that is always given; empty for the respondent above.
        diversity: Combinations of a pair's types that training shows; None for all but the pair.
        model: What the run is called.
        seed: Of the answers; the problems are the same for every seed.
    """
    rng = np.random.default_rng(seed)
    apart = rng.normal(scale=pair_sd, size=len(pairs)) if pair_sd else np.zeros(len(pairs))
    rows: list[dict[str, Any]] = []
    for task in suite.tasks:
        down = shift if isinstance(shift, float) else shift.get(task.name, 0.0)
        for split in task.splits:
            for i, name in enumerate(pairs):
                held = holdout(name, diversity)
                logit = ability
                if split.endswith("-ood"):
                    logit += down + apart[i] + per_doubling * np.log2(held.diversity / 3)
                label = suite.label(task.name, split)
                place = {"task": task.name, "split": label, "logit": logit}
                rows += [{**row, **place} for row in _problems(split, held, variants, scenes)]
    _answer(rows, rng, cluster_sd, always)
    for row in rows:
        row["item"] = f"{row['task']}/{row['problem']}/list"
    columns = {name: [row.get(name, _FILLED.get(name)) for row in rows] for name in SCHEMA.names}
    record = RunRecord(
        id=f"20260101T000000Z-clevr-hope-{model.replace('/', '-')}",
        suite=suite,
        seed=0,
        edition=f"hope-{diversity}",
        model=model,
        identity={"model": model},
        sampling=Sampling(max_tokens=16),
        repeats=1,
        planned=len(rows),
        started_at="2026-01-01T00:00:00Z",
        ended_at="2026-01-01T00:01:00Z",
        status="finished",
        versions={"modelmetry": "0.1.0"},
        wall_s=60.0,
    )
    return Section(record=record, scores=pa.table(columns, schema=SCHEMA))


_FILLED = {
    "index": 0,
    "wording": "list",
    "repeat": 0,
    "outcome": "answered",
    "reason": "",
    "answer": "",
    "chance": 0.5,
    "difficulty": 2.0,
    "input_tokens": 0,
    "output_tokens": 0,
    "cost_usd": 0.0,
}


def _problems(split: str, held: Any, variants: int, scenes: int) -> list[dict[str, Any]]:
    factors = {
        "pair": held.name,
        "types": " x ".join(held.types),
        "diversity": held.diversity,
        "named": "",
        "family": "zero-hop",
        "template": "zero-hop-exist",
        "objects": 1,
        "steps": 2,
        "variant": -1,
        "row": -1,
        "cell": -1,
    }
    if split.startswith("minimal"):
        return [
            {
                "problem": f"{split}-{held.name}-{held.diversity}-{variant}-{cell}",
                "cluster": f"{held.name}/{variant}",
                "expected": "no" if cell else "yes",
                "factors": json.dumps({**factors, "variant": variant, "cell": cell}),
            }
            for variant in range(variants)
            for cell in range(4)
        ]
    return [
        {
            "problem": f"{split}-{held.name}-{held.diversity}-{scene}",
            "cluster": f"{split}-{held.name}-{scene}",
            "expected": ANSWERS[scene % len(ANSWERS)],
            "factors": json.dumps(factors),
        }
        for scene in range(scenes)
    ]


def _answer(
    rows: list[dict[str, Any]], rng: np.random.Generator, cluster_sd: float, always: str
) -> None:
    if always:
        for row in rows:
            row["value"] = float(row["expected"] == always)
        return
    clusters = {name: i for i, name in enumerate(dict.fromkeys(row["cluster"] for row in rows))}
    effects = rng.normal(scale=cluster_sd or 0.0, size=len(clusters))
    logits = np.array([row["logit"] + effects[clusters[row["cluster"]]] for row in rows])
    right = rng.random(len(rows)) < 1 / (1 + np.exp(-logits))
    for row, value in zip(rows, right.tolist(), strict=True):
        row["value"] = float(value)
