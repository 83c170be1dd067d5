"""The page on statistics: its examples, figures, links and names are real."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "statistics.md"
TEXT = PAGE.read_text(encoding="utf-8")

_IMAGES = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", TEXT)
_LINKS = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", TEXT)
_QUESTIONS = TEXT.partition("| question |")[2].partition("\n\n")[0]


def test_every_example_gives_what_it_says() -> None:
    """The examples of the page run, in order, with the output that stands below them."""
    failed, tried = doctest.testfile(
        str(PAGE), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert tried > 50
    assert failed == 0


def test_every_section_has_an_example_and_a_figure() -> None:
    """Each of the eleven numbered sections holds an example and a figure that is described."""
    sections = re.split(r"^## ", TEXT, flags=re.MULTILINE)
    numbered = [section for section in sections if section[0].isdigit()]
    assert len(numbered) == 11
    assert all(">>> " in section and "](statistics/" in section for section in numbered)
    assert all(len(described) > 40 for described, _ in _IMAGES)


def test_links_are_relative_and_lead_somewhere() -> None:
    """Every link and every figure is a file of the repository."""
    assert [link for link in _LINKS if not (DOCS / link).is_file()] == []


def test_every_figure_that_is_drawn_is_shown() -> None:
    """No drawing in the folder is left over, and each comes from a function of the script."""
    drawn = {path.relative_to(DOCS).as_posix() for path in (DOCS / "statistics").iterdir()}
    assert drawn == {target for _, target in _IMAGES}
    script = (DOCS / "figures.py").read_text(encoding="utf-8")
    assert all(f'"{Path(target).stem}": ' in script for target in drawn)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([a-z_]+\.\w+)`", _QUESTIONS))))
def test_the_functions_of_the_table_exist(name: str) -> None:
    """A function that the table of questions names can be imported."""
    module, _, function = name.partition(".")
    found = importlib.import_module(f"modelmetry.statistics.{module}")
    assert callable(getattr(found, function))
