"""Nights of a small suite: asked here rather than in processes of their own, which is the same but quicker."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import yaml

from modelmetry.api.nightly import Nightly, nightly, states, worker
from modelmetry.api.nightly.plan import Plan, Work, planned
from modelmetry.nightly import config
from modelmetry.nightly.night import Reading

SUITE = """\
# Does a model add numbers that it has not seen added?
version: 1
tasks:
  addition:
    generator: addition
    scorer: number
    splits: {held-out: 60}
    prompts:
      short: {template: addition/short, format: chat, shots: 0}
      sum: {template: addition/sum, format: completion, shots: 0}
"""

SECRET = "a secret that is long enough"


def write(folder: Path, **changes: Any) -> Path:
    """A configuration in a folder, with its suite and its secret."""
    (folder / "adding.yaml").write_text(SUITE)
    (folder / "secret").write_text(SECRET)
    given = {
        "name": "test",
        "out": "nights",
        "secret": {"file": "secret"},
        "suites": [
            {"suite": "adding.yaml", "fresh": {"limit": 40}, "anchors": {"seed": 3, "limit": 40}}
        ],
        "models": [{"model": "reference/simulated", "name": "able", "options": {"ability": 1.5}}],
        "check_standard": False,
        **changes,
    }
    path = folder / "nightly.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in given.items() if v is not None}))
    return path


def plan(path: Path, date: str) -> Plan:
    """The plan of a night."""
    job = config.read(path)
    return planned(job, path.parent, date, path.parent / job.out)


def ask_here(path: Path, date: str, model: str = "") -> Plan:
    """Ask all cells of a night, or those of one model, in this process."""
    made = plan(path, date)
    for each in made.asks:
        if (not model or each.model == model) and not states.is_done(made.folder, each):
            given = next(m for m in made.job.respondents if m.label == each.model)
            work = Work(model=given, asks=(each,), folder=str(made.folder))
            worker._asked(work, each, made.models[each.model], worker._Stop(), 0.0)
    return made


def night(path: Path, date: str) -> Nightly:
    """A whole night, asked here."""
    ask_here(path, date)
    return nightly(path, date=date)


def reading(date: str, value: float, **changes: Any) -> Reading:
    """A reading by hand."""
    plain = Reading(
        date=date,
        suite="adding",
        suite_version=1,
        model="able",
        kind="fresh",
        split="held-out",
        estimand="accuracy",
        value=value,
        std_error=0.02,
        ci_low=value - 0.04,
        ci_high=value + 0.04,
        ci_method="by hand",
        n_items=400,
        n_clusters=200,
        n_unscored=0,
        edition="e",
        seed_commitment="c",
        run_digest="d",
    )
    return dataclasses.replace(plain, **changes)
