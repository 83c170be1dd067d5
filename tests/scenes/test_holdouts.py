"""Held-out pairs: their names, what training keeps beside them, and CoGenT."""

from __future__ import annotations

from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmetry.errors import BadInput
from modelmetry.scenes.holdouts import COGENT, PAIRS, Holdout, holdout, holdouts
from modelmetry.scenes.kinds import KINDS, TYPE_OF, TYPES, VALUES, Filter

FULL = {
    ("size", "material"): 3,
    ("size", "shape"): 5,
    ("material", "shape"): 5,
    ("size", "color"): 15,
    ("color", "material"): 15,
    ("color", "shape"): 23,
}
"""Combinations that stay in train (METHODS 1.1)."""

each_pair = pytest.mark.parametrize("name", PAIRS)


def _value_pairs() -> list[tuple[str, str]]:
    return [
        (first, second)
        for a, b in combinations(TYPES, 2)
        for first, second in product(VALUES[a], VALUES[b])
    ]


def _range(name: str) -> range:
    """Every diversity that a pair allows."""
    top = holdout(name).diversity
    allowed = []
    for diversity in range(1, top + 1):
        try:
            holdout(name, diversity)
        except BadInput:
            continue
        allowed.append(diversity)
    return range(allowed[0], top + 1)


def test_there_are_96_kinds() -> None:
    """Two sizes, eight colors, two materials and three shapes make 96 kinds, each once."""
    assert len(KINDS) == len(set(KINDS)) == 96


def test_the_29_pairs_are_those_of_clevr_hope() -> None:
    """Five pairs per two types but four of size and material, as METHODS 1.2 lists them."""
    types = [holdout(name).types for name in PAIRS]
    assert len(set(PAIRS)) == 29
    assert {pair: types.count(pair) for pair in FULL} == {
        pair: 4 if pair == ("size", "material") else 5 for pair in FULL
    }
    assert [PAIRS[i] for i in (0, 6, 12, 20, 28)] == [
        "rubber cylinder",
        "rubber sphere",
        "metal cylinder",
        "large metal",
        "small purple",
    ]


@each_pair
def test_everything_but_the_pair_stays(name: str) -> None:
    """Without a diversity training shows every combination of the two types but the pair."""
    found = holdout(name)
    assert found.diversity == FULL[found.types]
    assert found.held == {tuple(sorted(name.split(), key=lambda v: TYPES.index(TYPE_OF[v])))}
    assert not found.held & found.shown


@each_pair
def test_fewer_partners_are_nested_and_leave_every_value(name: str) -> None:
    """A smaller diversity shows a part of what a larger one shows, and still every value."""
    last: frozenset[tuple[str, str]] = frozenset()
    for diversity in _range(name):
        found = holdout(name, diversity)
        assert len(found.shown) == diversity
        assert last <= found.shown
        assert {v for c in found.shown for v in c} == {v for t in found.types for v in VALUES[t]}
        last = found.shown


@each_pair
def test_a_diversity_that_leaves_nothing_is_refused(name: str) -> None:
    """Too few combinations to show every value, or more than there are, are one clear line."""
    span = _range(name)
    for diversity in (0, span[0] - 1, span[-1] + 1):
        with pytest.raises(BadInput, match=f"allowed: {span[0]} .* to {span[-1]}"):
            holdout(name, diversity)
    # As few as can be: each combination shows a value of either type.
    assert span[0] <= max(len(VALUES[kind]) for kind in holdout(name).types) + 1


@given(st.sampled_from(_value_pairs()), st.booleans())
def test_any_pair_of_two_types_can_be_held_out(pair: tuple[str, str], swapped: bool) -> None:
    """Every two values of different types are a holdout, in either order and in the plural."""
    first, second = pair[::-1] if swapped else pair
    assert holdout(f"{first} {second}").held == {pair}
    assert holdout(f"{first.upper()} {second}s") == holdout(" ".join(pair))


def test_holds_and_mentions_are_about_both_values() -> None:
    """An object holds the pair, and a filter mentions it, only with both values."""
    found = holdout("rubber cylinder")
    held = [kind for kind in KINDS if found.holds(kind)]
    assert len(held) == 16
    assert all(kind.material == "rubber" and kind.shape == "cylinder" for kind in held)
    assert found.mentions(Filter.of("rubber", "cylinder"))
    assert found.mentions(Filter.of("small", "rubber", "cylinder"))
    assert not found.mentions(Filter.of("rubber"))
    assert not found.mentions(Filter.of("rubber", "cube"))
    assert not found.mentions(Filter())


def test_strange_is_what_training_never_combines() -> None:
    """With few partners more than the pair is strange; a filter of one type never is."""
    full, few = holdout("red cube"), holdout("red cube", 8)
    assert sum(map(full.strange, KINDS)) == 4
    assert sum(map(few.strange, KINDS)) == 96 - 8 * 4
    assert not few.strange(Filter.of("red"))


@given(st.sampled_from(PAIRS))
def test_kinds_are_split_by_the_pair(name: str) -> None:
    """Training's kinds are all but the pair's, and its questions name any combination of these."""
    found = holdout(name)
    assert set(found.kinds(found.shown)) == {kind for kind in KINDS if not found.holds(kind)}
    assert set(found.kinds(found.tested)) == set(KINDS)
    assert found.peers == found.shown == found.tested - found.held


def test_cogent_swaps_the_colors_of_cubes_and_cylinders() -> None:
    """Condition A and B share the spheres; each shows 64 kinds, cubes in four colors."""
    found = holdout(COGENT)
    a, b = found.kinds(found.shown), found.kinds(found.tested)
    assert len(a) == len(b) == 64
    assert {kind.color for kind in a if kind.shape == "cube"} == {
        *("gray", "blue", "brown", "yellow")
    }
    assert {kind.color for kind in a if kind.shape == "cylinder"} == {
        *("red", "green", "purple", "cyan")
    }
    assert {kind for kind in a if kind.shape == "sphere"} == {
        kind for kind in b if kind.shape == "sphere"
    }
    assert all(found.holds(kind) for kind in b if kind.shape != "sphere")
    assert not any(found.holds(kind) for kind in a)
    assert found.peers == {(kind.color, kind.shape) for kind in a if kind.shape != "sphere"}


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("rubbr cylinder", r"unknown value 'rubbr' \(did you mean 'rubber'"),
        ("red blue", "both are values of color"),
        ("rubber", "1 values; allowed: two"),
        ("small rubber cylinder", "3 values; allowed: two"),
        ("", "0 values; allowed: two"),
    ],
)
def test_an_unknown_pair_is_one_clear_line(name: str, line: str) -> None:
    """A name that is no pair is refused with what is wrong and what is allowed."""
    with pytest.raises(BadInput, match=line):
        holdout(name)


def test_lists_of_pairs_are_checked() -> None:
    """No pair at all, and a pair given twice in other words, are refused."""
    with pytest.raises(BadInput, match="there is none"):
        holdouts([])
    with pytest.raises(BadInput, match="'red cube' is given twice"):
        holdouts(["red cube", "cube red"])
    with pytest.raises(BadInput, match="allowed: none"):
        holdout(COGENT, 5)


def test_holdouts_are_plain_values() -> None:
    """Two holdouts of one name and diversity are equal."""
    assert isinstance(holdout("red cube"), Holdout)
    assert holdout("red cube", 23) == holdout("red cube")
