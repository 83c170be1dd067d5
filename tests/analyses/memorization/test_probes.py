"""Probes: what a table of scores and a generator know of every sequence, as arrays."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from tests.memorized_runs import LOGPROBS, Law, memorized_run
from tests.simulated_runs import addition_suite, simulated

from modelmetry.analyses.memorization.probes import PERPLEXITIES, find_probes
from modelmetry.errors import BadInput

BOTH = ("whole", "half")


@pytest.fixture(scope="module")
def section():
    """Two wordings, two repeats, some of them lost."""
    return memorized_run(wordings=BOTH, repeats=2, failing=0.1, logprobs=True)


def _found(section, **given):
    (probes,) = find_probes(section.record, section.scores, **given)
    return probes


def _distance(a, b):
    """Levenshtein's table, row by row."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (x != y))
    return row[-1]


def _by_hand(rows, wording):
    """problem -> (value, prefix, edits) of each scored repeat."""
    found = {}
    for row in rows:
        if row["wording"] != wording:
            continue
        mine = found.setdefault(row["problem"], [])
        if row["value"] is None:
            continue
        wanted, said = row["expected"].split(), row["answer"].split()
        said = said[: len(wanted)]
        same = 0
        while same < min(len(said), len(wanted)) and said[same] == wanted[same]:
            same += 1
        n = len(wanted)
        mine.append((row["value"], same / n, _distance(said, wanted) / n))
    return found


@pytest.mark.parametrize("wording", BOTH)
def test_values_are_those_that_a_plain_loop_finds(section, wording):
    """Extraction, prefix and edit distance are means over the repeats that could be scored."""
    probes = _found(section)
    probes = probes if wording == "whole" else probes.other[wording]
    by_hand = _by_hand(section.scores.to_pylist(), wording)
    assert probes.problem.tolist() == list(by_hand)
    for i, repeats in enumerate(by_hand.values()):
        found = (probes.extracted[i], probes.prefix[i], probes.edits[i])
        wanted = np.mean(repeats, axis=0) if repeats else [np.nan] * 3
        assert found == pytest.approx(wanted, nan_ok=True)
    assert 0 < np.isnan(probes.extracted).sum() < len(probes)


def test_factors_are_those_of_the_problems(section):
    """What is known of each problem is what the table says; a twin has its pair's plan and category."""
    probes = _found(section)
    factors = {row["problem"]: json.loads(row["factors"]) for row in section.scores.to_pylist()}
    planted = {f["pair"]: f for f in factors.values() if f["inserted"]}
    for i, problem in enumerate(probes.problem):
        mine = factors[problem]
        pair = planted[mine["pair"]]
        assert probes.duplicates[i] == mine["duplicates"]
        assert probes.planned[i] == pair["duplicates"]
        assert (probes.inserted[i], probes.canary[i]) == (mine["inserted"], mine["canary"])
        assert probes.template[i] == mine["template"]
        wanted = "recollection" if pair["template"] == "none" else "reconstruction"
        assert probes.category[i] == ("recitation" if pair["duplicates"] > 5 else wanted)
    pairs = [factors[problem]["pair"] for problem in probes.problem]
    codes = dict(zip(pairs, probes.cluster.tolist(), strict=True))
    assert [codes[pair] for pair in pairs] == probes.cluster.tolist()
    assert len(set(codes.values())) == len(codes)


def test_sequences_of_one_cluster_have_their_own_category():
    """Overlapping windows of one document are a cluster; each is what its own copies make it."""
    section = memorized_run()
    place = section.scores.schema.get_field_index("cluster")
    one = pa.array(["document"] * len(section.scores))
    (probes,) = find_probes(section.record, section.scores.set_column(place, "cluster", one))
    planted = probes.inserted
    assert len(set(probes.cluster)) == 1
    assert (probes.planned[planted] == probes.duplicates[planted]).all()
    often = probes.duplicates[planted] > 5
    assert ((probes.category[planted] == "recitation") == often).all()
    assert 0 < often.sum() < planted.sum()
    assert (probes.planned[~planted] == 64).all()


def test_the_threshold_moves_recitations():
    """More duplicates than the threshold are a recitation, of twins those that they would have had."""
    section = memorized_run()
    for threshold in (0, 8, 64):
        probes = _found(section, threshold=threshold)
        assert probes.threshold == threshold
        assert ((probes.category == "recitation") == (probes.planned > threshold)).all()


