"""The geometry of pictures over the nights."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.nightly.hand_made import day, series, walk

from modelmetry.nightly import charts
from modelmetry.nightly.series import SeriesChart
from modelmetry.statistics.charts import Baseline, control_chart
from modelmetry.statistics.control_rules import Shewhart


def _heights(points):
    return [float(point.split(",")[1]) for point in points.split()]


def test_each_night_stands_at_its_day():
    """A night that is missing leaves a gap: places count days, not nights."""
    values = walk(30)
    found = series(values, before=20)
    kept = [n for n in range(30) if n != 25]
    late = replace(found, dates=tuple(day(n if n < 25 else n + 1) for n in range(30)))
    (whole,) = charts.figures([found])[0].pictures
    (gap,) = charts.figures([late])[0].pictures
    assert whole.days == 30
    assert gap.days == 31
    xs = [float(point.split(",")[0]) for point in gap.line.split()]
    assert xs == [n + 0.5 for n in [*kept, 30]]


def test_values_stand_where_the_axis_says():
    """The place of a value is found again from the ticks' texts and places."""
    found = series(walk(30, center=0.6))
    (picture,) = charts.figures([found])[0].pictures
    ticks = [(float(t.text.split("\u00a0")[0]) / 100, float(t.x[:-1])) for t in picture.y_ticks]
    (low, bottom), (high, top) = ticks[0], ticks[-1]
    expected = [bottom + (v - low) / (high - low) * (top - bottom) for v in found.values]
    assert _heights(picture.line) == pytest.approx(expected, abs=0.06)


def test_intervals_are_two_standard_errors():
    """Each night's bar reaches 1.96 standard errors to either side of its dot."""
    found = series(walk(30, center=0.6))
    (picture,) = charts.figures([found])[0].pictures
    ticks = picture.y_ticks
    span = (float(ticks[0].x[:-1]) - float(ticks[-1].x[:-1])) / (
        float(ticks[-1].text.split("\u00a0")[0]) - float(ticks[0].text.split("\u00a0")[0])
    )
    bars = re.findall(r"M[\d.]+ ([\d.]+)V([\d.]+)", picture.intervals)
    assert len(bars) == 30
    for top, bottom in bars:
        assert float(bottom) - float(top) == pytest.approx(2 * 1.96 * 2 * span, abs=0.15)


def test_an_axis_is_never_too_fine():
    """Twenty points at least, in whole steps of five, within 0 to 100 %: chance must look small."""
    quiet = series(np.full(30, 0.99) + walk(30, center=0, seed=1) * 0)
    (picture,) = charts.figures([quiet])[0].pictures
    texts = [int(t.text.split("\u00a0")[0]) for t in picture.y_ticks]
    assert texts[-1] == 100
    assert texts[-1] - texts[0] >= 20


def test_fresh_problems_and_anchors_share_a_figure_and_its_scale():
    """Side by side, fresh first, the same ticks: what moves only on one is seen to."""
    fresh = series(walk(30, center=0.9))
    anchor = series(walk(30, center=0.5, seed=1), kind="anchor")
    (figure,) = charts.figures([anchor, fresh])
    assert [picture.title for picture in figure.pictures] == ["Fresh problems", "Anchors"]
    assert figure.pictures[0].y_ticks == figure.pictures[1].y_ticks
    assert figure.pictures[0].x_ticks == figure.pictures[1].x_ticks


def test_alarms_stand_on_their_nights():
    """The first night past the limit is marked at its date, on the side of the fall."""
    found = series(walk(60, fall=0.10, since=40))
    (picture,) = charts.figures([found])[0].pictures
    first = charts.alarms(found)[0]
    mark = picture.alarms[0]
    assert day(40) <= first <= day(43)
    assert mark.says.startswith(f"{first}: alarm, ")
    assert mark.says.endswith("against a fall")
    assert float(mark.statistic[:-1]) > 50
    assert mark.starts
    assert not picture.alarms[1].starts
    number = found.dates.index(first)
    assert float(mark.x[:-1]) == pytest.approx(100 * (number + 0.5) / 60, abs=0.01)


