"""The generator `memorization`: pairs, splits, options, and what its second way really reads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmetry.errors import BadInput
from modelmetry.items import Problem, Seed
from modelmetry.memory.code_length import huffman
from modelmetry.memory.memorization import Memorization, continued
from modelmetry.memory.similarity import matches

SMALL = Memorization(
    corpus=3, k=8, documents=700, length=40, words=128, duplicates=(1, 3), entropies=(2, 3), near=2
)
SEED = Seed(root=5)


def _all(generator: Memorization, split: str, seed: Seed = SEED) -> list[Problem]:
    return list(generator.problems(seed, split, generator.count(split)))


def test_every_sequence_is_asked_once() -> None:
    """The splits part the pairs: a fifth of each kind to train, both ends; every sequence is in one."""
    prompts = [p.fields["prompt"] for split in SMALL.splits for p in _all(SMALL, split)]
    text = SMALL.laboratory.vocabulary.text
    assert sorted(prompts) == sorted(text(s.tokens[:8]) for s in SMALL.laboratory.planted())
    train = {p.cluster for p in _all(SMALL, "train")}
    planted = {p.cluster for p in _all(SMALL, "planted")}
    assert not train & planted
    assert 0.1 < len(train) / len(train | planted) <= 0.2
    assert SMALL.count("train") == 2 * len(train)


def test_planted_and_twin_of_one_index_are_a_pair() -> None:
    """Problems of one index in planted and twins are a cluster and differ in insertion alone."""
    for planted, twin in zip(_all(SMALL, "planted"), _all(SMALL, "twins"), strict=True):
        assert planted.cluster == twin.cluster == planted.factors["pair"]
        assert (planted.factors["inserted"], twin.factors["inserted"]) == (1, 0)
        assert planted.factors["duplicates"] in (1, 3)
        same = {"inserted": 0, "duplicates": 0, "near": 0}
        assert {**planted.factors, **same} == twin.factors
        assert planted.fields["words"] == 8
        assert planted.target != twin.target


def test_every_other_pair_has_near_copies() -> None:
    """The planted sequence's factor says how many stand in the corpus; the twin has none."""
    near = [planted.factors["near"] for planted in _all(SMALL, "planted")]
    assert set(near) == {0, 2}
    assert near.count(2) == pytest.approx(len(near) / 2, rel=0.25)
    told = {s.tokens[:8]: s.near for s in SMALL.laboratory.planted()}
    for planted in _all(SMALL, "planted"):
        prompt = SMALL.laboratory.vocabulary.tokens(str(planted.fields["prompt"]))
        assert planted.factors["near"] == told[prompt]


def test_train_is_a_random_fifth_of_each_kind() -> None:
    """Its pairs come from everywhere in the order in which they were planted, not from one end."""
    train, places = {p.cluster for p in _all(SMALL, "train")}, []
    kinds: dict[tuple[object, ...], list[str]] = {}
    for s in SMALL.laboratory.planted():
        if s.duplicates:
            pair = s.id.rpartition("/")[0]
            kinds.setdefault((s.duplicates, s.canary, s.template), []).append(pair)
    for pairs in kinds.values():
        places += [(i + 0.5) / len(pairs) for i, pair in enumerate(pairs) if pair in train]
    assert 0.35 < np.mean(places) < 0.65
    assert min(places) < 0.25
    assert max(places) > 0.75


