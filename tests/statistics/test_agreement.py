"""Kappas and Krippendorff's alpha."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics.agreement import cohen_kappa, fleiss_kappa, krippendorff_alpha
from modelmetry.statistics.estimate import Estimate

METRICS = ("nominal", "ordinal", "interval")
NONE = math.nan

KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3],
        [NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE],
    ]
).T
"""Krippendorff's example of four observers and twelve units."""

WIKIPEDIA = [
    *([0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1]),
    *([7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]),
]
"""Fourteen raters of ten units, as counts of five categories."""


def spelled_out(counts: list[list[int]]) -> np.ndarray:
    """Ratings with these counts."""
    return np.array([np.repeat(np.arange(len(row)), row) for row in counts])


def slow_alpha(ratings: np.ndarray, metric: str) -> float:
    """Krippendorff's alpha over all pairs of ratings."""
    units = [row[~np.isnan(row)] for row in ratings]
    units = [row for row in units if len(row) > 1]
    pool = np.concatenate(units)

    def cost(a: float, b: float) -> float:
        if metric == "nominal":
            return float(a != b)
        if metric == "interval":
            return (a - b) ** 2
        low, high = min(a, b), max(a, b)
        between = ((pool >= low) & (pool <= high)).sum()
        return (between - ((pool == a).sum() + (pool == b).sum()) / 2) ** 2 if a != b else 0.0

    inside = sum(sum(cost(a, b) for a in row for b in row) / (len(row) - 1) for row in units)
    overall = sum(cost(a, b) for a in pool for b in pool) / (len(pool) - 1)
    return 1 - inside / overall


