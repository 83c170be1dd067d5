"""What logs of all harnesses share: who was asked what, and every answer with its scores."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from modelmetry.errors import BadInput
from modelmetry.items import Message, Target
from modelmetry.models import Finish

LONGEST = 500
"""Characters that are kept of an answer as another harness read it, of a reason, or of a setting."""

_SECRET = re.compile(
    r"key|token(?!i|s)|secret|password|credential|auth|cookie|header|url|base|host|endpoint",
    re.IGNORECASE,
)
_LOOKS_SECRET = re.compile(
    r"\b(?:sk|hf|pk|xai|gsk|ghp|AKIA|AIza)[-_]?[A-Za-z0-9_-]{16,}|bearer\s+\S+", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One score of one answer, as it was recorded.

    Attributes:
        value: On the metric's own scale; None where it was not scored, NaN where it is no number.
        silent: Whether it is worth nothing because no answer was given.
        refused: Whether because the model refused.
        reason: Why it was not scored, or is no number, in one line.
        answer: The answer as the other harness read it.
    """

    value: float | None
    silent: bool = False
    refused: bool = False
    reason: str = ""
    answer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer to one question.

    Attributes:
        id: The question's id within its task.
        repeat: Which repetition, from 0.
        content: What makes it the same question, whoever is asked: anything JSON can hold.
        messages: What the model was shown.
        format: `chat` or `completion`.
        fields: The question as fields, for readers of the run.
        target: What is right.
        facts: What is known of the question, by name; clusters and factors are among it.
        text: What the model wrote; None where nothing came back.
        finish: How it ended.
        error: Why there is no answer, in one line; None where there is one.
        marks: Metric -> how it was scored.
        filter: Where one answer is told several times, each time as another filter reads it: which
            filter; the last part of the metrics' names, after a comma. Empty where there is none.
        input_tokens: 0 if unknown.
        output_tokens: 0 if unknown.
        cost_usd: 0 if unknown.
        latency_s: 0 if unknown.
        received_at: Unix time; 0 if unknown.
    """

    id: str
    repeat: int
    content: object
    messages: tuple[Message, ...]
    format: Literal["chat", "completion"]
    fields: Mapping[str, Any]
    target: Target
    facts: Mapping[str, Any]
    text: str | None
    finish: Finish
    error: str | None
    marks: Mapping[str, Mark]
    filter: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    latency_s: float = 0.0
    received_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the log itself says of a metric.

    Attributes:
        value: Its mean or accuracy.
        std_error: Its standard error, or None.
        note: How it differs from a mean over questions of means over repeats; empty if it does not.
    """

    value: float
    std_error: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """One log: one model asked one task.

    Attributes:
        harness: `inspect_ai` or `lm_eval`, and so the name of who made the questions.
        path: The file with the answers.
        task: The task's name.
        version: The task's version, as it is written.
        model: `provider/name`.
        suite: The suite's name, where the task says that it is one of ours; else empty.
        settings: What else can change the answers; no secrets, no addresses.
        found: What the log tells besides, for the record.
        versions: Package -> version.
        began: ISO 8601, UTC; empty if unknown.
        ended: Likewise.
        seconds: How long it took; 0 if unknown.
        planned: Answers that make it complete; None if unknown.
        note: Why it is not complete; empty if it is.
        cluster: The fact by which the log clusters its own standard error; empty if by none.
        said: Metric -> what the log says of it.
        answers: Reads all answers anew, streamed.
    """

    harness: Literal["inspect_ai", "lm_eval"]
    path: Path
    task: str
    version: str
    model: str
    suite: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    found: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    began: str = ""
    ended: str = ""
    seconds: float = 0.0
    planned: int | None = None
    note: str = ""
    cluster: str = ""
    said: Mapping[str, Said] = field(default_factory=dict)
    answers: Callable[[], Iterator[Answer]]


def plain_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are short and plain, without anything that may be a secret or an address."""
    return {
        name: value
        for name, value in given.items()
        if isinstance(value, str | int | float | bool)
        and value != ""
        and not _SECRET.search(name)
        and not (isinstance(value, str) and (len(value) > LONGEST or _secret(value)))
    }


def one_line(text: object) -> str:
    """A text in one short line, without what looks like a key."""
    said = " ".join(_LOOKS_SECRET.sub("[key]", storable(str(text))).split())
    return said if len(said) <= LONGEST else said[: LONGEST - 1] + "…"


def storable(text: str) -> str:
    """A text without half surrogate pairs, which cannot be written to a file."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def unreadable(path: Path, why: object, allowed: str) -> BadInput:
    """The line for a file that is no such log."""
    return BadInput(f"{path}: {one_line(why)}; allowed: {allowed}")


def _secret(text: str) -> bool:
    return bool(_LOOKS_SECRET.search(text) or "://" in text)
