"""Runs: asking, storing, resuming; a run folder holds everything needed to score it again."""

from modelmetry.runs.ask import Tally
from modelmetry.runs.folder import (
    answers,
    gallery,
    hang,
    is_run,
    open_store,
    read_record,
    runs_in,
    write_record,
)
from modelmetry.runs.record import RunRecord, Status, Until
from modelmetry.runs.run import find, prepare
from modelmetry.runs.session import Effort, Growth, Part, execute, execute_together
from modelmetry.runs.store import Store

__all__ = [
    "Effort",
    "Growth",
    "Part",
    "RunRecord",
    "Status",
    "Store",
    "Tally",
    "Until",
    "answers",
    "execute",
    "execute_together",
    "find",
    "gallery",
    "hang",
    "is_run",
    "open_store",
    "prepare",
    "read_record",
    "runs_in",
    "write_record",
]
