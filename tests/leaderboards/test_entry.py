"""Entries: what a run claims on one split."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelmetry.analyses import estimate
from modelmetry.errors import BadInput
from modelmetry.leaderboards import COLUMNS, entries_of, run_digest, seed_commitment
from modelmetry.leaderboards.entry import RANKED


@pytest.fixture(scope="module")
def section(simulated, addition_suite):
    """A run on two splits."""
    return simulated(addition_suite({"held-out": 20, "carry": 20}))


def test_the_columns_are_those_of_the_design():
    """The CSV's columns, in order."""
    assert ", ".join(COLUMNS) == (
        "rank, rank_low, rank_high, tie_group, model, model_revision, suite, suite_version, "
        "generator_hash, seed_commitment, split, estimand, value, ci_low, ci_high, ci_method, "
        "std_error, n_items, n_clusters, n_repeats, n_unscored, judge, input_tokens, "
        "output_tokens, cost_usd, date, harness_version, run_digest"
    )


def test_a_run_gives_one_entry_per_split(section):
    """Accuracy on each split, with what it was measured on and what it took."""
    entries = entries_of(section.record, section.scores)
    assert [(e.split, e.estimand) for e in entries] == [
        *(("held-out", "accuracy"), ("carry", "accuracy")),
    ]
    first, second = entries
    (task,) = section.record.suite.tasks
    assert first.generator_hash == task.fingerprint
    assert (first.n_items, first.n_clusters) == (40, 20)
    assert (first.input_tokens, first.output_tokens) == (480, 120)
    assert (first.cost_usd, second.cost_usd) == (0.04, 0.04)
    assert first.date == "2026-01-01"


def test_entries_are_the_rows_of_the_report(section):
    """The short way gives the same numbers as the whole analysis."""
    rows = [row for row in estimate(section.record, section.scores) if row.estimand in RANKED]
    entries = entries_of(section.record, section.scores)
    assert [(e.split, e.estimand, e.value, e.ci_low, e.std_error) for e in entries] == [
        (r.split, r.estimand, r.estimate.value, r.estimate.low, r.estimate.std_error) for r in rows
    ]


def test_an_unfinished_run_gives_none(section):
    """Numbers of a part of an edition are not the edition's."""
    with pytest.raises(BadInput, match="interrupted; allowed on a leaderboard: finished"):
        entries_of(replace(section.record, status="interrupted"), section.scores)


def test_the_digest_knows_the_answers_and_not_the_clock(section):
    """Another time of day is the same run; another answer or setting is not."""
    record, scores = section.record, section.scores
    digest = run_digest(record, scores)
    assert digest == run_digest(replace(record, id="x", started_at="y", wall_s=1.0), scores)
    assert digest != run_digest(replace(record, repeats=2), scores)
    assert digest != run_digest(record, scores.slice(0, 10))


def test_the_commitment_fixes_the_seed_of_one_suite():
    """64 hex digits that change with the seed and with the suite."""
    found = {seed_commitment(suite, seed) for suite in ("a", "b") for seed in (1, 2**130)}
    assert len(found) == 4
    assert all(len(text) == 64 for text in found)
