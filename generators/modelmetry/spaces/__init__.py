"""Finite factor spaces: a split is a set that can be counted, drawn from, restricted, subtracted."""

from modelmetry.spaces.order import Permutation, Strata, Turns
from modelmetry.spaces.ranked import Arrangements, Numbers, Ranked
from modelmetry.spaces.space import Point, Space

__all__ = ["Arrangements", "Numbers", "Permutation", "Point", "Ranked", "Space", "Strata", "Turns"]
