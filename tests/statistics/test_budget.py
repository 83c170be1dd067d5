"""Uncertainty budgets against the GUM's own examples and against plain formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics.budget import Source, budget, welch_satterthwaite
from modelmetry.statistics.components import Components, variance_components
from modelmetry.statistics.distributions import two_sided


def test_end_gauge_of_the_gum() -> None:
    """JCGM 100:2008, H.1.6: nu_eff is 16, k is 2.92 and U is 93 nm at 99 %."""
    parts, df = [25, 9.7, 2.9, 16.6], [18, 25.6, 50, 2]
    combined = math.hypot(*parts)
    found = welch_satterthwaite(parts, df)
    assert round(combined) == 32
    assert found == pytest.approx(16.7, abs=0.1)
    assert math.floor(found) == 16
    assert round(two_sided(0.99, 16), 2) == 2.92
    assert round(two_sided(0.99, 16) * 32) == 93


def test_voltage_standard_of_the_gum() -> None:
    """JCGM 100:2008, H.5: ten days of five readings; 18 uV with 9 df, 43 uV between the days."""
    means = np.array([172, 116, 13, 144, 106, 31, 60, 125, 163, 41], dtype=float)
    deviations = np.array([60, 77, 111, 101, 67, 93, 80, 73, 88, 86], dtype=float)
    shape = np.array([-2, -1, 0, 1, 2]) / math.sqrt(2.5)
    readings = (means[:, None] + deviations[:, None] * shape).ravel()
    found = variance_components(readings, {"day": np.repeat(np.arange(10), 5)})
    assert round(found.mean) == 97
    assert round(math.sqrt(found["day"].variance)) == 43
    assert round(math.sqrt(found["residual"].variance)) == 85
    summary = budget(found)
    assert round(summary.std_uncertainty) == 18
    assert summary.df == pytest.approx(9)
    assert summary.expanded == pytest.approx(two_sided(0.95, 9) * summary.std_uncertainty)


@given(st.integers(0, 10**6), st.integers(2, 20), st.integers(1, 4))
@settings(deadline=None, max_examples=20)
def test_a_budget_of_items_is_the_t_interval_of_their_means(
    seed: int, items: int, repeats: int
) -> None:
    """Where items differ, repeats are inside: s / sqrt(n) with n - 1 df; shares add up to 1."""
    rng = np.random.default_rng(seed)
    values = (3 * rng.normal(size=(items, 1)) + rng.normal(size=(items, repeats))).ravel()
    found = variance_components(values, {"item": np.repeat(np.arange(items), repeats)})
    summary = budget(found)
    means = values.reshape(items, repeats).mean(axis=1)
    assert sum(line.share for line in summary.lines) == pytest.approx(1)
    assert sum(line.std_uncertainty**2 for line in summary.lines) == pytest.approx(
        summary.std_uncertainty**2
    )
    if found.variances.min() > 0:
        assert summary.std_uncertainty == pytest.approx(means.std(ddof=1) / math.sqrt(items))
        assert summary.df == pytest.approx(items - 1)
    else:
        assert summary.std_uncertainty >= means.std(ddof=1) / math.sqrt(items) - 1e-12


def crossed(wordings: int = 3, repeats: int = 2) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Twenty items in some wordings, with an effect of each."""
    axes = np.meshgrid(np.arange(20), np.arange(wordings), np.arange(repeats), indexing="ij")
    item, wording, _ = (axis.ravel() for axis in axes)
    rng = np.random.default_rng(11)
    values = rng.normal(size=20)[item] + rng.normal(size=wordings)[wording]
    values = values + 0.5 * rng.normal(size=20 * wordings)[item * wordings + wording]
    return values + rng.normal(size=len(item)), {"item": item, "wording": wording}


def test_a_fixed_factor_leaves_its_main_effect_out_and_nothing_else() -> None:
    """For these wordings only, u is that of the item means over the wordings."""
    values, factors = crossed()
    found = variance_components(values, factors)
    summary = budget(found, fixed=["wording"])
    assert [line.name for line in summary.lines] == ["item", "item:wording", "residual"]
    means = values.reshape(20, 6).mean(axis=1)
    assert summary.std_uncertainty == pytest.approx(means.std(ddof=1) / math.sqrt(20))
    assert summary.df == pytest.approx(19)
    both = budget(found, fixed=["item", "wording"])
    assert [line.name for line in both.lines] == ["residual"]
    assert both.df == pytest.approx(60)


