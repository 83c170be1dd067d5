"""What a plan rests on: variances and costs of an answer, from pilot runs or as stated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from modelmetry.analyses.table import Items, labels, read_items
from modelmetry.errors import BadInput
from modelmetry.runs.record import RunRecord
from modelmetry.statistics import planning
from modelmetry.statistics.planning import Variances

CORRELATION = 0.3
"""Correlation of two models' scores on an item where it was not measured: the low end of the 0.3 to
0.7 that Miller (2024), arXiv 2411.00640, finds between strong models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one answer takes, of all models that are asked together.

    Attributes:
        input_tokens: Prompt tokens.
        output_tokens: Generated tokens.
        usd: US dollars; None where no price is known.
        seconds: Seconds, with the requests in flight as they were; None where unknown.
        about: How the tokens were found.
    """

    input_tokens: float
    output_tokens: float
    usd: float | None = None
    seconds: float | None = None
    about: str = ""

    def priced(self, per_million_in: float, per_million_out: float) -> Cost:
        """At prices in US dollars per million tokens."""
        spent = self.input_tokens * per_million_in + self.output_tokens * per_million_out
        return replace(self, usd=spent / 1e6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a plan rests on.

    Attributes:
        variances: Of one answer, or of its difference between two models.
        cost: Of one answer.
        problems: Problems in a cluster, the unit drawn independently.
        about: Where the variances come from, in words.
        notes: What was assumed, one sentence each.
    """

    variances: Variances
    cost: Cost
    problems: float = 1.0
    about: str = ""
    notes: tuple[str, ...] = ()


def stated(
    accuracy: float, correlation: float, cost: Cost, *, models: int, effect: float = 0.0
) -> Basis:
    """A basis without a pilot: right-or-wrong answers of a stated accuracy.

    Args:
        accuracy: Of the model, or halfway between the two.
        correlation: Of the two models' scores on an item.
        cost: Of one answer of one model.
        models: 1 or 2.
        effect: Difference of the two accuracies.

    Raises:
        BadInput: No two models can be like that.
    """
    about = f"without a pilot: accuracy {accuracy:g}"
    try:
        if models == 1:
            parts = Variances(between=accuracy * (1 - accuracy))
        else:
            parts = planning.binary(accuracy, correlation, effect)
            about += f", correlation {correlation:g} between the models"
    except ValueError as error:
        raise BadInput(str(error)) from error
    note = "without a pilot, wordings and repeats are promised to help nothing"
    return Basis(variances=parts, cost=_together([cost] * models), about=about, notes=(note,))


