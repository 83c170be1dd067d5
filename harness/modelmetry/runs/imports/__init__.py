"""Runs made of other harnesses' logs: Inspect's `.eval` and JSON, lm-eval's samples."""

from modelmetry.runs.imports.find import ALLOWED, logs_in, read_log
from modelmetry.runs.imports.log import Log, Said
from modelmetry.runs.imports.reading import Reading
from modelmetry.runs.imports.write import find_import, origin_of, write_run

__all__ = [
    "ALLOWED",
    "Log",
    "Reading",
    "Said",
    "find_import",
    "logs_in",
    "origin_of",
    "read_log",
    "write_run",
]
