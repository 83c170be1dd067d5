"""Planning against slow twins, other people's power and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from modelmetry.statistics import pairs, planning, proportions
from modelmetry.statistics.components import variance_components
from modelmetry.statistics.planning import Design, Variances

PARTS = st.builds(
    Variances,
    between=st.floats(0.01, 0.3),
    wording=st.floats(0, 0.3),
    noise=st.floats(0, 0.3),
)


@pytest.mark.parametrize(
    ("accuracy", "effect", "n"),
    [(0.5, 0.1, 200), (0.7, 0.1, 190), (0.9, 0.05, 400), (0.6, 0.15, 90)],
)
def test_power_of_one_model_is_that_of_all_counts(accuracy: float, effect: float, n: int) -> None:
    """Summed over every number of right answers, the interval leaves out a number toward 1/2."""
    parts = Variances(between=accuracy * (1 - accuracy))
    found = planning.power(effect, parts, Design(clusters=n), paired=False)
    twin = 0.0
    for k in range(n + 1):
        low, high = proportions.wilson_bounds(k / n, n, float(stats.t.ppf(0.975, n - 1)))
        if not low <= accuracy - effect <= high:
            twin += float(stats.binom.pmf(k, n, accuracy))
    assert found == pytest.approx(twin, abs=0.03)


def slow_paired_power(gain: float, loss: float, n: int) -> float:
    """The chance that McNemar's score test finds a difference, by every number of wins and losses."""
    wins, losses = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    ties = n - wins - losses
    possible = ties >= 0
    counts = np.stack([wins[possible], losses[possible], ties[possible]], axis=1)
    weights = stats.multinomial.pmf(counts, n, [gain, loss, 1 - gain - loss])
    apart, scattered = counts[:, 0] - counts[:, 1], counts[:, 0] + counts[:, 1]
    return float(weights[apart**2 > stats.norm.ppf(0.975) ** 2 * scattered].sum())


@pytest.mark.parametrize(
    ("gain", "loss", "n"), [(0.2, 0.1, 150), (0.15, 0.1, 200), (0.12, 0.04, 110), (0.3, 0.2, 90)]
)
def test_paired_power_is_that_of_all_outcomes(gain: float, loss: float, n: int) -> None:
    """For single right-or-wrong answers the approximation is within 3 points of the sum."""
    parts = Variances(between=gain + loss - (gain - loss) ** 2)
    found = planning.power(gain - loss, parts, Design(clusters=n))
    assert found == pytest.approx(slow_paired_power(gain, loss, n), abs=0.03)


@pytest.mark.parametrize(("psi", "delta", "n"), [(0.2, 0.05, 5000), (0.06, 0.05, 180)])
def test_paired_power_is_miettinen_s_formula(psi: float, delta: float, n: int) -> None:
    """The power is Miettinen's, written in shares of discordant pairs, with t for the normal."""
    found = planning.power(delta, Variances(between=psi - delta**2), Design(clusters=n), level=0.99)
    z = stats.t.ppf(0.995, n - 1)
    top = math.sqrt(n * psi) * delta - z * psi
    twin = stats.norm.cdf(top / math.sqrt(psi**2 - delta**2 * (3 + psi) / 4))
    assert found == pytest.approx(twin, abs=1e-6)


def test_the_parts_of_a_mean_are_shared_out() -> None:
    """Wordings divide their interaction, wordings and repeats together the noise, by hand."""
    parts = Variances(between=0.1, wording=0.06, noise=0.24)
    assert parts.total == pytest.approx(0.4)
    assert parts.of_mean(Design(clusters=9, wordings=3, repeats=2)) == pytest.approx(0.16)


@given(PARTS, st.integers(2, 5), st.integers(2, 5), st.booleans())
@settings(deadline=None, max_examples=40)
def test_more_of_anything_finds_no_less(
    parts: Variances, wordings: int, repeats: int, paired: bool
) -> None:
    """More clusters, wordings or repeats never lower the power of a detectable effect."""
    few = Design(clusters=60)
    effect = planning.detectable(parts, few, paired=paired)
    assert effect is not None
    for more in (
        Design(clusters=90),
        Design(clusters=60, wordings=wordings),
        Design(clusters=60, repeats=repeats),
    ):
        assert planning.power(effect, parts, more, paired=paired) >= 0.8 - 1e-9


@given(PARTS, st.floats(0.02, 0.3), st.sampled_from([0.5, 0.8, 0.95]), st.booleans())
@settings(deadline=None, max_examples=40)
def test_the_clusters_needed_are_the_fewest(
    parts: Variances, effect: float, power: float, paired: bool
) -> None:
    """With one cluster fewer the power is missed, with these it is reached."""
    n = planning.clusters_needed(effect, parts, 2, 2, power=power, paired=paired)
    assert n is not None

    def reached(clusters: int) -> float:
        design = Design(clusters=clusters, wordings=2, repeats=2)
        return planning.power(effect, parts, design, paired=paired)

    assert reached(n) >= power
    assert n == 2 or reached(n - 1) < power


