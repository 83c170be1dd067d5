"""Memorization of several runs in one report: along their weights, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.reports.memorization.folders import answered
from tests.reports.memorization.studies import CATEGORIES, estimate, share

from modelmetry import api
from modelmetry.analyses.memorization.growth import Change, Grown, Growth
from modelmetry.errors import BadInput
from modelmetry.reports.memorization.axes import weights
from modelmetry.reports.memorization.growth import growth_part, place_words


def grown(name: str, at: float, rate: float, *, extracted: bool = True) -> Grown:
    """A run of a rate."""
    return Grown(
        name=name,
        at=at,
        rates={name: share(rate) for name in ("all", *CATEGORIES)},
        shares=dict.fromkeys(CATEGORIES, share(1 / 3) if extracted else None),
        twins=share(0.1),
        halfway=None,
    )


@pytest.fixture
def found() -> Growth:
    """Three sizes; nothing is extracted by the smallest."""
    return Growth(
        axis="weights",
        task="memorization",
        runs=(grown("s", 1e5, 0.0, extracted=False), grown("m", 1e6, 0.3), grown("l", 4e6, 0.6)),
        changes=(Change(of="rate", category="all", difference=estimate(0.6, 0.1), p=0.001),),
        warnings=("two runs are at one place",),
    )


def test_places_far_apart_stand_on_a_logarithmic_axis(found: Growth) -> None:
    """From 0.1 to 1 million is more than half of the way to 4 million; labels are short."""
    chart, _ = growth_part(found).charts
    x = [float(tick.x.rstrip("%")) for tick in chart.x_ticks]
    assert [tick.text for tick in chart.x_ticks] == ["100k", "1M", "4M"]
    assert (x[1] - x[0]) / (x[2] - x[0]) == pytest.approx(0.624, abs=0.001)  # ln 10 / ln 40
    near = replace(found, runs=tuple(replace(run, at=100 + i) for i, run in enumerate(found.runs)))
    x = [float(tick.x.rstrip("%")) for tick in growth_part(near).charts[0].x_ticks]
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.02)


def test_every_category_and_the_twins_are_drawn(found: Growth) -> None:
    """A point for each run; a share of nothing is left out; a category has one color in both charts."""
    part = growth_part(found)
    rates, shares = part.charts
    assert [series.name for series in rates.series] == ["all", *CATEGORIES, "twins"]
    assert [len(series.points) for series in rates.series] == [3] * 5
    assert [len(series.points) for series in shares.series] == [2] * 3
    colors = {series.name: series.color for series in rates.series}
    assert all(colors[series.name] == series.color for series in shares.series)
    assert len(part.rates.rows) == 15 + 6
    assert [row.value for row in part.changes.rows] == ["+60.0"]
    assert part.warnings == ["Two runs are at one place."]


def test_weights_are_a_number_or_unknown(tmp_path) -> None:
    """What a back end told, as text; anything but a positive number is not known."""
    record = api.read_run(answered(tmp_path, 64, weights=1200)).record
    assert weights(record) == 1200
    for text in ("", "many", "-3", "nan", "inf", "0"):
        assert weights(replace(record, found={"parameters": text})) is None
    assert weights(replace(record, found={})) is None
    assert [place_words(place) for place in (12, 1500, 1.24e6, 7e9, 2e12)] == [
        *("12", "1.5k", "1.24M", "7B", "2T"),
    ]


def test_a_report_of_two_sizes_has_growth(tmp_path) -> None:
    """Both texts hold it where weights are known and differ, and neither where they are not."""
    small, large = (answered(tmp_path, c, weights=w) for c, w in ((64, 1000), (16, 4000)))
    html, text, *_ = api.report([small, large], out=tmp_path / "both")
    assert "Memorization along weights" in html.read_text("utf-8")
    markdown = text.read_text("utf-8")
    assert "### Memorization along weights" in markdown
    assert "+28.6" in markdown[markdown.index("along weights") :]
    unknown = answered(tmp_path, 32)
    for path in api.report([small, unknown], out=tmp_path / "unknown")[:2]:
        assert "along weights" not in path.read_text("utf-8")


def test_a_report_stands_along_stated_places(tmp_path) -> None:
    """Runs whose weights are unknown stand along training steps, as in the study."""
    runs = [answered(tmp_path, copies) for copies in (64, 16)]
    html, text, *_ = api.report(runs, out=tmp_path / "steps", along="steps", at=[100, 4000])
    assert "Memorization along training steps" in html.read_text("utf-8")
    markdown = text.read_text("utf-8")
    assert "### Memorization along training steps" in markdown
    assert "4k training steps" in markdown
    (found,) = api.memorization(runs, along="steps", at=[100, 4000]).growth
    change = next(each for each in found.changes if (each.of, each.category) == ("rate", "all"))
    assert f"+{100 * change.difference.value:.1f}" in markdown[markdown.index("along training") :]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"along": "steps"}, "places along training steps are not known"),
        ({"at": [1]}, "1 places for 2 runs"),
        ({"at": [1, 1]}, "a place is given twice"),
        ({"along": "weights"}, "weights is not known of every run"),
    ],
)
def test_a_report_refuses_a_wrong_axis(tmp_path, options, line) -> None:
    """One line, and no file."""
    runs = [answered(tmp_path, copies) for copies in (64, 16)]
    with pytest.raises(BadInput, match=line):
        api.report(runs, out=tmp_path / "none", **options)
    assert not (tmp_path / "none").exists()


def test_an_axis_needs_runs_that_continue(tmp_path) -> None:
    """One run has no axis, and a run of another suite no place along it."""
    run = answered(tmp_path, 16)
    with pytest.raises(BadInput, match="there is one run"):
        api.report(run, out=tmp_path / "none", at=[1])
    other = api.run("greater-than", model="reference/chance", log_dir=tmp_path, limit=4)
    with pytest.raises(BadInput, match=r"greater-than.*: no task asks what comes next"):
        api.report([run, other.folder], out=tmp_path / "none", at=[1, 2])
