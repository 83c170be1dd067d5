"""Logs of Inspect: `.eval`, a zip of one JSON per sample, and `.json`, all of it in one.

Fields as in inspect_ai 0.3, `inspect_ai/log/_log.py` (log version 2). Neither is the package needed
nor a log read whole: samples are streamed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from modelmetry.runs.imports import inspect_samples as samples
from modelmetry.runs.imports.entries import Entries
from modelmetry.runs.imports.log import Answer, Log, Said, one_line, plain_settings, unreadable
from modelmetry.runs.imports.streaming import members

VERSION = 2
_ALLOWED = "a log of inspect_ai, version 2, with its samples"
_SAMPLE = re.compile(r"samples/.*_epoch_\d+\.json", re.DOTALL)

_FIRST = {"version", "status", "eval", "plan", "stats"}
"""What Inspect writes before the samples, results too, if there are any."""

T = TypeVar("T")


class Metric(msgspec.Struct):
    """One number of a score, and the options it was computed with."""

    name: str = ""
    value: Any = None
    params: dict[str, Any] = {}
    options: dict[str, Any] = {}


class Result(msgspec.Struct):
    """What a log says of one score over all samples."""

    name: str
    scorer: str = ""
    reducer: str | None = None
    metrics: dict[str, Metric] = {}


class Results(msgspec.Struct):
    """What a log says over all samples."""

    scores: list[Result] = []


class Dataset(msgspec.Struct):
    """What a log says of its samples."""

    name: str | None = None
    samples: int | None = None


class Config(msgspec.Struct):
    """The part of an evaluation's settings that says how often each sample was asked."""

    epochs: int | None = None
    limit: Any = None


class Spec(msgspec.Struct):
    """What was evaluated."""

    task: str
    model: str
    created: str = ""
    task_version: int | str = 1
    task_args: dict[str, Any] = {}
    dataset: Dataset = msgspec.field(default_factory=Dataset)
    model_generate_config: dict[str, Any] = {}
    model_args: dict[str, Any] = {}
    config: Config = msgspec.field(default_factory=Config)
    packages: dict[str, Any] = {}
    metadata: dict[str, Any] | None = None


class Step(msgspec.Struct):
    """One solver of a plan."""

    solver: str = ""


class Plan(msgspec.Struct):
    """How samples were turned into answers."""

    steps: list[Step] = []
    config: dict[str, Any] = {}


class Stats(msgspec.Struct):
    """When it was evaluated."""

    started_at: str = ""
    completed_at: str = ""


class Fault(msgspec.Struct):
    """What ended an evaluation."""

    message: str = ""


class Header(msgspec.Struct):
    """A log without its samples."""

    version: int
    eval: Spec
    status: str = "started"
    plan: Plan = msgspec.field(default_factory=Plan)
    results: Results | None = None
    stats: Stats = msgspec.field(default_factory=Stats)
    error: Fault | None = None


def read_inspect(path: Path) -> Log:
    """A log of Inspect, in either form.

    Raises:
        BadInput: It is none, of another version, or has no samples.
    """
    with path.open("rb") as file:
        zipped = path.suffix == ".eval" or file.read(2) == b"PK"
    return _zipped(path) if zipped else _plain(path)


def _zipped(path: Path) -> Log:
    with Entries(path) as entries:
        names = [name for name in entries.names if _SAMPLE.fullmatch(name)]
        if any(name.endswith("/sample.json") for name in entries.names):
            why = "it holds samples in pieces"
            raise unreadable(path, why, "logs with one entry per sample, as inspect_ai writes them")
        if "header.json" in entries.names:
            header = _header(path, entries.read("header.json"))
        elif "_journal/start.json" in entries.names:
            # Written when the evaluation began; there is no header before it has ended.
            header = _header(path, entries.read("_journal/start.json"))
        else:
            raise unreadable(path, "no header.json in it", _ALLOWED)
    if not names:
        raise unreadable(path, "it has no samples", _ALLOWED)
    names.sort(key=_order)

    def answers() -> Iterator[Answer]:
        with Entries(path) as again:
            for name in names:
                sample = _converted(path, again.read(name), samples.Sample, where=name)
                yield samples.answer(sample, path, header.eval.model)

    return _log(path, header, answers)


def _order(name: str) -> tuple[Any, ...]:
    """Samples by id, numbers by size, and then by epoch: repeats of one follow each other."""
    said, _, epoch = name.removeprefix("samples/").removesuffix(".json").rpartition("_epoch_")
    return (not said.isdecimal(), int(said) if said.isdecimal() else 0, said, int(epoch))


