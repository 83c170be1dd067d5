"""The public Python interface: everything the command line does, as functions."""

from modelmetry.api.making import generate, installed, preview, read_suite, verify
from modelmetry.api.results import Run, compare, read_run, report, score, update_leaderboard
from modelmetry.api.running import DEFAULT_MODEL, plan, run

__all__ = [
    "DEFAULT_MODEL",
    "Run",
    "compare",
    "generate",
    "installed",
    "plan",
    "preview",
    "read_run",
    "read_suite",
    "report",
    "run",
    "score",
    "update_leaderboard",
    "verify",
]
