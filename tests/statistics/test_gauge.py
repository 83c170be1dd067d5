"""Gauge R&R against the worked example of the AIAG manual."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from modelmetry.statistics import gauge
from modelmetry.statistics.components import Components, variance_components

# AIAG, Measurement Systems Analysis: ten parts, three appraisers, three trials each.
MANUAL = np.array(
    [
        [
            [0.29, -0.56, 1.34, 0.47, -0.80, 0.02, 0.59, -0.31, 2.26, -1.36],
            [0.41, -0.68, 1.17, 0.50, -0.92, -0.11, 0.75, -0.20, 1.99, -1.25],
            [0.64, -0.58, 1.27, 0.64, -0.84, -0.21, 0.66, -0.17, 2.01, -1.31],
        ],
        [
            [0.08, -0.47, 1.19, 0.01, -0.56, -0.20, 0.47, -0.63, 1.80, -1.68],
            [0.25, -1.22, 0.94, 1.03, -1.20, 0.22, 0.55, 0.08, 2.12, -1.62],
            [0.07, -0.68, 1.34, 0.20, -1.28, 0.06, 0.83, -0.34, 2.19, -1.50],
        ],
        [
            [0.04, -1.38, 0.88, 0.14, -1.46, -0.29, 0.02, -0.46, 1.77, -1.49],
            [-0.11, -1.13, 1.09, 0.20, -1.07, -0.67, 0.01, -0.56, 1.45, -1.77],
            [-0.15, -0.96, 0.67, 0.11, -1.45, -0.49, 0.21, -0.49, 1.87, -2.16],
        ],
    ]
)
APPRAISER, _, PART = (
    axis.ravel() for axis in np.meshgrid(*map(np.arange, (3, 3, 10)), indexing="ij")
)


def pilot(seed: int = 2) -> Components:
    """Six models on thirty items in three wordings, twice."""
    axes = np.meshgrid(*map(np.arange, (6, 30, 3, 2)), indexing="ij")
    model, item, wording, _ = (axis.ravel() for axis in axes)
    rng = np.random.default_rng(seed)
    values = 0.5 * rng.normal(size=6)[model] + rng.normal(size=30)[item]
    values = values + 0.2 * rng.normal(size=3)[wording] + rng.normal(size=len(model))
    values = values + 0.5 * rng.normal(size=180)[model * 30 + item]
    return variance_components(values, {"model": model, "item": item, "wording": wording})


def test_the_manual_s_example_is_reproduced() -> None:
    """Sums of squares, deviations, percentages and categories as AIAG's tables print them."""
    values = MANUAL.ravel()
    frame = pd.DataFrame({"y": values, "part": PART, "appraiser": APPRAISER})
    table = anova_lm(ols("y ~ C(part) * C(appraiser)", frame).fit())["sum_sq"]
    assert table.to_numpy() == pytest.approx([88.3619, 3.1673, 0.3590, 2.7589], abs=1e-4)
    found = gauge.crossed(values, PART, APPRAISER)
    assert found.pooled
    assert found.interaction_p == pytest.approx(0.974, abs=5e-4)
    printed = {
        "repeatability": (0.199933, 18.4),
        "reproducibility": (0.226838, 20.9),
        "measurement": (0.302373, 27.9),
        "part": (1.042327, 96.0),
    }
    for name, (std_dev, percent) in printed.items():
        assert found[name].std_dev == pytest.approx(std_dev, abs=5e-6)
        assert found[name].study == pytest.approx(percent, abs=0.1)
    assert found.grr == found["measurement"].study
    assert found.categories == 4
    assert found.categories_low is not None
    assert found.categories_high is not None
    assert found.categories_low <= 4 <= found.categories_high


def test_an_interaction_that_is_kept_has_the_f_test_of_the_table() -> None:
    """The p-value is statsmodels', and the components are those of the full model."""
    values = MANUAL.ravel() + 0.5 * np.cos(3 * PART + 7 * APPRAISER)
    frame = pd.DataFrame({"y": values, "part": PART, "appraiser": APPRAISER})
    table = anova_lm(ols("y ~ C(part) * C(appraiser)", frame).fit())
    found = gauge.crossed(values, PART, APPRAISER)
    assert found.interaction_p == pytest.approx(table.loc["C(part):C(appraiser)", "PR(>F)"])
    assert not found.pooled
    full = variance_components(values, {"part": PART, "operator": APPRAISER})
    assert found["interaction"].variance == pytest.approx(full["part:operator"].variance)
    assert found["repeatability"].variance == pytest.approx(table.loc["Residual", "sum_sq"] / 60)


