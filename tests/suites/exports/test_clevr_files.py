"""Exports in CLEVR's own files: each scene once, questions that fit it, read back and asked about."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelmetry.errors import BadInput
from modelmetry.items import Problem, Seed
from modelmetry.scenes import clevr_json, raster, reading
from modelmetry.scenes.programs import Seen, from_clevr, run
from modelmetry.scenes.telling import told_objects
from modelmetry.scenes.templates import TEMPLATES
from modelmetry.scenes.world import Scene
from modelmetry.suites import Suite, export, generator_of, read

SEED = Seed(root=3)

SUITE = """\
# What did training show?
version: 1
tasks:
  told:
    generator: clevr-hope
    options: {pairs: [cyan cylinder], per_scene: 3, most: 6}
    scorer: choice
    splits: {minimal-ood: 8}
    prompts: &prompts
      list: {template: clevr-hope/list, format: completion}
      order: {template: clevr-hope/order, format: completion}
  retold:
    generator: clevr-hope
    options: {pairs: [cyan cylinder], per_scene: 3, most: 6, words: invented}
    scorer: choice
    splits: {minimal-ood: 8}
    prompts: *prompts
"""


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """Two tasks that ask the same, one of them in invented words."""
    path = tmp_path / "hope.yaml"
    path.write_text(SUITE)
    return read(path)


def problems(suite: Suite, split: str, n: int) -> list[Problem]:
    """The problems of the suite's first task."""
    return list(generator_of(suite.tasks[0]).problems(SEED, split, n))


def written(out: Path, split: str) -> tuple[list[Scene], list[dict[str, Any]]]:
    """The scenes and the questions of an export, as they are read."""
    body = json.loads((out / f"CLEVR_{split}_questions.json").read_text())
    assert body["info"] == {"split": split}
    return list(clevr_json.read(out / f"CLEVR_{split}_scenes.json")), body["questions"]


def test_each_scene_is_written_and_painted_once(suite: Suite, tmp_path: Path) -> None:
    """Questions name their picture by file and number; several share one; tasks repeat none."""
    out = tmp_path / "out"
    assert export(out, suite, SEED, to="clevr", limit=12).count == 12
    scenes, questions = written(out, "train")
    expected = problems(suite, "train", 12)
    assert [q["problem"] for q in questions] == [p.uid for p in expected]
    assert [q["question_index"] for q in questions] == list(range(12))
    assert Counter(q["image_index"] for q in questions) == dict.fromkeys(range(4), 3)
    for question, problem in zip(questions, expected, strict=True):
        scene = scenes[question["image_index"]]
        assert scene == msgspec.convert(problem.fields["scene"], Scene)
        assert question["image_filename"] == f"CLEVR_train_{question['image_index']:06d}.png"
        assert question["split"] == "train"
        assert question["question"] == problem.fields["question"]
        assert question["answer"] == problem.target.answers[0]
        assert question["factors"] == problem.factors
    for number, scene in enumerate(scenes):
        png = (out / "images" / f"CLEVR_train_{number:06d}.png").read_bytes()
        assert png == raster.paint(msgspec.to_builtins(scene))
    assert len(list((out / "images").iterdir())) == len(scenes) == 4


def test_programs_and_words_have_the_answer(suite: Suite, tmp_path: Path) -> None:
    """On the scene that is read back, the program and the reader of English both give it."""
    for task, split in zip(suite.tasks, ("complex-ood", "train"), strict=True):
        out = tmp_path / split
        export(out, replace(suite, tasks=(task,)), SEED, to="clevr", split=split, limit=9)
        scenes, questions = written(out, split)
        for asked in questions:
            scene = scenes[asked["image_index"]]
            assert run(from_clevr(asked["program"]), Seen(scene)) == asked["answer"]
            objects = told_objects(scene, {})
            assert reading.solve(asked["question"], objects, {}) == asked["answer"]
            family = list(TEMPLATES)[asked["question_family_index"]]
            assert family == asked["factors"]["template"]


def test_exported_scenes_are_asked_about(suite: Suite, tmp_path: Path) -> None:
    """The generator `clevr` reads the file, and its questions are about these scenes."""
    export(tmp_path / "out", suite, SEED, to="clevr", split="minimal-ood", limit=8)
    scenes, _ = written(tmp_path / "out", "minimal-ood")
    path = tmp_path / "mine.yaml"
    path.write_text(
        "# And now?\nversion: 1\ntasks:\n  mine:\n    generator: clevr\n    options: {scenes: "
        f'"{tmp_path}/out/CLEVR_minimal-ood_scenes.json"}}\n    scorer: choice\n'
        "    splits: {train: 12, held-out: 6}\n    prompts:\n"
        "      list: {template: clevr-hope/list}\n      order: {template: clevr-hope/order}\n"
    )
    generator = generator_of(read(path).tasks[0])
    for split, count in {"train": 6, "held-out": 2}.items():
        asked = list(generator.problems(SEED, split, 6))
        seen = {json.dumps(p.fields["scene"], sort_keys=True) for p in asked}
        theirs = {json.dumps(msgspec.to_builtins(s), sort_keys=True) for s in scenes}
        assert seen <= theirs
        assert len(seen) <= count
        assert all(generator.solve(p.fields) == p.target.answers[0] for p in asked)


def test_the_same_call_writes_the_same_bytes(suite: Suite, tmp_path: Path) -> None:
    """Whatever the number of processes."""
    made = []
    for processes in (1, 2):
        out = tmp_path / str(processes)
        export(out, suite, SEED, to="clevr", limit=6, processes=processes)
        made.append({p.relative_to(out): p.read_bytes() for p in out.rglob("*.*")})
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("name", "asked", "line"),
    [
        ("addition", {}, "addition: its problems hold no scenes; allowed for clevr: suites of the"),
        ("clevr", {"split": "val"}, "nothing to export from split 'val'; allowed: train, held-out"),
        ("clevr", {"wordings": ["list"]}, "export to clevr: it has words and pictures of its own"),
        ("clevr", {"inline": True}, "allowed: no wordings, not inline"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, name: str, asked: dict[str, Any], line: str) -> None:
    """Suites without scenes, unknown splits and what belongs to chats leave nothing behind."""
    with pytest.raises(BadInput, match=line):
        export(tmp_path / "out", read(name), SEED, to="clevr", limit=1, **asked)
    assert not list(tmp_path.iterdir())
