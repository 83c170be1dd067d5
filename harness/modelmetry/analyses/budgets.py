"""Uncertainty budgets of a run: what the uncertainty of an accuracy is made of, and what it leaves out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from modelmetry.analyses.designs import lay_out
from modelmetry.analyses.measures import LEVEL, Row
from modelmetry.runs.record import RunRecord
from modelmetry.statistics import Estimate
from modelmetry.statistics.budget import Budget, budget

TERMS = ("problem", "wording", "problem:wording", "edition")
"""What has a variance in the scores of one model; the residual is decoding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitBudget:
    """The budget of the accuracy on one split.

    Attributes:
        split: The split's label.
        whole: For any wording of this kind: the effects of wordings count.
        narrow: For the wordings that were used.
        n: Scored answers.
        problems: Problems among them.
    """

    split: str
    whole: Budget
    narrow: Budget
    n: int
    problems: int


def find_budgets(
    runs: Sequence[tuple[RunRecord, pa.Table]], splits: Sequence[str], *, back_ends: bool = False
) -> list[SplitBudget]:
    """The budget of one model's accuracy on each split that has two or more scored answers.

    Args:
        runs: One or more runs of the same model and suite; several editions show their effect.
        splits: Labels.
        back_ends: Whether each run asked the model through a back end of its own.
    """
    found = []
    for split in splits:
        layout = lay_out(runs, split, back_ends=back_ends)
        if layout is None:
            continue
        components = layout.components([*TERMS, "back end"] if back_ends else TERMS)
        found.append(
            SplitBudget(
                split=split,
                whole=budget(components, level=LEVEL),
                narrow=budget(components, fixed=["wording"], level=LEVEL),
                n=components.n,
                problems=round(components.sizes["problem"] * components.sizes["edition"]),
            )
        )
    return found


def budget_rows(budgets: Sequence[SplitBudget]) -> Iterator[Row]:
    """Each contribution, and the combined uncertainty with its interval."""
    for found in budgets:
        for line in found.whole.lines:
            yield Row(
                split=found.split,
                kind="standard uncertainty",
                of=line.name,
                estimate=_known(found, line.std_uncertainty, f"{found.whole.method}; contribution"),
            )
        for name, part in (("any wording", found.whole), ("these wordings", found.narrow)):
            if part.low is None or part.high is None:
                continue
            df = 0.0 if part.df is None else part.df
            yield Row(
                split=found.split,
                kind="accuracy with combined uncertainty",
                of=name,
                estimate=Estimate(
                    value=part.value,
                    std_error=part.std_uncertainty,
                    low=max(0.0, part.low),
                    high=min(1.0, part.high),
                    level=part.level,
                    n=found.n,
                    clusters=found.problems,
                    method=f"{part.method}, {df:.3g} df",
                    warnings=part.warnings,
                ),
            )


def _known(found: SplitBudget, value: float, method: str) -> Estimate:
    return Estimate(
        value=value,
        std_error=None,
        low=None,
        high=None,
        level=LEVEL,
        n=found.n,
        clusters=found.problems,
        method=method,
    )
