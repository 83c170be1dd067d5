"""Measure respondents of known ability many times: how often does the interval hold the truth?

    python benchmarks/coverage.py [--runs 200]

Each run asks fresh problems (another seed) of `reference/simulated` through the whole instrument,
from generator to estimate, and checks whether the 95 % interval of the accuracy on addition's
`longer` split contains the respondent's true accuracy there. Prints the coverage with its own
interval, for independent answers and for problems that a respondent tends to know or not know in
all wordings, and the mean width. A sound 95 % interval covers in about 95 % of the runs.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from statistics import fmean

import numpy as np
from scipy.special import expit

from modelmetry import api
from modelmetry.analyses.estimates import headline
from modelmetry.statistics import proportions

CASES = [
    (problems, ability, spread)
    for problems in (20, 100)
    for ability in (0.0, 3.0)
    for spread in (0.0, 2.0)
]
"""Problems per run, ability in logits, spread over problems in logits."""


def truth(ability: float, spread: float, chance: float) -> float:
    """The respondent's accuracy over all problems: Gauss-Hermite over the problem effect."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    knows = float(expit(ability + spread * nodes) @ weights / weights.sum())
    return knows + (1 - knows) * chance


def covered(problems: int, ability: float, spread: float, runs: int) -> tuple[int, float]:
    """How many of `runs` intervals hold the truth, and their mean width."""
    suite = api.read_suite("addition")
    (task,) = suite.tasks
    suite = replace(
        suite,
        tasks=(replace(task, splits={"longer": problems}),),
        primary=("longer",),
        contrasts=(),
    )
    options = {"ability": ability, "cluster_sd": spread, "respondent": 0}
    hits, widths = 0, []
    for seed in range(1, runs + 1):
        with tempfile.TemporaryDirectory() as folder:
            run = api.run(
                suite,
                model="reference/simulated",
                model_options={**options, "respondent": seed},
                seed=seed,
                log_dir=folder,
            )
        (row,) = headline(run.record, run.scores)
        assert row.ci_low is not None
        assert row.ci_high is not None
        chance = fmean(run.scores.column("chance").to_pylist())
        hits += row.ci_low <= truth(ability, spread, chance) <= row.ci_high
        widths.append(row.ci_high - row.ci_low)
    return hits, fmean(widths)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=200)
    runs = parser.parse_args().runs
    print(
        "| problems | true accuracy | spread over problems | coverage | its interval | mean width |"
    )
    print("|---|---|---|---|---|---|")
    for problems, ability, spread in CASES:
        hits, width = covered(problems, ability, spread, runs)
        found = proportions.wilson(hits, runs)
        print(
            f"| {problems} | {truth(ability, spread, 0):.3f} | {spread:g} logits | {hits / runs:.3f} "
            f"| {found.low:.3f} to {found.high:.3f} | {width:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
