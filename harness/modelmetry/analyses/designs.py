"""Scores laid out by the factors they were taken under: what variance components are read from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from modelmetry.analyses.table import check, labels
from modelmetry.items import content_hash
from modelmetry.runs.record import RunRecord
from modelmetry.statistics.components import Components, variance_components

NESTED = {"problem": "edition"}
"""Every edition draws problems of its own."""

CLUSTERED = {"cluster": "edition", "problem": "cluster"}
"""The same where several problems were drawn together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The scored answers of some runs on one split; all arrays have shape (n,).

    Attributes:
        values: Scores in [0, 1].
        factors: `problem`, `wording`, `edition`, `model`, `back end`, and `cluster` where it is not
            the problem.
        nested: Factors whose levels split into those of another.
    """

    values: np.ndarray
    factors: Mapping[str, np.ndarray]
    nested: Mapping[str, str]

    def components(self, terms: Sequence[str]) -> Components:
        """Variance components, those of clusters beside those of problems where they differ.

        Args:
            terms: What has a variance.
        """
        clustered = []
        if "cluster" in self.factors:
            clustered = ["cluster", "model:cluster"] if "model" in terms else ["cluster"]
        named = {*_factors(terms), *self.nested, *self.nested.values()}
        factors = {name: labels for name, labels in self.factors.items() if name in named}
        return variance_components(
            self.values, factors, [*terms, *clustered], nested=dict(self.nested)
        )


def _factors(terms: Sequence[str]) -> list[str]:
    return [name for term in terms for name in term.split(":")]


def lay_out(
    runs: Sequence[tuple[RunRecord, pa.Table]], split: str, *, back_ends: bool = False
) -> Layout | None:
    """The answers of some runs on a split, unscored ones left out; None where there are under two.

    Runs of one model with the same options are the same model, asked again.

    Args:
        runs: One or more scored runs of one suite.
        split: The split's label.
        back_ends: Whether the runs asked one model, each through a back end of its own.
    """
    parts = [_part(record, table, split, back_ends) for record, table in runs]
    parts = [part for part in parts if len(part["value"])]
    if sum(len(part["value"]) for part in parts) < 2:
        return None
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    values = joined.pop("value").astype(np.float64)
    clustered = len(np.unique(joined["cluster"])) < len(np.unique(joined["problem"]))
    if not clustered:
        del joined["cluster"]
    return Layout(values=values, factors=joined, nested=CLUSTERED if clustered else NESTED)


def _part(record: RunRecord, table: pa.Table, split: str, back_ends: bool) -> dict[str, np.ndarray]:
    check(table)
    scored = labels(table, "split").at(split) & table.column("value").is_valid().to_numpy()
    kept = table.filter(pa.array(scored))
    wording = labels(kept, "wording")
    names = np.array([*wording.names, ""], dtype=object)
    identity = f"{record.model} {content_hash(record.identity)[:8]}"
    return {
        "value": kept.column("value").to_numpy(),
        "problem": _texts(kept, "problem"),
        "cluster": _texts(kept, "cluster"),
        "wording": names[wording.codes].astype(str),
        "edition": np.full(kept.num_rows, record.edition),
        "model": np.full(kept.num_rows, "one model" if back_ends else identity),
        "back end": np.full(kept.num_rows, identity if back_ends else "one back end"),
    }


def _texts(table: pa.Table, name: str) -> np.ndarray:
    found = labels(table, name)
    return np.array([*found.names, ""])[found.codes]
