"""Samples of lm-eval: `samples_<task>_<time>.jsonl`, and `results_<time>.json` beside it.

Fields as in lm_eval 0.4, `evaluator.py` and `loggers/evaluation_tracker.py`. A document has one line
per filter, with the metrics of that filter.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from modelmetry.items import Message, Target, message
from modelmetry.runs.imports.log import (
    Answer,
    Log,
    Mark,
    Said,
    one_line,
    plain_settings,
    storable,
    unreadable,
)

NAME = re.compile(r"samples_(?P<task>.+)_(?P<time>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?)\.jsonl")
_ALLOWED = "samples_<task>_<time>.jsonl, as lm_eval writes it with --log_samples"
_NEEDED = ("doc_id", "doc", "target", "arguments", "resps")
_OTHERS = (
    *(*_NEEDED, "filtered_resps", "filter", "metrics"),
    *("doc_hash", "prompt_hash", "target_hash", "group"),
)
_MODEL = ("pretrained", "model", "path", "name")


def read_lm_eval(path: Path) -> Log:
    """The samples of one task.

    Raises:
        BadInput: They are none, or what lies beside them is no results file.
    """
    named = NAME.fullmatch(path.name)
    results = path.with_name(f"results_{named['time']}.json") if named else None
    told = _results(results) if results and results.is_file() else {}
    first = next(_lines(path), None)
    if first is None:
        raise unreadable(path, "it has no samples", _ALLOWED)
    task = named["task"] if named else path.stem
    config = _mapping(_mapping(told.get("configs")).get(task))
    setup = _mapping(told.get("config"))
    args = _arguments(setup.get("model_args"))
    began = _moment(told.get("date"))
    seconds = _number(told.get("total_evaluation_time_seconds"))
    n_shot = _mapping(told.get("n-shot")).get(task)
    generation = _mapping(config.get("generation_kwargs"))
    settings = {
        **args,
        **generation,
        **_arguments(setup.get("gen_kwargs")),
        "num_fewshot": n_shot,
        "system_instruction": told.get("system_instruction"),
        "chat_template_sha": told.get("chat_template_sha"),
    }
    found = {
        "output_type": config.get("output_type"),
        "dataset": config.get("dataset_path"),
        "answers per question": config.get("repeats", 1),
        "results": results.name if told and results else "none beside the samples",
    }
    versions = {
        "lm_eval": told.get("lm_eval_version"),
        "transformers": told.get("transformers_version"),
    }
    return Log(
        harness="lm_eval",
        path=path,
        task=task,
        version=str(_mapping(told.get("versions")).get(task) or 1),
        model=_model(path, setup, args, told),
        suite=str(_mapping(config.get("metadata")).get("suite") or ""),
        settings=plain_settings(settings),
        found={name: one_line(value) for name, value in found.items() if value},
        versions={name: str(v) for name, v in versions.items() if v and v != "N/A"},
        began=_utc(began),
        ended=_utc(began + seconds) if began else "",
        seconds=seconds,
        said=_said(_mapping(_mapping(told.get("results")).get(task)), config),
        answers=lambda: _answers(path, began),
    )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Every line as an object."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                row = json.loads(line)
                missing = [key for key in _NEEDED if key not in row] if type(row) is dict else ["{"]
                if missing:
                    raise unreadable(path, f"line {number}: no {missing[0]!r}", _ALLOWED)
                yield row
    except (ValueError, RecursionError) as error:
        raise unreadable(path, f"not readable as JSON lines ({error})", _ALLOWED) from error


def _results(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise unreadable(path, f"not readable as JSON ({error})", "what lm_eval wrote") from error
    if not isinstance(told, dict):
        raise unreadable(path, "no JSON object", "what lm_eval wrote")
    return told


def _answers(path: Path, asked: float) -> Iterator[Answer]:
    """Documents with the metrics of each of their lines, which are one per filter."""
    for row in _lines(path):
        yield _answer(path, row, asked)


def _answer(path: Path, row: Mapping[str, Any], asked: float) -> Answer:
    filtered = str(row.get("filter") or "none")
    names = row.get("metrics") or [key for key in row if key not in _OTHERS]
    requests = [_list(given) for given in _ordered(row["arguments"])]
    if not requests or not requests[0]:
        raise unreadable(path, f"doc {row['doc_id']}: no arguments", _ALLOWED)
    options = _options(requests)
    where = f"{path}: doc {row['doc_id']}"
    messages, form = _shown(requests[0][0])
    said = _list(row.get("filtered_resps"))
    spoken = "" if options else _first(row["resps"])
    right = _right(str(row["target"]), options)
    marks = {}
    for name in names:
        read = _chosen(said, options, name) if options else one_line(_first(said))
        marks[f"{name},{filtered}"] = _mark(row.get(name), f"{where}: {name}", read)
    return Answer(
        id=storable(str(row["doc_id"])),
        repeat=0,
        content=[row["doc"], row["target"]],
        messages=messages,
        format=form,
        fields={"question": messages[-1].text, "choices": options},
        target=right,
        facts=_facts(row["doc"]),
        text=_chosen(said, options, str(next(iter(names), ""))) if options else spoken,
        finish="stop",
        error=None,
        marks=marks,
        filter=filtered,
        received_at=asked,
    )


def _ordered(arguments: object) -> list[Any]:
    """Arguments of the requests: `gen_args_0`, `gen_args_1` ... of `arg_0`, `arg_1` ..., or lists."""
    if isinstance(arguments, Mapping):
        return [
            _ordered(value) if isinstance(value, Mapping) else value for value in arguments.values()
        ]
    return _list(arguments)


def _options(requests: Sequence[Sequence[Any]]) -> list[str]:
    """What there was to choose from, where each request asks how likely a text is.

    A second round of requests, without the question, is how lm-eval normalizes: it is left out. Where
    the contexts differ and the texts after them do not, the context is the choice.
    """
    if len(requests) < 2 or any(len(each) < 2 or not isinstance(each[1], str) for each in requests):
        return []
    contexts = [str(each[0]) for each in requests]
    texts = [storable(each[1].strip()) for each in requests]
    if len(set(texts)) == 1:
        return [storable(context) for context in contexts]
    asked = [text for context, text in zip(contexts, texts, strict=True) if context == contexts[0]]
    return asked if 1 < len(asked) < len(texts) else texts


def _right(target: str, options: Sequence[str]) -> Target:
    """The right answer: of options, by its text or by its place from 0."""
    target = storable(target)
    if len(options) > 1:
        if target.strip() in options:
            return Target(answers=(target.strip(),), choices=tuple(options))
        if target.isdecimal() and int(target) < len(options):
            return Target(answers=(options[int(target)],), choices=tuple(options))
    return Target(answers=(target,))


def _chosen(said: Sequence[Any], options: Sequence[str], metric: str) -> str:
    """The likeliest option; `acc_norm` divides by its length first, as lm-eval does."""
    found = [_number(_list(each)[0] if _list(each) else each, -math.inf) for each in said]
    found = found[: len(options)]
    if len(found) < len(options):
        return ""
    if "norm" in metric:
        found = [value / max(1, len(text)) for value, text in zip(found, options, strict=True)]
    return options[max(range(len(options)), key=found.__getitem__)]


def _first(said: Any) -> str:
    """The first text of nested lists of answers."""
    while isinstance(said, list) and said:
        said = said[0]
    return storable(said if isinstance(said, str) else "" if said in (None, []) else str(said))


class _Shown(NamedTuple):
    messages: tuple[Message, ...]
    format: Any


def _shown(given: object) -> _Shown:
    """What a model was shown: a text to go on with, or a chat in JSON."""
    given = given[0] if isinstance(given, list) and given else given
    text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
    if text.startswith('[{"role"'):
        try:
            turns = [_turn(turn) for turn in json.loads(text)]
        except (ValueError, KeyError, TypeError, RecursionError):
            turns = []
        if turns:
            return _Shown(tuple(turns), "chat")
    return _Shown((message("user", storable(text)),), "completion")


def _turn(turn: Mapping[str, Any]) -> Message:
    said = turn["content"]
    if isinstance(said, list):
        said = "\n".join(str(part.get("text", f"[{part.get('type')}]")) for part in said)
    role = turn["role"] if turn["role"] in ("system", "assistant") else "user"
    return message(role, storable(str(said)))


def _mark(value: object, where: str, read: str) -> Mark:
    """A metric of one document; one that is no number is told when it is asked for."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return Mark(value=None, reason="the log has no score of it", answer=read)
    if not isinstance(value, int | float) or math.isinf(value):
        said = one_line(repr(value))[:80]
        return Mark(
            value=math.nan, reason=f"{where} is {said}, which is no number; allowed: numbers"
        )
    return Mark(value=float(value), answer=read)