def _plain(path: Path) -> Log:
    head: dict[str, Any] = {}
    any_sample = False
    for key, value in _members(path):
        if key != "samples":
            head[key] = value
        else:
            # The rest is read when the answers are; only a broken tail waits until then.
            any_sample = True
            if head.keys() >= _FIRST:
                break
    if "eval" not in head or "version" not in head:
        raise unreadable(path, "it has no `version` and `eval`", _ALLOWED)
    header = _header(path, head)
    if not any_sample:
        raise unreadable(path, "it has no samples", _ALLOWED)

    def answers() -> Iterator[Answer]:
        for key, value in _members(path):
            if key == "samples":
                sample = _converted(path, value, samples.Sample, where="samples")
                yield samples.answer(sample, path, header.eval.model)

    return _log(path, header, answers)


def _members(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield from members(file, "samples")
    except (ValueError, RecursionError) as error:
        raise unreadable(path, f"not readable as JSON ({error})", _ALLOWED) from error


def _header(path: Path, data: bytes | Mapping[str, Any]) -> Header:
    version = _version(data if isinstance(data, Mapping) else _json(path, data, "header.json"))
    if version != VERSION:
        raise unreadable(path, f"a log of version {version!r}", "version 2, of inspect_ai 0.3")
    return _converted(path, data, Header, where="the header")


def _version(head: object) -> object:
    return head.get("version") if isinstance(head, Mapping) else None


def _json(path: Path, data: bytes, where: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise unreadable(path, f"{where}: not JSON ({error})", _ALLOWED) from error


def _converted(path: Path, data: bytes | Any, kind: type[T], *, where: str) -> T:
    """JSON as a value of a kind; what the kind does not name is passed over."""
    try:
        if isinstance(data, bytes):
            try:
                return msgspec.json.decode(data, type=kind)
            except msgspec.ValidationError:
                raise
            except (msgspec.DecodeError, UnicodeDecodeError):
                # NaN, which Inspect writes for what was not scored, is no JSON.
                data = _json(path, data, where)
        return msgspec.convert(data, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise unreadable(path, f"{where}: {error}", _ALLOWED) from error


def _log(path: Path, header: Header, answers: Callable[[], Iterator[Answer]]) -> Log:
    spec, stats = header.eval, header.stats
    began, ended = stats.started_at or spec.created, stats.completed_at
    epochs = spec.config.epochs or 1
    count = spec.dataset.samples
    steps = ", ".join(step.solver for step in header.plan.steps if step.solver)
    settings = {**spec.model_args, **spec.model_generate_config, **header.plan.config}
    for name in ("max_connections", "max_retries", "timeout"):
        settings.pop(name, None)
    found = {"solver": steps, "dataset": spec.dataset.name or ""}
    return Log(
        harness="inspect_ai",
        path=path,
        task=spec.task,
        version=str(spec.task_version or 1),
        model=spec.model,
        suite=str((spec.metadata or {}).get("suite") or ""),
        settings={**plain_settings(settings), **plain_settings(spec.task_args)},
        found={name: one_line(value) for name, value in found.items() if value},
        versions={name: one_line(value) for name, value in spec.packages.items()},
        began=_utc(began),
        ended=_utc(ended),
        seconds=_seconds(began, ended),
        planned=None if count is None or spec.config.limit else count * epochs,
        note=_note(header),
        cluster=_cluster(header.results),
        said=_said(header.results),
        answers=answers,
    )


def _note(header: Header) -> str:
    if header.status == "success":
        return ""
    why = f": {one_line(header.error.message)}" if header.error and header.error.message else ""
    return f"the log's status is {one_line(header.status)}{why}"


def _cluster(results: Results | None) -> str:
    """The metadata key by which standard errors were clustered, where all agree."""
    if results is None:
        return ""
    keys = {
        str((metric.params or metric.options).get("cluster") or "")
        for score in results.scores
        for name, metric in score.metrics.items()
        if "stderr" in name
    }
    return keys.pop() if len(keys) == 1 else ""


def _said(results: Results | None) -> dict[str, Said]:
    """Metric -> accuracy or mean, and standard error; of several reducers the mean is told."""
    found: dict[str, Said] = {}
    for score in sorted(results.scores if results else (), key=lambda s: s.reducer != "mean"):
        scorer = score.scorer or score.name
        name = score.name if score.name == scorer else f"{scorer}/{score.name}"
        numbers = {
            key: float(metric.value)
            for key, metric in score.metrics.items()
            if isinstance(metric.value, int | float)
        }
        value = next((numbers[key] for key in ("accuracy", "mean") if key in numbers), None)
        if value is not None and value == value and name not in found:
            other = score.reducer not in (None, "mean")
            note = f"the log reduces epochs by {score.reducer}, and not to their mean"
            found[name] = Said(
                value=value, std_error=numbers.get("stderr"), note=note if other else ""
            )
    return found


def _utc(moment: str) -> str:
    try:
        return datetime.fromisoformat(moment).strftime("%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return ""


def _seconds(began: str, ended: str) -> float:
    try:
        return max(
            0.0,
            (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds(),
        )
    except (ValueError, TypeError):
        return 0.0
