"""Jinja templates in a sandbox: no undefined names, no access to anything but the fields.

A template shows a picture by the filter `paint`: `{{ scene | paint }}`, or `{{ scene |
paint("photo") }}` for another painter. What it makes is text with pictures in between.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import StrictUndefined, Template, TemplateError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from modelmetry.errors import BadInput
from modelmetry.items import Part, Picture, canonical_json, installed_painter

_PAINTER = "raster"
_EDGE = "\0"
"""Stands before and after a picture in what a template renders to; JSON never holds it as it is."""


def paint(recipe: object, painter: str = _PAINTER) -> str:
    """The filter: the picture's JSON between two marks, at which the rendered text is cut."""
    version = installed_painter(painter).version
    picture = Picture(painter=painter, version=version, recipe=recipe)
    return f"{_EDGE}{canonical_json(picture).decode()}{_EDGE}"


# Prompts are plain text for a model, not HTML, so nothing is escaped.
_ENVIRONMENT = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
)
_ENVIRONMENT.filters["paint"] = paint
_picture = msgspec.json.Decoder(Picture).decode

# What an expression in a template can raise; the sandbox answers for the rest.
_FAULTS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@cache
def compiled(source: str) -> Template:
    """The template of a text, compiled once."""
    return _ENVIRONMENT.from_string(source)


def _painters(path: Path, source: str) -> dict[str, int]:
    """Painters whose pictures a template shows, by name, and their versions.

    Raises:
        BadInput: A name is not written out, or there is no such painter.
    """
    names = set()
    for use in _ENVIRONMENT.parse(source).find_all(nodes.Filter):
        if use.name == "paint":
            given = [*use.args, *(word.value for word in use.kwargs)] or [nodes.Const(_PAINTER)]
            if not (isinstance(given[0], nodes.Const) and isinstance(given[0].value, str)):
                raise BadInput(
                    f"{path}: line {use.lineno}: a painter is not named; allowed: its name in "
                    'quotes, as in {{ scene | paint("raster") }}'
                )
            names.add(given[0].value)
    return {name: installed_painter(name, where=str(path)).version for name in sorted(names)}


def rendered(where: str | Path, source: str, fields: Mapping[str, Any]) -> tuple[Part, ...]:
    """What a template makes of a problem's fields: text, stripped, and pictures, in order.

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
    if _EDGE not in text:
        return (Part(text=text),)
    return _cut(where, text)


def _cut(where: str | Path, text: str) -> tuple[Part, ...]:
    """The parts of a rendered text that holds pictures; every second piece is one."""
    pieces = text.split(_EDGE)
    try:
        # Blanks alone say nothing, and some servers refuse a part that holds nothing else.
        parts = [
            _shown(_picture(piece)) if place % 2 else Part(text=piece)
            for place, piece in enumerate(pieces)
            if place % 2 or piece.strip()
        ]
    except msgspec.DecodeError:
        parts = []
    if not parts or len(pieces) % 2 == 0:
        raise BadInput(
            f"{where}: a picture was changed after `paint`, or a field holds a NUL character; "
            "allowed: `paint` as the last filter, as in {{ scene | paint }}"
        )
    return tuple(parts)


def _shown(picture: Picture) -> Part:
    # The address is that of all that is in the picture, so what stands for it betrays nothing.
    return Part(kind="image", text=f"[picture {picture.address[:8]}]", image=picture)


def check_template(
    path: Path, source: str, allowed: Collection[str], example: Mapping[str, Any]
) -> dict[str, int]:
    """Refuse a template that does not parse, names what is missing or fails on an example.

    Args:
        path: Where it stands, for the error line.
        source: The template's text.
        allowed: Field names that it may use.
        example: Fields of one problem, rendered as a trial.

    Returns:
        The painters whose pictures it shows -> their versions; none for text alone.

    Raises:
        BadInput: One line with the file and what is allowed.
    """
    try:
        used = meta.find_undeclared_variables(_ENVIRONMENT.parse(source))
    except TemplateError as error:
        raise BadInput(f"{path}: line {error.lineno}: {error.message}") from error  # type: ignore[attr-defined]
    if missing := sorted(used - set(allowed)):
        raise BadInput(f"{path}: unknown field {missing[0]!r}; allowed: {', '.join(allowed)}")
    found = _painters(path, source)
    rendered(path, source, example)
    return found
