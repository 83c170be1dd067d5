"""The report's first lines: the answer in a sentence, and the reasons for care right below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from modelmetry.analyses.estimates import primary
from modelmetry.analyses.measures import Kind, Row
from modelmetry.analyses.saturation import saturations
from modelmetry.analyses.table import Items
from modelmetry.errors import BadInput
from modelmetry.memory.memorization import Memorization
from modelmetry.reports.memorization.absent import kind_of, unmade
from modelmetry.reports.words import count, digits, interval, listed, number, percent, span
from modelmetry.runs.record import RunRecord, Until
from modelmetry.statistics import Estimate
from modelmetry.statistics.saturation import Saturation
from modelmetry.suites import Task, generator_of, wanted

_NOTABLE = 0.05
"""How far above chance a constant answer scores before the headline speaks of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """One sentence with its number set apart.

    Attributes:
        before: The words before the number.
        value: The number.
        after: The words after it.
    """

    before: str
    value: str
    after: str

    @property
    def text(self) -> str:
        """The whole sentence."""
        return f"{self.before} {self.value} {self.after}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A reason for care.

    Attributes:
        text: One or two sentences.
        alarm: Whether the numbers should not be used before it is resolved.
    """

    text: str
    alarm: bool = False


def headlines(record: RunRecord, items: Items, rows: Sequence[Row]) -> list[Headline]:
    """The accuracy on each primary split, in a sentence; every split where none is primary.

    Where the answers chose the difficulty it is the threshold of each task.
    """
    if record.until is not None and record.until.adaptive:
        return [_threshold(record, row) for row in rows if row.kind == "difficulty threshold"]
    return [_headline(record, items, rows, label) for label in primary(record, items)]


def _headline(record: RunRecord, items: Items, rows: Sequence[Row], label: str) -> Headline:
    where = items.split.at(label)
    task = items.task.names[items.task.codes[where][0]]
    problems = len(np.unique(items.problem[where]))
    wordings = len(np.unique(items.wording.codes[where]))
    asked = [f"in {count(wordings, 'wording')}"] if wordings > 1 else []
    asked += [_times(record.repeats)] if record.repeats > 1 else []
    how = f", each asked {listed(asked)}," if asked else ","
    split = label.removeprefix(f"{task}/")
    before = f"On {problems:,} {split} {task} problems{how} {record.model}"
    found = find(rows, label, "accuracy")
    if found is None:
        return Headline(before=before, value="could not be scored", after="on a single answer.")
    after = f"(95\u00a0% interval {interval(found)}){_beside(rows, label, found)}."
    value = percent(found.value, digits(found))
    return Headline(before=f"{before} is right on", value=value, after=after)


def _threshold(record: RunRecord, row: Row) -> Headline:
    found = row.estimate
    before = f"On {row.split}, {record.model} is halfway between guessing and perfect"
    after = f"(95\u00a0% interval {span(found)}), on {count(found.clusters, 'problem')} as hard as"
    after += " its answers asked for."
    if found.low is None or found.high is None:
        after += f" {'; '.join(found.warnings).capitalize()}."
    return Headline(before=f"{before} at", value=f"{number(found.value)} {row.of}", after=after)


def _times(n: int) -> str:
    return "twice" if n == 2 else count(n, "time")


def _beside(rows: Sequence[Row], label: str, found: Estimate) -> str:
    """How the accuracy stands to a uniform guess, and to one answer given always."""
    said = ""
    if chance := find(rows, label, "chance"):
        small = 0 < chance.value < 0.0005
        said = (
            f", {_stands(found, chance.value)} chance ({percent(chance.value, 3 if small else 1)})"
        )
    constant = next((r for r in rows if r.split == label and r.kind == "constant answer"), None)
    if chance and constant and constant.estimate.value > chance.value + _NOTABLE:
        score = constant.estimate.value
        said += f" and {_stands(found, score)} always answering \u201c{constant.of}\u201d"
        said += f" ({percent(score)})"
    return said


def _stands(found: Estimate, reference: float) -> str:
    if found.low is None or found.high is None:
        return "beside"
    if found.low > reference:
        return "above"
    return "below" if found.high < reference else "not told apart from"


def find(rows: Sequence[Row], split: str, kind: str) -> Estimate | None:
    """The first estimate of a kind on a split, or None."""
    return next((r.estimate for r in rows if r.split == split and r.kind == kind), None)


def notices(record: RunRecord, rows: Sequence[Row], answers: int, failed: int) -> list[Notice]:
    """Every reason for care, the gravest first.

    Args:
        record: The run's identity card.
        rows: Its estimates.
        answers: Rows of its table of scores.
        failed: Answers among them that the instrument failed to read.
    """
    return [
        *_completeness(record, answers),
        *_unmade(record),
        *_unscored(rows, answers, failed),
        *_limits(record),
        *_seed(record),
        *_saturation(record, rows),
        *_from_rows(rows),
    ]


def _unmade(record: RunRecord) -> Iterator[Notice]:
    for name, why in unmade(record):
        yield Notice(
            text=f"The memorization study of {name} is left out, as its generator cannot be made: {why}.",
            alarm=True,
        )


def _used_up(record: RunRecord, task: Task, split: str) -> bool:
    """Whether another seed would ask nothing new of a split: it asked all problems that there are.

    The laboratory's problems are those that the model was trained on, whatever the seed.
    """
    kind = kind_of(task)
    if kind is not None and issubclass(kind, Memorization):
        return True
    if record.until is not None:
        return False
    try:
        return wanted(task.splits[split], record.limit) >= generator_of(task).count(split)
    except BadInput:
        return False


def _seed(record: RunRecord) -> Iterator[Notice]:
    if record.origin:
        return
    asked = [(task, split) for task in record.suite.tasks for split in task.splits]
    if record.seed == 0 and not all(_used_up(record, *each) for each in asked):
        yield Notice(
            text="Seed 0 is the default and public, so these very problems may be known to a model: "
            "for a number to publish, run with a fresh --seed."
        )


def _completeness(record: RunRecord, answers: int) -> Iterator[Notice]:
    if record.until is not None and record.status == "limit" and answers == record.planned:
        yield Notice(text=f"The run ended before its rule was met: {record.note}.", alarm=True)
    elif record.status != "finished" or answers < record.planned:
        why = f" ({record.note})" if record.note else ""
        more = "" if record.origin else f" Go on with: modelmetry run runs/{record.id}"
        yield Notice(
            text=f"The run is not complete: {answers:,} of {record.planned:,} answers, status "
            f"{record.status}{why}. The answers that are here are those that came first, which may "
            f"be the easier ones.{more}",
            alarm=True,
        )


def _unscored(rows: Sequence[Row], answers: int, failed: int) -> Iterator[Notice]:
    if not failed:
        return
    bounds = []
    for row in rows:
        if row.kind == "accuracy if unscored wrong":
            high = find(rows, row.split, "accuracy if unscored right")
            if high is not None:
                low = percent(row.estimate.value)
                bounds.append(f"{row.split}: between {low} and {percent(high.value)}")
    yield Notice(
        text=f"{count(failed, 'answer')} of {answers:,} could not be scored: the instrument failed, "
        "not the model. They are left out; were all of them wrong, or all right, the accuracy "
        f"would be {'; '.join(bounds)}.",
        alarm=failed > 0.05 * answers,
    )


def _limits(record: RunRecord) -> Iterator[Notice]:
    if record.until is not None:
        yield Notice(text=_drawn(record.until))
    elif record.limit is not None:
        yield Notice(
            text=f"At most {count(record.limit, 'problem')} per split were asked (--limit), fewer "
            "than the suite asks for."
        )


def _drawn(until: Until) -> str:
    if until.adaptive:
        return (
            f"The run drew problems until {until.rule}, each as hard as the answers before it asked "
            "for: the threshold is its result, and its interval is a Bayesian one. Accuracies are those at the levels "
            "chosen, which differ between models, and are not to be compared."
        )
    return (
        f"The run drew problems until {until.rule}: the intervals of the headline are "
        "anytime-valid, so that looking at them while they narrowed did no harm. Only the splits of "
        "the headline were asked."
    )


def _saturation(record: RunRecord, rows: Sequence[Row]) -> Iterator[Notice]:
    """Splits on which a better, or a worse, model could not be told from this one.

    No other problems are advised for a split that asked all that there are.
    """
    labels = [row.split for row in rows if row.kind == "headroom"]
    splits = {
        record.suite.label(task.name, split): (task, split)
        for task in record.suite.tasks
        for split in task.splits
    }
    spent = {x for x in labels if x in splits and _used_up(record, *splits[x])}
    found = list(saturations(rows, labels))
    full = [(label, s) for label, s in found if s.flag == "saturated" and label not in spent]
    if hidden := [_room(label, s) for label, s in full if not s.improvable]:
        yield Notice(
            text=f"Saturated: on {listed(hidden)} not even a perfect model could be told to be "
            "better with these problems. Ask harder ones, or more of them."
        )
    if used := [_room(label, s) for label, s in full if s.improvable]:
        yield Notice(
            text=f"Saturated: on {listed(used)} hardly any difference to a better model is left to "
            "find. Ask harder problems."
        )
    low = [label for label, s in found if s.flag == "floor"]
    for here, advice in (
        ([label for label in low if label not in spent], " Ask easier problems, or more of them."),
        ([label for label in low if label in spent], ""),
    ):
        if here:
            yield Notice(
                text=f"At the floor: on {listed(here)} the score is not told apart from chance, so that "
                f"no worse model could be told from this one.{advice}"
            )


def _room(label: str, found: Saturation) -> str:
    """A split with its headroom and what can be detected, in points."""
    room, least = (f"{100 * value:.1f}" for value in (found.headroom.value, found.detectable or 0))
    return f"{label} (headroom {room} points, smallest detectable improvement {least})"


_LOUD: tuple[Kind, ...] = (
    "accuracy",
    "balanced accuracy",
    "contrast",
    "chance-adjusted contrast",
    "difficulty threshold",
)
"""Kinds whose warnings stand at the top; the others' stand beside the estimate in the table."""


def _from_rows(rows: Sequence[Row]) -> Iterator[Notice]:
    """The warnings of the main estimates, each once, with the splits that carry it."""
    carriers: dict[str, list[str]] = {}
    for row in rows:
        # A standard error of 0 needs no alarm where an interval stands beside it.
        quiet = row.estimate.std_error == 0 and row.estimate.low is not None
        for warning in row.estimate.warnings if row.kind in _LOUD and not quiet else ():
            carriers.setdefault(warning, []).append(row.of or row.split)
    for warning, where in carriers.items():
        yield Notice(text=f"{listed(where)}: {warning.rstrip('.')}.")
