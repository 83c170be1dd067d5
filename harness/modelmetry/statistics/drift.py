"""What moved: the model, the judge, the test or the secrecy of the anchors, told by contrasts.

Every night the model and a check standard (a known model that never changes) answer fresh items and
frozen ones, the anchors. A change can enter in four places:

| change in the score of            | model moved | judge moved | test got harder | anchors leaked |
|-----------------------------------|-------------|-------------|-----------------|----------------|
| model on fresh items              | yes         | yes         | down            | -              |
| model on anchors                  | yes         | yes         | -               | up             |
| check standard on fresh items     | -           | yes         | down            | -              |
| check standard on anchors         | -           | yes         | -               | -              |
| judge's agreement with its labels | -           | yes         | -               | -              |

so that each explanation has a contrast of its own, which the others leave at 0:

| explanation     | contrast                                                  | supported by  |
|-----------------|-----------------------------------------------------------|---------------|
| judge moved     | agreement with labels; check standard on anchors          | either, not 0 |
| test got harder | check standard: fresh less anchors                        | below 0       |
| model moved     | fresh items: model less check standard                    | not 0         |
| anchors leaked  | anchors less fresh, of the model less the check standard's | above 0      |

A model that forgot the anchors (last contrast below 0) or a test that got easier are named as such.
Source: check standards as in the NIST/SEMATECH e-Handbook of statistical methods, section 2.1.2;
frozen against fresh items as in Zhang et al. (2024), arXiv 2405.00332.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from modelmetry.statistics.checks import fraction
from modelmetry.statistics.distributions import t_p_value, two_sided
from modelmetry.statistics.estimate import Estimate
from modelmetry.statistics.multiplicity import holm

JUDGE_MOVED = "judge moved"
HARDER = "test got harder"
EASIER = "test got easier"
MODEL_MOVED = "model moved"
LEAKED = "anchors leaked"
FORGOT = "anchors fell behind"
NOTHING = "nothing moved"
UNKNOWN = "cannot be told"

_CONTRASTS: tuple[tuple[str, dict[str, int]], ...] = (
    (JUDGE_MOVED, {"judge": 1}),
    (JUDGE_MOVED, {"check_anchors": 1}),
    (HARDER, {"check_fresh": 1, "check_anchors": -1}),
    (MODEL_MOVED, {"model_fresh": 1, "check_fresh": -1}),
    (LEAKED, {"model_anchors": 1, "model_fresh": -1, "check_anchors": -1, "check_fresh": 1}),
)
"""The module's second table: explanation, and sign of each change in its contrast."""

