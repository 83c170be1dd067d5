"""The contract that every installed generator keeps, held against each of them alike.

A test that fails on `golden.json` means that the same seed now gives other problems: raise the
generator's version, then write the new fingerprints with

    python -c "from json import dumps; from pathlib import Path; from tests.generators.test_contract \
    import LOADABLE, _generator; Path('tests/generators/golden.json').write_text(dumps({name: \
    _generator(name).fingerprint() for name in LOADABLE}, indent=2) + '\\n')"
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import random
import subprocess
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.brought import BROUGHT

from modelmetry.errors import BadInput, SpaceExhausted
from modelmetry.items import (
    Generator,
    Problem,
    Seed,
    Target,
    canonical_json,
    content_hash,
    installed,
    load,
)
from modelmetry.memory.continuing import Continuing
from modelmetry.spaces import Space, Strata

GOLDEN = Path(__file__).with_name("golden.json")
NAMES = installed("generators")

ONE_ANSWER = {"guardrails"}
"""Generators all of whose requests are benign: the canonical answer is the same everywhere."""


def _loadable() -> list[str]:
    """Generators that import and need nothing that tests do not have; a test below says if one does not."""
    found = []
    for name in NAMES:
        try:
            kind = load("generators", name)
        except ImportError:
            continue
        if not kind.needs or name in BROUGHT:
            found.append(name)
    return found


LOADABLE = _loadable()
CASES = [(name, split) for name in LOADABLE for split in load("generators", name).splits]

each_generator = pytest.mark.parametrize("name", LOADABLE)
each_split = pytest.mark.parametrize(("name", "split"), CASES)


def _options(name: str) -> dict[str, Any]:
    return dict(BROUGHT[name]()) if name in BROUGHT else {}


def _generator(name: str) -> Generator:
    return load("generators", name)(**_options(name))


def _many(name: str) -> int:
    """How many problems of a split are looked at: fewer where each takes milliseconds."""
    return 120 if name.startswith("clevr") else 400


_DRAWN: dict[tuple[str, str, int], list[Problem]] = {}


def _sample(name: str, split: str, most: int, root: int = 42) -> list[Problem]:
    """The first problems of a split, as many as it is sure to hold; each is drawn once."""
    generator = _generator(name)
    drawn = _DRAWN.setdefault((name, split, root), [])
    for i in range(len(drawn), min(most, generator.count(split))):
        drawn.append(generator.problem(Seed(root=root), split, i))
    return drawn[:most]


def _is_right(target: Target, answer: str) -> bool:
    """Whether a canonical answer is right, read straight from the target's definition."""
    if target.interval is not None:
        return target.interval[0] <= float(answer) <= target.interval[1]
    return answer in target.answers


def _is_admitted(target: Target, answer: str) -> bool:
    if target.choices:
        return answer in target.choices
    return target.domain is None or target.domain[0] <= int(answer) <= target.domain[1]


def _shared_by_chance(sizes: list[tuple[int, int]], at_least: int) -> float:
    """Probability that two draws share so many points.

    Args:
        sizes: For each stratum, how many points it holds and how many each draw takes.
        at_least: Number of shared points, >= 0.
    """
    total = np.ones(1)
    for size, taken in sizes:
        ways = math.comb(size, taken)
        shared = [
            math.comb(taken, x) * math.comb(size - taken, taken - x) / ways
            for x in range(taken + 1)
        ]
        total = np.convolve(total, shared)
    return float(total[at_least:].sum())


def _drawn(strata: Strata, n: int) -> list[tuple[int, int]]:
    taken = Counter(strata.turns.place(index)[0] for index in range(n))
    return [(strata.sizes[stratum], k) for stratum, k in taken.items()]


# Run with another hash seed in another process; the numbers are those of the test below.
ELSEWHERE = """
import json, sys
from modelmetry.items import Seed, content_hash, load
generator = load("generators", sys.argv[1])(**json.loads(sys.argv[3]))
print(content_hash([
    [generator.problem(Seed(root=42), split, i)
     for i in range(min(int(sys.argv[2]), generator.count(split)))]
    for split in generator.splits
]))
"""


def test_generators_are_installed() -> None:
    """There are generators to hold to the contract, and some of them import."""
    assert NAMES
    assert LOADABLE


