"""Scores: reading an answer out of a response, and the outcomes that are not answers."""

from modelmetry.scoring.score import Outcome, Reading, Score, Scorer

__all__ = ["Outcome", "Reading", "Score", "Scorer"]
