"""Exports for Inspect and lm-evaluation-harness as files; what runs them is in `test_in_peers`."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.tiny_pictures import SUITE, paint, write_suite

from modelmetry.errors import BadInput
from modelmetry.items import Item, Seed, replies_wanted
from modelmetry.suites import Suite, edition, export, items, read
from modelmetry.suites.exports import FORMS
from modelmetry.suites.exports.asking import identifier

SEED = Seed(root=3)


def lines(folder: Path) -> dict[str, dict[str, Any]]:
    """Every line of every JSON Lines file, by id."""
    texts = [line for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()]
    found = {line["id"]: line for line in map(json.loads, texts)}
    assert len(found) == len(texts)
    return found


def asked(suite: str, limit: int) -> dict[str, Item]:
    """What a run asks, by uid."""
    return {item.uid: item for item in items(read(suite), SEED, limit)}


def asked_of(suite: Suite) -> list[Item]:
    """The items of a suite whose split `unseen` has too few examples."""
    tasks = tuple(replace(task, splits={"held-out": 6}) for task in suite.tasks)
    return list(items(replace(suite, tasks=tasks), SEED))


class _Loader(yaml.SafeLoader):
    """Reads the tag of functions as their names."""


_Loader.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))


def test_inspect_has_a_sample_per_chat(tmp_path: Path) -> None:
    """Under our own names, with all that is right, the unit drawn, and the edition of a run."""
    made = export(tmp_path / "out", read("quickstart"), SEED, to="inspect", limit=5)
    found = lines(tmp_path / "out")
    expected = {k: v for k, v in asked("quickstart", 5).items() if v.format == "chat"}
    assert made.count == len(found) == len(expected) == 30
    assert made.left_out == tuple(
        f"{name} is a completion, and Inspect asks chats"
        for name in ("addition/sum", "calendar/count", "greater-than/blank")
    )
    for uid, item in expected.items():
        sample = found[uid]
        assert [(t["role"], t["content"]) for t in sample["input"]] == [
            (t.role, t.text) for t in item.messages
        ]
        assert sample["target"] == list(item.problem.target.answers)
        facts = sample["metadata"]
        assert facts["cluster"] == item.problem.cluster
        assert facts["factors"] == item.problem.factors
        assert facts["edition"] == edition(read("quickstart"), SEED, 5)
        assert facts["edition"] in facts["canary"]
        assert ("choices" in sample) == bool(item.problem.target.choices)


def test_the_task_file_names_a_task_per_split(tmp_path: Path) -> None:
    """Its functions are Python's names of suite and split; it needs no modelmetry, nor its name."""
    out = tmp_path / "out"
    made = export(out, read("calendar"), SEED, to="inspect", limit=1)
    assert made.names == ("calendar_tasks.py",)
    assert not (out / "calendar.py").exists(), "it would stand before the standard library's"
    tree = ast.parse((out / "calendar_tasks.py").read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    tasks = [f.name for f in functions if [*map(ast.unparse, f.decorator_list)] == ["task"]]
    assert tasks == ["calendar_held_out", "calendar_further", "calendar_invented"]
    modules = {str(n.module).split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert "modelmetry" not in modules
    assert identifier("24-game", "held-out/x") == "_24_game_held_out_x"


def test_a_question_is_never_taken_for_code(tmp_path: Path, painted: Path) -> None:
    """What a user's suite says stands in the README, and in no Python file."""
    text = SUITE.replace("# How many dots does it see?", '# """ + open("x") + """ how many?')
    suite = read(write_suite(tmp_path / "suite", text))
    for to in FORMS[-2:]:
        wordings = ["read"] if to == "lm-eval" else []
        export(tmp_path / to, suite, SEED, to=to, split="held-out", limit=1, wordings=wordings)
        assert 'open("x")' in (tmp_path / to / "README.md").read_text()
        for path in (tmp_path / to).glob("*.py"):
            assert 'open("x")' not in path.read_text()
            ast.parse(path.read_text())


def test_scripts_follow_the_messages(tmp_path: Path) -> None:
    """What comes after the model's first turn is a script, each turn of the user in parts."""
    export(tmp_path / "out", read("guardrails"), SEED, to="inspect", limit=30)
    found = lines(tmp_path / "out")
    talks = 0
    for uid, item in asked("guardrails", 30).items():
        sample = found[uid]
        assert sample["input"][-1]["role"] == "user"
        assert sample["metadata"]["cluster"] == item.problem.cluster != item.problem.uid
        assert len(sample["metadata"]["script"]) == replies_wanted(item.messages) - 1
        if sample["metadata"]["script"]:
            talks += 1
            assert sample["metadata"]["script"][-1] == [
                {"type": "text", "text": item.messages[-1].text}
            ]
    assert talks > 20


def test_pictures_are_files_or_within(tmp_path: Path, painted: Path) -> None:
    """Beside the samples under their addresses, each once; inline there are no files."""
    suite = read(write_suite(tmp_path / "suite", SUITE))
    for inline in (False, True):
        out = tmp_path / f"out{inline}"
        export(out, suite, SEED, to="inspect", split="held-out", inline=inline)
        found = lines(out)
        assert (out / "images").exists() != inline
        for item in asked_of(suite):
            parts = [
                part
                for turn in found[item.uid]["input"]
                if isinstance(turn["content"], list)
                for part in turn["content"]
                if part["type"] == "image"
            ]
            assert len(parts) == len(item.pictures)
            for part, picture in zip(parts, item.pictures, strict=True):
                if inline:
                    assert part["image"].startswith("data:image/png;base64,iVBOR")
                else:
                    assert (out / part["image"]).read_bytes() == paint(picture.recipe)


def test_lm_eval_has_a_document_per_item(tmp_path: Path) -> None:
    """Chats and completions in groups of their own; system, examples and question make the prompt."""
    out = tmp_path / "out"
    made = export(out, read("quickstart"), SEED, to="lm-eval", limit=5)
    assert made.names == ("modelmetry_quickstart", "modelmetry_quickstart_completions")
    found, expected = lines(out), asked("quickstart", 5)
    assert found.keys() == expected.keys()
    configurations: dict[str, Mapping[str, Any]] = {}
    for path in out.glob("*.yaml"):
        configurations[path.stem] = yaml.load(path.read_text(), Loader=_Loader)  # noqa: S506
    for group in made.names:
        for name in configurations[group]["task"]:
            task = configurations[name]
            assert task["task"] == name
            assert (out / task["dataset_kwargs"]["file"]).is_file()
            assert task["generation_kwargs"]["until"] == (["\n"] if "_compl" in group else [])
            assert task["generation_kwargs"]["max_gen_toks"] == 16
            assert task["metadata"]["version"] == 1
    for uid, item in expected.items():
        document = found[uid]
        assert document["question"] == item.messages[-1].text
        assert document["system"] == ""


def test_lm_eval_keeps_examples_and_systems(tmp_path: Path, painted: Path) -> None:
    """Solved examples are those of the item, in order; a system message is that of the item."""
    text = SUITE.replace("read, shots: 2", 'read, shots: 2, system: "Count {{ word }} dots."')
    suite = read(write_suite(tmp_path / "suite", text))
    made = export(tmp_path / "out", suite, SEED, to="lm-eval", split="held-out")
    assert made.left_out == tuple(
        f"dots/{name} shows pictures, which its API models do not send as shown"
        for name in ("see", "shown")
    )
    found = lines(tmp_path / "out")
    chats = [item for item in asked_of(suite) if item.wording == "read"]
    assert found.keys() == {item.uid for item in chats}
    for item in chats:
        document = found[item.uid]
        told = [text for shot in document["shots"] for text in (shot["question"], shot["answer"])]
        assert [document["system"], *told, document["question"]] == [t.text for t in item.messages]
        assert len(told) in (2, 4)
        assert document["system"].startswith("Count ")
    task = yaml.load((tmp_path / "out" / "modelmetry_dots_held-out.yaml").read_text(), _Loader)  # noqa: S506
    assert task["num_fewshot"] == 2
    assert task["fewshot_config"] == {"sampler": "scoring.Shots"}


def test_lm_eval_leaves_conversations_out(tmp_path: Path) -> None:
    """The model's own turns are nothing that it can ask; the other wordings are there."""
    made = export(tmp_path / "b", read("guardrails"), SEED, to="lm-eval", split="held-out", limit=2)
    assert {document["wording"] for document in lines(tmp_path / "b").values()} == {"at-once"}
    assert all(document["system"] for document in lines(tmp_path / "b").values())
    assert made.left_out == (
        "permissions/conversation leaves turns to the model, which lm-eval does not",
    )


@pytest.mark.parametrize(
    ("suite", "asked", "line"),
    [
        ("memorization", {"to": "inspect"}, "no prompt is a chat: memorization/whole is a compl"),
        (
            "quickstart",
            {"to": "inspect", "wordings": ["addition/sum"]},
            r"no chat 'addition/sum' \(is a completion, and Inspect asks chats\); allowed: addition/",
        ),
        (
            "quickstart",
            {"to": "lm-eval", "inline": True},
            "shows no pictures; allowed: inline with",
        ),
        (
            "quickstart",
            {"to": "lm-eval", "split": "carri"},
            r"no split 'carri' \(did you mean 'addition/carry'\?\); allowed: addition/held-out",
        ),
        ("quickstart", {"to": "inspct"}, r"no form 'inspct' \(did you mean 'inspect'\?\); allowed"),
    ],
)
def test_mistakes_are_one_line(
    suite: str, asked: dict[str, Any], line: str, tmp_path: Path
) -> None:
    """What is wrong and what is allowed; no folder is left."""
    with pytest.raises(BadInput, match=line) as caught:
        export(tmp_path / "out", read(suite), SEED, limit=1, **asked)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("to", FORMS[-2:])
def test_the_same_call_writes_the_same_bytes(to: Any, tmp_path: Path) -> None:
    """Any file, twice."""
    made = []
    for number in range(2):
        out = tmp_path / str(number)
        export(out, read("quickstart"), SEED, to=to, limit=3, split="addition/carry")
        made.append({p.relative_to(out): p.read_bytes() for p in out.rglob("*.*") if p.is_file()})
    assert made[0] == made[1]
