"""Probes of a memorization study, made as arrays: features, categories and outcomes of a known law."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from modelmetry.analyses.memorization.probes import Probes

CATEGORIES = ("recitation", "reconstruction", "recollection")

TEMPLATES = ("none", "repeating", "incrementing")

THRESHOLD = 5
"""More duplicates than this are a recitation."""


def simulated(
    n: int,
    rng: np.random.Generator,
    *,
    features: int = 4,
    turned: float = 0.0,
    rate: float = -1.5,
    twins: bool = False,
) -> Probes:
    """Probes whose extraction follows a logistic law of the first four features.

    Args:
        n: Planted sequences.
        rng: Draws everything.
        features: How many there are, 1 to 14: log2(1 + duplicates), entropy, repeating, incrementing,
            and what extraction does not depend on.
        turned: By how much the slope of the entropy differs: more for recitation, less for
            reconstruction; 0 for one law of all.
        rate: Log odds of what is not copied, has no template and is of mean entropy.
        twins: Whether each has a twin, extracted as if there were no copies.
    """
    copies = 2 ** rng.integers(0, 7, n)
    template = rng.choice(3, n, p=(0.6, 0.2, 0.2))
    place = np.where(copies > THRESHOLD, 0, np.where(template > 0, 1, 2))
    entropy = rng.normal(size=n)
    slope = -0.7 + turned * np.array([1.0, -1.0, 0.0])[place]
    logits = rate + 0.4 * np.log2(1 + copies) + 0.8 * (template > 0) + slope * entropy
    made = {
        "duplicates": np.log2(1.0 + copies),
        "entropy": entropy,
        "repeating": (template == 1) * 1.0,
        "incrementing": (template == 2) * 1.0,
        **_others(n, rng),
    }
    extracted = (rng.random(n) < expit(logits)) * 1.0
    sides = 2 if twins else 1
    if twins:
        unseen = (rng.random(n) < expit(logits - 0.4 * np.log2(1 + copies) - 2)) * 1.0
        extracted = np.concatenate([extracted, unseen])
    inserted = np.arange(sides * n) < n
    kept = {name: np.tile(made[name], sides) for name in list(made)[:features]}
    return Probes(
        task="memorization", wording="whole", k=32, threshold=THRESHOLD,
        problem=np.arange(sides * n).astype(str), cluster=np.tile(np.arange(n), sides),
        inserted=inserted, canary=np.zeros(sides * n, dtype=bool),
        duplicates=np.tile(copies, sides) * inserted, planned=np.tile(copies, sides),
        template=np.tile(np.array(TEMPLATES)[template], sides),
        category=np.tile(np.array(CATEGORIES)[place], sides),
        extracted=extracted, prefix=extracted, edits=1 - extracted, features=kept,
        continuation_logprob=np.full(sides * n, np.nan), other={},
    )  # fmt: skip


def _others(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Features that extraction does not depend on: token frequencies, perplexities, counts."""
    tokens = np.exp(rng.normal(8, 2, size=(n, 16)))
    low, median, high = np.quantile(tokens, (0.25, 0.5, 0.75), axis=1)
    return {
        "frequency_max": tokens.max(axis=1),
        "frequency_mean": tokens.mean(axis=1),
        "frequency_min": tokens.min(axis=1),
        "frequency_median": median,
        "frequency_p25": low,
        "frequency_p75": high,
        "prompt_perplexity": np.exp(rng.normal(3, 1, n)),
        "near": rng.poisson(1.0, n) * 1.0,
        "code_length": rng.normal(4, 0.5, n),
        "position": rng.random(n),
    }
