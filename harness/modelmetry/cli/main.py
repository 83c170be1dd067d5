"""The entry point: commands gathered, every error turned into one line and an exit code."""

from __future__ import annotations

import errno
import io
import os
import sys

import click

from modelmetry.cli import (
    completion,
    contamination,
    corpora,
    exporting,
    gauging,
    guardrails,
    importing,
    init,
    inspecting,
    judging,
    leaderboards,
    measuring,
    memorization,
    nightly,
    planning,
    preparing,
    publishing,
)
from modelmetry.cli.naming import line_of
from modelmetry.cli.options import complain
from modelmetry.errors import ModelmetryError

_INTERRUPTED = 130  # what shells expect after Ctrl-C


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every --flag can be given as MODELMETRY_<FLAG>, -M as MODELMETRY_MODEL_OPTIONS, "
    "-T as MODELMETRY_SUITE_OPTIONS. Exit codes: 0 done, 1 unexpected, 2 bad input, 3 model unreachable, 4 limit reached "
    "(run resumable), 5 gate failed.",
)
@click.version_option(package_name="modelmetry", message="modelmetry %(version)s")
def commands() -> None:
    """Measure language models on fresh, verified test sets, with honest uncertainty."""


for _command in (
    *init.COMMANDS,
    *inspecting.COMMANDS,
    *exporting.COMMANDS,
    *importing.COMMANDS,
    *planning.COMMANDS,
    *measuring.COMMANDS,
    *leaderboards.COMMANDS,
    *gauging.COMMANDS,
    *guardrails.COMMANDS,
    *contamination.COMMANDS,
    *memorization.COMMANDS,
    *nightly.COMMANDS,
    *judging.COMMANDS,
    *preparing.COMMANDS,
    *publishing.COMMANDS,
    *corpora.COMMANDS,
    *completion.COMMANDS,
):
    commands.add_command(_command)


def main() -> None:
    """Run the command line and exit with its code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A path or an answer that the terminal cannot show must not end a run.
        sys.stdout.reconfigure(errors="backslashreplace")
    if completion.VARIABLE in os.environ:
        completion.prepare(commands)
    sys.exit(_code())


def _code() -> int:
    if os.environ.get("MODELMETRY_TRACEBACK"):
        return commands.main(prog_name=completion.PROGRAM, standalone_mode=False) or 0
    try:
        return commands.main(prog_name=completion.PROGRAM, standalone_mode=False) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.ClickException as error:
        complain(line_of(error))
        return 2
    except (click.Abort, KeyboardInterrupt):
        complain("interrupted")
        return _INTERRUPTED
    except ModelmetryError as error:
        complain(str(error))
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does; that is no fault.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        complain(f"{error.filename or 'the system'}: {error.strerror or error}")
        return 2 if error.errno in (errno.EACCES, errno.EPERM, errno.ENOENT) else 1
    except MemoryError:
        complain("out of memory")
        return 1
    except Exception as error:  # noqa: BLE001 - the last line of defense says how to see more
        complain(
            f"unexpected {type(error).__name__}: {error} (set MODELMETRY_TRACEBACK=1 to see where)"
        )
        return 1
