"""What the headline says of room above and below a score, and the figure of lapses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.memorized_runs import Law, memorized_run
from tests.simulated_runs import addition_suite, simulated

from modelmetry.analyses.difficulty import find_curves
from modelmetry.analyses.estimates import analyze
from modelmetry.analyses.table import read_items
from modelmetry.reports.curves import chart
from modelmetry.reports.headlines import notices
from modelmetry.suites import generator_of


def _texts(ability, problems=200):
    section = simulated(addition_suite({"held-out": problems}), ability=ability)
    found = analyze(section.record, section.scores)
    return [notice.text for notice in notices(found.record, found.rows, 1, 0)]


@pytest.mark.parametrize(
    ("ability", "start", "says"),
    [
        (30.0, "Saturated: on held-out (headroom 0.0 points", "not even a perfect model"),
        (-30.0, "At the floor: on held-out", "Ask easier problems"),
    ],
)
def test_a_headline_without_room_says_so(ability, start, says):
    """Always right and never right are announced, with what to ask instead."""
    (text,) = [text for text in _texts(ability) if text.startswith(start)]
    assert says in text


def test_a_headline_with_room_is_silent():
    """Where the score can rise and fall there is no such notice."""
    assert not any(text.startswith(("Saturated", "At the floor")) for text in _texts(2.0))


def test_a_ceiling_is_drawn_and_spoken_of_where_answers_are_lost():
    """A curve with lapses has a second line and a sentence, one without has neither."""
    section = simulated(addition_suite({"held-out": 60, "longer": 120}), ability=3.5)
    (curve,) = find_curves(section.record.suite, read_items(section.scores))
    lapse = curve.lapse
    assert lapse is not None
    lapsing = replace(
        curve,
        lapse=replace(lapse, value=0.1, low=0.05, high=0.15),
        ceiling=tuple((x, 0.9) for x, _ in curve.line),
    )
    drawn = chart(lapsing)
    assert drawn.ceiling
    assert "half-way between its ceiling and chance" in drawn.text
    assert "10.0\u00a0% are lost at any difficulty" in drawn.text
    plain = chart(replace(curve, lapse=replace(lapse, value=0.0)))
    assert plain.ceiling == ""
    assert "half-way between perfect and chance" in plain.text


def _in_words(section, **record):
    found = analyze(section.record, section.scores)
    return [n.text for n in notices(replace(found.record, **record), found.rows, 1, 0)]


@pytest.fixture(scope="module")
def whole():
    """A split of which all problems that there are were asked, and all were right."""
    options = {"digits": 1}
    (task,) = addition_suite({"train": 1}, options=options).tasks
    count = generator_of(task).count("held-out")
    assert count < 100
    return simulated(addition_suite({"held-out": count}, options=options), ability=30.0)


def test_nothing_else_is_advised_where_all_was_asked(whole):
    """Another seed asks the same, and there is nothing harder: no such notice."""
    said = " ".join(_in_words(whole))
    assert "Seed 0" not in said
    assert "Saturated" not in said


def test_a_part_of_what_there_is_can_be_drawn_anew(whole):
    """Under a limit, or of a larger split, another seed asks other problems."""
    assert any(text.startswith("Seed 0") for text in _in_words(whole, limit=5))
    assert any(text.startswith("Saturated") for text in _in_words(whole, limit=5))
    some = simulated(addition_suite({"held-out": 20}), ability=30.0)
    assert any(text.startswith("Seed 0") for text in _in_words(some))
    assert not any(text.startswith("Seed 0") for text in _in_words(some, seed=7))


def test_the_floor_is_said_without_advice_where_all_was_asked(whole):
    """The finding stands; there are no easier problems."""
    wrong = simulated(whole.record.suite, ability=-30.0)
    (text,) = [text for text in _in_words(wrong) if text.startswith("At the floor")]
    assert text.endswith("no worse model could be told from this one.")


def test_a_laboratory_has_no_other_problems():
    """Its problems are those that the model was trained on, even where not all were asked."""
    law = Law(halfway=0.001, slope=9.0)
    section = memorized_run(law, splits={"planted": 100, "twins": 20})
    said = " ".join(_in_words(section))
    assert "Seed 0" not in said
    assert "Saturated" not in said
