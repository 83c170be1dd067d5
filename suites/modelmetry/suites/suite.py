"""What a suite is: which problems are asked, in which words, how answers are read and summed up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from msgspec import UNSET, UnsetType

from modelmetry.errors import BadInput, offered
from modelmetry.models import Sampling


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One wording of a task.

    Attributes:
        name: The wording's name within its task.
        template: Path of a Jinja template under the `prompts` folder, without `.jinja`.
        source: The template's text.
        turns: Texts of the templates of the user's turns before it, each followed by a turn of the
            model. Unset, not empty, for none: then it is no part of what is stored and hashed, so
            that editions made before prompts had turns keep their names and checksums.
        painters: Painters of the pictures it shows -> their versions when the suite was read; none
            for text alone.
        format: `chat` or `completion`.
        shots: Solved examples shown first, drawn from the train split, from 0.
        system: System message of a chat: a text, or a Jinja template; empty for none.
        stop: Texts that end the answer.
    """

    name: str
    template: str
    source: str
    turns: tuple[str, ...] | UnsetType = UNSET
    painters: Mapping[str, int] = field(default_factory=dict)
    format: Literal["chat", "completion"] = "chat"
    shots: int = 0
    system: str = ""
    stop: tuple[str, ...] = ()

    @property
    def earlier(self) -> tuple[str, ...]:
        """Texts of the templates of the user's turns before the last; empty for a single turn."""
        return () if isinstance(self.turns, UnsetType) else self.turns


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One generator's share of a suite.

    Attributes:
        name: The task's name within its suite.
        generator: Entry-point name.
        options: The generator's options.
        splits: Split name -> number of distinct problems.
        prompts: Two or more wordings; every problem is asked in each.
        scorer: Entry-point name.
        fields: Names its prompts may use.
        factors: Names of the factors its problems state.
        difficulty: The factor that is the difficulty axis.
        fingerprint: The generator's fingerprint when the suite was read.
    """

    name: str
    generator: str
    options: Mapping[str, Any]
    splits: Mapping[str, int]
    prompts: tuple[Prompt, ...]
    scorer: str
    fields: tuple[str, ...]
    factors: tuple[str, ...]
    difficulty: str
    fingerprint: str

    @property
    def painters(self) -> Mapping[str, int]:
        """Painters of the pictures its prompts show -> their versions, by name."""
        found = {name: n for prompt in self.prompts for name, n in prompt.painters.items()}
        return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """A difference between two splits that the suite is made to show.

    Attributes:
        name: What the difference is called, such as `length gap`.
        a: The first split's label; the difference is a - b.
        b: The second split's label.
    """

    name: str
    a: str
    b: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A measurement, fully described: with a seed it fixes every byte a model is shown.

    Splits carry labels: the split's name, or `task/split` where the suite has several tasks.

    Attributes:
        name: Kebab-case; the file's stem.
        version: Raised whenever the same seed would ask something else, >= 1.
        question: What is measured, in a sentence or two: the file's first comment.
        tasks: One or more.
        repeats: How often each item is asked, >= 1.
        sampling: How answers are decoded, unless the command line says otherwise.
        primary: Labels of the splits whose accuracy is the headline.
        contrasts: Differences between splits that are reported.
        license: License of its data, one of `suites.licenses`. Unset for the default: then it is no
            part of what is stored and hashed, so that older editions keep their checksums.
        source: The file it was read from, for error lines; not part of its identity.
    """

    name: str
    version: int
    question: str
    tasks: tuple[Task, ...]
    repeats: int = 1
    sampling: Sampling = field(default_factory=Sampling)
    primary: tuple[str, ...] = ()
    contrasts: tuple[Contrast, ...] = ()
    license: str | UnsetType = UNSET
    source: str = ""

    def label(self, task: str, split: str) -> str:
        """The split's label in results."""
        return split if len(self.tasks) == 1 else f"{task}/{split}"

    def task(self, name: str) -> Task:
        """The task of a name.

        Raises:
            KeyError: There is none.
        """
        for task in self.tasks:
            if task.name == name:
                return task
        raise KeyError(name)

    def only(self, split: str) -> Suite:
        """The suite with one of the splits that it asks, without headline and contrasts.

        Args:
            split: Its name, label, or `task/split`; of a name, every task that has it.

        Raises:
            BadInput: No task asks it.
        """
        tasks = []
        for task in self.tasks:
            kept = {
                name: count
                for name, count in task.splits.items()
                if split in {name, self.label(task.name, name), f"{task.name}/{name}"}
            }
            if kept:
                tasks.append(replace(task, splits=kept))
        if not tasks:
            labels = [self.label(task.name, name) for task in self.tasks for name in task.splits]
            raise BadInput(f"{self.name}: no split {split!r}{offered(split, labels)}")
        return replace(self, tasks=tuple(tasks), primary=(), contrasts=())