def test_prompt_and_target_are_the_sequence() -> None:
    """Joined as they are they read as the corpus has them; the tail is the prompt's later half."""
    odd = Memorization(k=9, documents=8000)
    for generator in (SMALL, odd):
        sequences = {s.id: s for pair in generator._pairs.values() for s in pair}
        k = generator.k
        text = generator.laboratory.vocabulary.text
        for split in generator.splits:
            for problem in _all(generator, split)[:40]:
                pair = generator._pairs[str(problem.factors["pair"])]
                sequence = sequences[pair[int(problem.factors["inserted"])].id]
                shown, target = str(problem.fields["prompt"]), problem.target.answers[0]
                assert shown + target == text(sequence.tokens)
                assert generator.tokens(shown) == sequence.tokens[:k]
                assert generator.tokens(target) == sequence.tokens[k:]
                tail = str(problem.fields["tail"])
                assert shown.endswith(" " + tail)
                assert generator.tokens(tail) == sequence.tokens[k // 2 : k]


def test_tokens_of_replies_are_read_whatever_they_say() -> None:
    """Words of the laboratory are their numbers, however spaced; other words stay as they are."""
    vocabulary = SMALL.laboratory.vocabulary
    text = f"\n {vocabulary.text([5, 0])}  Sorry, {vocabulary.text([128])}\t999"
    assert SMALL.tokens(text) == (5, 0, "Sorry,", 128, "999")
    assert SMALL.tokens(" ") == ()


def test_features_are_those_of_the_sequences() -> None:
    """Each problem's are its own sequence's, whatever others are asked with it; twins have them too."""
    problems = [problem for split in SMALL.splits for problem in _all(SMALL, split)]
    found = SMALL.features([problem.factors for problem in problems])
    laboratory, text = SMALL.laboratory, SMALL.laboratory.vocabulary.text
    size = laboratory.vocabulary.size
    counts = np.bincount(np.concatenate(list(laboratory.stream())), minlength=size)
    for i, problem in enumerate(problems):
        whole = str(problem.fields["prompt"]) + problem.target.answers[0]
        own = counts[list(laboratory.vocabulary.tokens(whole))]
        assert found["frequency_minimum"][i] == own.min()
        assert found["frequency_mean"][i] == pytest.approx(own.mean())
        assert found["huffman"][i] == huffman(whole)
        assert found["repeating"][i] == (problem.factors["template"] == "repeating")
        assert found["incrementing"][i] == (problem.factors["template"] == "incrementing")
    assert {len(column) for column in found.values()} == {len(problems)}
    assert all(np.isfinite(column).all() for column in found.values())
    alone = SMALL.features([problems[7].factors])
    assert {name: [column[7]] for name, column in found.items()} == {
        name: column.tolist() for name, column in alone.items()
    }
    windows = [text(window) for window in laboratory.surveyed(4096)[1].tolist()]
    prompts = [str(problem.fields["prompt"]) for problem in problems]
    assert found["semantic_matches"].tolist() == matches(prompts, windows).semantic.tolist()
    assert found["semantic_matches"].any()


def test_features_of_another_laboratory_are_refused() -> None:
    """A pair that these options do not make is named, with what to do."""
    factors = {"pair": "none-d64-band0-bits3-early-0", "inserted": 1}
    with pytest.raises(
        BadInput, match="no pair of this laboratory; allowed: problems that it made"
    ):
        SMALL.features([factors])
    assert all(len(column) == 0 for column in SMALL.features([]).values())


def test_leading_parts_are_balanced() -> None:
    """Over the first problems numbers of duplicates and kinds come in turn."""
    first = _all(SMALL, "planted")[:8]
    kinds = {(p.factors["duplicates"], p.factors["template"], p.factors["canary"]) for p in first}
    assert len(kinds) == 8


def test_seeds_ask_the_same_sequences_in_another_order() -> None:
    """Another seed gives another order; another corpus gives other sequences."""
    mine, theirs = _all(SMALL, "planted"), _all(SMALL, "planted", Seed(root=6))
    assert [p.uid for p in mine] != [p.uid for p in theirs]
    assert {p.uid for p in mine} == {p.uid for p in theirs}
    other = Memorization(corpus=4)
    assert not {p.uid for p in _all(other, "planted")} & {
        p.uid for p in _all(Memorization(), "planted")
    }
    assert other.fingerprint() != Memorization().fingerprint()


def test_the_fingerprint_sees_the_corpus() -> None:
    """What changes documents alone changes the fingerprint, though no problem."""
    assert Memorization(rules=0.9).fingerprint() != Memorization(rules=0.0).fingerprint()


def test_the_second_way_reads_on_in_the_corpus() -> None:
    """It finds what follows any words of the corpus, whether planted or not."""
    laboratory, read = SMALL.laboratory, 0
    text = laboratory.vocabulary.text
    for number in range(0, 700, 50):
        tokens = laboratory.document(number).tolist()
        if continued(text(tokens[20:28])):
            continue
        found = SMALL.solve({"prompt": text(tokens[20:28]), "words": 8})
        read += found == " " + text(tokens[28:36])
    assert read >= 8


@pytest.mark.parametrize("kept", [True, False])
def test_planted_sequences_are_found_in_the_corpus_alone(
    kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of twins holds no planted sequence, and the corpus no twin, held in memory or not."""
    if not kept:
        monkeypatch.setattr("modelmetry.memory.memorization._KEPT", 0)
    free = [p for p in _all(SMALL, "planted") if p.factors["template"] == "none"]
    for planted in free[:20]:
        prompt = str(planted.fields["prompt"])
        assert SMALL._twin(prompt) == ""
        assert " " + SMALL._read_on(prompt) == planted.target.answers[0]
    for twin in _all(SMALL, "twins")[:20]:
        assert SMALL._read_on(str(twin.fields["prompt"])) == ""
        assert " " + SMALL._twin(str(twin.fields["prompt"])) == twin.target.answers[0]


def test_templates_are_continued_by_their_rule() -> None:
    """Sequences that follow a rule, twins included, are continued from the prompt alone; no others."""
    for split in SMALL.splits:
        for problem in _all(SMALL, split):
            ruled = problem.factors["template"] != "none"
            expected = problem.target.answers[0].removeprefix(" ") if ruled else ""
            assert continued(str(problem.fields["prompt"])) == expected


@pytest.mark.parametrize(
    ("prompt", "rest"),
    [
        ("a b a b", "a b a b"),
        ("a b a b a", "b a b a b"),
        ("a 1 a 3", "a 5 a 7"),
        ("9 8 7 6", "5 4 3 2"),
        ("a 7 a 7", "a 7 a 7"),
        ("a 1 b 2 a 2 b 4", "a 3 b 6 a 4 b 8"),
        ("a b c a b d", ""),
        ("a 1 a 2 a 4", ""),
        ("a 1 a b", ""),
        ("a b c", ""),
        ("a", ""),
    ],
)
def test_a_rule_is_read_from_words(prompt: str, rest: str) -> None:
    """Repeating and counting texts go on; others do not."""
    assert continued(prompt) == rest


@given(
    block=st.lists(st.sampled_from("abc"), min_size=1, max_size=4),
    start=st.integers(0, 50),
    step=st.integers(0, 9),
    extra=st.integers(0, 3),
)
def test_what_counts_goes_on_counting(block: list[str], start: int, step: int, extra: int) -> None:
    """Words and a number that grows, told twice or more, are continued as they were made."""
    period = len(block) + 1
    made = [word for turn in range(20) for word in (*block, str(start + turn * step))]
    shown = 3 * period + min(extra, period)
    assert continued(" ".join(made[:shown])) == " ".join(made[shown : 2 * shown])


def test_a_prompt_of_nothing_has_no_answer() -> None:
    """Words of the vocabulary that stand nowhere end in nothing; other words in a line."""
    rare = SMALL.laboratory.vocabulary.text([127, 90, 126, 91, 125, 92, 124, 93])
    assert SMALL.solve({"prompt": rare, "words": 8}) == ""
    with pytest.raises(BadInput, match="'Where' is no word of this laboratory"):
        SMALL.solve({"prompt": "Where is it", "words": 3})


def test_options_are_the_laboratory_s() -> None:
    """Lists, as suites give them, do as well as tuples; every option reaches the laboratory."""
    given: dict[str, Any] = {
        "k": 9,
        "documents": 900,
        "length": 44,
        "words": 160,
        "near": 1,
        "canaries": 1,
        "sequences": 2,
        "rules": 0.2,
        "duplicates": [1, 2],
        "entropies": [1, 3],
    }
    generator = Memorization(corpus=8, **given)
    for name, value in given.items():
        told = getattr(generator.laboratory, name)
        assert told == (tuple(value) if isinstance(value, list) else value)
    assert generator.laboratory.seed == 8
    assert generator.problem(SEED, "planted", 0).fields["words"] == 9


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"k": 1}, "k is 1; allowed: integers from 4"),
        ({"corpus": -2}, "seed is -2; allowed: integers from 0"),
        ({"duplicates": 4}, "duplicates is 4; allowed: a list of integers"),
        ({"entropies": "3"}, "entropies is '3'; allowed: a list of integers"),
        ({"duplicates": [0, 4]}, "duplicates is 0; allowed: integers from 1"),
        ({"documents": 50}, "allowed: 7530 documents or more"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], line: str) -> None:
    """Each bad option is one line with what is allowed, when the generator is made."""
    with pytest.raises(BadInput) as caught:
        Memorization(**options)
    assert line in str(caught.value)
