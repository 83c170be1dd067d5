"""The classifiers of a persona study: their errors on labelled replies, and how far they agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import pyarrow as pa

from modelmetry.analyses.measures import LEVEL
from modelmetry.analyses.table import labels
from modelmetry.errors import BadInput, offered
from modelmetry.items import Target, load
from modelmetry.personas.verdicts import VERDICTS
from modelmetry.scoring.classified import OWN, PACKAGED, Classified, Labelled
from modelmetry.scoring.labelled import packaged
from modelmetry.statistics import Estimate, agreement, means

RULES = "rules"
"""Name of the classifier whose verdicts stand in the score table."""

NEARLY_ALL = 0.9
"""Share of what any classifier judged that another must have judged to be the default."""

Partial = Literal["complies", "refuses"]
"""What a reply that does a part counts as."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """How often a classifier is right about replies whose class people stated.

    Attributes:
        name: The classifier.
        source: Whose labels.
        sensitivity: Share of refusals that it finds to refuse; None without any.
        specificity: Share of the other replies that it finds not to refuse; None without any.
        labelled: Labelled replies.
        unjudged: Those among them that it could not judge.
        failures: Reason -> replies of the run that it could not judge, commonest first.
        warnings: Reasons for care.
    """

    name: str
    source: str
    sensitivity: Estimate | None
    specificity: Estimate | None
    labelled: int
    unjudged: int
    failures: tuple[tuple[str, int], ...]
    warnings: tuple[str, ...]

    @property
    def local(self) -> bool:
        """Whether the labels are of replies of this run, so that the errors are those made here."""
        return self.source == OWN

    @property
    def gain(self) -> float | None:
        """Sensitivity + specificity - 1: 1 for a perfect classifier, 0 for a coin."""
        if self.sensitivity is None or self.specificity is None:
            return None
        return self.sensitivity.value + self.specificity.value - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far classifiers agree beyond chance.

    Attributes:
        between: Names of the classifiers.
        measure: `kappa` or `alpha`.
        estimate: The coefficient; None where it is not defined.
        same: Share of the replies on which they agree.
    """

    between: tuple[str, ...]
    measure: str
    estimate: Estimate | None
    same: float


def refusing(verdicts: np.ndarray, partial: Partial) -> np.ndarray:
    """1 where a reply counts as refusal, 0 where not, NaN where it could not be judged.

    Args:
        verdicts: Index into `VERDICTS`, -1 where it could not be judged.
        partial: What a reply that does a part counts as.
    """
    least = VERDICTS.index("refuses" if partial == "complies" else "partial")
    return np.where(verdicts < 0, np.nan, (verdicts >= least).astype(np.float64))


def rules(scores: pa.Table, scorer: str = "refusal") -> Classified:
    """The verdicts of the rules, as they stand in the score table.

    Args:
        scores: A run's table, scored by the rules.
        scorer: Entry-point name of the scorer that has them.
    """
    read, target = load("scorers", scorer), Target(answers=("complies",), choices=VERDICTS)
    answer, outcome = labels(scores, "answer"), labels(scores, "outcome")
    known: dict[str, int] = {name: i for i, name in enumerate(VERDICTS)}
    places = np.array([known.get(name, -1) for name in answer.names], dtype=np.int8)
    verdicts = np.where(outcome.at("instrument failed"), -1, places[answer.codes]).astype(np.int8)
    reason = labels(scores, "reason")
    counts = np.bincount(reason.codes[verdicts < 0], minlength=len(reason.names)).tolist()
    failures = sorted(zip(reason.names, counts, strict=True), key=lambda pair: -pair[1])
    replies = packaged("test")
    said = [read(target, each.reply).answer for each in replies]
    return Classified(
        name=RULES,
        verdicts=verdicts,
        labelled=Labelled(
            source=PACKAGED,
            stated=tuple(each.label for each in replies),
            found=tuple(VERDICTS[known[answer]] if answer in known else None for answer in said),
            clusters=tuple(each.request for each in replies),
        ),
        failures={name: n for name, n in failures if n},
    )


def chosen(classified: Sequence[Classified], name: str | None) -> Classified:
    """The classifier of a name; by default the first judge that is done, else the rules.

    A judge is done that judged nearly as many replies as any classifier did: one that was stopped,
    or that talks nonsense, must not stand for the whole run.

    Raises:
        BadInput: There is none of that name.
    """
    if name is None:
        counts = [int((each.verdicts >= 0).sum()) for each in classified]
        done = [
            each
            for each, n in zip(classified, counts, strict=True)
            if n >= NEARLY_ALL * max(counts)
        ]
        return next((each for each in done if each.name != RULES), done[0])
    for each in classified:
        if each.name == name:
            return each
    raise BadInput(f"classifier: {name!r}{offered(name, [each.name for each in classified])}")


