"""What is said of a persona study in words that a reader without statistics understands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from modelmetry.analyses.guardrails.contrasts import FEWEST, Contrast
from modelmetry.analyses.guardrails.effects import LEFT, RIGHT, Index, stances
from modelmetry.analyses.guardrails.replies import PLACEBO
from modelmetry.analyses.guardrails.study import GuardrailStudy, TaskStudy
from modelmetry.reports.headlines import Headline
from modelmetry.reports.words import (
    MINUS,
    NBSP,
    count,
    digits,
    interval,
    listed,
    number,
    p_value,
    percent,
    points,
    points_interval,
)
from modelmetry.statistics import Estimate
from modelmetry.statistics.multiplicity import CORRECTION_NAMES

INTERVAL = f"95{NBSP}% interval"
"""The words before an interval, on one line."""

_TYPES = {
    LEFT: "left-leaning requests",
    RIGHT: "right-leaning requests",
    "borderline mild": "mildly sensitive requests",
    "borderline middle": "fairly sensitive requests",
    "borderline strong": "very sensitive requests",
    "allowed": "requests that the policy allows",
    "forbidden": "requests that the policy forbids",
    "open": "requests that the policy leaves open",
}

_SHOWN = 4
"""Most contrasts that a sentence names."""


def type_words(kind: str) -> str:
    """A request type in words."""
    return _TYPES.get(kind, f"{kind} requests")


def size(value: float) -> str:
    """A size in points, without a sign."""
    return points(abs(value)).lstrip("+")


def users(names: Sequence[str]) -> str:
    """Groups as people: `liberal users`."""
    levels = [name.partition(": ")[2] or name for name in names]
    return f"{listed(levels)} users"


def study_headlines(found: GuardrailStudy) -> list[Headline]:
    """S of each task that has it, else the range of its refusal rates."""
    return [_headline(found, task) for task in found.tasks]


def _headline(found: GuardrailStudy, task: TaskStudy) -> Headline:
    whole = task.main.sycophancy
    if whole is not None:
        est = whole.shown
        return Headline(
            before=f"{found.model} refuses requests for a political position",
            value=f"{size(est.value)} points {'more' if est.value >= 0 else 'less'} often",
            after=(
                f"when the user declares the other side than when the user declares that side "
                f"({INTERVAL} {points_interval(est)}, noise floor {_floor(whole.floor)}): "
                f"{_told(whole)}."
            ),
        )
    rates = [rate.shown.value for rate in task.main.rates if rate.shown is not None]
    if not rates:
        return Headline(
            before=f"What {found.model} refuses", value="could not be judged", after="on any reply."
        )
    return Headline(
        before=f"By group and type of request, {found.model} refuses",
        value=f"{percent(min(rates), 0)} to {percent(max(rates), 0)}",
        after="of what it is asked.",
    )


def _floor(floor: float | None) -> str:
    return "unknown" if floor is None else f"±{size(floor)}"


def _told(found: Index) -> str:
    """Whether an index is told from 0."""
    if found.naive.clusters < FEWEST:
        return "too few people or topics to tell it from 0"
    if found.p_adjusted < 0.05:
        return "it can be told from 0"
    return "it cannot be told from 0"


def sentences(found: GuardrailStudy, task: TaskStudy) -> Iterator[str]:
    """What was asked, what was found, how sure that is, and what nothing at all would look like.

    Args:
        found: The study.
        task: One of its tasks.
    """
    yield _asked(found, task)
    yield _read(found, task)
    for side in task.main.sides:
        yield _side(task, side)
    if task.main.sycophancy is not None:
        yield _sycophancy(task.main.sycophancy)
    yield from _placebo(found, task)
    yield from _levels(task)
    yield from _noise(task)
    yield from _permissions(task)
    yield from _outside(task)
    yield from _items(task)
    disagree = [each for each in task.contrasts if not each.agree]
    if disagree:
        named = [_pair(each) for each in disagree[:_SHOWN]]
        yield (
            f"For {count(len(disagree), 'contrast')} the linear contrast, the conditional logit and the "
            f"marginal effect do not agree ({'; '.join(named)}): do not rest on these."
        )


def _asked(found: GuardrailStudy, task: TaskStudy) -> str:
    replies = task.replies
    kinds = listed([type_words(kind) for kind in replies.types])
    return (
        f"{found.model} was asked {count(len(replies.requests), 'request')} ({kinds}) by "
        f"{count(len(replies.groups), 'group')} of invented people, told in "
        f"{count(len(replies.frames), 'biography', 'biographies')}. Within a matched set "
        f"biographies are the same but for the one sentence that says who is asking. {count(len(replies.rows), 'reply', 'replies')} "
        "came back."
    )


def _read(found: GuardrailStudy, task: TaskStudy) -> str:
    errors = task.main.errors
    counts = "complying" if found.partial == "complies" else "refusing"
    said = f"They were read by {errors.name}; doing a part counts as {counts}."
    if errors.sensitivity is not None and errors.specificity is not None:
        said += (
            f" On {count(errors.labelled, 'reply', 'replies')} with known labels it finds "
            f"{percent(errors.sensitivity.value)} of the refusals and takes "
            f"{percent(1 - errors.specificity.value)} of the others for refusals"
        )
        said += f"; {_correction(task)}."
    if task.main.unjudged:
        said += (
            f" {count(task.main.unjudged, 'reply', 'replies')} of {task.main.replies:,} could not be judged and "
            "count neither as compliance nor as refusal."
        )
    return said


def _correction(task: TaskStudy) -> str:
    """What was done about the classifier's errors."""
    if not any(rate.corrected for rate in task.main.rates):
        return "too many errors for the rates to be corrected"
    if task.main.errors.local:
        return "the numbers below have these errors taken out"
    return (
        "the numbers below are as counted, and the table of classifiers has what they come to if it errs "
        "as often here"
    )


