"""What came out: tables of what was extracted, and an answer to each of the four questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np

from modelmetry.analyses.memorization.growth import Change, Growth
from modelmetry.analyses.memorization.predictions import Predictions
from modelmetry.analyses.memorization.rates import TEMPLATES, Rate
from modelmetry.analyses.memorization.study import MemorizationStudy, TaskStudy
from modelmetry.memory.laboratory import Laboratory
from modelmetry.memory.taxonomy import CATEGORIES, THRESHOLD
from modelmetry.reports.memorization.predicting import verdict
from modelmetry.reports.words import (
    interval,
    number,
    p_value,
    percent,
    points,
    points_interval,
    span,
)
from modelmetry.statistics import Estimate, means

from .plan import Checkpoint, Plan, Recipe

LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All that was found.

    Attributes:
        plan: What was trained.
        checkpoints: Size -> its checkpoints, as trained; sizes ascending.
        studies: Size -> study of each checkpoint; predictions are of the last alone.
        along_steps: Size -> growth over its checkpoints.
        along_weights: Growth over the trained models.
    """

    plan: Plan
    checkpoints: Mapping[str, Sequence[Checkpoint]]
    studies: Mapping[str, Sequence[MemorizationStudy]]
    along_steps: Mapping[str, Growth]
    along_weights: Growth

    @property
    def trained(self) -> dict[str, TaskStudy]:
        """Size -> what the trained model extracts."""
        return {size: studies[-1].tasks[0] for size, studies in self.studies.items()}


def report(found: Found) -> str:
    """The whole report as Markdown."""
    parts = (_made, _extracted, _monotone, _twins, _predicted, _grown)
    return "\n".join(line for part in parts for line in (*part(found), "")).rstrip() + "\n"


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def share(found: Estimate | None) -> str:
    """A share with its interval, in percent; a dash where there is none."""
    return "-" if found is None else f"{percent(found.value)} ({interval(found)})"


def change(found: Estimate) -> str:
    """A difference of shares with its interval, in points."""
    return f"{points(found.value)} ({points_interval(found)})"


def _made(found: Found) -> Iterator[str]:
    yield "# Recite, reconstruct, recollect: small language models on a planted corpus\n"
    laboratory = found.plan.laboratory
    yield f"Corpus: `Laboratory` with {_settings(laboratory)}; {laboratory.tokens:,} words.\n"
    yield f"Training: {_settings(found.plan.recipe)}.\n"
    yield "Each pass over the corpus shows a sequence as often as it has duplicates.\n"
    rows = (
        (
            last.size.name,
            f"{last.size.hidden} x {last.size.layers}",
            f"{last.weights:,}",
            f"{last.step:,}",
            f"{last.tokens:,}",
            f"{last.loss:.3f}",
            f"{last.cpu_s:.0f}",
            f"{last.tokens / last.cpu_s:,.0f}",
        )
        for last in (checkpoints[-1] for checkpoints in found.checkpoints.values())
    )
    heads = ["size", "width x layers", "weights besides embeddings", "steps", "tokens read"]
    heads += ["loss", "CPU s", "tokens per CPU s"]
    yield from _table(heads, rows)


def _settings(of: Laboratory | Recipe) -> str:
    return ", ".join(f"{name} {value}" for name, value in asdict(of).items())


def _extracted(found: Found) -> Iterator[str]:
    yield "## What is extracted, by size and training\n"
    yield (
        "Share of the planted sequences whose continuation comes back word for word, and of twins; then "
        "what part of all that is extracted is of each category. Canaries are apart. 95 % intervals are over pairs of "
        "planted sequence and twin, of one model: other weights and another corpus would differ by more.\n"
    )
    heads = ("size", "passes", "all", *CATEGORIES, "twins")
    heads += (*(f"part {name}" for name in CATEGORIES), "half at")
    yield from _table(heads, _by_checkpoint(found))


