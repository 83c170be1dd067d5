"""Facts about problems, targets and items, and about their canonical JSON."""

from __future__ import annotations

import hashlib
import json

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelmetry.errors import BadInput
from modelmetry.items import (
    Item,
    Message,
    Part,
    Problem,
    Target,
    canonical_json,
    content_hash,
    message,
)

texts = st.text(st.characters(codec="utf-8"), max_size=8)
scalars = st.one_of(texts, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(-1e9, 1e9))
names = st.text("abc-_", min_size=1, max_size=4)

targets = st.builds(
    Target,
    answers=st.lists(texts, min_size=1, max_size=3).map(tuple),
    interval=st.none() | st.tuples(st.floats(-9, 0), st.floats(0, 9)),
    domain=st.none() | st.tuples(st.integers(-9, 0), st.integers(0, 9)),
    tolerance=st.floats(0, 1),
)
problems = st.builds(
    Problem,
    uid=st.text("0123456789abcdef", min_size=16, max_size=16),
    generator=names,
    version=st.integers(1, 9),
    split=names,
    index=st.integers(0, 2**40),
    fields=st.dictionaries(names, st.lists(scalars, max_size=3) | scalars, max_size=4),
    target=targets,
    factors=st.dictionaries(names, scalars, max_size=4),
    cluster=texts,
    images=st.lists(texts, max_size=2).map(tuple),
)


def _item(problem: Problem, *messages: Message) -> Item:
    return Item(task="sums", wording="plain", format="chat", messages=messages, problem=problem)


@given(problem=problems, text=texts)
@settings(deadline=None, max_examples=50)
def test_what_flows_survives_json(problem: Problem, text: str) -> None:
    """A problem, a target and an item read back from their JSON are equal to the originals."""
    item = _item(problem, message("user", text))
    for value in (problem, problem.target, item):
        assert msgspec.json.decode(canonical_json(value), type=type(value)) == value


@given(fields=st.dictionaries(names, scalars, min_size=2, max_size=5))
@settings(deadline=None, max_examples=50)
def test_the_order_of_keys_does_not_matter(fields: dict[str, object]) -> None:
    """Mappings with the same entries have the same canonical JSON and hash."""
    turned = dict(reversed(fields.items()))
    assert canonical_json(turned) == canonical_json(fields)
    assert content_hash(turned) == content_hash(fields)


def test_canonical_json_is_compact_sorted_utf8() -> None:
    """Sorted keys, no spaces, characters as they are; the hash is SHA-256 of exactly that."""
    value = {"b": [1, 2.5, None], "a": "é"}
    expected = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical_json(value) == expected.encode()
    assert content_hash(value) == hashlib.sha256(expected.encode()).hexdigest()


@pytest.mark.parametrize(
    ("target", "chance"),
    [
        (Target(answers=("7",)), 0.0),
        (Target(answers=("7",), domain=(0, 9)), 0.1),
        (Target(answers=("7", "8"), domain=(0, 9)), 0.2),
        (Target(answers=("b",), choices=("a", "b", "c", "d")), 0.25),
        (Target(answers=("b", "c", "B"), choices=("a", "b", "c", "d")), 0.5),
        (Target(answers=("54",), interval=(54, 99), domain=(0, 99)), 0.46),
        (Target(answers=("99",), interval=(99, 150), domain=(0, 99)), 0.01),
        (Target(answers=("120",), interval=(120, 150), domain=(0, 99)), 0.0),
        (Target(answers=("0",), domain=(0, 0)), 1.0),
    ],
)
def test_chance_is_the_share_of_right_answers(target: Target, chance: float) -> None:
    """A uniform guess among what the question admits is right this often."""
    assert target.chance == pytest.approx(chance)


@given(low=st.floats(-20, 20), high=st.floats(-20, 20), domain=st.tuples(*[st.integers(-9, 9)] * 2))
@example(low=-0.5, high=4.5, domain=(-9, 9))
@settings(deadline=None, max_examples=50)
def test_chance_counts_the_integers_of_the_interval(
    low: float, high: float, domain: tuple[int, int]
) -> None:
    """With an interval, chance is the share of the domain's integers that lie in it."""
    start, stop = sorted(domain)
    target = Target(answers=("x",), interval=(low, high), domain=(start, stop))
    inside = [n for n in range(start, stop + 1) if low <= n <= high]
    assert target.chance == len(inside) / (stop - start + 1)


@pytest.mark.parametrize(
    ("options", "message_"),
    [
        ({"answers": ()}, "no answer"),
        ({"answers": ("e",), "choices": ("a", "b")}, "'e' is not among the choices"),
        ({"answers": ("1",), "tolerance": -0.1}, "tolerance -0.1 is negative"),
    ],
)
def test_impossible_targets_are_refused(options: dict[str, object], message_: str) -> None:
    """A target without answers, with a wrong choice or a negative tolerance is refused."""
    with pytest.raises(BadInput, match=message_):
        Target(**options)  # type: ignore[arg-type]


@given(problem=problems)
@settings(deadline=None, max_examples=10)
def test_an_item_names_task_problem_and_wording(problem: Problem) -> None:
    """An item's uid is unique within a suite, and its text joins what the model reads."""
    item = _item(problem, message("system", "Be brief."), message("user", "1 + 1?"))
    assert item.uid == f"sums/{problem.uid}/plain"
    assert item.text == "Be brief.\n1 + 1?"


def test_a_message_reads_its_text_parts_only() -> None:
    """Descriptions of images are for logs and are not part of a message's text."""
    picture = Part(kind="image", text="two spheres", image="0" * 64)
    turn = Message(role="user", parts=(Part(text="How many "), picture, Part(text="spheres?")))
    assert turn.text == "How many spheres?"


@pytest.mark.parametrize("value", [Target(answers=("1",)), Part(), message("user", "hello")])
def test_what_flows_cannot_be_changed(value: object) -> None:
    """Types that flow are frozen."""
    name = next(iter(type(value).__dataclass_fields__))  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        setattr(value, name, None)