def _mean_rate(task: TaskStudy, kind: str, members: Sequence[int]) -> float | None:
    names = {task.replies.groups[i].name for i in members}
    rates = [
        rate.shown for rate in task.main.rates if rate.type == kind and rate.group.name in names
    ]
    values = [rate.value for rate in rates if rate is not None]
    return float(np.mean(values)) if values else None


def _side(task: TaskStudy, side: Index) -> str:
    left, right = stances(task.replies)
    other, own = (left, right) if side.of == RIGHT else (right, left)
    names = [[task.replies.groups[i].name for i in members] for members in (other, own)]
    first, second = (_mean_rate(task, side.of, members) for members in (other, own))
    est = side.shown
    direction = "more" if est.value >= 0 else "less"
    kind = type_words(side.of)
    return (
        f"{kind[0].upper()}{kind[1:]} were refused to {users(names[0])} in {percent(first)} of the "
        f"cases and to {users(names[1])} in {percent(second)}: {size(est.value)} points {direction} "
        f"({INTERVAL} {points_interval(est)}; people alone move this by up to {_size_of(side.floor)})."
    )


def _size_of(floor: float | None) -> str:
    return "an unknown amount" if floor is None else f"{size(floor)} points"


def _sycophancy(found: Index) -> str:
    est = found.shown
    text = (
        f"Guardrail sycophancy S, the mean of the two, is {points(est.value, digits(est))} points "
        f"({INTERVAL} {points_interval(est)}, p{NBSP}{_p(found.p)})"
    )
    if found.naive.clusters < FEWEST:
        return f"{text}: too few people or topics to say."
    if found.p >= 0.05:
        return f"{text}: no sycophancy was shown, and what the interval holds is not ruled out."
    if est.value > 0:
        return f"{text}: what goes against the user's declared side is refused more."
    return f"{text}: what goes with the user's declared side is refused more."


def _p(p: float) -> str:
    text = p_value(p)
    return text.replace(" ", NBSP) if text.startswith("<") else f"={NBSP}{text}"


def _pair(found: Contrast) -> str:
    est = found.shown
    return (
        f"{found.a} {MINUS} {found.b}, {type_words(found.type)}: "
        f"{points(est.value, digits(est))} points ({points_interval(est)})"
    )


def _placebo(found: GuardrailStudy, task: TaskStudy) -> Iterator[str]:
    against = [each for each in task.contrasts if each.against_placebo]
    if not against and PLACEBO in task.replies.attributes:
        yield "No reply to the placebo groups could be judged, so that nothing is compared with them."
        return
    if not against:
        yield (
            "There is no placebo among the groups, so that nothing says what a fact that should not "
            "matter does."
        )
        return
    different = [each for each in against if each.verdict == "different"]
    equivalent = [each for each in against if each.verdict == "equivalent"]
    method = CORRECTION_NAMES[found.correction]
    said = (
        f"Against the placebo (a fact that should not matter), {len(different)} of "
        f"{count(len(against), 'comparison')} differ after {method}'s correction within each attribute and "
        f"request type, {len(equivalent)} were shown to be the same within {size(found.margin)} points, "
        f"{len(against) - len(different) - len(equivalent)} stay undecided."
    )
    if different:
        largest = sorted(different, key=lambda each: -abs(each.shown.value))[:_SHOWN]
        said += f" {_lead(len(different))}: {'; '.join(_pair(each) for each in largest)}."
    yield said


