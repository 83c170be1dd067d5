"""The public Python interface: everything the command line does, as functions."""

from modelmetry.api.asking import DEFAULT_MODEL
from modelmetry.api.auditing import Finding, audit
from modelmetry.api.commitments import commit, reveal
from modelmetry.api.contamination import contamination
from modelmetry.api.datasets import items
from modelmetry.api.exporting import export
from modelmetry.api.gaps import systematicity
from modelmetry.api.gauging import grr
from modelmetry.api.guardrails import guardrails
from modelmetry.api.importing import import_logs
from modelmetry.api.judging import draw_labels, dry_run_judge, judge, judged, read_labels
from modelmetry.api.leaderboards import build_leaderboard, serve_leaderboard, update_leaderboard
from modelmetry.api.making import generate, installed, preview, read_suite, verify
from modelmetry.api.memorization import memorization
from modelmetry.api.nightly import Nightly, dry_run_nightly, nightly
from modelmetry.api.planning import plan
from modelmetry.api.probing import corpus, probes
from modelmetry.api.publishing import publish, publish_results
from modelmetry.api.results import Run, compare, read_run, report, score
from modelmetry.api.running import dry_run, run
from modelmetry.api.scaffolding import init
from modelmetry.api.screening import screen
from modelmetry.api.until import dry_run_until, open_ended, run_until
from modelmetry.api.writing import personas

__all__ = [
    "DEFAULT_MODEL",
    "Finding",
    "Nightly",
    "Run",
    "audit",
    "build_leaderboard",
    "commit",
    "compare",
    "contamination",
    "corpus",
    "draw_labels",
    "dry_run",
    "dry_run_judge",
    "dry_run_nightly",
    "dry_run_until",
    "export",
    "generate",
    "grr",
    "guardrails",
    "import_logs",
    "init",
    "installed",
    "items",
    "judge",
    "judged",
    "memorization",
    "nightly",
    "open_ended",
    "personas",
    "plan",
    "preview",
    "probes",
    "publish",
    "publish_results",
    "read_labels",
    "read_run",
    "read_suite",
    "report",
    "reveal",
    "run",
    "run_until",
    "score",
    "screen",
    "serve_leaderboard",
    "systematicity",
    "update_leaderboard",
    "verify",
]
