"""Analyses: scores joined to statistics, and suites verified before any model is asked."""

from modelmetry.analyses.estimates import estimate, headline
from modelmetry.analyses.measures import Row

__all__ = ["Row", "estimate", "headline"]
