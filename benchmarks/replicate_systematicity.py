"""Replication: does a systematicity gap fall with attribute diversity, and not with more data?

    pip install modelmetry torch
    python benchmarks/replicate_systematicity.py --out replication.jsonl [--quick]
    python benchmarks/replicate_systematicity.py --out pictures.jsonl --pictures --device cuda

Trains small transformers from scratch on problems of CLEVR-HOPE, in which two attribute values never
meet, for every diversity (combinations of their types that training shows), number of training
questions and seed, and prints the gap between tests with combinations that training shows (IID)
and tests with the pair (OOD), its change per doubling of either, and one sentence on each,
whatever comes out. After Berlot-Attwell et al., "Attribute Diversity Determines the Systematicity Gap
in VQA" (EMNLP 2024, arXiv 2311.08695), who find that it falls with the former and not with the
latter.

What a network is given of an object decides what there is to learn. `entangled`, the main result,
gives fixed vectors in which attributes are mixed with their combinations: they must be learned, as
from a picture. `factored` gives a name to each attribute, so that systematicity comes cheap;
`holistic` gives one to each of the 96 kinds, so that there can be none: it shows that a gap is found
where there must be one. The main test is the minimal one. All networks take as many steps, so that
more data is not more training.

Every pool of networks is a line of --out; a sweep that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import msgspec
import torch
from replication.findings import Run, measured, slopes, text
from replication.network import Recipe, answers, train
from replication.pools import Source

from modelmetry.items import digest
from modelmetry.scenes.templates import FAMILIES

PAIRS = ("cyan cylinder", "brown sphere", "gray cube")
"""Of color x shape, the types with most combinations; each of the shapes is in one."""

DIVERSITIES = (8, 14, 23)
"""From the fewest that show every color and shape, to all but the pair."""

NATURAL = ("rubber cylinder", "cyan rubber", "large rubber", "large cylinder", "large cyan")
"""With `cyan cylinder` all pairs of one object, as in the source: 3, 5, 15 or 23 combinations."""

QUESTIONS = (2_000, 8_000, 32_000)

SYMBOLS = Recipe(width=64, layers=2, heads=2, steps=1500, batch=64, rate=2e-3, device="cpu")
PICTURES = Recipe(width=128, layers=4, heads=4, steps=12_000, batch=256, rate=1e-3, device="cpu")

CODINGS = ("entangled", "factored")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Networks that share training problems and tests.

    Attributes:
        part: Of the sweep: `knob`, or `natural`, which has the most training questions alone.
        source: What problems are drawn from.
        trained: (coding, training questions) of each network.
        tests: Complex problems of each kind, and quads of minimal ones.
        recipe: How networks are trained.
    """

    part: str
    source: Source
    trained: tuple[tuple[str, int], ...]
    tests: int
    recipe: Recipe

    @property
    def key(self) -> tuple[str, int, int]:
        """What tells it from the other pools of a sweep."""
        return self.source.held.name, self.source.held.diversity, self.source.seed


def main() -> None:
    """Train what is not yet trained, then say what came out."""
    options = _options()
    torch.set_num_threads(1)
    pools = list(plan(options))
    settings = msgspec.json.decode(msgspec.json.encode(pools))
    known = _known(options.out, settings)
    left = [] if options.show else [pool for pool in pools if pool.key not in known]
    began = time.monotonic()
    with options.out.open("ab") as file:
        for runs in swept(left, options.workers):
            file.write(msgspec.json.encode(runs) + b"\n")
            file.flush()
            known[_key(runs[0])] = runs
            took = time.monotonic() - began
            print(f"{len(known)} of {len(pools)} pools; {took:.0f} s", flush=True)
    runs = [run for pool in pools for run in known.get(pool.key, [])]
    if not runs:
        raise SystemExit(f"{options.out}: nothing is trained yet; allowed: without --show")
    print("\n".join(text(runs)))
    found = msgspec.json.encode({"slopes": list(slopes(runs)), "runs": runs})
    options.out.with_suffix(".json").write_bytes(msgspec.json.format(found) + b"\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="JSON lines; FILE.json at the end")
    parser.add_argument("--quick", action="store_true", help="a tiny sweep that shows nothing")
    parser.add_argument("--show", action="store_true", help="what came out so far; train nothing")
    parser.add_argument(
        "--pictures", action="store_true", help="64 x 48 pixels in place of symbols"
    )
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=["zero-hop"])
    parser.add_argument("--questions", nargs="+", type=int, default=QUESTIONS)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, help="of training")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    return parser.parse_args()


