"""JSON in pieces: whatever the chunks, the members are those of the whole text."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmetry.runs.imports import streaming

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(max_size=3), VALUES, max_size=4),
    st.lists(VALUES, max_size=4),
    st.integers(1, 9),
    st.sampled_from([None, 1]),
)
def test_as_read_whole(
    head: dict[str, Any], elements: list[Any], chunk: int, indent: int | None
) -> None:
    """Members and elements are those that the standard library finds, in chunks of any size."""
    head.pop("s", None)
    text = json.dumps({**head, "s": elements, "last": 12}, indent=indent)
    before, streaming._CHUNK = streaming._CHUNK, chunk
    try:
        found = list(streaming.members(io.StringIO(text), "s"))
    finally:
        streaming._CHUNK = before
    assert [value for key, value in found if key == "s"] == elements
    assert {key: value for key, value in found if key != "s"} == {**head, "last": 12} | {
        key: value for key, value in head.items() if key != "last"
    } | {"last": 12}


def test_nan_is_read() -> None:
    """Inspect writes NaN, which is no JSON, for what was not scored."""
    ((key, value),) = streaming.members(io.StringIO('{"a": NaN}'), "s")
    assert key == "a"
    assert value != value


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"s":[1', '{"s":[1,]}', "{1:2}", '{"a" 1}', "x"]
)  # fmt: skip
def test_what_is_no_object(text: str) -> None:
    """Anything cut short or of another kind is told."""
    with pytest.raises(ValueError, match=r"expected|cut short"):
        list(streaming.members(io.StringIO(text), "s"))