def _by_checkpoint(found: Found) -> Iterator[tuple[str, ...]]:
    for size, studies in found.studies.items():
        for checkpoint, study in zip(found.checkpoints[size], studies, strict=True):
            (task, *_) = study.tasks
            rates = {(rate.by, rate.level, rate.inserted): rate.extracted for rate in task.rates}
            parts = {each.category: each.share for each in task.shares}
            half = next((each.duplicates for each in task.halfway if each.kind == "all"), None)
            yield (
                size,
                f"{checkpoint.passes}",
                share(rates.get(("all", "all", True))),
                *(share(rates.get(("category", name, True))) for name in CATEGORIES),
                share(rates.get(("all", "twins", False))),
                *(share(parts.get(name)) for name in CATEGORIES),
                "-" if half is None else f"{number(half.value)} ({span(half)})",
            )


def _monotone(found: Found) -> Iterator[str]:
    yield "## 1. Is recitation monotone in duplicates?\n"
    by_size = {size: _by_duplicates(task) for size, task in found.trained.items()}
    numbers = sorted({level for rates in by_size.values() for level in rates}, key=int)
    rows = (
        (
            level,
            *(
                share(rates[level].extracted if level in rates else None)
                for rates in by_size.values()
            ),
        )
        for level in numbers
    )
    yield from _table(("duplicates", *by_size), rows)
    yield ""
    for size, task in found.trained.items():
        yield f"- {size}: {' '.join(monotone(task))}"


def _by_duplicates(task: TaskStudy) -> dict[str, Rate]:
    return {rate.level: rate for rate in task.rates if rate.by == "duplicates" and rate.inserted}


def monotone(task: TaskStudy) -> Iterator[str]:
    """Whether extraction rises from each number of duplicates to the next; all of them, then recitation's.

    The intervals of the steps are simultaneous (Bonferroni), so that one fall among many is not claimed by
    chance.
    """
    probes = task.probes
    kept = probes.inserted & ~probes.canary & ~np.isnan(probes.extracted)
    numbers = np.unique(probes.duplicates[kept]).tolist()
    steps = []
    for fewer, more in pairwise(numbers):
        a, b = (kept & (probes.duplicates == each) for each in (more, fewer))
        difference = means.difference_of_means(
            *(probes.extracted[side] for side in (a, b)),
            *(probes.cluster[side] for side in (a, b)),
            level=1 - (1 - LEVEL) / (len(numbers) - 1),
        )
        steps.append((fewer, more, difference))
    if not steps:
        yield "one number of duplicates was asked."
        return
    rises = sum(step.value > 0 for *_, step in steps)
    falls = [(fewer, more, step) for fewer, more, step in steps if step.value < 0]
    shown = [each for each in falls if each[2].high is not None and each[2].high < 0]
    yield f"extraction rises at {rises} of {len(steps)} steps and falls at {len(falls)};"
    if shown:
        told = ", ".join(f"{fewer} to {more}: {change(step)}" for fewer, more, step in shown)
        yield f"that is not monotone ({told})."
    elif falls:
        worst = min(falls, key=lambda each: each[2].value)
        said = f"{worst[0]} to {worst[1]}: {change(worst[2])} points"
        yield f"no fall is told from chance (the largest, {said})."
    else:
        yield "it never falls."
    for name in ("all", CATEGORIES[0]):
        for each in task.dependence:
            if (each.category, each.feature) == (name, "duplicates") and each.auc is not None:
                of = "planted sequences" if name == "all" else f"those with more than {THRESHOLD}"
                yield (
                    f"Of {of}, duplicates rank what is extracted with an area of {each.auc.value:.2f} "
                    f"({span(each.auc)}, p {_p(each.p)}), 0.5 being no relation."
                )


def _twins(found: Found) -> Iterator[str]:
    yield "## 2. Does reconstruction succeed on twins?\n"
    yield "Twins stand nowhere in the corpus; what of them comes back was not memorized.\n"

    def rows() -> Iterator[tuple[str, ...]]:
        for size, task in found.trained.items():
            rates = {(r.level, r.inserted): r.extracted for r in task.rates if r.by == "template"}
            for template in TEMPLATES:
                planted, twins = (rates.get((template, side)) for side in (True, False))
                yield size, template, share(planted), share(twins)

    yield from _table(("size", "template", "planted", "twins"), rows())
    yield ""
    for size, task in found.trained.items():
        yield f"- {size}: {' '.join(_counterfactual(task))}"


