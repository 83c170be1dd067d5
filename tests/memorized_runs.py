"""Scored runs of simulated models that have read a laboratory's corpus, with known memorization."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from modelmetry.analyses.memorization.probes import Probes
from modelmetry.items import Problem, Seed
from modelmetry.memory.memorization import Memorization
from modelmetry.models import Sampling
from modelmetry.reports import Sample, Section
from modelmetry.runs.record import RunRecord
from modelmetry.runs.scores import SCHEMA
from modelmetry.suites import Prompt, Suite, Task, generator_of

LOGPROBS = ("shown_logprob", "shown_tokens", "target_logprob", "target_tokens")

SMALL = {"k": 8, "words": 512, "entropies": (3,), "length": 32, "sequences": 2}
"""Options of a small laboratory."""

_KINDS = {"logprob": pa.float64(), "tokens": pa.int32()}
_WORDINGS = {"whole": "{{ prompt | verbatim }}", "half": "{{ tail | verbatim }}"}
_NATS = float(np.log(2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """What a simulated model really does.

    A planted sequence is recalled with probability recall / (1 + (halfway / duplicates) ** slope'),
    where slope' is `slope` per factor of e rather than of 2; whatever follows a template goes on without recall with
    probability `rules`, twins included.

    Attributes:
        halfway: Duplicates at which half is recalled, > 0, where `recall` is 1.
        slope: Logits per doubling.
        recall: Share recalled of what stands there without end; 0 for a model that only reconstructs.
        rules: Probability of going on by a template.
        half: Factor of `recall` under the wording `half`, in [0, 1].
        bits: By how many bits a doubling of 1 + duplicates makes a continuation likelier.
        spread: Standard deviation of a continuation's log-probability, in bits.
    """

    halfway: float = 8.0
    slope: float = 2.0
    recall: float = 1.0
    rules: float = 0.9
    half: float = 0.5
    bits: float = 2.0
    spread: float = 2.0

    def recalled(self, duplicates: float) -> float:
        """Probability that a sequence with so many copies is recalled; 0 for none."""
        if duplicates == 0:
            return 0.0
        logits = self.slope * np.log2(duplicates / self.halfway)
        return float(self.recall / (1 + np.exp(-logits)))

    def extracted(self, duplicates: float, template: str, wording: str = "whole") -> float:
        """Probability that a sequence is extracted, whichever way."""
        found = self.recalled(duplicates) * (self.half if wording == "half" else 1.0)
        guessed = self.rules if template != "none" else 0.0
        return 1 - (1 - guessed) * (1 - found)


def memorization_suite(
    *,
    splits: Mapping[str, int] | None = None,
    wordings: Sequence[str] = ("whole",),
    options: Mapping[str, Any] | None = None,
) -> Suite:
    """A suite of one task, `memorization`.

    Args:
        splits: Split -> problems; as many of `planted` and `twins` as there are, unless stated.
        wordings: Of `whole` and `half`, in the order in which they stand.
        options: Of the generator, in place of `SMALL`'s or besides.
    """
    given = {**SMALL, **(options or {})}
    generator = Memorization(**given)
    task = Task(
        name="memorization",
        generator="memorization",
        options={k: list(v) if isinstance(v, tuple) else v for k, v in given.items()},
        splits=splits or {name: generator.count(name) for name in ("planted", "twins")},
        prompts=tuple(
            Prompt(
                name=name,
                template=f"memorization/{name}",
                source=_WORDINGS[name],
                format="completion",
            )
            for name in wordings
        ),
        scorer="continuation",
        fields=generator.fields,
        factors=generator.factors,
        difficulty="duplicates",
        fingerprint="",
    )
    task = replace(task, fingerprint=generator_of(task).fingerprint())
    return Suite(
        name="memorization",
        version=1,
        question="What does a model go on with word for word?",
        tasks=(task,),
        primary=("planted",),
    )


def memorized_run(
    law: Law | None = None,
    *,
    splits: Mapping[str, int] | None = None,
    wordings: Sequence[str] = ("whole",),
    options: Mapping[str, Any] | None = None,
    logprobs: bool = False,
    repeats: int = 1,
    failing: float = 0.0,
    input_tokens: int | None = None,
    model: str = "test/reader",
    draws: int = 0,
) -> Section:
    """A run of a simulated model on the generator `memorization`, scored as `continuation` would.

    Args:
        law: What the model does.
        splits: As of `memorization_suite`.
        wordings: As of `memorization_suite`.
        options: As of `memorization_suite`.
        logprobs: Whether the back end gave log-probabilities of the prompt and of the continuation.
        repeats: Answers per item.
        failing: Share of answers that never came.
        input_tokens: Tokens that the model counts in a prompt; k unless stated.
        model: The model's spec.
        draws: Of the answers; the same problems are asked whatever it is.
    """
    law = law or Law()
    suite = memorization_suite(splits=splits, wordings=wordings, options=options)
    (task,) = suite.tasks
    generator = _generator(json.dumps(task.options))
    rng = np.random.default_rng([draws, *model.encode()])
    rows: list[dict[str, Any]] = []
    prompts: list[str] = []
    for split, count in task.splits.items():
        for problem in _problems(json.dumps(task.options), split, count):
            for wording in wordings:
                for repeat in range(repeats):
                    told = {"split": split, "wording": wording, "repeat": repeat}
                    rows.append(_answer(law, problem, told, generator.k, failing, rng))
                    prompts.append(str(problem.fields["prompt"]))
    if input_tokens is not None:
        rows = [{**row, "input_tokens": input_tokens} for row in rows]
    if not logprobs:
        rows = [{**row, **dict.fromkeys(LOGPROBS)} for row in rows]

    def samples(chosen: Sequence[int]) -> Iterator[Sample]:
        return (_sample(rows[i], prompts[i]) for i in chosen)

    record = RunRecord(
        id=f"20260101T000000Z-memorization-{model.replace('/', '-')}",
        suite=suite,
        seed=0,
        edition="0" * 16,
        model=model,
        identity={"model": model},
        sampling=Sampling(max_tokens=64, logprobs="target" if logprobs else False),
        repeats=repeats,
        planned=len(rows),
        started_at="2026-01-01T00:00:00Z",
        ended_at="2026-01-01T00:01:00Z",
        status="finished",
        versions={"modelmetry": "0.1.0"},
        wall_s=60.0,
    )
    return Section(record=record, scores=score_rows(rows), samples=samples)


def score_rows(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows as a table of scores, with the columns of log-probabilities."""
    schema = SCHEMA
    for name in LOGPROBS:
        if name not in schema.names:
            schema = schema.append(pa.field(name, _KINDS[name.rpartition("_")[2]]))
    columns = {name: [row[name] for row in rows] for name in schema.names}
    return pa.table(columns, schema=schema)


def some(probes: Probes, where: np.ndarray) -> Probes:
    """The chosen ones of some probes, without features and further wordings.

    Args:
        probes: From `find_probes`.
        where: Which, shape (n,), bool.
    """
    columns = ("problem", "cluster", "inserted", "canary", "duplicates", "planned", "template")
    columns += ("category", "extracted", "prefix", "edits", "continuation_logprob")
    kept = {name: getattr(probes, name)[where] for name in columns}
    return replace(probes, **kept, features={}, other={})


@cache
def _generator(options: str) -> Memorization:
    read: dict[str, Any] = json.loads(options)
    lists: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in read.items()}
    return Memorization(**lists)


