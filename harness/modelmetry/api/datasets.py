"""Items as data sets: any suite's problems by position, for training and for other libraries' loops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from modelmetry.api.making import read_suite
from modelmetry.errors import BadInput, offered
from modelmetry.items import Dataset, Item, Seed, Target, digest, load
from modelmetry.models import Response
from modelmetry.scoring import score
from modelmetry.suites import Prompt, Suite, Task, generator_of, in_words


def items(
    suite: str | Path | Suite,
    *,
    task: str | None = None,
    split: str = "train",
    wording: str | None = None,
    seed: int = 0,
    size: int | None = 500,
    suite_options: Mapping[str, Any] | None = None,
) -> Dataset:
    """A suite's problems by position: `ds[i]`, `ds.score_answer(answer, entry)`, `ds.iterable()`.

    By default they are of the split `train`, so that what a model is trained on is not what it is
    measured on afterwards; measure under another seed still.

    Args:
        suite: Name, path or suite.
        task: Which of its tasks; None where it has one.
        split: The split, whether or not the suite asks it.
        wording: The prompt that puts problems into words. None for the chats in turn, or the
            completions where there are none: which one a position has is drawn by the seed.
        seed: Root seed.
        size: How many entries; None for all that the split holds, which may be more than can ever be
            drawn.
        suite_options: Options of the suite's generators in place of its own, as text or as values.

    Raises:
        BadInput: There is no such suite, task, split or wording, or the split holds fewer problems.
    """
    chosen = read_suite(suite, suite_options)
    asked = _task(chosen, task)
    generator = generator_of(asked)
    if split not in generator.splits:
        raise BadInput(f"{chosen.name}: no split {split!r}{offered(split, generator.splits)}")
    count = generator.count(split)
    if size is not None and not 1 <= size <= count:
        raise BadInput(f"{chosen.name}/{split}: size {size}; allowed: from 1 to {count}, or None")
    draw = _Draw(
        task=replace(asked, prompts=_wordings(chosen, asked, wording)),
        suite=chosen,
        seed=Seed(root=seed),
        split=split,
    )
    name = chosen.name if asked.name == chosen.name else f"{chosen.name}/{asked.name}"
    return Dataset(
        name=name,
        seed=seed,
        size=count if size is None else size,
        draw=draw,
        score=_Strict(asked.scorer),
        difficulty=asked.difficulty,
    )


@dataclass(frozen=True, kw_only=True)
class _Draw:
    """From a position to the item there; what it needs for that is made again where it is unpickled."""

    suite: Suite
    task: Task
    seed: Seed
    split: str

    def __call__(self, position: int) -> Item:
        made = vars(self).get("_made")
        if made is None:
            made = generator_of(self.task), [self._writer(p) for p in self.task.prompts]
            vars(self)["_made"] = made
        generator, writers = made
        problem = generator.problem(self.seed, self.split, position)
        # By a hash, not in turn: strata take turns, too, and would each have one wording.
        which = digest("wording", self.seed.root, self.task.name, self.split, position)
        return writers[which % len(writers)](problem)

    def _writer(self, prompt: Prompt) -> Any:
        task = replace(self.task, prompts=(prompt,))
        write = in_words(replace(self.suite, tasks=(task,)), self.seed)
        return lambda problem: write(task, problem)[0]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_made"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


@dataclass(frozen=True, slots=True)
class _Strict:
    """Scores a reply as a run does."""

    scorer: str

    def __call__(self, target: Target, text: str) -> float | None:
        response = Response(request_key="", text=text, finish="stop")
        return score(_scorer(self.scorer), target, response).value


@cache
def _scorer(name: str) -> Any:
    return load("scorers", name)


def _task(suite: Suite, name: str | None) -> Task:
    names = [task.name for task in suite.tasks]
    if name is None and len(names) > 1:
        raise BadInput(f"{suite.name}: has several tasks; allowed: task= {', '.join(names)}")
    if name is not None and name not in names:
        raise BadInput(f"{suite.name}: no task {name!r}{offered(name, names)}")
    return suite.task(name or names[0])


def _wordings(suite: Suite, task: Task, name: str | None) -> tuple[Prompt, ...]:
    """The prompts that take turns: single turns, chats if there are any."""
    single = [prompt for prompt in task.prompts if not prompt.earlier]
    names = [prompt.name for prompt in single]
    if name is not None and name not in names:
        raise BadInput(
            f"{suite.name}/{task.name}: no wording {name!r} of a single turn{offered(name, names)}"
        )
    if not single:
        raise BadInput(
            f"{suite.name}/{task.name}: all wordings leave turns to the model; allowed: single turns"
        )
    if name is not None:
        return tuple(prompt for prompt in single if prompt.name == name)
    return tuple(p for p in single if p.format == "chat") or tuple(single)
