"""Fixtures that several packages' tests share: simulated, scored runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from modelmetry.items import plugins
from modelmetry.reports import Section
from modelmetry.suites import Suite
from tests import simulated_runs, tiny_pictures

# The same examples every time, so that a change alone can turn a test red; `--hypothesis-profile
# search` looks for others.
# No test is timed: how long an example takes is the machine's affair.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("search", derandomize=False, deadline=None)
settings.load_profile("fixed")


@pytest.fixture(scope="session")
def simulated() -> Callable[..., Any]:
    """`simulated(suite, ...)`: a scored run of a simulated respondent."""
    return simulated_runs.simulated


@pytest.fixture(scope="session")
def addition_suite() -> Callable[..., Any]:
    """`addition_suite(splits)`: one addition task in two wordings."""
    return simulated_runs.addition_suite


@pytest.fixture(scope="session")
def table() -> Callable[..., Any]:
    """`table(rows)`: a table of scores from the columns that matter, the others filled in."""
    return simulated_runs.small_table


@pytest.fixture(scope="session")
def suite() -> Suite:
    """Three splits of sixty problems in two wordings."""
    return simulated_runs.addition_suite({"held-out": 60, "carry": 60, "longer": 60})


@pytest.fixture(scope="session")
def section(suite: Suite) -> Section:
    """A run with right, wrong and missing answers of every kind."""
    return simulated_runs.simulated(suite, failing=0.1)


@pytest.fixture
def painted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The painter `tiny` and the generator `dots`, installed; a file with a line per painting."""
    yield tiny_pictures.install(tmp_path, monkeypatch)
    plugins._table.cache_clear()
