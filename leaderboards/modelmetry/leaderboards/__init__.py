"""Leaderboards: entries with uncertainty, ranks with ties, one CSV file per suite."""

from modelmetry.leaderboards.entry import (
    COLUMNS,
    Entry,
    entries_of,
    run_digest,
    seed_commitment,
)
from modelmetry.leaderboards.ranks import ranked
from modelmetry.leaderboards.store import read, update

__all__ = [
    "COLUMNS",
    "Entry",
    "entries_of",
    "ranked",
    "read",
    "run_digest",
    "seed_commitment",
    "update",
]