@each_generator
def test_a_generator_describes_itself(name: str) -> None:
    """A generator is a frozen dataclass with a version, a train split and a difficulty factor."""
    generator = _generator(name)
    assert generator.name == name
    assert generator.version >= 1
    assert dataclasses.is_dataclass(generator)
    assert generator.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert next(iter(generator.splits)) == "train"
    assert len(generator.splits) >= 2
    assert all(len(sentence.split()) >= 3 for sentence in generator.splits.values())
    assert generator.difficulty in generator.factors
    assert len(set(generator.fields)) == len(generator.fields)


@each_generator
@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_same_seed_same_bytes_in_every_process(name: str, hash_seed: str) -> None:
    """Another process with another PYTHONHASHSEED draws the same bytes."""
    n = _many(name) // 10
    here = content_hash([_sample(name, split, n) for split in _generator(name).splits])
    there = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, name, str(n), json.dumps(_options(name))],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout.strip() == here


@each_generator
def test_output_changes_only_with_the_version(name: str) -> None:
    """The fingerprint is the recorded one; see the module's docstring when it is not."""
    assert (
        json.loads(GOLDEN.read_text(encoding="utf-8")).get(name) == _generator(name).fingerprint()
    )


def test_the_chance_of_shared_points_is_exact() -> None:
    """Over all pairs of 2-subsets of 5 points and of 1-subsets of 3, sharing occurs as computed."""
    counts = Counter(
        len(set(a) & set(b)) + (c == d)
        for a in combinations(range(5), 2)
        for b in combinations(range(5), 2)
        for c in range(3)
        for d in range(3)
    )
    for shared in range(4):
        expected = sum(n for x, n in counts.items() if x >= shared) / sum(counts.values())
        assert _shared_by_chance([(5, 2), (3, 1)], shared) == pytest.approx(expected)


