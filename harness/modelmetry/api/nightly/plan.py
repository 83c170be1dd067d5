"""What a night asks of whom: every cell with its problems, made from the configuration and a date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import modelmetry.suites as suites
from modelmetry.api.making import read_suite
from modelmetry.errors import BadInput
from modelmetry.items import Seed, content_hash
from modelmetry.leaderboards import seed_commitment
from modelmetry.models import Model, resolve
from modelmetry.nightly.job import Anchors, Job, ModelJob, SuiteJob
from modelmetry.nightly.night import Kind
from modelmetry.nightly.seeds import ANCHORS, fresh_seed, read_secret
from modelmetry.suites import Suite


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A suite under one seed, as it is asked of every model.

    Attributes:
        suite: What the job calls it.
        kind: Fresh problems or anchors.
        what: The suite's name or path, or an edition's folder.
        edition: Names the exact test set.
        commitment: SHA-256 that fixes the seed without showing it.
        requests: How many answers are wanted of a model, conversations counted once.
        seed: Root seed; None for an edition's folder.
        limit: Most problems per split, or None.
        options: Options of the suite's generators.
        epochs: How often each item is asked; None for the suite's own number.
        temperature: In place of the suite's own.
        max_tokens: Likewise.
    """

    suite: str
    kind: Kind
    what: str
    edition: str
    commitment: str
    requests: int
    seed: int | None = None
    limit: int | None = None
    options: Mapping[str, Any]
    epochs: int | None = None
    temperature: float | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A cell that is to be asked: one model, one suite, fresh problems or anchors.

    Attributes:
        key: Names the cell's file: the same every night.
        model: What the job calls the model.
        question: What is asked.
        digest: SHA-256 of all that decides what is asked, of whom, and how.
    """

    key: str
    model: str
    question: Question
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one process is to ask of one model.

    Attributes:
        model: The model.
        asks: Its cells, in order.
        folder: The night's folder.
        cost: US dollars that it may still spend in all; None for no limit.
        cell_cost: US dollars per cell.
        cell_minutes: Minutes per cell.
    """

    model: ModelJob
    asks: tuple[Ask, ...]
    folder: str
    cost: float | None = None
    cell_cost: float | None = None
    cell_minutes: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A night before it is asked.

    Attributes:
        job: The configuration.
        date: ISO 8601.
        out: Folder of all nights.
        questions: Everything that is asked, anchors before fresh problems of each suite.
        asks: Every cell, by model in the order of the configuration.
        models: Name in the job -> the model, not opened.
    """

    job: Job
    date: str
    out: Path
    questions: tuple[Question, ...]
    asks: tuple[Ask, ...]
    models: Mapping[str, Model]

    @property
    def folder(self) -> Path:
        """The night's folder."""
        return self.out / self.date

    @property
    def check(self) -> str | None:
        """What the job calls the check standard, or None."""
        return self.job.check.label if self.job.check else None


def cell_key(suite: str, kind: Kind, model: str) -> str:
    """16 hex digits that name a cell in every night."""
    return content_hash(["cell", suite, kind, model])[:16]


def date_of(given: str | None, timezone: str) -> str:
    """The date of a night: as given, or today where the job is.

    Raises:
        BadInput: It is no date.
    """
    if given is None:
        return datetime.now(ZoneInfo(timezone)).date().isoformat()
    try:
        return datetime.strptime(given, "%Y-%m-%d").date().isoformat()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        raise BadInput(f"date: {given!r}; allowed: days as YYYY-MM-DD") from None


def planned(job: Job, folder: Path, date: str, out: Path) -> Plan:
    """Everything that a night asks; nothing is asked yet.

    Args:
        job: The configuration.
        folder: What its paths are relative to.
        date: The night, ISO 8601.
        out: Folder of all nights.

    Raises:
        BadInput: A suite, model or option does not exist, the secret is missing, or a cost limit is set
            for a model without prices.
    """
    models = {each.label: _model(each) for each in job.respondents}
    secret = _Secret(job, folder)
    questions = [
        question for each in job.suites for question in _questions(each, folder, secret, date)
    ]
    asks = [
        _ask(respondent, models[respondent.label], question)
        for respondent in job.respondents
        for question in questions
        if not respondent.suites or question.suite in respondent.suites
    ]
    return Plan(
        job=job,
        date=date,
        out=out,
        questions=tuple(questions),
        asks=tuple(asks),
        models=models,
    )


class _Secret:
    """The secret, read when the first seed needs it."""

    def __init__(self, job: Job, folder: Path) -> None:
        self._where, self._folder = job.secret, folder
        self._found: bytes | None = None

    def seed(self, suite: str, date: str) -> int:
        if self._found is None:
            self._found = read_secret(self._where, self._folder)
        return fresh_seed(self._found, suite, date)


def _model(each: ModelJob) -> Model:
    model = resolve(each.model, base_url=each.base_url, options=each.options)
    if each.cost_limit is not None and not priced(model):
        raise BadInput(
            f"models: {each.label}: cost_limit: the model's prices are unknown; give them as options "
            "price_input and price_output in US dollars per million tokens"
        )
    return model


def priced(model: Model) -> bool:
    """Whether the model's prices are known."""
    return bool(model.price_input or model.price_output)


def _questions(each: SuiteJob, folder: Path, secret: _Secret, date: str) -> list[Question]:
    what = each.suite
    if what.endswith((".yaml", ".yml")):
        what = str((folder / what).absolute())
    suite, found = read_suite(what, each.options or None), []
    if each.anchors is not None and each.anchors.edition is not None:
        found.append(_edition(each, folder / each.anchors.edition))
    elif each.anchors is not None:
        found.append(_seeded(each, suite, what, each.anchors, secret))
    if each.fresh is not None:
        fresh = Anchors(seed=secret.seed(each.label, date), limit=each.fresh.limit)
        found.append(_seeded(each, suite, what, fresh, secret, kind="fresh"))
    return found


def _seeded(
    each: SuiteJob,
    suite: Suite,
    what: str,
    given: Anchors,
    secret: _Secret,
    kind: Kind = "anchor",
) -> Question:
    seed = secret.seed(each.label, ANCHORS) if given.seed is None else given.seed
    return Question(
        suite=each.label,
        kind=kind,
        what=what,
        edition=suites.edition(suite, Seed(root=seed), given.limit),
        commitment=seed_commitment(suite.name, seed),
        requests=suites.item_count(suite, given.limit) * (each.epochs or suite.repeats),
        seed=seed,
        limit=given.limit,
        options=each.options,
        epochs=each.epochs,
        temperature=each.temperature,
        max_tokens=each.max_tokens,
    )


def _edition(each: SuiteJob, folder: Path) -> Question:
    if not suites.is_edition(folder):
        raise BadInput(f"suites: {each.label}: anchors: {folder}: not an edition (no edition.json)")
    manifest = suites.read_edition(folder).manifest
    return Question(
        suite=each.label,
        kind="anchor",
        what=str(folder.absolute()),
        edition=manifest.edition,
        commitment=seed_commitment(manifest.suite.name, manifest.seed),
        requests=manifest.item_count * (each.epochs or manifest.suite.repeats),
        options={},
        epochs=each.epochs,
        temperature=each.temperature,
        max_tokens=each.max_tokens,
    )


def _ask(respondent: ModelJob, model: Model, question: Question) -> Ask:
    asked = [model.spec, model.identity(), question.edition, question.epochs]
    return Ask(
        key=cell_key(question.suite, question.kind, respondent.label),
        model=respondent.label,
        question=question,
        digest=content_hash([*asked, question.temperature, question.max_tokens]),
    )
