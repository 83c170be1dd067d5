"""Do IID and OOD problems of CLEVR-HOPE differ in anything but the pair?

    python benchmarks/matching.py [--problems 2900]

Prints, for features that a model could live on, the mean on both sides and the p-value of a
chi-square test that they are distributed alike. With so many tests a few small p are expected.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping

import numpy as np
from scipy.stats import chi2_contingency

from modelmetry.items import Problem, Seed
from modelmetry.scenes.holdouts import holdout
from modelmetry.scenes.hope import ClevrHope
from modelmetry.scenes.telling import scene_and_question


def features(problem: Problem) -> Mapping[str, float]:
    """Numbers that say how a problem looks, whatever its pair."""
    scene, question = scene_and_question(problem.fields)
    held = holdout(str(problem.factors["pair"]))
    named = tuple(str(problem.factors["named"]).split())
    combinations = [held.combination(thing.kind) for thing in scene.things]
    slots = [set(named) <= set(each.named) for each in question.filters]
    return {
        "objects": len(combinations),
        "objects of what is named": combinations.count(named),
        "distinct combinations": len(set(combinations)),
        "words": len(problem.fields["question"].split()),
        "values named": sum(len(each.named) for each in question.filters),
        "slot that names": slots.index(True),
    }


def main() -> None:
    """Draw both sides and compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=2_900, help="on each side")
    n = parser.parse_args().problems
    generator = ClevrHope()
    for test in ("complex", "minimal"):
        sides = [
            [generator.problem(Seed(root=0), f"{test}-{side}", i) for i in range(n)]
            for side in ("iid", "ood")
        ]
        keys = [
            [(p.factors["pair"], p.factors["template"], p.target.answers[0]) for p in side]
            for side in sides
        ]
        print(
            f"\n{test}: {n:,} a side; pair, template and answer equal at every index: {keys[0] == keys[1]}\n"
        )
        print("| feature | IID | OOD | p |\n|---|---|---|---|")
        told = [[features(problem) for problem in side] for side in sides]
        for name in told[0][0]:
            a, b = ([each[name] for each in side] for side in told)
            counts = [Counter(a), Counter(b)]
            levels = sorted(counts[0] | counts[1])
            table = np.array([[c[level] for level in levels] for c in counts])
            table = table[:, table.sum(axis=0) >= 10]
            p = chi2_contingency(table).pvalue if table.shape[1] > 1 else 1.0
            print(f"| {name} | {np.mean(a):.3f} | {np.mean(b):.3f} | {p:.2g} |")


if __name__ == "__main__":
    main()