def test_features_are_the_generators_and_the_models(section):
    """Duplicates count as they are, templates as flags, and perplexity by each part's own tokens."""
    probes = _found(section)
    assert (probes.features["duplicates"] == probes.duplicates).all()
    assert (probes.features["repeating"] == (probes.template == "repeating")).all()
    assert (probes.features["incrementing"] == (probes.template == "incrementing")).all()
    assert {"huffman", "frequency_mean"} <= set(probes.features)
    assert all(len(column) == len(probes) for column in probes.features.values())
    rows = [r for r in section.scores.to_pylist() if r["problem"] == probes.problem[3]]
    rows = [r for r in rows if r["wording"] == "whole"]
    shown, target = (
        (sum(r[f"{part}_logprob"] for r in rows), sum(r[f"{part}_tokens"] for r in rows))
        for part in ("shown", "target")
    )
    assert shown[1] == 14
    whole = (shown[0] + target[0], shown[1] + target[1])
    for name, (total, count) in zip(PERPLEXITIES, (shown, target, whole), strict=True):
        assert probes.features[name][3] == pytest.approx(np.exp(-total / count))
    assert probes.continuation_logprob[3] == pytest.approx(target[0] / len(rows))


def test_a_table_without_log_probabilities_has_no_perplexity(section):
    """Absent columns and empty ones are the same: no feature and no log-probability."""
    absent = section.scores.drop_columns(list(LOGPROBS))
    empty = memorized_run(wordings=BOTH, repeats=2, failing=0.1).scores
    for scores in (absent, empty):
        (probes,) = find_probes(section.record, scores)
        assert not set(PERPLEXITIES) & set(probes.features)
        assert np.isnan(probes.continuation_logprob).all()
        assert any("none were given" in warning for warning in probes.warnings)


def test_missing_log_probabilities_are_counted(section):
    """A warning says of how many there are some, and those without have none."""
    rows = [r for r in section.scores.to_pylist() if r["wording"] == "whole" and not r["repeat"]]
    column = section.scores.column("target_logprob").to_pylist()
    lost = {rows[0]["problem"], rows[5]["problem"]}
    for i, row in enumerate(section.scores.to_pylist()):
        if row["problem"] in lost:
            column[i] = -float("inf") if row["problem"] == rows[5]["problem"] else None
    at = section.scores.schema.get_field_index("target_logprob")
    scores = section.scores.set_column(at, "target_logprob", pa.array(column, pa.float64()))
    (probes,) = find_probes(section.record, scores)
    absent = np.isin(probes.problem, sorted(lost))
    assert (np.isnan(probes.continuation_logprob) == absent).all()
    assert (np.isnan(probes.features["continuation_perplexity"]) == absent).all()
    n = len(probes)
    assert any(f"{n - 2} of {n} continuations" in warning for warning in probes.warnings)


def test_lost_replies_are_counted(section):
    """A warning tells how many replies could not be scored."""
    rows = [r for r in section.scores.to_pylist() if r["wording"] == "whole"]
    lost = sum(r["value"] is None for r in rows)
    told = f"{lost} of {len(rows):,} replies could not be scored"
    assert any(told in warning for warning in _found(section).warnings)
    assert not memorized_run().scores.column("value").null_count
    assert _found(memorized_run()).warnings == ()


@pytest.mark.parametrize(
    ("tokens", "warns"), [(8, False), (9, False), (7, True), (25, True), (0, False)]
)
def test_another_tokenizer_is_told(tokens, warns):
    """Prompts of k words may be k tokens, or one more at the start; 0 is not known."""
    probes = _found(memorized_run(input_tokens=tokens))
    told = [warning for warning in probes.warnings if "tokenizer" in warning]
    assert len(told) == warns
    assert all(f"{tokens} tokens of k = 8" in warning for warning in told)


def test_with_log_probabilities_the_continuation_is_counted():
    """Two queries a probe are no other tokenizer; a continuation of other than k tokens is."""
    section = memorized_run(logprobs=True, input_tokens=25)
    assert not [w for w in _found(section).warnings if "tokenizer" in w]
    place = section.scores.schema.get_field_index("target_tokens")
    many = pa.array([11] * len(section.scores), section.scores.schema.field(place).type)
    scores = section.scores.set_column(place, "target_tokens", many)
    told = [w for w in _found(replace(section, scores=scores)).warnings if "tokenizer" in w]
    assert told[0].startswith("the model's tokenizer makes 11 tokens of k = 8")


