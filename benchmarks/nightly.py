"""Time the summing up of a night of many scores, in a process of its own.

    python benchmarks/nightly.py [--scores 10000000] [--models 10] [--suites 5] [--nights 60]

Fabricates the runs of a night that is asked but not summed up (records and `scores.parquet` as a run leaves
them, with random scores), the anchors of its first night and a history, then lets `modelmetry nightly` sum it
up: readings, regression on the anchors and against a model, control charts, files and pages. Prints wall seconds and
the peak memory of that process.
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

import modelmetry.runs as runs
from modelmetry.api.making import read_suite
from modelmetry.api.nightly import states
from modelmetry.api.nightly.plan import Ask, Plan, planned
from modelmetry.models import Sampling
from modelmetry.nightly import config, history
from modelmetry.nightly.night import Reading
from modelmetry.runs import RunRecord
from modelmetry.runs.scores import SCHEMA

SUITE = Path(__file__).parent / "many.yaml"
LAST = date(2026, 3, 31)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--scores", type=int, default=10_000_000)
    parser.add_argument("--models", type=int, default=10)
    parser.add_argument("--suites", type=int, default=5)
    parser.add_argument("--nights", type=int, default=60)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = _configured(Path(folder), given.models, given.suites)
        rows = given.scores // (2 * given.models * given.suites)
        job = config.read(path)
        first = LAST - timedelta(days=given.nights)
        nights = [first + timedelta(days=n) for n in range(given.nights)]
        for night in (first, LAST):
            plan = planned(job, path.parent, str(night), path.parent / job.out)
            for number, ask in enumerate(plan.asks):
                if night == LAST or ask.question.kind == "anchor":
                    _fabricate(plan, ask, rows, number)
        for night in nights:
            history.write(plan.out, str(night), _readings(plan, str(night)))
        command = [
            sys.executable,
            "-m",
            "modelmetry.cli",
            "nightly",
            str(path),
            "--date",
            str(LAST),
        ]
        started = time.perf_counter()
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(done.stdout.splitlines()[0] if done.stdout else done.stderr)
        print(
            f"{rows * len(plan.asks):,} scores in {len(plan.asks)} runs, {given.nights} nights before: "
        )
        print(f"{seconds:.1f} s, {peak:.0f} MB, exit code {done.returncode}")


def _configured(folder: Path, models: int, suites: int) -> Path:
    (folder / "secret").write_text("0123456789abcdef" * 2)
    path = folder / "nightly.yaml"
    job = {
        "secret": {"file": "secret"},
        "check_standard": False,
        "suites": [
            {
                "suite": str(SUITE.absolute()),
                "name": f"suite-{n}",
                "fresh": {},
                "anchors": {"seed": n},
            }
            for n in range(suites)
        ],
        "models": [{"model": "reference/simulated", "name": f"model-{n}"} for n in range(models)],
        "gates": {"regression": {"against": ["model-0"]}, "drift": {"nights": 40}},
    }
    path.write_text(yaml.safe_dump(job))
    return path


def _fabricate(plan: Plan, ask: Ask, rows: int, number: int) -> None:
    """A finished run as a night would have left it."""
    question = ask.question
    suite = read_suite(SUITE)
    model = plan.models[ask.model]
    folder = plan.folder / states.RUNS / f"20260101T000000Z-{number:05}"
    folder.mkdir(parents=True)
    record = RunRecord(
        id=folder.name,
        suite=suite,
        seed=question.seed or 0,
        edition=question.edition,
        model=model.spec,
        identity=model.identity(),
        sampling=Sampling(),
        repeats=1,
        planned=rows,
        started_at=f"{plan.date}T00:00:00Z",
        ended_at=f"{plan.date}T01:00:00Z",
        status="finished",
        versions={"modelmetry": "0"},
        wall_s=60.0,
    )
    runs.write_record(folder, record)
    pq.write_table(_table(rows, suite.tasks[0].name, plan.date, number), folder / "scores.parquet")
    states.write(
        plan.folder, ask, status=states.FINISHED, run=f"{states.RUNS}/{folder.name}", wall_s=60.0
    )


def _table(rows: int, task: str, night: str, number: int) -> pa.Table:
    """Scores of problems in two splits and two wordings; the problems depend on nothing but their number."""
    rng = np.random.default_rng([number, int(night.replace("-", ""))])
    at = np.arange(rows)
    problem = at // 2
    names = np.char.add("p", problem.astype(str))
    wording = np.where(at % 2, "sum", "short")
    split = np.where(problem % 2, "held-out", "longer")
    value = (rng.random(rows) < 0.7).astype(float)
    levels = rng.integers(1, 6, rows)
    columns = {
        "item": np.char.add(np.char.add(f"{task}/", names), np.char.add("/", wording)),
        "problem": names,
        "task": np.full(rows, task),
        "split": split,
        "index": problem,
        "wording": wording,
        "repeat": np.zeros(rows, dtype=np.int32),
        "cluster": names,
        "value": value,
        "outcome": np.full(rows, "answered"),
        "reason": np.full(rows, ""),
        "answer": rng.integers(10, 2000, rows).astype(str),
        "expected": rng.integers(10, 2000, rows).astype(str),
        "chance": np.zeros(rows),
        "difficulty": levels.astype(float),
        "input_tokens": np.full(rows, 20, dtype=np.int32),
        "output_tokens": np.full(rows, 5, dtype=np.int32),
        "cost_usd": np.zeros(rows),
        "factors": np.char.add(np.char.add('{"digits":', levels.astype(str)), "}"),
    }
    return pa.table({name: pa.array(columns[name]) for name in SCHEMA.names}).cast(SCHEMA)


def _readings(plan: Plan, night: str) -> list[Reading]:
    """What a night would have left in the history."""
    rng = np.random.default_rng(int(night.replace("-", "")))
    version = read_suite(SUITE).version
    found = []
    for ask in plan.asks:
        for split in ("held-out", "longer"):
            value = float(0.7 + 0.002 * rng.standard_normal())
            anchors = ask.question.kind == "anchor"
            plain = Reading(
                date=night,
                suite=ask.question.suite,
                suite_version=version,
                model=ask.model,
                kind=ask.question.kind,
                split=split,
                estimand="accuracy",
                value=value,
                std_error=0.002,
                ci_low=value - 0.004,
                ci_high=value + 0.004,
                ci_method="fabricated",
                n_items=1,
                n_clusters=1,
                n_unscored=0,
                edition=ask.question.edition.rpartition("-")[2],
                seed_commitment=ask.question.commitment,
                run_digest="",
            )
            paired = {"change": 0.0, "change_error": 0.003} if anchors else {}
            found.append(dataclasses.replace(plain, **paired))
    return found


if __name__ == "__main__":
    main()