def test_other_sources_enter_the_root_sum_of_squares() -> None:
    """A judge's uncertainty adds its square; with infinite df it raises the df, with one it caps."""
    found = variance_components(*crossed())
    plain = budget(found)
    assert plain.df is not None
    wide = budget(found, sources=[Source(name="judge", std_uncertainty=2.0)])
    few = budget(found, sources=[Source(name="judge", std_uncertainty=2.0, df=1)])
    assert wide.std_uncertainty == pytest.approx(math.hypot(plain.std_uncertainty, 2))
    assert wide.df == pytest.approx(plain.df * (wide.std_uncertainty / plain.std_uncertainty) ** 4)
    assert few.df == pytest.approx(
        welch_satterthwaite([plain.std_uncertainty, 2.0], [plain.df, 1.0])
    )
    assert few.lines[-1].kind == "B"
    assert few.coverage_factor is not None
    assert wide.coverage_factor is not None
    assert few.coverage_factor > wide.coverage_factor


def test_the_budget_names_what_it_leaves_out_and_what_would_show_it() -> None:
    """One wording: the spread of wordings is not in u, and a second wording is asked for."""
    values, factors = crossed(wordings=1)
    summary = budget(variance_components(values, factors))
    assert "the uncertainty leaves out wording: wording has one level" in summary.warnings
    assert [extra.factor for extra in summary.extras] == ["wording"]
    assert {part.name for part in summary.unidentified} == {"wording", "item:wording"}
    held = budget(variance_components(values, factors), fixed=["wording"])
    assert not held.warnings
    assert [part.name for part in held.unidentified] == ["item:wording"]


def test_two_wordings_are_too_few_and_it_says_so() -> None:
    """The interval is called rough where a component of fewer than four levels matters."""
    assert any("only 2 levels of wording" in w for w in budget(_two()).warnings)
    assert not budget(variance_components(*crossed(wordings=4))).warnings


def _two() -> Components:
    rng = np.random.default_rng(1)
    values = rng.normal(size=20)[np.repeat(np.arange(20), 2)] + np.tile([0.0, 3.0], 20)
    values += rng.normal(size=40)
    return variance_components(
        values, {"item": np.repeat(np.arange(20), 2), "wording": np.tile([0, 1], 20)}
    )


def test_equal_scores_have_no_interval() -> None:
    """No width 0: no interval, and why."""
    summary = budget(variance_components(np.ones(6), {"item": np.repeat([0, 1, 2], 2)}))
    assert (summary.low, summary.high, summary.expanded, summary.df) == (None,) * 4
    assert summary.warnings[-1] == "no score differs from another: there is no interval"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fixed": ["judge"]}, "fixed: judge"),
        ({"level": 1.0}, "level: 1.0"),
        ({"sources": [Source(name="item", std_uncertainty=1.0)]}, "sources: item twice"),
        ({"sources": [Source(name="judge", std_uncertainty=-1.0)]}, "sources: judge: -1.0"),
        ({"sources": [Source(name="judge", std_uncertainty=1.0, df=0)]}, "sources: judge: df 0"),
    ],
)
def test_bad_input_is_refused_by_name(change: dict[str, object], words: str) -> None:
    """One line says what is wrong and what is allowed."""
    found = variance_components(*crossed())
    with pytest.raises(ValueError, match="allowed") as caught:
        budget(found, **change)  # pyright: ignore[reportArgumentType]
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("parts", "df"), [([1.0, -1], [1, 1]), ([0.0], [1]), ([1.0], [0]), ([1.0], [1, 2])]
)
def test_effective_df_need_uncertainties_with_df(parts: list[float], df: list[float]) -> None:
    """Negative or no uncertainty, or df that are none, are refused."""
    with pytest.raises(ValueError, match="allowed"):
        welch_satterthwaite(parts, df)
