"""Running suites: asking models, resuming, and planning without asking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import modelmetry.runs as runs
from modelmetry.api.asking import (
    PER_TOKEN,
    Settings,
    changed,
    effort_of,
    leave,
    model_of,
    sendings,
)
from modelmetry.api.results import Run, read_run, write_report
from modelmetry.api.sources import Logprobs, Source, source_of
from modelmetry.api.until import open_ended, run_until
from modelmetry.errors import BadInput
from modelmetry.items.cluster import Executor
from modelmetry.models import Model
from modelmetry.runs import RunRecord, Tally
from modelmetry.suites import Suite


def dry_run(
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
    logprobs: Logprobs | None = None,
    suite_options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What `run` would ask with the same arguments; asks nothing, paints nothing, writes nothing.

    How many tokens a picture takes is the back end's own affair, so pictures are counted and
    neither tokens nor cost include them. Each turn of a conversation is a request that sends all
    that came before it again; the model's own turns are counted at `max_tokens`. Where the text shown
    is scored with the right answer after it, that is a request more.

    Args: see `run`.

    Returns:
        Name -> value: items, conversations where there are any, requests, about how many input
        tokens, most output tokens, most cost.
    """
    settings: Settings = {"model_base_url": model_base_url, "model_options": model_options}
    source = source_of(what, limit, seed, suite_options)
    source = source.changed(epochs, temperature, max_tokens, logprobs)
    asked = model_of(source, model, settings)
    count, turns, characters, pictures = _counted(source)
    if not count:
        raise BadInput(f"{what}: there is no item in it; allowed: a whole run")
    asked_for = count * source.repeats - (runs.answers(source.run) if source.run else 0)
    requests = turns * asked_for // count
    tokens_in = characters * asked_for // (PER_TOKEN * count)
    tokens_out = requests * source.sampling.max_tokens
    if source.sampling.logprobs == "target":
        requests, tokens_out = requests + asked_for, tokens_out + asked_for
    planned: dict[str, Any] = {
        "suite": f"{source.suite.name} version {source.suite.version}",
        "edition": source.edition,
        "model": asked.spec,
        "items": count,
    }
    if turns > count:
        planned["conversations"] = asked_for
    planned["requests"] = requests
    besides = " besides pictures" if pictures else ""
    if pictures:
        planned["pictures shown, about"] = pictures * asked_for // count
    most = "at most about" if turns > count else "about"
    planned[f"input tokens{besides}, {most}"] = tokens_in
    planned["output tokens, at most"] = tokens_out
    if asked.price_input or asked.price_output:
        cost = round(asked.cost(tokens_in, tokens_out), 4)
        planned[f"cost in USD{besides}, at most about"] = cost
    return planned


def _counted(source: Source) -> tuple[int, int, int, int]:
    """Items, replies wanted of the model, characters sent and pictures shown, of one repeat."""
    count = turns = characters = pictures = 0
    for item in source.items():
        count += 1
        for shown, sent in sendings(item, source.sampling.max_tokens):
            turns += 1
            characters += sent
            pictures += len(shown.pictures)
        if source.sampling.logprobs == "target":
            characters += len(item.text) + len(item.problem.target.answers[0])
    return count, turns, characters, pictures


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
    logprobs: Logprobs | None = None,
    suite_options: Mapping[str, Any] | None = None,
    cost_limit: float | None = None,
    until: str | None = None,
    executor: Executor = "local",
    workers: int | None = None,
    log_dir: str | Path = "runs",
    resume: bool = False,
    watch: Callable[[Tally], None] = lambda _: None,
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
        logprobs: In place of the suite's own: `none`, `answer` for the tokens of the answer, `target`
            for those of the text shown and of the right answer after it besides, in a query of their
            own for each item; for completion prompts, and back ends that score texts.
        suite_options: Options of the suite's generators in place of its own, by name, as text or as
            values; every task whose generator has an option of that name takes it.
        cost_limit: US dollars to spend in this session; needs the model's prices.
        until: Draw fresh problems until this is reached; see `run_until`.
        executor: `local`, or `ray` for copies of the model in the processes of a cluster, or of this
            machine where there is none. Answers, folder and resuming are the same.
        workers: How many copies; None for one per GPU where a model in this process would use one,
            else one per processor.
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
    settings: Settings = {
        "model_base_url": model_base_url,
        "model_options": model_options,
        "limit": limit,
        "seed": seed,
        "epochs": epochs,
        "max_connections": max_connections,
        "max_retries": max_retries,
        "temperature": temperature,
        "max_tokens": max_tokens,
        "logprobs": logprobs,
        "suite_options": suite_options,
        "cost_limit": cost_limit,
        "executor": executor,
        "workers": workers,
        "log_dir": log_dir,
        "resume": resume,
    }
    if until is not None or open_ended(what):
        models = [] if model is None else [model]
        done = run_until(
            what,
            until=until,
            models=models,
            watch=lambda tally, _: watch(tally),
            started=started,
            **settings,
        )
        return next((run for run in done if run.folder == Path(str(what))), done[0])
    source = changed(source_of(what, limit, seed, suite_options), settings)
    return _run(source, model_of(source, model, settings), settings, watch, started)


def _run(
    source: Source,
    asked: Model,
    settings: Settings,
    watch: Callable[[Tally], None],
    started: Callable[[Path, RunRecord], None],
) -> Run:
    """Ask a model everything in a source whose items are fixed."""
    effort, resume = effort_of([asked], settings), settings.get("resume", False)
    log_dir = Path(settings.get("log_dir", "runs"))
    folder = source.run or _prepared(source, asked, log_dir, resume=resume)
    started(folder, runs.read_record(folder))
    try:
        runs.execute(folder, asked, effort, watch)
    except BaseException as error:
        # What stopped the run is what the user must hear about, not a fault that came after it.
        with suppress(Exception):
            leave(folder, new=source.run is None and not resume, error=error)
        raise
    done = read_run(folder)
    write_report([done], folder)
    return done


def _prepared(source: Source, model: Model, log_dir: Path, *, resume: bool) -> Path:
    """The folder of a run that asks exactly this: a new one, or one to resume."""
    asked = {
        "edition": source.edition,
        "model": model,
        "sampling": source.sampling,
        "repeats": source.repeats,
    }
    found = runs.find(log_dir, **asked) if resume else None
    folder = found or runs.prepare(
        log_dir, source.items(), suite=source.suite, seed=source.seed, limit=source.limit, **asked
    )
    runs.hang(folder, source.pictures())
    return folder
