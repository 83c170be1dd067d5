"""Reports: a run's numbers, figures and samples as HTML, Markdown, CSV and Parquet."""

from modelmetry.reports.report import Section, write_report
from modelmetry.reports.samples import Sample

__all__ = ["Sample", "Section", "write_report"]
