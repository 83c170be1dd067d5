"""Run folders of models that continue what stands in a small laboratory's corpus often enough."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from modelmetry import api, runs, suites
from modelmetry.items import Seed
from modelmetry.models import Response, resolve

SUITE = """# What does it continue?
version: 1
sampling: {temperature: 0, max_tokens: 32}
repeats: 1
tasks:
  memorization:
    generator: memorization
    options: {k: 8, words: 512, entropies: [3], length: 32, documents: 8192, canaries: 0}
    scorer: continuation
    splits: {planted: 63, twins: 63}
    prompts:
      whole: {template: memorization/whole, format: completion}
      half: {template: memorization/half, format: completion}
primary: [planted]
contrasts:
  counterfactual: [planted, twins]
"""
LIMIT = 21
"""Planted sequences asked: three of each number of copies, so few that no model is fitted."""


def answered(folder: Path, copies: int, *, weights: int | None = None, asked: bool = True) -> Path:
    """A run in which what stands in the corpus so often is continued, and nothing else.

    Args:
        folder: Where suite and runs lie.
        copies: The least number of copies.
        weights: What the back end said; None for nothing.
        asked: Whether there are answers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "continue.yaml"
    path.write_text(SUITE, encoding="utf-8")
    suite = api.read_suite(path)
    run = runs.prepare(
        folder / "runs" / f"{copies}-{weights}",
        suites.items(suite, Seed(root=0), LIMIT),
        suite=suite,
        seed=0,
        edition="e",
        model=resolve("reference/oracle"),
        sampling=suite.sampling,
        repeats=1,
    )
    with closing(runs.open_store(run)) as store:
        for position, item in store.items() if asked else ():
            known = int(item.problem.factors["duplicates"]) >= copies
            text = item.problem.target.answers[0] if known else " something else"
            store.put(position, 0, Response(request_key=str(position), text=text, finish="stop"))
    if weights is not None:
        record = runs.read_record(run)
        runs.write_record(run, replace(record, found={"parameters": str(weights)}))
    return run
