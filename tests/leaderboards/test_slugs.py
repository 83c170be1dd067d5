"""Names as parts of addresses."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.leaderboards.slugs import slug

NAMES = st.text(max_size=12) | st.text(alphabet="aA-/._0", max_size=8)


@settings(max_examples=50)
@given(NAMES, NAMES)
def test_names_share_no_address_and_leave_no_folder(one, other):
    """Two names have two segments, each of lower-case letters, digits and hyphens alone."""
    assert (slug(one) == slug(other)) == (one == other)
    assert re.fullmatch(r"[a-z0-9-]{1,80}", slug(one))


@pytest.mark.parametrize(
    ("name", "begins"),
    [("../../x", "x-"), ("A/b", "a-b-"), ("<script>", "script-"), ("", ""), ("index", "index-")],
)
def test_what_is_no_segment_gets_a_hash(name, begins):
    """Twelve hex digits of the whole name."""
    assert re.fullmatch(begins + "[0-9a-f]{12}", slug(name))


def test_a_plain_name_is_its_own_address():
    """Unless it looks like one that was made."""
    assert slug("clevr-hope") == "clevr-hope"
    made = slug("Clevr Hope")
    assert slug(made) != made


def test_several_names_are_not_joined_by_mistake():
    """Where one ends and the next begins counts."""
    assert slug("a", "b-c") != slug("a-b", "c")


def test_long_names_stay_short():
    """And differ still."""
    assert slug("x" * 500) != slug("x" * 501)
    assert len(slug("x" * 500)) <= 80
