"""Logs of our own suites: another harness asked what `export` wrote, and the items are made again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from modelmetry.errors import BadInput, SpaceExhausted
from modelmetry.items import Item, Seed
from modelmetry.runs.imports.log import Answer, Log
from modelmetry.suites import Suite, generator_of, in_words, read

METRIC = "score"
"""What exports for lm-eval call our score; beside it stand metrics that are none of an answer."""

_FACTS = ("problem", "task", "split", "wording", "cluster", "edition")
_EDITION = re.compile(r"seed-(\d+)-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """A suite of ours as another harness asked it.

    Attributes:
        suite: The suite, as it is installed.
        seed: Root seed.
        edition: Names the test set; the log may hold a part of it.
        items: Item uid -> item, of every item in the log.
    """

    suite: Suite
    seed: int
    edition: str
    items: Mapping[str, Item]


def uid_of(answer: Answer) -> str:
    """The uid of our item; empty for a question that is not ours."""
    if any(not isinstance(answer.facts.get(name), str) for name in _FACTS):
        return ""
    task, problem, wording = (answer.facts[name] for name in ("task", "problem", "wording"))
    uid = f"{task}/{problem}/{wording}"
    return uid if uid in (answer.id, answer.facts.get("id")) else ""


def own(log: Log) -> Own | None:
    """What a log holds of a suite of ours, made again from its seed; None for anybody else's task.

    It is also None where that cannot be shown: the suite is not installed in that version, or the log
    has an item that its generator does not draw under that seed, or with another answer.
    """
    right: dict[str, str] = {}
    wanted: dict[tuple[str, str], set[str]] = {}
    editions: set[str] = set()
    for answer in log.answers():
        uid = uid_of(answer)
        if not uid:
            return None
        right[uid] = answer.target.answers[0]
        wanted.setdefault((answer.facts["task"], answer.facts["split"]), set()).add(uid)
        editions.add(answer.facts["edition"])
    found = _EDITION.fullmatch(editions.pop()) if len(editions) == 1 else None
    if found is None:
        return None
    try:
        suite, seed = read(log.suite), Seed(root=int(found[1]))
        if str(suite.version) != log.version:
            return None
        items = _made(suite, seed, wanted)
    except (BadInput, SpaceExhausted, KeyError):
        return None
    if any(uid not in items or items[uid].problem.target.answers[0] != right[uid] for uid in right):
        return None
    return Own(suite=suite, seed=seed.root, edition=found[0], items=items)


def _made(suite: Suite, seed: Seed, wanted: Mapping[tuple[str, str], set[str]]) -> dict[str, Item]:
    """The wanted items of each (task, split), as the suite asks them."""
    write = in_words(suite, seed)
    items: dict[str, Item] = {}
    for (name, split), uids in wanted.items():
        task = suite.task(name)
        missing = set(uids)
        most = max(len(uids), task.splits.get(split, 0))
        generator = generator_of(task)
        for problem in generator.problems(seed, split, min(most, generator.count(split))):
            for item in write(task, problem):
                if item.uid in missing:
                    items[item.uid] = item
                    missing.remove(item.uid)
            if not missing:
                break
    return items
