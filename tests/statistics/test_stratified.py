"""Stratified and post-stratified means."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics import means, stratified

WEIGHTS = {"a": 2, "b": 1, "c": 1}
SAMPLES = st.lists(st.tuples(st.floats(0, 1), st.sampled_from("abc")), min_size=6, max_size=40).map(
    lambda rows: [*rows, *((0.5, s) for s in "aabbcc")]
)


@given(SAMPLES)
@settings(deadline=None, max_examples=50)
def test_independent_items_are_the_textbook(sample: list[tuple[float, str]]) -> None:
    """Value and variance are those of Cochran (1977), sections 5.3 and 5.4; df as Satterthwaite's."""
    values, strata = np.array([v for v, _ in sample]), np.array([s for _, s in sample])
    found = stratified.stratified_mean(values, strata, WEIGHTS, bounds=None)
    chosen = stratified.post_stratified_mean(values, strata, WEIGHTS, bounds=None)
    parts = {s: values[strata == s] for s in WEIGHTS}
    value = sum(w / 4 * parts[s].mean() for s, w in WEIGHTS.items())
    variances = {s: (w / 4) ** 2 * parts[s].var(ddof=1) / len(parts[s]) for s, w in WEIGHTS.items()}
    total = sum(variances.values())
    assert found.value == chosen.value == pytest.approx(value)
    assert found.std_error == pytest.approx(math.sqrt(total), abs=1e-9)
    assert chosen.std_error == pytest.approx(math.sqrt(total), abs=1e-9)
    if total > 1e-9 and found.low is not None:
        from scipy.stats import t

        within = {s: len(parts[s]) - 1 for s in WEIGHTS}
        df = total**2 / sum(v**2 / (within[s] + 2) for s, v in variances.items()) - 2
        df = min(sum(within.values()), max(min(within.values()), df))
        half = t.ppf(0.975, df) * math.sqrt(total)
        assert found.low == pytest.approx(value - half, abs=1e-6)


def test_one_stratum_is_the_mean() -> None:
    """With one stratum both are the clustered mean, interval and all."""
    rng = np.random.default_rng(0)
    values, clusters = rng.random(60) < 0.7, rng.integers(0, 20, 60)
    plain = means.mean(values, clusters)
    for method in (stratified.stratified_mean, stratified.post_stratified_mean):
        found = method(values, np.zeros(60, dtype=int), {0: 5.0}, clusters)
        assert found.std_error == pytest.approx(plain.std_error)
        assert (found.low, found.high) == pytest.approx((plain.low, plain.high))


def test_clusters_within_strata_are_their_slow_twin() -> None:
    """Each stratum's clustered variance, as `means.mean` has it, weighted and added."""
    rng = np.random.default_rng(1)
    strata = np.repeat(["a", "b", "c"], [30, 20, 10])
    values, clusters = rng.random(60), np.arange(60) // 3
    clusters[strata == "b"] = 100 + np.arange(20) // 3
    clusters[strata == "c"] = 200 + np.arange(10) // 3
    found = stratified.stratified_mean(values, strata, WEIGHTS, clusters)
    parts = {s: means.mean(values[strata == s], clusters[strata == s]) for s in WEIGHTS}
    squares = [(w / 4 * (parts[s].std_error or 0)) ** 2 for s, w in WEIGHTS.items()]
    assert found.std_error == pytest.approx(math.sqrt(sum(squares)))
    assert found.warnings == ()


def test_weights_undo_unequal_sampling() -> None:
    """Where hard problems are drawn too often, the weights give the population's mean back."""
    values = np.array([1] * 9 + [0] + [1] * 10 + [0] * 30)
    strata = np.repeat(["easy", "hard"], [10, 40])
    found = stratified.stratified_mean(values, strata, {"easy": 0.8, "hard": 0.2})
    assert found.value == pytest.approx(0.8 * 0.9 + 0.2 * 0.25)
    assert found.method.startswith("stratified mean of 2 strata; clustered Wilson interval")


def test_strata_of_one_cluster() -> None:
    """Two or more are collapsed, as if they were one stratum; one alone leaves no interval."""
    values = np.array([0.2, 0.4, 0.9, 0.5, 0.7])
    found = stratified.stratified_mean(values, np.arange(5), dict.fromkeys(range(5), 1))
    assert found.std_error == pytest.approx(values.std(ddof=1) / math.sqrt(5))
    assert found.warnings == ("5 strata have one cluster each and are collapsed into one",)
    for method in (stratified.stratified_mean, stratified.post_stratified_mean):
        alone = method(values, ["a"] * 4 + ["b"], {"a": 1, "b": 1})
        assert (alone.std_error, alone.low) == (None, None)
        assert alone.warnings == ("stratum 'b' has one cluster: there is no interval",)


def test_clusters_over_several_strata() -> None:
    """They are refused of fixed strata; of chance ones their strata's deviations add up."""
    values, strata = [1, 0, 1, 1, 0, 0], ["a", "b"] * 3
    with pytest.raises(ValueError, match="one lies in several strata"):
        stratified.stratified_mean(values, strata, {"a": 1, "b": 1}, [0, 0, 1, 1, 2, 2])
    found = stratified.post_stratified_mean(values, strata, {"a": 1, "b": 1}, [0, 0, 1, 1, 2, 2])
    # Both strata hold all three clusters: the mean over pairs, as if each pair were one number.
    assert found.std_error == pytest.approx(np.std([0.5, 1, 0], ddof=1) / math.sqrt(3))


@pytest.mark.parametrize(
    ("weights", "match"),
    [
        ({"a": 1}, "weights: 'b' differ; allowed: those of the strata"),
        ({"a": 1, "b": 1, "c": 1}, "weights: 'c' differ"),
        ({"a": 1, "b": 0}, "weights: 0.0; allowed: above 0"),
        ({"a": 1, "b": math.inf}, "weights: value 1 is inf"),
    ],
)
def test_refused(weights: dict[str, float], match: str) -> None:
    """Weights must be positive and those of the strata that were drawn from."""
    for method in (stratified.stratified_mean, stratified.post_stratified_mean):
        with pytest.raises(ValueError, match=match):
            method([1, 0, 1, 0], ["a", "a", "b", "b"], weights)
