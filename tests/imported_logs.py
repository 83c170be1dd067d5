"""Logs of other harnesses, written by hand in the forms in which those write them."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from modelmetry.api.importing import Imported, made
from modelmetry.runs import imports

REAL = Path(__file__).parent / "runs" / "imports" / "data" / "inspect-0.3.285.eval"
"""A log that inspect_ai 0.3.285 wrote: 6 samples in 2 epochs, scorers match, multi (a dict), partial."""

TIME = "2026-11-22T01-54-54.539098"
ZSTANDARD, DEFLATE, STORED = 93, 8, 0


def sample(name: int | str, score: Any = "C", *, epoch: int = 1, **fields: Any) -> dict[str, Any]:
    """A sample with one score, or with the `scores` that are given."""
    text = fields.pop("text", "Paris")
    stop = fields.pop("stop", "stop")
    said = {"role": "assistant", "content": text, "source": "generate"}
    return {
        "id": name,
        "epoch": epoch,
        "input": f"Question {name}?",
        "target": "Paris",
        "messages": [{"role": "user", "content": f"Question {name}?", "source": "input"}, said],
        "output": {"model": "m", "choices": [{"message": said, "stop_reason": stop}]},
        "scores": {"match": {"value": score, "answer": text}},
        "metadata": {},
        "model_usage": {"test/m": {"input_tokens": 7, "output_tokens": 2}},
        "completed_at": "2026-11-22T01:51:32+00:00",
        "working_time": 0.5,
        "events": [{"event": "model", "input": ["x"] * 3}],
    } | fields


def inspect_log(samples: Iterable[Mapping[str, Any]], **header: Any) -> dict[str, Any]:
    """A log of Inspect; `header` replaces parts of `eval`, or whole members."""
    samples = list(samples)
    ids = list(dict.fromkeys(each["id"] for each in samples))
    spec = {
        "task": "capitals",
        "task_version": 0,
        "model": "test/m",
        "created": "2026-11-22T01:51:30+00:00",
        "dataset": {"samples": len(ids), "sample_ids": ids},
        "config": {"epochs": max([each["epoch"] for each in samples], default=1)},
        "packages": {"inspect_ai": "0.3.285"},
    }
    whole = {
        "version": 2,
        "status": "success",
        "eval": spec | {key: value for key, value in header.items() if key in SPEC},
        "plan": {"steps": [{"solver": "generate"}], "config": {"temperature": 0.5}},
        "stats": {
            "started_at": "2026-11-22T01:51:30+00:00",
            "completed_at": "2026-11-22T01:51:40+00:00",
        },
    }
    given = {key: value for key, value in header.items() if key not in SPEC}
    return whole | given | {"samples": samples}


SPEC = (
    "task",
    "task_version",
    "model",
    "model_args",
    "packages",
    "config",
    "metadata",
    "task_args",
)


def results(metric: str, value: float, stderr: float, **params: Any) -> dict[str, Any]:
    """What a log says of a metric over all samples."""
    metrics = {
        "accuracy": {"name": "accuracy", "value": value},
        "stderr": {"name": "stderr", "value": stderr, "params": params},
    }
    return {"scores": [{"name": metric, "scorer": metric, "metrics": metrics}]}


def write_json(path: Path, log: Mapping[str, Any]) -> Path:
    """A log as one JSON file."""
    path.write_text(json.dumps(log, indent=1), encoding="utf-8")
    return path


def write_eval(path: Path, log: Mapping[str, Any], method: int = ZSTANDARD) -> Path:
    """A log as a zip file."""
    entries = {f"samples/{each['id']}_epoch_{each['epoch']}.json": each for each in log["samples"]}
    entries["header.json"] = {key: value for key, value in log.items() if key != "samples"}
    write_zip(path, ((name, json.dumps(it).encode()) for name, it in entries.items()), method)
    return path


def write_zip(path: Path, entries: Iterable[tuple[str, bytes]], method: int) -> None:
    """A zip file by its specification, as the standard library cannot write Zstandard before 3.14."""
    directory, count = bytearray(), 0
    with path.open("wb") as file:
        for name, data in entries:
            packed = _packed(data, method)
            sizes = (zlib.crc32(data), len(packed), len(data))
            common = (method, 0, 0, *sizes, len(name.encode()), 0)
            places = (0, 0, 0, 0, file.tell())
            head = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, *common, *places)
            directory += head + name.encode()
            file.write(struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, *common) + name.encode())
            file.write(packed)
            count += 1
        # Without the larger form of the format, the number of entries is told modulo 65,536.
        some, at = count % 2**16, file.tell()
        end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, some, some, len(directory), at, 0)
        file.write(directory + end)


def _packed(data: bytes, method: int) -> bytes:
    if method == ZSTANDARD:
        # In two frames, as Inspect writes large entries in several.
        halves = data[: len(data) // 2], data[len(data) // 2 :]
        return b"".join(pa.Codec("zstd").compress(half, asbytes=True) for half in halves)
    return zlib.compress(data, wbits=-15) if method == DEFLATE else data


def document(
    name: int, metrics: Mapping[str, Any], *, options: Sequence[str] = (), **fields: Any
) -> dict[str, Any]:
    """A line of lm-eval's samples: of multiple choice where there are options."""
    likely = fields.pop("likely", [-1.0 - place for place in range(len(options))])
    said = fields.pop("text", "4")
    question = f"Question {name}?"
    if options:
        asked = {
            f"gen_args_{i}": {"arg_0": question, "arg_1": f" {o}"} for i, o in enumerate(options)
        }
        resps = [[[str(value), "False"]] for value in likely]
        filtered: list[Any] = [[str(value), "False"] for value in likely]
    else:
        asked = {"gen_args_0": {"arg_0": question, "arg_1": {"until": ["\n"]}}}
        resps, filtered = [[said]], [said]
    return {
        "doc_id": name,
        "doc": {"question": question, "passage": name // 2},
        "target": "0",
        "arguments": asked,
        "resps": resps,
        "filtered_resps": filtered,
        "filter": "none",
        "metrics": list(metrics),
        **metrics,
    } | fields


def write_lm_eval(
    folder: Path, rows: Iterable[Mapping[str, Any]], *, told: Mapping[str, Any] | None = None
) -> Path:
    """Samples of lm-eval, with results beside them unless `told` is empty."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"samples_sums_{TIME}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    if told is None or told:
        whole = {
            "config": {"model": "hf", "model_args": {"pretrained": "org/name", "dtype": "float32"}},
            "versions": {"sums": 2.0},
            "n-shot": {"sums": 3},
            "date": 1795312494.28,
            "lm_eval_version": "0.4.13",
            "total_evaluation_time_seconds": "6.7",
        }
        beside = folder / f"results_{TIME}.json"
        beside.write_text(json.dumps(whole | dict(told or {})), encoding="utf-8")
    return path


def read(path: Path, log_dir: Path, **settings: Any) -> Imported:
    """The run of a log, as `import_logs` makes it, without its report."""
    log = imports.read_log(path)
    return made(log, imports.Reading(**settings).of(log), log_dir)
