"""Runs: asking, storing, resuming; a run folder holds everything needed to score it again."""

from modelmetry.runs.ask import Tally
from modelmetry.runs.folder import answers, is_run, open_store, read_record, runs_in
from modelmetry.runs.record import RunRecord, Status
from modelmetry.runs.run import Effort, execute, find, prepare
from modelmetry.runs.store import Store

__all__ = [
    "Effort",
    "RunRecord",
    "Status",
    "Store",
    "Tally",
    "answers",
    "execute",
    "find",
    "is_run",
    "open_store",
    "prepare",
    "read_record",
    "runs_in",
]
