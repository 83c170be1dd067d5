"""Pictures for people: in the preview, and beside a report's samples, in bounded numbers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.tiny_pictures import SUITE, paint, picture, write_suite

from modelmetry import api
from modelmetry.cli import display
from modelmetry.models import resolve
from modelmetry.reports.pictures import data_uri, embedded_pictures
from modelmetry.reports.pictures import painted as painted_now
from modelmetry.reports.preview import write_preview
from modelmetry.reports.samples import Sample


@pytest.fixture
def suite(tmp_path: Path, painted: Path) -> Path:
    """Six problems about dots."""
    return write_suite(tmp_path / "suite", SUITE.replace(", unseen: 4", ""))


def sample(tmp_path: Path, *numbers: int) -> Sample:
    """A sample that shows pictures, whose files are there unless the number is negative."""
    shown = {f"[picture {n % 2**32:08x}]": tmp_path / f"{n}.png" for n in numbers}
    for n in numbers:
        if n >= 0:
            (tmp_path / f"{n}.png").write_bytes(b"%d" % n)
    return Sample(
        item="i", split="s", wording="w", prompt=" ".join(shown), response="", expected="",
        answer="", value=1.0, outcome="answered", pictures=shown,
    )  # fmt: skip


def test_a_preview_shows_the_pictures(suite: Path, tmp_path: Path) -> None:
    """Each stands in its place as a data URI, loaded lazily, with the text after it."""
    items = api.preview(suite, limit=3)
    page = write_preview(tmp_path / "page.html", "dots", items).read_text("utf-8")
    for item in items:
        for shown in item.pictures:
            assert f'src="{data_uri(paint(shown.recipe))}"' in page
    assert page.count('loading="lazy"') == sum(len(item.pictures) for item in items)
    assert re.search(r"<img [^>]*>\s*<pre [^>]*>\s*How many", page)


def test_a_preview_holds_a_bounded_number(suite: Path) -> None:
    """Of too many pictures the first are painted, the others stay stand-ins."""
    items = api.preview(suite, limit=18)
    assert len(painted_now(items, 4)) == 4
    assert painted_now([items[2]]) == {} or items[2].pictures


def test_the_terminal_shows_stand_ins(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line names the picture; nothing is painted."""
    items = api.preview(suite, limit=1)
    display.items(items)
    assert f"user: [picture {items[0].pictures[0].address[:8]}]" in capsys.readouterr().out


def test_a_report_shows_the_pictures_beside_the_run(suite: Path, tmp_path: Path) -> None:
    """Those that lie there are in the page once; those that do not are not painted for it."""
    run = api.run(suite, model=resolve("reference/oracle"), log_dir=tmp_path / "runs")
    assert 'id="samples-pictures"' not in (run.folder / "report.html").read_text()
    items = api.preview(suite, limit=18)
    walls = api.running.runs.gallery(run.folder)
    for item in items:
        for shown in item.pictures[-1:]:
            walls.keep(shown.address, paint(shown.recipe))
    api.report([run.folder], out=tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    (data,) = re.findall(r'id="samples-pictures">(.*?)</script>', page)
    assert json.loads(data) == {
        f"[picture {p.address[:8]}]": data_uri(paint(p.recipe))
        for item in items
        for p in item.pictures[-1:]
    }


def test_questions_come_before_examples(tmp_path: Path) -> None:
    """Of too many, every question's own picture goes first, at even steps; lost files are left out."""
    samples = [sample(tmp_path, 1000, n) for n in range(40)]
    keys = list(json.loads(embedded_pictures(samples, 10)))
    assert keys == [f"[picture {n:08x}]" for n in range(0, 40, 4)]
    assert len(json.loads(embedded_pictures(samples, 60))) == 41
    assert json.loads(embedded_pictures([sample(tmp_path, -1)])) == {}
    assert embedded_pictures([]) == "{}"


def test_a_picture_cannot_close_the_script() -> None:
    """What stands in the page is JSON without `<`, whatever a file is called."""
    assert "<" not in data_uri(paint(picture(1).recipe))
