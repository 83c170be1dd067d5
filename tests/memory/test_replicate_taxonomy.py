"""The replication on small language models: what it says of simulated ones, and a tiny one of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from itertools import chain
from pathlib import Path

import pytest
from benchmarks.memorizing.findings import Found, grown, monotone, report
from benchmarks.memorizing.plan import Checkpoint, Plan, Recipe, Size
from tests.memorized_runs import SMALL, Law, memorized_run

from modelmetry import api
from modelmetry.analyses.memorization.growth import find_growth
from modelmetry.analyses.memorization.study import MemorizationStudy, study
from modelmetry.memory.laboratory import Laboratory
from modelmetry.memory.memorization import Memorization
from modelmetry.suites import generator_of

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "replicate_taxonomy.py"


@cache
def studied(law: Law, draws: int = 0, resamples: int = 0) -> MemorizationStudy:
    """The study of a simulated model."""
    run = memorized_run(law, draws=draws)
    found = study(run.record, run.scores, resamples=resamples)
    assert found is not None
    return found


def said_of(law: Law) -> str:
    """Whether extraction is monotone in duplicates."""
    return " ".join(monotone(studied(law).tasks[0]))


def growth(first: Law, last: Law):
    """From one simulated model to another."""
    (found,) = find_growth([studied(first), studied(last, 1)], ["a", "b"], [1e5, 1e6], "weights")
    return found


def checkpoint(size: Size, passes: int, weights: int) -> Checkpoint:
    """One that was never trained."""
    return Checkpoint(
        size=size,
        weights=weights,
        step=100 * passes,
        passes=passes,
        tokens=100_000 * passes,
        loss=3.0,
        cpu_s=10.0,
        model=f"models/{size.name}/step-{100 * passes}",
    )


def test_each_pass_reads_the_corpus_in_its_order():
    """Batches follow each other through every pass, and checkpoints are kept where passes end."""
    recipe = Recipe(kept=(1, 3), batch=4)
    read = [list(range(14)[batch]) for batch in recipe.batches(14)]
    assert list(chain(*read)) == 3 * list(range(12))
    assert recipe.steps(14) == (3, 9)
    assert len(read) == 9


def test_extraction_that_rises_with_duplicates_is_not_called_falling():
    """Where more duplicates are recalled more often, no fall is claimed, and they rank what is extracted."""
    said = said_of(Law(halfway=8.0, slope=2.0))
    assert "it never falls." in said or "no fall is told from chance" in said
    assert "duplicates rank what is extracted with an area of 0." in said


def test_extraction_that_falls_with_duplicates_is_told():
    """A model that recalls only what it saw seldom is not monotone, and the falls are named."""
    assert "that is not monotone (" in said_of(Law(halfway=8.0, slope=-6.0, rules=0.0))


def test_recollection_that_grows_is_told_and_one_that_does_not_is_not():
    """The share and the rate of recollection grow if what stands there once is recalled at last."""
    little, much = Law(halfway=24.0, slope=4.0, rules=0.1), Law(halfway=0.2, slope=4.0, rules=0.1)
    assert grown(growth(little, much)).startswith("recollection's share grows (+")
    assert grown(growth(much, little)).startswith("recollection's share falls (")
    assert "is not shown to change" in grown(growth(much, much))


def test_the_report_has_every_checkpoint_and_answers_each_question():
    """A row for each size and checkpoint, and a sentence for each size under each of the questions."""
    laws = {"small": (Law(halfway=30.0), Law(halfway=15.0)), "large": (Law(), Law(halfway=3.0))}
    sizes = (Size(name="small", hidden=64, layers=2), Size(name="large", hidden=192, layers=4))
    checkpoints = {
        size.name: [checkpoint(size, passes, 1000 * size.hidden) for passes in (1, 3)]
        for size in sizes
    }
    studies = {name: [studied(law, i) for i, law in enumerate(laws[name])] for name in laws}
    studies["large"][1] = studied(laws["large"][1], 1, resamples=2)
    ends = [studies[name][-1] for name in laws]
    found = Found(
        plan=Plan(options=SMALL, sizes=sizes, recipe=Recipe(kept=(1, 3))),
        checkpoints=checkpoints,
        studies=studies,
        along_steps={
            name: find_growth(studies[name], ["a", "b"], [100, 300], "training steps")[0]
            for name in laws
        },
        along_weights=find_growth(ends, list(laws), [1e5, 9e5], "weights")[0],
    )
    lines = report(found).splitlines()
    assert [line[3] for line in lines if line.startswith("## ")] == ["W", "1", "2", "3", "4"]
    for name in laws:
        assert [line.split(" | ")[1] for line in lines if line.startswith(f"| {name} | ")][1:3] == [
            "1",
            "3",
        ]
        assert sum(line.startswith(f"- {name}: ") for line in lines) == 3
        assert sum(line.startswith(f"- with training of the {name} model: ") for line in lines) == 1
    assert sum(line.startswith("- with size: ") for line in lines) == 1
    told = "- large: the taxonomic model is better than the generic one by "
    assert sum(line.startswith(told) and " of 5 metrics " in line for line in lines) == 1
    assert sum(line.startswith("| large | log loss | taxonomic: ") for line in lines) == 1


@pytest.mark.torch
@pytest.mark.filterwarnings("default")
def test_words_are_tokens_and_numbers_those_of_the_laboratory():
    """The tokenizer turns a document's text into the document's own numbers, and what it does not know into one."""
    pytest.importorskip("torch")
    from benchmarks.memorizing.network import UNKNOWN, tokenizer

    laboratory = Laboratory(k=8, length=32, words=512, entropies=(3,))
    document = laboratory.document(3).tolist()
    made = tokenizer(laboratory)
    assert made(laboratory.vocabulary.text(document))["input_ids"] == document
    assert made(f"{laboratory.vocabulary.text(document[:2])} unheard")["input_ids"] == [
        *document[:2],
        laboratory.vocabulary.size,
    ]
    assert made.decode([laboratory.vocabulary.size]) == UNKNOWN


@pytest.mark.torch
@pytest.mark.filterwarnings("default")
def test_a_tiny_replication_runs_and_goes_on(tmp_path):
    """What was trained is not trained again, the model says what it says without a cache, and plans do not mix."""
    pytest.importorskip("torch")
    command = [sys.executable, str(SCRIPT), "--tiny", "--out", str(tmp_path)]

    def made():
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout, (tmp_path / "report.md").read_text(encoding="utf-8")

    printed, first = made()
    assert "small: step 64, loss" in printed
    weights = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    assert len(weights) == 4
    printed, again = made()
    assert printed.startswith("trained and asked: 0 s")
    assert again == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")} == weights
    (run,) = (tmp_path / "runs/large/step-64").iterdir()
    assert_greedy(tmp_path / "models/large/step-64", run)
    other = subprocess.run([*command, "--seed", "3"], capture_output=True, text=True, check=False)
    assert other.returncode == 1
    assert other.stderr.startswith(f"{tmp_path / 'plan.json'}: it is of another plan")


def assert_greedy(model: Path, run: Path) -> None:
    """The answers of a run are what its model takes to be likeliest, token by token, without a cache."""
    import torch
    from transformers import AutoModelForCausalLM

    read = api.read_run(run)
    generator = generator_of(read.record.suite.tasks[0])
    assert isinstance(generator, Memorization)
    laboratory, k = generator.laboratory, generator.k
    sequences = {sequence.id: sequence.tokens for sequence in laboratory.planted()}
    rows = [row for row in read.scores.to_pylist() if row["wording"] == "whole"]
    shown = []
    for row in rows:
        factors = json.loads(row["factors"])
        shown.append(sequences[f"{factors['pair']}/{'in' if factors['inserted'] else 'out'}"][:k])
    ids = torch.tensor(shown)
    network = AutoModelForCausalLM.from_pretrained(model).eval()
    with torch.inference_mode():
        for _ in range(k):
            likeliest = network(ids, use_cache=False).logits[:, -1].argmax(-1, keepdim=True)
            ids = torch.cat([ids, likeliest], dim=1)
    said = [laboratory.vocabulary.text(row) for row in ids[:, k:].tolist()]
    assert [row["answer"] for row in rows] == said
    assert len(set(said)) > 10
