"""Reading the configuration of a nightly job: `nightly.yaml`, refused with one line where it is wrong."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import yaml
from msgspec import Struct

from modelmetry.errors import BadInput, nearest
from modelmetry.nightly.job import FIRST, Job, Regression, SuiteJob
from modelmetry.suites.reader import names as suite_names

_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>.*?)`(?: - at `\$(?P<path>.*)`)?$")
_MISSING = re.compile(r"Object missing required field `(?P<key>.*?)`(?: - at `\$(?P<path>.*)`)?$")
_WRONG = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?$")


def read(path: str | Path) -> Job:
    """Read and check a configuration.

    Raises:
        BadInput: It cannot be read or is wrong; the line names the file, the place and what is allowed.
    """
    path = Path(path)
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)  # noqa: S506 - a SafeLoader
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; allowed: a nightly.yaml") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read: {error}; allowed: a UTF-8 YAML file") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise BadInput(f"{path}: {where}not valid YAML: {what}") from error
    except (ValueError, RecursionError) as error:  # a date such as 2026-13-45; endless brackets
        raise BadInput(f"{path}: not valid YAML: {error}") from error
    if not isinstance(document, dict):
        raise BadInput(f"{path}: not a mapping; allowed: {_keys(Job)}")
    try:
        job = msgspec.convert(_dates_as_text(document), Job)
    except msgspec.ValidationError as error:
        raise BadInput(f"{path}: {_complaint(str(error))}") from error
    _check(job, path)
    return job


class _UniqueKeys(yaml.SafeLoader):
    """A safe YAML loader that refuses a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: list[Any] = []
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                what = f"the key {key!r} is given twice"
                raise yaml.constructor.ConstructorError(None, None, what, key_node.start_mark)
            seen.append(key)
        return super().construct_mapping(node, deep)


