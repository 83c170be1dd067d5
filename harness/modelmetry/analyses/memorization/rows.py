"""The rows of `estimates.csv` that a memorization study adds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from modelmetry.analyses.measures import Kind, Row
from modelmetry.analyses.memorization.predictions import Predictions
from modelmetry.analyses.memorization.rates import TWINS, Rate
from modelmetry.analyses.memorization.study import MemorizationStudy, TaskStudy
from modelmetry.statistics import Estimate


def memorization_rows(found: MemorizationStudy | None) -> list[Row]:
    """The rows of a study; none without one.

    Args:
        found: From `memorization.study`.
    """
    if found is None:
        return []
    return [row for task in found.tasks for row in _task_rows(task)]


def _task_rows(found: TaskStudy) -> Iterator[Row]:
    def row(kind: Kind, of: str, estimate: Estimate, told: str = "") -> Row:
        if told:
            estimate = replace(estimate, method=f"{estimate.method}; {told}")
        return Row(split=found.task, kind=kind, of=of, estimate=estimate)

    for rate in found.rates:
        of = _group(rate)
        yield row("extraction rate", of, rate.extracted)
        yield row("prefix recovered", of, rate.prefix)
        yield row("edit distance", of, rate.edits)
    for share in found.shares:
        if share.share is not None:
            yield row("share of extracted", share.category, share.share)
    for each in found.counterfactual:
        of = each.level if each.by in ("all", "category") else f"{each.by}={each.level}"
        yield row("counterfactual memorization", of, each.difference, f"p = {each.p:.3g} by Holm")
    for each in found.halfway:
        if each.duplicates is not None:
            yield row("duplicates at half", each.kind, each.duplicates)
    for each in found.exposure:
        told = f"at most {each.most:.3g} bits; p = {each.p:.3g} by Holm, one-sided"
        yield row("canary exposure", f"duplicates={each.duplicates}", each.bits, told)
    for each in found.dependence:
        if each.auc is not None:
            of = f"{each.feature} | {each.category}"
            yield row("dependence on feature", of, each.auc, f"p = {each.p:.3g}")
    if found.predictions is not None:
        yield from _prediction_rows(found.task, found.predictions)


def _group(rate: Rate) -> str:
    """`all`, `recitation`, `duplicates=8`, `template=none, twins`."""
    of = rate.level if rate.by in ("all", "category") else f"{rate.by}={rate.level}"
    return of if rate.inserted or rate.level == TWINS else f"{of}, {TWINS}"


def _prediction_rows(task: str, found: Predictions) -> Iterator[Row]:
    for quality in found.qualities:
        of = f"{quality.metric}: {quality.model}"
        yield Row(split=task, kind="prediction of extraction", of=of, estimate=quality.value)
    for gain in found.gains:
        of = f"{gain.metric}: {gain.a} - {gain.b}"
        told = replace(gain.difference, method=f"{gain.difference.method}; p = {gain.p:.3g}")
        yield Row(split=task, kind="gain of prediction", of=of, estimate=told)
    for each in found.coefficients:
        of = f"{each.feature} | {each.model}"
        yield Row(split=task, kind="log odds of extraction", of=of, estimate=each.value)
