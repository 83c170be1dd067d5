"""From a log to a run's folder: items, answers and their recorded scores."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import file_digest
from importlib.metadata import version
from pathlib import Path
from typing import Any

from modelmetry.errors import BadInput, offered
from modelmetry.items import Item, Problem, Scalar, content_hash
from modelmetry.models import Recorded, Response, Sampling
from modelmetry.runs import folder as folders
from modelmetry.runs.imports.log import Answer, Log, Mark, storable
from modelmetry.runs.imports.own import Own, own, uid_of
from modelmetry.runs.imports.reading import Reading
from modelmetry.runs.record import RunRecord
from modelmetry.runs.store import Store
from modelmetry.suites import Prompt, Suite, Task

WORDING = "as logged"
DIFFICULTY = "difficulty"
"""The factor that every task has to have; logs know of none, so it is 0 throughout."""

_NAMES = {"inspect_ai": "Inspect", "lm_eval": "lm-eval"}


def origin_of(log: Log, reading: Reading) -> dict[str, str]:
    """What names an import: the log's bytes, and how they are read."""
    with log.path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    return {
        "harness": log.harness,
        "log": log.path.name,
        "sha256": digest,
        "metric": reading.name,
        "cluster": reading.cluster or "sample",
        "split": reading.split,
        "scale": f"{reading.scale[0]:g} to {reading.scale[1]:g}",
        **({"factors": ", ".join(reading.factors)} if reading.factors else {}),
    }


def find_import(log_dir: Path, origin: Mapping[str, str]) -> Path | None:
    """The run that was made of the same log in the same way, or None."""
    for folder in folders.runs_in(log_dir):
        with suppress(BadInput):
            if folders.read_record(folder).origin == origin:
                return folder
    return None


def write_run(log: Log, log_dir: Path, reading: Reading, origin: Mapping[str, str]) -> Path:
    """Make a run's folder of a log.

    Args:
        log: It.
        log_dir: Folder of run folders.
        reading: How it is read; nothing left open (`Reading.of`).
        origin: From `origin_of`.

    Returns:
        The folder. It counts as a run from the moment its `run.json` is there.

    Raises:
        BadInput: The log cannot be read to its end, a score is no number or outside the scale, or a
            question lacks a fact that is asked for.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", log.task).strip("-.") or "task"
    folder = folders.make(log_dir, name, log.model)
    try:
        rows = _Rows(log, reading, name, own(log) if log.suite else None)
        with Store(folder / folders.RESPONSES, create=True) as store:
            count = _some(log, reading, store.add_answered(rows))
        folders.write_record(folder, _record(log, reading, origin, folder, rows, count))
    except BaseException:
        # Half a folder is no run, and would only be in the way.
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _some(log: Log, reading: Reading, count: int) -> int:
    """A number of answers, unless it is none."""
    if not count:
        raise BadInput(f"{log.path}: no answer has metric {reading.name}; allowed: other metrics")
    return count


def _record(
    log: Log, reading: Reading, origin: Mapping[str, str], folder: Path, rows: _Rows, count: int
) -> RunRecord:
    planned = max(count, log.planned or 0)
    note = log.note or ("" if count == planned else f"the log holds {count} of {planned} answers")
    ours = rows.own
    return RunRecord(
        id=folder.name,
        suite=_suite(log, reading, rows) if ours is None else ours.suite,
        seed=0 if ours is None else ours.seed,
        edition=_edition(log, reading, rows) if ours is None else ours.edition,
        model=log.model,
        identity={"model": log.model, "harness": log.harness, **log.settings},
        found=log.found,
        sampling=_sampling(log),
        repeats=rows.repeats,
        planned=planned,
        status="interrupted" if note else "finished",
        versions={"modelmetry": version("modelmetry"), **log.versions},
        started_at=log.began or folders.now(),
        ended_at=log.ended or log.began,
        wall_s=round(log.seconds, 3),
        note=note,
        origin=dict(origin),
    )


def _sampling(log: Log) -> Sampling:
    """How answers were decoded, as far as the log tells; all of it is in the identity besides."""
    told = {name: log.settings.get(name) for name in ("temperature", "top_p", "max_tokens")}
    with suppress(BadInput, ValueError, TypeError):
        return Sampling(
            temperature=float(told["temperature"] or 0.0),
            top_p=None if told["top_p"] is None else float(told["top_p"]),
            max_tokens=int(told["max_tokens"] or Sampling().max_tokens),
        )
    return Sampling()


def _suite(log: Log, reading: Reading, rows: _Rows) -> Suite:
    """A suite of one task that no generator of ours makes."""
    harness = _NAMES[log.harness]
    task = Task(
        name=rows.task,
        generator=log.harness,
        options={"version": log.version},
        splits={reading.split: len(rows.places)},
        prompts=(Prompt(name=WORDING, template="", source="", format=rows.format),),
        scorer=f"{harness} {reading.name}",
        fields=("question", "choices"),
        factors=(DIFFICULTY, *reading.factors),
        difficulty=DIFFICULTY,
        fingerprint="",
    )
    return Suite(
        name=rows.task,
        version=_whole(log.version),
        question=f"What {harness} measures with its task {log.task}, scored there by {reading.name}.",
        tasks=(task,),
        repeats=rows.repeats,
        primary=(reading.split,),
    )


def _edition(log: Log, reading: Reading, rows: _Rows) -> str:
    """Names the exact questions and how their answers were scored."""
    asked = [log.harness, log.task, log.version, reading.name, reading.split, reading.scale]
    return f"imported-{content_hash([asked, sorted(rows.uids)])[:12]}"


def _whole(text: str) -> int:
    """A task's version as a whole number from 1; the exact text is among its options."""
    try:
        return max(1, math.floor(float(text)))
    except (ValueError, OverflowError):
        return 1


