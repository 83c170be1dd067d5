"""Adaptive choice of difficulty."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics.staircase import Staircase

LEVELS = np.arange(1.0, 9.0)


def start(seed: int = 0, guess: float = 0.0) -> Staircase:
    """A staircase over levels 1 to 8."""
    return Staircase(LEVELS, guess=guess, rng=np.random.default_rng(seed))


def run(found: Staircase, asked: int, batch: int, threshold: float, seed: int = 1) -> None:
    """Answer so many questions as a respondent who loses two logits per level."""
    rng = np.random.default_rng(seed)
    for _ in range(asked // batch):
        chosen = found.next_batch(batch)
        p = 1 / (1 + np.exp(2 * (LEVELS[chosen] - threshold)))
        found.update(chosen, (rng.random(batch) < p).astype(float))


def brute(right: dict[int, float], wrong: dict[int, float], guess: float) -> tuple[float, float]:
    """Mean and standard deviation of the threshold, summed point by point on a fine grid."""
    total = first = second = 0.0
    for t in np.linspace(-2.5, 11.5, 141):
        for log in np.linspace(math.log(4.4 / 14), math.log(8.8), 41):
            for lapse in np.linspace(0.0, 0.2, 11):
                weight = (1 - lapse) ** 20 * (0.5 if lapse in (0.0, 0.2) else 1.0)
                for i, level in enumerate(LEVELS):
                    if right.get(i) or wrong.get(i):
                        share = (1 - lapse) / (1 + math.exp(-math.exp(log) * (t - level)))
                        p = guess + (1 - guess) * share
                        weight *= p ** right.get(i, 0) * (1 - p) ** wrong.get(i, 0)
                total += weight
                first += weight * t
                second += weight * t**2
    mean = first / total
    return mean, math.sqrt(second / total - mean**2)


@pytest.mark.parametrize("guess", [0.0, 0.25])
def test_the_posterior_is_that_of_a_sum_over_a_fine_grid(guess: float) -> None:
    """Mean and standard deviation agree with a slow sum within a hundredth of a level."""
    right, wrong = {2: 9.0, 3: 7.5, 4: 4.0, 5: 2.0}, {2: 1.0, 3: 2.5, 4: 6.0, 5: 8.0}
    found = start(guess=guess)
    for scores, kind in ((right, 1.0), (wrong, 0.0)):
        for i, n in scores.items():
            found.update([i] * int(n), [kind] * int(n))
    found.update([3], [0.5])
    mean, error = brute(right, wrong, guess)
    estimate = found.estimate()
    assert estimate.value == pytest.approx(mean, abs=0.02)
    assert estimate.std_error == pytest.approx(error, abs=0.02)


def test_it_closes_in_on_the_threshold() -> None:
    """After 200 answers the interval is narrow and holds the truth, and most were asked near it."""
    found = start()
    run(found, 200, 20, threshold=5.2)
    estimate = found.estimate()
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.low < 5.2 < estimate.high
    assert estimate.high - estimate.low < 0.8
    assert (estimate.n, estimate.warnings) == (200, ())
    assert set(found.next_batch(10).tolist()) <= {3, 4, 5}


def test_adaptive_levels_tell_more_than_even_ones() -> None:
    """At as many answers the standard error is below nine tenths of that of even levels."""
    ratios = []
    for seed in range(10):
        adaptive, even = start(), start()
        run(adaptive, 96, 8, threshold=3.5, seed=seed)
        rng, chosen = np.random.default_rng(100 + seed), np.arange(96) % 8
        p = 1 / (1 + np.exp(2 * (LEVELS[chosen] - 3.5)))
        even.update(chosen, (rng.random(96) < p).astype(float))
        ratios.append((adaptive.estimate().std_error or 0) / (even.estimate().std_error or 1))
    assert np.median(ratios) < 0.9


@pytest.mark.parametrize(("score", "end", "says"), [(1.0, 8.0, "saturated"), (0.0, 1.0, "floor")])
def test_always_right_or_always_wrong(score: float, end: float, says: str) -> None:
    """Beyond the tested levels the threshold has one end, sits at the last level and says so."""
    found = start()
    for _ in range(10):
        chosen = found.next_batch(8)
        found.update(chosen, np.full(8, score))
    estimate = found.estimate()
    assert estimate.value == end
    assert (estimate.high if score else estimate.low) is None
    assert says in estimate.warnings[0]
    assert " is " in estimate.warnings[0]


def test_nothing_asked() -> None:
    """Before any answer there is no end, and the first question is in the middle."""
    found = start()
    estimate = found.estimate()
    assert (estimate.n, estimate.low, estimate.high) == (0, None, None)
    assert len(estimate.warnings) == 2
    assert found.next() in (3, 4)


def test_the_same_generator_gives_the_same_choices() -> None:
    """Choices depend on answers and generator alone."""
    a, b = start(3), start(3)
    for found in (a, b):
        run(found, 40, 8, threshold=4.0)
    assert a.next_batch(9).tolist() == b.next_batch(9).tolist()
    assert a.estimate() == b.estimate()


def test_predictions_fall_with_difficulty_and_rise_with_guessing() -> None:
    """Predicted accuracy falls from level to level and stays above the guess rate."""
    found = start(guess=0.25)
    run(found, 80, 8, threshold=4.0)
    predicted = found.predicted()
    assert (np.diff(predicted) < 0).all()
    assert predicted.min() > 0.25


def test_many_answers_are_told_finely() -> None:
    """With 20,000 answers the grid has narrowed: the error is far below its first spacing."""
    found = start()
    rng, chosen = np.random.default_rng(5), np.repeat(np.arange(8), 2500)
    p = 1 / (1 + np.exp(2 * (LEVELS[chosen] - 4.321)))
    found.update(chosen, (rng.random(len(p)) < p).astype(float))
    estimate = found.estimate()
    assert estimate.std_error is not None
    assert estimate.std_error < 0.03
    assert estimate.value == pytest.approx(4.321, abs=0.08)


@given(
    st.lists(st.tuples(st.integers(0, 7), st.sampled_from([0.0, 0.5, 1.0])), min_size=1),
    st.sampled_from([0.0, 0.5]),
)
@settings(deadline=None, max_examples=25)
def test_any_answers(answers: list[tuple[int, float]], guess: float) -> None:
    """Any answers, in any order, give a value among the levels, its interval around it."""
    found, turned = start(guess=guess), start(guess=guess)
    found.update(*map(list, zip(*answers, strict=True)))
    for i, score in reversed(answers):
        turned.update([i], [score])
    estimate = found.estimate()
    assert estimate.value == pytest.approx(turned.estimate().value)
    assert 1 <= estimate.value <= 8
    assert estimate.low is None or 1 <= estimate.low <= estimate.value
    assert estimate.high is None or estimate.value <= estimate.high <= 8
    assert (estimate.low is None or estimate.high is None) == bool(estimate.warnings)


def test_refused() -> None:
    """Levels that do not differ, guesses, batches, indices and scores out of range are refused."""
    rng = np.random.default_rng(0)
    for levels, guess in (
        ([3, 3], 0.0),
        ([], 0.0),
        ([1, np.nan], 0.0),
        ([1, 2], 1.0),
        ([1, 2], [0]),
    ):
        with pytest.raises(ValueError, match="allowed"):
            Staircase(levels, guess=guess, rng=rng)
    found = start()
    with pytest.raises(ValueError, match="allowed"):
        found.next_batch(0)
    for where, scores in (
        ([8], [1]),
        ([-1], [1]),
        ([0], [2]),
        ([0, 1], [1]),
        ([0.5], [1]),
        ([], []),
    ):
        with pytest.raises(ValueError, match="allowed"):
            found.update(where, scores)


def test_a_model_that_is_always_right_is_above_the_hardest_level() -> None:
    """The interval goes up from the hardest level, where the value is, and the other way round."""
    for score, end in ((1.0, 5.0), (0.0, 1.0)):
        found = Staircase([1.0, 2.0, 3.0, 4.0, 5.0], rng=np.random.default_rng(0))
        found.update(np.arange(60) % 5, np.full(60, score))
        estimate = found.estimate()
        assert estimate.value == end
        assert (estimate.low, estimate.high) == ((end, None) if score else (None, end))
