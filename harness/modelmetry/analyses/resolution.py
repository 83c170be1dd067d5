"""Gauge R&R of suites: how many models a suite tells apart, and what design would tell more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from modelmetry.analyses.budgets import SplitBudget, find_budgets
from modelmetry.analyses.designs import Layout, lay_out
from modelmetry.analyses.estimates import primary
from modelmetry.analyses.measures import LEVEL
from modelmetry.analyses.table import read_items
from modelmetry.errors import BadInput
from modelmetry.items import content_hash
from modelmetry.runs.record import RunRecord
from modelmetry.statistics import Estimate, tolerance
from modelmetry.statistics.components import Components
from modelmetry.statistics.gauge import Gauge, resolution
from modelmetry.statistics.generalizability import Coefficients, Study, coefficients, d_study
from modelmetry.statistics.item_response import FEWEST_MODELS, ItemResponse, two_parameter

TERMS = (
    *("model", "problem", "wording", "edition"),
    *("model:problem", "model:wording", "problem:wording", "model:edition"),
)
"""What has a variance in the scores of several models."""

TARGET = 0.9
"""Wanted generalizability, unless another is asked for."""

MOST = 0.9
"""Share of editions that the floor of a score speaks of."""

MOST_ITEMS = 2000
"""Items of a split, at most, whose difficulty and discrimination are fitted."""

_PROBLEMS = (0.25, 0.5, 1, 2, 4, 8, 16)
_REPEATS = (1, 2, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What a suite resolves on one split.

    Attributes:
        split: The split's label.
        models: Models that were measured.
        gauge: Gauge R&R of one score as these runs took it.
        coefficients: G and Phi of the same score.
        study: Other designs, and the cheapest whose G reaches the target; None where models do
            not differ.
        missing: Components that the runs cannot show, with the reason.
        response: What single items tell of abilities; None below ten models, or where the items tell
            nothing.
    """

    split: str
    models: int
    gauge: Gauge
    coefficients: Coefficients
    study: Study | None
    missing: tuple[str, ...]
    response: ItemResponse | None


def resolve(
    runs: Sequence[tuple[RunRecord, pa.Table]], *, target: float = TARGET
) -> list[Resolution]:
    """Gauge R&R on every headline split: models are the parts.

    Repeatability is decoding: the same items again. Reproducibility is what other problems,
    wordings and editions change for all models alike, the interaction what they change for some.

    Args:
        runs: Runs of one suite by two or more models; several editions and repeats show more.
        target: Generalizability that the recommended design reaches, in (0, 1).

    Raises:
        BadInput: The target is out of range.
    """
    if not 0 < target < 1:
        raise BadInput(f"target: {target}; allowed: between 0 and 1, both excluded")
    found = []
    for split in _splits(runs):
        layout = lay_out(runs, split)
        if layout is None or len(np.unique(layout.factors["model"])) < 2:
            continue
        response = _response(runs, split)
        found.append(_resolution(split, layout, target, response))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class GaugeStudy:
    """What some runs say about the instrument.

    Attributes:
        models: How many models were asked.
        editions: How many editions were asked.
        resolutions: What the suite tells apart on each headline split; empty for one model.
        budgets: What one model's score is uncertain by over its editions or back ends; empty for
            several models, or where there is one of both.
        floors: Split -> the accuracy that nine in ten editions reach, with 95 % confidence; of one
            model over two or more editions.
    """

    models: int
    editions: int
    resolutions: list[Resolution]
    budgets: list[SplitBudget]
    floors: dict[str, Estimate] = field(default_factory=dict)


def gauge_study(
    runs: Sequence[tuple[RunRecord, pa.Table]], *, target: float = TARGET, back_ends: bool = False
) -> GaugeStudy:
    """Everything that runs say together about the instrument.

    Nothing can be said of runs of different suites, or of runs whose answers chose the problems.

    Args:
        runs: Two or more scored runs.
        target: Generalizability that the recommended design reaches, in (0, 1).
        back_ends: Whether the runs asked one model, each through a back end of its own.

    Raises:
        BadInput: The target is out of range.
    """
    models, editions = models_of(runs), len({record.edition for record, _ in runs})
    if back_ends:
        budgets = find_budgets(runs, _splits(runs), back_ends=True)
        return GaugeStudy(models=1, editions=editions, resolutions=[], budgets=budgets)
    alike = len({_suite(record) for record, _ in runs}) == 1
    fixed = not any(record.until and record.until.adaptive for record, _ in runs)
    usable = alike and fixed
    over_editions = usable and models == 1 < editions
    return GaugeStudy(
        models=models,
        editions=editions,
        resolutions=resolve(runs, target=target) if usable and models > 1 else [],
        budgets=find_budgets(runs, _splits(runs)) if over_editions else [],
        floors=_floors(runs) if over_editions else {},
    )


