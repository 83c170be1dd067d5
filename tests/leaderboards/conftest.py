"""The same simulated runs as the reports' tests use."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_SHARED = runpy.run_path(str(Path(__file__).parents[1] / "reports" / "conftest.py"))


@pytest.fixture(scope="session")
def simulated() -> Callable[..., Any]:
    """`simulated(suite, ...)`: a scored run of a simulated respondent."""
    return _SHARED["simulated"]


@pytest.fixture(scope="session")
def addition_suite() -> Callable[..., Any]:
    """`addition_suite(splits)`: one addition task in two wordings."""
    return _SHARED["addition_suite"]


@pytest.fixture(scope="session")
def table() -> Callable[..., Any]:
    """`table(rows)`: a table of scores from the columns that matter, the others filled in."""
    return _SHARED["small_table"]
