"""The report of a night and the index of all nights."""

from __future__ import annotations

import html.parser
import json
import re
import shutil
import subprocess
from dataclasses import replace

import msgspec
import pytest
from tests.nightly.hand_made import cell, day, night, reading, series, verdict, walk

from modelmetry.errors import BadInput
from modelmetry.nightly import overview
from modelmetry.nightly.page import write_pages
from modelmetry.nightly.report import MOST_FIGURES, report

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


def _kept(out, found):
    """A night whose summary lies in its folder."""
    (out / found.date).mkdir()
    (out / found.date / "summary.json").write_bytes(msgspec.json.encode(found))
    return found


class _Loads(html.parser.HTMLParser):
    """What a page would load, and where it leads."""

    def __init__(self):
        super().__init__()
        self.loaded, self.links, self.tags = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "srcset", "data", "poster", "xlink:href") or (
                name == "href" and tag != "a"
            ):
                self.loaded.append(value)
            elif name == "href":
                self.links.append(value)


def _read(text):
    found = _Loads()
    found.feed(text)
    return found


def test_the_report_holds_everything_and_loads_nothing():
    """Verdict, gates, scores, runs, price, seeds and provenance; its one address is empty data."""
    gates = (verdict(outcome="failed", says="lost 8 points", p=0.004), verdict(gate="cost"))
    text = report(night(verdicts=gates), [reading(0, 0.75)], [series(walk(30))])
    for part in ("lost 8 points", "0.0040", "0.25 USD", "0" * 63 + "1", "c" * 64, "+5.0"):
        assert part in text
    assert _read(text).loaded == ["data:,"]
    assert "default-src 'none'" in text


def test_what_comes_from_outside_is_text():
    """Names, notes and sentences with markup in them make no element on either page."""
    found = night(
        name=EVIL,
        cells=(cell(model=EVIL, status="failed", note=EVIL),),
        readings=(reading(1, model=EVIL, suite=EVIL, split=EVIL, edition=EVIL),),
        verdicts=(verdict(model=EVIL, says=EVIL, outcome="failed"),),
    )
    plain = night(
        cells=(cell(status="failed", note="x"),), verdicts=(verdict(says="x", outcome="failed"),)
    )
    charts = [series(walk(30), model=EVIL, suite=EVIL, split=EVIL)]
    tags = _read(report(found, [], charts)).tags
    assert tags == _read(report(plain, [], [series(walk(30))])).tags
    assert tags.count("script") == 1


def test_a_page_of_a_first_night(tmp_path):
    """No history, no charts, nothing decided: both pages are there, and say so."""
    found = _kept(tmp_path, night(0, verdicts=(verdict(outcome="not decided"),)))
    write_pages(tmp_path, found, [], [])
    assert "none of 1 gate could be decided yet" in (tmp_path / day(0) / "report.html").read_text()
    assert "1 night," in (tmp_path / "index.html").read_text()
    assert not list(tmp_path.rglob("*.part"))


def test_a_night_without_any_run(tmp_path):
    """All failed: no scores, the reasons are told."""
    found = _kept(tmp_path, night(0, readings=(), cells=(cell(status="failed", note="no server"),)))
    write_pages(tmp_path, found, [], [])
    text = (tmp_path / day(0) / "report.html").read_text()
    assert "failed: no server" in text
    assert 'id="scores"' not in text


def test_changes_need_the_same_thing_before():
    """A reading of another version, split or kind before gives no change."""
    for other in ({"suite_version": 2}, {"split": "x"}, {"kind": "anchor"}):
        assert "+5.0" not in report(night(), [reading(0, 0.75, **other)], [])
    assert "+5.0" in report(night(), [reading(0, 0.75)], [])


def test_alarms_come_first_and_the_rest_is_told():
    """Of many series those with alarms are drawn before others; what is not drawn is in the table."""
    quiet = series(walk(60, seed=1))
    charts = [replace(quiet, model=f"m{n:02}") for n in range(MOST_FIGURES + 5)]
    charts.append(series(walk(60, fall=0.1, since=40), model="fallen"))
    text = report(night(), [], charts)
    assert re.findall(r'<div class="control">\s*<h3>(\S+)', text)[0] == "fallen"
    assert text.count('<div class="control">') == MOST_FIGURES
    assert "6 series further from their limits" in text


def test_the_rate_of_false_alarms_is_stated_for_one_and_for_all():
    """Ten charts together alarm ten times as often as each."""
    one = series(walk(60))
    assert one.chart is not None
    length = one.chart.run_length.value
    text = report(night(), [], [replace(one, model=f"m{n}") for n in range(10)])
    assert f"once in {length:,.0f} nights on average" in text
    assert f"all 10 of them together about once in {length / 10:,.0f} nights" in text


def test_the_index_lists_all_nights_newest_first(tmp_path):
    """Each with its verdict, linked; index.json says the same."""
    for number in range(3):
        gates = (verdict(outcome="failed" if number == 1 else "passed", says="lost 8 points"),)
        found = _kept(tmp_path, night(number, verdicts=gates))
        write_pages(tmp_path, found, [reading(n) for n in range(number)], [])
    index = json.loads((tmp_path / "index.json").read_bytes())
    assert [(n["date"], n["outcome"]) for n in index["nights"]] == [
        (day(2), "passed"),
        (day(1), "failed"),
        (day(0), "passed"),
    ]
    assert index["nights"][1]["says"] == [
        "regression (reference/check-standard, quickstart, addition/held-out): lost 8 points"
    ]
    links = _read((tmp_path / "index.html").read_text()).links
    assert all((tmp_path / link).is_file() for link in links if not link.startswith("#"))
    assert {f"{day(n)}/report.html" for n in range(3)} <= set(links)


