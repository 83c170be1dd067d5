"""Scored runs without a model: real problems, simulated answers, every way of failing."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from modelmetry.items import Item, Seed
from modelmetry.models import Sampling
from modelmetry.reports import Sample, Section
from modelmetry.runs.record import RunRecord
from modelmetry.runs.scores import SCHEMA
from modelmetry.suites import Contrast, Prompt, Suite, Task, edition, generator_of, items

WORDINGS = {"plain": "What is {{ a }} + {{ b }}?", "sum": "{{ a }} + {{ b }} ="}

FAILURES = {
    "no answer": "no readable answer",
    "refused": "says that it will not answer",
    "truncated": "cut at the token limit before an answer was complete",
    "instrument failed": "two answers at the place that decides",
}


def addition_suite(splits: Mapping[str, int], *, options: Mapping[str, Any] | None = None) -> Suite:
    """A suite of one addition task in two wordings, with a contrast of its first two splits."""
    prompts = tuple(
        Prompt(name=name, template=f"addition/{name}", source=source)
        for name, source in WORDINGS.items()
    )
    task = Task(
        name="addition",
        generator="addition",
        options=options or {"digits": 2},
        splits=splits,
        prompts=prompts,
        scorer="number",
        fields=("a", "b"),
        factors=("digits", "carries"),
        difficulty="digits",
        fingerprint="",
    )
    task = replace(task, fingerprint=generator_of(task).fingerprint())
    a, *others = splits
    return Suite(
        name="addition",
        version=1,
        question="Does a model add numbers that it has not seen added?",
        tasks=(task,),
        primary=(a,),
        contrasts=tuple(Contrast(name=f"{b} gap", a=a, b=b) for b in others),
    )


def simulated(
    suite: Suite,
    *,
    model: str = "test/simulated",
    ability: float = 3.0,
    failing: float = 0.0,
    repeats: int = 1,
    seed: int = 0,
    draws: int = 0,
) -> Section:
    """A run of a simulated respondent whose logit falls by one per digit.

    Args:
        suite: From `addition_suite`.
        model: The model's spec.
        ability: Logits at no digits.
        failing: Share of answers that are not answers, half of these the instrument's fault.
        repeats: Answers per item.
        seed: Of the problems.
        draws: Of the answers.
    """
    asked = list(items(suite, Seed(root=seed)))
    rng = random.Random(f"{model} {ability} {draws}")
    rows = [
        _answer(suite, item, repeat, ability, failing, rng)
        for item in asked
        for repeat in range(repeats)
    ]
    record = RunRecord(
        id=f"20260101T000000Z-addition-{model.replace('/', '-')}",
        suite=suite,
        seed=seed,
        edition=edition(suite, Seed(root=seed)),
        model=model,
        identity={"model": model, "ability": ability},
        sampling=Sampling(max_tokens=16),
        repeats=repeats,
        planned=len(rows),
        started_at="2026-01-01T00:00:00Z",
        ended_at="2026-01-01T00:01:00Z",
        status="finished",
        versions={"modelmetry": "0.1.0"},
        wall_s=60.0,
    )
    columns = {name: [row[name] for row in rows] for name in SCHEMA.names}
    texts = [item.text for item in asked for _ in range(repeats)]

    def samples(chosen: Sequence[int]) -> Iterator[Sample]:
        return (_sample(rows[i], texts[i]) for i in chosen)

    return Section(record=record, scores=pa.table(columns, schema=SCHEMA), samples=samples)


def _answer(
    suite: Suite, item: Item, repeat: int, ability: float, failing: float, rng: random.Random
) -> dict[str, Any]:
    problem = item.problem
    digits = int(problem.factors["digits"])
    right = rng.random() < 1 / (1 + math.exp(digits - ability))
    expected = problem.target.answers[0]
    answer = expected if right else str(int(expected) + rng.choice((-10, 10, 1, -2, 100)))
    value: float | None = float(right)
    outcome = "answered"
    if rng.random() < failing:
        outcome = rng.choice(("instrument failed", *FAILURES))
        value = None if outcome == "instrument failed" else 0.0
        answer = ""
    return {
        "item": item.uid,
        "problem": problem.uid,
        "task": item.task,
        "split": suite.label(item.task, problem.split),
        "index": problem.index,
        "wording": item.wording,
        "repeat": repeat,
        "cluster": problem.cluster,
        "value": value,
        "outcome": outcome,
        "reason": FAILURES.get(outcome, ""),
        "answer": answer,
        "expected": expected,
        "chance": problem.target.chance,
        "difficulty": float(digits),
        "input_tokens": 12,
        "output_tokens": 3,
        "cost_usd": 0.001,
        "factors": f'{{"digits":{digits},"carries":{problem.factors["carries"]}}}',
    }


def _sample(row: Mapping[str, Any], prompt: str) -> Sample:
    return Sample(
        item=row["item"],
        split=row["split"],
        wording=row["wording"],
        prompt=prompt,
        response=row["answer"] or None,
        expected=row["expected"],
        answer=row["answer"],
        value=row["value"],
        outcome=row["outcome"],
        reason=row["reason"],
        repeat=row["repeat"],
    )


def small_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """A table of scores from the columns that matter to a test; the others are filled in."""
    full = []
    for row in rows:
        problem, wording = row.get("problem", "p"), row.get("wording", "plain")
        value = row.get("value")
        plain = {
            "item": f"addition/{problem}/{wording}",
            "problem": problem,
            "task": "addition",
            "split": "held-out",
            "wording": wording,
            "repeat": 0,
            "cluster": problem,
            "value": value,
            "outcome": "instrument failed" if value is None else "answered",
            "reason": "",
            "answer": "",
            "expected": "1",
            "chance": 0.0,
            "difficulty": 1.0,
            "index": 0,
            "input_tokens": 0,
            "output_tokens": 0,
            "cost_usd": 0.0,
            "factors": '{"digits":1}',
        }
        full.append({**plain, **row})
    columns = {name: [row[name] for row in full] for name in SCHEMA.names}
    return pa.table(columns, schema=SCHEMA)
