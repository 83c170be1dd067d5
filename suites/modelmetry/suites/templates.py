"""Jinja templates in a sandbox: no undefined names, no access to anything but the fields.

A template shows a picture by the filter `paint`: `{{ scene | paint }}`, or `{{ scene |
paint("photo") }}` for another painter; in a later turn of a conversation `{{ reply(1) }}` quotes
the model's first reply. What it makes is text with pictures and quotations in between, stripped;
`{{ prompt | verbatim }}` keeps the white space that a text begins and ends with.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import StrictUndefined, Template, TemplateError, TemplateRuntimeError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from modelmetry.errors import BadInput, offered
from modelmetry.items import Part, Picture, canonical_json, installed_painter, reply

_PAINTER = "raster"
_EDGE = "\0"
"""Stands before and after a picture in what a template renders to; JSON never holds it as it is."""

_OWN = secrets.token_hex(8)
"""Begins what stands between two edges. Nobody can have written it into a field, so that a text of
a user or of a model that holds such marks is never taken for one. No output depends on it."""

_REPLY = "reply"


def paint(recipe: object, painter: str = _PAINTER) -> str:
    """The filter: the picture's JSON between two marks, at which the rendered text is cut."""
    version = installed_painter(painter).version
    picture = Picture(painter=painter, version=version, recipe=recipe)
    return f"{_EDGE}{_OWN}{canonical_json(picture).decode()}{_EDGE}"


def verbatim(text: object) -> str:
    """The filter: the text's JSON between two marks, so that nobody strips it."""
    if not isinstance(text, str) or not text:
        raise TemplateRuntimeError(f"`verbatim` of {text!r}; allowed: a text that is not empty")
    if _OWN in text:
        raise TemplateRuntimeError("`verbatim` of a picture or a quoted reply; allowed: a text")
    return f"{_EDGE}{_OWN}{canonical_json(text).decode()}{_EDGE}"


def quoted(number: int) -> str:
    """The function `reply`: a mark for the model's reply of a number, from 1."""
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise TemplateRuntimeError(f"reply({number!r}); allowed: numbers from 1")
    return f"{_EDGE}{_OWN}{number}{_EDGE}"


# Prompts are plain text for a model, not HTML, so nothing is escaped.
_ENVIRONMENT = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
)
_ENVIRONMENT.filters["paint"] = paint
_ENVIRONMENT.filters["verbatim"] = verbatim
_ENVIRONMENT.globals[_REPLY] = quoted
_picture = msgspec.json.Decoder(Picture).decode
_text = msgspec.json.Decoder(str).decode

# What an expression in a template can raise; the sandbox answers for the rest.
_FAULTS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@cache
def compiled(source: str) -> Template:
    """The template of a text, compiled once."""
    return _ENVIRONMENT.from_string(source)


def _painters(path: str | Path, source: str) -> dict[str, int]:
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


def is_template(text: str) -> bool:
    """Whether a text has anything for Jinja to do."""
    return any(mark in text for mark in ("{{", "{%", "{#"))


def rendered(where: str | Path, source: str, fields: Mapping[str, Any]) -> tuple[Part, ...]:
    """What a template makes of a problem's fields: text, stripped, and pictures, in order.

    White space that a `verbatim` text begins and ends with is left.

    Args:
        where: Names the template in the error line.
        source: The template's text.
        fields: The problem's fields.

    Raises:
        BadInput: The template fails on this problem, or makes nothing of it.
    """
    if parts := rendered_or_nothing(where, source, fields):
        return parts
    raise BadInput(f"{where}: the template renders to nothing; allowed: a question")


