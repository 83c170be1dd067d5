"""Samples of Inspect's logs as answers: what was shown, what came back, and how it was scored."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from string import ascii_uppercase
from typing import Any, Literal

import msgspec

from modelmetry.errors import BadInput
from modelmetry.items import Message, Part, Target, content_hash
from modelmetry.models import Finish
from modelmetry.runs.imports.log import Answer, Mark, one_line, storable

_ATTACHED = re.compile(r"attachment://([0-9a-f]{32})")
_LETTERS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"""Inspect's `CORRECT`, `INCORRECT`, `PARTIAL` and `NOANSWER`."""

_WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
_OTHERS_FAULT = ("grader_failed", "scoring_failed")
_CUT = ("max_tokens", "model_length")


class Turn(msgspec.Struct):
    """One message of a conversation."""

    role: str
    content: str | list[dict[str, Any]] = ""
    source: str | None = None


class Choice(msgspec.Struct):
    """One completion."""

    message: Turn
    stop_reason: str = "unknown"


class Usage(msgspec.Struct):
    """Tokens that a model read and wrote."""

    input_tokens: int = 0
    output_tokens: int = 0
    input_tokens_cache_read: int | None = None
    input_tokens_cache_write: int | None = None
    total_cost: float | None = None


class Output(msgspec.Struct):
    """What a model gave."""

    model: str = ""
    choices: list[Choice] = []
    completion: str = ""
    error: str | None = None


class Score(msgspec.Struct):
    """What a scorer made of it."""

    value: Any = None
    answer: str | None = None
    explanation: str | None = None
    reason: str | None = None


class Fault(msgspec.Struct):
    """What ended a sample."""

    message: str = ""


class Limit(msgspec.Struct):
    """A limit that ended a sample."""

    type: str = ""


class Sample(msgspec.Struct):
    """One sample in one epoch."""

    id: int | str
    epoch: int
    input: str | list[Turn]
    target: str | list[str] = ""
    choices: list[str] | None = None
    messages: list[Turn] = []
    output: Output = msgspec.field(default_factory=Output)
    scores: dict[str, Score] | None = None
    metadata: dict[str, Any] | None = None
    model_usage: dict[str, Usage] | None = None
    completed_at: str | None = None
    working_time: float | None = None
    total_time: float | None = None
    error: Fault | None = None
    limit: Limit | None = None
    invalidation: dict[str, Any] | None = None
    attachments: dict[str, str] | None = None


def answer(sample: Sample, path: Path, model: str) -> Answer:
    """A sample as an answer.

    Args:
        sample: It.
        path: The log, for lines about it.
        model: The model that was evaluated, and not one that judged it.
    """
    given = sample.input if isinstance(sample.input, list) else [Turn("user", sample.input)]
    question = [_told(turn, sample.attachments) for turn in given]
    right = _strings(sample.target)
    usage = (sample.model_usage or {}).get(model, Usage())
    return Answer(
        id=storable(str(sample.id)),
        repeat=max(0, sample.epoch - 1),
        content=[question, right, sample.choices],
        messages=tuple(_messages(sample, given)),
        format="chat",
        fields={"question": _shown(question), "choices": list(sample.choices or ())},
        target=target(right, sample.choices or ()),
        facts=sample.metadata or {},
        text=_text(sample),
        finish=_finish(sample),
        error=_error(sample),
        marks=dict(_marks(sample, path)),
        input_tokens=usage.input_tokens
        + (usage.input_tokens_cache_read or 0)
        + (usage.input_tokens_cache_write or 0),
        output_tokens=usage.output_tokens,
        cost_usd=usage.total_cost or 0.0,
        latency_s=max(0.0, sample.working_time or sample.total_time or 0.0),
        received_at=_moment(sample.completed_at),
    )


def target(right: Sequence[str], choices: Sequence[str]) -> Target:
    """What is right; choices where one of them is the answer, named by its letter or its text.

    Where several together are the answer, chance is not one over their number, and they are left out.
    """
    if len(right) == 1 and len(choices) > 1:
        letter = ascii_uppercase.find(right[0]) if len(right[0]) == 1 else -1
        if right[0] in choices:
            return Target(answers=(right[0],), choices=tuple(choices))
        if 0 <= letter < len(choices):
            return Target(answers=(choices[letter],), choices=tuple(choices))
    return Target(answers=tuple(right) or ("",))


