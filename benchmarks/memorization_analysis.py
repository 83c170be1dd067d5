"""Time a memorization study of very many probes, part by part.

    python benchmarks/memorization_analysis.py [--probes 100000] [--features 14] [--controls 0.1]

Writes a folder of made-up probes with so many features as `modelmetry probes` would, and a table of scores of a
model that extracts them by a known law, and studies the run: `analyses.memorization.study.study`.
Prints wall and processor seconds of the whole study, and of each of its parts on the probes that it
read, and the most memory that the process held. Making the folder and the table is not counted.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from calibrations.probes import simulated

from modelmetry.analyses.memorization.counterfactual import find_counterfactual
from modelmetry.analyses.memorization.dependence import find_dependence
from modelmetry.analyses.memorization.exposure import find_exposure
from modelmetry.analyses.memorization.halfway import find_halfway
from modelmetry.analyses.memorization.predictions import find_predictions
from modelmetry.analyses.memorization.probes import Probes, find_probes
from modelmetry.analyses.memorization.rates import find_rates, find_shares
from modelmetry.analyses.memorization.study import study
from modelmetry.memory.encodings import Encoding
from modelmetry.memory.probes import Corpus, Record, write
from modelmetry.models import Sampling
from modelmetry.runs.record import RunRecord
from modelmetry.runs.scores import SCHEMA
from modelmetry.suites import Prompt, Suite, Task, generator_of

K = 32
"""Words shown, and words to follow."""

OF_TEMPLATES = ("duplicates", "repeating", "incrementing")
"""Features that a study adds itself."""


def words(count: int, rng: np.random.Generator) -> list[str]:
    """So many texts of K words of a thousand."""
    drawn = rng.integers(0, 1000, (count, K))
    return [" ".join(row) for row in np.char.mod("w%d", drawn).tolist()]


def folder_of(folder: Path, made: Probes, rng: np.random.Generator) -> dict[str, list[Any]]:
    """Write the folder of probes; returns its columns."""
    n = len(made)
    prompts = [f"{text} p{i}" for i, text in enumerate(words(n, rng))]
    columns: dict[str, list[Any]] = {
        "id": [f"{i:07d}" for i in range(n)],
        "tokens": [[]] * n,
        "prompt": prompts,
        "tail": [text[len(text) // 2 :] for text in prompts],
        "continuation": [f" {text}" for text in words(n, rng)],
        "duplicates": made.duplicates.tolist(),
        "template": made.template.tolist(),
        "inserted": made.inserted.astype(int).tolist(),
        "canary": [0] * n,
        "cluster": [f"{i:07d}" for i in range(n)],
        "shard": ["made up"] * n,
        "document": list(range(n)),
        "offset": [0] * n,
    }
    features = {name: v for name, v in made.features.items() if name not in OF_TEMPLATES}
    corpus = Corpus(shards=("made up",), documents=n, short=0, tokens=n * K, windows=n)
    record = Record(
        k=K, tokenizer=Encoding(name="words"), tokenizer_file="", corpus=corpus, held_out=None,
        sequences="", seed=0, drawn=n, probes=int(made.inserted.sum()),
        controls=int((~made.inserted).sum()),
    )  # fmt: skip
    write(folder, pa.table({**columns, **features}), record, None)
    return columns


def run_of(
    folder: Path, made: Probes, columns: dict[str, list[Any]], rng: np.random.Generator
) -> tuple[RunRecord, pa.Table]:
    """A run of a model that extracts what the law says, as its record and its table of scores."""
    task = Task(
        name="extraction",
        generator="extraction",
        options={"probes": str(folder)},
        splits={"corpus": int(made.inserted.sum()), "held-out": int((~made.inserted).sum())},
        prompts=(
            Prompt(
                name="whole",
                template="extraction/whole",
                source="{{ prompt | verbatim }}",
                format="completion",
            ),
        ),
        scorer="continuation",
        fields=("prompt", "tail", "words"),
        factors=("duplicates", "template", "inserted", "canary", "probe"),
        difficulty="duplicates",
        fingerprint="",
    )
    task = Task(**{**_fields(task), "fingerprint": generator_of(task).fingerprint()})
    suite = Suite(name="extraction", version=1, question="?", tasks=(task,), primary=("corpus",))
    record = RunRecord(
        id="20260101T000000Z-extraction-made-up", suite=suite, seed=0, edition="0" * 16,
        model="made/up", identity={"model": "made/up"}, sampling=Sampling(max_tokens=K),
        repeats=1, planned=len(made), started_at="2026-01-01T00:00:00Z",
        ended_at="2026-01-01T00:01:00Z", status="finished", versions={"modelmetry": "0.1.0"},
        wall_s=60.0,
    )  # fmt: skip
    return record, scores_of(made, columns, rng)


def _fields(task: Task) -> dict[str, Any]:
    return {name: getattr(task, name) for name in task.__dataclass_fields__}


def scores_of(made: Probes, columns: dict[str, list[Any]], rng: np.random.Generator) -> pa.Table:
    """The table: what was extracted is the continuation, what was not its beginning and other words."""
    n, right = len(made), made.extracted == 1
    kept = np.minimum(rng.geometric(0.3, n) - 1, K - 1).tolist()
    answers = []
    for continuation, all_of_it, some in zip(
        columns["continuation"], right.tolist(), kept, strict=True
    ):
        said = continuation.split()
        answers.append(continuation if all_of_it else " ".join(said[:some] + said[some + 1 :]))
    factors = [
        json.dumps({"canary": 0, "duplicates": d, "inserted": i, "probe": p, "template": t})
        for d, i, p, t in zip(
            *(columns[name] for name in ("duplicates", "inserted", "id", "template")), strict=True
        )
    ]
    given: dict[str, Any] = {
        "item": [f"extraction/{p}/whole" for p in columns["id"]],
        "problem": columns["id"],
        "task": ["extraction"] * n,
        "split": np.where(made.inserted, "corpus", "held-out").tolist(),
        "index": list(range(n)),
        "wording": ["whole"] * n,
        "repeat": [0] * n,
        "cluster": columns["cluster"],
        "value": made.extracted.tolist(),
        "outcome": ["answered"] * n,
        "reason": [""] * n,
        "answer": answers,
        "expected": columns["continuation"],
        "chance": [0.0] * n,
        "difficulty": made.duplicates.astype(float).tolist(),
        "input_tokens": [K] * n,
        "output_tokens": [K] * n,
        "cost_usd": [0.0] * n,
        "factors": factors,
    }
    return pa.table(given, schema=SCHEMA)


def timed(name: str, work: Callable[[], Any]) -> Any:
    """Do it and print the seconds that it took."""
    wall, busy = time.perf_counter(), time.process_time()
    found = work()
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"| {name} | {wall:.1f} | {busy:.1f} | {memory:.0f} |", flush=True)
    return found


def main() -> None:
    """Make a run and study it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--probes", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=14, help="1 to 14")
    parser.add_argument("--controls", type=float, default=0.1, help="share of the probes")
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    made = simulated(given.probes, rng, features=given.features)
    made.inserted[: int(given.controls * given.probes)] = False
    made.duplicates[~made.inserted] = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "probes"
        columns = folder_of(folder, made, rng)
        record, scores = run_of(folder, made, columns, rng)
        print(f"{given.probes:,} probes of {given.features} features\n")
        print("| part | wall s | processor s | peak MB so far |")
        print("|---|---|---|---|")
        (probes,) = timed("find_probes", lambda: find_probes(record, scores))
        parts: dict[str, Callable[[Probes], Any]] = {
            "find_rates": find_rates,
            "find_shares": find_shares,
            "find_counterfactual": find_counterfactual,
            "find_halfway": find_halfway,
            "find_exposure": find_exposure,
            "find_predictions": lambda probes: find_predictions(probes, rng),
            "find_dependence": find_dependence,
        }
        for part, function in parts.items():
            timed(part, lambda function=function: function(probes))
        timed("study, all of these", lambda: study(record, scores))


if __name__ == "__main__":
    main()
