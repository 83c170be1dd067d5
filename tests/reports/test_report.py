"""The four files of a report."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.simulated_runs import addition_suite, simulated, small_table

from modelmetry.analyses import analyze, estimate
from modelmetry.errors import BadInput
from modelmetry.reports import Sample, Section, write_report
from modelmetry.reports.headlines import headlines
from modelmetry.reports.tables import ESTIMATE_COLUMNS, write_scores
from modelmetry.runs.scores import SCHEMA

HOSTILE = "</script><script>alert(1)</script>|`<img src=x onerror=alert(2)>\x00\ud800{{ 7*7 }}"


@pytest.fixture(scope="session")
def report(section, tmp_path_factory):
    """The folder of a report on one run."""
    out = tmp_path_factory.mktemp("report")
    write_report(out, [section])
    return out


@pytest.fixture(scope="session")
def page(report):
    """Its HTML."""
    return (report / "report.html").read_text(encoding="utf-8")


def test_the_four_files_are_written(section, tmp_path):
    """The page comes first, and the folder is made."""
    paths = write_report(tmp_path / "new" / "folder", [section])
    names = ["report.html", "report.md", "estimates.csv", "scores.parquet"]
    assert [path.name for path in paths] == names
    assert all(path.stat().st_size for path in paths)


def test_the_same_run_gives_the_same_bytes(section, report, tmp_path):
    """A report holds no time of writing and depends on nothing but the run."""
    for path in write_report(tmp_path, [section]):
        assert path.read_bytes() == (report / path.name).read_bytes()


def test_the_page_loads_nothing(page):
    """No address of another place, no import, and a policy that forbids both."""
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|@import|url\(|<link(?! rel=\"icon\" href=\"data:,\")", page)


def test_the_page_starts_with_the_answer(section, page):
    """The first sentence names problems, wordings, model, accuracy, interval and chance."""
    found = next(row for row in estimate(section.record, section.scores))
    sentence = re.sub(r"<[^>]+>|\s+", " ", page.split('<p class="answer">')[1].split("</p>")[0])
    assert sentence.startswith("On 60 held-out addition problems, each asked in 2 wordings, test/")
    assert f"{100 * found.value:.1f}" in sentence
    assert "95 % interval" in sentence.replace("\u00a0", " ")
    assert "chance" in sentence


@pytest.mark.parametrize(
    ("right", "says"), [(30, "above"), (12, "not told apart from"), (0, "below")]
)
def test_the_sentence_stands_by_its_interval(section, right, says):
    """30 of 40 is above a chance of a quarter, 12 is not told apart from it, 0 is below."""
    rows = [{"problem": str(i), "value": float(i < right), "chance": 0.25} for i in range(40)]
    found = analyze(section.record, small_table(rows))
    (headline,) = headlines(found.record, found.items, found.rows)
    assert f"{says} chance (25.0" in headline.text


def test_every_number_of_the_csv_has_the_designed_columns(section, report):
    """One row per estimate, numbers that read back, the run named in each."""
    with (report / "estimates.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = estimate(section.record, section.scores)
    assert tuple(rows[0]) == ESTIMATE_COLUMNS
    assert [row["estimand"] for row in rows] == [row.estimand for row in found]
    assert float(rows[0]["value"]) == pytest.approx(found[0].value, rel=1e-5)
    assert {row["model"] for row in rows} == {section.record.model}


def test_scores_read_back_as_they_were(section, report):
    """Parquet keeps every row, in order, under the schema."""
    table = pq.read_table(report / "scores.parquet")
    assert table.schema.equals(SCHEMA)
    assert table.equals(section.scores)


def test_scores_have_the_same_bytes_however_they_were_put_together(section, tmp_path):
    """Chunks and unused dictionary entries leave no trace."""
    scores = section.scores
    parts = [pa.Table.from_pylist(p.to_pylist(), SCHEMA) for p in (scores[:7], scores[7:])]
    pieces = pa.concat_tables(parts)
    dictionaries = [chunk.dictionary for chunk in pieces.column("factors").chunks]
    assert dictionaries[0] != dictionaries[1]
    write_scores(tmp_path / "whole", scores)
    write_scores(tmp_path / "pieces", pieces)
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "pieces").read_bytes()


def test_what_a_model_wrote_cannot_act(suite, tmp_path):
    """Scripts, templates, control characters and half surrogates stay text everywhere."""
    section = simulated(suite, model="evil/<b>m</b>")
    sample = Sample(
        item="i",
        split="held-out",
        wording="plain",
        prompt=HOSTILE,
        response=HOSTILE,
        expected="1",
        answer=HOSTILE,
        value=0.0,
        outcome="answered",
        reason=HOSTILE,
    )
    record = replace(section.record, note=HOSTILE, status="interrupted")
    html, markdown, *_ = write_report(
        tmp_path, [replace(section, record=record, samples=[sample] * section.scores.num_rows)]
    )
    text = html.read_bytes().decode("utf-8")
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "<b>m</b>" not in text
    assert "\x00" not in text
    assert text.count("</script>") == 2
    assert "{{ 7*7 }}" in text
    assert "<script>" not in markdown.read_bytes().decode("utf-8")


def test_the_browser_says_how_much_it_shows(section, page):
    """Samples are embedded as JSON, with how many of how many."""
    data = page.split('id="samples-data">')[1].split("</script>")[0]
    assert len(json.loads(data)) == section.scores.num_rows == 360
    assert "360 of 360 answers, all of them." in page


def test_the_page_names_what_repeats_it(section, page, report):
    """Seed, edition, fingerprint, sampling and the command are in both texts."""
    (task,) = section.record.suite.tasks
    for text in (page, (report / "report.md").read_text(encoding="utf-8")):
        assert "modelmetry run addition --model test/simulated --seed 0 --max-tokens 16" in text
        assert section.record.edition in text
        assert task.fingerprint in text
        assert "temperature 0.0" in text


def test_unscored_answers_are_announced_with_their_bounds(section, page):
    """How many the instrument failed on, and between what the accuracy then lies."""
    failed = section.scores.column("value").null_count
    assert f"{failed} answers of 360 could not be scored" in page
    assert "held-out: between" in page


def test_an_incomplete_run_raises_an_alarm(section, tmp_path):
    """A run that stopped says so above every number, with how to go on."""
    record = replace(section.record, status="interrupted", note="stopped by a signal", planned=999)
    html, *_ = write_report(tmp_path, [replace(section, record=record)])
    text = html.read_text(encoding="utf-8")
    assert 'class="alarm">The run is not complete: 360 of 999 answers' in text
    assert f"modelmetry run runs/{record.id}" in text


def test_a_run_that_could_not_be_scored_still_has_a_report(section, tmp_path):
    """With every answer unreadable the page says that nothing could be scored."""
    scores = small_table([{"problem": str(i), "value": None} for i in range(5)])
    html, *_ = write_report(tmp_path, [Section(record=section.record, scores=scores)])
    text = html.read_text(encoding="utf-8")
    assert "could not be scored" in text
    assert "unscored" in text


def test_one_problem_has_no_interval_and_the_page_says_so(section, tmp_path):
    """Below two clusters nothing is made up."""
    scores = small_table([{"value": 1.0}, {"value": 0.0, "wording": "sum"}])
    html, *_ = write_report(tmp_path, [Section(record=section.record, scores=scores)])
    assert "an interval needs at least 2 clusters, got 1" in html.read_text(encoding="utf-8")


def test_several_runs_are_compared_in_pairs(suite, tmp_path):
    """Runs on the same items get a paired comparison, and one table of scores names them."""
    sections = [simulated(suite, model=m, ability=a) for m, a in (("a/good", 4.0), ("b/poor", 0.0))]
    html, _, _, scores = write_report(tmp_path, sections)
    text = html.read_text(encoding="utf-8")
    assert "On held-out, a/good is ahead of b/poor by" in text
    assert "p, corrected" in text
    assert "places left open" not in text
    assert "p, equivalence" not in text
    table = pq.read_table(scores)
    assert table.num_rows == sum(section.scores.num_rows for section in sections)
    assert table.column_names[0] == "run"


def test_three_runs_are_ranked(suite, tmp_path):
    """The page shows every model's rank, the places left open, tie groups and Cochran's Q."""
    models = (("a/good", 4.0), ("b/same", 4.0), ("c/poor", 0.0))
    sections = [simulated(suite, model=m, ability=a, draws=i) for i, (m, a) in enumerate(models)]
    html, markdown, *_ = write_report(tmp_path, sections, margin=0.3, correction="bh")
    text = html.read_text(encoding="utf-8")
    assert "held-out, c/poor: rank 3, places left open: 3" in text
    assert "places left open: 1 to 2" in text
    assert "Cochran's Q" in text.replace("&#39;", "'")
    assert "corrected by Benjamini-Hochberg for 9 comparisons" in text
    assert "equivalent within the margin" in text
    assert "stated margin of 30.0 points" in text
    assert "| model | rank | places left open | tie group | mean | items |" in markdown.read_text(
        encoding="utf-8"
    )


def test_runs_of_other_items_stand_beside_each_other_untested(suite, tmp_path):
    """Another seed is no pair: the page shows both and says why it tests nothing."""
    sections = [simulated(suite), simulated(suite, model="b/other", seed=1)]
    html, *_ = write_report(tmp_path, sections)
    text = html.read_text(encoding="utf-8")
    assert "were not asked the same items" in text
    assert "p, corrected" not in text


def test_a_suite_of_a_generator_that_is_gone_can_be_reported(section, tmp_path):
    """Old runs outlive their generators: the page leaves out only what these would have said."""
    (task,) = section.record.suite.tasks
    suite = replace(section.record.suite, tasks=(replace(task, generator="gone"),))
    record = replace(section.record, suite=suite)
    html, *_ = write_report(tmp_path, [replace(section, record=record)])
    assert "60 problems of the gone generator" in html.read_text(encoding="utf-8")


def test_no_run_is_refused(tmp_path):
    """A report of nothing is one clear line."""
    with pytest.raises(BadInput, match="one or more"):
        write_report(tmp_path, [])


def test_a_place_that_cannot_be_written_is_one_clear_line(section, tmp_path):
    """A file where the folder should be is named, without a traceback."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(BadInput, match="taken: cannot be written"):
        write_report(tmp_path / "taken", [section])


