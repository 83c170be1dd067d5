"""The history: one file per night, and all of them in one line of pandas."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd
import pytest
from tests.nightly.nights import reading

from modelmetry.errors import BadInput
from modelmetry.nightly import history
from modelmetry.nightly.night import Reading


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Every field comes back as it was, None included, oldest night first."""
    anchors = {"kind": "anchor", "change": -0.1, "change_error": 0.01, "change_clusters": 20}
    second = [reading("2026-01-02", 0.5, std_error=None, ci_low=None, ci_high=None, primary=False)]
    first = [reading("2026-01-01", 0.4, **anchors)]
    history.write(tmp_path, "2026-01-02", second)
    history.write(tmp_path, "2026-01-01", first)
    assert history.read(tmp_path) == [*first, *second]
    assert history.read(tmp_path, before="2026-01-02") == first


def test_pandas_reads_all_nights_in_one_line(tmp_path: Path) -> None:
    """The folder is one data set, a night without readings and one of None included."""
    history.write(tmp_path, "2026-01-01", [reading("2026-01-01", 0.4)])
    history.write(tmp_path, "2026-01-02", [])
    history.write(tmp_path, "2026-01-03", [reading("2026-01-03", 0.5, change=0.25)])
    (tmp_path / "history" / ".2026-01-04.parquet.part").write_bytes(b"half")
    frame = pd.read_parquet(tmp_path / "history")
    assert list(frame.columns) == [field.name for field in dataclasses.fields(Reading)]
    assert frame.value.tolist() == [0.4, 0.5]
    assert frame.change.isna().tolist() == [True, False]


def test_a_column_that_a_file_lacks_has_its_default(tmp_path: Path) -> None:
    """Nights that were written before a column was added are read on."""
    path = history.write(tmp_path, "2026-01-01", [reading("2026-01-01", 0.4, change=0.1)])
    pd.read_parquet(path).drop(columns=["change", "primary"]).to_parquet(path)
    assert history.read(tmp_path) == [reading("2026-01-01", 0.4)]


def test_a_torn_file_is_one_line(tmp_path: Path) -> None:
    """A file that is no Parquet is named."""
    path = history.write(tmp_path, "2026-01-01", [reading("2026-01-01", 0.4)])
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(BadInput, match="cannot be read as the history of a night"):
        history.read(tmp_path)
