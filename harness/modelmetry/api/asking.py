"""What every way of running shares: the model to ask, how hard to try, what a stopped run leaves."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypedDict

import modelmetry.runs as runs
from modelmetry.api.results import read_run, write_report
from modelmetry.api.sources import Logprobs, Source
from modelmetry.errors import BadInput
from modelmetry.items import Item, replies_wanted, so_far
from modelmetry.items.cluster import Executor
from modelmetry.models import Model, Retries, resolve
from modelmetry.runs import Effort

DEFAULT_MODEL = "reference/check-standard"
"""The small language model that ships with the package."""

PER_TOKEN = 4
"""Characters: the usual rule for English; digits and names take more tokens."""


class Settings(TypedDict, total=False):
    """How to ask; every name is a flag of the command line, described at `run`."""

    model_base_url: str | None
    model_options: Mapping[str, Any] | None
    limit: int | None
    seed: int | None
    epochs: int | None
    max_connections: int | None
    max_retries: int | None
    temperature: float | None
    max_tokens: int | None
    logprobs: Logprobs | None
    suite_options: Mapping[str, Any] | None
    cost_limit: float | None
    executor: Executor
    workers: int | None
    log_dir: str | Path
    resume: bool


def sendings(item: Item, max_tokens: int) -> Iterator[tuple[Item, int]]:
    """What is shown for each reply of the model, and about how many characters that are at most.

    Args:
        item: The item; each turn of a conversation sends all that came before it again.
        max_tokens: The length at which the model's earlier replies are counted.
    """
    reply = "." * (PER_TOKEN * max_tokens)
    for turn in range(replies_wanted(item.messages)):
        shown = replace(item, messages=so_far(item.messages, [reply] * turn))
        yield shown, len(shown.text)


def changed(source: Source, settings: Settings) -> Source:
    """The source with the repeats and the sampling that the settings give.

    Raises:
        BadInput: A value is not allowed, or is not that of the run.
    """
    return source.changed(
        settings.get("epochs"),
        settings.get("temperature"),
        settings.get("max_tokens"),
        settings.get("logprobs"),
    )


def effort_of(models: Sequence[Model], settings: Settings) -> Effort:
    """How hard to try.

    Raises:
        BadInput: A number is out of range, or a cost limit is set and a model's prices are unknown.
    """
    cost_limit, retries = settings.get("cost_limit"), settings.get("max_retries")
    for model in models:
        if cost_limit is not None and not (model.price_input or model.price_output):
            raise BadInput(
                "cost-limit: the model's prices are unknown; give them as -M price_input=... "
                "-M price_output=... in US dollars per million tokens"
            )
    return Effort(
        connections=settings.get("max_connections"),
        retries=Retries() if retries is None else Retries(attempts=retries + 1),
        cost_limit_usd=cost_limit,
    )


def leave(folder: Path, *, new: bool, error: BaseException) -> None:
    """Report what a run that stopped has, or remove one that never could have begun."""
    if runs.answers(folder):
        write_report([read_run(folder)], folder)
    elif new and isinstance(error, BadInput):
        shutil.rmtree(folder)


def model_of(source: Source, model: str | Model | None, settings: Settings) -> Model:
    """The model given, or the default one; a run's own, with its options, where none is given.

    Raises:
        BadInput: It is unknown, or gives no log-probabilities of texts where they are asked for.
    """
    asked = _model_of(source, model, settings)
    asked.check_sampling(source.sampling)
    return spread(asked, settings.get("executor", "local"), settings.get("workers"))


def spread(model: Model, executor: Executor, workers: int | None) -> Model:
    """The model as the executor asks it: in this process, or by workers that hold a copy each.

    Raises:
        BadInput: There is no such executor, or workers are given without one.
    """
    if executor == "ray":
        from modelmetry.models.spread import Spread

        return Spread(
            name=model.name,
            model=model,
            workers=workers,
            price_input=model.price_input,
            price_output=model.price_output,
        )
    if executor != "local":
        raise BadInput(f"executor: {executor!r}; allowed: local, ray")
    if workers is not None:
        raise BadInput(f"workers: {workers}; allowed with executor ray")
    return model


def _model_of(source: Source, model: str | Model | None, settings: Settings) -> Model:
    if isinstance(model, Model):
        return model
    base_url, options = settings.get("model_base_url"), settings.get("model_options")
    if source.run is None:
        return resolve(model or DEFAULT_MODEL, base_url=base_url, options=options)
    record = runs.read_record(source.run)
    if model is not None and model != record.model:
        raise BadInput(f"{source.run}: asked of {record.model}, not {model}")
    known = {field.name for field in fields(resolve(record.model, base_url=base_url))}
    own = {key: value for key, value in record.identity.items() if key in known}
    return resolve(record.model, base_url=base_url, options={**own, **(options or {})})