def _dates_as_text(value: Any) -> Any:
    """The document with dates, which YAML reads unasked, as they were written."""
    if isinstance(value, dict):
        return {key: _dates_as_text(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_dates_as_text(each) for each in value]
    return value.isoformat() if isinstance(value, dt.date) else value


def _complaint(said: str) -> str:
    """What msgspec found wrong, with the place first and what is allowed last."""
    if found := _UNKNOWN.match(said):
        kind = _kind_at(found["path"] or "")
        hint = nearest(found["key"], kind.__struct_fields__)
        return f"{_place(found['path'])}no key {found['key']!r}{hint}; allowed: {_keys(kind)}"
    if found := _MISSING.match(said):
        return f"{_place(found['path'])}no {found['key']!r}; allowed: {_keys(_kind_at(found['path'] or ''))}"
    found = _WRONG.match(said)
    what, path = (found["what"], found["path"]) if found else (said, "")
    what = what.replace("Invalid RFC3339 encoded date", "Expected `days as YYYY-MM-DD`")
    expected = re.sub(r"^Expected ", "allowed: ", what).replace("`", "")
    return f"{_place(path)}{expected}"


def _place(path: str | None) -> str:
    return f"{path.removeprefix('.')}: " if path else ""


def _keys(kind: type[Struct]) -> str:
    return ", ".join(kind.__struct_fields__)


def _kind_at(path: str) -> type[Struct]:
    """The struct at a place such as `.models[0]`."""
    kind: type[Struct] = Job
    for key in re.findall(r"\.(\w+)", path):
        within = _structs(get_type_hints(kind).get(key))
        if not within:
            break
        kind = within[0]
    return kind


def _structs(hint: Any) -> list[type[Struct]]:
    if isinstance(hint, type) and issubclass(hint, Struct):
        return [hint]
    return [kind for part in get_args(hint) for kind in _structs(part)]


def _check(job: Job, path: Path) -> None:
    """What no type can say: names that are unique and known, dates and zones that exist."""
    suites = _unique([suite.label for suite in job.suites], f"{path}: suites")
    models = _unique([model.label for model in job.respondents], f"{path}: models")
    for number, suite in enumerate(job.suites):
        _check_suite(suite, f"{path}: suites[{number}]", path.parent)
    for model in job.respondents:
        _known(model.suites, suites, f"{path}: models: {model.label}: suites")
    if (drift := job.gates.drift) is not None:
        _known(drift.suites, suites, f"{path}: gates.drift.suites")
    if (regression := job.gates.regression) is not None:
        _known(regression.suites, suites, f"{path}: gates.regression.suites")
        _known(regression.against, models, f"{path}: gates.regression.against")
        baseline_of(regression, path)
    _check_gates(job, path)
    if job.secret is not None and (job.secret.env is None) == (job.secret.file is None):
        raise BadInput(f"{path}: secret: allowed: either env or file")
    try:
        ZoneInfo(job.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(
            f"{path}: timezone: {job.timezone!r}; allowed: IANA names such as UTC or Europe/Berlin"
        ) from None


def _check_gates(job: Job, path: Path) -> None:
    """Whether every suite that a gate names is asked, so that the gate cannot pass by saying nothing."""
    asked = {
        suite.label: [m for m in job.models if not m.suites or suite.label in m.suites]
        for suite in job.suites
    }
    for name, gate in (("drift", job.gates.drift), ("regression", job.gates.regression)):
        for suite in gate.suites if gate is not None else ():
            if not asked[suite]:
                raise BadInput(
                    f"{path}: gates.{name}.suites: no model is asked {suite!r}; allowed: "
                    f"{', '.join(label for label, models in asked.items() if models) or 'none'}"
                )
    regression = job.gates.regression
    if regression is None or regression.against:
        return
    based = baseline_of(regression, path) is not None
    held = [suite.label for suite in job.suites if based and suite.anchors and asked[suite.label]]
    for suite in regression.suites or ([] if held else [job.suites[0].label]):
        if suite not in held:
            raise BadInput(
                f"{path}: gates.regression: nothing of {suite!r} is compared with anything; allowed: suites "
                "with anchors and a baseline, or models under `against`"
            )


def baseline_of(regression: Regression, path: Path | str) -> dt.date | str | None:
    """The baseline night: its date, `first`, or None.

    Raises:
        BadInput: It is none of these.
    """
    given = regression.baseline
    if given == FIRST:
        return given
    try:
        return None if given == "none" else dt.date.fromisoformat(given)
    except ValueError:
        raise BadInput(
            f"{path}: gates.regression.baseline: {given!r}; allowed: {FIRST}, none, or a date "
            "YYYY-MM-DD (models of the same night stand under `against`)"
        ) from None


def _check_suite(suite: SuiteJob, where: str, folder: Path) -> None:
    if suite.fresh is None and suite.anchors is None:
        raise BadInput(f"{where}: neither fresh nor anchors; allowed: one of them, or both")
    anchors = suite.anchors
    if anchors and anchors.edition and (anchors.seed is not None or anchors.limit is not None):
        raise BadInput(f"{where}: anchors: allowed: either an edition, or seed and limit")
    if "|" in suite.label:
        raise BadInput(f"{where}: name {suite.label!r}; allowed: names without |")
    if not suite.suite.endswith((".yaml", ".yml")):
        _known([suite.suite], suite_names(), f"{where}: suite", " or a .yaml file")
    elif not (folder / suite.suite).is_file():
        raise BadInput(f"{where}: suite: {folder / suite.suite}: no such file")


def _unique(found: Sequence[str], where: str) -> Sequence[str]:
    for name in found:
        if found.count(name) > 1:
            raise BadInput(
                f"{where}: {name!r} stands there twice; allowed: another `name` for each"
            )
    return found


def _known(given: Iterable[str], known: Sequence[str], where: str, besides: str = "") -> None:
    for name in given:
        if name not in known:
            hint = nearest(name, known)
            raise BadInput(f"{where}: no {name!r}{hint}; allowed: {', '.join(known)}{besides}")
