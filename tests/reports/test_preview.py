"""The preview page."""

from __future__ import annotations

from modelmetry import api
from modelmetry.reports.preview import write_preview


def test_whole_questions_and_their_answers_are_shown(tmp_path):
    """Every question stands on the page in full, unclipped, with what is right."""
    items = api.preview("graph-arithmetic", limit=4)
    page = write_preview(tmp_path / "page.html", "graph-arithmetic", items).read_text("utf-8")
    for item in items:
        assert item.uid in page
        assert all(line in page for line in item.text.splitlines())
        assert f">{item.problem.target.answers[0]}<" in page
    assert page.index("max-height: none") > page.index("max-height: 16rem")
