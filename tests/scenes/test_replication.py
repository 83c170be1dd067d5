"""The replication: planted slopes are found, and a tiny sweep runs, stops and goes on."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.replication.findings import TESTS, Run, measured, sentence, slopes, text
from benchmarks.replication.pools import ANSWERS, MOST, NONE, WORDS, Source

from modelmetry.analyses.gaps import Gap
from modelmetry.scenes.holdouts import holdout
from modelmetry.scenes.kinds import KINDS
from modelmetry.statistics import Estimate

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "replicate_systematicity.py"
PAIRS = ("cyan cylinder", "brown sphere", "gray cube")


def source(pair="cyan cylinder", diversity=12):
    """Zero-hop questions without pictures."""
    return Source(pair=pair, diversity=diversity, seed=0, families=("zero-hop",), pictures=False)


def gap(pair, diversity, value):
    """A gap with the error of some hundred clusters."""
    estimate = Estimate(
        value=value,
        std_error=0.02,
        low=value - 0.04,
        high=value + 0.04,
        level=0.95,
        n=800,
        clusters=200,
        method="",
    )
    return Gap(
        pair=pair,
        types="color x shape",
        diversity=diversity,
        accuracy_a=0.95,
        accuracy_b=0.95 - value,
        estimate=estimate,
    )


def sweep(by_diversity, by_questions, spread=0.05):
    """Networks whose gaps change as told per doubling; networks of one pool share a deviation."""
    rng = random.Random(1)
    found = []
    for pair in PAIRS:
        level = rng.gauss(0.3, 0.05)
        for diversity in (8, 14, 23):
            for seed in range(3):
                shared = rng.gauss(0, spread)
                for questions in (2_000, 8_000, 32_000):
                    value = level + shared + rng.gauss(0, 0.02)
                    value += by_diversity * math.log2(diversity / 8)
                    value += by_questions * math.log2(questions / 8_000)
                    both = dict.fromkeys(TESTS, gap(pair, diversity, value))
                    found.append(
                        Run(
                            part="knob",
                            coding="entangled",
                            pair=pair,
                            types="color x shape",
                            diversity=diversity,
                            questions=questions,
                            seed=seed,
                            gaps=both,
                            loss=0.0,
                            seconds=0.0,
                        )
                    )
    return found


def over_all(runs, what="gap"):
    """The minimal tests' slopes over everything."""
    return {
        each.of: each
        for each in slopes(runs)
        if (each.test, each.what, each.at) == ("minimal", what, "all")
    }


@pytest.mark.parametrize(("diversity", "questions"), [(-0.15, 0.0), (0.0, -0.05), (0.0, 0.0)])
def test_planted_slopes_are_recovered(diversity, questions):
    """Both intervals hold what was planted, and the sentences say it."""
    found = over_all(sweep(diversity, questions))
    for each, planted in ((found["diversity"], diversity), (found["questions"], questions)):
        assert each.estimate.low <= planted <= each.estimate.high
        said = sentence(each)
        assert ("no change of the gap" if planted == 0 else "the gap falls") in said
    ood = over_all(sweep(diversity, questions), "OOD")  # the accuracy is planted as 0.95 - gap
    assert ood["diversity"].estimate.value == pytest.approx(-found["diversity"].estimate.value)


def test_networks_of_one_pool_are_no_independent_units():
    """The 81 networks of 27 pools are 27 units against diversity; what pools share widens that alone."""
    found = over_all(sweep(0.0, 0.0))
    assert (found["diversity"].estimate.n, found["questions"].estimate.n) == (27, 81)
    widths = [
        {of: each.estimate.high - each.estimate.low for of, each in over_all(runs).items()}
        for runs in (sweep(0.0, 0.0, spread=0.01), sweep(0.0, 0.0, spread=0.2))
    ]
    assert widths[1]["diversity"] > 3 * widths[0]["diversity"]
    assert widths[1]["questions"] == pytest.approx(widths[0]["questions"], rel=0.2)


def test_findings_name_every_cell_and_slope():
    """The text has a row per cell and a sentence for each slope over everything."""
    lines = list(text(sweep(-0.1, 0.0)))
    assert sum(line.startswith("| color x shape |") for line in lines) == 2 * 9
    assert sum(line.startswith("\nentangled objects") for line in lines) == 4


def test_training_problems_hold_nothing_held_out():
    """No object and no description of a training set combines what training must not show."""
    held = holdout("cyan cylinder", 12)
    problems = source().train(300)
    values = [[WORDS[word] or None for word in filter_[1:5]] for filter_ in problems.words[:, 0]]
    assert not {(value[1], value[3]) for value in values if value[1] and value[3]} - held.shown
    kinds = {KINDS[code] for code in problems.kinds.ravel() if code != NONE}
    assert {held.combination(kind) for kind in kinds} <= held.shown


def test_training_asks_as_the_minimal_tests_ask():
    """Training has scenes of one object, and asks for two values alone, with either answer."""
    problems = source().train(2_000)
    assert set((problems.kinds != NONE).sum(axis=1)) == set(range(1, MOST + 1))
    pair_alone = (problems.words[:, 0, 1:5] > 0) == [False, True, False, True]
    there = (problems.words[:, 1, 0] == WORDS.index("exist")) & pair_alone.all(axis=1)
    assert {ANSWERS[answer] for answer in problems.answers[there]} == {"yes", "no"}


def test_the_two_complex_tests_have_the_same_answers():
    """IID and OOD answers agree, problem by problem."""
    tests = source().tests(40)
    assert tests["complex-iid"].answers.tolist() == tests["complex-ood"].answers.tolist()
    assert tests["minimal-iid"].clusters == tests["minimal-ood"].clusters


def test_gaps_are_those_of_balanced_accuracy():
    """Saying no to whatever is held out is a gap of a half; saying no to everything is none."""
    tests = source().tests(20)
    no = {split: np.full_like(each.answers, ANSWERS.index("no")) for split, each in tests.items()}
    right = {split: each.answers for split, each in tests.items()}
    blind = right | {"minimal-ood": no["minimal-ood"]}
    held = source().held
    found = [measured(held, tests, given)["minimal"] for given in (blind, no, right)]
    assert [gap.estimate.value for gap in found] == [0.5, 0.0, 0.0]
    assert (found[0].accuracy_a, found[0].accuracy_b, found[0].diversity) == (1.0, 0.5, 12)


@pytest.mark.torch
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("flags", [(), ("--pictures",)])
def test_a_tiny_sweep_runs_and_goes_on(tmp_path, flags):
    """A sweep that was stopped gives the same networks as one that was not."""
    pytest.importorskip("torch")
    out = tmp_path / "runs.jsonl"
    command = [sys.executable, str(SCRIPT), "--out", str(out), "--quick", "--workers", "1", *flags]

    def runs():
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert "Change per doubling" in said
        found = json.loads(out.with_suffix(".json").read_text())["runs"]
        return [{**run, "seconds": 0} for run in found]

    whole = runs()
    assert len(whole) == (8 + 2 if flags else 4 * 5 + 2 * 2)
    lines = out.read_text().splitlines(keepends=True)
    out.write_text("".join(lines[:3]) + lines[3][:100])
    subprocess.run([*command, "--show"], capture_output=True, check=True)
    assert out.read_text() == "".join(lines[:3])
    assert runs() == whole
    other = subprocess.run(
        [*command, "--seeds", "9", "--steps", "3"], capture_output=True, text=True
    )
    assert other.returncode == 1
    assert other.stderr.startswith(f"{out}: it is of another sweep")