def number(value: object, where: str) -> float | None:
    """A score's value as a number, as Inspect's `value_to_float` makes it; None if not scored.

    Raises:
        BadInput: It is none, where Inspect would warn and take 0.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str):
        if value in _LETTERS:
            return _LETTERS[value]
        if value.lower() in _WORDS:
            return _WORDS[value.lower()]
        try:
            found = float(value)
        except ValueError:
            found = math.nan
        if math.isfinite(found):
            return found
    raise BadInput(
        f"{where} is {one_line(repr(value))[:80]}, which is no number; allowed: numbers, C, I, P, N, yes, no"
    )


def _told(turn: Turn, attached: Mapping[str, str] | None) -> list[Any]:
    """Role and content of a turn, without the ids and sources that each log makes anew."""
    if isinstance(turn.content, str):
        return [turn.role, _resolved(turn.content, attached)]
    kept = [
        [
            part.get("type", ""),
            *(_resolved(str(part[key]), attached) for key in _DATA if part.get(key)),
        ]
        for part in turn.content
    ]
    return [turn.role, kept]


_DATA = ("text", "image", "audio", "video", "document")


def _shown(question: Sequence[Sequence[Any]]) -> str:
    """A question as one text."""
    said = []
    for _, content in question:
        if isinstance(content, str):
            said.append(content)
        else:
            said += [
                part[1] if part[0] == "text" else f"[{part[0]}]" for part in content if part[1:]
            ]
    return storable("\n".join(said))


def _messages(sample: Sample, given: Sequence[Turn]) -> Iterator[Message]:
    """What the model was shown before it first spoke."""
    turns = sample.messages or given
    spoken = [i for i, turn in enumerate(turns) if turn.role == "assistant"]
    made = [i for i in spoken if turns[i].source == "generate"] or spoken[-1:]
    shown = turns[: made[0]] if made else turns
    for turn in shown or given:
        yield Message(role=_role(turn.role), parts=tuple(_parts(turn, sample.attachments)))


def _role(name: str) -> Literal["system", "user", "assistant"]:
    return name if name in ("system", "assistant") else "user"  # type: ignore[return-value]


def _parts(turn: Turn, attached: Mapping[str, str] | None) -> Iterator[Part]:
    if isinstance(turn.content, str):
        yield Part(text=storable(_resolved(turn.content, attached)))
        return
    for part in turn.content:
        kind = part.get("type", "")
        if kind == "text":
            yield Part(text=storable(_resolved(str(part.get("text", "")), attached)))
        elif kind == "image":
            # The log's picture is told by its bytes, so that another one shows in the record.
            data = _resolved(str(part.get("image", "")), attached)
            yield Part(kind="image", text=f"[image {content_hash(data)[:8]}]")
        elif kind != "reasoning":
            yield Part(text=f"[{one_line(kind)}]")
    if not turn.content:
        yield Part(text="")


def _resolved(text: str, attached: Mapping[str, str] | None) -> str:
    if not attached or "attachment://" not in text:
        return text
    return _ATTACHED.sub(lambda found: attached.get(found[1], found[0]), text)


def _strings(value: str | list[str]) -> list[str]:
    return [storable(text) for text in ([value] if isinstance(value, str) else value)]


def _text(sample: Sample) -> str | None:
    if not sample.output.choices:
        return sample.output.completion or ("" if sample.error is None else None)
    said = sample.output.choices[0].message.content
    if isinstance(said, list):
        said = "\n".join(str(part.get("text", "")) for part in said if part.get("type") == "text")
    return storable(_resolved(said, sample.attachments))


def _finish(sample: Sample) -> Finish:
    if _error(sample) is not None:
        return "error"
    why = sample.output.choices[0].stop_reason if sample.output.choices else ""
    if why == "content_filter":
        return "filter"
    return "length" if why in _CUT or sample.limit is not None else "stop"


def _error(sample: Sample) -> str | None:
    """Why a sample counts for nothing: it failed, or was declared invalid afterwards."""
    if sample.error is not None:
        return one_line(sample.error.message) or "the sample failed"
    if sample.invalidation is not None:
        return one_line(f"declared invalid: {sample.invalidation.get('reason') or 'no reason'}")
    return None


def _marks(sample: Sample, path: Path) -> Iterator[tuple[str, Mark]]:
    """Every score by its scorer's name, and by `scorer/key` where it has several values."""
    for name, score in (sample.scores or {}).items():
        if isinstance(score.value, Mapping):
            values = {f"{name}/{key}": value for key, value in score.value.items()}
        elif isinstance(score.value, list):
            values = {f"{name}/{place}": value for place, value in enumerate(score.value)}
        else:
            values = {name: score.value}
        for metric, value in values.items():
            yield metric, _mark(score, value, f"{path}: sample {sample.id}: {metric}")


def _mark(score: Score, value: object, where: str) -> Mark:
    try:
        found = None if score.reason in _OTHERS_FAULT else number(value, where)
    except BadInput as error:
        # Only a metric that is asked for must be a number.
        return Mark(value=math.nan, reason=str(error))
    reason = score.reason or ("" if found is not None else "the log has no score of it")
    return Mark(
        value=found,
        silent=value == "N" or score.reason == "no_response",
        refused=score.reason == "refusal",
        reason=one_line(reason),
        answer=one_line(storable(score.answer or "")),
    )


def _moment(said: str | None) -> float:
    try:
        return datetime.fromisoformat(said or "").timestamp()
    except ValueError:
        return 0.0
