"""The gates: which nights fail, by the numbers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tests.nightly.nights import reading
from tests.simulated_runs import small_table

from modelmetry.analyses.table import Items, read_items
from modelmetry.nightly import gates, marks
from modelmetry.nightly.job import Cost, Regression
from modelmetry.nightly.night import Cell


def _items(values: list[float]) -> Items:
    rows = [{"problem": f"p{i}", "value": value} for i, value in enumerate(values)]
    return read_items(small_table(rows))


def _compared(loss: marks.Loss | None, why: str = "") -> gates.Compared:
    return gates.Compared(
        suite="s", model="m", kind="anchor", split="a", against="then", loss=loss, why=why
    )


def _loss(now: list[float], then: list[float], margin: float = 0.0) -> marks.Loss:
    found = marks.loss(_items(now), _items(then), "held-out", margin=margin, alpha=0.01, family=10)
    assert found is not None
    return found


def test_a_loss_is_one_sided() -> None:
    """Who lost 12 of 100 items is found; who won them is not."""
    then, now = [1.0] * 60 + [0.0] * 40, [0.0] * 12 + [1.0] * 48 + [0.0] * 40
    # Never below McNemar's exact test, nor far above it.
    assert 0.5**12 <= _loss(now, then).p < 1.2 * 0.5**12
    assert _loss(then, now).p > 0.99
    assert _loss(now, then).value == pytest.approx(-0.12)


def test_a_loss_within_the_margin_passes() -> None:
    """12 points are more than 5, and not more than 12."""
    then, now = [1.0] * 300 + [0.0] * 100, [0.0] * 48 + [1.0] * 252 + [0.0] * 100
    assert _loss(now, then, 0.05).p < 0.001
    assert _loss(now, then, 0.12).p == pytest.approx(0.5, abs=0.01)


def test_nothing_that_differs_is_no_loss() -> None:
    """A model that answers as before has p = 1."""
    assert _loss([1.0, 0.0] * 20, [1.0, 0.0] * 20).p == 1


def test_items_are_matched_by_name_and_failures_left_out() -> None:
    """The order of a table does not matter; what one side could not score is left out and counted."""
    now = read_items(
        small_table([{"problem": f"p{i}", "value": None if i == 0 else 1.0} for i in range(10)])
    )
    then = read_items(
        small_table([{"problem": f"p{i}", "value": float(i > 4)} for i in reversed(range(10))])
    )
    found = marks.loss(now, then, "held-out", margin=0, alpha=0.01, family=1)
    assert found is not None
    assert found.left_out == 1
    assert found.value == pytest.approx(4 / 9)


def test_the_family_is_corrected_by_holm() -> None:
    """A loss that would fail alone passes among many, and a p that is told is the corrected one."""
    some = _loss([0.0] * 8 + [1.0] * 52, [1.0] * 60)  # p = 2^-8 = 0.0039
    none = _loss([1.0] * 60, [1.0] * 60)
    (alone,) = gates.regression([_compared(some)], Regression())
    assert (alone.outcome, alone.p) == ("failed", pytest.approx(0.5**8))
    among = gates.regression([_compared(some), *[_compared(none)] * 9], Regression())
    assert among[0].outcome == "passed"
    assert among[0].p == pytest.approx(10 * 0.5**8)
    assert "after Holm over 10, limit 0.01" in among[0].says
    assert "would be found 4 times in 5" in among[0].says


def test_what_cannot_be_compared_is_not_decided() -> None:
    """No baseline yet: neither passed nor failed, and it does not count in the family."""
    some = _loss([0.0] * 8 + [1.0] * 52, [1.0] * 60)
    first, second = gates.regression(
        [_compared(None, "first night"), _compared(some)], Regression()
    )
    assert (first.outcome, first.p) == ("not decided", None)
    assert "first night" in first.says
    assert second.p == pytest.approx(0.5**8)


def test_the_smallest_loss_told_is_found_four_times_in_five() -> None:
    """Simulated losses of the size that is told are found about as often as is said."""
    rng = np.random.default_rng(1)
    n, alpha = 400, 0.01
    then = (rng.random(n) < 0.7).astype(float)
    flips = np.arange(n) % 10 == 0
    told = _loss(np.where(flips, 1 - then, then).tolist(), then.tolist()).detectable(alpha)
    assert 0.02 < told < 0.12
    found = 0
    for _ in range(100):
        first = rng.random(n) < 0.7
        turned = rng.random(n)
        # About a tenth of the items change, and losses exceed gains by what was told.
        lost, gained = 0.05 + told / 2, 0.05 - told / 2
        now = np.where(first, turned >= lost / 0.7, turned < gained / 0.3)
        now_items, then_items = now.astype(float).tolist(), first.astype(float).tolist()
        found += _loss(now_items, then_items).p < alpha
    assert 65 <= found <= 98


def test_the_check_standard_must_agree_to_the_last_answer() -> None:
    """The first night decides nothing; the same digest passes; another one fails and says how much."""
    plain = {"model": "check", "kind": "anchor"}
    first = reading("2026-01-01", 0.5, **plain)
    later = reading("2026-01-02", 0.5, **plain)
    moved = reading("2026-01-02", 0.5, run_digest="other", **plain)
    outcomes = [
        gates.check_standard([first], [])[0].outcome,
        gates.check_standard([later], [first])[0].outcome,
        gates.check_standard([moved], [first])[0].outcome,
        gates.check_standard([dataclasses.replace(moved, edition="new")], [first])[0].outcome,
    ]
    assert outcomes == ["not decided", "passed", "failed", "not decided"]
    (told,) = gates.check_standard([moved], [first, later], {"adding": ": 3 of 9 items"})
    assert told.says.endswith("not those of 2026-01-01: 3 of 9 items")


def _cell(status: str = "finished", **changes: object) -> Cell:
    told = {"suite": "s", "model": "m", "kind": "fresh", "note": "", **changes}
    return Cell(status=status, **told)  # type: ignore[arg-type]


def test_what_did_not_run_fails() -> None:
    """A suite that did not run is never passed over, least of all where a gate names it."""
    assert [v.outcome for v in gates.coverage([_cell(), _cell()])] == ["passed"]
    (failed,) = gates.coverage([_cell(), _cell("unreachable", note="no server")], named=["s"])
    assert (failed.outcome, failed.suite, failed.model) == ("failed", "s", "m")
    assert "although a gate names the suite: no server" in failed.says


def test_cells_that_were_held_back_are_one_line() -> None:
    """Twenty models that were not asked, because the check standard moved, are one line."""
    held = [_cell("failed", note="moved") for _ in range(20)]
    (told,) = gates.coverage([_cell(), *held], blocked="moved")
    assert (told.outcome, told.says) == ("failed", "20 of 21 cells were not asked: moved")


def test_cost_is_held_against_both_limits() -> None:
    """Of the night and of each model; at the limit it passes."""
    cells = [_cell(cost_usd=0.6), _cell(cost_usd=0.4), _cell(model="n", cost_usd=0.5)]
    found = gates.cost(cells, Cost(night=1.2, model=1.0))
    assert [(v.model, v.outcome) for v in found] == [
        ("", "failed"),
        ("m", "passed"),
        ("n", "passed"),
    ]
    assert gates.cost([_cell()], Cost(night=1.0))[0].says.endswith("0 where no prices are given")


def test_a_reading_of_no_spread_has_the_error_of_its_interval() -> None:
    """Where all items agree, the error is what the interval allows for, not 0."""
    items = _items([1.0] * 50)
    found = marks.difference(items, items, "held-out")
    assert found is not None
    assert found.std_error == 0
    error = marks.error_of(found)
    assert error is not None
    assert 0.01 < error < 0.1
