"""A nightly number over the nights, with the control chart that watches it."""

from __future__ import annotations

from dataclasses import dataclass

from modelmetry.nightly.night import Kind
from modelmetry.statistics.charts import Baseline, ControlChart


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesChart:
    """The accuracy of one model on one split of one suite, night by night.

    Where there is a chart, the first `baseline.nights` nights are its baseline and the chart's arrays
    belong to the nights after them: `dates[baseline.nights + i]` is night i of the chart.

    Attributes:
        suite: The suite's name.
        model: The model's name in the job.
        kind: Fresh problems or anchors.
        split: The split's label.
        dates: The nights that have the number, oldest first, ISO 8601.
        values: The number of each night, as many as `dates`.
        errors: Standard error of each, > 0 (that of the interval where all items agree).
        chart: The control chart of the nights after the baseline; None while the baseline lasts.
        baseline: Center and spread of the first nights; None until there are enough.
    """

    suite: str
    model: str
    kind: Kind
    split: str
    dates: tuple[str, ...]
    values: tuple[float, ...]
    errors: tuple[float, ...]
    chart: ControlChart | None = None
    baseline: Baseline | None = None
