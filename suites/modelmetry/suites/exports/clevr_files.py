"""Exports in the files of the original CLEVR: scenes, questions with their programs, and pictures."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec

from modelmetry.errors import BadInput
from modelmetry.items import Painters, Picture, Problem, Seed, content_hash, installed_painter
from modelmetry.scenes import clevr_json
from modelmetry.scenes.asking import words
from modelmetry.scenes.telling import FIELDS, scene_and_question
from modelmetry.suites.reader import generator_of
from modelmetry.suites.suite import Suite

_PAINTER = "raster"


def write_clevr(folder: Path, suite: Suite, seed: Seed, split: str, painters: Painters) -> int:
    """Write a split as `CLEVR_<split>_scenes.json`, `CLEVR_<split>_questions.json` and `images`.

    Each scene is written and painted once, however many questions are about it, and each problem
    once, however many tasks ask it; invented words are told in English. Questions have two more
    keys than the original's: `problem`, its uid, and `factors`.

    Args:
        folder: Where to; there already.
        suite: The tasks that take part, with that split alone.
        seed: Root of all randomness.
        split: The split.
        painters: Who paints.

    Returns:
        How many questions were written.

    Raises:
        BadInput: No task's problems hold scenes.
    """
    scenes = folder / f"CLEVR_{split}_scenes.json"
    questions = folder / f"CLEVR_{split}_questions.json"
    numbers: dict[str, int] = {}
    count = 0
    with (
        clevr_json.listing(scenes, "scenes", split) as add_scene,
        clevr_json.listing(questions, "questions", split) as add_question,
    ):
        for problem in _problems(suite, seed, split):
            scene, question = scene_and_question(problem.fields)
            name = content_hash(scene)
            if name not in numbers:
                numbers[name] = len(numbers)
                add_scene(clevr_json.to_record(scene, numbers[name], split))
            told = words(question, random.Random(problem.fields["asked"]["wording"]))
            entry = clevr_json.to_question(question, told, count, numbers[name], split)
            add_question(entry | {"problem": problem.uid, "factors": problem.factors})
            count += 1
    (folder / "images").mkdir()
    for number, png in enumerate(painters.in_order(_pictures(scenes))):
        (folder / "images" / clevr_json.image_name(number, split)).write_bytes(png)
    return count


def _problems(suite: Suite, seed: Seed, split: str) -> Iterator[Problem]:
    """The distinct problems of all tasks that hold scenes, task by task."""
    tasks = [task for task in suite.tasks if task.fields == FIELDS]
    if not tasks:
        raise BadInput(
            f"{suite.name}: its problems hold no scenes; "
            "allowed for clevr: suites of the generators clevr and clevr-hope"
        )
    seen: set[str] = set()
    for task in tasks:
        for problem in generator_of(task).problems(seed, split, task.splits[split]):
            if problem.uid not in seen:
                seen.add(problem.uid)
                yield problem


def _pictures(scenes: Path) -> Iterator[Picture]:
    """The pictures of a file's scenes; read again, as they need not all fit into memory."""
    version = installed_painter(_PAINTER).version
    for scene in clevr_json.read(scenes):
        yield Picture(painter=_PAINTER, version=version, recipe=msgspec.to_builtins(scene))
