"""Charts over the nights: which series there are, when they alarm, and what moved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pytest
from benchmarks.calibrations import nightly as calibration
from tests.nightly.nights import reading

from modelmetry.nightly.job import Drift
from modelmetry.nightly.night import Reading, Verdict
from modelmetry.nightly.watching import watch

START = date(2026, 1, 1)


def _dates(nights: int) -> list[str]:
    return [(START + timedelta(days=night)).isoformat() for night in range(nights)]


def _fresh(values: list[float], **changes: object) -> list[Reading]:
    return [reading(d, v, **changes) for d, v in zip(_dates(len(values)), values, strict=True)]


def _anchors(values: list[float], error: float = 0.01, **changes: object) -> list[Reading]:
    """Anchors with paired changes from the first night."""
    found = []
    for night, value in enumerate(values):
        paired = {"change": value - values[0], "change_error": error} if night else {}
        found.append(reading(_dates(night + 1)[-1], value, kind="anchor", **paired, **changes))
    return found


def _watched(
    readings: list[Reading], gate: Drift | None, check: str | None = None
) -> list[Verdict]:
    tonight = max(each.date for each in readings)
    before = sorted((r for r in readings if r.date < tonight), key=lambda r: r.date)
    return list(
        watch(before, [r for r in readings if r.date == tonight], gate, check=check).verdicts
    )


def _noise(nights: int, center: float, spread: float, seed: int) -> list[float]:
    return (center + spread * np.random.default_rng(seed).standard_normal(nights)).tolist()


def test_a_baseline_that_is_short_decides_nothing() -> None:
    """Up to the night that ends the baseline nothing is decided; the next one is."""
    gate = Drift(nights=5)
    (short,) = _watched(_fresh(_noise(5, 0.7, 0.02, 0)), gate)
    (enough,) = _watched(_fresh(_noise(6, 0.7, 0.02, 0)), gate)
    assert short.outcome == "not decided"
    assert "night 5 of the 5" in short.says
    assert enough.outcome == "passed"


@pytest.mark.parametrize("shift", [-0.06, 0.06])
def test_a_change_that_stays_is_found_either_way(shift: float) -> None:
    """A fall or a rise of three standard errors that stays is an alarm within ten nights."""
    values = _noise(50, 0.7, 0.02, 1)
    gate = Drift(nights=40, run_length=365)
    assert _watched(_fresh(values), gate)[0].outcome == "passed"
    moved = [*values[:40], *(v + shift for v in values[40:])]
    (found,) = _watched(_fresh(moved), gate)
    assert found.outcome == "failed"
    assert f"against a {'rise' if shift > 0 else 'fall'}" in found.says
    assert "one false alarm in 365 nights over 1 charts" in found.says
    assert "; since 2026-02-1" in found.says


def test_anchors_are_charted_by_their_paired_change() -> None:
    """A loss far within the luck of the items is found on anchors, whose items are the same."""
    values = [0.7] * 40 + [0.68] * 10
    gate = Drift(nights=40)
    assert _watched(_fresh(values, std_error=0.04), gate)[0].outcome == "passed"
    assert _watched(_anchors(values, error=0.01), gate)[0].outcome == "failed"


def test_either_night_of_a_paired_change_has_half_of_its_variance() -> None:
    """So that the difference of two nights of anchors strays by the error of their change."""
    found = _anchors(_noise(5, 0.7, 0.01, 0), error=0.01)
    (series,) = watch(found[:-1], found[-1:], Drift(nights=40), check=None).charts
    assert series.errors == pytest.approx([0.01 / 2**0.5] * 5)


def test_a_nights_own_error_that_is_luck_raises_no_alarm() -> None:
    """The error of few clusters is sometimes far too small; a night is judged by that of the baseline."""
    values = _noise(50, 0.7, 0.02, 1)
    readings = _fresh(values)
    readings[-1] = reading(readings[-1].date, 0.66, std_error=0.002)
    assert _watched(_fresh([*values[:-1], 0.66]), Drift(nights=40))[0].outcome == "passed"
    assert _watched(readings, Drift(nights=40))[0].outcome == "passed"


def test_other_anchors_are_another_series() -> None:
    """A new edition of the anchors, or version of the suite, begins anew."""
    old, new = _fresh([0.7] * 50), _fresh([0.7] * 51)[50:]
    made = watch(old, [reading(new[0].date, 0.7, suite_version=2)], Drift(nights=3), check=None)
    assert len(made.charts[0].dates) == 1
    anchors = _anchors([0.7] * 5)
    other = reading("2026-02-01", 0.7, kind="anchor", edition="other")
    assert len(watch(anchors, [other], None, check=None).charts[0].dates) == 1


def test_since_begins_anew() -> None:
    """Once a change is understood, the nights before it no longer count."""
    moved = _fresh([*_noise(45, 0.7, 0.02, 3), *_noise(30, 0.5, 0.02, 4)])
    assert _watched(moved, Drift(nights=20))[0].outcome == "failed"
    again = Drift(nights=20, since=START + timedelta(days=45))
    assert _watched(moved, again)[0].outcome == "passed"


def test_the_check_standards_anchors_have_no_chart() -> None:
    """They are a gate of their own; its fresh problems are charted like any other's."""
    both = [*_anchors([0.5] * 5, model="check"), *_fresh([0.5] * 5, model="check")]
    found = _watched(both, Drift(nights=3), check="check")
    assert len(found) == 1
    assert "fresh problems" in found[0].says