def test_tonight_counts_once(tmp_path):
    """Whether the history holds tonight's readings already or not, the index is the same."""
    found = _kept(tmp_path, night(1))
    write_pages(tmp_path, found, [reading(0, 0.75)], [])
    without = (tmp_path / "index.html").read_text()
    assert "+5.0" in without
    write_pages(tmp_path, found, [reading(0, 0.75), reading(1)], [])
    assert (tmp_path / "index.html").read_text() == without


def test_the_index_heals_itself(tmp_path):
    """Broken or gone, it is made anew from the nights; a night whose folder is gone is gone."""
    found = [_kept(tmp_path, night(number)) for number in range(3)][-1]
    write_pages(tmp_path, found, [], [])
    whole = (tmp_path / "index.json").read_bytes()
    (tmp_path / "index.json").write_text("{broken")
    write_pages(tmp_path, found, [], [])
    assert (tmp_path / "index.json").read_bytes() == whole
    shutil.rmtree(tmp_path / day(1))
    write_pages(tmp_path, found, [], [])
    assert day(1) not in (tmp_path / "index.html").read_text()


def test_a_night_run_again_replaces_its_line(tmp_path):
    """What the index knew of that date is not kept; other nights are."""
    found = [_kept(tmp_path, night(number)) for number in range(3)][-1]
    write_pages(tmp_path, found, [], [])
    write_pages(tmp_path, night(1, verdicts=(verdict(outcome="failed"),)), [], [])
    index = json.loads((tmp_path / "index.json").read_bytes())
    assert [n["outcome"] for n in index["nights"]] == ["passed", "failed", "passed"]


def test_a_summary_that_cannot_be_read_is_said(tmp_path):
    """The night is listed, not counted as passed, and read again once it is mended."""
    _kept(tmp_path, night(0))
    found = _kept(tmp_path, night(1))
    broken = tmp_path / day(0) / "summary.json"
    whole = broken.read_bytes()
    broken.write_text("{")
    write_pages(tmp_path, found, [], [])
    assert "summary.json cannot be read" in (tmp_path / "index.html").read_text()
    broken.write_bytes(whole)
    write_pages(tmp_path, found, [], [])
    assert "cannot be read" not in (tmp_path / "index.html").read_text()


def test_other_folders_are_no_nights(tmp_path):
    """Whatever else lies there is passed over: history, a date that is none, an unfinished night."""
    found = _kept(tmp_path, night(0))
    for name in ("history", "2026-13-45", day(5)):
        (tmp_path / name).mkdir()
    (tmp_path / "2026-13-45" / "summary.json").write_text("{}")
    write_pages(tmp_path, found, [], [])
    index = json.loads((tmp_path / "index.json").read_bytes())
    assert [n["date"] for n in index["nights"]] == [day(0)]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    """What and where; nothing half-written stays in the place of a page."""
    found = _kept(tmp_path, night(0))
    (tmp_path / day(0) / "report.html").mkdir()
    with pytest.raises(BadInput, match=r"report\.html: cannot be written: Is a directory"):
        write_pages(tmp_path, found, [], [])


def test_the_calendar_has_every_night_once():
    """A square per night, a week per column, within the year; older nights are in the list alone."""
    nights = [overview.line(night(n)) for n in reversed(range(500))]
    found = overview.calendar(nights)
    assert len({(d.x, d.y) for d in found.days}) == len(found.days)
    assert 365 <= len(found.days) <= 371
    assert found.empty == ""
    assert all(d.x < found.width and d.y < found.height for d in found.days)


def test_the_matrix_is_that_of_the_last_night():
    """Its score, the change since the night before, a line over the days, and a gap for a newcomer."""
    history = [reading(n, 0.7 + 0.01 * n) for n in range(5)]
    found = overview.matrix([*history, reading(4, 0.5, model="new", suite="other")])
    assert found is not None
    assert (found.date, found.since) == (day(4), day(3))
    (first, (old, none)), (second, (nothing, new)) = found.rows
    assert (first, second) == ("reference/check-standard", "new")
    assert none is None
    assert nothing is None
    assert old is not None
    assert new is not None
    assert (old.value, old.moved, new.moved) == ("74.0\u00a0% ± 4.0", "+1.0", "")
    assert old.lines[0][1].path.count("L") == 4


@pytest.mark.chromium
def test_both_pages_work_in_a_browser(tmp_path):
    """Their script runs under the page's own policy, and what a link names is unfolded."""
    readings = tuple(reading(1, model=f"m{n}") for n in range(90))
    found = _kept(tmp_path, night(readings=readings))
    write_pages(tmp_path, found, [], [series(walk(60, fall=0.1, since=40))])
    command = [
        *(shutil.which("chromium") or "chromium", "--headless", "--no-sandbox", "--disable-gpu"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *(f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"),
    ]
    for page, there in (
        (f"{day(1)}/report.html#suite-0", '<details id="suite-0" open="">'),
        ("index.html", "</html>"),
    ):
        done = subprocess.run(
            [*command, f"file://{tmp_path}/{page}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert '<button class="theme" type="button">Theme: auto</button>' in done.stdout
        assert there in done.stdout
