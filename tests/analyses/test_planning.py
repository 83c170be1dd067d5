"""Plans: from pilots or from what is stated to designs and what they take."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from modelmetry.analyses import pilot
from modelmetry.analyses.pilot import Basis, Cost, piloted, stated
from modelmetry.analyses.planning import find_split, plan
from modelmetry.errors import BadInput
from modelmetry.statistics import pairs, planning
from modelmetry.statistics.planning import Variances
from modelmetry.suites import generator_of

FREE = Cost(input_tokens=10.0, output_tokens=4.0)


@pytest.fixture(scope="module")
def two(simulated, addition_suite):
    """A good and a poorer model, each asked 60 problems twice in two wordings."""
    suite = addition_suite({"held-out": 60, "carry": 20})
    sections = [
        simulated(suite, model=model, ability=ability, draws=draws, repeats=2)
        for model, ability, draws in (("a/good", 3.0, 1), ("b/poor", 2.2, 2))
    ]
    return suite, [(section.record, section.scores) for section in sections]


@pytest.fixture(scope="module")
def basis() -> Basis:
    """Known variances and costs."""
    parts = Variances(between=0.1, wording=0.02, noise=0.2)
    return Basis(variances=parts, cost=Cost(input_tokens=20, output_tokens=8, usd=0.01, seconds=2))


def test_one_pilot_is_doubled_and_says_so(two) -> None:
    """From one run the other model is taken alike, by the correlation stated."""
    _, runs = two
    alone = piloted(runs[:1], "held-out", 0.3, FREE, models=1)
    both = piloted(runs[:1], "held-out", 0.3, FREE, models=2)
    assert both.variances.between == pytest.approx(1.4 * alone.variances.between)
    assert both.variances.noise == pytest.approx(2 * alone.variances.noise)
    assert any("assumed" in note for note in both.notes)
    assert both.cost.input_tokens == 2 * alone.cost.input_tokens == 24


def test_two_pilots_measure_the_difference(two) -> None:
    """The variance at the pilots' design is what `pairs` finds, or what wording and noise make up."""
    _, runs = two
    found = piloted(runs, "held-out", 0.3, FREE, models=2)
    items = [pilot.read_items(scores) for _, scores in runs]
    here = items[0].split.at("held-out")
    twin = pairs.difference(items[0].value[here], items[1].value[here], items[0].cluster[here])
    design = planning.Design(clusters=60, wordings=2, repeats=2)
    assert twin.std_error is not None
    parts = found.variances
    least = parts.wording / 2 + parts.noise / 4
    assert parts.of_mean(design) == pytest.approx(max(60 * twin.std_error**2, least))
    assert not any("assumed" in note for note in found.notes)
    assert found.cost.seconds == pytest.approx(2 * 60 / runs[0][1].num_rows)
    assert found.cost.usd == pytest.approx(0.002)


def test_a_pilot_without_repeats_cannot_tell_noise(simulated, addition_suite) -> None:
    """Then noise is part of the wordings' variance, and repeats are promised nothing."""
    section = simulated(addition_suite({"held-out": 40}))
    found = piloted([(section.record, section.scores)], "held-out", 0.3, FREE, models=1)
    assert found.variances.noise == 0
    assert any("asked each item once" in note for note in found.notes)


def test_pilots_that_cannot_be_used_are_one_line(two, simulated, addition_suite, table) -> None:
    """Too many, the same model twice, other items, no answers, no variance."""
    suite, runs = two
    other = simulated(suite, model="c/other", seed=3)
    record = runs[0][0]
    alike = table([{"problem": p, "value": 1.0} for p in "xyz"])
    unscored = table([{"problem": p, "value": None} for p in "xyz"])
    once = [runs[0]]
    cases = [
        (once * 3, 2, "3 runs; allowed: up to 2"),
        (runs, 1, "2 runs; allowed: up to 1"),
        (once * 2, 2, "both runs are of a/good"),
        ([runs[0], (other.record, other.scores)], 2, "two runs of one edition"),
        ([(record, runs[0][1].slice(0, 0))], 2, "no answers yet"),
        ([(record, unscored)], 2, "no scored answer on held-out"),
        ([(record, alike)], 2, "no variance to plan with"),
        ([(record, alike.slice(0, 1))], 2, "fewer than two problems"),
    ]
    for given, models, words in cases:
        with pytest.raises(BadInput, match=words):
            piloted(given, "held-out", 0.3, FREE, models=models)


def test_without_a_pilot_only_problems_help(two) -> None:
    """A stated accuracy gives one design, in the suite's wordings, and its cost twice."""
    suite, _ = two
    made = plan(suite, "held-out", stated(0.7, 0.5, FREE, models=2, effect=0.1), effect=0.1)
    (option,) = made.options
    assert made.recommended == 0
    assert option.design.wordings == 2
    assert option.design.repeats == 1
    assert option.requests == 2 * 2 * option.problems
    assert option.input_tokens == 10 * option.requests
    assert option.usd is None
    assert option.hours is None
    assert any("raise `splits`" in note for note in made.notes)


