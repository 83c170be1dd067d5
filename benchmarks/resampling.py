"""Time resampling beside scipy's, in one process: the clustered bootstrap and the paired sign-flip test.

    python benchmarks/resampling.py [--runs 5] [--n 10000] [--resamples 10000]

Right or wrong answers of a model, and of a second on the same items. Each of ours is followed by
scipy's with the same number of resamples, at its default and at batch sizes about the fastest. The
table has the median of wall seconds (of what takes more than two, one run), the most memory that
Python and numpy held at once, measured in a run of its own, and the ratio of the slowest of ours to
scipy's. It takes about two minutes and, for scipy's defaults, 6 GB.
"""

from __future__ import annotations

import argparse
import statistics
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
from scipy import stats

from modelmetry.statistics import paired_tests, resampling

Work = Callable[[], object]

SLOW = 2.0
"""Seconds above which once is enough."""


def seconds(work: Work) -> float:
    """Wall seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def megabytes(work: Work) -> float:
    """Peak memory of one call, of what numpy and Python allocate."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def contests(n: int, resamples: int) -> dict[str, tuple[dict[str, Work], dict[str, Work]]]:
    """Subject -> ours and scipy's, each by name."""
    rng = np.random.default_rng(0)
    a, b = ((rng.random(n) < p).astype(float) for p in (0.60, 0.58))
    deltas = a - b
    clusters = np.repeat(np.arange(n // 4 + 1), 4)[:n]
    again = {"n_resamples": resamples, "vectorized": True}

    def bootstrap(method: str, batch: int | None = None) -> Work:
        return lambda: stats.bootstrap((a,), np.mean, method=method, batch=batch, rng=rng, **again)

    def permutation(batch: int | None = None) -> Work:
        return lambda: stats.permutation_test(
            (deltas,), np.sum, permutation_type="samples", batch=batch, rng=rng, **again
        )

    def ours(of: np.ndarray | None) -> Work:
        return lambda: resampling.bootstrap_mean(a, of, rng=rng, resamples=resamples)

    def flips(of: np.ndarray | None) -> Work:
        return lambda: paired_tests.sign_flip(deltas, of, rng=rng, resamples=resamples)

    return {
        "bootstrap of a mean": (
            {
                "resampled_means, items": lambda: resampling.resampled_means(
                    a, rng=rng, resamples=resamples
                ),
                "bootstrap_mean, items": ours(None),
                "bootstrap_mean, clusters of 4": ours(clusters),
            },
            {
                "scipy.stats.bootstrap, default": bootstrap("BCa"),
                **{f"scipy, percentile, batch={k}": bootstrap("percentile", k) for k in (50, 200)},
            },
        ),
        "sign-flip test": (
            {"sign_flip, items": flips(None), "sign_flip, clusters of 4": flips(clusters)},
            {
                "scipy.stats.permutation_test, default": permutation(),
                **{f"scipy, batch={k}": permutation(k) for k in (200, 400)},
            },
        ),
    }


def main() -> None:
    """Measure in turn and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--resamples", type=int, default=10_000)
    arguments = parser.parse_args()
    print("| subject | who | seconds | peak MB | slowest of ours / this |")
    print("|---|---|---|---|---|")
    for subject, (ours, theirs) in contests(arguments.n, arguments.resamples).items():
        figures = {name: [seconds(work)] for name, work in {**ours, **theirs}.items()}
        for _ in range(arguments.runs - 1):
            for name, work in {**ours, **theirs}.items():
                if figures[name][0] < SLOW:
                    figures[name].append(seconds(work))
        medians = {name: statistics.median(found) for name, found in figures.items()}
        slowest = max(medians[name] for name in ours)
        best = min(medians[name] for name in theirs)
        for name, work in {**ours, **theirs}.items():
            ratio = "" if name in ours else f"1/{medians[name] / slowest:.1f}"
            print(
                f"| {subject} | {name} | {medians[name]:.4f} | {megabytes(work):.0f} | {ratio} |",
                flush=True,
            )
        print(f"| {subject} | ours to scipy at its best | | | 1/{best / slowest:.1f} |")


if __name__ == "__main__":
    main()
