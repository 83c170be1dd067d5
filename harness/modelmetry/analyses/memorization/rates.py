"""How much a model extracts: rates by category, by duplicates, by template, and what is extracted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from modelmetry.analyses.measures import LEVEL
from modelmetry.analyses.memorization.probes import Probes
from modelmetry.memory.taxonomy import CATEGORIES
from modelmetry.statistics import Estimate, means, ratios
from modelmetry.statistics.means import UNIT

TEMPLATES = ("none", "repeating", "incrementing")

TWINS = "twins"
"""What a group of sequences that never stood in the corpus is called where it has no level of its own."""

MOST_LEVELS = 12
"""Numbers of duplicates that are told apart; where there are more they are joined between powers of 2."""

_MEASURES = ("extracted", "prefix", "edits")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Extraction of one group of probes.

    Attributes:
        by: What the group is told by: `all`, `category`, `duplicates`, `template`, `wording`, `canary`.
        level: Which group: `all`, `recitation`, `8`, `8 to 15`, `incrementing`, the wording's name, ...;
            `twins` for all that never stood there.
        inserted: Whether these are planted sequences; False for twins and controls.
        extracted: Share extracted verbatim.
        prefix: Mean share of tokens before the first wrong one.
        edits: Mean edit distance over k.
    """

    by: str
    level: str
    inserted: bool
    extracted: Estimate
    prefix: Estimate
    edits: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Which part of all that was extracted is of one category.

    Attributes:
        category: It.
        share: Of the planted sequences that were extracted; None where none was.
    """

    category: str
    share: Estimate | None


def find_rates(probes: Probes) -> tuple[Rate, ...]:
    """Shares extracted, with intervals over pairs; canaries are in their own and in no other.

    `all` is of the planted sequences, and as `twins` of what never stood in the corpus; so are the
    templates, the canaries (by duplicates, and the twins of all) and, of several, the wordings. Twins of
    a category or a number of duplicates are part of `find_counterfactual`. What could not be scored is
    left out. Intervals are not corrected for how many there are.

    Args:
        probes: From `find_probes`.
    """
    rates = []
    for by, level, inserted, where in _groups(probes):
        rates.append(_rate(probes, by, level, inserted, where))
    wordings = {probes.wording: probes, **probes.other} if probes.other else {}
    for name, other in wordings.items():
        for inserted in (True, False):
            where = ~other.canary & (other.inserted == inserted)
            rates.append(_rate(other, "wording", name, inserted, where))
    return tuple(rate for rate in rates if rate is not None)


def find_shares(probes: Probes) -> tuple[Share, ...]:
    """The part of each category in what was extracted of the planted sequences, canaries apart.

    How many of each category were asked is the design's choice, or the corpus's; shares compare models
    that were asked the same.

    Args:
        probes: From `find_probes`.
    """
    out = probes.extracted
    got = probes.planted & probes.scored & (out > 0)
    shares = []
    for category in CATEGORIES:
        found = None
        if got.any():
            found = ratios.ratio_of_totals(
                out[got] * (probes.category[got] == category),
                out[got],
                probes.cluster[got],
                level=LEVEL,
                bounds=UNIT,
            )
        shares.append(Share(category=category, share=found))
    return tuple(shares)


def _groups(probes: Probes) -> Iterator[tuple[str, str, bool, np.ndarray]]:
    """(by, level, inserted, which probes), some of them empty."""
    planted, twins = probes.planted, ~probes.inserted & ~probes.canary
    yield "all", "all", True, planted
    yield "all", TWINS, False, twins
    for category in CATEGORIES:
        yield "category", category, True, planted & (probes.category == category)
    for level, where, _ in levels(probes.duplicates, planted):
        yield "duplicates", level, True, where
    for template in TEMPLATES:
        yield "template", template, True, planted & (probes.template == template)
        yield "template", template, False, twins & (probes.template == template)
    canaries = probes.inserted & probes.canary
    yield "canary", "all", True, canaries
    for level, where, _ in levels(probes.duplicates, canaries):
        yield "canary", level, True, where
    yield "canary", TWINS, False, ~probes.inserted & probes.canary


def levels(duplicates: np.ndarray, where: np.ndarray) -> Iterator[tuple[str, np.ndarray, int]]:
    """Numbers of duplicates, rising: each by itself, or joined between powers of 2 if there are many.

    Args:
        duplicates: Shape (n,), >= 0.
        where: Which probes, shape (n,), bool.

    Yields:
        What the numbers are called (`8`, `8 to 15`), which probes have them, shape (n,), bool, and the
        median number among these.
    """
    distinct = np.unique(duplicates[where])
    if len(distinct) <= MOST_LEVELS:
        for number in distinct.tolist():
            yield str(number), where & (duplicates == number), number
        return
    # bit_length: 1, 2 to 3, 4 to 7, ...; 0 by itself.
    octave = np.frexp(duplicates.astype(np.float64))[1]
    for power in np.unique(octave[where]).tolist():
        here = where & (octave == power)
        numbers = duplicates[here]
        low, high = (2 ** (power - 1), 2**power - 1) if power else (0, 0)
        name = str(low) if low == high else f"{low} to {high}"
        yield name, here, int(np.sort(numbers)[len(numbers) // 2])


def _rate(probes: Probes, by: str, level: str, inserted: bool, where: np.ndarray) -> Rate | None:
    """The three measures of some probes; None where none of them was scored."""
    kept = where & probes.scored
    if not kept.any():
        return None
    unscored = int((where & ~kept).sum())
    found = [
        means.mean(
            getattr(probes, name)[kept], probes.cluster[kept], level=LEVEL, unscored=unscored
        )
        for name in _MEASURES
    ]
    return Rate(
        by=by, level=level, inserted=inserted, extracted=found[0], prefix=found[1], edits=found[2]
    )
