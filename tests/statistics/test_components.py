"""Variance components against analysis of variance, brute force and planted truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from benchmarks.calibrations import components as calibration
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.formula.api import ols
from statsmodels.regression.mixed_linear_model import MixedLM
from statsmodels.stats.anova import anova_lm

from modelmetry.statistics import components, designs, quadratic, reml
from modelmetry.statistics.components import variance_components


def grid(*levels: int) -> list[np.ndarray]:
    """Labels of a full factorial, the last factor changing fastest."""
    return [axis.ravel() for axis in np.meshgrid(*map(np.arange, levels), indexing="ij")]


def scores(seed: int, codes: list[np.ndarray], deviations: list[float]) -> np.ndarray:
    """Normal scores with an effect of each partition, and a residual of deviation 1."""
    rng = np.random.default_rng(seed)
    found = rng.normal(size=len(codes[0]))
    for labels, deviation in zip(codes, deviations, strict=True):
        found += deviation * rng.normal(size=labels.max() + 1)[labels]
    return found


def ragged(seed: int = 3) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """A crossed design with a fifth of its scores missing."""
    item, wording, _ = grid(12, 4, 3)
    values = scores(seed, [item, wording, item * 4 + wording], [1.0, 0.6, 0.8])
    kept = np.random.default_rng(seed).random(len(values)) < 0.8
    return values[kept], {"item": item[kept], "wording": wording[kept]}


def dense(factors: dict[str, np.ndarray], names: list[str]) -> list[np.ndarray]:
    """The matrices V_t, one by one, and the identity."""
    n = len(next(iter(factors.values())))
    found = []
    for name in names:
        columns = [factors[part] for part in name.split(":")]
        found.append(np.prod([c[:, None] == c[None, :] for c in columns], axis=0).astype(float))
    return [*found, np.eye(n)]


def test_balanced_components_are_those_of_the_anova_table() -> None:
    """Mean squares of statsmodels, solved by hand for a crossed design, give the components."""
    item, wording, _ = grid(6, 3, 2)
    values = scores(1, [item, wording, item * 3 + wording], [1.0, 0.5, 0.7])
    frame = pd.DataFrame({"y": values, "item": item, "wording": wording})
    table = anova_lm(ols("y ~ C(item) * C(wording)", frame).fit())
    squares = (table["sum_sq"] / table["df"]).to_dict()
    a, b, ab, e = (
        squares[name] for name in ("C(item)", "C(wording)", "C(item):C(wording)", "Residual")
    )
    found = variance_components(values, {"item": item, "wording": wording})
    assert found.method == "ANOVA"
    assert [part.unbiased for part in found.components] == pytest.approx(
        [(a - ab) / 6, (b - ab) / 12, (ab - e) / 2, e]
    )
    assert found["residual"].df == pytest.approx(table.loc["Residual", "df"])
    assert found["wording:item"].name == "item:wording"


def test_standard_errors_of_a_balanced_design_come_from_independent_mean_squares() -> None:
    """Var of (MS_a - MS_e) / n is 2 / n^2 (EMS_a^2 / df_a + EMS_e^2 / df_e)."""
    item, _ = grid(8, 3)
    values = scores(2, [item], [2.0])
    found = variance_components(values, {"item": item})
    residual, between = found["residual"].variance, found["item"].variance
    mean_square = residual + 3 * between
    wanted = 2 / 9 * (mean_square**2 / 7 + residual**2 / 16)
    assert found["item"].std_error == pytest.approx(np.sqrt(wanted))
    assert found["item"].df == pytest.approx(2 * between**2 / wanted)


def test_nested_components_are_those_of_the_textbook() -> None:
    """Items within editions: three mean squares, each with its expectation; nesting is seen."""
    edition, item, _ = grid(4, 5, 3)
    labels = edition * 5 + item
    values = scores(4, [edition, labels], [1.0, 1.0])
    cube = values.reshape(4, 5, 3)
    within = cube.var(axis=2, ddof=1).mean()
    items = 3 * cube.mean(axis=2).var(axis=1, ddof=1).mean()
    editions = 15 * cube.mean(axis=(1, 2)).var(ddof=1)
    wanted = [(editions - items) / 15, (items - within) / 3, within]
    seen = variance_components(values, {"edition": edition, "item": labels})
    said = variance_components(
        values, {"edition": edition, "item": item}, nested={"item": "edition"}
    )
    for found in (seen, said):
        assert found.nested == {"item": ("edition",)}
        assert [part.name for part in found.components] == ["edition", "item", "residual"]
        assert [part.unbiased for part in found.components] == pytest.approx(wanted)
        assert found.sizes == {"edition": 4, "item": 5, "repeat": 3}


def test_forms_are_those_of_dense_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums, expectations and covariances equal the traces of n x n matrices, thin or wide."""
    values, factors = ragged()
    names = ["item", "wording", "item:wording"]
    n = len(values)
    matrices = dense(factors, names)
    centering = np.eye(n) - 1 / n
    middle = [centering @ matrix @ centering for matrix in matrices]
    variances = np.array([0.7, 0.3, 0.5, 1.1])
    total = sum(v * m for v, m in zip(variances, matrices, strict=True))
    forms = quadratic.Forms(designs.read(factors, n, names).terms, n)
    assert forms.sums(values) == pytest.approx([values @ m @ values for m in middle])
    traces = [[np.trace(a @ b) for b in middle] for a in middle]
    assert forms.expectations() == pytest.approx(np.array(traces))
    spread = [[2 * np.trace(a @ total @ b @ total) for b in middle] for a in middle]
    for most in (2000, 5, 0):
        monkeypatch.setattr(quadratic, "_FEW_LEVELS", most)
        assert forms.covariances(variances) == pytest.approx(np.array(spread))


