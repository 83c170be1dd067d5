"""Running suites: asking models, resuming, and planning without asking."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import modelmetry.runs as runs
import modelmetry.suites as suites
from modelmetry.api.making import checked_limit, read_suite
from modelmetry.api.results import Run, read_run, report
from modelmetry.errors import BadInput, ModelmetryError
from modelmetry.items import Item, Seed
from modelmetry.models import Model, Retries, Sampling, resolve
from modelmetry.runs import Effort, RunRecord, Tally
from modelmetry.suites import Suite

DEFAULT_MODEL = "reference/check-standard"
"""The small language model that ships with the package."""

Watch = Callable[[Tally], None]


def plan(
    what: str | Path | Suite, *, model: str = DEFAULT_MODEL, **settings: Any
) -> dict[str, Any]:
    """What `run` would ask with the same arguments; asks nothing and writes nothing.

    Args:
        what: A suite or an edition's folder.
        model: Spec.
        settings: `model_base_url`, `model_options`, `limit`, `seed`, `epochs`, `max_tokens` as in
            `run`.

    Returns:
        Name -> value: items, requests, characters of prompts, most output tokens, most cost.
    """
    asked = _model(model, settings.get("model_base_url"), settings.get("model_options"))
    source = _source(what, checked_limit(settings.get("limit")), settings.get("seed") or 0)
    repeats = settings.get("epochs") or source.suite.repeats
    count = characters = 0
    for item in source.items:
        count += 1
        characters += len(item.text)
    tokens_out = count * repeats * (settings.get("max_tokens") or source.suite.sampling.max_tokens)
    # Four characters a token is the usual rule for English; digits and names take more tokens.
    tokens_in = characters * repeats // 4
    planned: dict[str, Any] = {
        "suite": f"{source.suite.name} version {source.suite.version}",
        "edition": source.edition,
        "model": asked.spec,
        "items": count,
        "requests": count * repeats,
        "input tokens, about": tokens_in,
        "output tokens, at most": tokens_out,
    }
    if asked.price_input or asked.price_output:
        planned["cost in USD, at most about"] = round(asked.cost(tokens_in, tokens_out), 4)
    return planned


def run(
    what: str | Path | Suite,
    *,
    model: str | Model = DEFAULT_MODEL,
    model_base_url: str | None = None,
    model_options: Mapping[str, Any] | None = None,
    limit: int | None = None,
    seed: int = 0,
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
        model: Spec `provider/name`, or a model.
        model_base_url: Server address.
        model_options: The back end's options.
        limit: Most problems per split.
        seed: Root seed; the default is public, so give a fresh one for a number to publish.
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
    folder = Path(what) if isinstance(what, str | Path) else None
    if folder is not None and runs.is_run(folder):
        asked = _model_of(folder, model, model_base_url, model_options)
    else:
        asked = _model(model, model_base_url, model_options)
        folder = _prepared(
            what,
            asked,
            limit=checked_limit(limit),
            seed=seed,
            epochs=epochs,
            changes={"temperature": temperature, "max_tokens": max_tokens},
            log_dir=Path(log_dir),
            resume=resume,
        )
    _check_prices(asked, cost_limit)
    started(folder, runs.read_record(folder))
    try:
        runs.execute(folder, asked, effort, watch)
    except BaseException:
        # What stopped the run is what the user must hear about, not a report that failed after it.
        with suppress(ModelmetryError):
            if runs.answers(folder):
                report([folder], out=folder)
        raise
    report([folder], out=folder)
    return read_run(folder)


def _model(model: str | Model, base_url: str | None, options: Mapping[str, Any] | None) -> Model:
    if isinstance(model, Model):
        return model
    return resolve(model, base_url=base_url, options=options)


def _model_of(
    folder: Path, model: str | Model, base_url: str | None, options: Mapping[str, Any] | None
) -> Model:
    """The model of a run that is gone on with; the default spec stands for the run's own."""
    spec = runs.read_record(folder).model if model == DEFAULT_MODEL else model
    return _model(spec, base_url, options)


def _prepared(
    what: str | Path | Suite,
    model: Model,
    *,
    limit: int | None,
    seed: int,
    epochs: int | None,
    changes: Mapping[str, Any],
    log_dir: Path,
    resume: bool,
) -> Path:
    """The folder of a run that asks exactly this: a new one, or one to resume."""
    source = _source(what, limit, seed)
    suite = source.suite
    repeats = suite.repeats if epochs is None else epochs
    if repeats < 1:
        raise BadInput(f"epochs: {repeats}; allowed: from 1")
    sampling = _changed(suite.sampling, changes)
    if resume:
        found = runs.find(
            log_dir, edition=source.edition, model=model, sampling=sampling, repeats=repeats
        )
        if found is not None:
            return found
    return runs.prepare(
        log_dir,
        source.items,
        suite=suite,
        seed=source.seed,
        edition=source.edition,
        model=model,
        sampling=sampling,
        repeats=repeats,
        limit=limit,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where a run's items come from: a suite and a seed, or an edition made of them earlier."""

    suite: Suite
    seed: int
    edition: str
    items: Iterator[Item]


def _source(what: str | Path | Suite, limit: int | None, seed: int) -> _Source:
    if not isinstance(what, Suite) and suites.is_edition(Path(what)):
        edition = suites.read_edition(Path(what))
        if limit is not None:
            raise BadInput(
                f"{what}: --limit; allowed: an edition is asked whole, or a suite's name"
            )
        manifest = edition.manifest
        return _Source(
            suite=manifest.suite,
            seed=manifest.seed,
            edition=manifest.edition,
            items=edition.items(),
        )
    suite, root = read_suite(what), Seed(root=seed)
    return _Source(
        suite=suite,
        seed=seed,
        edition=suites.edition(suite, root, limit),
        items=suites.items(suite, root, limit),
    )


def _changed(sampling: Sampling, changes: Mapping[str, Any]) -> Sampling:
    return replace(sampling, **{key: value for key, value in changes.items() if value is not None})


def _check_prices(model: Model, cost_limit: float | None) -> None:
    if cost_limit is not None and not (model.price_input or model.price_output):
        raise BadInput(
            "cost-limit: the model's prices are unknown; give them as -M price_input=... "
            "-M price_output=... in US dollars per million tokens"
        )
