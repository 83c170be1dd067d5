"""A memorization study of one run: rates, counterfactual, thresholds, exposure, predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from modelmetry.analyses.memorization.counterfactual import Counterfactual, find_counterfactual
from modelmetry.analyses.memorization.dependence import Dependence, find_dependence
from modelmetry.analyses.memorization.exposure import Exposure, find_exposure
from modelmetry.analyses.memorization.halfway import Halfway, find_halfway
from modelmetry.analyses.memorization.predictions import Predictions, find_predictions
from modelmetry.analyses.memorization.probes import Probes, find_probes
from modelmetry.analyses.memorization.rates import Rate, Share, find_rates, find_shares
from modelmetry.memory.taxonomy import THRESHOLD
from modelmetry.runs.record import RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStudy:
    """What one task says.

    Attributes:
        task: Its name.
        probes: Its probes as arrays.
        rates: How much is extracted, by group.
        shares: Of what is extracted, the part of each category.
        counterfactual: Planted sequences beside twins; empty without twins or controls.
        halfway: Duplicates at which half are extracted, by kind.
        exposure: Of canaries, by duplicates; empty without log-probabilities.
        predictions: The predictive models; None where too little is extracted to fit any.
        dependence: Of extraction on each feature, by category.
        warnings: Reasons for care, one sentence each.
    """

    task: str
    probes: Probes
    rates: tuple[Rate, ...]
    shares: tuple[Share, ...]
    counterfactual: tuple[Counterfactual, ...]
    halfway: tuple[Halfway, ...]
    exposure: tuple[Exposure, ...]
    predictions: Predictions | None
    dependence: tuple[Dependence, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorizationStudy:
    """A memorization study of one run.

    Attributes:
        model: The model that was asked.
        tasks: One part per task.
        threshold: More duplicates than this are a recitation.
    """

    model: str
    tasks: tuple[TaskStudy, ...]
    threshold: int


def study(
    record: RunRecord,
    scores: pa.Table,
    *,
    threshold: int = THRESHOLD,
    seed: int = 0,
    resamples: int | None = None,
) -> MemorizationStudy | None:
    """The memorization study of a run; None where nothing of a corpus was asked.

    Args:
        record: The run's identity card.
        scores: Its table of scores.
        threshold: More duplicates than this are a recitation, >= 0.
        seed: Of the predictive models' resamples.
        resamples: How many of these, each of which fits all models anew; None for as many as suit the
            number of probes, 0 for no predictive models.

    Raises:
        BadInput: The threshold is no whole number from 0.
    """
    found = find_probes(record, scores, threshold)
    if not found:
        return None
    return MemorizationStudy(
        model=record.model,
        tasks=tuple(_task(probes, seed, resamples) for probes in found),
        threshold=threshold,
    )


def _task(probes: Probes, seed: int, resamples: int | None) -> TaskStudy:
    predictions = None
    if resamples != 0 and probes.scored.any():
        rng = np.random.default_rng([seed, *probes.task.encode()])
        predictions = find_predictions(probes, rng, resamples=resamples)
    others = (f"{other.wording}: {w}" for other in probes.other.values() for w in other.warnings)
    return TaskStudy(
        task=probes.task,
        probes=probes,
        rates=find_rates(probes),
        shares=find_shares(probes),
        counterfactual=find_counterfactual(probes),
        halfway=find_halfway(probes),
        exposure=find_exposure(probes),
        predictions=predictions,
        dependence=tuple(find_dependence(probes)),
        warnings=tuple(dict.fromkeys([*probes.warnings, *others])),
    )