def test_only_the_splits_and_suites_of_the_gate_are_judged() -> None:
    """Others are shown and not judged."""
    some = [*_fresh([0.5] * 5), *_fresh([0.5] * 5, split="b", primary=False)]
    assert len(_watched(some, Drift(nights=3))) == 1
    assert len(_watched(some, Drift(nights=3, splits="all"))) == 2
    assert _watched(some, Drift(nights=3, suites=("other",))) == []
    assert len(watch([], some[:1], None, check=None).charts) == 1


def _story(**moved: Callable[[int], float]) -> list[Reading]:
    """A model and a check standard over 60 nights; `moved` adds to a series by night."""
    nights = range(60)
    spread = {"model_fresh": 0.02, "check_fresh": 0.02, "model_anchors": 0.005, "check_anchors": 0}
    found: list[Reading] = []
    for seed, (name, size) in enumerate(spread.items()):
        add = moved.get(name, lambda _: 0.0)
        noise = _noise(60, 0.6, size, 10 + seed)
        values = [value + add(night) for night, value in zip(nights, noise, strict=True)]
        whose = "check" if name.startswith("check") else "able"
        made = _anchors if name.endswith("anchors") else _fresh
        found += made(values, model=whose)
    return found


def _late(by: float) -> Callable[[int], float]:
    return lambda night: by if night >= 50 else 0.0


@pytest.mark.parametrize(
    ("moved", "said"),
    [
        ({"model_fresh": _late(-0.15), "model_anchors": _late(-0.15)}, "model moved"),
        ({"model_anchors": _late(0.15)}, "anchors leaked"),
        ({"model_fresh": _late(-0.15), "check_fresh": _late(-0.15)}, "test got harder"),
    ],
)
def test_what_moved_is_named(moved: dict[str, Callable[[int], float]], said: str) -> None:
    """A worse model, leaked anchors and a harder test each alarm, and are told apart."""
    failed = [v for v in _watched(_story(**moved), Drift(nights=40), "check") if v.model == "able"]
    failed = [v for v in failed if v.outcome == "failed"]
    assert failed
    assert all(v.says.split("; since ")[1].split("; ")[0].split(": ", 1)[1] == said for v in failed)


def test_without_a_check_standard_what_moved_is_left_open() -> None:
    """Nothing is blamed without the evidence."""
    story = [r for r in _story(model_fresh=_late(-0.15)) if r.model == "able"]
    failed = [v for v in _watched(story, Drift(nights=40)) if v.outcome == "failed"]
    assert len(failed) == 1
    assert "cannot be told without a check standard" in failed[0].says


def test_quiet_nights_pass() -> None:
    """Sixty nights on which nothing moved: no alarm in any of the series."""
    assert {v.outcome for v in _watched(_story(), Drift(nights=40), "check")} == {"passed"}


def test_calibration_holds() -> None:
    """The quick cases of the calibration hold: quiet nights pass, planted losses are found."""
    cases = list(calibration.cases(15, seed=3, quick=True))
    assert [case for case in cases if case.surely_breaks()] == []
    assert sum(case.claimed for case in cases) >= 4