class _Rows:
    """The rows of a run's store, one per answer, and what is learned of them on the way."""

    def __init__(self, log: Log, reading: Reading, task: str, ours: Own | None) -> None:
        self.log, self.reading, self.task, self.own = log, reading, task, ours
        self.places: dict[str, int] = {}
        self.uids: list[str] = []
        self.repeats = 1
        self.format: Any = "chat"
        self._seen: set[tuple[int, int]] = set()
        self._filter = reading.name.rpartition(",")[2]

    def __iter__(self) -> Iterator[tuple[int, int, Item | None, Response]]:
        """(position, repeat, item with its first answer, response)."""
        for answer in self.log.answers():
            if answer.filter and answer.filter != self._filter:
                continue
            uid = self._uid(answer)
            item = None
            if answer.id not in self.places:
                place = self.places[answer.id] = len(self.places)
                self.uids.append(uid)
                self.format = answer.format
                item = self._item(answer, uid, place)
            place = self.places[answer.id]
            if self.uids[place] != uid:
                raise self._odd(answer, "asks something else in another repeat")
            if (place, answer.repeat) in self._seen:
                raise self._odd(answer, f"stands there twice, as repeat {answer.repeat + 1}")
            self._seen.add((place, answer.repeat))
            self.repeats = max(self.repeats, answer.repeat + 1)
            yield place, answer.repeat, item, self._response(answer, uid)

    def _odd(self, answer: Answer, what: str) -> BadInput:
        return BadInput(
            f"{self.log.path}: sample {answer.id} {what}; allowed: logs as they were written"
        )

    def _uid(self, answer: Answer) -> str:
        """The same wherever the same question has the same id in the same task."""
        # Not every text of a log can be encoded as it is: half surrogate pairs, NaN.
        said = [self.log.harness, self.log.task, answer.id, answer.content]
        return content_hash(json.dumps(said, sort_keys=True, default=str))[:16]

    def _item(self, answer: Answer, uid: str, place: int) -> Item:
        if self.own is not None:
            return self.own.items[uid_of(answer)]
        problem = Problem(
            uid=uid,
            generator=self.log.harness,
            version=_whole(self.log.version),
            split=self.reading.split,
            index=place,
            fields={"id": answer.id, **answer.fields},
            target=answer.target,
            factors={
                DIFFICULTY: 0,
                **{name: self._fact(answer, name) for name in self.reading.factors},
            },
            cluster=storable(str(self._fact(answer, self.reading.cluster)))
            if self.reading.cluster
            else uid,
        )
        return Item(
            task=self.task,
            wording=WORDING,
            format=answer.format,
            messages=answer.messages,
            problem=problem,
        )

    def _fact(self, answer: Answer, name: str) -> Scalar:
        """A fact of a question: by its name, or by a path with dots between."""
        found: Any = answer.facts
        if name in found:
            found = found[name]
        else:
            for part in name.split("."):
                found = found.get(part) if isinstance(found, Mapping) else None
        if isinstance(found, str | int | float | bool) and found == found and found != "":
            return storable(found) if isinstance(found, str) else found
        what = "no" if found is None or found != found or found == "" else "no single"
        known = [key for key, value in answer.facts.items() if isinstance(value, str | int | float)]
        raise BadInput(
            f"{self.log.path}: sample {answer.id} has {what} {name!r}"
            f"{offered(name, known) if known else '; allowed: leave it out, as samples have no metadata'}"
        )

    def _response(self, answer: Answer, uid: str) -> Response:
        mark = answer.marks.get(self.reading.name, Mark(value=None))
        return Response(
            request_key=content_hash([self.log.model, self.log.settings, uid, answer.repeat]),
            text=answer.text,
            finish=answer.finish,
            error=answer.error,
            latency_s=answer.latency_s,
            input_tokens=answer.input_tokens,
            output_tokens=answer.output_tokens,
            cost_usd=answer.cost_usd,
            received_at=answer.received_at,
            recorded=self._recorded(answer, mark),
        )

    def _recorded(self, answer: Answer, mark: Mark) -> Recorded:
        """What an answer is worth, and of what kind one that is worth nothing is."""
        if answer.error is not None or mark.value is None:
            reason = answer.error or mark.reason or "the log has no score of it"
            return Recorded(
                value=None, outcome="instrument failed", reason=reason, answer=mark.answer
            )
        value = self._scaled(answer, mark.value, mark.reason)
        outcome, reason = "answered", ""
        if value == 0.0:
            if mark.refused or answer.finish == "filter":
                outcome = "refused"
                reason = mark.reason or "withheld by a content filter"
            elif answer.finish == "length":
                outcome, reason = "truncated", "cut at a limit"
            elif mark.silent or not (answer.text or "").strip():
                outcome, reason = "no answer", mark.reason or "no answer, by the log"
        return Recorded(value=value, outcome=outcome, reason=reason, answer=mark.answer)

    def _scaled(self, answer: Answer, value: float, reason: str) -> float:
        if math.isnan(value):
            raise BadInput(reason)
        low, high = self.reading.scale
        if not low <= value <= high:
            raise BadInput(
                f"{self.log.path}: sample {answer.id}: {self.reading.name} is {value:g}; "
                f"allowed: {low:g} to {high:g}, or another --scale LOW,HIGH, such as 1,10"
            )
        return (value - low) / (high - low)