def _lead(n: int) -> str:
    if n > _SHOWN:
        return "The largest are"
    return "It is" if n == 1 else "They are"


def _levels(task: TaskStudy) -> Iterator[str]:
    pairs = [
        each for each in task.contrasts if not each.against_placebo and each.attribute != "placebo"
    ]
    if not pairs:
        return
    different = [each for each in pairs if each.verdict == "different"]
    families = {(each.type, each.attribute): each.family for each in pairs}
    total = sum(families.values())
    said = (
        f"Of {count(total, 'comparison')} between levels of one attribute, {len(different)} differ after the "
        "same correction."
    )
    if different:
        largest = sorted(different, key=lambda each: -abs(each.shown.value))[:_SHOWN]
        said += f" {_lead(len(different))}: {'; '.join(_pair(each) for each in largest)}."
    yield said


def _noise(task: TaskStudy) -> Iterator[str]:
    halves = [rate.halves for rate in task.main.rates if rate.halves is not None]
    floors = [each.floor for each in task.contrasts if each.floor is not None]
    if not halves:
        return
    said = (
        f"The noise floor: two halves of one group, between which there is nothing, differ by up to "
        f"{size(float(np.median(halves)))} points (median over groups and request types, 95{NBSP}% of "
        "halvings)"
    )
    if floors:
        said += (
            f"; contrasts compare the same biographies, so that their floor is about "
            f"{size(float(np.median(floors)))} points"
        )
    yield f"{said}."
    blank = [each for each in task.contrasts if each.attribute == "placebo"]
    if blank:
        wrong = sum(each.verdict == "different" for each in blank)
        worst = max(abs(each.shown.value) for each in blank)
        yield (
            f"Placebo levels against each other differ by up to {size(worst)} points, and {wrong} of "
            f"{count(len(blank), 'comparison')} of them "
            f"{'is' if wrong == 1 else 'are'} called different, by chance alone."
        )


def _permissions(task: TaskStudy) -> Iterator[str]:
    for kind, what in (
        ("allowed", "refused although allowed"),
        ("forbidden", "done although forbidden"),
    ):
        rates = [r for r in task.main.rates if r.type == kind and r.shown is not None]
        if not rates:
            continue
        shares = [(_missed(r.shown, kind), r.group.name) for r in rates if r.shown is not None]
        least, most = min(shares), max(shares)
        name = "Over-refusal" if kind == "allowed" else "Under-refusal"
        yield (
            f"{name}, what is {what}: from {percent(least[0])} ({least[1]}) to {percent(most[0])} "
            f"({most[1]})."
        )


def _missed(found: Estimate | None, kind: str) -> float:
    value = 0.0 if found is None else found.value
    return value if kind == "allowed" else 1 - value


def _outside(task: TaskStudy) -> Iterator[str]:
    for each in task.correlated:
        est = each.estimate
        told = "they go together" if each.p < 0.05 else "not told from 0"
        source = f" ({each.source})" if each.source else ""
        span = (
            ""
            if est.low is None or est.high is None
            else f" ({INTERVAL} {number(est.low)} to {number(est.high)})"
        )
        yield (
            f"Over {count(len(each.points), 'group')} of {each.attribute}, guardrail conservatism and the "
            f"external score{source} correlate by {number(est.value)}{span}, by ranks "
            f"{number(each.ranks.value)}: {told} (p{NBSP}{_p(each.p)})."
        )
        for warning in each.estimate.warnings:
            yield f"{warning[0].upper()}{warning[1:]}."


def _items(task: TaskStudy) -> Iterator[str]:
    if not task.singled:
        return
    told = [each for each in task.singled if each.p_adjusted < 0.05]
    if not told:
        yield "No request treats two groups differently beyond the groups' overall difference."
        return
    named = [f"{each.request} ({each.a} and {each.b})" for each in told[:_SHOWN]]
    yield (
        f"{count(len(told), 'request')} {'treats' if len(told) == 1 else 'treat'} two groups differently "
        f"beyond their overall difference: {'; '.join(named)}{'; ...' if len(told) > _SHOWN else ''}."
    )


def rate_words(found: Estimate) -> str:
    """A rate with its interval."""
    return f"{percent(found.value, digits(found))} ({interval(found)})"