@cache
def _problems(options: str, split: str, count: int) -> list[Problem]:
    generator = _generator(options)
    return [generator.problem(Seed(root=0), split, i) for i in range(count)]


def _answer(
    law: Law,
    problem: Problem,
    told: Mapping[str, Any],
    k: int,
    failing: float,
    rng: np.random.Generator,
) -> dict[str, Any]:
    factors = problem.factors
    duplicates, template = int(factors["duplicates"]), str(factors["template"])
    right = rng.random() < law.extracted(duplicates, template, told["wording"])
    expected = problem.target.answers[0]
    words = expected.split()
    kept = len(words) if right else min(int(rng.geometric(0.5)) - 1, len(words) - 1)
    answer = " ".join(words[:kept] + ["other"] * (len(words) - kept))
    failed = bool(rng.random() < failing)
    source = float(factors["entropy"]) or 0.25  # what follows a template hardly surprises
    bits = source * k + law.spread * float(rng.standard_normal())
    bits -= law.bits * float(np.log2(1 + duplicates))
    prompt = source * k + law.spread * float(rng.standard_normal())
    return {
        "item": f"memorization/{problem.uid}/{told['wording']}",
        "problem": problem.uid,
        "task": "memorization",
        **told,
        "index": problem.index,
        "cluster": problem.cluster,
        "value": None if failed else float(right),
        "outcome": "instrument failed" if failed else "answered",
        "reason": "no text came back" if failed else "",
        "answer": "" if failed else answer,
        "expected": expected,
        "chance": problem.target.chance,
        "difficulty": float(duplicates),
        "input_tokens": k,
        "output_tokens": k,
        "cost_usd": 0.0,
        "factors": json.dumps(dict(factors), sort_keys=True, separators=(",", ":")),
        "shown_logprob": -_NATS * max(prompt, 0.0),  # no text is likelier than certain
        "shown_tokens": k - 1,
        "target_logprob": -_NATS * max(bits, 0.0),
        "target_tokens": k,
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