def _facts(doc: object) -> Mapping[str, Any]:
    return doc if isinstance(doc, Mapping) else {}


def _said(results: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Said]:
    """`metric,filter` -> mean and standard error, as the results file has them."""
    ways = {
        str(each.get("metric")): str(each.get("aggregation", "mean"))
        for each in _list(config.get("metric_list"))
        if isinstance(each, Mapping)
    }
    found = {}
    for key, value in results.items():
        name, comma, kind = key.partition(",")
        if not comma or name.endswith("_stderr") or not isinstance(value, int | float):
            continue
        error = results.get(f"{name}_stderr,{kind}")
        way = ways.get(name, "mean")
        found[key] = Said(
            value=float(value),
            std_error=float(error) if isinstance(error, int | float) else None,
            note="" if way == "mean" else f"the log sums {name} up by {way}, and not to a mean",
        )
    return found


def _model(path: Path, setup: Mapping[str, Any], args: Mapping[str, Any], told: Any) -> str:
    """`provider/name`, or the folder's name, which lm-eval makes of the model's."""
    provider = str(setup.get("model") or "")
    name = next((str(args[key]) for key in _MODEL if args.get(key)), told.get("model_name") or "")
    if not provider:
        return one_line(path.absolute().parent.name.replace("__", "/"))
    return one_line(f"{provider}/{name}" if name else provider)


def _arguments(given: object) -> dict[str, Any]:
    """`key=value,key=value`, or an object, as a mapping."""
    if isinstance(given, Mapping):
        return {str(key): value for key, value in given.items()}
    pairs = (part.partition("=") for part in str(given or "").split(","))
    return {key.strip(): value for key, equals, value in pairs if equals}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _number(value: object, default: float = 0.0) -> float:
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return default
    return default if math.isnan(found) else found


def _moment(value: object) -> float:
    found = _number(value)
    return found if 0 < found < 1e11 else 0.0


def _utc(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""
