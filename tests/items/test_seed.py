"""Facts about seeds: streams are named, independent and the same everywhere."""

from __future__ import annotations

import hashlib
import random
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.errors import BadInput
from modelmetry.items import Seed, digest

parts = st.lists(st.one_of(st.integers(), st.text(st.characters(codec="utf-8"))), max_size=4)


def test_digest_is_sha256_of_compact_json() -> None:
    """Anyone can compute a digest: SHA-256 of the JSON array, read as a big-endian number."""
    data = b'["problem","addition",1,0,"held-out",17]'
    expected = int(hashlib.sha256(data).hexdigest(), 16)
    assert digest("problem", "addition", 1, 0, "held-out", 17) == expected


@given(a=parts, b=parts)
@settings(deadline=None, max_examples=50)
def test_digests_of_different_parts_differ(a: list[int | str], b: list[int | str]) -> None:
    """Parts are kept apart: equal digests mean equal parts of equal types."""
    assert (digest(*a) == digest(*b)) == (a == b)


def test_parts_do_not_run_together() -> None:
    """Moving a border between parts, or quoting a number, gives another digest."""
    spellings = [("ab", "c"), ("a", "bc"), ("abc",), ('a","bc',), (1, 2), (12,), ("1", 2), ()]
    assert len({digest(*spelling) for spelling in spellings}) == len(spellings)


def test_numbers_of_any_size_are_digested() -> None:
    """Numbers beyond 64 bits are told apart."""
    assert len({digest(2**64 + n) for n in range(100)}) == 100


def test_every_name_of_a_stream_matters() -> None:
    """Root, generator, version, split and index each change the stream and none another's."""
    streams = [
        Seed(root=root).rng(generator, version, split, index).random()
        for root, generator, version, split, index in product(
            (42, 43), ("a", "b"), (1, 2), ("train", "test"), range(20)
        )
    ]
    assert len(set(streams)) == len(streams)


def test_neighboring_roots_do_not_share_shifted_streams() -> None:
    """Root 42 at index i + 1 is not root 43 at index i, as it would be under root + index."""
    here = [Seed(root=42).rng("a", 1, "train", index + 1).random() for index in range(100)]
    there = [Seed(root=43).rng("a", 1, "train", index).random() for index in range(100)]
    assert not set(here) & set(there)


def test_order_keys_are_apart_from_problem_streams() -> None:
    """The key that orders a split is no digest that a problem's stream starts from."""
    seed = Seed(root=0)
    assert seed.key("a", 1, "train") == digest("order", "a", 1, 0, "train")
    stream = random.Random(digest("problem", "a", 1, 0, "train", 5))
    assert seed.rng("a", 1, "train", 5).random() == stream.random()
    assert 0 <= seed.key("a", 1, "train") < 2**256


def test_a_stream_is_the_same_on_every_machine() -> None:
    """The first number of a known stream, for ever."""
    assert Seed(root=0).rng("addition", 1, "train", 0).random() == 0.35037897042847443


def test_negative_roots_are_refused() -> None:
    """A root below 0 is refused."""
    with pytest.raises(BadInput, match="seed: -1 is negative; allowed: integers from 0"):
        Seed(root=-1)
