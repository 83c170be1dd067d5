"""Statistics: arrays in, estimates out; knows nothing of models or items.

Modules by subject: `proportions` and `means` for one number, `pairs` for two models on the same
items, `grouped` for the levels of a factor, `psychometric` for accuracy along difficulty, `missing`
for what could not be scored, and `multiplicity` for many tests at once.
"""

from modelmetry.statistics import (
    grouped,
    means,
    missing,
    multiplicity,
    pairs,
    proportions,
    psychometric,
)
from modelmetry.statistics.estimate import Comparison, Estimate
from modelmetry.statistics.multiplicity import holm

__all__ = [
    "Comparison",
    "Estimate",
    "grouped",
    "holm",
    "means",
    "missing",
    "multiplicity",
    "pairs",
    "proportions",
    "psychometric",
]