def test_the_recommended_design_is_the_cheapest_that_can_be_asked(two, basis) -> None:
    """It keeps all wordings, reaches the power, and every option's price adds up."""
    suite, _ = two
    made = plan(suite, "held-out", basis, effect=0.1)
    assert made.recommended is not None
    best = made.options[made.recommended]
    assert best.design.wordings == 2
    assert (best.power or 0) >= 0.8
    for option in made.options:
        answers = option.problems * option.design.per_cluster
        assert option.usd == pytest.approx(0.01 * answers)
        assert option.hours == pytest.approx(2 * answers / 3600)
        if not option.lacking:
            assert option.requests >= best.requests
    lacking = {option.design.wordings: option.lacking for option in made.options}
    assert "leaves out 1" in lacking[1]
    powers = [power for _, power in made.curve]
    assert powers == sorted(powers)
    assert dict(made.curve)[0.1] == pytest.approx(best.power)


def test_a_small_space_is_said(two, basis) -> None:
    """Where the split holds too few problems, what all of them can find is shown instead."""
    suite, _ = two
    task, name = find_split(suite, "held-out")
    made = plan(suite, "held-out", basis, effect=0.004)
    assert made.recommended is None
    assert any("the split holds" in option.lacking for option in made.options)
    assert (made.shown.power or 1) < 0.8
    assert made.shown.problems == generator_of(task).count(name)


def test_repeats_help_where_problems_run_out(two) -> None:
    """A design with more repeats is listed when the one with fewer needs more than there are."""
    suite, _ = two
    noisy = Basis(variances=Variances(between=0.003, noise=0.5), cost=FREE)
    made = plan(suite, "held-out", noisy, effect=0.03)
    assert made.recommended is not None
    assert made.shown.design.repeats > 1
    assert (made.shown.power or 0) >= 0.8


def test_repeats_that_help_little_are_listed_where_they_must(two) -> None:
    """Just beyond the space the design with a few per cent fewer problems is the only one."""
    suite, _ = two
    task, name = find_split(suite, "held-out")
    parts = Variances(between=0.1, noise=0.02)
    beyond = planning.Design(clusters=generator_of(task).count(name) + 10, wordings=2)
    effect = planning.detectable(parts, beyond)
    made = plan(suite, "held-out", Basis(variances=parts, cost=FREE), effect=effect)
    assert made.recommended is not None
    assert made.shown.design.repeats == 2


def test_without_an_effect_the_suite_is_judged_as_it_stands(two, basis) -> None:
    """The first design is the suite's own, and larger ones find less."""
    suite, _ = two
    made = plan(suite, "held-out", basis)
    assert made.shown.problems == 60
    found = [option.detectable or 1 for option in made.options]
    assert found == sorted(found, reverse=True)
    assert made.curve[3][1] == pytest.approx(0.8, abs=1e-6)


def test_a_budget_buys_what_it_can(two, basis) -> None:
    """Designs over the budget are marked, and the largest within it is shown."""
    suite, _ = two
    rich = plan(suite, "held-out", basis, effect=0.1, budget=1000.0)
    poor = plan(suite, "held-out", basis, effect=0.1, budget=1.0)
    assert rich.recommended is not None
    assert poor.recommended is None
    assert (poor.shown.usd or 2) <= 1.0
    assert poor.shown.problems == 50
    assert (poor.shown.power or 1) < 0.8
    with pytest.raises(BadInput, match="prices are unknown"):
        plan(suite, "held-out", replace(basis, cost=FREE), budget=1.0)


def test_clusters_of_several_problems_are_counted_as_one(two, basis) -> None:
    """Four problems a scene need four times the problems."""
    suite, _ = two
    one, four = (
        plan(suite, "held-out", replace(basis, problems=size), effect=0.15).shown
        for size in (1.0, 4.0)
    )
    assert four.design.clusters == one.design.clusters
    assert four.problems == 4 * one.problems


def test_few_problems_against_are_said(two) -> None:
    """A large effect between models that agree otherwise is a rough promise."""
    suite, _ = two
    made = plan(suite, "held-out", stated(0.9, 0.5, FREE, models=2, effect=0.1), effect=0.1)
    assert any("speak for the worse model" in note for note in made.notes)


def test_an_unknown_split_is_one_line(two, basis) -> None:
    """The known ones are named."""
    suite, _ = two
    with pytest.raises(BadInput, match="allowed: held-out, carry"):
        plan(suite, "nowhere", basis)


def test_the_curve_is_of_finite_numbers(two, basis) -> None:
    """Nothing in a plan is NaN."""
    suite, _ = two
    made = plan(suite, "carry", basis, effect=0.5, models=1)
    assert np.isfinite(np.array(made.curve)).all()
    assert made.options[0].half_width is not None