def rendered_or_nothing(
    where: str | Path, source: str, fields: Mapping[str, Any]
) -> tuple[Part, ...]:
    """As `rendered`, with no parts where the template makes nothing of the fields.

    Raises:
        BadInput: The template fails on this problem.
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
    if _EDGE in text:
        return _cut(where, text)
    return (Part(text=text),) if text else ()


def rendered_system(where: str, source: str, fields: Mapping[str, Any]) -> str:
    """A system message: a plain text as it is, a template rendered; empty for none.

    Raises:
        BadInput: The template fails on this problem, or makes anything but text.
    """
    if not is_template(source):
        return source
    parts = rendered_or_nothing(where, source, fields)
    if any(part.kind != "text" for part in parts):
        raise BadInput(
            f"{where}: a system message shows no pictures and quotes no replies; allowed: text"
        )
    return parts[0].text if parts else ""


def _cut(where: str | Path, text: str) -> tuple[Part, ...]:
    """The parts of a rendered text that holds marks; every second piece is one."""
    pieces = text.split(_EDGE)
    try:
        found = [_marked(piece) if place % 2 else piece for place, piece in enumerate(pieces)]
    except msgspec.DecodeError:
        found = []
    if not found or len(pieces) % 2 == 0:
        raise BadInput(
            f"{where}: a picture was changed after `paint`, or a text after `verbatim`, or a field holds "
            "a NUL character, or a quoted reply was changed; allowed: `paint` and `verbatim` as the last "
            "filter, as in {{ scene | paint }}"
        )
    return tuple(_joined(found))


def _marked(piece: str) -> Part:
    """The picture, the quotation or the text of a mark."""
    mark = piece.removeprefix(_OWN)
    if mark == piece:
        raise msgspec.DecodeError("written by somebody else")
    if mark.isdecimal():
        return reply(int(mark))
    if mark.startswith('"'):
        return Part(text=_text(mark))
    picture = _picture(mark)
    # The address is that of all that is in the picture, so what stands for it betrays nothing.
    return Part(kind="image", text=f"[picture {picture.address[:8]}]", image=picture)


def _joined(found: Iterable[Part | str]) -> Iterator[Part]:
    """Parts, and the texts between them, of which those that follow each other are one.

    Blanks alone between pictures say nothing, and some servers refuse a part that holds nothing else;
    those of a `verbatim` text were asked for.
    """
    for is_text, run in groupby(found, key=_is_text):
        pieces = list(run)
        if not is_text:
            yield from (piece for piece in pieces if isinstance(piece, Part))
            continue
        text = "".join(piece if isinstance(piece, str) else piece.text for piece in pieces)
        if text.strip() or any(isinstance(piece, Part) for piece in pieces):
            yield Part(text=text)


def _is_text(piece: Part | str) -> bool:
    return isinstance(piece, str) or piece.kind == "text"


def _check_quotations(path: str | Path, tree: nodes.Template, replies: int) -> None:
    """Refuse a quotation of a reply that cannot have been given, as far as the template says it."""
    calls = [call for call in tree.find_all(nodes.Call) if _names_reply(call.node)]
    for name in tree.find_all(nodes.Name):
        if _names_reply(name) and not any(call.node is name for call in calls):
            raise BadInput(
                f"{path}: line {name.lineno}: `reply` without a number; allowed: {{{{ reply(1) }}}}"
            )
    for call in calls:
        for number in _numbers(call):
            if number > replies:
                raise BadInput(
                    f"{path}: line {call.lineno}: reply {number} is quoted where the model has spoken "
                    f"{replies} times; allowed: "
                    + (f"replies from 1 to {replies}" if replies else "none, before its first turn")
                )


def _names_reply(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == _REPLY


def _numbers(call: nodes.Call) -> Iterator[int]:
    given = [*call.args, *(word.value for word in call.kwargs)]
    for value in given:
        if isinstance(value, nodes.Const) and isinstance(value.value, int):
            yield value.value


def check_template(
    path: str | Path,
    source: str,
    allowed: Collection[str],
    example: Mapping[str, Any],
    *,
    replies: int = 0,
    optional: bool = False,
) -> dict[str, int]:
    """Refuse a template that does not parse, names what is missing or fails on an example.

    Args:
        path: Where it stands, for the error line.
        source: The template's text.
        allowed: Field names that it may use.
        example: Fields of one problem, rendered as a trial.
        replies: Most replies of the model that it may quote.
        optional: Whether it may render to nothing.

    Returns:
        The painters whose pictures it shows -> their versions; none for text alone.

    Raises:
        BadInput: One line with the file and what is allowed.
    """
    try:
        tree = _ENVIRONMENT.parse(source)
        used = meta.find_undeclared_variables(tree)
    except TemplateError as error:
        raise BadInput(f"{path}: line {error.lineno}: {error.message}") from error  # type: ignore[attr-defined]
    if missing := sorted(used - set(allowed)):
        raise BadInput(f"{path}: unknown field {missing[0]!r}{offered(missing[0], allowed)}")
    if _REPLY not in allowed:  # a field of that name hides the function
        _check_quotations(path, tree, replies)
    found = _painters(path, source)
    (rendered_or_nothing if optional else rendered)(path, source, example)
    return found
