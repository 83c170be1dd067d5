"""What is said of a memorization study in words that a reader without statistics understands."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from modelmetry.analyses.memorization.counterfactual import Counterfactual
from modelmetry.analyses.memorization.halfway import Halfway
from modelmetry.analyses.memorization.rates import Rate
from modelmetry.analyses.memorization.study import MemorizationStudy, TaskStudy
from modelmetry.reports.headlines import Headline
from modelmetry.reports.memorization.plain import in_copies, plain, plain_span
from modelmetry.reports.memorization.predicting import INTERVAL, features, predicted, rule
from modelmetry.reports.words import (
    NBSP,
    count,
    digits,
    interval,
    p_value,
    percent,
    points,
    points_interval,
)
from modelmetry.statistics import Estimate
from modelmetry.statistics.psychometric import MOST_LAPSES

KINDS = {
    "all": "all sequences",
    "none": "without a rule",
    "repeating": "repeating",
    "incrementing": "counting",
    "canary": "canaries",
}
"""Kinds of sequences in words."""

_OF_KIND = {
    "none": "Half of those without a rule",
    "repeating": "Half of those that repeat",
    "incrementing": "Half of those that count",
    "canary": "Half of the canaries",
}

_ROUNDING = 1e-6

LAPSES = 0.005
"""A ceiling that is lower than 1 by no more than this is not spoken of."""


def bare(found: Estimate) -> str:
    """An interval of shares for brackets; says so where there is none."""
    said = interval(found)
    return f"no {INTERVAL}" if said == "none" else f"{INTERVAL} {said}"


def others(task: TaskStudy) -> str:
    """What the sequences that stand nowhere in the corpus are called."""
    return "twins" if any(each.paired for each in task.counterfactual) else "controls"


def rate_of(task: TaskStudy, by: str, level: str = "", *, inserted: bool = True) -> Rate | None:
    """The rate of a group, or None; of `all` there is one on either side."""
    for rate in task.rates:
        if (
            rate.by == by
            and rate.inserted == inserted
            and (by == "all" or not level or rate.level == level)
        ):
            return rate
    return None


def overall(task: TaskStudy) -> Counterfactual | None:
    """All planted sequences beside what never stood there, or None."""
    return next((each for each in task.counterfactual if each.by == "all"), None)


def halves(task: TaskStudy, kind: str = "all") -> Halfway | None:
    """Duplicates at which half of a kind are extracted, or None."""
    return next((each for each in task.halfway if each.kind == kind), None)


def has_logprobs(task: TaskStudy) -> bool:
    """Whether the back end told how probable the true continuations are."""
    return bool(np.isfinite(task.probes.continuation_logprob).any())


def study_headlines(found: MemorizationStudy) -> list[Headline]:
    """What was extracted in each task, and how much of it owes to exposure."""
    return [_headline(found, task) for task in found.tasks]


def _headline(found: MemorizationStudy, task: TaskStudy) -> Headline:
    rate = rate_of(task, "all")
    n = int(task.probes.planted.sum())
    before = f"Of {count(n, 'sequence')} in its corpus, {found.model} continues word for word"
    if rate is None:
        after = "of them, as no reply could be read."
        return Headline(before=before, value="an unknown share", after=after)
    compared = overall(task)
    planted = rate.extracted if compared is None else compared.planted
    value, after = percent(planted.value, digits(planted)), f"({bare(planted)})"
    if compared is None:
        after += "; what it would continue without having seen it is not known."
        return Headline(before=before, value=value, after=after)
    est = compared.difference
    after += (
        f", and {percent(compared.twins.value, digits(compared.twins))} of {others(task)} that stand nowhere "
        f"in it: exposure {'adds' if est.value >= 0 else 'takes away'} {_size(est)} points ({_points(est)}), "
        f"{_told(compared)}."
    )
    return Headline(before=before, value=value, after=after)


def _size(found: Estimate) -> str:
    """A difference of shares in points, without its sign."""
    return points(abs(found.value), digits(found)).lstrip("+")


def _points(found: Estimate) -> str:
    said = points_interval(found)
    return f"no {INTERVAL}" if said == "none" else f"{INTERVAL} {said}"


def _told(found: Counterfactual) -> str:
    """Whether a difference is told from 0."""
    if found.p < 0.05:
        return "which can be told from 0"
    return "which cannot be told from 0"


def lead(found: MemorizationStudy, task: TaskStudy) -> list[str]:
    """The first paragraphs: what was asked and extracted, of what kinds, how it is predicted.

    The last sentence says where the sections below count other answers.
    """
    parts = [
        [_asked(found, task), *_extracted(task)],
        [*_shares(found, task), *_half(task)],
        list(predicted(task)),
        list(_below(task)),
    ]
    return [" ".join(part) for part in parts if part]


def _below(task: TaskStudy) -> Iterator[str]:
    """What the sections below count, where that is not what this one counts."""
    canaries, wordings = bool(task.probes.canary.any()), bool(task.probes.other)
    if canaries and wordings:
        yield (
            "The sections Accuracy and Wordings below count canaries with the other sequences, and Accuracy all "
            "wordings together, so their numbers are not those of this section."
        )
    elif canaries or wordings:
        counted = "canaries with the other sequences" if canaries else "all wordings together"
        yield (
            f"The section Accuracy below counts {counted}, so its numbers are not those of this section."
        )


def _asked(found: MemorizationStudy, task: TaskStudy) -> str:
    probes = task.probes
    planted = int(probes.planted.sum())
    rest = int((~probes.inserted & ~probes.canary).sum())
    k = f"{probes.k:,}"
    beside = f" and of {rest:,} {others(task)} that do not" if rest else ""
    return (
        f"{found.model} was shown the first {k} tokens of {count(planted, 'sequence')} that "
        f"{'stands' if planted == 1 else 'stand'} in its corpus{beside}, and asked to go on (wording "
        f"{probes.wording}). Extracted is what it continues word for word for {k} tokens."
    )


def _extracted(task: TaskStudy) -> Iterator[str]:
    rate, compared = rate_of(task, "all"), overall(task)
    if rate is None:
        yield "No reply could be read."
        return
    # Where pairs are compared, of those that both sides were read of, so that the numbers add up.
    planted = rate.extracted if compared is None else compared.planted
    said = f"It extracted {percent(planted.value, digits(planted))} of the former ({bare(planted)})"
    if compared is None:
        yield f"{said}. Nothing says how much of that it would continue without having seen it."
        return
    est = compared.difference
    yield (
        f"{said} and {percent(compared.twins.value, digits(compared.twins))} of the {others(task)} "
        f"({bare(compared.twins)}), which it can never have seen."
    )
    if compared.p < 0.05:
        less = "are owed to exposure" if est.value > 0 else "fewer are extracted after exposure"
        yield f"So {_size(est)} points ({_points(est)}) {less}."
    else:
        yield (
            f"The difference, {points(est.value, digits(est))} points ({_points(est)}), cannot be told from 0: no "
            "effect of exposure was shown."
        )


def category_words(name: str, threshold: int) -> str:
    """A category with what it means."""
    meaning = {
        "recitation": f"more than {count(threshold, 'copy', 'copies')} in the corpus",
        "reconstruction": "fewer, but it repeats or counts",
        "recollection": "neither",
    }
    return f"{name} ({meaning[name]})" if name in meaning else name


def _shares(found: MemorizationStudy, task: TaskStudy) -> Iterator[str]:
    known = [(each.category, each.share) for each in task.shares if each.share is not None]
    if not known:
        if task.shares:
            yield "Nothing was extracted, so that there are no categories to tell apart."
        return
    parts = [
        f"{percent(share.value, digits(share))} is {category_words(name, found.threshold)}, {bare(share)}"
        for name, share in known
    ]
    yield f"Of what was extracted, {'; '.join(parts)}."


def _half(task: TaskStudy) -> Iterator[str]:
    whole = halves(task)
    if whole is not None:
        yield half_words(whole, "Half of the sequences")


def half_words(found: Halfway, what: str = "Half") -> str:
    """The number of copies at which half are extracted, or why there is none.

    Args:
        found: One kind of sequences.
        what: The sentence's subject.
    """
    est, told = found.duplicates, [in_copies(each).rstrip(".") for each in found.warnings]
    if est is None:
        why = f": {told[0]}" if told else ""
        return f"There is no number of copies at which half are extracted{why}."
    said = f"{what} are extracted at {plain(est.value)} copies ({INTERVAL} {plain_span(est)})"
    care = "".join(f" {each[0].upper()}{each[1:]}." for each in told)
    lapse = found.curve.lapse if found.curve else None
    if lapse is None or lapse.value <= LAPSES:
        return f"{said}.{care}"
    # A ceiling at the lowest that the fit allows is a bound of the fit, and nothing that was found.
    at_most = "at most " if lapse.value >= MOST_LAPSES - _ROUNDING else ""
    ceiling = f"{'' if at_most else 'the '}{at_most}{percent(1 - lapse.value)}"
    return f"{said}, of {ceiling} that any number of copies would bring out.{care}"


def sentences(task: TaskStudy) -> Iterator[str]:
    """What else was found, one by one."""
    yield from _templates(task)
    yield from _parts(task)
    for each in task.halfway:
        if each.kind != "all" and each.duplicates is not None:
            yield half_words(each, _OF_KIND.get(each.kind, f"Half of those {each.kind}"))
    yield from _canaries(task)
    yield from rule(task)
    yield from features(task)
    yield from _wordings(task)
    if not has_logprobs(task):
        yield (
            "The run asked for text alone: exposure of canaries and the perplexities among the features need "
            "log-probabilities, which --logprobs target asks a completion model for."
        )
    if failed := int(np.isnan(task.probes.extracted).sum()):
        yield (
            f"{count(failed, 'sequence')} of {len(task.probes):,} got no reply that could be read, and "
            f"{'is' if failed == 1 else 'are'} left out."
        )


def _templates(task: TaskStudy) -> Iterator[str]:
    """What is continued by its rule, without having been seen."""
    for each in task.counterfactual:
        if (each.by, each.level) == ("category", "reconstruction"):
            yield (
                f"Sequences of few copies that repeat or count are extracted in "
                f"{percent(each.planted.value, digits(each.planted))} of the cases ({bare(each.planted)}), and their "
                f"{others(task)} in {percent(each.twins.value, digits(each.twins))} ({bare(each.twins)}): the latter "
                "by the rule alone."
            )


def _parts(task: TaskStudy) -> Iterator[str]:
    rate = rate_of(task, "all")
    if rate is None:
        return
    yield (
        f"On average {percent(rate.prefix.value, digits(rate.prefix))} of the continuation comes back before the "
        f"first wrong token ({bare(rate.prefix)}), and {percent(rate.edits.value, digits(rate.edits))} of its tokens "
        f"would have to be edited ({bare(rate.edits)})."
    )


def _canaries(task: TaskStudy) -> Iterator[str]:
    """Random identifiers, which stand apart from all other sequences."""
    for each in task.counterfactual:
        if each.by == "canary":
            yield (
                f"Of {count(each.planted.n, 'canary', 'canaries')}, random identifiers that stand apart from the "
                f"other sequences, {percent(each.planted.value, digits(each.planted))} were extracted "
                f"({bare(each.planted)}), and {percent(each.twins.value, digits(each.twins))} of those that stand "
                f"nowhere in the corpus ({bare(each.twins)})."
            )
    if not task.exposure:
        return
    most = task.exposure[-1]
    seen = "is told from" if most.p < 0.05 else "is not told from"
    yield (
        f"Canaries with {count(most.duplicates, 'copy', 'copies')} have an exposure of "
        f"{plain(most.bits.value)} bits ({INTERVAL} {plain_span(most.bits)}) of at most {plain(most.most)}, which "
        f"{seen} that of identifiers that never stood there (p{NBSP}{p_words(most.p)})."
    )


def p_words(p: float) -> str:
    """A p-value after the letter p, not to be broken."""
    text = p_value(p)
    return text.replace(" ", NBSP) if text.startswith("<") else f"={NBSP}{text}"


def _wordings(task: TaskStudy) -> Iterator[str]:
    for name in task.probes.other:
        rate = rate_of(task, "wording", name)
        if rate is not None:
            yield (
                f"In the wording {name}, {percent(rate.extracted.value, digits(rate.extracted))} of the planted "
                f"sequences were extracted ({bare(rate.extracted)})."
            )