def test_an_unbalanced_study_keeps_its_interaction_and_says_why() -> None:
    """Without the last measurement there is no exact F test."""
    found = gauge.crossed(MANUAL.ravel()[:-1], PART[:-1], APPRAISER[:-1])
    assert found.interaction_p is None
    assert not found.pooled
    assert found.warnings[-1].startswith("the interaction is not tested")


def test_spreads_add_up() -> None:
    """R&R is its three parts, the total is R&R and parts; percentages follow."""
    found = gauge.resolution(pilot())
    names = ("repeatability", "reproducibility", "interaction")
    assert found["measurement"].variance == pytest.approx(sum(found[n].variance for n in names))
    assert found["total"].variance == pytest.approx(
        found["measurement"].variance + found["part"].variance
    )
    assert found["measurement"].contribution + found["part"].contribution == pytest.approx(100)
    ratio = found["part"].variance / found["measurement"].variance
    assert found.categories == max(1, math.floor(math.sqrt(2 * ratio)))
    for spread in found.spreads:
        if spread.low is not None and spread.high is not None:
            assert spread.low < spread.std_dev < spread.high


def test_a_suite_s_score_is_a_mean_over_its_design() -> None:
    """Each component is divided by what the score averages over, worked out by hand."""
    components = pilot()
    found = gauge.resolution(components, {"item": 60, "wording": 2, "repeat": 3})
    part = {c.name: c.variance for c in components.components}
    assert found["repeatability"].variance == pytest.approx(part["residual"] / 360)
    assert found["reproducibility"].variance == pytest.approx(
        part["item"] / 60 + part["wording"] / 2 + part["item:wording"] / 120
    )
    interaction = part["model:item"] / 60 + part["model:wording"] / 2
    assert found["interaction"].variance == pytest.approx(interaction)
    assert found["part"].variance == pytest.approx(part["model"])
    error = math.sqrt(2 * (interaction + part["residual"] / 360))
    assert found.detectable is not None
    assert 2.8 * error < found.detectable < 3.5 * error


@given(st.integers(1, 50), st.integers(1, 5), st.integers(1, 3))
@settings(deadline=None, max_examples=20)
def test_a_larger_design_resolves_more(items: int, wordings: int, repeats: int) -> None:
    """More items never raise %GRR or lower the categories; a difference found stays above 0."""
    sizes = {"item": items, "wording": wordings, "repeat": repeats}
    small, large = (gauge.resolution(PILOT, {**sizes, "item": n}) for n in (items, 2 * items))
    assert small.grr is not None
    assert large.grr is not None
    assert large.grr <= small.grr + 1e-9
    assert (large.categories or 0) >= (small.categories or 0)
    assert (large.detectable or 0) > 0


PILOT = pilot()


def test_equal_scores_resolve_nothing() -> None:
    """No percentage, no categories, and the reason."""
    found = gauge.crossed(np.ones(90), PART, APPRAISER, pool=None)
    assert (found.grr, found.categories, found.detectable) == (None, None, None)
    assert found.warnings[0].startswith("all scores are equal")


def test_bad_input_is_refused_by_name() -> None:
    """Unknown names, sizes of zero and levels out of range."""
    for change, words in (
        ({"sizes": {"judge": 2}}, "sizes: judge; allowed: item, wording, repeat"),
        ({"sizes": {"item": 0}}, "sizes: item: 0"),
        ({"part": "judge"}, "part: judge"),
        ({"level": 0.0}, "level: 0.0"),
    ):
        with pytest.raises(ValueError, match="allowed") as caught:
            gauge.resolution(PILOT, **change)  # pyright: ignore[reportArgumentType]
        assert str(caught.value).startswith(words)
    with pytest.raises(ValueError, match="pool"):
        gauge.crossed(MANUAL.ravel(), PART, APPRAISER, pool=2.0)


def test_repeats_that_agree_show_no_interaction() -> None:
    """Scores that are sums of part and operator to the last digit have an interaction of p = 1."""
    part, operator = np.repeat(np.arange(4.0), 6), np.tile(np.repeat(np.arange(3.0), 2), 4)
    found = gauge.crossed(part + 2 * operator, part, operator)
    assert found.interaction_p is not None
    assert found.interaction_p > 0.5
