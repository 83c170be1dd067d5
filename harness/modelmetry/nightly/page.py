"""The pages of a job: the report of a night, and the index of all nights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from modelmetry.items.whole import write_whole
from modelmetry.nightly import overview, telling
from modelmetry.nightly.night import Night, Reading
from modelmetry.nightly.report import TEMPLATES, report, weekday
from modelmetry.nightly.series import SeriesChart
from modelmetry.reports.layout import rendered

_RECENT = 31
"""Nights that the index shows unfolded."""


def write_pages(
    out: Path, night: Night, history: Sequence[Reading], charts: Sequence[SeriesChart]
) -> None:
    """Write `<date>/report.html`, `index.html` and `index.json`, each in one step.

    Args:
        out: The job's folder; that of the night is in it.
        night: Tonight, or a night that was run again.
        history: Readings of all nights; those of this night may be among them or not.
        charts: The series as of this night.

    Raises:
        BadInput: A page cannot be written there.
    """
    html = report(night, history, charts, exists=lambda path: (out / night.date / path).is_file())
    write_whole(out / night.date / "report.html", html.encode())
    index = overview.index(out, night)
    others = (reading for reading in history if reading.date != night.date)
    write_whole(
        out / "index.html",
        rendered(
            "nights.html.jinja",
            folder=TEMPLATES,
            index=index,
            calendar=overview.calendar(index.nights),
            matrix=overview.matrix([*others, *night.readings]),
            recent=index.nights[:_RECENT],
            older=index.nights[_RECENT:],
            words=overview.line_words,
            dollars=telling.dollars,
            weekday=weekday,
            spark_days=overview.SPARK_DAYS,
            version=night.harness_version,
        ).encode(),
    )
    data = msgspec.json.format(msgspec.json.encode(index), indent=1)
    write_whole(out / overview.INDEX, data + b"\n")
