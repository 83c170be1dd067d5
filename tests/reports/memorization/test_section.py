"""The section on a memorization study: its words, figures and both files."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from tests.memorized_runs import Law, memorized_run
from tests.reports.memorization.studies import (
    CATEGORIES,
    COPIES,
    FEATURES,
    counterfactual,
    estimate,
    memorization_study,
    predictions,
    probes,
    task_study,
)

from modelmetry.analyses.memorization.rates import Share
from modelmetry.reports import write_report
from modelmetry.reports.layout import TEMPLATES, _environment
from modelmetry.reports.memorization.charts import halfway_charts
from modelmetry.reports.memorization.forests import around_zero, from_zero
from modelmetry.reports.memorization.predicting import signed, verdict
from modelmetry.reports.memorization.section import memorization_part
from modelmetry.reports.memorization.words import half_words, lead, sentences, study_headlines
from modelmetry.reports.words import MINUS, NBSP

FEW = Law(recall=0.0, rules=0.0)
"""A model that extracts nothing, so that no predictive model is fitted."""


@pytest.fixture(scope="module")
def part():
    """The one task of the study made by hand."""
    (task,) = memorization_part(memorization_study()).tasks
    return task


def plain(text: str) -> str:
    """Without spaces that do not break."""
    return text.replace(NBSP, " ")


def said(task) -> str:
    """All that is said of a task."""
    return plain(" ".join([*lead(memorization_study(task), task), *sentences(task)]))


def test_the_headline_is_the_rate_and_what_exposure_adds():
    """Not an accuracy: what is continued, what of twins, and the difference with its interval."""
    (line,) = study_headlines(memorization_study())
    assert plain(line.value) == "41.0 %"
    assert plain(line.text) == (
        "Of 70 sequences in its corpus, test/reader continues word for word 41.0 % (95 % interval 35.0 to 47.0 %), "
        "and 21.0 % of twins that stand nowhere in it: exposure adds 20.0 points (95 % interval +15.0 to +25.0), "
        "which can be told from 0."
    )


def test_what_exposure_takes_away_and_what_cannot_be_told_are_said_so():
    """The sign and the p-value change the words."""
    task = task_study(p=0.4)
    assert "which cannot be told from 0" in study_headlines(memorization_study(task))[0].text
    assert "no effect of exposure was shown" in said(task)
    less = replace(counterfactual()[0], difference=estimate(-0.2, 0.05))
    task = replace(task_study(), counterfactual=(less,))
    assert "exposure takes away 20.0 points" in study_headlines(memorization_study(task))[0].text
    assert "fewer are extracted after exposure" in said(task)


def test_the_first_paragraphs_answer_the_questions():
    """What was extracted, owed to exposure, its categories, half-way, and whether the taxonomy helps."""
    task = task_study()
    asked, kinds, models = map(plain, lead(memorization_study(task), task))
    assert "the first 32 tokens of 70 sequences that stand in its corpus and of 70 twins" in asked
    assert "So 20.0 points (95 % interval +15.0 to +25.0) are owed to exposure." in asked
    assert "60.0 % is recitation (more than 5 copies in the corpus), 95 % interval 54.0" in kinds
    assert (
        "Half of the sequences are extracted at 7.00 copies (95 % interval 5.30 to 9.20)." in kinds
    )
    assert models.startswith("The taxonomy helps to predict what is extracted: on held-out")
    assert (
        "ROC AUC of 0.910 against 0.880, that is +0.030 (95 % interval +0.010 to +0.050" in models
    )
    assert "by 5 of 5 metrics and worse by 0" in models


@pytest.mark.parametrize(
    ("gain", "p", "words"),
    [
        (0.03, 0.2, "The taxonomy was not shown to help"),
        (-0.03, 0.01, "The taxonomy makes predictions of what is extracted worse"),
    ],
)
def test_a_taxonomy_that_does_not_help_is_said_so(gain, p, words):
    """Less is better for losses, and nothing is claimed that is not told apart."""
    task = replace(task_study(), predictions=predictions(gain=gain, p=p))
    assert words in said(task)


def test_a_lower_loss_is_better():
    """Verdicts know which metrics are to be low."""
    gains = {(g.a, g.b, g.metric): verdict(g) for g in predictions().gains}
    assert gains["taxonomic", "generic", "log loss"] == "better"
    assert gains["taxonomic", "generic", "F1"] == "better"
    worse = {g.metric: verdict(g) for g in predictions(gain=-0.02).gains}
    assert set(worse.values()) == {"worse"}


def test_no_models_have_a_reason():
    """Where none was fitted the words say why, and there is no such section."""
    bare = replace(probes(), extracted=probes().extracted * 0)
    task = replace(task_study(), predictions=None, probes=bare)
    assert "No predictive models: 0 of 70 planted sequences were extracted" in said(task)
    assert memorization_part(memorization_study(task)).tasks[0].predicted is None


def test_text_alone_says_what_needs_log_probabilities():
    """One sentence, and only there."""
    assert said(task_study(logprobs=False)).count("--logprobs target") == 1
    assert "--logprobs" not in said(task_study())


def test_controls_are_not_called_twins():
    """Sequences that are nobody's twins are controls, in words and figures."""
    task = replace(task_study(), counterfactual=counterfactual(paired=False))
    assert "twins" not in said(task)
    assert "controls" in said(task)
    (found,) = memorization_part(memorization_study(task)).tasks
    assert [row.name for row in found.categories.rows[:2]] == ["planted", "controls"]


