"""Cutting texts of one template: known by what is shown, and what follows is their own."""

from __future__ import annotations

import re
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from modelmetry.memory.cutting import COMMON, cut, cuts

SUMS = [
    f"What is {a} + {b}? Reply with the sum alone. {a + b}" for a, b in ((11, 5), (12, 7), (12, 8))
]


def test_a_cut_keeps_every_character() -> None:
    """Shown and what follows are the text as it stands, white space and all."""
    text = "one  two\n three\tfour five"
    found = cut(text, 2, 2)
    assert (found.shown, found.tail, found.follows) == ("one  two", "two", "\n three\tfour")
    assert cut(text, 2, 99).follows == "\n three\tfour five"
    assert cut(text, 1, 1).tail == "one"


def test_what_all_have_in_common_is_not_what_follows() -> None:
    """A sum is cut before what is its own, of which as much is shown before as follows."""
    found = cuts(SUMS, ["sum"] * 3, ["a", "b", "c"], 12)
    assert [each.shown if each else None for each in found] == [
        "What is 11 +",
        "What is 12 + 7? Reply with the sum alone.",
        "What is 12 + 8? Reply with the sum alone.",
    ]
    assert [each.follows if each else None for each in found] == [
        " 5? Reply with the sum alone. 16",
        " 19",
        " 20",
    ]


def test_nothing_of_its_own_left_is_nothing_to_ask() -> None:
    """Texts that repeat, and such that differ in the last word shown alone, have no cut."""
    assert cuts(["a b c", "a b c", "a b d e f g"], [0] * 3, ["1", "2", "3"], 2)[:2] == [None, None]
    assert (
        cuts(["say one now", "say two now", "say six now"], [0] * 3, list("123"), 4) == [None] * 3
    )


def test_texts_of_one_cluster_may_begin_alike() -> None:
    """Two questions about one scene show the scene's beginning; those about others must differ."""
    scene = [f"a b c d {x} e f g {q}" for x in (1, 2) for q in ("why", "who")]
    together = cuts(scene, [0] * 4, ["1", "1", "2", "2"], 99)
    assert [each.shown if each else None for each in together] == [
        *["a b c d 1 e f g"] * 2,
        *["a b c d 2 e f g"] * 2,
    ]
    apart = cuts(scene, [0] * 4, ["1", "2", "3", "4"], 99)
    assert apart == [None] * 4


def test_no_more_than_k_words_unless_it_takes_more() -> None:
    """Long texts of their own are shown up to k words, and as many follow."""
    texts = [" ".join(f"w{i}-{n}" for i in range(40)) for n in range(3)]
    for each in cuts(texts, [0] * 3, list("abc"), 8):
        assert each is not None
        assert (len(each.shown.split()), len(each.follows.split())) == (8, 8)


@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from("abc"), min_size=1, max_size=6), st.sampled_from("xyz")),
        min_size=2,
        max_size=8,
    ),
    st.integers(1, 4),
)
def test_cuts_are_what_they_say(drawn: list[tuple[list[str], str]], k: int) -> None:
    """By brute force: no other cluster begins so, a word of its own follows, and no less would do."""
    texts, clusters = [" ".join(words) for words, _ in drawn], [cluster for _, cluster in drawn]
    most = max(1, COMMON * len(texts))
    having = Counter(word for text in texts for word in set(text.split()))
    for text, cluster, each in zip(
        texts, clusters, cuts(texts, [0] * len(texts), clusters, k), strict=True
    ):
        words = text.split()
        others = [o.split() for o, c in zip(texts, clusters, strict=True) if c != cluster]
        least = next(
            (n for n in range(1, len(words) + 1) if all(o[:n] != words[:n] for o in others)),
            len(words) + 1,
        )
        own = [i for i, word in enumerate(words) if having[word] <= most]
        at = max(1, least, min(k, own[len(own) // 2])) if own else len(words)
        if not any(at <= i < at + k for i in own):
            assert each is None
            continue
        assert each is not None
        assert each.shown.split() == words[:at]
        assert each.follows.split() == words[at : at + k]
        assert re.match(r"\s", each.follows)
        assert text.startswith(each.shown + each.follows)
