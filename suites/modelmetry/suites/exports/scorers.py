"""Scorers as files that go along: the package's own modules, so that scores are equal elsewhere."""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import re
from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import Path
from typing import get_args

from modelmetry.errors import BadInput, ModelmetryError
from modelmetry.items import Target
from modelmetry.models.model import Finish
from modelmetry.suites.exports.asking import rendered

_HOME = "modelmetry.scoring."
_RULES = "modelmetry.scoring.rules"
_WORDS = {
    "modelmetry.errors": {"BadInput"},
    "modelmetry.items": {"Target"},
    "modelmetry.models": {"Response"},
}
"""What scorers may take from other packages: short classes, which go along in `vocabulary.py`."""

_ALONG = ("modelmetry.scoring.", "modelmetry.personas.verdicts")
_IMPORT = re.compile(r"^from (modelmetry[.\w]*) import ", re.MULTILINE)


def write_scorers(folder: Path, names: Iterable[str]) -> str:
    """Write a package that scores as the named scorers do, and needs the standard library alone.

    Its modules are copies in which imports alone are changed, so they need no equal elsewhere.

    Args:
        folder: Where to.
        names: Entry-point names.

    Returns:
        The package's name, which ends in a hash of its files: several exports may be imported into
        one process, and only equal ones share a name.

    Raises:
        BadInput: A scorer is not modelmetry's own, or takes more than can go along.
    """
    found = {name: _entry(name) for name in dict.fromkeys(names)}
    files = {"vocabulary.py": _vocabulary()}
    for module in _needed([module for module, _ in found.values()]):
        source = inspect.getsource(importlib.import_module(module))
        files[f"{module.rpartition('.')[2]}.py"] = _IMPORT.sub(_beside, source)
    scorers = [(name, module.rpartition(".")[2], thing) for name, (module, thing) in found.items()]
    files["__init__.py"] = rendered("scorers.py", scorers=scorers)
    body = "".join(f"{name}\n{text}" for name, text in sorted(files.items()))
    package = f"scorers_{hashlib.sha256(body.encode()).hexdigest()[:8]}"
    (folder / package).mkdir()
    for name, text in files.items():
        (folder / package / name).write_text(text, encoding="utf-8")
    return package


def _entry(name: str) -> tuple[str, str]:
    """The module and the name in it behind an entry point."""
    (entry,) = entry_points(group="modelmetry.scorers", name=name)
    if not entry.module.startswith(_HOME):
        raise BadInput(
            f"scorer {name}: is of the package {entry.module.partition('.')[0]}, which cannot go along "
            "with the files; allowed: suites with modelmetry's own scorers"
        )
    return entry.module, entry.attr


def _needed(modules: list[str]) -> list[str]:
    """The modules of scorers, and all that they import of modelmetry."""
    needed: dict[str, None] = {}
    waiting = [_RULES, *modules]
    while waiting:
        module = waiting.pop()
        if module in needed:
            continue
        needed[module] = None
        tree = ast.parse(inspect.getsource(importlib.import_module(module)))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("modelmetry"):
                source, names = str(node.module), {alias.name for alias in node.names}
                if source.startswith(_ALONG):
                    waiting.append(source)
                elif not names <= _WORDS.get(source, set()):
                    raise BadInput(
                        f"scorer of {modules[-1]}: takes {', '.join(sorted(names))} from {source}, which "
                        "cannot go along with the files; allowed: scorers that read a target and a text"
                    )
    return sorted(needed)


def _beside(match: re.Match[str]) -> str:
    module = match[1]
    place = "vocabulary" if module in _WORDS else module.rpartition(".")[2]
    return f"from .{place} import "


_RESPONSE = '''@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back, as far as scorers read it.

    Attributes:
        text: The answer; None when there is none.
        finish: `stop`, `length` (cut at the token limit), `filter` (withheld), `error` (no answer).
        error: Why there is no answer; None otherwise.
    """

    text: str | None
    finish: Finish
    error: str | None = None
'''


def _vocabulary() -> str:
    """The module of the classes that scorers read."""
    classes = [*map(inspect.getsource, (ModelmetryError, BadInput, Target)), _RESPONSE]
    finish = ", ".join(map(repr, get_args(Finish)))
    head = (
        '"""What scorers read: the right answer, and what came back."""\n\n'
        "from __future__ import annotations\n\n"
        "import math\nfrom dataclasses import dataclass\nfrom typing import Literal\n\n"
        f"Finish = Literal[{finish}]"
    )
    return "\n\n\n".join([head, *(text.rstrip("\n") for text in classes)]) + "\n"
