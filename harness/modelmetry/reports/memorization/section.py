"""The section on a memorization study: words, charts by copies, forests by category, predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from modelmetry.analyses.memorization.predictions import Predictions
from modelmetry.analyses.memorization.study import MemorizationStudy, TaskStudy
from modelmetry.reports.curves import Chart
from modelmetry.reports.figures import Forest
from modelmetry.reports.memorization.charts import (
    dependence_chart,
    exposure_chart,
    halfway_charts,
    ordered,
    reliability_charts,
)
from modelmetry.reports.memorization.forests import (
    coefficient_forest,
    gain_forest,
    owed_forest,
    paired_forest,
    quality_forest,
    rate_forest,
    share_forest,
)
from modelmetry.reports.memorization.plain import in_copies
from modelmetry.reports.memorization.predicting import feature_words
from modelmetry.reports.memorization.words import category_words, lead, others, sentences
from modelmetry.reports.words import count


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficients:
    """The coefficients of one model: a title, and a forest of its features."""

    title: str
    forest: Forest


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiples:
    """Small charts of one category, one for each feature; those of all sequences stand open."""

    title: str
    charts: list[Chart]
    open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """What extraction can be predicted from.

    Attributes:
        notes: What the models were fitted to, and what was left out.
        qualities: Every metric of every model.
        gains: One model less another.
        reliability: Predicted against found shares, by model.
        coefficients: By model.
    """

    notes: list[str]
    qualities: Forest | None
    gains: Forest | None
    reliability: list[Chart]
    coefficients: list[Coefficients]


@dataclass(frozen=True, slots=True, kw_only=True)
class Continued:
    """One task of a study.

    Attributes:
        title: Its name where there are several, else empty.
        lead: The first paragraphs: what was asked, extracted, and predicted.
        sentences: The others, one by one.
        warnings: Reasons for care.
        others: What the sequences that stand nowhere are called: `twins` or `controls`.
        halfway: Extraction against the number of copies, by kind of sequence.
        categories: By category, planted beside the others.
        owed: What is owed to exposure, by category; None without anything to compare with.
        duplicates: By number of copies, likewise.
        owed_duplicates: Likewise.
        rates: Every group, folded; None without any.
        shares: The parts of what was extracted; None where nothing was.
        exposure: Of canaries; None without log-probabilities.
        predicted: Predictive models; None where none could be fitted.
        dependence: Extraction along each feature, by category.
    """

    title: str
    lead: list[str]
    sentences: list[str]
    warnings: list[str]
    others: str
    halfway: list[Chart]
    categories: Forest | None
    owed: Forest | None
    duplicates: Forest | None
    owed_duplicates: Forest | None
    rates: Forest | None
    shares: Forest | None
    exposure: Chart | None
    predicted: Predicted | None
    dependence: list[Multiples]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorizationPart:
    """The section of a run: one part per task."""

    tasks: list[Continued]


def memorization_part(found: MemorizationStudy | None) -> MemorizationPart | None:
    """The section on a run's memorization study; None without one."""
    if found is None:
        return None
    several = len(found.tasks) > 1
    return MemorizationPart(tasks=[_task(found, task, several) for task in found.tasks])


def _task(found: MemorizationStudy, task: TaskStudy, several: bool) -> Continued:
    return Continued(
        title=task.task if several else "",
        lead=lead(found, task),
        sentences=list(sentences(task)),
        warnings=list(_warnings(task)),
        others=others(task),
        halfway=halfway_charts(task),
        categories=paired_forest(task, "category", found.threshold),
        owed=owed_forest(task, "category", found.threshold),
        duplicates=paired_forest(task, "duplicates", found.threshold),
        owed_duplicates=owed_forest(task, "duplicates", found.threshold),
        rates=rate_forest(task, found.threshold),
        shares=share_forest(task, found.threshold),
        exposure=exposure_chart(task),
        predicted=_predicted(found, task.predictions),
        dependence=list(_multiples(found, task)),
    )


def _warnings(task: TaskStudy) -> Iterator[str]:
    """Those of the study, the probes and the predictions, each once, as sentences."""
    models = task.predictions.warnings if task.predictions else ()
    about = map(in_copies, [*task.warnings, *task.probes.warnings])
    yield from _sentences([*about, *models])


def _sentences(texts: Iterable[str]) -> Iterator[str]:
    for text in dict.fromkeys(texts):
        yield f"{text[0].upper()}{text[1:].rstrip('.')}."


def _predicted(found: MemorizationStudy, models: Predictions | None) -> Predicted | None:
    if models is None:
        return None
    return Predicted(
        notes=list(_notes(models)),
        qualities=quality_forest(models),
        gains=gain_forest(models),
        reliability=reliability_charts(models),
        coefficients=list(_coefficients(found, models)),
    )


def _notes(models: Predictions) -> Iterator[str]:
    yield (
        f"{count(models.rows, 'planted sequence')}, of which {models.positives:,} were extracted, by "
        f"{count(len(models.features), 'feature')}; {models.held_out:,} are held out. Intervals are of "
        f"{count(models.resamples, 'resample')}, in each of which all models were fitted anew, so that they hold "
        "other training sequences as well as other held-out ones. p is corrected over the pairs of models."
    )
    if models.left_out:
        named = "; ".join(f"{feature_words(name)} ({why})" for name, why in models.left_out.items())
        yield f"Left out: {named}."


def _coefficients(found: MemorizationStudy, models: Predictions) -> Iterator[Coefficients]:
    for name in dict.fromkeys(each.model for each in models.coefficients):
        forest = coefficient_forest([each for each in models.coefficients if each.model == name])
        if forest is not None:
            title = "all sequences" if name == "generic" else category_words(name, found.threshold)
            yield Coefficients(title=title, forest=forest)


def _multiples(found: MemorizationStudy, task: TaskStudy) -> Iterator[Multiples]:
    for name, here in ordered(task.dependence):
        title = "all sequences" if name == "all" else category_words(name, found.threshold)
        if here:
            yield Multiples(
                title=title, charts=[dependence_chart(each) for each in here], open=name == "all"
            )
