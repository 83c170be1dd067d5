"""Runs: asking, storing, resuming; a run folder holds everything needed to score it again."""