def test_restricted_likelihood_is_the_mixed_model_of_statsmodels() -> None:
    """Unbalanced groups: the same variances as MixedLM finds by REML."""
    rng = np.random.default_rng(5)
    group = np.repeat(np.arange(15), rng.integers(1, 9, 15))
    values = scores(5, [group], [0.9])
    found = variance_components(values, {"group": group})
    twin = MixedLM(values, np.ones(len(values)), groups=group).fit(reml=True)
    assert found.method == "REML"
    assert found["group"].variance == pytest.approx(float(np.asarray(twin.cov_re)[0, 0]), rel=1e-4)
    assert found["residual"].variance == pytest.approx(twin.scale, rel=1e-4)


def test_restricted_likelihood_has_its_slopes() -> None:
    """The score is the derivative of the log-likelihood, and vanishes where it is largest."""
    values, factors = ragged()
    terms = designs.read(factors, len(values)).terms
    cells = components._cells(terms, values)
    assert cells is not None
    at = np.array([0.8, 0.3, 0.6, 1.2])
    gradient, information = cells.score(at)
    for place in range(4):
        step = np.zeros(4)
        step[place] = 1e-5
        slope = (cells.log_likelihood(at + step) - cells.log_likelihood(at - step)) / 2e-5
        assert gradient[place] == pytest.approx(slope, rel=1e-5)
    assert np.linalg.eigvalsh(information).min() > 0
    fit = reml.fit(cells, at)
    assert fit.converged
    free = fit.variances > 0
    assert np.abs(cells.score(fit.variances)[0][free]).max() < 1e-2


def test_restricted_likelihood_of_a_balanced_design_is_the_anova() -> None:
    """Where nothing is negative the two agree."""
    item, wording, _ = grid(10, 4, 2)
    values = scores(6, [item, wording], [1.0, 1.0])
    terms = designs.read({"item": item, "wording": wording}, 80, ["item", "wording"]).terms
    cells = components._cells(terms, values)
    assert cells is not None
    fit = reml.fit(cells, np.ones(3))
    found = variance_components(values, {"item": item, "wording": wording}, ["item", "wording"])
    assert fit.variances == pytest.approx(found.variances, rel=1e-4)
    assert np.diag(np.linalg.inv(fit.information)) == pytest.approx(
        np.diag(found.covariance), rel=1e-2
    )