_OTHER_WAY = {HARDER: EASIER, LEAKED: FORGOT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """How much each series changed from its baseline to tonight, with its error.

    Anchors are the same items on both sides: their change is `pairs.difference`. Fresh items are not:
    theirs is `means.difference_of_means`. The errors of the five are taken as independent; where model
    and check standard share the luck of the items, the contrasts are safer than stated.

    Attributes:
        model_fresh: The model on fresh items.
        model_anchors: The model on the anchors.
        check_fresh: The check standard on fresh items.
        check_anchors: The check standard on the anchors.
        judge: Agreement of the judge with a frozen labeled set; None where there is no judge.
    """

    model_fresh: Estimate
    model_anchors: Estimate
    check_fresh: Estimate
    check_anchors: Estimate
    judge: Estimate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One explanation and the contrast that it alone moves.

    Attributes:
        explanation: What the contrast would support if it were not 0.
        estimate: The contrast, in the unit of the scores.
        p: Two-sided p-value of 0.
        p_adjusted: `p` corrected for all contrasts of the night by Holm.
        supported: Whether `p_adjusted` is below alpha.
        ruled_out: Whether the contrast lies within the margin: its interval at level 1 - 2 alpha
            does (two one-sided tests).
    """

    explanation: str
    estimate: Estimate
    p: float
    p_adjusted: float
    supported: bool
    ruled_out: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """What the data say moved.

    Attributes:
        verdicts: The supported explanations; else `nothing moved` where all are ruled out, or
            `cannot be told`.
        contrasts: All contrasts of the night.
        warnings: Reasons for care, one sentence each.
    """

    verdicts: tuple[str, ...]
    contrasts: tuple[Contrast, ...]
    warnings: tuple[str, ...] = ()


def attribute(changes: Changes, *, margin: float, alpha: float = 0.05) -> Attribution:
    """Say which explanations of a change the data support; the module's tables are the rules.

    All contrasts are tested as one family, so that with probability 1 - alpha nothing is
    blamed that did not move. "Nothing moved" is said only where every contrast is shown to be
    smaller than the margin: Schuirmann (1987), Journal of Pharmacokinetics and Biopharmaceutics 15,
    657-680.

    Args:
        changes: Change of each series.
        margin: Largest contrast that counts as none, > 0, in the unit of the scores.
        alpha: Probability of blaming what did not move, in (0, 1/2).

    Raises:
        ValueError: The margin or alpha is out of range, or a change has neither a standard
            error above 0 nor an interval.
    """
    fraction("alpha", alpha, below=0.5)
    if not 0 < margin < math.inf:
        raise ValueError(f"margin: {margin}; allowed: numbers above 0")
    found = [
        (explanation, *_contrast(explanation, signs, changes, 1 - alpha))
        for explanation, signs in _CONTRASTS
        if changes.judge is not None or "judge" not in signs
    ]
    p_values = [t_p_value(e.value / (e.std_error or 1.0), df) for _, e, df in found]
    contrasts = []
    for (name, estimate, df), p, adjusted in zip(found, p_values, holm(p_values), strict=True):
        half = two_sided(1 - 2 * alpha, df) * (estimate.std_error or 0.0)
        up = estimate.value > 0
        contrast = Contrast(
            explanation=_OTHER_WAY.get(name, name) if up == (name == HARDER) else name,
            estimate=estimate,
            p=p,
            p_adjusted=float(adjusted),
            supported=bool(adjusted < alpha),
            ruled_out=abs(estimate.value) + half < margin,
        )
        contrasts.append(contrast)
    verdicts = dict.fromkeys(c.explanation for c in contrasts if c.supported)
    if not verdicts:
        verdicts = {NOTHING if all(c.ruled_out for c in contrasts) else UNKNOWN: None}
    warnings = []
    if changes.judge is None:
        warnings.append("no labeled set: a judge that moved for the model alone would not be seen")
    if JUDGE_MOVED in verdicts:
        warnings.append(
            "the judge moved: the other contrasts hold only if it moved alike for model and check"
            " standard"
        )
    return Attribution(
        verdicts=tuple(verdicts), contrasts=tuple(contrasts), warnings=tuple(warnings)
    )


def _contrast(
    explanation: str, signs: dict[str, int], changes: Changes, level: float
) -> tuple[Estimate, float]:
    """A sum of changes with Satterthwaite's degrees of freedom."""
    terms: list[Estimate] = [getattr(changes, name) for name in signs]
    variances = [_error(name, term) ** 2 for name, term in zip(signs, terms, strict=True)]
    total = sum(variances)
    shares = [v**2 / max(1, c.clusters - 1) for v, c in zip(variances, terms, strict=True)]
    df = total**2 / sum(shares)
    value = float(sum(sign * term.value for sign, term in zip(signs.values(), terms, strict=True)))
    half = two_sided(level, df) * math.sqrt(total)
    written = " ".join(f"{'+' if sign > 0 else '-'} {name}" for name, sign in signs.items())
    estimate = Estimate(
        value=value,
        std_error=math.sqrt(total),
        low=value - half,
        high=value + half,
        level=level,
        n=sum(term.n for term in terms),
        clusters=sum(term.clusters for term in terms),
        unscored=sum(term.unscored for term in terms),
        method=f"{explanation}: {written.removeprefix('+ ')}; t interval, {df:.1f} df",
    )
    return estimate, df


def _error(name: str, change: Estimate) -> float:
    """Standard error of a change; where it is 0, what the interval allows for stands for it."""
    error = change.std_error
    if error == 0 and change.low is not None and change.high is not None:
        quantile = two_sided(change.level, max(1, change.clusters - 1))
        error = max(change.high - change.value, change.value - change.low) / quantile
    if error is None or not 0 < error < math.inf or not math.isfinite(change.value):
        raise ValueError(
            f"{name}: {change.value} with standard error {error}; allowed: finite, with a standard"
            " error above 0 or an interval"
        )
    return error