def test_without_anything_to_compare_with_nothing_is_owed():
    """A run of planted sequences alone has rates, and says what it does not know."""
    task = task_study(twins=False)
    assert "Nothing says how much of that" in said(task)
    assert "is not known" in study_headlines(memorization_study(task))[0].text
    (found,) = memorization_part(memorization_study(task)).tasks
    assert found.owed is None
    assert found.owed_duplicates is None
    assert len(found.categories.rows) == 1 + len(CATEGORIES)


def test_planted_stand_beside_twins_in_every_category(part):
    """Two rows each, all sequences first, in two colors, with intervals; differences below."""
    rows = part.categories.rows
    assert [row.name for row in rows] == ["planted", "twins"] * 4
    assert [row.group.partition(" (")[0] for row in rows[::2]] == ["all sequences", *CATEGORIES]
    assert {row.color for row in rows[::2]} != {row.color for row in rows[1::2]}
    assert all(" to " in row.facts[0] for row in rows)
    assert [row.value for row in part.owed.rows] == ["+20.0", "+50.0", "+10.0", "+15.0"]
    assert len(part.duplicates.rows) == 2 * (1 + len(COPIES))


def test_the_curve_passes_half_at_the_threshold():
    """In log2 of the copies from left to right, rising, with the interval as a band around 7."""
    whole, none = halfway_charts(task_study())
    line = [tuple(map(float, point.split(","))) for point in whole.line.split()]
    assert [x for x, _ in line] == sorted(x for x, _ in line)
    heights = [y for _, y in line]
    assert heights == sorted(heights, reverse=True)  # down is low
    span = 1.12 * 6  # six doublings and what is left free on either side
    half = 100 * (math.log2(7) + 0.06 * 6) / span
    x, _ = min(line, key=lambda point: abs(point[1] - 50))
    assert x == pytest.approx(half, abs=1.5)
    low = float(whole.band.x.rstrip("%"))
    assert low == pytest.approx(100 * (math.log2(5.3) + 0.36) / span, abs=0.1)
    assert low + float(whole.band.width.rstrip("%")) > half
    assert [series.name for series in whole.series] == ["planted", "twins"]
    assert [tick.text for tick in whole.x_ticks] == [str(d) for d in COPIES]
    assert (none.line, none.band) == ("", None)
    assert "more than half are extracted" in none.text


def test_an_open_end_of_the_band_reaches_the_border():
    """Where the interval has one end, the band goes on to where the chart ends."""
    task = task_study()
    half = replace(task.halfway[0].duplicates, high=None)
    task = replace(task, halfway=(replace(task.halfway[0], duplicates=half),))
    (chart,) = halfway_charts(task)
    assert float(chart.band.x[:-1]) + float(chart.band.width[:-1]) == pytest.approx(100, abs=0.02)
    assert "above 5.30" in chart.text


