"""Running suites: asking models, resuming, and planning without asking."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import modelmetry.runs as runs
from modelmetry.api.results import Run, read_run, write_report
from modelmetry.api.sources import Source, source_of
from modelmetry.errors import BadInput
from modelmetry.models import Model, Retries, resolve
from modelmetry.runs import Effort, RunRecord, Tally
from modelmetry.suites import Suite

DEFAULT_MODEL = "reference/check-standard"
"""The small language model that ships with the package."""

Watch = Callable[[Tally], None]


def plan(
    what: str | Path | Suite,
    *,
    model: str | None = None,
    model_base_url: str | None = None,
    model_options: Mapping[str, Any] | None = None,
    limit: int | None = None,
    seed: int | None = None,
    epochs: int | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
) -> dict[str, Any]:
    """What `run` would ask with the same arguments; asks nothing and writes nothing.

    Args: see `run`.

    Returns:
        Name -> value: items, requests, about how many input tokens, most output tokens, most cost.
    """
    source = source_of(what, limit, seed).changed(epochs, temperature, max_tokens)
    asked = _model(source, model, model_base_url, model_options)
    count = characters = 0
    for item in source.items():
        count += 1
        characters += len(item.text)
    if not count:
        raise BadInput(f"{what}: there is no item in it; allowed: a whole run")
    total = count * source.repeats
    requests = total - (runs.answers(source.run) if source.run else 0)
    # Four characters a token is the usual rule for English; digits and names take more tokens.
    tokens_in = characters * requests // (4 * count)
    tokens_out = requests * source.sampling.max_tokens
    planned: dict[str, Any] = {
        "suite": f"{source.suite.name} version {source.suite.version}",
        "edition": source.edition,
        "model": asked.spec,
        "items": count,
        "requests": requests,
        "input tokens, about": tokens_in,
        "output tokens, at most": tokens_out,
    }
    if asked.price_input or asked.price_output:
        planned["cost in USD, at most about"] = round(asked.cost(tokens_in, tokens_out), 4)
    return planned


def run(
    what: str | Path | Suite,
    *,
    model: str | Model | None = None,
    model_base_url: str | None = None,
    model_options: Mapping[str, Any] | None = None,
    limit: int | None = None,
    seed: int | None = None,
    epochs: int | None = None,
    max_connections: int | None = None,
    max_retries: int | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    cost_limit: float | None = None,
    log_dir: str | Path = "runs",
    resume: bool = False,
    watch: Watch = lambda _: None,
    started: Callable[[Path, RunRecord], None] = lambda *_: None,
) -> Run:
    """Ask a model everything in a suite and write the report.

    Args:
        what: A suite (name, path or object), an edition's folder, or a run's folder to go on with.
        model: Spec `provider/name`, or a model; by default the run's own, or `DEFAULT_MODEL`.
        model_base_url: Server address.
        model_options: The back end's options.
        limit: Most problems per split.
        seed: Root seed, 0 if not given; give a fresh one for a number to publish.
        epochs: How often each item is asked; None for the suite's own number.
        max_connections: Most requests in flight.
        max_retries: Most repetitions of a request after a passing fault.
        temperature: In place of the suite's own.
        max_tokens: In place of the suite's own.
        cost_limit: US dollars to spend in this session; needs the model's prices.
        log_dir: Folder of run folders.
        resume: Go on with the newest run in `log_dir` that asks exactly this, if there is one.
        watch: Called with the tally after every answer.
        started: Called with the folder and the record before the first question.

    Returns:
        The run, scored; report files lie in its folder.

    Raises:
        BadInput: Anything given cannot be used.
        Unreachable: The model does not answer; the run can be resumed.
        LimitReached: The cost limit was reached; the run can be resumed.
    """
    effort = Effort(
        connections=max_connections,
        retries=Retries() if max_retries is None else Retries(attempts=max_retries + 1),
        cost_limit_usd=cost_limit,
    )
    source = source_of(what, limit, seed).changed(epochs, temperature, max_tokens)
    asked = _model(source, model, model_base_url, model_options)
    _check_prices(asked, cost_limit)
    folder = source.run or _prepared(source, asked, Path(log_dir), resume=resume)
    started(folder, runs.read_record(folder))
    try:
        runs.execute(folder, asked, effort, watch)
    except BaseException as error:
        # What stopped the run is what the user must hear about, not a fault that came after it.
        with suppress(Exception):
            _leave(folder, new=source.run is None and not resume, error=error)
        raise
    done = read_run(folder)
    write_report([done], folder)
    return done


def _leave(folder: Path, *, new: bool, error: BaseException) -> None:
    """Report what a run that stopped has, or remove one that never could have begun."""
    if runs.answers(folder):
        write_report([read_run(folder)], folder)
    elif new and isinstance(error, BadInput):
        shutil.rmtree(folder)


def _model(
    source: Source,
    model: str | Model | None,
    base_url: str | None,
    options: Mapping[str, Any] | None,
) -> Model:
    """The model given, or the default one; a run's own, with its options, where none is given."""
    if isinstance(model, Model):
        return model
    if source.run is None:
        return resolve(model or DEFAULT_MODEL, base_url=base_url, options=options)
    record = runs.read_record(source.run)
    if model is not None and model != record.model:
        raise BadInput(f"{source.run}: asked of {record.model}, not {model}")
    known = {field.name for field in fields(resolve(record.model, base_url=base_url))}
    own = {key: value for key, value in record.identity.items() if key in known}
    return resolve(record.model, base_url=base_url, options={**own, **(options or {})})


def _prepared(source: Source, model: Model, log_dir: Path, *, resume: bool) -> Path:
    """The folder of a run that asks exactly this: a new one, or one to resume."""
    asked = {
        "edition": source.edition,
        "model": model,
        "sampling": source.sampling,
        "repeats": source.repeats,
    }
    if resume and (found := runs.find(log_dir, **asked)) is not None:
        return found
    return runs.prepare(
        log_dir, source.items(), suite=source.suite, seed=source.seed, limit=source.limit, **asked
    )


def _check_prices(model: Model, cost_limit: float | None) -> None:
    if cost_limit is not None and not (model.price_input or model.price_output):
        raise BadInput(
            "cost-limit: the model's prices are unknown; give them as -M price_input=... "
            "-M price_output=... in US dollars per million tokens"
        )
