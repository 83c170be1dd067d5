"""Leaderboards: entries with uncertainty, ranks with ties, one CSV file per suite, and a site."""

from modelmetry.leaderboards.checks import admitted
from modelmetry.leaderboards.entry import (
    COLUMNS,
    Entry,
    entries_of,
    run_digest,
    seed_commitment,
)
from modelmetry.leaderboards.ranks import ranked
from modelmetry.leaderboards.store import data_file, read, update

__all__ = [
    "COLUMNS",
    "Entry",
    "admitted",
    "data_file",
    "entries_of",
    "ranked",
    "read",
    "run_digest",
    "seed_commitment",
    "update",
]