def plan(options: argparse.Namespace) -> Iterator[Pool]:
    """All pools of a sweep, seed by seed, so that one that is stopped early is of use."""
    recipe = replace(PICTURES if options.pictures else SYMBOLS, device=options.device)
    codings = ("pictures",) if options.pictures else CODINGS
    pairs, diversities, natural, tests = PAIRS, DIVERSITIES, NATURAL, 200
    questions, seeds = sorted(options.questions), options.seeds
    if options.quick:
        recipe = replace(recipe, width=32, layers=2, steps=20, batch=16)
        pairs, diversities, natural, tests = PAIRS[:1], DIVERSITIES[::2], NATURAL[:1], 10
        questions, seeds = [60, 120], 2
    if options.steps:
        recipe = replace(recipe, steps=options.steps)
    most = questions[-1]
    for seed in range(seeds):
        for pair in pairs:
            for diversity in diversities:
                trained = [(coding, n) for coding in codings for n in questions]
                # Nothing can be told of a kind without a name: a gap that is known to be there.
                control = pair == pairs[0] and not options.pictures
                trained += [("holistic", most)] if control else []
                source = _source(pair, diversity, seed, options)
                yield Pool(
                    part="knob", source=source, trained=tuple(trained), tests=tests, recipe=recipe
                )
        for pair in natural:
            source = _source(pair, None, seed, options)
            trained = [(coding, most) for coding in codings]
            yield Pool(
                part="natural", source=source, trained=tuple(trained), tests=tests, recipe=recipe
            )


def _source(pair: str, diversity: int | None, seed: int, options: argparse.Namespace) -> Source:
    return Source(
        pair=pair,
        diversity=diversity,
        seed=seed,
        families=tuple(options.families),
        pictures=options.pictures,
    )


def swept(pools: Sequence[Pool], workers: int) -> Iterator[list[Run]]:
    """The networks of each pool, as pools are done."""
    if workers < 2:
        yield from map(run, pools)
        return
    with get_context("spawn").Pool(workers) as processes:
        yield from processes.imap_unordered(run, pools)


def run(pool: Pool) -> list[Run]:
    """Draw a pool's problems, train its networks on them, and test them."""
    torch.set_num_threads(1)
    source, held = pool.source, pool.source.held
    problems = source.train(max(n for _, n in pool.trained))
    tests = source.tests(pool.tests)
    longest = max(each.words.shape[1] for each in (problems, *tests.values()))
    found = []
    for coding, n in pool.trained:
        began = time.monotonic()
        seed = digest("weights", *pool.key, coding, n) % 2**31
        network, loss = train(problems.first(n), coding, pool.recipe, seed, longest)
        given = {split: answers(network, each, pool.recipe) for split, each in tests.items()}
        found.append(
            Run(
                part=pool.part,
                coding=coding,
                pair=held.name,
                types=" x ".join(held.types),
                diversity=held.diversity,
                questions=n,
                seed=source.seed,
                gaps=measured(held, tests, given),
                loss=loss,
                seconds=round(time.monotonic() - began, 1),
            )
        )
    return found


def _known(path: Path, settings: object) -> dict[tuple[str, int, int], list[Run]]:
    """The networks that a stopped sweep has trained, by pool; a new file is begun."""
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    whole = [line for line in lines if line.endswith(b"\n")]
    if not whole:
        whole = [msgspec.json.encode(settings) + b"\n"]
    if msgspec.json.decode(whole[0]) != settings:
        raise SystemExit(f"{path}: it is of another sweep; allowed: a new file, or its own options")
    if whole != lines:  # the last line was cut off when the sweep was stopped
        path.write_bytes(b"".join(whole))
    pools = [msgspec.json.decode(line, type=list[Run]) for line in whole[1:]]
    return {_key(runs[0]): runs for runs in pools}


def _key(run: Run) -> tuple[str, int, int]:
    return run.pair, run.diversity, run.seed


if __name__ == "__main__":
    main()
