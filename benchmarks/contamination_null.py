"""How often does the contamination study accuse a model that never saw the edition?

    python benchmarks/contamination_null.py [--pairs 30] [--start 0]

Each pair is an edition of `quickstart`, as if published, and a fresh one of another seed; the check standard,
whose training data are known, has read neither. It is asked the suite `contamination` with log-probabilities,
and every test's one-sided p-value is printed, then the share of them below 0.05 and 0.2 and Kolmogorov's
distance from uniform.
Rows are not extracted of either side, so that their p-value is 0.5 throughout: they are left out.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from scipy import stats

from modelmetry import api

PER_SPLIT, REFERENCES, ORDERS, STRETCH = 30, 63, 7, 170


def one(number: int, folder: Path) -> dict[str, float]:
    """The p-values of one pair, by test."""
    published, fresh = (
        api.generate("quickstart", seed=seed, limit=PER_SPLIT, out=folder)
        for seed in (10_000 + number, 20_000 + number)
    )
    run = api.run(
        "contamination",
        model="reference/check-standard",
        suite_options={
            "edition": str(published),
            "fresh": str(fresh),
            "references": REFERENCES,
            "orders": ORDERS,
            "stretch": STRETCH,
        },
        seed=number,
        logprobs="target",
        max_tokens=1,
        log_dir=folder / "runs",
    )
    (study,) = api.contamination([run.folder], edition=published).studies
    return {signal.test: signal.p for signal in study.signals if signal.test != "rows"}


def main() -> None:
    """Print the p-values and what they come to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--start", type=int, default=0)
    options = parser.parse_args()
    found: dict[str, list[float]] = {}
    for number in range(options.start, options.start + options.pairs):
        with tempfile.TemporaryDirectory() as name:
            for test, p in one(number, Path(name)).items():
                found.setdefault(test, []).append(p)
                print(f"pair {number}: {test} p = {p:.3f}", flush=True)
    for test, values in found.items():
        p = np.array(values)
        print(
            f"{test}: {len(p)} pairs, {(p < 0.05).mean():.1%} below 0.05, {(p < 0.2).mean():.1%} below 0.2, "
            f"distance from uniform {stats.kstest(p, 'uniform').statistic:.2f} "
            f"(p = {stats.kstest(p, 'uniform').pvalue:.2f})"
        )


if __name__ == "__main__":
    main()
