"""Starting a project of one's own: a package with a generator, a suite, prompts, tests and a nightly job."""

from __future__ import annotations

import keyword
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from string import Template
from types import ModuleType

import modelmetry.items as plugins
import modelmetry.suites as suites
from modelmetry.errors import BadInput
from modelmetry.items.whole import whole_folder

_TEMPLATES = Path(__file__).parent / "project"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 50


def init(name: str, *, out: str | Path | None = None) -> Path:
    """Write a project that works as it is: installed, verified, previewed, run.

    Args:
        name: In kebab-case: the name of the distribution, its generator and its suite.
        out: Folder to make; None for one called as the project, in the working folder.

    Returns:
        The project's folder.

    Raises:
        BadInput: The name cannot be used or is taken, or the folder is there and not empty.
    """
    package = _checked(name)
    folder = Path(name if out is None else out)
    kind = "".join(part.capitalize() for part in name.split("-"))
    words = {"name": name, "package": package, "kind": kind}
    words["fingerprint"] = _fingerprint(words)
    with whole_folder(folder) as made:
        _write(made, words)
    return folder


def _checked(name: str) -> str:
    """The name of the Python package that goes with a project's name."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise BadInput(
            f"name: {name[: 2 * _LONGEST]!r}; allowed: kebab-case, such as digit-sums, up to {_LONGEST} characters"
        )
    package = name.replace("-", "_")
    if keyword.iskeyword(package) or package in {*sys.stdlib_module_names, "tests"}:
        raise BadInput(
            f"name: {name!r} is a word of Python's own; allowed: others, such as my-{name}"
        )
    if name in {*plugins.installed("generators"), *suites.names()}:
        raise BadInput(f"name: {name!r} is an installed generator or suite; allowed: others")
    if find_spec(package) is not None:
        raise BadInput(f"name: {package!r} is an installed package; allowed: others")
    return package


def _write(folder: Path, words: dict[str, str]) -> None:
    for path in sorted(_TEMPLATES.rglob("*.template")):
        target = folder / _place(path.relative_to(_TEMPLATES), words)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_filled(path, words), encoding="utf-8")
    # An editor that stops at the end of `src` finds types there, too.
    (folder / "src" / words["package"] / "py.typed").touch()


def _place(path: Path, words: dict[str, str]) -> Path:
    """Where a template's file goes."""
    name = path.name.removesuffix(".template")
    places = {
        "gitignore": Path(".gitignore"),
        "suite.yaml": Path("suites", f"{words['name']}.yaml"),
    }
    if name in places:
        return places[name]
    if path.parent.name == "src":
        return path.parent / words["package"] / name
    if path.parent.name == "prompts":
        return path.parent / words["name"] / name
    return path.parent / name


def _filled(path: Path, words: dict[str, str]) -> str:
    return Template(path.read_text(encoding="utf-8")).substitute(words)


def _fingerprint(words: dict[str, str]) -> str:
    """The fingerprint of the new generator, which its test holds; it depends on the name."""
    source = _filled(_TEMPLATES / "src" / "generator.py.template", words)
    code = compile(source, "generator.py", "exec", dont_inherit=True)
    # Our own template, to whose words nothing but letters, digits and dashes was added. A dataclass
    # looks its module up, so there is one for as long as it takes.
    module = ModuleType(f"{words['package']}.generator")
    sys.modules[module.__name__] = module
    try:
        exec(code, module.__dict__)  # noqa: S102
        return module.__dict__[words["kind"]]().fingerprint()
    finally:
        del sys.modules[module.__name__]
