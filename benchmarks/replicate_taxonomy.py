"""Replication: do small language models recite, reconstruct and recollect, and does that grow?

    pip install 'modelmetry[local]'
    python benchmarks/replicate_taxonomy.py --out FOLDER [--tiny] [--device cuda]

Trains three sizes of language model from scratch on the corpus of a laboratory (`modelmetry.memory`), in
which every planted sequence is known, with a twin that stands nowhere; keeps checkpoints; asks each of
them the suite `memorization` through the back end `hf`; and writes report.md with what
`modelmetry memorization` finds about four questions, whatever comes out:

1. Is recitation monotone in the number of duplicates?
2. Does reconstruction succeed on twins, which no model has seen?
3. Do models per category predict extraction better than one for all?
4. Does recollection's share of what is extracted grow with size, and with training?

After Prashanth et al., "Recite, Reconstruct, Recollect: Memorization in LMs as a Multifaceted
Phenomenon" (ICLR 2025, arXiv 2406.17746), whose models and corpus are a million times as large.

A size is trained in one process on one thread, so more workers than sizes are idle. What --out has
already is not made again; its runs are ordinary ones, each with a report of its own. The recipe was
chosen on the corpus of seed 5.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
from memorizing.findings import Found, report
from memorizing.plan import Checkpoint, Plan, Recipe, Size

from modelmetry import api
from modelmetry.analyses.memorization.growth import find_growth
from modelmetry.analyses.memorization.study import MemorizationStudy, study
from modelmetry.suites import Suite

CORPUS_SEED, ASKED_SEED = 17, 1

KNOWN = "checkpoints.json"

OPTIONS: Mapping[str, Any] = {
    # Half the default: copies as many in a corpus half as large, which is read in half the time.
    "k": 16,
    "documents": 12_288,
    "length": 48,
    "words": 1024,
    "duplicates": [1, 2, 3, 4, 6, 8, 12, 16, 24, 32],
    "rules": 0.6,
}
"""Of the laboratory."""

SIZES = (
    Size(name="small", hidden=64, layers=2),
    Size(name="medium", hidden=96, layers=4),
    Size(name="large", hidden=192, layers=4),
)

TINY = Plan(
    options={
        "k": 8,
        "documents": 512,
        "length": 20,
        "words": 128,
        "duplicates": [1, 8],
        "entropies": [3],
        "near": 0,
        "canaries": 5,
        "rules": 0.6,
    },
    sizes=(Size(name="small", hidden=32, layers=2), Size(name="large", hidden=64, layers=2)),
    recipe=Recipe(kept=(1, 2)),
)


def main() -> None:
    """Train, ask, analyze, write."""
    given = _options()
    # Of the processes to come, before they import torch.
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    plan = TINY if given.tiny else Plan(options=OPTIONS, sizes=SIZES, recipe=Recipe())
    plan = replace(plan, options={**plan.options, "corpus": given.seed})
    with tempfile.TemporaryDirectory() as name:
        folder = (given.out or Path(name)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        _same(folder / "plan.json", plan)
        began = time.monotonic()
        sizes = made(folder, plan, given.device, given.workers)
        print(f"trained and asked: {time.monotonic() - began:.0f} s", flush=True)
        text = report(found(folder, plan, sizes))
        (folder / "report.md").write_text(text, encoding="utf-8")
        print(text)
        print(f"{time.monotonic() - began:.0f} s in all")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="keep models, runs and report.md here")
    parser.add_argument("--tiny", action="store_true", help="seconds; shows nothing")
    parser.add_argument("--seed", type=int, default=CORPUS_SEED, help="of the corpus")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    return parser.parse_args()


def _same(path: Path, plan: Plan) -> None:
    """Refuse a folder that another plan was begun in."""
    settings = msgspec.json.encode(plan, order="sorted")
    if path.exists() and path.read_bytes() != settings:
        raise SystemExit(
            f"{path}: it is of another plan; allowed: a new folder, or its own options"
        )
    path.write_bytes(settings)


def made(folder: Path, plan: Plan, device: str, workers: int) -> dict[str, list[Checkpoint]]:
    """All sizes trained and asked: checkpoints by size, in the plan's order."""
    done = {size.name: _known(folder, size) for size in plan.sizes}
    # The largest takes longest.
    left = [size for size in reversed(plan.sizes) if not _asked_all(done[size.name])]
    if left:
        jobs = [(folder, plan, size, device) for size in left]
        with get_context("spawn").Pool(min(workers, len(left))) as processes:
            for size, checkpoints in processes.imap_unordered(_made, jobs):
                print(f"{size}: trained and asked", flush=True)
                done[size] = checkpoints
    return done


