"""A contamination study: what runs of one model say about whether it has seen a published edition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from modelmetry.analyses.contamination.asked import GENERATOR, editions_of, read_asked
from modelmetry.analyses.contamination.canary import CanaryFound, find_canary
from modelmetry.analyses.contamination.frozen import ALL, Difference, frozen_less_fresh
from modelmetry.analyses.contamination.order import OrderFound, find_order
from modelmetry.analyses.contamination.rows import RowsFound, find_rows
from modelmetry.errors import BadInput
from modelmetry.items import content_hash
from modelmetry.runs.record import RunRecord
from modelmetry.statistics import Comparison
from modelmetry.statistics.multiplicity import holm
from modelmetry.suites import Suite

ALPHA = 0.05
"""Error rate of all tests of a model together."""

Scored = tuple[RunRecord, pa.Table]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The edition that is asked about.

    Attributes:
        name: Its name.
        suite: Its suite.
        seed: Its seed.
        canary: Whether it has a canary.
    """

    name: str
    suite: Suite
    seed: int
    canary: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One test of whether the model has seen the edition.

    Attributes:
        test: `score`, `canary`, `rows` or `order`.
        p: One-sided p-value of a model that has not.
        p_adjusted: The same by Holm over the tests of the model.
    """

    test: str
    p: float
    p_adjusted: float

    @property
    def shown(self) -> bool:
        """Whether it tells the model from one that has not seen the edition."""
        return self.p_adjusted < ALPHA


@dataclass(frozen=True, slots=True, kw_only=True)
class ContaminationStudy:
    """What the runs of one model say.

    Attributes:
        model: Its spec.
        edition: The edition's name.
        frozen: Published less fresh scores, all primary splits first; empty without both kinds of runs.
        canary: Of the edition's canary; None where it was not asked.
        rows: Extraction of rows, the first wording first; empty where it was not asked.
        order: The order test; None without log-probabilities.
        signals: The tests that could be made.
        missing: What could not be said, and what it takes: one line each.
        warnings: Reasons for care, one sentence each.
    """

    model: str
    edition: str
    frozen: tuple[Difference, ...]
    canary: CanaryFound | None
    rows: tuple[RowsFound, ...]
    order: OrderFound | None
    signals: tuple[Signal, ...]
    missing: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def shown(self) -> tuple[Signal, ...]:
        """The tests that show something, the surest first."""
        return tuple(sorted((s for s in self.signals if s.shown), key=lambda s: s.p))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Runs:
    """The runs of one model: on the published edition, on fresh ones, and of the suite contamination."""

    frozen: list[Scored]
    fresh: list[Scored]
    asked: list[Scored]


def studies(
    runs: Sequence[Scored], edition: Published, *, seed: int = 0
) -> tuple[ContaminationStudy, ...]:
    """One study per model, in the order of the runs.

    Args:
        runs: Runs of the published edition, of the same suite with other seeds, and of the suite
            contamination about that edition; one or more.
        edition: The edition.
        seed: Of the resampling.

    Raises:
        BadInput: A run is none of these, or a model has two runs of the published edition or two of
            the suite contamination.
    """
    sorted_runs: dict[str, _Runs] = {}
    for record, scores in runs:
        mine = sorted_runs.setdefault(record.model, _Runs(frozen=[], fresh=[], asked=[]))
        kind = _kind(record, scores, edition)
        getattr(mine, kind).append((record, scores))
    return tuple(_study(model, mine, edition, seed) for model, mine in sorted_runs.items())


def _kind(record: RunRecord, scores: pa.Table, edition: Published) -> str:
    """Which of the three kinds a run is of."""
    if any(task.generator == GENERATOR for task in record.suite.tasks):
        if edition.name in (about := editions_of(scores)):
            return "asked"
        raise BadInput(
            f"{record.id}: asks about {', '.join(sorted(about)) or 'no edition'}; allowed: runs about "
            f"{edition.name} (modelmetry run contamination -T edition=FOLDER)"
        )
    if record.edition == edition.name:
        return "frozen"
    suite = edition.suite
    if (record.suite.name, record.suite.version) != (suite.name, suite.version):
        raise BadInput(
            f"{record.id}: a run of {record.suite.name} version {record.suite.version}; allowed: runs of "
            f"{suite.name} version {suite.version}, or of contamination"
        )
    if record.seed == edition.seed:
        raise BadInput(
            f"{record.id}: has the seed of the published edition but asked {record.edition}; allowed: the "
            "edition itself (modelmetry run FOLDER), or other seeds"
        )
    if _made(record.suite) != _made(suite):
        raise BadInput(
            f"{record.id}: its problems were made in another way than those of {edition.name}; allowed: runs "
            "with the same version and options of the generators"
        )
    return "fresh"


def _made(suite: Suite) -> list[tuple[str, str, str]]:
    return [(task.name, task.fingerprint, content_hash(task.prompts)) for task in suite.tasks]


def _study(model: str, runs: _Runs, edition: Published, seed: int) -> ContaminationStudy:
    for name, what in (("frozen", "the published edition"), ("asked", "the suite contamination")):
        if len(found := getattr(runs, name)) > 1:
            ids = " and ".join(record.id for record, _ in found)
            raise BadInput(f"{model}: two runs of {what}, {ids}; allowed: one of each model")
    rng = np.random.default_rng(seed)
    frozen: tuple[Difference, ...] = ()
    if runs.frozen and runs.fresh:
        record, scores = runs.frozen[0]
        labels = record.suite.primary or tuple(scores.column("split").unique().to_pylist())
        frozen = frozen_less_fresh(scores, [table for _, table in runs.fresh], labels, rng)
    canary, rows, order = None, (), None
    if runs.asked:
        scores = runs.asked[0][1]
        canary = find_canary(read_asked(scores, "canary", edition.name))
        rows = find_rows(read_asked(scores, "rows", edition.name), rng)
        order = find_order(read_asked(scores, "order", edition.name))
    return ContaminationStudy(
        model=model,
        edition=edition.name,
        frozen=frozen,
        canary=canary,
        rows=rows,
        order=order,
        signals=_signals(frozen, canary, rows, order),
        missing=tuple(_missing(runs, edition, canary, rows, order)),
        warnings=tuple(dict.fromkeys(_warnings(runs, frozen, rows, order))),
    )


def _signals(
    frozen: tuple[Difference, ...],
    canary: CanaryFound | None,
    rows: tuple[RowsFound, ...],
    order: OrderFound | None,
) -> tuple[Signal, ...]:
    found: dict[str, float] = {}
    if frozen:
        found["score"] = _one_sided(frozen[0].comparison)
    if canary is not None and canary.p is not None:
        found["canary"] = canary.p
    if rows and rows[0].comparison is not None:
        found["rows"] = _one_sided(rows[0].comparison)
    if order is not None and order.main is not None and order.main.p is not None:
        found["order"] = order.main.p
    adjusted = holm(list(found.values())) if found else []
    return tuple(
        Signal(test=test, p=p, p_adjusted=float(q))
        for (test, p), q in zip(found.items(), adjusted, strict=True)
    )


def _one_sided(found: Comparison) -> float:
    """p-value of no advantage, from that of no difference."""
    return found.p / 2 if found.difference.value > 0 else 1 - found.p / 2


def _missing(
    runs: _Runs,
    edition: Published,
    canary: CanaryFound | None,
    rows: tuple[RowsFound, ...],
    order: OrderFound | None,
) -> list[str]:
    """What could not be said, and what it takes."""
    said = []
    if not (runs.frozen and runs.fresh):
        lacking = [
            what
            for what, there in (
                ("a run of the edition's folder", runs.frozen),
                (f"a run of {edition.suite.name} with another --seed", runs.fresh),
            )
            if not there
        ]
        said.append(f"no difference of scores: it takes {' and '.join(lacking)}")
    if not runs.asked:
        said.append("no canary, rows or order: they take a run of the suite contamination")
        return said
    if canary is None:
        why = "the run did not ask it" if edition.canary else "the edition was made without one"
        said.append(f"no canary: {why}")
    elif canary.p is None:
        said.append("no exposure of the canary: it takes log-probabilities (--logprobs target)")
    if not rows:
        said.append("no rows: none was asked, or none could be scored")
    elif rows[0].comparison is None:
        said.append("no controls of the rows: they take -T fresh=FOLDER")
    if order is None:
        said.append("no order test: it takes log-probabilities (--logprobs target)")
    elif order.main is None:
        said.append(
            "no order test: it takes two blocks whose rows could have come in another order, or a fresh "
            "edition (-T fresh=FOLDER)"
        )
    return said


def _warnings(
    runs: _Runs,
    frozen: tuple[Difference, ...],
    rows: tuple[RowsFound, ...],
    order: OrderFound | None,
) -> list[str]:
    said = []
    told: Mapping[str, object] = {}
    for record, _ in [*runs.frozen, *runs.fresh, *runs.asked]:
        if record.status != "finished":
            said.append(f"{record.id} is {record.status}")
        told = told or record.identity
        if dict(record.identity) != dict(told):
            said.append(f"{record.id} has other options of the model than the first run")
    scored = [*runs.frozen, *runs.fresh]
    if len({content_hash([record.sampling, record.repeats]) for record, _ in scored}) > 1:
        said.append("the runs on published and fresh editions differ in sampling or repeats")
    if shared := sum(each.shared for each in frozen if each.split != ALL):
        said.append(f"{shared} fresh items are in the published edition, too, and were left out")
    if alone := [each.split for each in frozen if not each.paired]:
        said.append(
            f"clusters of the editions do not match, so items are not paired: {', '.join(alone)}"
        )
    if frozen:
        said += frozen[0].comparison.difference.warnings
    if rows and rows[0].unscored:
        said.append(f"rows: {rows[0].unscored} answers could not be scored")
    if order is not None:
        if order.incomplete:
            said.append(f"order: {order.incomplete} blocks have no log-probability in some order")
        if order.main is not None:
            said += [f"order: {warning}" for warning in order.main.gain.warnings]
        if order.fresh is not None and order.fresh.p is not None and order.fresh.p < ALPHA:
            said.append(
                "order: fresh blocks gain in their own order, too, so the gain of published blocks alone "
                "shows nothing"
            )
    return said
