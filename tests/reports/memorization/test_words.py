"""Words of the section that keep people from reading too much into it: bounds, copies, what is counted below."""

from __future__ import annotations

from dataclasses import replace

from tests.reports.memorization.studies import estimate, memorization_study, task_study
from tests.reports.memorization.test_section import markdown, plain

from modelmetry.reports.memorization.charts import dependence_chart
from modelmetry.reports.memorization.section import memorization_part
from modelmetry.reports.memorization.words import half_words, lead


def test_a_ceiling_at_its_lowest_is_a_bound():
    """0.8 is what the fit allows, and no finding; the curve's warning stands beside it."""
    found = task_study().halfway[0]
    told = ("the ceiling may be below the lowest considered, 0.8", "only 1 duplicates were asked")
    lapse = estimate(0.2, None)
    low = replace(found, curve=replace(found.curve, lapse=lapse), warnings=told)
    text = plain(half_words(low))
    assert ", of at most 80.0 % that any number of copies would bring out." in text
    assert "of the 80.0" not in text
    assert text.endswith(
        "The ceiling may be below the lowest considered, 0.8. Only sequences of 1 copy were asked."
    )
    near = replace(low, curve=replace(found.curve, lapse=estimate(0.15, None)))
    assert "of the 85.0 % that" in plain(half_words(near))
    task = replace(task_study(), halfway=(low,))
    (part,) = memorization_part(memorization_study(task)).tasks
    assert "lowest considered, 0.8" in part.lead[1]
    assert "lowest considered, 0.8" in markdown(memorization_part(memorization_study(task)))


def test_the_lead_ends_with_what_the_sections_below_count():
    """Where there are canaries or further wordings, and only there."""
    task = task_study()
    some = task.probes.canary.copy()
    some[0] = True

    def last(canary, other) -> str:
        about = replace(task.probes, canary=canary, other=other)
        return lead(memorization_study(task), replace(task, probes=about))[-1]

    wordings = {"half": task.probes}
    both = last(some, wordings)
    assert both.startswith("The sections Accuracy and Wordings below count canaries with")
    assert "all wordings together" in both
    assert "counts canaries with" in last(some, {})
    assert "counts all wordings together" in last(task.probes.canary, wordings)
    assert "Accuracy" not in last(task.probes.canary, {})


def test_columns_have_distinct_names():
    """No table has two columns of one name."""
    (part,) = memorization_part(memorization_study()).tasks
    for forest in (
        *(part.categories, part.owed, part.duplicates, part.owed_duplicates),
        *(part.rates, part.shares, part.predicted.gains, part.predicted.qualities),
    ):
        names = [forest.head, forest.value, *forest.columns]
        assert len(set(names)) == len(names)


def test_people_read_copies_and_plain_numbers():
    """The word duplicates is left to the features, and no number has an exponent."""
    task = replace(task_study(), dependence=(), predictions=None)
    task = replace(task, warnings=("duplicates were counted elsewhere",))
    text = markdown(memorization_part(memorization_study(task)))
    assert "duplicates" not in text
    assert "Copies were counted elsewhere" in text
    far = task_study().dependence[0]
    step = replace(far.steps[0], low=9.81e-5, middle=1316.0, high=1316.0)
    chart = dependence_chart(replace(far, steps=(step, *far.steps[1:])))
    assert chart.x_ticks[0].text == "1,320"
    assert "< 0.0001 to 1,320" in chart.says
