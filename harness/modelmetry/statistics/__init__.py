"""Statistics: arrays in, estimates out; knows nothing of models or items."""

from modelmetry.statistics.estimate import Comparison, Estimate

__all__ = ["Comparison", "Estimate"]
