"""Cells that a spreadsheet would run."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.runs.cells import defused, is_risky, line, restored

WORDS = st.text(alphabet=st.sampled_from("=+-@'\t\r\n \"a1,\uff1d"), max_size=6)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1+2", "@x", "\t=1", "\r=1", " =1", "\uff1d1"])
def test_what_a_spreadsheet_would_run_is_defused(text):
    """An apostrophe stands before it; as it was, it is noticed."""
    assert is_risky(text)
    assert defused(text) == f"'{text}"
    assert not is_risky(defused(text))


@pytest.mark.parametrize("text", ["", "openai/gpt-4o", "a=b", "'quoted", "it's", "0.5"])
def test_other_texts_stay_as_they_are(text):
    """No apostrophe is added to a text that is none's formula, and none is taken away."""
    assert defused(text) == restored(text) == text


@settings(max_examples=50)
@given(WORDS | st.text(max_size=6))
def test_every_text_comes_back_as_it_was(text):
    """Also those that begin with apostrophes of their own."""
    assert restored(defused(text)) == text
    assert not is_risky(defused(text))


@settings(max_examples=50)
@given(st.lists(WORDS, min_size=2, max_size=4))
def test_a_line_reads_back(cells):
    """Commas, quotes and every kind of line end are quoted."""
    assert list(csv.reader(io.StringIO(line(cells), newline=""), strict=True)) == [cells]
