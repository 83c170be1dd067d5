"""Control charts: baselines, standardized changes, rules, and run lengths."""

from __future__ import annotations

import math

import numpy as np
import pytest
from benchmarks.calibrations import charts as calibration
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics import charts, run_lengths
from modelmetry.statistics.charts import Baseline, baseline, control_chart, standardized
from modelmetry.statistics.control_rules import CUSUM, EWMA, Rule, Shewhart
from modelmetry.statistics.run_lengths import average_run_length, limit_for

RULES = (Shewhart(), EWMA(), CUSUM())


def rng() -> np.random.Generator:
    """The same draws for every test."""
    return np.random.default_rng(1)


def brook_and_evans(rule: EWMA | CUSUM, shift: float, states: int = 200) -> float:
    """Average run length of a two-sided chart from a Markov chain of midpoints."""
    from scipy.stats import norm

    h = rule.threshold
    if isinstance(rule, EWMA):
        width = 2 * h / states
        middles = -h + width * (np.arange(states) + 0.5)
        reach = np.subtract.outer(middles, (1 - rule.weight) * middles).T
        chain = norm.cdf((reach + width / 2) / rule.weight - shift)
        chain -= norm.cdf((reach - width / 2) / rule.weight - shift)
        lengths = np.linalg.solve(np.eye(states) - chain, np.ones(states))
        return float(np.interp(0.0, middles, lengths))
    sides = []
    for mean in (shift, -shift):
        # The first state is 0 and half as wide, since nothing lies below it.
        width = 2 * h / (2 * states - 1)
        middles = width * np.arange(states)
        reach = np.subtract.outer(middles, middles).T + rule.slack - mean
        chain = norm.cdf(reach + width / 2) - norm.cdf(reach - width / 2)
        chain[:, 0] = norm.cdf(reach[:, 0] + width / 2)
        sides.append(np.linalg.solve(np.eye(states) - chain, np.ones(states))[0])
    return float(1 / sum(1 / side for side in sides))


@pytest.mark.parametrize("shift", [0.0, 1.0])
@pytest.mark.parametrize(
    "rule", [EWMA(), EWMA(limit=2.814), EWMA(weight=0.2), CUSUM(), CUSUM(limit=4)]
)
def test_run_lengths_are_those_of_a_markov_chain(rule: EWMA | CUSUM, shift: float) -> None:
    """Simulated run lengths agree with Brook and Evans (1972) within Monte Carlo error."""
    found = average_run_length(rule, shift=shift, rng=rng(), runs=1000)
    assert found.std_error is not None
    assert abs(found.value - brook_and_evans(rule, shift)) < 4 * found.std_error


@pytest.mark.parametrize(
    ("rule", "shift", "published"),
    [
        (CUSUM(limit=4), 0.0, 168),
        (CUSUM(limit=5), 0.0, 465),
        (CUSUM(limit=4), 1.0, 8.38),
        (CUSUM(limit=5), 1.0, 10.4),
        (EWMA(limit=2.814, weight=0.1), 0.0, 500),
    ],
)
def test_run_lengths_published(rule: EWMA | CUSUM, shift: float, published: float) -> None:
    """The twin gives Montgomery's table 9.3 and Lucas and Saccucci (1990), so the simulation does."""
    assert brook_and_evans(rule, shift) == pytest.approx(published, rel=0.005)


@pytest.mark.parametrize("shift", [0.0, 1.0, 3.0])
def test_run_length_of_shewhart(shift: float) -> None:
    """Shewhart's run length is one over the chance of an alarm: 370.4 without a shift."""
    from scipy.stats import norm

    exact = 1 / (norm.sf(3 - shift) + norm.cdf(-3 - shift))
    found = average_run_length(Shewhart(), shift=shift, rng=rng(), runs=4000)
    assert found.std_error is not None
    assert abs(found.value - exact) < 4 * found.std_error


def test_limit_is_set_for_a_run_length() -> None:
    """The limit for 370.4 nights of Shewhart's chart is 3, and that for 465 of a CUSUM is 5."""
    assert limit_for(Shewhart(limit=1), 370.4, rng=rng(), runs=1000).limit == pytest.approx(
        3, abs=0.06
    )
    assert limit_for(CUSUM(), 168, rng=rng(), runs=1000).limit == pytest.approx(4, abs=0.15)