def test_the_limits_stand_where_the_statistic_would_alarm():
    """Half-way marks are 0; a statistic within the limits is drawn between their lines."""
    found = series(walk(60, seed=1))
    assert not charts.alarms(found)
    (picture,) = charts.figures([found])[0].pictures
    statistic = picture.statistic
    assert statistic is not None
    top, bottom = (float(limit[:-1]) for limit in statistic.limits)
    assert top < min(_heights(statistic.upper)) <= max(_heights(statistic.upper)) <= 50.1
    assert 49.9 <= min(_heights(statistic.lower)) <= max(_heights(statistic.lower)) < bottom
    assert [tick.text for tick in statistic.ticks] == ["5", "0", "\u22125"]


def test_a_rule_with_one_line_is_drawn_once():
    """A rise and a fall are mirror images in Shewhart's chart."""
    values = walk(40)
    errors = np.full(20, 0.02)
    chart = control_chart(
        values[20:],
        errors,
        reference=Baseline(center=0.8),
        rng=np.random.default_rng(0),
        rule=Shewhart(),
        runs=200,
    )
    (picture,) = charts.figures([series(values, chart=chart)])[0].pictures
    assert picture.statistic is not None
    assert picture.statistic.lower == ""


def test_only_the_latest_nights_are_drawn():
    """A chart of 400 nights draws 120; what lies before them has no mark and no baseline."""
    found = series(walk(400, fall=0.1, since=100))
    (picture,) = charts.figures([found])[0].pictures
    assert len(picture.line.split()) == charts.MOST_NIGHTS
    assert len(picture.alarms) <= charts.MOST_NIGHTS
    assert picture.baseline == ""
    assert all(0 <= float(mark.x[:-1]) <= 100 for mark in picture.alarms)


def test_without_a_baseline_it_says_so():
    """A series without a chart is drawn, with no center, no limits and no claim."""
    found = series(walk(25), chart=None, baseline=None)
    (picture,) = charts.figures([found])[0].pictures
    assert (picture.center, picture.statistic, picture.alarms) == ("", None, ())
    assert picture.text == "25 nights; without a baseline nothing is decided."


def test_a_chart_says_aloud_what_it_shows():
    """Dates, latest value, state and rate of false alarms are in the text for screen readers."""
    (picture,) = charts.figures([series(walk(30))])[0].pictures
    assert f"{day(0)} to {day(29)}" in picture.says
    assert "no alarm" in picture.says
    assert "False alarms: once in" in picture.says


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_everything_is_inside_the_picture(values):
    """Whatever the values, one night included, no place lies outside."""
    found = SeriesChart(
        suite="s",
        model="m",
        kind="fresh",
        split="all",
        dates=tuple(day(n) for n in range(len(values))),
        values=tuple(values),
        errors=(0.05,) * len(values),
    )
    (picture,) = charts.figures([found])[0].pictures
    assert all(0 <= height <= 100 for height in _heights(picture.line))
    assert all(0 <= float(tick.x[:-1]) <= 100 for tick in (*picture.x_ticks, *picture.y_ticks))


def test_a_small_line_breaks_where_the_number_means_something_else():
    """Two versions of a suite are not joined."""
    scale = charts.spark_scale([0.5, 0.6, 0.9])
    found = charts.spark([(0, 0.5, 1), (1, 0.6, 1), (2, 0.9, 2)], 0, 10, scale)
    assert [part[0] for part in re.findall(r"[ML]\d+ \d+", found.path)] == ["M", "L", "M"]


def test_small_lines_are_not_blown_up():
    """Two points of change are at most a tenth of the height."""
    scale = charts.spark_scale([0.50, 0.52])
    assert scale.share(0.50) - scale.share(0.52) == pytest.approx(10)
