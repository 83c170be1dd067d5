"""Suites: measurements described in YAML and Jinja, validated when they are read."""

from modelmetry.suites.editions import Edition, is_edition, read_edition, write
from modelmetry.suites.exports import Exported, Form, export
from modelmetry.suites.needs import given, needs
from modelmetry.suites.reader import generator_of, names, question, read
from modelmetry.suites.render import asked, edition, in_words, item_count, items, render, wanted
from modelmetry.suites.suite import Contrast, Prompt, Suite, Task

__all__ = [
    "Contrast",
    "Edition",
    "Exported",
    "Form",
    "Prompt",
    "Suite",
    "Task",
    "asked",
    "edition",
    "export",
    "generator_of",
    "given",
    "in_words",
    "is_edition",
    "item_count",
    "items",
    "names",
    "needs",
    "question",
    "read",
    "read_edition",
    "render",
    "wanted",
    "write",
]