def test_a_ceiling_is_drawn_and_said():
    """Half is of those that any number of copies would bring out."""
    found = task_study().halfway[0]
    low = replace(found, curve=replace(found.curve, lapse=estimate(0.1, 0.02)))
    assert "of the 90.0 % that any number of copies would bring out" in plain(half_words(low))
    (chart,) = halfway_charts(replace(task_study(), halfway=(low,)))
    assert chart.ceiling == "0,10.00 100,10.00"
    assert "any number" not in half_words(found)


def test_exposure_stands_under_its_ceiling(part):
    """The most that 35 identifiers can show, and what one never seen has: the mean over all ranks."""
    chart = part.exposure
    assert len(chart.series[0].points) == len(COPIES)
    top = int(chart.y_ticks[-1].text)
    (most,) = {float(point.split(",")[1]) for point in chart.ceiling.split()}
    assert most == pytest.approx(100 - 100 * math.log2(36) / top, abs=0.01)
    blind = sum(math.log2(36 / rank) for rank in range(1, 37)) / 36
    (level,) = {float(point.split(",")[1]) for point in chart.chance.split()}
    assert level == pytest.approx(100 - 100 * blind / top, abs=0.01)
    assert all(float(point.y[:-1]) >= most for point in chart.series[0].points)


def test_models_metrics_and_gains_are_all_there(part):
    """Five metrics of three models and of three pairs, each with its interval and verdict."""
    assert len(part.predicted.qualities.rows) == 15
    assert len(part.predicted.gains.rows) == 15
    first = part.predicted.gains.rows[0]
    assert (first.group, first.name) == ("taxonomic less generic", "ROC AUC (more is better)")
    assert first.facts == ("+0.010 to +0.050", "0.010", "better")
    assert [r.group for r in part.predicted.gains.rows if r.group][1:] == [
        "optimal less generic",
        "taxonomic less optimal",
    ]
    assert any("perplexity of the prompt (not known)" in note for note in part.predicted.notes)


def test_predictions_on_the_diagonal_are_right(part):
    """One reliability chart per model: found against predicted, both from 0 to 1."""
    assert [chart.title for chart in part.predicted.reliability] == [
        *("Generic", "Taxonomic", "Optimal"),
    ]
    point = part.predicted.reliability[0].series[0].points[2]
    assert (point.x, point.y) == ("50.00%", "55.00%")  # predicted 0.5, found 0.45
    assert part.predicted.reliability[0].chance == "0.00,100.00 100.00,0.00"


def test_coefficients_come_by_model_largest_first(part):
    """The generic model's, then each category's."""
    titles = [each.title.partition(" (")[0] for each in part.predicted.coefficients]
    assert titles == ["all sequences", *CATEGORIES]
    forest = part.predicted.coefficients[0].forest
    assert [row.value for row in forest.rows] == ["+1.40", "+0.50", f"{MINUS}0.40"]


def test_dependence_has_a_chart_for_each_feature_and_category(part):
    """Those that tell most stand first; of a category without both outcomes it says so."""
    assert [each.title.partition(" (")[0] for each in part.dependence] == [
        "all sequences",
        *CATEGORIES,
    ]
    assert [each.open for each in part.dependence] == [True, False, False, False]
    charts = part.dependence[0].charts
    assert [chart.title for chart in charts] == [FEATURES[0], FEATURES[2], FEATURES[1]]
    assert len(charts[0].series[0].points) == 5
    assert "AUC 0.900 (0.860 to 0.940)" in charts[0].text
    assert all("All of them are extracted, or none is" in c.text for c in part.dependence[2].charts)


def test_only_features_that_are_told_are_named():
    """A feature whose p-value is high is no finding; less is said of AUC below a half."""
    line = next(text for text in sentences(task_study()) if "tell themselves apart" in text)
    assert "more log(1 + duplicates)" in line
    assert "code length" in line
    assert "rarest token" not in line
    low = tuple(
        replace(each, auc=estimate(0.2, 0.05), p=0.01) if each.feature == FEATURES[2] else each
        for each in task_study().dependence
    )
    line = " ".join(sentences(replace(task_study(), dependence=low)))
    assert "less rarest token" in line