def piloted(
    pilots: Sequence[tuple[RunRecord, pa.Table]],
    split: str,
    correlation: float,
    cost: Cost,
    *,
    models: int,
) -> Basis:
    """A basis from one or two pilot runs.

    Two runs of two models on the same items measure the variance of their difference. From one, the
    other model is taken to vary as much, and to agree with it as `correlation` says.

    Args:
        pilots: One or two scored runs.
        split: The split's label.
        correlation: Of the two models' scores on an item, where only one was run.
        cost: Of one answer of one model, where the pilot does not tell.
        models: 1 or 2; 1 takes one pilot.

    Raises:
        BadInput: The pilots cannot be used; the line says why.
    """
    if len(pilots) > models:
        raise BadInput(f"pilot: {len(pilots)} runs; allowed: up to {models}, one for each model")
    read = [_answers(record, scores, split) for record, scores in pilots]
    if len(read) == 2:
        _check_pair(pilots)
        items = _paired(read)
    else:
        items = read[0]
    parts, about, notes = items.variances(), items.about(pilots), list(items.notes())
    if models == 2 and len(read) == 1:
        parts = parts.paired(correlation)
        notes.append(
            f"assumed: another model that varies as much, with a correlation of {correlation:g} "
            "between the two; a second pilot would measure it"
        )
    costs = [_cost(record, scores, split, cost) for record, scores in pilots]
    return Basis(
        variances=parts,
        cost=_together(costs * (models // len(costs))),
        problems=items.problems / items.clusters,
        about=about,
        notes=tuple(notes),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answers:
    """The scored items of a pilot, or their differences between two: arrays of shape (n,)."""

    key: np.ndarray
    value: np.ndarray
    cluster: np.ndarray
    wording: np.ndarray
    problem: np.ndarray
    noise: float | None
    repeats: float

    @property
    def clusters(self) -> int:
        return len(np.unique(self.cluster))

    @property
    def problems(self) -> int:
        return len(np.unique(self.problem))

    def variances(self) -> Variances:
        """The variances.

        Raises:
            BadInput: There are too few clusters, or none differs from another.
        """
        if self.clusters < 2:
            raise BadInput("pilot: answers on fewer than two problems; allowed: two or more")
        found = planning.variances(
            self.value, self.cluster, self.wording, noise=self.noise or 0.0, repeats=self.repeats
        )
        if not found.between + found.wording + found.noise > 1e-12:
            raise BadInput(
                "pilot: no problem differs from another, so there is no variance to plan with; "
                "allowed: a pilot with right and wrong answers, or --accuracy instead"
            )
        return found

    def about(self, pilots: Sequence[tuple[RunRecord, pa.Table]]) -> str:
        models = " and ".join(record.model for record, _ in pilots)
        return f"pilot of {models}: {self.problems} problems, {len(self.value)} items"

    def notes(self) -> list[str]:
        """What the pilot cannot tell, and how roughly it tells the rest."""
        found = []
        if self.noise is None:
            found.append(
                "the pilot asked each item once: decoding noise cannot be told from how problems "
                "and wordings interact, and repeats are promised to help nothing"
            )
        codes = np.unique(self.cluster, return_inverse=True)[1]
        means = np.bincount(codes, weights=self.value) / np.bincount(codes)
        if np.ptp(means) > 1e-12:
            rough = 2 * planning.variance_error(means)
            found.append(
                f"from {self.clusters} problems the variance, and with it every number of problems "
                f"here, may be off by {rough:.0%}"
            )
        return found


def _answers(record: RunRecord, scores: pa.Table, split: str) -> _Answers:
    if not scores.num_rows:
        raise BadInput(f"pilot: {record.id} has no answers yet; allowed: runs with answers")
    items: Items = read_items(scores)
    kept = items.split.at(split) & items.scored
    if not kept.any():
        raise BadInput(f"pilot: {record.id} has no scored answer on {split}; allowed: a run of it")
    rows = scores.filter(pa.array(_scored(scores, split)))
    value = rows.column("value").to_numpy()
    noise = planning.repeat_variance(value, labels(rows, "item").codes)
    answered = (items.repeats - items.unscored)[kept]
    return _Answers(
        key=np.array(items.uid.to_pylist())[kept],
        value=items.value[kept],
        cluster=items.cluster[kept],
        wording=items.wording.codes[kept],
        problem=items.problem[kept],
        noise=noise,
        repeats=float(1 / (1 / answered).mean()),
    )


def _check_pair(pilots: Sequence[tuple[RunRecord, pa.Table]]) -> None:
    (a, _), (b, _) = pilots
    if a.edition != b.edition:
        raise BadInput(
            f"pilot: {a.id} asked {a.edition}, {b.id} asked {b.edition}; "
            "allowed: two runs of one edition (one suite, seed, limit)"
        )
    if (a.model, dict(a.identity)) == (b.model, dict(b.identity)):
        raise BadInput(f"pilot: both runs are of {a.model}; allowed: one run of each of two models")


def _paired(read: Sequence[_Answers]) -> _Answers:
    """The differences on the items that both pilots scored."""
    a, b = read
    _, left, right = np.intersect1d(a.key, b.key, return_indices=True)
    if not len(left):
        raise BadInput(
            "pilot: the two runs scored no item in common; allowed: runs that share items"
        )
    noise, held = None, 0.0
    if a.noise is not None and b.noise is not None:
        noise, held = a.noise + b.noise, a.noise / a.repeats + b.noise / b.repeats
    return replace(
        a,
        key=a.key[left],
        value=a.value[left] - b.value[right],
        cluster=a.cluster[left],
        wording=a.wording[left],
        problem=a.problem[left],
        noise=noise,
        repeats=noise / held if noise and held else 1.0,
    )


def _scored(scores: pa.Table, split: str) -> np.ndarray:
    """Which rows are scored answers on the split, shape (rows,), bool."""
    return labels(scores, "split").at(split) & ~scores.column("value").is_null().to_numpy()


def _cost(record: RunRecord, scores: pa.Table, split: str, known: Cost) -> Cost:
    """Of one answer of the pilot; `known` where the pilot does not tell."""
    here = _scored(scores, split)

    def mean(name: str) -> float:
        return float(scores.column(name).to_numpy()[here].mean())

    tokens, usd = (mean("input_tokens"), mean("output_tokens")), mean("cost_usd")
    counted = tokens[0] > 0
    return Cost(
        input_tokens=tokens[0] if counted else known.input_tokens,
        output_tokens=tokens[1] if counted else known.output_tokens,
        usd=usd if usd > 0 else None,
        seconds=known.seconds or (record.wall_s / scores.num_rows or None),
        about="as in the pilot" if counted else known.about,
    )


def _together(costs: Sequence[Cost]) -> Cost:
    """Of one answer of each model."""
    usd = [cost.usd for cost in costs if cost.usd is not None]
    seconds = [cost.seconds for cost in costs if cost.seconds is not None]
    return Cost(
        input_tokens=sum(cost.input_tokens for cost in costs),
        output_tokens=sum(cost.output_tokens for cost in costs),
        usd=sum(usd) if len(usd) == len(costs) else None,
        seconds=sum(seconds) if len(seconds) == len(costs) else None,
        about=costs[0].about,
    )