def test_charts_that_never_end_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that is hardly reached is an error, and one that is reached seldom a warning."""
    monkeypatch.setattr(run_lengths, "MOST_NIGHTS", 100_000)
    with pytest.raises(ValueError, match=r"limit: 9 alarms 0 times in .*allowed: lower ones"):
        average_run_length(Shewhart(limit=9), rng=rng(), runs=1000)


def test_runs_cut_off_give_nights_per_alarm() -> None:
    """Charts cut off before they alarmed still tell how many nights an alarm takes."""
    lengths, alarmed = run_lengths._simulated(Shewhart(), 0.0, 2000, rng(), 400_000)
    assert 0 < alarmed.sum() < 2000
    assert lengths.sum() / alarmed.sum() == pytest.approx(370.4, rel=0.1)


def test_ewma_of_the_nist_handbook() -> None:
    """The example of the NIST/SEMATECH e-Handbook, 6.3.2.4: averages and limits."""
    values = [52.0, 47.0, 53.0, 49.3, 50.1, 47.0, 51.0, 50.1, 51.2, 50.5]
    values += [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]
    published = [50.60, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33]
    published += [50.11, 49.36, 49.52, 50.05, 49.38, 49.92, 50.73, 51.23, 51.94, 51.99]
    s = 2.0539
    chart = control_chart(
        values,
        np.full(20, s),
        reference=Baseline(center=50.0),
        rule=EWMA(limit=3.0, weight=0.3),
        rng=rng(),
        runs=100,
    )
    assert 50 + s * chart.upper == pytest.approx(published, abs=0.0051)
    assert 50 + s * chart.limit == pytest.approx(52.5884, abs=2e-4)
    assert 50 - s * chart.limit == pytest.approx(47.4115, abs=2e-4)
    assert chart.first is None


def test_cusum_of_a_textbook() -> None:
    """Table 16-8 of Montgomery and Runger, Applied statistics: the tabular CUSUM of concentrations."""
    values = [102.0, 94.8, 98.3, 98.4, 102.0, 98.5, 99.0, 97.7, 100.0, 98.1]
    values += [101.3, 98.7, 101.1, 98.4, 97.0, 96.7, 100.3, 101.4, 97.2, 101.0]
    upper = [2, 0, 0, 0, 2, 0.5, 0, 0, 0, 0, 1.3, 0, 1.1, 0, 0, 0, 0.3, 1.7, 0, 1]
    lower = [0, 3.2, 2.9, 2.5, 0, 0, 0, 0.3, 0, 0, 0, 0, 0, 0, 1, 2.3, 0, 0, 0.8, 0]
    chart = control_chart(
        values,
        np.ones(20),
        reference=Baseline(center=99.0),
        rule=CUSUM(limit=3.0, slack=1.0),
        rng=rng(),
        runs=100,
    )
    assert chart.upper == pytest.approx(upper, abs=1e-9)
    assert chart.lower == pytest.approx(lower, abs=1e-9)
    assert chart.first == 1


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30), st.sampled_from(RULES))
@settings(deadline=None, max_examples=40)
def test_charts_are_their_slow_twins(z: list[float], rule: Rule) -> None:
    """Both sides, the alarms and the symmetry of up and down are those of the rules as loops."""
    found = control_chart(
        z, np.ones(len(z)), reference=Baseline(center=0), rule=rule, rng=rng(), runs=2
    )
    up = down = 0.0
    alarms = []
    for night, value in enumerate(z):
        if isinstance(rule, Shewhart):
            up, down, limit = value, -value, rule.limit
        elif isinstance(rule, EWMA):
            up = rule.weight * value + (1 - rule.weight) * up
            down, limit = -up, rule.limit * math.sqrt(rule.weight / (2 - rule.weight))
        else:
            up, down = max(0, up + value - rule.slack), max(0, down - value - rule.slack)
            limit = rule.limit
        assert (found.upper[night], found.lower[night]) == pytest.approx((up, down), abs=1e-12)
        if up > limit or down > limit:
            alarms.append(night)
    assert found.alarms == tuple(alarms)
    assert found.first == (alarms[0] if alarms else None)
    turned = control_chart(
        [-value for value in z],
        np.ones(len(z)),
        reference=Baseline(center=0),
        rule=rule,
        rng=rng(),
        runs=2,
    )
    assert turned.upper == pytest.approx(found.lower, abs=1e-12)


def test_a_chart_states_its_run_length_and_passes_warnings_on() -> None:
    """The chart carries the simulated run length of its rule, and the baseline's warnings."""
    reference = baseline([0.5, 0.6], [0.1, 0.1])
    chart = control_chart([0.5], [0.1], reference=reference, rng=rng(), runs=500)
    assert chart.rule == CUSUM()
    assert chart.run_length.value == average_run_length(CUSUM(), rng=rng(), runs=500).value
    assert "2 nights" in chart.warnings[0]


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(0.1, 2)), min_size=2, max_size=20))
@settings(deadline=None, max_examples=40)
def test_baseline_solves_its_equation(nights: list[tuple[float, float]]) -> None:
    """The weighted squares equal their degrees of freedom, or are fewer without any extra variance."""
    values, errors = np.array(nights).T
    found = baseline(values, errors)
    weights = 1 / (errors**2 + found.between**2)
    assert found.center == pytest.approx(weights @ values / weights.sum(), abs=1e-9)
    assert found.error == pytest.approx(weights.sum() ** -0.5)
    squares = weights @ (values - found.center) ** 2
    if found.between > 0:
        assert squares == pytest.approx(len(values) - 1, rel=1e-6)
    else:
        assert squares <= len(values) - 1 + 1e-9


