"""Generalizability coefficients against reliability coefficients computed otherwise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics import generalizability
from modelmetry.statistics.components import Components, variance_components
from modelmetry.statistics.distributions import f_quantile


def pilot(repeats: int = 2, seed: int = 3) -> Components:
    """Eight models on forty items of two editions in three wordings."""
    axes = np.meshgrid(*map(np.arange, (8, 2, 20, 3, repeats)), indexing="ij")
    model, edition, item, wording, _ = (axis.ravel() for axis in axes)
    rng = np.random.default_rng(seed)
    label = edition * 20 + item
    values = 0.5 * rng.normal(size=8)[model] + rng.normal(size=40)[label]
    values = values + 0.3 * rng.normal(size=24)[model * 3 + wording] + rng.normal(size=len(model))
    factors = {"model": model, "edition": edition, "item": label, "wording": wording}
    terms = ["model", "edition", "item", "wording", "model:item", "model:wording", "item:wording"]
    return variance_components(values, factors, terms)


PILOT = pilot()


@given(st.integers(0, 10**6), st.integers(3, 12), st.integers(2, 10))
@settings(deadline=None, max_examples=15)
def test_g_of_models_by_items_is_cronbach_s_alpha(seed: int, models: int, items: int) -> None:
    """With one crossed facet G is alpha, and its interval is Feldt's."""
    rng = np.random.default_rng(seed)
    table = 2 * rng.normal(size=(models, 1)) + rng.normal(size=(models, items))
    alpha = (
        items / (items - 1) * (1 - table.var(axis=0, ddof=1).sum() / table.sum(axis=1).var(ddof=1))
    )
    model, item = (axis.ravel() for axis in np.indices(table.shape))
    found = generalizability.coefficients(
        variance_components(table.ravel(), {"model": model, "item": item})
    )
    if alpha <= 0:
        assert found.generalizability == 0
        return
    assert found.generalizability == pytest.approx(alpha)
    assert found.dependability is not None
    assert found.dependability <= alpha + 1e-12
    ends = [
        max(0.0, 1 - (1 - alpha) * f_quantile(p, models - 1, (models - 1) * (items - 1)))
        for p in (0.975, 0.025)
    ]
    assert found.generalizability_low == pytest.approx(ends[0], abs=1e-6)
    assert found.generalizability_high == pytest.approx(ends[1], abs=1e-6)


def test_two_facets_are_divided_as_brennan_divides_them() -> None:
    """p x i x o with one score a cell: relative and absolute error by the textbook's formulas."""
    components = pilot(repeats=1)
    part = {c.name: c.variance for c in components.components}
    assert components["residual"].includes == ()
    found = generalizability.coefficients(components, {"edition": 2, "item": 25, "wording": 4})
    relative = part["model:item"] / 50 + part["model:wording"] / 4 + part["residual"] / 200
    absolute = relative + part["edition"] / 2 + part["item"] / 50 + part["wording"] / 4
    absolute += part["item:wording"] / 200
    assert found.object_variance == pytest.approx(part["model"])
    assert found.relative_error == pytest.approx(relative)
    assert found.absolute_error == pytest.approx(absolute)
    assert found.difference_error == pytest.approx(np.sqrt(2 * relative))


def test_a_fixed_facet_moves_its_interaction_to_the_universe_score() -> None:
    """For these wordings only, models differ by their interaction with them, too."""
    part = {c.name: c.variance for c in PILOT.components}
    sizes = {"edition": 1, "item": 20, "wording": 3, "repeat": 2}
    free = generalizability.coefficients(PILOT, sizes)
    held = generalizability.coefficients(PILOT, sizes, fixed=["wording"])
    assert held.object_variance == pytest.approx(part["model"] + part["model:wording"] / 3)
    assert held.relative_error == pytest.approx(free.relative_error - part["model:wording"] / 3)
    assert held.absolute_error == pytest.approx(
        free.absolute_error - part["model:wording"] / 3 - part["wording"] / 3
    )


def test_repeats_do_not_average_what_the_residual_hides() -> None:
    """With the interaction in the residual more repeats count for nothing, and it says so."""
    rng = np.random.default_rng(1)
    table = 2 * rng.normal(size=(6, 1)) + rng.normal(size=(6, 9))
    model, item = (axis.ravel() for axis in np.indices(table.shape))
    components = variance_components(table.ravel(), {"model": model, "item": item})
    once, often = (
        generalizability.coefficients(components, {"item": 9, "repeat": k}) for k in (1, 10)
    )
    assert once.relative_error == often.relative_error
    assert "repeats are not counted" in often.warnings[-1]


def test_the_study_recommends_the_cheapest_design_that_meets_the_target() -> None:
    """A brute-force search of all designs finds the same."""
    candidates = {"item": [10, 20, 50, 100], "wording": [1, 2, 4], "repeat": [1, 2]}
    study = generalizability.d_study(PILOT, candidates, generalizability=0.8)
    best = None
    for item, wording, repeat in itertools.product(*candidates.values()):
        sizes = {"item": item, "wording": wording, "repeat": repeat}
        found = generalizability.coefficients(PILOT, sizes)
        cost = item * wording * repeat
        if (found.generalizability or 0) >= 0.8 and (best is None or cost < best):
            best = cost
    assert study.recommended is not None
    assert np.prod(list(study.recommended.sizes.values())) == best
    assert list(study.costs) == sorted(study.costs)
    assert len(study.designs) == 24


def test_targets_and_costs_are_the_caller_s() -> None:
    """A wanted error of differences, dear wordings, and a target out of reach."""
    candidates = {"item": [20, 200, 2000], "wording": [1, 2, 40]}
    exact = generalizability.d_study(
        PILOT, candidates, difference_error=0.1, cost=lambda sizes: sizes["wording"]
    )
    assert exact.recommended is not None
    assert exact.recommended.difference_error <= 0.1
    beyond = generalizability.d_study(PILOT, {"item": [2]}, dependability=0.999)
    assert beyond.recommended is None
    assert beyond.warnings[-1].startswith("no candidate meets the target")


def test_one_wording_leaves_its_error_out_and_it_says_so() -> None:
    """What is not identified is named."""
    model, item = (axis.ravel() for axis in np.indices((5, 8)))
    values = np.random.default_rng(0).normal(size=40) + model
    components = variance_components(
        values, {"model": model, "item": item, "wording": np.zeros(40)}
    )
    found = generalizability.coefficients(components)
    assert "the error leaves out wording: wording has one level" in found.warnings


def test_bad_input_is_refused_by_name() -> None:
    """No target, none in range, no candidates, too many, unknown names."""
    for change, words in (
        ({}, "targets: none"),
        ({"generalizability": 1.0}, "generalizability: 1.0"),
        ({"difference_error": 0.0}, "difference_error: 0.0"),
        ({"candidates": {}, "dependability": 0.9}, "candidates: 1 designs"),
        ({"candidates": {"item": range(1, 20000)}, "dependability": 0.9}, "candidates: 19999"),
        ({"candidates": {"judge": [1]}, "dependability": 0.9}, "sizes: judge"),
        ({"candidates": {"item": [0]}, "dependability": 0.9}, "sizes: item: 0.0"),
    ):
        given = {"candidates": {"item": [10]}, **change}
        with pytest.raises(ValueError, match="allowed") as caught:
            generalizability.d_study(PILOT, **given)
        assert str(caught.value).startswith(words)
