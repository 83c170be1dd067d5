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


@cache
def compiled(source: str) -> Template:
    """The template of a text, compiled once."""
    return _ENVIRONMENT.from_string(source)


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
        if missing := sorted(used - set(allowed)):
            raise BadInput(f"{path}: unknown field {missing[0]!r}; allowed: {', '.join(allowed)}")
        text = compiled(source).render(example)
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        where = f"{path}: line {line}" if line else str(path)
        raise BadInput(f"{where}: {error.message or type(error).__name__}") from error
    except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path}: the template fails on a problem: {error}") from error
    if not text.strip():
        raise BadInput(f"{path}: the template renders to nothing; allowed: a question")