def test_difficulty_is_drawn_with_its_threshold(tmp_path):
    """A falling accuracy has a curve, a threshold in words, and its interval as a band."""
    section = simulated(addition_suite({"held-out": 60, "longer": 120}), ability=3.5)
    html, *_ = write_report(tmp_path, [section])
    text = html.read_text(encoding="utf-8")
    assert re.search(r"half-way between perfect and chance at\s+digits 3\.\d\d", text)
    assert '<polyline class="curve"' in text
    assert '<rect class="band"' in text


def test_the_default_seed_is_called_public(section, tmp_path):
    """A report on seed 0 says that a number to publish needs a fresh seed; others say nothing."""
    for seed, said in ((0, True), (7, False)):
        out = tmp_path / str(seed)
        write_report(out, [replace(section, record=replace(section.record, seed=seed))])
        text = (out / "report.md").read_text(encoding="utf-8")
        assert ("Seed 0 is the default and public" in text) is said


def test_what_the_back_end_turned_out_to_be_is_shown(section, tmp_path):
    """The revision that was found when the model was opened stands among the facts."""
    record = replace(section.record, found={"revision": "0123abcd"})
    write_report(tmp_path, [replace(section, record=record)])
    assert "0123abcd" in (tmp_path / "report.html").read_text(encoding="utf-8")