def test_large_unbalanced_designs_are_synthesized(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit the estimates are those of MIVQUE(0), solved here from dense matrices."""
    values, factors = ragged()
    monkeypatch.setattr(components, "REML_CELLS", 10)
    found = variance_components(values, factors)
    assert found.method == "MIVQUE(0)"
    matrices = dense(factors, [part.name for part in found.components[:-1]])
    centering = np.eye(len(values)) - 1 / len(values)
    middle = [centering @ matrix @ centering for matrix in matrices]
    traces = np.array([[np.trace(a @ b) for b in middle] for a in middle])
    wanted = np.linalg.solve(traces, [values @ m @ values for m in middle])
    assert [part.unbiased for part in found.components] == pytest.approx(wanted)


@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(2, 5), st.integers(1, 3))
@settings(deadline=None, max_examples=20)
def test_components_move_with_the_scores(seed: int, a: int, b: int, repeats: int) -> None:
    """A shift changes no variance, a factor of c changes it by c^2, and order does not matter."""
    item, wording, _ = grid(a, b, repeats)
    values = scores(seed, [item], [1.0])
    factors = {"item": item, "wording": wording}
    found = variance_components(values, factors)
    moved = variance_components(10 - 3 * values, factors)
    order = np.random.default_rng(seed).permutation(len(values))
    mixed = variance_components(values[order], {k: v[order] for k, v in factors.items()})
    unbiased = np.array([part.unbiased for part in found.components])
    assert [p.unbiased for p in moved.components] == pytest.approx(9 * unbiased, abs=1e-8)
    assert [p.unbiased for p in mixed.components] == pytest.approx(unbiased, abs=1e-9)
    assert (found.variances >= 0).all()
    for part in found.components:
        assert part.std_error is not None
        said = any(warning.startswith(f"{part.name}: ") for warning in found.warnings)
        assert said == (part.unbiased < 0)
        assert (part.df is None) == (part.variance == 0)


def test_weights_say_over_how_many_levels_the_mean_is_taken() -> None:
    """Effective levels are one over the sum of squared shares, and only they see the weights."""
    item = np.array([0, 0, 0, 1, 2, 2])
    values = np.array([1.0, 2, 4, 8, 5, 3])
    plain = variance_components(values, {"item": item})
    assert plain["item"].effective == pytest.approx(36 / (9 + 1 + 4))
    assert plain.mean == pytest.approx(values.mean())
    each = variance_components(values, {"item": item}, weights=[1 / 3, 1 / 3, 1 / 3, 1, 0.5, 0.5])
    assert each["item"].effective == pytest.approx(3)
    assert each.mean == pytest.approx((7 / 3 + 8 + 4) / 3)
    assert each["item"].unbiased == plain["item"].unbiased


def test_one_repeat_leaves_the_interaction_in_the_residual() -> None:
    """It is named, the residual says that it holds it, and repeats are what would part them."""
    item, wording = grid(5, 2)
    found = variance_components(scores(7, [item], [1.0]), {"item": item, "wording": wording})
    (missing,) = found.unidentified
    assert (missing.name, missing.part_of) == ("item:wording", "residual")
    assert missing.reason == "each item:wording has one score"
    assert found["residual"].includes == ("item:wording",)
    assert [(e.factor, e.present, e.wanted, e.extra) for e in found.extras] == [
        ("repeat", 1, 2, 1.0)
    ]


def test_one_wording_and_one_edition_are_named_with_what_they_hide() -> None:
    """A factor of one level has no variance to see, and its interactions hide in other terms."""
    item, _ = grid(5, 2)
    one = np.zeros(10, int)
    factors = {"edition": one, "item": item, "wording": one}
    found = variance_components(scores(8, [item], [1.0]), factors, nested={"item": "edition"})
    assert {(m.name, m.part_of) for m in found.unidentified} == {
        ("edition", None),
        ("wording", None),
        ("edition:wording", None),
        ("item:wording", "item"),
    }
    assert {e.factor: set(e.components) for e in found.extras} == {
        "edition": {"edition", "edition:wording"},
        "wording": {"wording", "edition:wording", "item:wording"},
    }


def test_models_with_a_judge_each_are_told_to_share_judges() -> None:
    """Two factors whose levels coincide keep one component, and are to be crossed."""
    model, _ = grid(4, 6)
    found = variance_components(scores(9, [model], [1.0]), {"model": model, "judge": model + 10})
    assert [part.name for part in found.components] == ["model", "residual"]
    assert found["model"].includes[0] == "judge"
    assert found.extras[0].factor == "model"
    assert "judge" in found.extras[0].components


def test_a_linear_dependence_is_found_by_its_rank() -> None:
    """A factor of two levels that is crossed once with another: three forms, two equations."""
    values = np.array([1.0, 3, 2, 5])
    item, wording = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    diagonal = np.array([0, 1, 1, 0])
    factors = {"item": item, "wording": wording, "form": diagonal}
    found = variance_components(values, factors, ["item", "wording", "form"])
    (missing,) = found.unidentified
    assert missing.name == "form"
    assert missing.reason.startswith("the design cannot tell it from")
    assert missing.part_of == "residual"


@given(st.integers(1, 2), st.integers(1, 2), st.integers(1, 2))
@settings(deadline=None, max_examples=8)
def test_the_extras_do_identify(editions: int, wordings: int, repeats: int) -> None:
    """The design with all that was asked for identifies all it was asked for."""

    def taken(sizes: dict[str, int]) -> components.Components:
        edition, item, wording, _ = grid(sizes["edition"], 6, sizes["wording"], sizes["repeat"])
        factors = {"edition": edition, "item": item, "wording": wording}
        values = np.random.default_rng(1).normal(size=len(item))
        return variance_components(values, factors, nested={"item": "edition"})

    sizes = {"edition": editions, "wording": wordings, "repeat": repeats}
    found = taken(sizes)
    for extra in found.extras:
        assert sizes[extra.factor] == extra.present == 1
        sizes[extra.factor] = extra.wanted
    after = {part.name for part in taken(sizes).unidentified}
    assert not after & {name for extra in found.extras for name in extra.components}


def test_equal_scores_have_no_variance_and_a_warning() -> None:
    """No error, no df, and the reason."""
    found = variance_components(np.ones(6), {"item": np.repeat([0, 1, 2], 2)})
    assert [part.variance for part in found.components] == [0, 0]
    assert all(part.std_error is None and part.df is None for part in found.components)
    assert found.warnings == ("all scores are equal: no variance can be told from them",)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"values": [1.0]}, "values: 1 score"),
        ({"values": [1.0, np.nan, 2, 3]}, "values: value 1 is nan"),
        ({"factors": {}}, "factors: none"),
        ({"factors": {"residual": [0, 0, 1, 1]}}, "factors: 'residual'"),
        ({"factors": {"a:b": [0, 0, 1, 1]}}, "factors: 'a:b'"),
        ({"factors": {"item": [0, 1]}}, "item: shape"),
        ({"terms": ["item", "judge"]}, "terms: 'judge'; allowed: item"),
        ({"terms": ["item", "item"]}, "terms: item twice"),
        ({"nested": {"item": "item"}}, "nested: item in item"),
        ({"weights": [1.0, -1, 1, 1]}, "weights: negative"),
    ],
)
def test_bad_input_is_refused_by_name(change: dict[str, object], words: str) -> None:
    """One line says what is wrong and what is allowed."""
    given: dict[str, object] = {"values": [1.0, 2, 3, 5], "factors": {"item": [0, 0, 1, 1]}}
    given |= change
    with pytest.raises(ValueError, match="allowed") as caught:
        variance_components(**given)  # pyright: ignore[reportArgumentType]
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


def test_the_quick_calibration_holds() -> None:
    """Planted components are found again and the budget covers as it says."""
    cases = list(calibration.cases(runs=0, seed=1, quick=True))
    assert any(case.claimed for case in cases)
    assert [case for case in cases if case.surely_breaks()] == []


def test_wordings_that_always_agree_have_no_variance_of_their_own() -> None:
    """Rounding leaves neither a tiny component nor the root of a negative number."""
    right = np.ones(20)
    right[[13, 14]] = 0.0
    found = variance_components(
        np.repeat(right, 3),
        {"item": np.repeat(np.arange(20), 3), "wording": np.tile(["a", "b", "c"], 20)},
        ["item", "wording"],
    )
    assert found["item"].variance == pytest.approx(right.var(ddof=1))
    for name in ("wording", "residual"):
        assert (found[name].variance, found[name].std_error) == (0.0, None)
