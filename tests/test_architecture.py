"""The house rules, held against the syntax trees of every module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOTS = ("generators", "harness", "suites", "leaderboards")
TOP = Path(__file__).parent.parent

FAMILIES = {
    *("scenes", "personas", "memory", "algebra", "languages", "texts"),
}
"""Generator families: beside each other, so that none imports another."""

USES = {"hub", "leaderboards", "nightly"}
"""What the measurements are put to: beside each other, so that none imports another."""

STACK = (
    *("errors", "spaces", "items", "<family>", "models", "scoring", "suites", "runs"),
    *("analyses", "reports", "<use>", "api", "cli"),
)
"""Sub-packages from the bottom up: each may import those below it and nothing else."""

ALONE = {"statistics"}
"""Arrays in, estimates out: imports no other sub-package; what reads scores may import it."""

USES_STATISTICS = STACK[STACK.index("analyses") :]

LONGEST_MODULE = 400
LONGEST_FUNCTION = 60


def _modules() -> list[Path]:
    return sorted(path for root in ROOTS for path in (TOP / root / "modelmetry").rglob("*.py"))


def _name(path: Path) -> str:
    return path.relative_to(TOP).as_posix()


def _layer(package: str) -> str:
    return "<family>" if package in FAMILIES else "<use>" if package in USES else package


def _package(path: Path) -> str:
    """The sub-package of a module: what follows `modelmetry` in its path."""
    return path.relative_to(TOP).parts[2].removesuffix(".py")


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _imported(tree: ast.AST) -> Iterator[str]:
    """Full names of all imports, those inside functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = "." * node.level + (node.module or "")
            yield from (f"{start}.{alias.name}" for alias in node.names)


def _forbidden(package: str, tree: ast.AST) -> list[str]:
    """Imports that a module of this sub-package may not have."""
    layer = _layer(package)
    allowed = {package}
    if layer in STACK:
        below = STACK[: STACK.index(layer)]
        allowed |= {*below} - {"<family>", "<use>"}
        allowed |= FAMILIES if "<family>" in below else set()
        allowed |= USES if "<use>" in below else set()
        if layer in USES_STATISTICS:
            allowed |= ALONE
    return [
        name
        for name in _imported(tree)
        if name.startswith(".")
        or (name.split(".")[0] == "modelmetry" and (*name.split("."), "")[1] not in allowed)
    ]


each_module = pytest.mark.parametrize("path", _modules(), ids=_name)


def test_there_are_modules_in_every_root() -> None:
    """The tests below look at something."""
    assert {path.relative_to(TOP).parts[0] for path in _modules()} == set(ROOTS)


def test_every_sub_package_has_its_place() -> None:
    """A sub-package stands in the import table; a new one is given its place there."""
    assert {_layer(_package(path)) for path in _modules()} <= {*STACK, *ALONE}


@each_module
def test_imports_point_down(path: Path) -> None:
    """No module imports its own level or a higher one, not even inside a function."""
    assert _forbidden(_package(path), _tree(path)) == []


@pytest.mark.parametrize(
    ("package", "line"),
    [
        ("items", "import modelmetry.models"),
        ("items", "from modelmetry import runs"),
        ("items", "from modelmetry.algebra.addition import Addition"),
        ("algebra", "def f():\n    from modelmetry.scoring import score"),
        ("algebra", "from modelmetry.texts import recall"),
        ("statistics", "from modelmetry.items import Seed"),
        ("scoring", "from modelmetry.statistics import mean"),
        ("spaces", "from . import order"),
        ("errors", "import modelmetry"),
        ("nightly", "from modelmetry.hub import publish"),
        ("reports", "from modelmetry.leaderboards import read"),
    ],
)
def test_imports_that_point_elsewhere_are_found(package: str, line: str) -> None:
    """Imports of higher levels, of neighbors, relative or of everything are noticed."""
    assert len(_forbidden(package, ast.parse(line))) == 1


@pytest.mark.parametrize(
    ("package", "line"),
    [
        ("items", "from modelmetry.spaces import Space"),
        ("algebra", "from modelmetry.items import Seed"),
        ("runs", "from modelmetry.algebra.addition import Addition"),
        ("analyses", "from modelmetry import statistics"),
        ("api", "from modelmetry.nightly.night import Night"),
        ("items", "import numpy, modelmetry.items.seed"),
    ],
)
def test_imports_that_point_down_are_not(package: str, line: str) -> None:
    """Imports of lower levels, of the own package and of other people's are allowed."""
    assert _forbidden(package, ast.parse(line)) == []


@pytest.mark.parametrize("root", ROOTS)
def test_the_namespace_stays_open(root: str) -> None:
    """No root has an `__init__.py` directly in `modelmetry/`: it would hide the other roots."""
    assert not (TOP / root / "modelmetry" / "__init__.py").exists()


@each_module
def test_a_module_says_what_it_is(path: Path) -> None:
    """A module's docstring starts with one line that is one sentence."""
    first = (ast.get_docstring(_tree(path)) or "").split("\n")[0]
    assert first.endswith((".", "?"))
    assert first[0].isupper() or not first[0].isalpha()
    assert ". " not in first


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring, which may be as long as its arguments need."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function) is None:
        return lines
    docstring = function.body[0]
    return lines - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)


@each_module
def test_modules_and_functions_are_short(path: Path) -> None:
    """No module has more than 400 lines and no function more than 60."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE
    functions = [
        node
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert [f.name for f in functions if _length(f) > LONGEST_FUNCTION] == []


def test_a_docstring_does_not_make_a_function_long() -> None:
    """Only what is not docstring counts."""
    source = 'def f(\n    x,\n):\n    """One.\n\n    Two.\n    """\n    return x'
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert _length(function) == 4


@each_module
def test_nothing_is_called_utils(path: Path) -> None:
    """A module is named after what it is."""
    assert path.stem not in {"utils", "util", "helpers", "helper", "common", "misc"}


@pytest.mark.parametrize("folder", sorted({path.parent for path in _modules()}), ids=_name)
def test_packages_are_typed_and_whole(folder: Path) -> None:
    """Every folder with modules is a package, and every sub-package tells that it is typed."""
    assert (folder / "__init__.py").is_file()
    assert (TOP.joinpath(*folder.relative_to(TOP).parts[:3]) / "py.typed").is_file()


def _order(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest, each in alphabetical order."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def _public(tree: ast.Module) -> list[str] | None:
    """The names in `__all__`, if a module has it."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return None


def _bound(tree: ast.Module) -> set[str]:
    """Names that a module defines or imports at its top level."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        else:
            names |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return names


@each_module
def test_public_names_are_sorted_and_exist(path: Path) -> None:
    """`__all__`, where there is one, is in order, without repeats, and names what is there."""
    names = _public(_tree(path)) or []
    assert names == sorted(set(names), key=_order)
    assert set(names) <= _bound(_tree(path))
