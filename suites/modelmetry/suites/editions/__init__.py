"""Editions: a suite's items under one seed as a data set that the Hub, `datasets` and harnesses open."""

from modelmetry.suites.editions.edition import Edition, is_edition, read_edition, write

__all__ = ["Edition", "is_edition", "read_edition", "write"]
