"""Options beside a suite's file: those that its user must bring, and those that were given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from modelmetry.items import load
from modelmetry.suites.reader import FOLDER, names
from modelmetry.suites.suite import Suite


def needs(name: str) -> tuple[str, ...]:
    """Options without which a packaged suite has no problems, such as a folder; `-T` gives them.

    Args:
        name: One of `names`.
    """
    wanted = (
        option
        for task in _tasks(FOLDER / f"{name}.yaml").values()
        for option in load("generators", task["generator"]).needs
        if option not in (task.get("options") or {})
    )
    return tuple(dict.fromkeys(wanted))


def given(suite: Suite) -> dict[str, Any]:
    """Options that were given in place of the file's own when a suite was read, by name.

    Args:
        suite: As it was read; of one whose file is not at hand none are known.
    """
    path = FOLDER / f"{suite.name}.yaml" if suite.name in names() else Path(suite.source)
    if not path.is_file():
        return {}
    own = _tasks(path)
    return {
        option: value
        for task in suite.tasks
        for option, value in task.options.items()
        if (own.get(task.name, {}).get("options") or {}).get(option) != value
    }


def _tasks(path: Path) -> Mapping[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))["tasks"]
