"""Options of generators: from what a file or a command line says to the types of their fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from modelmetry.errors import BadInput, offered
from modelmetry.items import Generator

_SHOWN = 60


def names(kind: type[Generator]) -> list[str]:
    """Names of a generator's options."""
    return [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]


def build(kind: type[Generator], options: Mapping[str, Any], name: str) -> Generator:
    """A generator with its options, each converted to its field's type.

    Raises:
        BadInput: There is no such option, or a value is not allowed.
    """
    hints, allowed = get_type_hints(kind), names(kind)
    values: dict[str, Any] = {}
    for option, value in options.items():
        if option not in allowed:
            raise BadInput(f"{name}: unknown option {option!r}{offered(option, allowed)}")
        try:
            values[option] = msgspec.convert(value, hints[option])
        except msgspec.ValidationError as error:
            raise _unfit(name, option, value, hints[option], error) from error
    return kind(**values)


def converted(kind: type[Generator], option: str, value: Any, name: str) -> Any:
    """An option's value as a file would have it, where it was given as text.

    Args:
        kind: The generator.
        option: One of its options.
        value: A text, in which lists and mappings are JSON, or a value of the option's type.
        name: The generator's name, for the error line.

    Raises:
        BadInput: It is nothing that the option can be.
    """
    hint = get_type_hints(kind)[option]
    origin = get_origin(hint)
    try:
        if not isinstance(value, str):
            typed = msgspec.convert(value, hint)
        elif isinstance(origin, type) and issubclass(origin, Mapping | list | tuple):
            typed = msgspec.json.decode(value, type=hint)
        else:
            typed = msgspec.convert(value, hint, strict=False)
    except msgspec.DecodeError as error:  # of which a ValidationError is one
        raise _unfit(name, option, value, hint, error) from error
    # Lists, not tuples, so that a suite is the same whichever way an option was given.
    return msgspec.json.decode(msgspec.json.encode(typed))


def shown(value: Any) -> str:
    """A value in an error line, cut to what fits."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _unfit(name: str, option: str, value: Any, hint: Any, error: Exception) -> BadInput:
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    listed = [str(choice) for choice in choices]
    why = offered(value, listed) if choices else f": {error}"
    if get_origin(hint) in (list, tuple) and isinstance(value, str):
        why = "; allowed: a JSON list, such as [1, 2]"
    return BadInput(f"{name}: option {option} is {shown(value)}{why}")
