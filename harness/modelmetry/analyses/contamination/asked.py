"""What a run of the suite contamination was asked and answered, as arrays by kind of question."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelmetry.analyses.table import labels

GENERATOR = "contamination"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """The answers to one split; all arrays have shape (n,).

    Attributes:
        wordings: Names of the wordings, in the order in which they were asked.
        wording: Code of each.
        problem: Problem uids.
        index: The problem's place in its split's stream.
        cluster: Names of the units drawn independently.
        place: Task, split and perhaps wording of the edition.
        published: Whether it stands in the published edition, bool.
        order: 0 for the published order, from 1 for others.
        exchangeable: Whether the other orders were as likely, bool.
        extracted: 1 where the continuation came back word for word, 0 where not, NaN where the instrument
            failed.
        shown: Natural log-probability of the text shown; NaN without one.
        target: The same of the continuation after it.
    """

    wordings: tuple[str, ...]
    wording: np.ndarray
    problem: np.ndarray
    index: np.ndarray
    cluster: np.ndarray
    place: np.ndarray
    published: np.ndarray
    order: np.ndarray
    exchangeable: np.ndarray
    extracted: np.ndarray
    shown: np.ndarray
    target: np.ndarray

    def __len__(self) -> int:
        return len(self.wording)

    @property
    def has_target(self) -> bool:
        """Whether there is any log-probability of a continuation."""
        return bool(np.isfinite(self.target).any())


def editions_of(scores: pa.Table) -> set[str]:
    """Names of the editions that a run of the suite contamination asked about."""
    found = {json.loads(text).get("edition", "") for text in labels(scores, "factors").names}
    return found - {""}


def read_asked(scores: pa.Table, split: str, edition: str) -> Asked:
    """The answers to a split about an edition.

    Args:
        scores: Scores of a run of the suite contamination, in its plan's order.
        split: `canary`, `rows` or `order`.
        edition: The edition's name.
    """
    factors = labels(scores, "factors")
    levels = [json.loads(text) for text in factors.names]
    kinds = {"canary": ("canary", "reference"), "rows": ("row",), "order": ("block",)}[split]
    mine = np.array([of.get("kind") in kinds and of.get("edition") == edition for of in levels])
    kept = mine[factors.codes] if len(levels) else np.zeros(0, dtype=bool)
    part = scores.filter(pa.array(kept))
    codes = factors.codes[kept]
    wording = labels(part, "wording")

    def level(name: str, kind: type) -> np.ndarray:
        return np.array([of.get(name, 0) for of in levels], dtype=kind)[codes]

    return Asked(
        wordings=wording.names,
        wording=wording.codes,
        problem=np.array(part.column("problem").to_pylist(), dtype=object),
        index=part.column("index").to_numpy(),
        cluster=np.array(part.column("cluster").to_pylist(), dtype=object),
        place=level("place", object),
        published=level("inserted", bool),
        order=level("order", int),
        exchangeable=level("exchangeable", bool),
        extracted=_floats(part, "value"),
        shown=_floats(part, "shown_logprob"),
        target=_floats(part, "target_logprob"),
    )


def _floats(table: pa.Table, name: str) -> np.ndarray:
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    return pc.fill_null(table.column(name).cast(pa.float64()), np.nan).to_numpy()
