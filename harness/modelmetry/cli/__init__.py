"""The command line: argument parsing, progress and exit codes; the work is in `modelmetry.api`."""

from modelmetry.cli.main import main

__all__ = ["main"]