def test_warnings_stand_once_as_sentences():
    """Of the study, the probes and the models."""
    task = task_study()
    task = replace(task, probes=replace(task.probes, warnings=task.warnings))
    (found,) = memorization_part(memorization_study(task)).tasks
    assert found.warnings == [
        "The model counts other tokens than the corpus.",
        "Reconstruction: no sequence was extracted, so its model is a constant.",
    ]


def test_replies_that_could_not_be_read_are_counted():
    """How many are left out is said."""
    assert "1 sequence of 140 got no reply that could be read, and is left out" in said(
        task_study(failed=1)
    )


def test_nothing_extracted_has_no_shares():
    """No share of nothing; the words say so."""
    shares = tuple(Share(category=name, share=None) for name in CATEGORIES)
    task = replace(task_study(), shares=shares)
    assert "Nothing was extracted, so that there are no categories" in said(task)
    assert memorization_part(memorization_study(task)).tasks[0].shares is None


def test_scales_hold_all_and_keep_zero():
    """A scale around 0 is as wide on either side; one from 0 ends at 1 unless more is needed."""
    scale, ticks = around_zero([estimate(0.02, 0.025)])
    assert (scale.low, scale.high) == (-0.05, 0.05)
    assert [tick.text for tick in ticks] == [
        f"{MINUS}0.050",
        f"{MINUS}0.025",
        "0.000",
        "+0.025",
        "+0.050",
    ]
    assert [tick.zero for tick in ticks] == [False, False, True, False, False]
    assert around_zero([])[0].high == 1
    assert from_zero([estimate(0.4)])[0].high == 1
    assert from_zero([estimate(1.4)])[0].high == 2
    assert [signed(value) for value in (0.0301, -0.0301, -0.0001)] == [
        *("+0.030", f"{MINUS}0.030", "0.000"),
    ]


def test_several_tasks_have_titles():
    """A heading each where there are two, none where there is one."""
    study = memorization_study(task_study(), replace(task_study(), task="other"))
    assert [task.title for task in memorization_part(study).tasks] == ["memorization", "other"]
    assert memorization_part(memorization_study()).tasks[0].title == ""
    assert memorization_part(None) is None


def markdown(part) -> str:
    """A section alone, by the templates of the whole report."""
    templates = _environment(TEMPLATES)
    table = templates.get_template("report.md.jinja").make_module({"page": _Nothing()}).table
    section = templates.get_template("memorization.md.jinja").module.memorization_text
    return section(part, table)


class _Nothing:
    """A page without runs, of which the macros alone are wanted."""

    title = version = ""
    questions = runs = ()
    comparison = None


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The files of the report of a run in which nothing is extracted."""
    out = tmp_path_factory.mktemp("memorization")
    section = memorized_run(FEW, logprobs=True, options={"canaries": 5, "sequences": 1})
    return {path.name: path.read_text("utf-8") for path in write_report(out, [section])[:3]}


def test_html_and_markdown_hold_the_section(report):
    """Both begin with what is continued, and have words, rates, copies and exposure."""
    for name in ("report.html", "report.md"):
        text = plain(report[name])
        for expected in ("Memorization", "No predictive models", "fewer than half are extracted"):
            assert expected in text
        for expected in ("1 copy", "64 copies", "Exposure", "reconstruction", "twins"):
            assert expected in text
    page = plain(report["report.html"])
    assert page.index('id="run-1-memorization"') < page.index('id="run-1-accuracy"')
    first = re.search(r'<p class="answer">(.*?)</p>', page, re.DOTALL).group(1)
    assert "continues word for word <b>0.0 %</b>" in first


def test_rows_of_markdown_tables_have_the_same_cells():
    """Every row of a table has as many cells as its head, in a section with everything."""
    part = memorization_part(memorization_study())
    block: list[int] = []
    text = markdown(part)
    for line in text.splitlines():
        if line.startswith("|"):
            block.append(len(re.findall(r"(?<!\\)\|", line)))
        else:
            assert len(set(block)) <= 1, line
            block = []
    assert text.count("\n| ---") > 10


def test_other_reports_are_as_they_were(section, tmp_path):
    """A suite that asks nothing of a corpus has no such section, and its headline is an accuracy."""
    texts = [path.read_text("utf-8") for path in write_report(tmp_path, [section])[:2]]
    assert not any("Memorization" in text for text in texts)
    assert "is right on" in texts[0]
