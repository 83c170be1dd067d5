"""Where a run's numbers come from: population, meaning of the intervals, settings, commands."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import msgspec
import numpy as np

from modelmetry.analyses.baselines import same_generator
from modelmetry.analyses.table import Items
from modelmetry.errors import BadInput
from modelmetry.items import load
from modelmetry.reports.words import count, size
from modelmetry.runs.record import RunRecord
from modelmetry.suites import Suite, given, names

_LOGPROBS = {False: "none", True: "answer", "target": "target"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One term and what it was.

    Attributes:
        term: The term.
        text: What it was.
        code: Whether it is a name for machines.
    """

    term: str
    text: str
    code: bool = False


def foreign(suite: Suite) -> bool:
    """Whether the questions are another harness's own, and not drawn by a generator."""
    return all(task.fingerprint == "" for task in suite.tasks)


def population(suite: Suite, items: Items) -> list[str]:
    """What the numbers speak about, in paragraphs: the splits' own words and how they are drawn."""
    paragraphs = []
    for task in suite.tasks:
        generator = same_generator(task)
        for split in task.splits:
            label = suite.label(task.name, split)
            where = items.split.at(label)
            if not where.any():
                continue
            n = len(np.unique(items.problem[where]))
            if foreign(suite):
                drawn = f"{count(n, 'sample')} of a task of {task.generator}, as its log has them"
            elif generator is None:
                drawn = f"{count(n, 'problem')} of the {task.generator} generator"
            else:
                held = size(generator.count(split))
                drawn = f"{n:,} of the {held} problems that the split holds: "
                drawn += generator.splits[split]
            paragraphs.append(f"{label}: {drawn}.")
    if foreign(suite):
        paragraphs.append(
            "How the samples were drawn is not known here. An accuracy speaks about samples of the same "
            "kind, as far as these were drawn at random from such; if they are all there are, the "
            "interval is about the model's answers to others like them."
        )
        return paragraphs
    paragraphs.append(
        "The problems of a split are drawn without replacement from the finite space that its "
        "generator states, in an order fixed by the seed, the levels of difficulty in turn: an "
        "accuracy weighs the levels as they were drawn. It speaks about that space and no further."
    )
    return paragraphs


def split_meanings(suite: Suite) -> dict[str, str]:
    """What each split tests, by label; without the splits of generators that are not installed."""
    return {
        suite.label(task.name, split): says
        for task in suite.tasks
        for split, says in getattr(same_generator(task), "splits", {}).items()
    }


def intervals(record: RunRecord) -> list[str]:
    """What the intervals hold and what they leave out, in paragraphs."""
    repeats = (
        f"Each item was asked {record.repeats} times and its answers averaged first, so decoding "
        "noise is in the intervals."
        if record.repeats > 1
        else "Each item was asked once, so decoding noise is in the intervals as far as it shows "
        "between items."
    )
    drawn = (
        "A 95 % interval holds the draw of the samples: in 95 of 100 such draws it covers the accuracy on "
        "all samples of the kind."
        if foreign(record.suite)
        else "A 95 % interval holds the draw of the problems: another seed would give other problems of "
        "the same kind, and in 95 of 100 such draws the interval covers the accuracy on all of "
        "them."
    )
    holds = (
        f"{drawn} {repeats} The independently drawn unit is the cluster; all wordings of a problem "
        "belong to its cluster."
    )
    lacks = (
        "It does not hold: wordings other than those used (their spread is reported beside), other sampling settings, other versions of the model, the solved examples "
        "that prompts draw from one pool, or the number of rows read at once: each row is covered "
        "at 95 % by itself."
    )
    return [holds, *_anytime(record), lacks]


def _anytime(record: RunRecord) -> list[str]:
    """What is different where the run's end depended on its answers."""
    if record.until is None:
        return []
    if record.until.adaptive:
        said = (
            f"The run drew problems until {record.until.rule}. A staircase chose the difficulty of "
            "each by the answers before, where they tell most about the threshold: its interval "
            "holds 95 % of the posterior, which neither the choosing nor the stopping changes."
        )
    else:
        said = (
            f"The run drew fresh problems until {record.until.rule}, looking again and again. The "
            "intervals of the accuracies are anytime-valid: in 95 of 100 such runs they hold the "
            "mean over the strata of a split at every look, whatever made the run stop. That is why "
            "they are wider than an interval for a number of problems fixed beforehand. All other "
            "intervals here are of that ordinary kind, and do not allow for the looking."
        )
    return [said]


