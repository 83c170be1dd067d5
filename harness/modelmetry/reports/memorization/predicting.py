"""What is said of the models that predict extraction, and of single features."""

from __future__ import annotations

from collections.abc import Iterator

from modelmetry.analyses.memorization.predictions import Gain, why_none
from modelmetry.analyses.memorization.study import TaskStudy
from modelmetry.reports.memorization.plain import plain, plain_span
from modelmetry.reports.words import MINUS, NBSP, count, listed, number
from modelmetry.statistics import Estimate

INTERVAL = f"95{NBSP}% interval"
"""The words before an interval, on one line."""

LOWER_IS_BETTER = ("log loss", "calibration error")
"""Metrics of which less is better."""

_MODELS = {
    "generic": "one model for all sequences (generic)",
    "taxonomic": "one model per category (taxonomic)",
    "optimal": "one model per part of the best rule found (optimal)",
}

_SAID = ("ROC AUC", "log loss")
"""Metrics that the first paragraphs quote."""

_SHOWN = 3
"""Most features that a sentence names."""


def signed(value: float, decimals: int = 3) -> str:
    """A difference on any scale, with its sign."""
    text = f"{value:+.{decimals}f}".replace("-", MINUS)
    return text if float(f"{value:.{decimals}f}") else text[1:]


def signed_interval(found: Estimate, decimals: int = 3) -> str:
    """The interval of a difference on any scale."""
    if found.low is None or found.high is None:
        return "none"
    return f"{signed(found.low, decimals)} to {signed(found.high, decimals)}"


def decimal_interval(found: Estimate) -> str:
    """The interval of a metric."""
    if found.low is None or found.high is None:
        return "none"
    return f"{found.low:.3f} to {found.high:.3f}"


def predicted(task: TaskStudy) -> Iterator[str]:
    """Whether the taxonomy helps, and by how much; or why there are no models."""
    found = task.predictions
    if found is None:
        why = why_none(task.probes)
        yield (
            f"{why[0].upper()}{why[1:]}."
            if why
            else "No model was fitted that predicts extraction."
        )
        return
    value = {(each.model, each.metric): each.value for each in found.qualities}
    gains = [each for each in found.gains if (each.a, each.b) == ("taxonomic", "generic")]
    if not gains:
        return
    better, worse = (sum(verdict(each) == told for each in gains) for told in ("better", "worse"))
    said = {
        (True, False): "The taxonomy helps to predict what is extracted",
        (False, True): "The taxonomy makes predictions of what is extracted worse",
        (
            True,
            True,
        ): "The taxonomy helps to predict what is extracted by some metrics and does harm by others",
    }.get(
        (better > 0, worse > 0), "The taxonomy was not shown to help to predict what is extracted"
    )
    parts = [
        f"{each.metric} of {value[each.a, each.metric].value:.3f} against "
        f"{value[each.b, each.metric].value:.3f}, that is {signed(each.difference.value)} "
        f"({INTERVAL} {signed_interval(each.difference)}: {verdict(each)})"
        for each in gains
        if each.metric in _SAID and {(each.a, each.metric), (each.b, each.metric)} <= set(value)
    ]
    shown = f", with {listed(parts)}" if parts else ""
    yield (
        f"{said}: on held-out sequences {_MODELS['taxonomic']} is better than {_MODELS['generic']} by {better} of "
        f"{count(len(gains), 'metric')} and worse by {worse}{shown}."
    )


def verdict(found: Gain) -> str:
    """Whether the first model is better by a metric, or the two are not told apart."""
    if found.p >= 0.05 or found.difference.value == 0:
        return "not told apart"
    up = found.difference.value > 0
    return "better" if up != (found.metric in LOWER_IS_BETTER) else "worse"


def rule(task: TaskStudy) -> Iterator[str]:
    """The best partition."""
    found = task.predictions
    if found is None or found.rule is None:
        return
    yield (
        f"The best rule found on the training sequences: {feature_words(found.first)} of "
        f"{plain(found.first_threshold)} or more; else {feature_words(found.second)} of "
        f"{plain(found.second_threshold)} or more; else the rest. Its F1 of {number(found.rule.f1)} there is that of "
        "the best of many and too good; the model optimal has it on held-out sequences."
    )


def feature_words(name: str) -> str:
    """A feature's name as it is printed."""
    return name.replace("_", " ")


def features(task: TaskStudy) -> Iterator[str]:
    """The features that tell most."""
    told = [
        each
        for each in task.dependence
        if each.category == "all" and each.auc is not None and each.p < 0.05
    ]
    known = any(each.category == "all" and each.auc is not None for each in task.dependence)
    if not told:
        if known:
            yield "Extraction was not shown to depend on any feature by itself."
        return
    ranked = sorted(told, key=lambda each: -abs((each.auc.value if each.auc else 0.5) - 0.5))
    named = [
        f"{'more' if each.auc.value > 0.5 else 'less'} {feature_words(each.feature)} (AUC {number(each.auc.value)}, {plain_span(each.auc)})"
        for each in ranked[:_SHOWN]
        if each.auc is not None
    ]
    yield f"Extracted sequences tell themselves apart most by {listed(named)}."
