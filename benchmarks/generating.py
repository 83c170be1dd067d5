"""Time every installed generator: problems per second of processor time, in one process.

    python benchmarks/generating.py [--n 5000]

Draws problems by index from every split at default options, and prints the median over splits
beside reasoning-gym's datasets where that package is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable

from modelmetry.items import Generator, Seed, installed, load


def rate(draw: Callable[[int], object], n: int) -> float:
    """Calls per second of processor time, after a warm-up."""
    for index in range(min(n, 20)):
        draw(index)
    started = time.process_time()
    for index in range(n):
        draw(index)
    return n / (time.process_time() - started)


def ours(n: int) -> dict[str, dict[str, float]]:
    """Generator -> split -> problems per second."""
    found: dict[str, dict[str, float]] = {}
    for name in installed("generators"):
        generator: Generator = load("generators", name)()
        found[name] = {}
        for split in generator.splits:
            most = generator.count(split)

            def draw(index: int, split: str = split, most: int = most) -> object:
                return generator.problem(Seed(root=0), split, index % most)  # noqa: B023

            found[name][split] = rate(draw, n)
    return found


def peers(n: int) -> dict[str, float]:
    """The peers' datasets nearest in kind -> items per second."""
    if importlib.util.find_spec("reasoning_gym") is None:
        return {}
    import reasoning_gym

    names = ("chain_sum", "basic_arithmetic", "shortest_path", "syllogism", "countdown")
    found = {}
    for name in names:
        data = reasoning_gym.create_dataset(name, size=n, seed=42)
        found[name] = rate(data.__getitem__, min(n, 500))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--n", type=int, default=5000)
    n = parser.parse_args().n
    print("| generator | median of splits, problems/s | slowest split |")
    print("|---|---|---|")
    medians = []
    for name, splits in ours(n).items():
        medians.append(statistics.median(splits.values()))
        slowest = min(splits, key=splits.__getitem__)
        print(f"| {name} | {medians[-1]:,.0f} | {slowest}: {splits[slowest]:,.0f} |")
    print(f"| median of generators | {statistics.median(medians):,.0f} | |")
    for name, speed in peers(n).items():
        print(f"| reasoning-gym {name} | {speed:,.0f} | |")


if __name__ == "__main__":
    main()
