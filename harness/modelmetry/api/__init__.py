"""The public Python interface: everything the command line does, as functions."""

from modelmetry.api.asking import DEFAULT_MODEL
from modelmetry.api.contamination import contamination
from modelmetry.api.exporting import export
from modelmetry.api.gaps import systematicity
from modelmetry.api.gauging import grr
from modelmetry.api.guardrails import guardrails
from modelmetry.api.judging import draw_labels, dry_run_judge, judge, judged, read_labels
from modelmetry.api.making import generate, installed, preview, read_suite, verify
from modelmetry.api.memorization import memorization
from modelmetry.api.planning import plan
from modelmetry.api.probing import corpus, probes
from modelmetry.api.results import Run, compare, read_run, report, score, update_leaderboard
from modelmetry.api.running import dry_run, run
from modelmetry.api.screening import screen
from modelmetry.api.until import dry_run_until, open_ended, run_until
from modelmetry.api.writing import personas

__all__ = [
    "DEFAULT_MODEL",
    "Run",
    "compare",
    "contamination",
    "corpus",
    "draw_labels",
    "dry_run",
    "dry_run_judge",
    "dry_run_until",
    "export",
    "generate",
    "grr",
    "guardrails",
    "installed",
    "judge",
    "judged",
    "memorization",
    "open_ended",
    "personas",
    "plan",
    "preview",
    "probes",
    "read_labels",
    "read_run",
    "read_suite",
    "report",
    "run",
    "run_until",
    "score",
    "screen",
    "systematicity",
    "update_leaderboard",
    "verify",
]
