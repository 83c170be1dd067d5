"""The charts of a memorization study: extraction and exposure by number of copies, reliability, dependence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from modelmetry.analyses.memorization.dependence import Dependence
from modelmetry.analyses.memorization.halfway import Halfway
from modelmetry.analyses.memorization.predictions import Predictions
from modelmetry.analyses.memorization.study import TaskStudy
from modelmetry.reports.curves import Band, Chart, Point, Series
from modelmetry.reports.figures import Scale, Tick
from modelmetry.reports.memorization.forests import PLANTED, TWINS
from modelmetry.reports.memorization.plain import plain, plain_span, short
from modelmetry.reports.memorization.predicting import feature_words
from modelmetry.reports.memorization.words import KINDS, LAPSES, half_words, others, p_words
from modelmetry.reports.words import NBSP, count, digits, interval, p_value, percent
from modelmetry.statistics import Estimate

_UPRIGHT = Scale(low=0.0, high=1.0, down=True)
_QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
_STEPS = 81
"""Points of a drawn curve."""

_MOST_TICKS = 5
"""Labels below a small chart."""

COPIES = "copies in the corpus"


def halfway_charts(task: TaskStudy) -> list[Chart]:
    """Extraction against the number of copies: one chart for each kind of sequence."""
    return [_halfway(task, found) for found in task.halfway if found.points]


def _halfway(task: TaskStudy, found: Halfway) -> Chart:
    copies = [d for d, _ in found.points]
    scale = _doublings(copies)
    series = [
        Series(name="planted", color=PLANTED, points=_shares(found.points, scale, "planted", 0.0))
    ]
    if found.kind == "all" and (twins := _twins(task, copies)):
        name = others(task)
        series.append(Series(name=name, color=TWINS, points=_shares(twins, scale, name, 0.012)))
    title = KINDS.get(found.kind, found.kind)
    return Chart(
        title=title[0].upper() + title[1:],
        text=half_words(found),
        axis=COPIES,
        says=f"{title}: share extracted by {COPIES}. " + _spoken(series),
        x_ticks=_copy_ticks(copies, scale),
        y_ticks=_share_ticks(),
        series=tuple(series),
        line=_fitted(found, scale),
        chance="",
        ceiling=_ceiling(found),
        band=_band(found.duplicates, scale),
    )


def _doublings(copies: Sequence[int]) -> Scale:
    """A scale in log2 of the number of copies."""
    low, high = math.log2(min(copies)), math.log2(max(copies))
    pad = 0.06 * ((high - low) or 1.0)
    return Scale(low=low - pad, high=high + pad)


def _copy_ticks(copies: Sequence[int], scale: Scale) -> tuple[Tick, ...]:
    shown = sorted(set(copies))
    shown = shown[:: math.ceil(len(shown) / 10)]
    # The line at one copy, of which the logarithm is 0, is no line that means "nothing".
    return tuple(Tick(x=scale.at(math.log2(d)), text=f"{d:,}") for d in shown)


def _share_ticks() -> tuple[Tick, ...]:
    return _UPRIGHT.ticks(_QUARTERS, [percent(q, 0) for q in _QUARTERS])


def _twins(task: TaskStudy, copies: Sequence[int]) -> list[tuple[int, Estimate]]:
    """What never stood there, at the number of copies of what it is the twin of."""
    found = {each.level: each.twins for each in task.counterfactual if each.by == "duplicates"}
    return [(d, found[str(d)]) for d in copies if str(d) in found]


def _shares(
    points: Sequence[tuple[int, Estimate]], scale: Scale, name: str, aside: float
) -> tuple[Point, ...]:
    # Two that share a number of copies stand side by side.
    move = aside * (scale.high - scale.low)
    return tuple(
        _point(
            scale.at(math.log2(d) + move),
            est,
            _UPRIGHT,
            f"{name}, {count(d, 'copy', 'copies')}: {percent(est.value, digits(est))}, interval {interval(est)}, "
            f"{count(est.n, 'sequence')}",
        )
        for d, est in points
    )


def _point(x: str, found: Estimate, up: Scale, says: str) -> Point:
    return Point(
        x=x,
        y=up.at(found.value),
        low=None if found.low is None else up.at(found.low),
        high=None if found.high is None else up.at(found.high),
        says=says,
    )


def _spoken(series: Sequence[Series]) -> str:
    return "; ".join(point.says for each in series for point in each.points)


def _fitted(found: Halfway, scale: Scale) -> str:
    if found.curve is None:
        return ""
    copies = [d for d, _ in found.points]
    along = np.linspace(math.log2(min(copies)), math.log2(max(copies)), _STEPS)
    values = found.curve.at(-along)  # the curve falls with difficulty, which is -log2 of the copies
    if values is None:
        return ""
    return _line(scale, _UPRIGHT, zip(along.tolist(), values.tolist(), strict=True))


def _ceiling(found: Halfway) -> str:
    """What no number of copies is above; empty where that is 1."""
    lapse = found.curve.lapse if found.curve else None
    if lapse is None or lapse.value <= LAPSES:
        return ""
    up = _UPRIGHT.share(1 - lapse.value)
    return f"0,{up:.2f} 100,{up:.2f}"


def _line(along: Scale, up: Scale, points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{along.share(x):.2f},{up.share(y):.2f}" for x, y in points)


def _band(found: Estimate | None, scale: Scale) -> Band | None:
    """The interval of the number of copies at which half are extracted."""
    if found is None or (found.low is None and found.high is None):
        return None
    low = 0.0 if not found.low else scale.share(math.log2(found.low))
    high = 100.0 if not found.high else scale.share(math.log2(found.high))
    says = f"half at {plain(found.value)} copies, interval {plain_span(found)}"
    return Band(x=f"{low:.2f}%", width=f"{max(0.3, high - low):.2f}%", says=says)


def exposure_chart(task: TaskStudy) -> Chart | None:
    """Exposure of canaries against their number of copies, with the most that could be seen."""
    if not task.exposure:
        return None
    copies = [each.duplicates for each in task.exposure]
    scale = _doublings(copies)
    highest = max(max(each.most, each.bits.high or 0.0) for each in task.exposure)
    top = max(1, math.ceil(highest))
    up = Scale(low=0.0, high=float(top), down=True)
    levels = list(range(0, top + 1, math.ceil(top / 6)))
    points = tuple(
        _point(
            scale.at(math.log2(each.duplicates)),
            each.bits,
            up,
            f"{count(each.duplicates, 'copy', 'copies')}: {plain(each.bits.value)} bits, interval "
            f"{plain_span(each.bits)}, {count(each.canaries, 'canary', 'canaries')} among "
            f"{count(each.references, 'identifier')}, p {p_value(each.p)}",
        )
        for each in task.exposure
    )
    ends = [(scale.low, scale.high)] if len(copies) == 1 else []
    along = [end for pair in ends for end in pair] or [math.log2(d) for d in copies]
    most = [each.most for each in task.exposure] * (2 if ends else 1)
    blind = [_unseen(each.references) for each in task.exposure] * (2 if ends else 1)
    return Chart(
        title="Exposure",
        text="Bits by which canaries are more probable than identifiers that never stood in the corpus.",
        axis=COPIES,
        says="Exposure of canaries in bits. " + "; ".join(point.says for point in points),
        x_ticks=_copy_ticks(copies, scale),
        y_ticks=up.ticks([float(level) for level in levels], [str(level) for level in levels]),
        series=(Series(name="canaries, mean with its interval", color=PLANTED, points=points),),
        line="",
        chance=_line(scale, up, zip(along, blind, strict=True)),
        ceiling=_line(scale, up, zip(along, most, strict=True)),
        band=None,
    )


def _unseen(references: int) -> float:
    """Mean exposure in bits of an identifier whose rank among so many others is uniform."""
    ranks = np.arange(1, references + 2)
    return float(np.log2(references + 1) - np.log2(ranks).mean())


def reliability_charts(found: Predictions) -> list[Chart]:
    """Shares found against shares predicted, on held-out sequences: one chart for each model."""
    along = Scale(low=0.0, high=1.0)
    charts = []
    for i, (model, bins) in enumerate(found.reliability.items()):
        points = tuple(
            _point(
                along.at(each.predicted),
                each.observed,
                _UPRIGHT,
                f"{model}, predicted {percent(each.predicted)}: {percent(each.observed.value)} extracted, interval "
                f"{interval(each.observed)}, {count(each.observed.n, 'sequence')}",
            )
            for each in bins
        )
        charts.append(
            Chart(
                title=model[0].upper() + model[1:],
                text="",
                axis="predicted",
                says=f"Reliability of the model {model}. "
                + "; ".join(point.says for point in points),
                x_ticks=tuple(Tick(x=along.at(q), text=percent(q, 0)) for q in (0.0, 0.5, 1.0)),
                y_ticks=_share_ticks(),
                series=(Series(name=model, color=i % 6, points=points),),
                line="",
                chance="0.00,100.00 100.00,0.00",
                ceiling="",
                band=None,
            )
        )
    return charts


def dependence_chart(found: Dependence) -> Chart:
    """Extraction along one feature in one category, at quantiles set side by side."""
    n = len(found.steps)
    scale = Scale(low=-0.5, high=n - 0.5)
    points = tuple(
        _point(
            scale.at(i),
            step.extracted,
            _UPRIGHT,
            f"{feature_words(found.feature)} {_range(step.low, step.high)}: {percent(step.extracted.value)}, interval "
            f"{interval(step.extracted)}, {count(step.extracted.n, 'sequence')}",
        )
        for i, step in enumerate(found.steps)
    )
    shown = range(0, n, max(1, math.ceil(n / _MOST_TICKS)))
    joined = [(float(i), step.extracted.value) for i, step in enumerate(found.steps)]
    return Chart(
        title=feature_words(found.feature),
        text=_depends(found),
        axis="",
        says=f"{feature_words(found.feature)}, {found.category}. "
        + "; ".join(point.says for point in points),
        x_ticks=tuple(Tick(x=scale.at(i), text=short(found.steps[i].middle)) for i in shown),
        y_ticks=_UPRIGHT.ticks((0.0, 0.5, 1.0), [percent(q, 0) for q in (0.0, 0.5, 1.0)]),
        series=(Series(name=feature_words(found.feature), color=PLANTED, points=points),),
        line=_line(scale, _UPRIGHT, joined),
        chance="",
        ceiling="",
        band=None,
    )


def _range(low: float, high: float) -> str:
    return short(low) if low == high else f"{short(low)} to {short(high)}"


def _depends(found: Dependence) -> str:
    if found.auc is None:
        return "All of them are extracted, or none is."
    return f"AUC {plain(found.auc.value)} ({plain_span(found.auc)}), p{NBSP}{p_words(found.p)}."


def ordered(found: Sequence[Dependence]) -> list[tuple[str, list[Dependence]]]:
    """Dependence by category, in their order, the features that tell most first."""
    names = list(dict.fromkeys(each.category for each in found))
    return [
        (name, sorted((e for e in found if e.category == name and e.steps), key=_strength))
        for name in names
    ]


def _strength(found: Dependence) -> float:
    return 0.0 if found.auc is None else -abs(found.auc.value - 0.5)
