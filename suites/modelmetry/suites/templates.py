"""Jinja templates in a sandbox: no undefined names, no access to anything but the fields."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from modelmetry.errors import BadInput

# Prompts are plain text for a model, not HTML, so nothing is escaped.
_ENVIRONMENT = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
)

# What an expression in a template can raise; the sandbox answers for the rest.
_FAULTS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@cache
def compiled(source: str) -> Template:
    """The template of a text, compiled once."""
    return _ENVIRONMENT.from_string(source)


def rendered(where: str | Path, source: str, fields: Mapping[str, Any]) -> str:
    """The text that a template makes of a problem's fields, stripped.

    Args:
        where: Names the template in the error line.
        source: The template's text.
        fields: The problem's fields.

    Raises:
        BadInput: The template fails on this problem, or makes nothing of it.
    """
    try:
        text = compiled(source).render(fields).strip()
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        raise BadInput(
            f"{where}: {f'line {line}: ' if line else ''}{error.message or type(error).__name__}"
        ) from error
    except _FAULTS as error:
        raise BadInput(
            f"{where}: the template fails on a problem: {type(error).__name__}: {error}; "
            f"its fields: {dict(fields)}"
        ) from error
    if not text:
        raise BadInput(f"{where}: the template renders to nothing; allowed: a question")
    return text


def check_template(
    path: Path, source: str, allowed: Collection[str], example: Mapping[str, Any]
) -> None:
    """Refuse a template that does not parse, names a missing field or fails on an example.

    Args:
        path: Where it stands, for the error line.
        source: The template's text.
        allowed: Field names that it may use.
        example: Fields of one problem, rendered as a trial.

    Raises:
        BadInput: One line with the file and what is allowed.
    """
    try:
        used = meta.find_undeclared_variables(_ENVIRONMENT.parse(source))
    except TemplateError as error:
        raise BadInput(f"{path}: line {error.lineno}: {error.message}") from error  # type: ignore[attr-defined]
    if missing := sorted(used - set(allowed)):
        raise BadInput(f"{path}: unknown field {missing[0]!r}; allowed: {', '.join(allowed)}")
    rendered(path, source, example)