def test_words_around_the_prompt_are_no_other_tokenizer():
    """Where more than the prompt is shown, its number of tokens says nothing."""
    section = memorized_run(input_tokens=25)
    (task,) = section.record.suite.tasks
    for changed in (
        {"format": "chat"},
        {"source": "Go on: {{ prompt | verbatim }}"},
        {"source": "{{ prompt | verbatim }}\nGo on."},
        {"shots": 2},
    ):
        prompt = replace(task.prompts[0], **changed)
        suite = replace(section.record.suite, tasks=(replace(task, prompts=(prompt,)),))
        (probes,) = find_probes(replace(section.record, suite=suite), section.scores)
        assert probes.warnings == ()


def test_another_wording_stands_in_for_the_first(section):
    """Where the first wording was not asked the next is taken, and a warning says so."""
    kept = [
        i for i, name in enumerate(section.scores.column("wording").to_pylist()) if name == "half"
    ]
    (probes,) = find_probes(section.record, section.scores.take(pa.array(kept)))
    assert probes.wording == "half"
    assert probes.other == {}
    assert "the first wording, whole, was not asked" in probes.warnings[0]


def test_order_of_rows_does_not_matter(section):
    """Shuffled rows give the same numbers for every problem."""
    order = np.random.default_rng(0).permutation(section.scores.num_rows)
    one = _found(section)
    (two,) = find_probes(section.record, section.scores.take(pa.array(order)))
    a, b = np.argsort(one.problem), np.argsort(two.problem)
    for name in ("problem", "duplicates", "extracted", "prefix", "edits", "continuation_logprob"):
        left, right = getattr(one, name)[a], getattr(two, name)[b]
        if left.dtype.kind == "f":
            np.testing.assert_allclose(left, right)
        else:
            assert (left == right).all()


def test_measures_agree_with_each_other():
    """All of a prefix is extraction; what follows a common prefix is all that edits can change."""
    probes = _found(memorized_run(Law(rules=0.5)))
    assert ((probes.prefix == 1) == (probes.extracted == 1)).all()
    assert ((probes.edits == 0) == (probes.extracted == 1)).all()
    assert (probes.edits <= 1 - probes.prefix + 1e-12).all()


@pytest.mark.parametrize("answer", ["", "other", " ".join(["other"] * 40)])
def test_replies_of_any_length_have_a_distance(answer):
    """No reply is all edits; a longer one is cut where the sequence ends."""
    scores = memorized_run(Law(rules=0, recall=0)).scores
    at = scores.schema.get_field_index("answer")
    scores = scores.set_column(at, "answer", pa.array([answer] * scores.num_rows))
    (probes,) = find_probes(memorized_run().record, scores)
    assert (probes.prefix == 0).all()
    assert (probes.edits == 1).all()


def test_examples_are_no_probes():
    """What the split train asked is left out."""
    section = memorized_run(splits={"train": 40, "planted": 60, "twins": 60})
    assert len(_found(section)) == 120
    assert find_probes(*_only(section, "train")) == []


def _only(section, split):
    kept = [i for i, name in enumerate(section.scores.column("split").to_pylist()) if name == split]
    return section.record, section.scores.take(pa.array(kept))


def test_other_tasks_have_no_probes():
    """A suite about something else has none, nor has one whose generator is another by now."""
    other = simulated(addition_suite({"held-out": 20}))
    assert find_probes(other.record, other.scores) == []
    section = memorized_run()
    (task,) = section.record.suite.tasks
    suite = replace(section.record.suite, tasks=(replace(task, fingerprint="another"),))
    assert find_probes(replace(section.record, suite=suite), section.scores) == []


@pytest.mark.parametrize("threshold", [-1, 2.5, True, "5"])
def test_a_threshold_is_a_whole_number(threshold):
    """Anything else is one line."""
    section = memorized_run()
    with pytest.raises(BadInput, match=r"threshold: .*; allowed: whole numbers from 0"):
        find_probes(section.record, section.scores, threshold)
