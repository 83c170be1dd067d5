"""One number of a run: what it is called, and how it is taken from the items."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from modelmetry.analyses.table import Items
from modelmetry.statistics import Estimate, means

LEVEL = 0.95
"""Confidence level of every interval."""

Kind = Literal[
    "accuracy",
    "accuracy among answered",
    "balanced accuracy",
    "stratified accuracy",
    "chance",
    "constant answer",
    "accuracy if unscored wrong",
    "accuracy if unscored right",
    "wording",
    "wording spread",
    "wording difference",
    "level",
    "outcome",
    "contrast",
    "chance-adjusted contrast",
    "difficulty threshold",
    "difficulty slope",
    "lapse rate",
    "headroom",
    "errors divisible",
    "standard uncertainty",
    "accuracy with combined uncertainty",
    "systematicity gap",
    "pooled systematicity gap",
    "heterogeneity of gaps",
    "systematicity gap by diversity",
    "systematicity gap per doubling",
    "difference in differences",
    "pooled difference in differences",
    "quad gap",
    "cell gap",
    "constant answer gap",
    "refusal rate",
    "corrected refusal rate",
    "refusal rate if unjudged comply",
    "refusal rate if unjudged refuse",
    "over-refusal",
    "under-refusal",
    "refusal contrast",
    "corrected refusal contrast",
    "refusal odds ratio",
    "marginal refusal effect",
    "A/A noise floor",
    "sycophancy",
    "corrected sycophancy",
    "guardrail conservatism",
    "corrected guardrail conservatism",
    "conservatism correlation",
    "conservatism rank correlation",
    "classifier accuracy",
    "classifier agreement",
    "extraction rate",
    "prefix recovered",
    "edit distance",
    "share of extracted",
    "counterfactual memorization",
    "duplicates at half",
    "canary exposure",
    "dependence on feature",
    "prediction of extraction",
    "gain of prediction",
    "log odds of extraction",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number of a run.

    Attributes:
        split: The split's label; `a - b` for a contrast, the task's name where it spans splits.
        kind: The family of the estimand.
        of: What tells it from others of its kind: the wording, `digits=2`, the contrast's name.
        estimate: The number and its uncertainty. `unscored` counts answers, not items.
    """

    split: str
    kind: Kind
    of: str = ""
    estimate: Estimate

    @property
    def estimand(self) -> str:
        """What is estimated, in words: `accuracy`, `accuracy: plain`, `accuracy | digits=2`."""
        if self.kind == "wording":
            return f"accuracy: {self.of}"
        if self.kind == "level":
            return f"accuracy | {self.of}"
        return f"{self.kind}: {self.of}" if self.of else self.kind

    @property
    def value(self) -> float:
        """The estimate's value."""
        return self.estimate.value

    @property
    def ci_low(self) -> float | None:
        """Lower end of the interval, or None."""
        return self.estimate.low

    @property
    def ci_high(self) -> float | None:
        """Upper end of the interval, or None."""
        return self.estimate.high

    @property
    def n_items(self) -> int:
        """Items that entered."""
        return self.estimate.n

    @property
    def n_clusters(self) -> int:
        """Independently drawn units among them."""
        return self.estimate.clusters

    @property
    def n_unscored(self) -> int:
        """Answers that the instrument failed to read."""
        return self.estimate.unscored


def item_mean(items: Items, values: np.ndarray, where: np.ndarray) -> Estimate:
    """Mean of one number per item over the chosen items, clustered.

    Args:
        items: The run's items.
        values: In [0, 1], shape (n,).
        where: Which items, shape (n,), bool; at least one.
    """
    found = means.mean(values[where], clusters=items.cluster[where], level=LEVEL)
    return replace(found, unscored=int(items.unscored[where].sum()))


def accuracy(items: Items, where: np.ndarray) -> Estimate | None:
    """Mean score of the chosen items that could be scored; None where none could.

    Args:
        items: The run's items.
        where: Which of them, shape (n,), bool.
    """
    kept = where & items.scored
    if not kept.any():
        return None
    found = item_mean(items, items.value, kept)
    return replace(found, unscored=int(items.unscored[where].sum()))


def known(value: float, like: Estimate, method: str) -> Estimate:
    """A number that is computed rather than sampled: it has no interval, and says so."""
    return replace(
        like, value=value, std_error=None, low=None, high=None, method=method, warnings=()
    )
