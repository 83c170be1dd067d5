"""Features are those of slow twins; what needs a corpus is left out without one."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmetry.errors import BadInput
from modelmetry.memory.embedding import HashedNgrams, Vectors
from modelmetry.memory.features import describe
from modelmetry.memory.templates import is_incrementing, is_repeating

OWN = ("huffman", "shannon", "repeating", "incrementing")
CORPUS = (
    *("frequency_maximum", "frequency_mean", "frequency_minimum"),
    *("frequency_median", "frequency_p25", "frequency_p75"),
)
TEXTS = ("the cat sat on the mat", "row 1 row 2 row 3 row", "ab ab ab ab", "ünlike anything else")


def _distance(a: str, b: str) -> int:
    """Levenshtein's distance by its recurrence."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row = row, [i]
        for j, y in enumerate(b, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (x != y)))
    return row[-1]


class Letters:
    """An embedder by which two texts are alike where their letters are."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        counts = np.array([[text.count(chr(97 + i)) for i in range(26)] for text in texts], float)
        norms = np.linalg.norm(counts, axis=1, keepdims=True)
        return (counts / np.where(norms, norms, 1)).astype(np.float32)


def test_every_feature_is_its_twin_s() -> None:
    """Frequencies, matches, code lengths and templates, each worked out the long way."""
    tokens = [[0, 1, 2, 0], [3, 3, 3, 3], [4, 4, 0, 1], [2, 3, 4, 0]]
    table = [50, 7, 3, 900, 1]
    samples = [
        "the cat sat on a mat",
        "on the mat the cat sat",
        "ab ab ab ab",
        "ünlike anythin else",
    ]
    found = describe(tokens, TEXTS, frequencies=table, samples=samples, embedder=Letters())
    assert set(found) == {*OWN, *CORPUS, "semantic_matches", "textual_matches"}
    for i, text in enumerate(TEXTS):
        own = [table[token] for token in tokens[i]]
        p25, median, p75 = statistics.quantiles(own, n=4, method="inclusive")
        told = (max(own), statistics.fmean(own), min(own), median, p25, p75)
        assert [found[name][i] for name in CORPUS] == pytest.approx(told)
        vectors = Letters().embed([text, *samples])
        near = [each for each, v in zip(samples, vectors[1:], strict=True) if vectors[0] @ v >= 0.8]
        assert found["semantic_matches"][i] == len(near)
        assert found["textual_matches"][i] == sum(0 < _distance(text, each) < 20 for each in near)
        counts = Counter(text).values()
        bits = math.fsum(n * math.ceil(-math.log2(n / len(text))) for n in counts) / len(text)
        assert found["shannon"][i] == pytest.approx(bits)
        entropy = -math.fsum(n / len(text) * math.log2(n / len(text)) for n in counts)
        assert entropy <= found["huffman"][i] <= min(bits, entropy + 1)
    assert found["semantic_matches"].tolist() == [2, 0, 1, 1]
    assert found["textual_matches"].tolist() == [2, 0, 0, 1]
    assert found["repeating"].tolist() == [0, 0, 1, 0]
    assert found["incrementing"].tolist() == [0, 1, 0, 0]
    assert {column.dtype for column in found.values()} == {np.dtype(np.float64)}


def test_what_is_not_given_is_left_out() -> None:
    """Without frequencies none of them, without samples no matches; the rest is the same."""
    tokens = [[0, 1]] * 4
    assert set(describe(tokens, TEXTS)) == {*OWN}
    assert set(describe(tokens, TEXTS, frequencies=[1, 2])) == {*OWN, *CORPUS}
    assert set(describe(tokens, TEXTS, samples=["x"])) == {
        *(*OWN, "semantic_matches", "textual_matches"),
    }


def test_whole_sequences_are_taken_for_characters_and_templates() -> None:
    """Where their texts are given; matches stay those of prompts."""
    wholes = ["ab cd 1", "ab 1 ab 2 ab 3 ab", "ab ab ab ab ab", "a"]
    found = describe([[0, 1]] * 4, TEXTS, wholes=wholes, samples=TEXTS)
    alone = describe([[0, 1]] * 4, wholes)
    assert {name: found[name].tolist() for name in OWN} == {
        name: alone[name].tolist() for name in OWN
    }
    matched = describe([[0, 1]] * 4, TEXTS, samples=TEXTS)["semantic_matches"]
    assert found["semantic_matches"].tolist() == matched.tolist() == [1] * 4


def test_the_default_embedder_is_fitted_to_the_samples() -> None:
    """Nothing is downloaded: n-grams, weighted by how few samples have them."""
    samples = ["the cat sat on the mat!", "quite another text", "the dog lay on the rug"]
    fitted = HashedNgrams().fitted(samples)
    told, default = (
        describe([[0, 1]] * 4, TEXTS, samples=samples, embedder=embedder)
        for embedder in (fitted, None)
    )
    assert told["semantic_matches"].tolist() == default["semantic_matches"].tolist()
    assert default["semantic_matches"].tolist() == [1, 0, 0, 0]


pieces = st.sampled_from(["a", "b", " ", "1", "2", "12", "0x1f", "٣", "\n", "."])


@given(
    text=st.lists(pieces, min_size=1, max_size=12).map("".join),
    times=st.integers(1, 4),
    rest=st.integers(0, 6),
    numbers=st.lists(st.integers(0, 30), max_size=6),
)
def test_shortcuts_change_no_template(text: str, times: int, rest: int, numbers: list[int]) -> None:
    """What is looked at first never hides a text that repeats or counts."""
    counted = "".join(f"{text}{number}" for number in numbers)
    steps = "".join(f"{text} {7 + 3 * turn}" for turn in range(rest))
    texts = [each for each in (text * times + text[:rest], counted, steps) if each]
    found = describe(np.zeros((len(texts), 2), int), texts)
    assert found["repeating"].tolist() == [is_repeating(each) for each in texts]
    assert found["incrementing"].tolist() == [is_incrementing(each) for each in texts]


def test_digits_of_all_scripts_and_hexadecimal_ones_count() -> None:
    """What counts in Arabic digits, or from 0x1e to 0x21, counts."""
    digits = ("\u0663", "\u0664", "\u0665", "\u0666")
    texts = [" a ".join(("", *digits, "")), "r 0x1e r 0x1f r 0x20 r 0x21", " a ".join(digits[::2])]
    found = describe([[0, 1]] * 3, texts)["incrementing"]
    assert found.tolist() == [is_incrementing(text) for text in texts] == [1, 1, 0]


def test_no_sequences_have_no_features() -> None:
    """Columns are empty where there are no rows."""
    found = describe(np.zeros((0, 4), int), [], frequencies=[1], samples=["a"])
    assert len(found) == 12
    assert {column.shape for column in found.values()} == {(0,)}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (([[0, 1]], TEXTS), r"tokens of shape \(1, 2\), 4 prompts and 4 texts; allowed"),
        (([0, 1], TEXTS[:2]), r"tokens of shape \(2,\)"),
        (([[0, 1]], [""]), "no symbols; allowed: at least one"),
    ],
)
def test_other_than_sequences_are_refused(arguments, line: str) -> None:
    """As many texts as rows of tokens, and something in each text."""
    with pytest.raises(BadInput, match=line):
        describe(*arguments)


def test_inputs_that_do_not_belong_together_are_refused() -> None:
    """Frequencies of another tokenizer, and as many wholes as prompts."""
    with pytest.raises(BadInput, match="is the tokenizer the corpus's"):
        describe([[0, 9]], ["a b"], frequencies=[1, 2])
    with pytest.raises(BadInput, match="1 prompts and 2 texts"):
        describe([[0, 1]], ["a b"], wholes=["a", "b"])