@given(PARTS, st.integers(20, 2000), st.booleans())
@settings(deadline=None, max_examples=40)
def test_the_detectable_effect_has_the_power(parts: Variances, n: int, paired: bool) -> None:
    """The smallest detectable effect is found with just the wanted power."""
    design = Design(clusters=n, wordings=3)
    effect = planning.detectable(parts, design, power=0.9, paired=paired)
    assert effect is not None
    assert planning.power(effect, parts, design, paired=paired) == pytest.approx(0.9, abs=1e-6)


def test_the_detectable_effect_is_what_a_comparison_reports() -> None:
    """With many pairs and a small effect the plan agrees with `pairs.compare`."""
    rng = np.random.default_rng(3)
    a, b = (rng.random((2, 4000)) < 0.6).astype(float)
    found = pairs.compare(a, b, names=("a", "b"), rng=rng).detectable
    parts = Variances(between=float((a - b).var(ddof=1)))
    assert planning.detectable(parts, Design(clusters=4000)) == pytest.approx(found, rel=0.01)


def test_nothing_is_found_where_nothing_can_be() -> None:
    """One cluster has no power; four outright wins cannot reach 5 %; a tiny effect needs all."""
    parts = Variances(between=0.2)
    assert planning.power(0.5, parts, Design(clusters=1)) == 0
    assert planning.detectable(parts, Design(clusters=4)) is None
    assert planning.clusters_needed(1e-7, parts) is None
    assert planning.power(0.9, parts, Design(clusters=30), paired=False) == pytest.approx(1)


@given(st.floats(0.2, 0.8), st.floats(-0.2, 0.8), st.floats(0, 0.05))
@settings(deadline=None, max_examples=60)
def test_stated_accuracies_give_the_variance_of_the_difference(
    accuracy: float, correlation: float, effect: float
) -> None:
    """The variance is that of the four outcomes with these margins and this correlation."""
    parts = planning.binary(accuracy, correlation, effect)
    p, q = accuracy + effect / 2, accuracy - effect / 2
    both = p * q + correlation * math.sqrt(p * (1 - p) * q * (1 - q))
    gain, loss = p - both, q - both
    assert parts.total == pytest.approx(gain + loss - effect**2, abs=1e-12)
    assert min(gain, loss) >= -1e-9


def simulated(n: int, wordings: int, repeats: int, rng: np.random.Generator) -> np.ndarray:
    """Scores of known variances 0.09, 0.04 and 0.16, shape (n, wordings, repeats)."""
    problem = rng.normal(0, 0.3, (n, 1, 1))
    both = rng.normal(0, 0.2, (n, wordings, 1))
    shared = np.linspace(0, 1, wordings)[None, :, None]
    return problem + both + shared + rng.normal(0, 0.4, (n, wordings, repeats))


def test_a_pilot_tells_the_variances() -> None:
    """Components of a large balanced pilot come out, wordings' own effects aside."""
    n, wordings, repeats = 4000, 3, 2
    scores = simulated(n, wordings, repeats, np.random.default_rng(1))
    noise = planning.repeat_variance(scores.ravel(), np.arange(n * wordings).repeat(repeats))
    assert noise is not None
    assert noise == pytest.approx(0.16, rel=0.05)
    found = planning.variances(
        scores.mean(axis=2).ravel(),
        np.arange(n).repeat(wordings),
        np.tile(np.arange(wordings), n),
        noise=noise,
        repeats=repeats,
    )
    assert found.between == pytest.approx(0.09, rel=0.1)
    assert found.wording == pytest.approx(0.04, rel=0.2)


@given(st.integers(3, 30), st.integers(2, 4), st.integers(0, 1000))
@settings(deadline=None, max_examples=40)
def test_the_variances_put_together_are_that_of_the_means(n: int, wordings: int, seed: int) -> None:
    """At the pilot's own design the parts give back the variance of its cluster means."""
    scores = simulated(n, wordings, 1, np.random.default_rng(seed))[:, :, 0]
    found = planning.variances(
        scores.ravel(), np.arange(n).repeat(wordings), np.tile(np.arange(wordings), n)
    )
    of_means = scores.mean(axis=1).var(ddof=1)
    together = found.of_mean(Design(clusters=n, wordings=wordings))
    assert together >= of_means - 1e-12
    if found.between > 0:
        assert together == pytest.approx(of_means)


def test_the_variances_are_those_of_a_two_way_table() -> None:
    """Mean squares of four problems in three wordings, worked out as textbooks do."""
    table = np.array([[1.0, 0.8, 0.9], [0.2, 0.5, 0.1], [0.6, 0.3, 0.6], [0.9, 0.9, 0.4]])
    rows, columns = table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True)
    rest = ((table - rows - columns + table.mean()) ** 2).sum() / (3 * 2)
    between = (3 * rows.var(ddof=1) - rest) / 3
    found = planning.variances(table.ravel(), np.arange(4).repeat(3), np.tile(np.arange(3), 4))
    assert found.wording == pytest.approx(rest)
    assert found.between == pytest.approx(between)