def find_errors(found: Classified, partial: Partial) -> Errors:
    """A classifier's sensitivity and specificity; replies it could not judge are left out.

    Args:
        found: The classifier.
        partial: What a reply that does a part counts as.
    """
    told = found.labelled
    stated = refusing(np.array([VERDICTS.index(v) for v in told.stated], dtype=int), partial)
    said = refusing(
        np.array([-1 if v is None else VERDICTS.index(v) for v in told.found], dtype=int), partial
    )
    clusters = np.array(told.clusters)
    judged = ~np.isnan(said)

    def share(where: np.ndarray, right: np.ndarray) -> Estimate | None:
        if not where.any():
            return None
        return means.mean(right[where], clusters=clusters[where], level=LEVEL)

    sensitivity = share(judged & (stated == 1), said)
    specificity = share(judged & (stated == 0), 1 - said)
    return Errors(
        name=found.name,
        source=told.source,
        sensitivity=sensitivity,
        specificity=specificity,
        labelled=len(told.stated),
        unjudged=int((~judged).sum()),
        failures=tuple(found.failures.items()),
        warnings=tuple(_cautions(told, sensitivity, specificity)),
    )


def _cautions(
    told: Labelled, sensitivity: Estimate | None, specificity: Estimate | None
) -> Iterator[str]:
    if sensitivity is None or specificity is None:
        yield "no labelled replies of both kinds: rates are not corrected for its errors"
        return
    gain = sensitivity.value + specificity.value - 1
    spread = np.hypot(sensitivity.std_error or 0.0, specificity.std_error or 0.0)
    if gain <= 0:
        yield "no better than a coin on the labelled replies: rates are not corrected"
    elif gain < 0.2 or gain < 3 * spread:
        yield "barely better than a coin on the labelled replies: corrected rates are wide"
    if told.source != OWN:
        yield f"errors measured on {told.source}, not on this run's"


def find_agreement(
    classified: Sequence[Classified], rows: np.ndarray, clusters: np.ndarray
) -> tuple[Agreement, ...]:
    """Cohen's kappa of every two classifiers, Krippendorff's alpha of all, over the three classes.

    Args:
        classified: The classifiers.
        rows: Rows of the score table.
        clusters: Unit drawn independently of each of these rows.
    """
    if len(classified) < 2:
        return ()
    table = np.stack([each.verdicts[rows] for each in classified], axis=1).astype(float)
    table[table < 0] = np.nan
    found = []
    for i, j in combinations(range(len(classified)), 2):
        both = ~np.isnan(table[:, [i, j]]).any(axis=1)
        a, b = table[both, i], table[both, j]
        names = (classified[i].name, classified[j].name)
        found.append(_agreement(names, "kappa", a, b, clusters[both]))
    if len(classified) > 2:
        enough = (~np.isnan(table)).sum(axis=1) >= 2
        part = table[enough]
        names = tuple(each.name for each in classified)
        found.append(_alpha(names, part, clusters[enough]))
    else:
        both = ~np.isnan(table).any(axis=1)
        found.append(_alpha(found[0].between, table[both], clusters[both]))
    return tuple(found)


def _agreement(
    names: tuple[str, ...], measure: str, a: np.ndarray, b: np.ndarray, clusters: np.ndarray
) -> Agreement:
    estimate = None
    if len(np.unique(np.concatenate([a, b]))) > 1:
        estimate = agreement.cohen_kappa(a, b, clusters, level=LEVEL)
    same = float((a == b).mean()) if len(a) else 0.0
    return Agreement(between=names, measure=measure, estimate=estimate, same=same)


def _alpha(names: tuple[str, ...], table: np.ndarray, clusters: np.ndarray) -> Agreement:
    estimate = None
    if len(np.unique(table[~np.isnan(table)])) > 1:
        estimate = agreement.krippendorff_alpha(table, clusters, level=LEVEL)
    same = (
        float((np.nanmin(table, axis=1) == np.nanmax(table, axis=1)).mean()) if len(table) else 0.0
    )
    return Agreement(between=names, measure="alpha", estimate=estimate, same=same)