def _known(folder: Path, size: Size) -> list[Checkpoint]:
    """The checkpoints of a size that was trained; none of another."""
    path = folder / "models" / size.name / KNOWN
    return msgspec.json.decode(path.read_bytes(), type=list[Checkpoint]) if path.exists() else []


def _asked_all(checkpoints: Sequence[Checkpoint]) -> bool:
    return bool(checkpoints) and all(each.run for each in checkpoints)


def _made(job: tuple[Path, Plan, Size, str]) -> tuple[str, list[Checkpoint]]:
    """One size, in a process of its own."""
    folder, plan, size, device = job
    import torch
    from transformers.utils.logging import disable_progress_bar

    torch.set_num_threads(1)
    disable_progress_bar()
    known = folder / "models" / size.name / KNOWN
    with contextlib.chdir(folder):
        checkpoints = _known(folder, size)
        if not checkpoints:
            checkpoints = _trained(size, plan, device)
            known.write_bytes(msgspec.json.encode(checkpoints))
        suite = plan.suite
        checkpoints = [_asked(each, suite, plan.laboratory.k, device) for each in checkpoints]
        known.write_bytes(msgspec.json.encode(checkpoints))
    return size.name, checkpoints


def _trained(size: Size, plan: Plan, device: str) -> list[Checkpoint]:
    """Train one size and write its checkpoints."""
    from memorizing import network

    laboratory, recipe = plan.laboratory, plan.recipe
    checkpoints: list[Checkpoint] = []
    began, aside = time.process_time(), 0.0

    def keep(step: int, loss: float, model: Any) -> None:
        nonlocal aside
        now = time.process_time()
        folder = Path("models") / size.name / f"step-{step}"
        network.write(model, laboratory, folder)
        checkpoints.append(
            Checkpoint(
                size=size,
                weights=network.weights(size, laboratory),
                step=step,
                passes=recipe.kept[len(checkpoints)],
                tokens=step * recipe.batch * laboratory.length,
                loss=loss,
                cpu_s=now - began - aside,
                model=folder.as_posix(),
            )
        )
        print(f"{size.name}: step {step:,}, loss {loss:.3f}", flush=True)
        aside += time.process_time() - now

    network.train(size, recipe, laboratory, device, keep)
    return checkpoints


def _asked(checkpoint: Checkpoint, suite: Suite, k: int, device: str) -> Checkpoint:
    """A checkpoint with the folder of its run; one that was broken off goes on."""
    run = api.run(
        suite,
        model=f"hf/{checkpoint.model}",
        model_options={"batch_size": 256, "device": device},
        max_tokens=k,
        logprobs="target",
        seed=ASKED_SEED,
        log_dir=checkpoint.model.replace("models", "runs", 1),
        resume=True,
    )
    return replace(checkpoint, run=run.folder.as_posix())


def found(folder: Path, plan: Plan, sizes: Mapping[str, Sequence[Checkpoint]]) -> Found:
    """What `modelmetry memorization` finds, along size at the end and along training in each size."""
    last = [checkpoints[-1] for checkpoints in sizes.values()]
    ends = api.memorization(
        [folder / each.run for each in last],
        along="weights",
        at=[each.weights for each in last],
    )
    studies, along_steps = {}, {}
    for (name, checkpoints), end in zip(sizes.items(), ends.studies, strict=True):
        # Of checkpoints on the way no predictions are asked, which take most of the time.
        before = [_studied(folder / each.run) for each in checkpoints[:-1]]
        studies[name] = [*before, end]
        steps = [each.step for each in checkpoints]
        (along_steps[name],) = find_growth(
            studies[name], list(map(str, steps)), steps, "training steps"
        )
    return Found(
        plan=plan,
        checkpoints=sizes,
        studies=studies,
        along_steps=along_steps,
        along_weights=ends.growth[0],
    )


def _studied(run: Path) -> MemorizationStudy:
    """The study of a run, without predictions."""
    read = api.read_run(run)
    made = study(read.record, read.scores, resamples=0)
    assert made is not None
    return made


if __name__ == "__main__":
    main()
