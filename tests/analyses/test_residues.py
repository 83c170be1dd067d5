"""The error structure of wrong sums."""

from __future__ import annotations

import random

import pytest

from modelmetry.analyses.residues import find_residues


def _rows(errors, *, expected=100, digits=2):
    return [
        {
            "problem": f"p{i}",
            "value": 0.0,
            "answer": str(expected + error),
            "expected": str(expected),
            "difficulty": float(digits),
        }
        for i, error in enumerate(errors)
    ]


def _shares(residues):
    return {found.period: found.share.value for found in residues}


def test_errors_are_read_modulo_each_period(table, addition_suite):
    """Errors of 1, 2, 5, 10 and 100 are divisible by what they are divisible by."""
    scores = table(_rows([1, 2, -5, 10, 100]))
    found = find_residues(addition_suite({"held-out": 9}), scores)
    assert _shares(found) == {2: 0.6, 5: 0.6, 10: 0.4, 100: 0.2}


def test_right_answers_and_words_are_no_errors(table, addition_suite):
    """Only wrong whole numbers have a residue."""
    rows = _rows([10, 20, 30, 0])
    rows[0] |= {"value": 1.0}
    rows[1] |= {"answer": "ten"}
    rows[3] |= {"outcome": "truncated"}
    (first, *_) = find_residues(addition_suite({"held-out": 9}), table(rows))
    assert first.share.n == 1


def test_a_uniform_guess_shows_what_is_expected_of_it(table, addition_suite):
    """Guesses drawn from all admitted sums have the expected shares, also in a small space."""
    rng = random.Random(1)
    rows = []
    for i in range(4000):
        expected = rng.randint(0, 9) + rng.randint(0, 9)
        guess = rng.choice([n for n in range(19) if n != expected])
        rows += _rows([guess - expected], expected=expected, digits=1)
        rows[-1]["problem"] = f"p{i}"
    for found in find_residues(addition_suite({"held-out": 9}), table(rows)):
        if found.period == 100:
            assert found.expected == found.share.value == 0.0
        else:
            assert found.share.value == pytest.approx(found.expected, abs=0.03)
    assert found.period == 100


def test_other_generators_have_no_residues(table, addition_suite):
    """Errors of tasks that do not add are not read this way."""
    scores = table([{**row, "task": "calendar"} for row in _rows([10, 20])])
    assert find_residues(addition_suite({"held-out": 9}), scores) == []
