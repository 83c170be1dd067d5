"""The section on systematicity, in one run's report and in that of several."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from tests.simulated_gaps import hope_run, hope_suite

from modelmetry.analyses.gap_trends import gap_study
from modelmetry.analyses.systematicity import study
from modelmetry.reports import write_report
from modelmetry.reports.systematicity import gaps_part, gaps_together
from modelmetry.reports.words import MINUS


@pytest.fixture(scope="module")
def run():
    """A run with a gap in context, and none without examples."""
    return hope_run(hope_suite((0, 8)), shift={"in-context": -1.5}, variants=8)


@pytest.fixture(scope="module")
def part(run):
    """Its section."""
    return gaps_part(study(run.record, run.scores))


@pytest.fixture(scope="module")
def report(run, tmp_path_factory):
    """The files of its report."""
    out = tmp_path_factory.mktemp("gaps")
    return {path.name: path for path in write_report(out, [run])}


def test_the_forest_holds_every_pair_and_the_pooled_gap_last(part):
    """Six groups of 29 pairs, each with a dot, and a diamond at the bottom."""
    forest = part.tests[1].forest
    assert len(forest.rows) == 30
    assert sum(bool(row.group) for row in forest.rows) == 7
    assert [bool(row.mark.diamond) for row in forest.rows] == [False] * 29 + [True]
    assert forest.rows[-1].name == "all pairs, pooled"


def test_the_overview_names_the_control(part):
    """Every test has a line, and one more where there is a control."""
    names = [row.name for row in part.overview.rows]
    assert names == [
        "zero-shot, minimal",
        "in-context, minimal",
        f"in-context, minimal {MINUS} zero-shot",
    ]


def test_it_says_whether_there_is_a_gap(part):
    """A planted gap is called one; where there is none it cannot be told from 0."""
    bare, shown = part.tests
    assert "it cannot be told from 0" in bare.sentences[0]
    assert "worse on combinations that training never shows" in shown.sentences[0]
    assert any("Less the gap of zero-shot" in line for line in shown.sentences)
    assert any("right on the IID side alone" in line for line in shown.sentences)
    assert any("“no” on 75.0\u00a0%" in line for line in shown.sentences)


def test_a_better_ood_side_is_said_to_be_better():
    """A gap below 0 is not called a gap."""
    section = hope_run(hope_suite(), shift=1.5, ability=0.0, variants=8)
    (found,) = gaps_part(study(section.record, section.scores)).tests
    assert "answers are better there" in found.sentences[0]


def test_the_chart_shows_every_pair_and_the_means(part):
    """29 dots by types, four means with intervals, a line, and a line at no gap."""
    chart = part.tests[1].chart
    *dots, means = chart.series
    assert [len(series.points) for series in dots] == [5, 5, 4, 5, 5, 5]
    assert len(means.points) == 4
    assert all(point.low for point in means.points)
    assert [tick.text for tick in chart.x_ticks] == ["3", "5", "15", "23"]
    assert chart.line
    assert chart.chance == "0,50.00 100,50.00"


def test_html_and_markdown_hold_the_section(report):
    """Both texts have the section, every pair and the words; the page has the diamonds."""
    page = report["report.html"].read_text(encoding="utf-8")
    text = report["report.md"].read_text(encoding="utf-8")
    for written in (page, text):
        assert "Systematicity" in written
        assert "purple sphere" in written
        assert "all pairs, pooled" in written
    assert 'id="run-1-systematicity"' in page
    assert len(re.findall(r"<polygon class=\"dot\"", page)) >= 5
    csv = report["estimates.csv"].read_text(encoding="utf-8")
    assert "pooled systematicity gap" in csv


def test_a_run_without_pairs_has_no_section(section, tmp_path):
    """Other suites' reports are as they were."""
    paths = {path.name: path for path in write_report(tmp_path, [section])}
    assert "Systematicity" not in paths["report.html"].read_text(encoding="utf-8")
    assert gaps_part([]) is None


def test_runs_stand_together_with_their_differences(run, tmp_path):
    """The page of two runs has both gaps, their difference, and names both runs."""
    other = hope_run(hope_suite((0, 8)), variants=8, seed=1, model="test/other")
    paths = {path.name: path for path in write_report(tmp_path, [run, other])}
    text = paths["report.md"].read_text(encoding="utf-8")
    together = text.partition("### Systematicity of the runs")[2].partition("###")[0]
    assert f"test/simulated {MINUS} test/other" in together
    assert "the same problems" in together
    assert 'id="comparison"' in paths["report.html"].read_text(encoding="utf-8")


def test_trends_over_runs_are_sentences():
    """A trend with an interval gives it; one of too few runs says so."""
    runs = [
        hope_run(
            hope_suite(),
            pairs=("red cylinder", "gray cube"),
            diversity=d,
            model=f"m/{d}",
            variants=8,
        )
        for d in (8, 12, 23)
    ]
    scored = [(r.record, r.scores) for r in runs]
    (sentence,) = gaps_together(gap_study(scored)).sentences
    assert sentence.startswith("zero-shot, minimal: ")
    assert "from 3 runs)" in sentence
    (sentence,) = gaps_together(gap_study(scored[:2])).sentences
    assert "too few for an interval" in sentence


def test_pairs_without_intervals_are_no_dead_end():
    """With one variant a pair nothing is pooled, and the section says so."""
    section = hope_run(hope_suite(), variants=1)
    (found,) = study(section.record, section.scores)
    (shown,) = gaps_part([found]).tests
    assert shown.sentences == [
        "No pair has enough answers on both sides for an interval of its gap."
    ]
    assert len(shown.forest.rows) == 29
    assert gaps_part([replace(found, gaps=())]) is None
