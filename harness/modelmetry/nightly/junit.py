"""A night as JUnit XML: gates and runs as the test cases that CI servers show."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from xml.etree import ElementTree as ET

from modelmetry.nightly import telling
from modelmetry.nightly.night import Cell, Night, Outcome, Verdict

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


_Result = Literal["passed", "failure", "skipped"]
_RESULTS: dict[Outcome, _Result] = {
    "passed": "passed",
    "failed": "failure",
    "not decided": "skipped",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    name: str
    result: _Result
    says: str
    seconds: float = 0.0


def xml(night: Night) -> str:
    """The night as JUnit XML, in the dialect that Jenkins, GitLab and GitHub's actions read.

    One test suite for each kind of gate, with one case for each verdict; what is not decided is
    skipped. A last one has a case for each run with its time; one that did not finish is skipped: the
    gate `coverage` says whether that fails the night.

    Args:
        night: The night.
    """
    gates = dict.fromkeys(verdict.gate for verdict in night.verdicts)
    groups = [(g, [_gate(v) for v in night.verdicts if v.gate == g]) for g in gates]
    groups += [("runs", [_run(cell) for cell in night.cells])] if night.cells else []
    everything = [case for _, cases in groups for case in cases]
    name = _text(f"{night.name} {night.date}")
    root = ET.Element(
        "testsuites", {"name": name, **_counts(everything), "time": _seconds(_length(night))}
    )
    for group, cases in groups:
        _add(root, night, group, cases)
    ET.indent(root)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _gate(verdict: Verdict) -> _Case:
    name = " / ".join(p for p in (verdict.suite, verdict.model, verdict.split) if p)
    return _Case(name=name or "the night", result=_RESULTS[verdict.outcome], says=verdict.says)


def _run(cell: Cell) -> _Case:
    return _Case(
        name=f"{cell.suite} / {cell.model} / {cell.kind}",
        result="passed" if cell.status == "finished" else "skipped",
        says=telling.reason(cell),
        seconds=cell.wall_s,
    )


def _add(root: ET.Element, night: Night, group: str, cases: Sequence[_Case]) -> None:
    facts = {
        "name": _text(group),
        **_counts(cases),
        "skipped": str(sum(case.result == "skipped" for case in cases)),
        "time": _seconds(sum(case.seconds for case in cases)),
        "timestamp": _text(_stamp(night.started_at)),
    }
    suite = ET.SubElement(root, "testsuite", facts)
    seen: dict[str, int] = {}
    for case in cases:
        # GitLab shows only the first of several cases of one name.
        seen[case.name] = times = seen.get(case.name, 0) + 1
        element = ET.SubElement(
            suite,
            "testcase",
            classname=_text(f"{night.name}.{group}"),
            name=_text(case.name if times == 1 else f"{case.name} ({times})"),
            time=_seconds(case.seconds),
        )
        if case.result == "failure":
            told = ET.SubElement(element, "failure", type=_text(group))
            told.set("message", _text(case.says))
            told.text = _text(case.says)
        elif case.result == "skipped":
            ET.SubElement(element, "skipped", message=_text(case.says))


def _counts(cases: Iterable[_Case]) -> dict[str, str]:
    results = [case.result for case in cases]
    failures = str(results.count("failure"))
    return {"tests": str(len(results)), "failures": failures, "errors": "0"}


def _length(night: Night) -> float:
    try:
        start, end = map(datetime.fromisoformat, (night.started_at, night.ended_at))
        return max(0.0, (end - start).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def _stamp(time: str) -> str:
    """A time in UTC without its zone, as the format has it."""
    try:
        found = datetime.fromisoformat(time)
    except ValueError:
        return time
    found = found.astimezone(UTC) if found.tzinfo else found
    return found.strftime("%Y-%m-%dT%H:%M:%S")


def _seconds(value: float) -> str:
    return f"{value:.3f}"


def _text(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
