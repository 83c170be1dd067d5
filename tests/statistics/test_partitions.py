"""Models of parts, and the search for the best partition."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from modelmetry.statistics import (
    classification,
    partition_search,
    partitions,
    ranking,
    ridge_logistic,
)


def drawn(seed: int, n: int = 300, features: int = 3):
    """Outcomes that hang on a feature in opposite ways, by where another is; and features, one binary."""
    stream = np.random.default_rng(seed)
    x = stream.normal(size=(n, features))
    x[:, -1] = stream.random(n) < 0.3
    logits = x[:, 0] * np.where(x[:, 1] >= 0, 3, -3)
    return (stream.random(n) < 1 / (1 + np.exp(-logits))).astype(float), x


def slow_table(y, x, balanced: bool, penalty: float = 1.0):
    """Every rule by its words, three fits each."""
    found = {}
    for f in range(x.shape[1]):
        for g in range(x.shape[1]):
            for a in partitions.QUANTILES:
                for b in partitions.QUANTILES:
                    if f == g:
                        continue
                    one = x[:, f] >= np.quantile(x[:, f], a, method="inverted_cdf")
                    two = x[:, g] >= np.quantile(x[:, g], b, method="inverted_cdf")
                    called = np.zeros(len(y), dtype=bool)
                    for mine in (one, ~one & two, ~one & ~two):
                        if mine.any():
                            model = ridge_logistic.fit(
                                y[mine], x[mine], balanced=balanced, penalty=penalty
                            )
                            called[mine] = model.probabilities(x[mine]) >= 0.5
                    found[f, a, g, b] = classification.at_threshold(y, called).f1.value
    return found


@pytest.mark.parametrize("balanced", [False, True])
def test_the_search_is_full_and_its_scores_are_right(balanced: bool) -> None:
    """Every rule is in the table with the F1 that three plain fits give, and the best is first."""
    y, x = drawn(1)
    found = partitions.optimal(y, x, balanced=balanced)
    slow = slow_table(y, x, balanced)
    assert len(found.table) == len(slow) == 9 * 6
    for each in found.table:
        key = (each.first, each.first_quantile, each.second, each.second_quantile)
        assert each.f1 == pytest.approx(slow[key], abs=1e-12)
        assert sum(each.sizes) == 300
        assert sum(each.positives) == y.sum()
    assert found.rule == found.table[0]
    assert found.rule is not None
    assert found.rule.f1 == pytest.approx(max(slow.values()))


@pytest.mark.parametrize("balanced", [False, True])
def test_odd_parts_are_searched_as_well(balanced: bool) -> None:
    """Parts where features are constant, of one outcome, empty, of few rows, or told apart: as plain fits."""
    stream = np.random.default_rng(12)
    n = 90
    x = np.column_stack(
        [
            (np.arange(n) < 30) * 1.0,
            (np.arange(n) % 3) * 3e-4 + 1e5 * (np.arange(n) < 45),
            stream.normal(size=n),
            np.where(np.arange(n) < 80, 0.0, stream.normal(size=n) * 1e6),
        ]
    )
    y = (stream.random(n) < 0.3) * 1.0
    y[:30] = x[:30, 2] > 0
    y[45:80] = np.arange(45, 80) % 3 == 2
    y[80:] = 0
    found = partitions.optimal(y, x, balanced=balanced, penalty=0.3)
    slow = slow_table(y, x, balanced, 0.3)
    assert len(found.table) == len(slow) == 9 * 12
    for each in found.table:
        key = (each.first, each.first_quantile, each.second, each.second_quantile)
        assert each.f1 == pytest.approx(slow[key], abs=1e-12)


def test_what_plain_steps_do_not_find_the_damped_search_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The table is the same where no step is allowed, or one, or the steps break down."""
    y, x = drawn(13, 120)
    whole = partitions.optimal(y, x, balanced=True).table
    for steps in (0, 1):
        monkeypatch.setattr(partition_search, "_STEPS", steps)
        assert partitions.optimal(y, x, balanced=True).table == whole
    monkeypatch.undo()

    def broken(*_: Any) -> Any:
        raise np.linalg.LinAlgError

    generic = ridge_logistic.fit(y, x, balanced=True)
    monkeypatch.setattr(partition_search, "_solved", broken)
    assert partitions.search(y, x, generic, balanced=True) == whole


def test_nearly_all_models_are_found_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """One by one are fitted the first parts alone: 15 of five features."""
    y, x = drawn(15, 400, 5)
    sizes: list[int] = []
    alone = partition_search.Search.alone

    def counted(search: Any, mine: Any) -> Any:
        sizes.append(int(mine.sum()))
        return alone(search, mine)

    monkeypatch.setattr(partition_search.Search, "alone", counted)
    partitions.optimal(y, x, balanced=True)
    assert len(sizes) == 15


def test_a_search_from_another_model_ends_at_the_same_table() -> None:
    """Where it sets out does not matter."""
    y, x = drawn(14, 200)
    generic = ridge_logistic.fit(y, x, balanced=True)
    other = ridge_logistic.fit(1 - y, x)
    one, two = (partitions.search(y, x, each, balanced=True) for each in (generic, other))
    assert one == two == partitions.optimal(y, x, balanced=True).table


def test_ten_features_make_810_rules() -> None:
    """As in the source of the search, in little time."""
    y, x = drawn(2, 400, 10)
    started = time.process_time()
    found = partitions.optimal(y, x)
    assert time.process_time() - started < 5
    assert len(found.table) == 810
    keys = {(e.first, e.first_quantile, e.second, e.second_quantile) for e in found.table}
    assert len(keys) == 810


