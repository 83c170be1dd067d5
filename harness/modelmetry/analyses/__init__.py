"""Analyses: scores joined to statistics, and suites verified before any model is asked."""

from modelmetry.analyses.estimates import (
    Analysis,
    analyze,
    estimate,
    headline,
    split_estimates,
)
from modelmetry.analyses.measures import Row

__all__ = ["Analysis", "Row", "analyze", "estimate", "headline", "split_estimates"]
