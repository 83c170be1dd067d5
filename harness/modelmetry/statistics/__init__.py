"""Statistics: arrays in, estimates out; knows nothing of models or items.

| subject | modules |
|---|---|
| one number | `proportions`, `means`, `ratios`, `stratified`, `missing`, `grouped` |
| its interval | `clustered` standard errors; `resampling`, `wild_bootstrap` |
| comparisons on the same items | `pairs`, `paired_tests`, `paired_proportions`, `equivalence`, `ranks` |
| gaps between sets, and many of them pooled | `balanced`, `meta_analysis` |
| groups over two crossed kinds of clusters | `two_way`, `crossed_clusters`, `conditional_logit`, `marginal_effects` |
| single items and outside scores by group | `differential_functioning`, `correlation` |
| many tests at once | `multiplicity` |
| uncertainty budget | `designs`, `components` (by `quadratic` forms or `reml`), `budget` |
| gauge R&R and the D-study | `gauge`, `generalizability` |
| tolerance and planning | `tolerance`, `planning` |
| stopping at will | `betting`, `sequential` |
| difficulty | `psychometric`, `logistic`, `staircase`, `item_response`, `saturation` |
| drift | `charts`, `control_rules`, `run_lengths`, `e_detectors`, `drift` |
| models that predict yes or no | `ridge_logistic`, `partitions`; their scores: `ranking`, `classification`, `calibration_error`, `refitting` |
| whether a text was seen in its order | `ordering` |
| judges and deployment | `misclassification`, `prediction_powered`, `agreement`; `deployment` |

Results are `estimate.Estimate` and others of their kind; `checks` refuses what cannot be used, and
`distributions` has the quantiles and tails.
"""

from modelmetry.statistics import (
    agreement,
    balanced,
    betting,
    budget,
    calibration_error,
    charts,
    classification,
    clustered,
    components,
    conditional_logit,
    control_rules,
    correlation,
    crossed_clusters,
    deployment,
    designs,
    differential_functioning,
    drift,
    e_detectors,
    equivalence,
    gauge,
    generalizability,
    grouped,
    item_response,
    logistic,
    marginal_effects,
    means,
    meta_analysis,
    misclassification,
    missing,
    multiplicity,
    ordering,
    paired_proportions,
    paired_tests,
    pairs,
    partitions,
    planning,
    prediction_powered,
    proportions,
    psychometric,
    quadratic,
    ranking,
    ranks,
    ratios,
    refitting,
    reml,
    resampling,
    ridge_logistic,
    run_lengths,
    saturation,
    sequential,
    staircase,
    stratified,
    tolerance,
    two_way,
    wild_bootstrap,
)
from modelmetry.statistics.estimate import Comparison, Equivalence, Estimate
from modelmetry.statistics.multiplicity import holm

__all__ = [
    "Comparison",
    "Equivalence",
    "Estimate",
    "agreement",
    "balanced",
    "betting",
    "budget",
    "calibration_error",
    "charts",
    "classification",
    "clustered",
    "components",
    "conditional_logit",
    "control_rules",
    "correlation",
    "crossed_clusters",
    "deployment",
    "designs",
    "differential_functioning",
    "drift",
    "e_detectors",
    "equivalence",
    "gauge",
    "generalizability",
    "grouped",
    "holm",
    "item_response",
    "logistic",
    "marginal_effects",
    "means",
    "meta_analysis",
    "misclassification",
    "missing",
    "multiplicity",
    "ordering",
    "paired_proportions",
    "paired_tests",
    "pairs",
    "partitions",
    "planning",
    "prediction_powered",
    "proportions",
    "psychometric",
    "quadratic",
    "ranking",
    "ranks",
    "ratios",
    "refitting",
    "reml",
    "resampling",
    "ridge_logistic",
    "run_lengths",
    "saturation",
    "sequential",
    "staircase",
    "stratified",
    "tolerance",
    "two_way",
    "wild_bootstrap",
]