def test_the_rule_decides_and_the_models_predict() -> None:
    """Parts follow the rule's words, and each row is predicted by the model of its part."""
    y, x = drawn(3)
    found = partitions.optimal(y, x)
    rule = found.rule
    assert rule is not None
    for row, name in zip(x, rule.parts(x), strict=True):
        if row[rule.first] >= rule.first_threshold:
            assert name == "first"
        elif row[rule.second] >= rule.second_threshold:
            assert name == "second"
        else:
            assert name == "third"
    names = rule.parts(x)
    assert tuple((names == part).sum() for part in partitions.PARTS) == rule.sizes
    predicted = found.probabilities(x)
    for part in partitions.PARTS:
        mine = names == part
        if mine.any():
            twin = ridge_logistic.fit(y[mine], x[mine])
            assert predicted[mine] == pytest.approx(twin.probabilities(x[mine]))
    called = classification.at_threshold(y, predicted)
    assert called.f1.value == pytest.approx(rule.f1)
    with pytest.raises(ValueError, match="categories: given"):
        found.probabilities(x, names)
    with pytest.raises(ValueError, match="design: 1 columns"):
        found.probabilities(x[:, :1])


def test_the_partition_beats_one_model_where_slopes_turn() -> None:
    """On new rows from the same source too."""
    y, x = drawn(4, 800)
    fresh, other = drawn(5, 800)
    found = partitions.optimal(y, x)
    generic = ridge_logistic.fit(y, x)
    areas = [ranking.roc_auc(fresh, model.probabilities(other)).value for model in (found, generic)]
    assert areas[0] > areas[1] + 0.1


def test_a_subsample_searches_on_some_and_fits_to_all() -> None:
    """Sizes are those of the subsample; thresholds and models are of all rows."""
    y, x = drawn(6)
    found = partitions.optimal(y, x, subsample=100, rng=np.random.default_rng(0))
    assert found.rule is not None
    assert all(sum(each.sizes) == 100 for each in found.table)
    assert sum(model.n for model in found.models.values()) == 300
    tie = np.quantile(x[:, found.rule.first], found.rule.first_quantile, method="inverted_cdf")
    assert found.rule.first_threshold == tie
    more = partitions.optimal(y, x, subsample=999, rng=np.random.default_rng(0))
    assert more.table == partitions.optimal(y, x).table
    with pytest.raises(ValueError, match="rng: None"):
        partitions.optimal(y, x, subsample=100)


def test_what_cannot_be_told_apart() -> None:
    """Constant features leave empty parts, which get the model of all rows, and a warning."""
    y, x = drawn(7, 60, 2)
    found = partitions.optimal(y, x * 0)
    assert found.models["third"].n == 60
    assert any("third: no training row falls there" in each for each in found.warnings)
    assert len(found.probabilities(x)) == 60
    rare = np.zeros(60)
    rare[0] = 1
    none = partitions.optimal(rare, x, penalty=100)
    assert "F1 is 0 for every rule, as none is called: take balanced=True" in none.warnings


def test_each_category_has_a_model() -> None:
    """Those of its rows alone, whatever the order, and one that is not there is refused."""
    y, x = drawn(8)
    kinds = np.array(["recitation", "reconstruction", "recollection"])[np.arange(300) % 3]
    found = partitions.by_category(y, x, kinds, balanced=True, penalty=2)
    predicted = found.probabilities(x, kinds)
    for kind in np.unique(kinds):
        mine = kinds == kind
        twin = ridge_logistic.fit(y[mine], x[mine], balanced=True, penalty=2)
        assert predicted[mine] == pytest.approx(twin.probabilities(x[mine]))
    order = np.random.default_rng(0).permutation(300)
    assert found.probabilities(x[order], kinds[order]) == pytest.approx(predicted[order])
    with pytest.raises(ValueError, match="categories: 'other'; allowed: recitation, rec"):
        found.probabilities(x[:1], ["other"])
    with pytest.raises(ValueError, match="categories: None"):
        found.probabilities(x)


def test_one_category_is_the_generic_model() -> None:
    """With a single category the model is that of all rows."""
    y, x = drawn(9)
    found = partitions.by_category(y, x, np.zeros(300))
    assert found.probabilities(x, np.zeros(300)) == pytest.approx(
        ridge_logistic.fit(y, x).probabilities(x)
    )


def test_a_category_without_positives_is_a_constant() -> None:
    """It predicts little for all, and the warning names it."""
    y, x = drawn(10)
    kinds = np.where(np.arange(300) < 50, "none", "some")
    y[:50] = 0
    found = partitions.by_category(y, x, kinds)
    assert found.probabilities(x, kinds)[:50] == pytest.approx(0.5 / 51)
    assert found.warnings == ("none: none of 50 have the outcome: the model is a constant",)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"design": np.ones((30, 1))}, "design: 1 column; allowed: 2 or more"),
        ({"quantiles": ()}, "quantiles: none; allowed: one or more"),
        ({"quantiles": (0.5, 1.0)}, "quantiles: 1.0; allowed"),
        ({"threshold": 0}, "threshold: 0; allowed"),
        ({"subsample": 1, "rng": np.random.default_rng(0)}, "subsample: 1; allowed"),
    ],
)
def test_refused(changed: dict[str, Any], match: str) -> None:
    """Too few features, no or impossible quantiles, thresholds and subsamples."""
    y, x = drawn(11, 30)
    with pytest.raises(ValueError, match=match):
        partitions.optimal(**{"outcomes": y, "design": x, **changed})