@pytest.mark.parametrize(
    ("metric", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_alpha_published(metric, published: float) -> None:
    """Krippendorff's example has these alphas; its last unit has one rating and is left out."""
    found = krippendorff_alpha(KRIPPENDORFF, metric=metric)
    assert round(found.value, 3) == published
    assert (found.n, found.unscored) == (11, 1)


def test_fleiss_published() -> None:
    """Wikipedia's worked example of Fleiss' kappa is 0.210."""
    assert round(fleiss_kappa(spelled_out(WIKIPEDIA)).value, 3) == 0.210


def test_cohen_by_hand() -> None:
    """Wikipedia's example: 20, 5, 10, 15 grants have kappa 0.4."""
    a = ["yes"] * 25 + ["no"] * 25
    b = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohen_kappa(a, b).value == pytest.approx(0.4)


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_cohen_is_that_of_statsmodels(weights) -> None:
    """Value and asymptotic standard error are those of statsmodels."""
    from statsmodels.stats.inter_rater import cohens_kappa

    rng = np.random.default_rng(0)
    a = rng.integers(0, 4, 2000)
    b = np.where(rng.random(2000) < 0.6, a, rng.integers(0, 4, 2000))
    table = np.zeros((4, 4))
    np.add.at(table, (a, b), 1)
    expected = cohens_kappa(table, wt=None if weights == "none" else weights)
    found = cohen_kappa(a, b, weights=weights)
    assert found.value == pytest.approx(expected.kappa)
    assert found.std_error == pytest.approx(expected.std_kappa, rel=0.002)


def test_fleiss_is_that_of_statsmodels() -> None:
    """Fleiss' kappa of random ratings is that of statsmodels."""
    from statsmodels.stats import inter_rater

    ratings = np.random.default_rng(0).integers(0, 3, (40, 5))
    expected = inter_rater.fleiss_kappa(inter_rater.aggregate_raters(ratings)[0])
    assert fleiss_kappa(ratings).value == pytest.approx(expected)


TABLES = st.lists(
    st.lists(st.sampled_from([1.0, 2.0, 4.0, NONE]), min_size=3, max_size=3),
    min_size=2,
    max_size=12,
)


@given(TABLES, st.sampled_from(METRICS))
@settings(deadline=None, max_examples=80)
def test_alpha_is_its_slow_twin(table: list[list[float]], metric) -> None:
    """Alpha is 1 less the ratio of all pairs within units to all pairs, whatever is missing."""
    ratings = np.array(table)
    kept = ratings[(~np.isnan(ratings)).sum(axis=1) > 1]
    if len(np.unique(kept[~np.isnan(kept)])) < 2:
        with pytest.raises(ValueError, match="ratings: "):
            krippendorff_alpha(ratings, metric=metric)
        return
    found = krippendorff_alpha(ratings, metric=metric)
    assert found.value == pytest.approx(slow_alpha(ratings, metric), abs=1e-9)
    if len(kept) > 1:
        assert found.low is not None
        assert found.high is not None
        assert found.low <= found.value + 1e-9
        assert found.value <= found.high + 1e-9
        assert found.high > found.low
        assert found.high <= 1


COEFFICIENTS: list[Callable[..., Estimate]] = [
    lambda r, c=None: cohen_kappa(r[:, 0], r[:, 1], c),
    lambda r, c=None: cohen_kappa(r[:, 0], r[:, 1], c, weights="quadratic"),
    fleiss_kappa,
    *[lambda r, c=None, m=m: krippendorff_alpha(r, c, metric=m) for m in METRICS],
]


def some_ratings(units: int = 300) -> np.ndarray:
    """Three raters who are right on most units."""
    rng = np.random.default_rng(3)
    truth = np.repeat(rng.integers(1, 5, (units, 1)), 3, axis=1)
    return np.where(rng.random((units, 3)) < 0.7, truth, rng.integers(1, 5, (units, 3)))


@pytest.mark.parametrize("coefficient", COEFFICIENTS)
def test_errors_are_those_of_the_jackknife(coefficient: Callable[..., Estimate]) -> None:
    """The standard error is within 2 % of the one found by leaving out each unit."""
    ratings = some_ratings()
    left = np.array([coefficient(np.delete(ratings, i, 0)).value for i in range(len(ratings))])
    jackknife = math.sqrt(((left - left.mean()) ** 2).sum() * (len(left) - 1) / len(left))
    assert coefficient(ratings).std_error == pytest.approx(jackknife, rel=0.02)


@pytest.mark.parametrize("coefficient", COEFFICIENTS)
def test_copies_in_a_cluster_tell_nothing_new(coefficient: Callable[..., Estimate]) -> None:
    """Units copied within their cluster leave the error as it was."""
    ratings = some_ratings(60)
    copied = coefficient(np.repeat(ratings, 4, axis=0), np.repeat(np.arange(60), 4))
    assert copied.std_error == pytest.approx(coefficient(ratings).std_error, rel=0.03)
    assert copied.clusters == 60


@pytest.mark.parametrize("coefficient", COEFFICIENTS)
def test_raters_who_never_differ_have_an_interval(coefficient: Callable[..., Estimate]) -> None:
    """Perfect agreement is 1 with an interval below it and a warning."""
    found = coefficient(np.repeat(np.arange(40)[:, np.newaxis] % 4, 3, axis=1))
    assert (found.value, found.std_error, found.high) == (1, 0, 1)
    assert found.low is not None
    assert 0.5 < found.low < 0.999
    assert "no cluster differs" in found.warnings[0]


def test_raters_who_always_differ_have_an_interval() -> None:
    """Two raters who never agree have kappa -1 at most even shares, with an interval above it."""
    found = cohen_kappa([0, 1] * 20, [1, 0] * 20)
    assert found.value == pytest.approx(-1)
    assert found.high is not None
    assert found.high > -1


def test_a_common_category_warns() -> None:
    """Where nearly all ratings are alike the agreement by chance rests on few units."""
    found = fleiss_kappa([[0, 0]] * 37 + [[0, 1]] * 2 + [[1, 1]])
    assert "one category" in found.warnings[-1]


def test_texts_with_gaps() -> None:
    """Nominal ratings may be texts, an empty one missing."""
    texts = krippendorff_alpha([["a", "b", ""], ["a", "a", "a"], ["b", "b", ""]])
    codes = krippendorff_alpha([[0, 1, NONE], [0, 0, 0], [1, 1, NONE]])
    assert texts.value == pytest.approx(codes.value)


def test_one_cluster_has_no_interval() -> None:
    """Where all units are of one cluster there is a value and a warning."""
    found = fleiss_kappa([[0, 1], [1, 1], [0, 0]], [7, 7, 7])
    assert (found.std_error, found.low) == (None, None)
    assert found.value == pytest.approx(1 / 3)
    assert "2 clusters" in found.warnings[0]


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: cohen_kappa([], []), "b: shape"),
        (lambda: cohen_kappa([1, 2], [1]), r"b: shape \(1,\); allowed: that of a, \(2,\)"),
        (lambda: cohen_kappa([1, NONE], [1, 2]), "a and b: a rating is missing"),
        (lambda: cohen_kappa([1, 1], [1, 1]), "a and b: 1 distinct ratings; allowed: 2 to 200"),
        (lambda: cohen_kappa([1, 2], [1, 2], weights="cubic"), "weights: cubic; allowed: none"),  # pyright: ignore
        (lambda: cohen_kappa([1, 2], [1, 2], level=1), "level: 1"),
        (lambda: fleiss_kappa([[1], [2]]), r"ratings: shape \(2, 1\); allowed: \(units, raters\)"),
        (lambda: fleiss_kappa([[1, 2], [2, NONE]]), "ratings: a rating is missing"),
        (lambda: fleiss_kappa([[1, 2], [2, 1]], [1]), "clusters: shape"),
        (lambda: krippendorff_alpha([[1, NONE], [NONE, 2]]), "ratings: no unit has two"),
        (lambda: krippendorff_alpha([[1, 1], [1, 1]]), "ratings: 1 distinct"),
        (lambda: krippendorff_alpha([["a", "b"]], metric="interval"), "ratings: texts"),
        (lambda: krippendorff_alpha([[1, 2]], metric="ratio"), "metric: ratio; allowed: nominal"),  # pyright: ignore
        (lambda: krippendorff_alpha([[1, 2]], [1, 2]), "clusters: shape"),
        (lambda: krippendorff_alpha([[None, 1]]), "ratings: object; allowed: numbers or texts"),  # pyright: ignore
    ],
)
def test_bad_input(make: Callable[[], Estimate], line: str) -> None:
    """Ratings that are missing, unequal, constant or not numbers are refused, never NaN."""
    with pytest.raises(ValueError, match=line):
        make()


def test_no_interval_reaches_below_minus_one() -> None:
    """Agreement beyond chance is -1 or more, so that is where its interval ends."""
    a = np.arange(12) == 0
    found = cohen_kappa(a, np.roll(a, 6), np.arange(12) // 6)
    assert found.low is not None
    assert -1 <= found.low <= found.value


def test_rare_categories_are_warned_of_by_what_chance_would_hold() -> None:
    """A tenth of 100 units would meet by chance in one: warned of; a third, in eleven: not."""
    for rare, warned in ((10, True), (33, False)):
        a = np.arange(100) < rare
        found = cohen_kappa(a, np.roll(a, rare // 2))
        assert any("in one category" in warning for warning in found.warnings) == warned
