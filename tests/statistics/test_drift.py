"""Attribution of a change to the model, the judge, the test or the anchors."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics import Estimate, drift, multiplicity, pairs
from modelmetry.statistics.drift import Changes, attribute


def change(value: float, error: float | None = 0.01, clusters: int = 1000) -> Estimate:
    """A change with its standard error."""
    return Estimate(
        value=value, std_error=error, low=None, high=None, level=0.95, n=clusters, clusters=clusters
    )


def observed(
    model: float = 0, judge: float = 0, harder: float = 0, leaked: float = 0, error: float = 0.01
) -> Changes:
    """What every series shows when these moved, without noise."""
    return Changes(
        model_fresh=change(model - judge - harder, error),
        model_anchors=change(model - judge + leaked, error),
        check_fresh=change(-judge - harder, error),
        check_anchors=change(-judge, error),
        judge=change(-judge, error),
    )


@pytest.mark.parametrize(
    ("moved", "verdicts"),
    [
        ({}, (drift.NOTHING,)),
        ({"model": -0.1}, (drift.MODEL_MOVED,)),
        ({"model": 0.1}, (drift.MODEL_MOVED,)),
        ({"judge": 0.1}, (drift.JUDGE_MOVED,)),
        ({"harder": 0.1}, (drift.HARDER,)),
        ({"harder": -0.1}, (drift.EASIER,)),
        ({"leaked": 0.1}, (drift.LEAKED,)),
        ({"leaked": -0.1}, (drift.FORGOT,)),
        ({"model": -0.1, "harder": 0.1}, (drift.HARDER, drift.MODEL_MOVED)),
        ({"judge": 0.1, "leaked": 0.1}, (drift.JUDGE_MOVED, drift.LEAKED)),
        ({"error": 0.1}, (drift.UNKNOWN,)),
        ({"model": 0.1, "error": 0.1}, (drift.UNKNOWN,)),
    ],
)
def test_the_decision_table(moved: dict[str, float], verdicts: tuple[str, ...]) -> None:
    """Each thing that can move is told from the others, alone and together."""
    assert attribute(observed(**moved), margin=0.05).verdicts == verdicts


@given(*[st.floats(-0.3, 0.3) for _ in range(5)], st.floats(0.005, 0.1))
@settings(deadline=None, max_examples=60)
def test_contrasts_are_sums_of_changes(
    mf: float, ma: float, cf: float, ca: float, j: float, error: float
) -> None:
    """Values, errors, p-values and intervals are those of the sums written out."""
    from scipy.stats import t

    series = [change(value, error, 21) for value in (mf, ma, cf, ca, j)]
    found = attribute(Changes(**dict(zip(Changes.__slots__, series, strict=True))), margin=0.05)
    sums = [(j, 1), (ca, 1), (cf - ca, 2), (mf - cf, 2), ((ma - mf) - (ca - cf), 4)]
    p_values = []
    for contrast, (value, terms) in zip(found.contrasts, sums, strict=True):
        spread = math.sqrt(terms) * error
        p = 2 * t.sf(abs(value) / spread, 20 * terms)
        half = t.ppf(0.975, 20 * terms) * spread
        assert contrast.estimate.value == pytest.approx(value, abs=1e-12)
        assert contrast.estimate.std_error == pytest.approx(spread)
        assert contrast.estimate.high == pytest.approx(value + half, abs=1e-9)
        assert contrast.p == pytest.approx(p, abs=1e-12)
        inside = abs(value) + t.ppf(0.95, 20 * terms) * spread < 0.05
        assert contrast.ruled_out == inside
        p_values.append(contrast.p)
    adjusted = multiplicity.holm(p_values)
    assert [c.p_adjusted for c in found.contrasts] == pytest.approx(list(adjusted))
    assert [c.supported for c in found.contrasts] == [bool(p < 0.05) for p in adjusted]


def test_without_a_labeled_set_there_are_four_contrasts() -> None:
    """Where the judge's agreement is not known, the check standard on anchors alone tells of it."""
    seen = observed(judge=0.1)
    found = attribute(
        Changes(
            model_fresh=seen.model_fresh,
            model_anchors=seen.model_anchors,
            check_fresh=seen.check_fresh,
            check_anchors=seen.check_anchors,
        ),
        margin=0.05,
    )
    assert len(found.contrasts) == 4
    assert found.verdicts == (drift.JUDGE_MOVED,)
    assert "no labeled set" in found.warnings[0]
    assert "alike" in found.warnings[1]


def test_a_check_standard_that_repeats_itself_counts_by_its_interval() -> None:
    """Anchors answered exactly as before have standard error 0; the rule of three stands for it."""
    same = pairs.difference([0.0, 1.0] * 200, [0.0, 1.0] * 200)
    assert same.std_error == 0
    seen = observed()
    changes = Changes(
        model_fresh=seen.model_fresh,
        model_anchors=seen.model_anchors,
        check_fresh=seen.check_fresh,
        check_anchors=same,
        judge=same,
    )
    found = attribute(changes, margin=0.05)
    assert found.verdicts == (drift.NOTHING,)
    assert found.contrasts[1].estimate.high == pytest.approx(same.high)


@pytest.mark.parametrize(
    ("changes", "options", "line"),
    [
        (observed(), {"margin": 0}, "margin: 0; allowed: numbers above 0"),
        (observed(), {"alpha": 0.5}, "alpha: 0.5"),
        (observed(error=0), {}, "judge: 0 with standard error 0; allowed: finite"),
        (observed(model=math.nan), {}, "model_fresh: nan"),
    ],
)
def test_bad_input(changes: Changes, options: dict, line: str) -> None:
    """Changes without an error and margins out of range are refused."""
    with pytest.raises(ValueError, match=line):
        attribute(changes, **{"margin": 0.05, **options})
