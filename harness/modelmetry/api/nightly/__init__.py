"""Nightly jobs: asking every model every suite, holding the night against its gates, and telling it."""

from modelmetry.api.nightly.night import Nightly, dry_run_nightly, nightly

__all__ = ["Nightly", "dry_run_nightly", "nightly"]