def facts(record: RunRecord, answers: int) -> list[Fact]:
    """The settings of the run, term by term."""
    suite = record.suite
    identity = {k: v for k, v in record.identity.items() if k != "model" and v not in (None, "")}
    sampling = {k: v for k, v in asdict(record.sampling).items() if v is not None and v != ()}
    return [
        Fact(term="run", text=record.id, code=True),
        Fact(term="model", text=record.model, code=True),
        *([Fact(term="model settings", text=_settings(identity), code=True)] if identity else []),
        *([Fact(term="found", text=_settings(record.found), code=True)] if record.found else []),
        Fact(term="suite", text=f"{suite.name}, version {suite.version}"),
        Fact(term="edition", text=record.edition, code=True),
        *_drawn(record, sampling),
        Fact(term="repeats", text=str(record.repeats)),
        *([Fact(term="until", text=record.until.rule, code=True)] if record.until else []),
        Fact(term="answers", text=f"{answers:,} of {record.planned:,} planned"),
        Fact(term="status", text=record.status + (f": {record.note}" if record.note else "")),
        Fact(term="asked", text=_when(record)),
        Fact(term="versions", text=_settings(record.versions)),
    ]


def _drawn(record: RunRecord, sampling: Mapping[str, object]) -> list[Fact]:
    """Where questions and answers come from: seed and sampling, or a log."""
    seed = [] if foreign(record.suite) else [Fact(term="seed", text=str(record.seed), code=True)]
    if record.origin:
        return [*seed, Fact(term="imported from", text=_settings(record.origin), code=True)]
    return [*seed, Fact(term="sampling", text=_settings(sampling), code=True)]


def _settings(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _when(record: RunRecord) -> str:
    end = f" to {record.ended_at}" if record.ended_at else ""
    return f"{record.started_at}{end}, {record.wall_s:,.1f} s of asking"


def suite_word(suite: Suite) -> str:
    """What a command calls the suite: its name where it is packaged, else its file."""
    return suite.name if suite.name in names() or not suite.source else suite.source


def commands(record: RunRecord) -> list[str]:
    """Shell lines that ask the same again, and that compute this report again without asking."""
    again = shlex.join(["modelmetry", "report", f"runs/{record.id}"])
    if record.origin:
        return [again]
    suite, changed = record.suite, record.sampling
    models = record.until.models if record.until else (record.model,)
    words = ["modelmetry", "run", suite_word(suite)]
    for option, value in given(suite).items():
        words += ["-T", f"{option}={_option(value)}"]
    words += [word for model in models for word in ("--model", model)]
    words += ["--seed", str(record.seed)]
    if record.until is not None:
        words += ["--until", record.until.rule]
    if record.limit is not None:
        words += ["--limit", str(record.limit)]
    if record.repeats != suite.repeats:
        words += ["--epochs", str(record.repeats)]
    if changed.temperature != suite.sampling.temperature:
        words += ["--temperature", f"{changed.temperature:g}"]
    if changed.max_tokens != suite.sampling.max_tokens:
        words += ["--max-tokens", str(changed.max_tokens)]
    if changed.logprobs != suite.sampling.logprobs:
        words += ["--logprobs", _LOGPROBS[changed.logprobs]]
    words += model_options(record)
    return [shlex.join(words), again]


def model_options(record: RunRecord) -> list[str]:
    """`-M` words for the settings of the model that are options and are not the default."""
    settings = {name: value for name, value in record.identity.items() if name != "model"}
    if not settings:
        return []
    provider, _, name = record.model.partition("/")
    try:
        kind = load("models", provider).kind(name)
    except (BadInput, AttributeError):
        return []
    defaults = {field.name: field.default for field in fields(kind) if field.init}
    given = {k: v for k, v in settings.items() if k in defaults and v != defaults[k]}
    return [word for k, v in given.items() for word in ("-M", f"{k}={_option(v)}")]


def _option(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
