"""Facts about looking up what is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from modelmetry.algebra.addition import Addition
from modelmetry.errors import BadInput
from modelmetry.items import installed, load

FOREIGN = '''
"""A generator of another package."""

from modelmetry.algebra.addition import Addition


class Sums(Addition):
    """Addition under another name."""

    name = "sums"
'''


@pytest.mark.parametrize("group", ["generators", "models", "scorers"])
def test_each_group_has_sorted_names(group: str) -> None:
    """Every group that a suite can name has entries, in alphabetical order."""
    assert installed(group)
    assert installed(group) == sorted(installed(group))


def test_a_name_loads_its_object() -> None:
    """An entry point's name gives the object itself."""
    assert load("generators", "addition") is Addition


def test_a_wrong_name_is_answered_with_the_installed_ones() -> None:
    """The error line says where, what was asked for and everything there is."""
    with pytest.raises(BadInput) as caught:
        load("generators", "adition", where="my.yaml: tasks.a")
    known = ", ".join(installed("generators"))
    hint = "(did you mean 'addition'?)"
    said = f"my.yaml: tasks.a: unknown generator 'adition' {hint}; installed: {known}"
    assert str(caught.value) == said


def test_an_unknown_group_is_empty() -> None:
    """A group without entries says so instead of failing elsewhere."""
    assert installed("telescopes") == []
    with pytest.raises(BadInput, match="unknown telescope 'x'; installed: none"):
        load("telescopes", "x")


def test_another_package_adds_a_generator(tmp_path: Path) -> None:
    """A package with an entry point in the group is found, loaded and draws problems."""
    (tmp_path / "foreign.py").write_text(FOREIGN, encoding="utf-8")
    info = tmp_path / "foreign-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[modelmetry.generators]\nsums = foreign:Sums\n")
    program = (
        "from modelmetry.items import Seed, load\n"
        "problem = load('generators', 'sums')().problem(Seed(root=1), 'train', 0)\n"
        "print(problem.generator, *problem.fields)"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["sums", "a", "b"]