def test_several_problems_of_a_cluster_are_averaged() -> None:
    """Four problems of a scene count as one score of it, and their noise is a quarter."""
    rng = np.random.default_rng(2)
    values = rng.random((50, 1, 4))
    found = planning.variances(
        values.ravel(), np.arange(50).repeat(4), np.zeros(200), noise=0.02, repeats=1
    )
    twin = planning.variances(values.mean(axis=2).ravel(), None, np.zeros(50), noise=0.005)
    assert found.between == pytest.approx(twin.between)
    assert found.noise == pytest.approx(twin.noise)


def test_single_answers_tell_no_noise() -> None:
    """Without a repeat there is no variance of repeats."""
    assert planning.repeat_variance([0, 1, 1], ["x", "y", "z"]) is None
    assert planning.repeat_variance([0, 1, 1], ["x", "x", "z"]) == pytest.approx(0.5)


def test_another_model_alike_doubles_what_is_not_shared() -> None:
    """Between and wording shrink with the correlation, noise never does."""
    found = Variances(between=0.1, wording=0.02, noise=0.05).paired(0.5)
    assert (found.between, found.wording, found.noise) == pytest.approx((0.1, 0.02, 0.1))


def test_designs_come_cheapest_first() -> None:
    """Where a cluster is dear, repeats win; where only answers cost, clusters do."""
    parts = Variances(between=0.02, wording=0.05, noise=0.2)
    ways = {"wordings": (1, 2, 4), "repeats": (1, 4)}
    for cost, best in ((0.0, (1, 1)), (100.0, (4, 4))):
        found = planning.designs(0.05, parts, **ways, cluster_cost=cost)
        assert len(found) == 6
        assert (found[0].wordings, found[0].repeats) == best
        prices = [design.clusters * cost + design.answers for design in found]
        assert prices == sorted(prices)


def test_the_variance_s_own_error_is_that_of_many_samples() -> None:
    """The relative error of a variance from 400 skewed numbers is what 2,000 such samples show."""
    rng = np.random.default_rng(5)
    samples = rng.exponential(size=(2000, 400))
    spread = samples.var(axis=1).std() / samples.var(axis=1).mean()
    assert planning.variance_error(rng.exponential(size=200_000)) * math.sqrt(500) == (
        pytest.approx(spread, rel=0.15)
    )


def test_few_against_are_counted() -> None:
    """A hundred pairs, of which 15 are won and 5 lost, have 5 against."""
    parts = Variances(between=0.2 - 0.01)
    assert planning.against(0.1, parts, 100) == pytest.approx(5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Variances(between=-0.1), "between: -0.1"),
        (lambda: Variances(between=math.nan), "between: nan"),
        (lambda: Design(clusters=0), "clusters: 0; allowed: whole numbers from 1"),
        (lambda: Variances(between=1).paired(1.0), "correlation: 1.0"),
        (lambda: planning.power(0.1, Variances(between=0), Design(clusters=9)), "one variance"),
        (
            lambda: planning.power(0.1, Variances(between=1), Design(clusters=9), level=1),
            "level: 1",
        ),
        (lambda: planning.clusters_needed(0.0, Variances(between=1)), "effect: 0.0"),
        (lambda: planning.clusters_needed(0.1, Variances(between=1), power=0.04), "power: 0.04"),
        (lambda: planning.clusters_needed(0.1, Variances(between=1), 0), "wordings: 0"),
        (lambda: planning.binary(0.9, 0.0, 0.3), "effect: 0.3; allowed: 0 to 0.2"),
        (lambda: planning.binary(0.9, 0.95, 0.1), "correlation: 0.95; allowed"),
        (lambda: planning.binary(1.0, 0.5), "accuracy: 1.0"),
        (lambda: planning.variances([0.1, 0.2], ["x", "x"], ["p", "q"]), "clusters: 1"),
        (lambda: planning.variances([0.1, 0.2], None, ["p"]), "wordings: shape"),
        (lambda: planning.variances([0.1, 0.2], None, ["p", "p"], noise=-1), "noise, repeats: -1"),
        (lambda: planning.repeat_variance([math.nan], ["x"]), "values: value 0 is nan"),
        (lambda: planning.variance_error([0.5, 0.5]), "all are equal"),
    ],
)
def test_bad_input_is_one_line(call, words: str) -> None:
    """What is wrong and what is allowed."""
    with pytest.raises(ValueError, match=words) as error:
        call()
    assert "\n" not in str(error.value)


def test_variances_are_the_components_of_a_balanced_pilot() -> None:
    """Cluster, wording and residual by `components`, less the noise that repeats have shown."""
    rng = np.random.default_rng(12)
    effects = rng.normal(size=(30, 1)) + rng.normal(size=(1, 3)) + rng.normal(size=(30, 3))
    cluster, wording = np.arange(30).repeat(3), np.tile(np.arange(3), 30)
    found = planning.variances(effects.ravel(), cluster, wording, noise=0.2, repeats=2)
    factors = {"cluster": cluster, "wording": wording}
    twin = variance_components(effects.ravel(), factors, ["cluster", "wording"])
    assert found.between == pytest.approx(twin["cluster"].variance)
    assert found.wording == pytest.approx(twin["residual"].variance - 0.1)