def _floors(runs: Sequence[tuple[RunRecord, pa.Table]]) -> dict[str, Estimate]:
    """What most editions reach on each split, from the mean score of each edition."""
    found = {}
    for split in _splits(runs):
        layout = lay_out(runs, split)
        if layout is not None:
            codes = np.unique(layout.factors["edition"], return_inverse=True)[1]
            scores = np.bincount(codes, weights=layout.values) / np.bincount(codes)
            found[split] = tolerance.normal(scores, content=MOST, level=LEVEL)
    return found


def models_of(runs: Sequence[tuple[RunRecord, pa.Table]]) -> int:
    """How many models, with their options, the runs asked."""
    return len({_identity(record) for record, _ in runs})


def _identity(record: RunRecord) -> str:
    return f"{record.model} {content_hash(record.identity)}"


def check_suite(runs: Sequence[tuple[RunRecord, pa.Table]]) -> None:
    """Refuse runs that no gauge study can use.

    Raises:
        BadInput: They are of different suites, or their answers chose the problems.
    """
    suites = {_suite(record) for record, _ in runs}
    if len(suites) != 1:
        raise BadInput(f"grr: runs of {', '.join(sorted(suites))}; allowed: runs of one suite")
    for record, _ in runs:
        if record.until is not None and record.until.adaptive:
            raise BadInput(
                f"grr: {record.id} chose its problems by the answers; allowed: runs whose problems "
                "do not depend on them"
            )


def _suite(record: RunRecord) -> str:
    return f"{record.suite.name} version {record.suite.version}"


def _splits(runs: Sequence[tuple[RunRecord, pa.Table]]) -> list[str]:
    known = [label for record, table in runs for label in primary(record, read_items(table))]
    return list(dict.fromkeys(known))


def _resolution(
    split: str, layout: Layout, target: float, response: ItemResponse | None
) -> Resolution:
    components = layout.components(TERMS)
    sizes = {name: size for name, size in components.sizes.items() if name != "model"}
    # One score is of one edition, however many were measured.
    sizes["edition"] = 1.0
    gauge = resolution(components, sizes, level=LEVEL)
    return Resolution(
        split=split,
        models=round(components.sizes["model"]),
        gauge=gauge,
        coefficients=coefficients(components, sizes, level=LEVEL),
        study=_study(components, sizes, target),
        missing=tuple(f"{part.name}: {part.reason}" for part in components.unidentified),
        response=response,
    )


def _response(runs: Sequence[tuple[RunRecord, pa.Table]], split: str) -> ItemResponse | None:
    """Item response theory over the models and the items of a split, where there are enough."""
    if models_of(runs) < FEWEST_MODELS:
        return None
    places: dict[str, int] = {}
    sums: dict[str, dict[int, list[float]]] = {}
    for record, table in runs:
        items = read_items(table)
        where = np.flatnonzero(items.split.at(split) & items.scored)
        scores = sums.setdefault(_identity(record), {})
        for uid, value in zip(
            items.uid.take(pa.array(where)).to_pylist(), items.value[where].tolist(), strict=True
        ):
            if uid in places or len(places) < MOST_ITEMS:
                scores.setdefault(places.setdefault(uid, len(places)), []).append(value)
    matrix = np.full((len(sums), len(places)), np.nan)
    for row, scores in enumerate(sums.values()):
        for place, values in scores.items():
            matrix[row, place] = sum(values) / len(values)
    try:
        return two_parameter(matrix, level=LEVEL)
    except ValueError:  # no item tells the models apart
        return None


def _study(components: Components, sizes: dict[str, float], target: float) -> Study | None:
    if not any(part.name == "model" and part.variance > 0 for part in components.components):
        return None
    problems = round(sizes["problem"])
    wordings = round(sizes["wording"])
    candidates = {
        **{name: [round(size)] for name, size in sizes.items()},
        "problem": sorted({max(2, round(problems * factor)) for factor in _PROBLEMS}),
        "wording": sorted({1, wordings, 2 * wordings}),
        "repeat": _REPEATS,
    }
    return d_study(components, candidates, generalizability=target)
