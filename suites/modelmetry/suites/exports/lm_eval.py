"""Exports for lm-evaluation-harness: a YAML file per task, documents, scorers and a README."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from modelmetry.errors import BadInput
from modelmetry.items import Item
from modelmetry.suites.exports.asking import Asked, rendered, sections, target, write_by
from modelmetry.suites.exports.folder import Exported, encode
from modelmetry.suites.exports.scorers import write_scorers
from modelmetry.suites.suite import Prompt, Task

_Kind = tuple[str, str, str, tuple[str, ...]]
"""Task, split, format and stop texts: what one task of lm-eval has in common."""


def unfit(prompt: Prompt) -> str:
    """Why lm-eval cannot ask a wording; empty where it can."""
    if prompt.earlier:
        return "leaves turns to the model, which lm-eval does not"
    return "shows pictures, which its API models do not send as shown" if prompt.painters else ""


class _Function(str):
    """The name of a function beside the YAML file."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Writes such names under the tag by which lm-eval finds them."""


_Dumper.add_representer(
    _Function, lambda dumper, name: dumper.represent_scalar("!function", str(name))
)


def write(folder: Path, asked: Asked) -> Exported:
    """Write tasks and groups, one file of documents per task, `scoring.py`, scorers and a README.

    Chats and completions are tasks of their own, in groups of their own, since `lm-eval run` asks
    all of its tasks in the one way or in the other.

    Args:
        folder: Where to; there already.
        asked: What is asked.

    Raises:
        BadInput: A conversation is not system, solved examples, question.
    """
    suite = asked.suite
    names = _names(asked)
    prompts = {(t.name, p.name): (t, p) for t in suite.tasks for p in t.prompts}
    shots: Counter[str] = Counter()

    def lines() -> Iterator[tuple[str, dict[str, Any]]]:
        for item in asked.items():
            task, prompt = prompts[item.task, item.wording]
            name = names[_kind(task, item.problem.split, prompt)]
            line = _document(asked, item, task.scorer)
            shots[name] = max(shots[name], len(line["shots"]))
            yield name, line

    package = write_scorers(folder, (task.scorer for task in suite.tasks))
    counts: Counter[str] = Counter()
    count = write_by(folder, lines(), lambda name: counts.update([name]))
    groups: dict[str, list[str]] = {}
    for kind, name in names.items():
        groups.setdefault(_group(suite.name, kind[2]), []).append(name)
        _dump(folder / f"{name}.yaml", _task(asked, kind, name, shots[name]))
    for group, members in groups.items():
        version = {"version": suite.version}
        _dump(folder / f"{group}.yaml", {"group": group, "task": members, "metadata": version})
    values = {**asked.about(), "package": package, "groups": groups, "counts": counts}
    (folder / "scoring.py").write_text(rendered("lm_eval.py", **values), encoding="utf-8")
    (folder / "README.md").write_text(rendered("lm_eval.md", **values), encoding="utf-8")
    return Exported(count=count, names=tuple(groups))


def _kind(task: Task, split: str, prompt: Prompt) -> _Kind:
    return task.name, split, prompt.format, prompt.stop


def _group(suite: str, form: str) -> str:
    # With a prefix, as lm-eval has thousands of tasks of its own and one space of names.
    return f"modelmetry_{suite}{'_completions' if form == 'completion' else ''}"


def _names(asked: Asked) -> dict[_Kind, str]:
    """What lm-eval calls each task."""
    names: dict[_Kind, str] = {}
    for task, split, label in sections(asked.suite):
        for prompt in task.prompts:
            kind = _kind(task, split, prompt)
            if kind in names:
                continue
            form = "_completions" if prompt.format == "completion" else ""
            name = f"modelmetry_{asked.suite.name}_{label.replace('/', '_')}{form}"
            again = sum(
                known == name or known.startswith(f"{name}_stop") for known in names.values()
            )
            names[kind] = f"{name}_stop{again + 1}" if again else name
    return names


def _task(asked: Asked, kind: _Kind, name: str, shots: int) -> dict[str, Any]:
    """A task's configuration."""
    suite, (_, split, form, stop) = asked.suite, kind
    sampling = suite.sampling
    generation: dict[str, Any] = {
        "until": list(stop),
        "max_gen_toks": sampling.max_tokens,
        "temperature": sampling.temperature,
        "do_sample": sampling.temperature > 0,
    }
    if sampling.top_p is not None:
        generation["top_p"] = sampling.top_p
    examples: dict[str, Any] = {}
    if form == "chat" and shots:
        examples = {
            "num_fewshot": shots,
            "fewshot_split": "test",
            "fewshot_config": {"sampler": _Function("scoring.Shots")},
        }
    return {
        "task": name,
        "custom_dataset": _Function("scoring.documents"),
        "dataset_kwargs": {"file": f"{name}.jsonl"},
        "test_split": "test",
        "output_type": "generate_until",
        "description": "{{system}}",
        "doc_to_text": "question",
        "doc_to_target": "answer",
        **examples,
        "generation_kwargs": generation,
        "repeats": suite.repeats,
        "filter_list": [
            {"name": "all", "filter": [{"function": "take_first_k", "k": suite.repeats}]}
        ],
        "process_results": _Function("scoring.process_results"),
        "metric_list": [
            {"metric": "score", "aggregation": "mean", "higher_is_better": True},
            {
                "metric": "clustered_stderr",
                "aggregation": _Function("scoring.clustered_stderr"),
                "higher_is_better": False,
            },
            {"metric": "unscored", "aggregation": "mean", "higher_is_better": False},
        ],
        "metadata": {
            "version": suite.version,
            "suite": suite.name,
            "split": split,
            "edition": asked.edition,
            "canary": asked.canary,
        },
    }


def _document(asked: Asked, item: Item, scorer: str) -> dict[str, Any]:
    """An item as lm-eval puts it together again: system, solved examples, question."""
    turns = list(item.messages)
    system = turns.pop(0).text if turns[0].role == "system" else ""
    question = turns.pop()
    if [turn.role for turn in (*turns, question)] != ["user", "assistant"] * (len(turns) // 2) + [
        "user"
    ]:
        raise BadInput(
            f"{item.uid}: its turns are {', '.join(turn.role for turn in item.messages)}; "
            "allowed for lm-eval: system, solved examples, question"
        )
    return {
        "id": item.uid,
        "system": system,
        "shots": [
            {"question": asked_.text, "answer": answered.text}
            for asked_, answered in zip(turns[::2], turns[1::2], strict=True)
        ],
        "question": question.text,
        "answer": item.problem.target.answers[0],
        "answers": list(item.problem.target.answers),
        "choices": list(item.problem.target.choices),
        "factors": encode(item.problem.factors).decode(),
        "scorer": scorer,
        "target": encode(target(item)).decode(),
        **asked.facts(item),
    }


def _dump(path: Path, value: dict[str, Any]) -> None:
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
    path.write_text(text, encoding="utf-8")