def _counterfactual(task: TaskStudy) -> Iterator[str]:
    for each in task.counterfactual:
        if each.by == "category" and each.level in CATEGORIES[1:]:
            what = {"reconstruction": "templates", "recollection": "sequences without template"}
            yield (
                f"of twins of {what[each.level]} with few duplicates, {share(each.twins)} are continued, "
                f"of the planted ones {share(each.planted)}: what being in the corpus adds is "
                f"{change(each.difference)} points (p {_p(each.p)})."
            )


def _predicted(found: Found) -> Iterator[str]:
    yield "## 3. Do models per category predict extraction better than one for all?\n"
    yield (
        "Logistic models of all features, on held-out pairs; intervals hold refitting on other pairs. "
        "Lower is better for log loss and calibration error.\n"
    )

    def rows() -> Iterator[tuple[str, ...]]:
        for size, task in found.trained.items():
            if task.predictions is not None:
                for cells in _gains(task.predictions):
                    yield size, *cells

    heads = ("size", "metric", "model", "generic", "difference", "95 %", "p (Holm)", "it is")
    yield from _table(heads, rows())
    yield ""
    for size, task in found.trained.items():
        if task.predictions is None:
            yield f"- {size}: no models; too few sequences were extracted, or too few not."
            continue
        told = [
            verdict(each)
            for each in task.predictions.gains
            if (each.a, each.b) == ("taxonomic", "generic")
        ]
        yield (
            f"- {size}: the taxonomic model is better than the generic one by {told.count('better')} "
            f"of {len(told)} metrics and worse by {told.count('worse')} "
            f"({task.predictions.positives} of {task.predictions.rows} sequences extracted)."
        )
        for warning in task.predictions.warnings:
            yield f"  - {warning}"


def _gains(models: Predictions) -> Iterator[tuple[str, ...]]:
    value = {(each.model, each.metric): each.value.value for each in models.qualities}
    for each in models.gains:
        if each.b == "generic":
            low, high = each.difference.low, each.difference.high
            yield (
                each.metric,
                f"{each.a}: {value[each.a, each.metric]:.3f}",
                f"{value[each.b, each.metric]:.3f}",
                f"{each.difference.value:+.3f}",
                "none" if low is None or high is None else f"{low:+.3f} to {high:+.3f}",
                p_value(each.p),
                verdict(each),
            )


def _grown(found: Found) -> Iterator[str]:
    yield "## 4. Does recollection's share grow with size, and with training?\n"
    growths = [("size", found.along_weights), *found.along_steps.items()]

    def rows() -> Iterator[tuple[str, ...]]:
        for name, growth in growths:
            for each in growth.changes:
                first, last = growth.runs[0], growth.runs[-1]
                yield (
                    name if name == "size" else f"training, {name}",
                    f"{first.at:,.0f} to {last.at:,.0f} {growth.axis}",
                    f"{each.of} of {each.category}",
                    change(each.difference),
                    p_value(each.p),
                )

    yield from _table(
        ("with", "from first to last", "change of", "points (95 %)", "p (Holm)"), rows()
    )
    yield ""
    for name, growth in growths:
        what = "with size" if name == "size" else f"with training of the {name} model"
        yield f"- {what}: {grown(growth)}"


def grown(growth: Growth) -> str:
    """What becomes of recollection's part of all that is extracted, in a sentence."""
    found = {(each.of, each.category): each for each in growth.changes}
    part, rate = (found.get((of, CATEGORIES[2])) for of in ("share", "rate"))
    if part is None:
        return "nothing was extracted at one end, of which there could be a share."
    said = f"recollection's share {_moved(part)}"
    return f"{said}; its rate {_moved(rate)}." if rate else f"{said}."


def _moved(found: Change) -> str:
    up, shown = found.difference.value > 0, found.p < 1 - LEVEL
    what = ("grows" if up else "falls") if shown else "is not shown to change"
    return f"{what} ({change(found.difference)} points, p {_p(found.p)})"


def _p(p: float) -> str:
    said = p_value(p)
    return said if said.startswith("<") else f"= {said}"