def test_between_of_equal_errors_is_the_excess_variance() -> None:
    """With equal errors it is the variance of the nights less that within them."""
    values = rng().normal(0, 2, 200)
    found = baseline(values, np.ones(200))
    assert found.between**2 == pytest.approx(values.var(ddof=1) - 1)
    assert found.nights == 200


def test_nights_that_resemble_their_neighbors_warn() -> None:
    """A slowly wandering baseline is named, for its alarms come too soon."""
    found = baseline(np.sin(np.arange(50) / 8), np.full(50, 0.1))
    assert "resemble" in found.warnings[0]
    assert baseline(rng().normal(size=50), np.full(50, 1.0)).warnings == ()


def test_standardized_changes_are_recursive_residuals() -> None:
    """Each change is from the weighted mean of baseline and nights before, over its own error."""
    values, errors = rng().normal(size=30), rng().uniform(0.5, 2, 30)
    weights = 1 / errors**2
    center = weights[:10] @ values[:10] / weights[:10].sum()
    reference = Baseline(center=center, error=weights[:10].sum() ** -0.5, nights=10)
    for night, z in enumerate(standardized(values[10:], errors[10:], reference), start=10):
        before = weights[:night] @ values[:night] / weights[:night].sum()
        error = math.sqrt(errors[night] ** 2 + 1 / weights[:night].sum())
        assert z == pytest.approx((values[night] - before) / error)


def test_a_known_center_stays() -> None:
    """A baseline without error is not moved by what comes after."""
    assert standardized([1, 2, 3], [1, 2, 1], Baseline(center=1)) == pytest.approx([0, 0.5, 2])
    extra = Baseline(center=0, between=math.sqrt(3))
    assert standardized([2], [1], extra) == pytest.approx([1])


def test_an_estimated_spread_has_the_tail_of_t() -> None:
    """Where the spread between nights was estimated, z is as far out as t with nights - 1 df."""
    from scipy.stats import norm, t

    reference = Baseline(center=0, between=1, nights=6)
    z = standardized([3, -1, 0, 1e9], np.full(4, 1e-9), reference)
    assert norm.sf(z[:2]) == pytest.approx(t.sf([3, -1], 5))
    assert z[2] == 0
    assert math.isfinite(z[3])


@pytest.mark.parametrize(
    ("values", "errors", "line"),
    [
        ([], [], "values: no values"),
        ([1.0, math.nan], [1, 1], "values: value 1 is nan"),
        ([1.0], [1, 1], "errors: 2 values; allowed: 1"),
        ([1.0, 2.0], [1, 0], "errors: that of night 1 is 0.0; allowed: above 0"),
        ([1.0, 2.0], [1.0, 1e-200], "errors: that of night 1 is 1e-200; allowed: above 0"),
    ],
)
def test_bad_nights(values: list[float], errors: list[float], line: str) -> None:
    """Nights without a usable standard error are refused."""
    for function in (baseline, lambda v, e: standardized(v, e, Baseline(center=0))):
        with pytest.raises(ValueError, match=line):
            function(values, errors)


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: baseline([1.0], [1.0]), "values: 1 night; allowed: 2 or more"),
        (lambda: Baseline(center=math.nan), "center: nan"),
        (lambda: Baseline(center=0, between=-1), "between: -1"),
        (lambda: Shewhart(limit=0), "limit: 0; allowed: numbers above 0"),
        (lambda: EWMA(weight=0), "weight: 0; allowed: above 0, at most 1"),
        (lambda: CUSUM(slack=-1), "slack: -1; allowed: numbers from 0"),
        (
            lambda: average_run_length(CUSUM(), rng=rng(), runs=1),
            "runs: 1; allowed: whole numbers from 2",
        ),
        (lambda: average_run_length(CUSUM(), rng=rng(), shift=math.inf), "shift: inf"),
        (lambda: average_run_length(CUSUM(), rng=rng(), level=1), "level: 1"),
        (lambda: limit_for(CUSUM(), 1, rng=rng()), "run_length: 1; allowed: 10 to 10,000"),
    ],
)
def test_bad_arguments(make, line: str) -> None:
    """Arguments out of range are refused in one line."""
    with pytest.raises(ValueError, match=line):
        make()


def test_calibration_holds() -> None:
    """The quick cases of the calibration hold, and some of them are claimed."""
    cases = list(calibration.cases(60, seed=3, quick=True))
    assert [case for case in cases if case.surely_breaks()] == []
    assert sum(case.claimed for case in cases) > 10
    assert charts.FEW_NIGHTS <= 40
