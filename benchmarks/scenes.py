"""Time CLEVR-like worlds per second of processor time, in one process on one core.

    python benchmarks/scenes.py [part ...] [--n 2000]

Parts:
    scenes      worlds of 3 to 10 objects of all 96 kinds, and why attempts at them are rejected
    pictures    pictures of such worlds, 320 x 240: built-in painter, and photo where Mitsuba is
    questions   questions about such worlds with their words, ten about each, and their answers
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from modelmetry.errors import BadInput
from modelmetry.scenes import photo, raster
from modelmetry.scenes.asking import TEMPLATES, Question, Seen, ask, words
from modelmetry.scenes.kinds import KINDS, Kind
from modelmetry.scenes.placing import hidden, placed, scattered
from modelmetry.scenes.studio import png
from modelmetry.scenes.templates import FAMILIES
from modelmetry.scenes.world import Scene

FEWEST, MOST = 3, 10


def scenes(n: int) -> None:
    """Worlds per second as `placed` makes them, then what becomes of single attempts."""
    rng = random.Random(0)
    for _ in range(50):
        placed(_drawn, rng)
    started = time.process_time()
    large = Counter[int]()
    every = Counter[int]()
    for _ in range(n):
        things = placed(_drawn, rng).things
        every[len(things)] += 1
        large[len(things)] += sum(thing.size == "large" for thing in things)
    print(f"scenes: {n / (time.process_time() - started):,.0f} per second and core\n")
    print("| objects | scenes | large objects | attempts crowded | hidden | kept | ms each |")
    print("|---|---|---|---|---|---|---|")
    for count in range(FEWEST, MOST + 1):
        fate, elapsed = _fates(count, max(n // 4, 1), rng)
        shares = " | ".join(f"{fate[name] / fate.total():.1%}" for name in _FATES)
        bigs = large[count] / max(every[count] * count, 1)
        print(
            f"| {count} | {every[count] / n:.1%} | {bigs:.1%} | {shares} "
            f"| {1000 * elapsed / fate.total():.2f} |"
        )


def pictures(n: int) -> None:
    """Pictures per second and core of the built-in painter; seconds per picture of `photo`.

    Of n worlds asked for, n / 20 are painted by the first and n / 200 by the second, which uses all
    cores: its seconds are of the clock.
    """
    rng = random.Random(0)
    worlds = [placed(_drawn, rng) for _ in range(max(n // 20, 2))]
    raster.render(worlds[0])
    started = time.process_time()
    for world in worlds:
        png(raster.render(world))
    print(f"raster: {len(worlds) / (time.process_time() - started):.1f} pictures per second, core")
    few = worlds[: max(n // 200, 2)]
    try:
        photo.render(few[0])
    except BadInput as error:
        print(error)
        return
    clock, started = time.perf_counter(), time.process_time()
    for world in few:
        png(photo.render(world))
    elapsed, work = time.perf_counter() - clock, time.process_time() - started
    print(f"photo: {elapsed / len(few):.2f} s a picture, {work / len(few):.2f} s of processor time")


def questions(n: int) -> None:
    """Questions per second with their words, and what becomes of requests, ten about each scene.

    A request is a template and one of its answers, both uniform: what a scene does not admit is
    not asked of it. That a guess from how much is said, without the scene, is right is the share
    for the best single limit on the number of attributes named, over the requests for yes and no.
    """
    rng = random.Random(0)
    worlds = [placed(_drawn, rng) for _ in range(max(n // 2, 1))]
    _asked_about(worlds[:20], rng)
    rows = _asked_about(worlds, rng)
    spent = sum(each.elapsed for each in rows.values())
    count = sum(each.requests for each in rows.values())
    found = sum(len(each.found) for each in rows.values())
    print(f"questions: {found / spent:,.0f} per second and core, {count / spent:,.0f} requests\n")
    print("| family | questions/s | requests not admitted | tries each | guessed | answers |")
    print("|---|---|---|---|---|---|")
    for family, each in rows.items():
        answers = Counter(question.answer for question in each.found)
        shares = ", ".join(f"{a} {c / len(each.found):.0%}" for a, c in sorted(answers.items()))
        print(
            f"| {family} | {len(each.found) / each.elapsed:,.0f} "
            f"| {1 - len(each.found) / each.requests:.0%} "
            f"| {sum(q.tries for q in each.found) / len(each.found):.1f} "
            f"| {_guessed(each.found)} | {shares} |"
        )


@dataclass
class _Requests:
    """What became of the requests for questions of a family."""

    requests: int = 0
    elapsed: float = 0.0
    found: list[Question] = field(default_factory=list)


def _asked_about(worlds: list[Scene], rng: random.Random) -> dict[str, _Requests]:
    """Ten requests about each scene; looking at it is spread over them."""
    templates = list(TEMPLATES.values())
    rows = {family: _Requests() for family in FAMILIES}
    for world in worlds:
        fresh = replace(world)
        started = time.process_time()
        seen = Seen(fresh)
        _ = seen.fitting
        looked = time.process_time() - started
        for _ in range(10):
            template = rng.choice(templates)
            answer = rng.choice(template.answers)
            row = rows[template.family]
            started = time.process_time()
            question = ask(seen, template, rng, answer=answer)
            if question is not None:
                words(question, rng)
                row.found.append(question)
            row.elapsed += time.process_time() - started + looked / 10
            row.requests += 1
    return rows


def _guessed(found: list[Question]) -> str:
    """How often yes and no are told by how many attributes are named, each counting half."""
    told = [(sum(len(f.named) for f in q.filters), q.answer) for q in found]
    yes = Counter(count for count, answer in told if answer == "yes")
    no = Counter(count for count, answer in told if answer == "no")
    if not yes or not no:
        return ""
    most = max(
        abs(sum(yes[c] / yes.total() - no[c] / no.total() for c in range(limit)))
        for limit in range(20)
    )
    return f"{0.5 + most / 2:.0%} of {yes.total() + no.total()}"


_FATES = ("crowded", "hidden", "kept")


def _fates(count: int, n: int, rng: random.Random) -> tuple[Counter[str], float]:
    """What became of n attempts at scenes of so many objects, and their seconds."""
    fate = Counter[str]()
    started = time.process_time()
    for _ in range(n):
        scene = scattered(_kinds(count, rng), rng)
        fate["crowded" if scene is None else "hidden" if hidden(scene) else "kept"] += 1
    return fate, time.process_time() - started


def _drawn(rng: random.Random) -> list[Kind]:
    """As many kinds as CLEVR has objects, uniform and independent."""
    return _kinds(rng.randint(FEWEST, MOST), rng)


def _kinds(count: int, rng: random.Random) -> list[Kind]:
    return rng.choices(KINDS, k=count)


PARTS: dict[str, Callable[[int], None]] = {
    "scenes": scenes,
    "pictures": pictures,
    "questions": questions,
}
"""What can be timed, in the order in which it is: name -> function of how many."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--n", type=int, default=2000)
    given = parser.parse_args()
    for name in given.parts or PARTS:
        if name not in PARTS:
            parser.error(f"part {name!r} is unknown; allowed: {', '.join(PARTS)}")
        PARTS[name](given.n)
        print()


if __name__ == "__main__":
    main()