@each_split
def test_neighboring_seeds_share_no_more_than_chance(name: str, split: str) -> None:
    """Seeds 42 and 43 share no more problems than two independent draws would."""
    strata = _generator(name).stratification(split)
    # A quarter of a small space leaves room for the overlap to be too large.
    n = max(1, min(_many(name), strata.count // 4))
    mine, other = ({p.uid for p in _sample(name, split, n, root)} for root in (42, 43))
    assert _shared_by_chance(_drawn(strata, n), len(mine & other)) > 1e-6


@each_split
def test_uids_are_unique(name: str, split: str) -> None:
    """Distinct problems have distinct uids, and no two of them show the same fields."""
    generator = _generator(name)
    n = min(_many(name), generator.count(split) // 2)
    problems = list(generator.problems(Seed(root=42), split, n))
    assert len({p.uid for p in problems}) == n
    assert len({canonical_json(p.fields) for p in problems}) == n
    assert all(len(p.uid) == 16 and int(p.uid, 16) >= 0 and p.cluster for p in problems)


@each_split
def test_the_canonical_answer_is_right(name: str, split: str) -> None:
    """The canonical answer is right and admitted, and chance lies in [0, 1) of many problems."""
    problems = _sample(name, split, _many(name))
    for problem in problems:
        answer = problem.target.answers[0]
        # A continuation begins with the white space that stands before it.
        assert answer.rstrip() == answer != ""
        assert answer.strip() == answer or isinstance(_generator(name), Continuing)
        assert _is_right(problem.target, answer), problem
        assert _is_admitted(problem.target, answer), problem
        assert 0 <= problem.target.chance <= 1
    assert sum(p.target.chance for p in problems) < len(problems)
    assert (len({p.target.answers[0] for p in problems}) > 1) != (name in ONE_ANSWER)


@each_split
def test_the_second_solver_agrees(name: str, split: str) -> None:
    """The second way to the answer, from the shown fields alone, ends at the canonical one."""
    generator = _generator(name)
    for problem in _sample(name, split, _many(name)):
        shown = msgspec.json.decode(canonical_json(problem.fields))
        assert generator.solve(shown) == problem.target.answers[0], problem


@each_split
def test_declared_fields_and_factors_are_those_produced(name: str, split: str) -> None:
    """Every problem has exactly the declared fields and factors, and its difficulty is a number."""
    generator = _generator(name)
    for problem in _sample(name, split, 100):
        assert set(problem.fields) == set(generator.fields)
        assert set(problem.factors) == set(generator.factors)
        assert all(isinstance(level, str | int | float) for level in problem.factors.values())
        difficulty = problem.factors[generator.difficulty]
        assert isinstance(difficulty, int | float)
        assert not isinstance(difficulty, bool)
        assert math.isfinite(difficulty)


@each_generator
def test_difficulty_varies(name: str) -> None:
    """The difficulty axis has more than one level."""
    generator = _generator(name)
    levels = {
        problem.factors[generator.difficulty]
        for split in generator.splits
        for problem in _sample(name, split, 50)
    }
    assert len(levels) > 1


@each_split
def test_random_access_equals_sequential_access(name: str, split: str) -> None:
    """A problem is the same drawn in turn, alone, backward, or between other seeds and splits."""
    generator, other = _generator(name), _generator(name)
    seed = Seed(root=7)
    n = min(_many(name) // 5, generator.count(split) // 2)
    drawn = list(generator.problems(seed, split, n))
    for problem in random.Random(0).sample(drawn, len(drawn)):
        other.problem(Seed(root=8), split, problem.index)
        other.problem(seed, "train", 0)
        assert other.problem(seed, split, problem.index) == problem


@each_split
def test_exhaustion_is_refused(name: str, split: str) -> None:
    """More problems than the space holds are refused, at the index and at the count."""
    generator = _generator(name)
    count = generator.count(split)
    generator.problem(Seed(root=0), split, count - 1)
    for index in (count, -1):
        with pytest.raises(SpaceExhausted, match=str(count)):
            generator.problem(Seed(root=0), split, index)
    with pytest.raises(SpaceExhausted, match=str(count)):
        next(generator.problems(Seed(root=0), split, count + 1))


@each_generator
def test_an_unknown_split_is_refused(name: str) -> None:
    """A split that does not exist is answered with those that do."""
    with pytest.raises(BadInput, match="allowed: train, "):
        _generator(name).count("no-such-split")


@each_split
def test_a_problem_survives_json(name: str, split: str) -> None:
    """A problem written as JSON and read back is equal to the original."""
    for problem in _sample(name, split, 50):
        assert msgspec.json.decode(canonical_json(problem), type=Problem) == problem


@each_generator
def test_strata_are_disjoint(name: str) -> None:
    """No point is in two strata, within a split or between splits, wherever that can be decided."""
    generator = _generator(name)
    strata = [
        (split, space)
        for split in generator.splits
        for space in generator.stratification(split).spaces
    ]
    for (split, space), (other_split, other) in combinations(strata, 2):
        if set(space.names) == set(other.names) and _decidable(space, other):
            assert space.isdisjoint(other), f"{split} {space} and {other_split} {other}"


def _decidable(a: Space, b: Space) -> bool:
    """Whether both are small enough to be listed, so that `isdisjoint` cannot give up."""
    return max(a.count, b.count) <= 1_000_000


@each_generator
def test_splits_share_no_problem(name: str) -> None:
    """No problem of one split occurs in another, in large samples under different seeds."""
    generator = _generator(name)
    uids = {
        split: {p.uid for root in (42, 43) for p in _sample(name, split, _many(name), root)}
        for split in generator.splits
    }
    for a, b in combinations(generator.splits, 2):
        assert not uids[a] & uids[b], f"{a} and {b}"


@pytest.mark.parametrize("name", NAMES)
def test_every_installed_generator_loads(name: str) -> None:
    """What is installed as a generator imports and is a Generator."""
    assert issubclass(load("generators", name), Generator)


@pytest.mark.parametrize("name", NAMES)
def test_a_generator_needs_what_it_says_and_nothing_else(name: str) -> None:
    """Without the options that it needs a generator is refused with how to give one; else it is made."""
    kind = load("generators", name)
    options = [field.name for field in dataclasses.fields(kind)]
    assert set(kind.needs) <= set(options)
    if not kind.needs:
        assert kind().name == name
        return
    with pytest.raises(BadInput, match=rf"^{name}: no .*allowed: -T {kind.needs[0]}=") as refused:
        kind()
    assert "\n" not in str(refused.value)
