"""The line of an error of usage: unknown commands, options and choices with the nearest that there is."""

from __future__ import annotations

import re

import click

from modelmetry.errors import nearest, offered

_COMMAND = re.compile(r"No such command (['\"])(.*?)\1", re.DOTALL)
_CHOICE = re.compile(r"^'(.*?)' is not one of ", re.DOTALL)


def line_of(error: click.ClickException) -> str:
    """What is said of an error of usage, in the words of all other errors.

    Args:
        error: What click raised.
    """
    context = getattr(error, "ctx", None)
    if context is None:
        return error.format_message()
    where = context.command_path.partition(" ")[2] or "modelmetry"
    if isinstance(error, click.NoSuchOption):
        given, flags = error.option_name, _flags(context.command, context)
        if not given.startswith("--"):
            # One letter is near to every other: all of them are told.
            letters = [flag for flag in flags if not flag.startswith("--")]
            return f"{where}: no option {given!r}; allowed: {', '.join(letters)}; see {context.command_path} --help"
        return f"{where}: no option {given!r}{nearest(given, flags)}; see {context.command_path} --help"
    if isinstance(error, click.BadParameter) and error.param is not None:
        kind, found = error.param.type, _CHOICE.match(error.message)
        if isinstance(kind, click.Choice) and found:
            name = _called(error.param)
            return f"{where}: {name} {found[1]!r}{offered(found[1], [*map(str, kind.choices)])}"
    if isinstance(context.command, click.Group) and (
        found := _COMMAND.match(error.format_message())
    ):
        known = context.command.list_commands(context)
        return f"no {context.command_path} command {found[2]!r}{offered(found[2], known)}"
    return error.format_message()


def _flags(command: click.Command, context: click.Context) -> list[str]:
    return [flag for each in command.get_params(context) for flag in _spellings(each)]


def _spellings(parameter: click.Parameter) -> list[str]:
    return [flag for flag in parameter.opts if flag.startswith("-")]


def _called(parameter: click.Parameter) -> str:
    """A flag as it is typed, or an argument by its name."""
    return next(iter(sorted(_spellings(parameter), key=len, reverse=True)), parameter.name or "")
