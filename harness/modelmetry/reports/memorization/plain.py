"""Numbers and warnings of a memorization study as they are printed: no exponents, and copies for people."""

from __future__ import annotations

import math
import re

from modelmetry.reports.words import DASH, MINUS, number, size
from modelmetry.statistics import Estimate

_SMALL = 0.0001
_LARGE = 1000.0
_COUNTED = re.compile(r"\b(\d[\d,]*) duplicates\b")


def plain(value: float | None) -> str:
    """A number on any scale with about three significant digits: `1,320`, `9.81`, `< 0.0001`."""
    if value is None:
        return DASH
    return _extreme(value) or number(value)


def short(value: float) -> str:
    """As `plain`, in as few characters as a small chart or a terminal has room for: `5`, `0.5`."""
    return _extreme(value) or f"{value:.3g}".replace("-", MINUS)


def _extreme(value: float) -> str:
    """A number that would have an exponent, or thousands; empty for any other."""
    rounded = float(f"{value:.3g}")
    if _LARGE <= abs(rounded) < math.inf:
        return f"{MINUS if value < 0 else ''}{size(round(abs(rounded)))}"
    if 0 < abs(value) < _SMALL:
        return f"> {MINUS}0.0001" if value < 0 else "< 0.0001"
    return ""


def plain_span(found: Estimate, *, brief: bool = False) -> str:
    """An interval on any scale, such as `2.90 to 3.80`; `above 2.90` where it has one end.

    Args:
        found: The estimate.
        brief: Whether without zeros at the end.
    """
    say = short if brief else plain
    if found.low is None or found.high is None:
        if found.low is not None:
            return f"above {say(found.low)}"
        return "none" if found.high is None else f"below {say(found.high)}"
    return f"{say(found.low)} to {say(found.high)}"


def in_copies(warning: str) -> str:
    """A warning of the analysis, which counts duplicates, in people's word and right grammar."""
    said = re.sub(r"\bonly (?=\d[\d,]* duplicates were asked)", "only sequences of ", warning)
    said = _COUNTED.sub(lambda m: f"{m[1]} {'copy' if m[1] == '1' else 'copies'}", said)
    return re.sub(r"\bduplicates\b", "copies", said)
