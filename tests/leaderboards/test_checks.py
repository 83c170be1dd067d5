"""What a run must fulfill to come onto a leaderboard."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from modelmetry.errors import BadInput
from modelmetry.leaderboards import admitted
from modelmetry.leaderboards.checks import FEWEST_CLUSTERS


@pytest.fixture(scope="module")
def section(simulated, addition_suite):
    """A run that may come onto a board: between chance and the ceiling."""
    return simulated(addition_suite({"held-out": 20}), ability=2.5)


@pytest.fixture(scope="module")
def perfect(simulated, addition_suite):
    """A run without a wrong answer."""
    return simulated(addition_suite({"held-out": 20}), ability=99.0)


def refused(record, scores, says, **settings):
    """The check refuses the run in these words, in one line."""
    with pytest.raises(BadInput, match=says) as error:
        admitted(record, scores, **settings)
    assert "\n" not in str(error.value)
    assert "allowed" in str(error.value)


def test_a_good_run_is_admitted(section):
    """Its entries are those of the run."""
    (entry,) = admitted(section.record, section.scores)
    assert (entry.split, entry.n_clusters) == ("held-out", 20)


def test_another_version_of_the_generator_is_noticed(section):
    """The fingerprint in the record is held against the installed generator's."""
    suite = section.record.suite
    tasks = tuple(replace(task, fingerprint="0" * 16) for task in suite.tasks)
    record = replace(section.record, suite=replace(suite, tasks=tasks))
    refused(record, section.scores, "another version of the generator addition")


def test_too_few_clusters_are_refused(simulated, addition_suite):
    """One below the minimum is too few, the minimum is enough."""
    few = simulated(addition_suite({"held-out": FEWEST_CLUSTERS - 1}), ability=1.5)
    refused(few.record, few.scores, "9 independently drawn units; .* at least 10")
    enough = simulated(addition_suite({"held-out": FEWEST_CLUSTERS}), ability=1.5)
    assert admitted(enough.record, enough.scores)


def test_missing_answers_are_refused(section):
    """A finished run has as many as were planned."""
    refused(section.record, section.scores.slice(1), "39 answers of 40")
    refused(section.record, section.scores.slice(0, 0), "no answers")


def test_unscored_answers_are_refused_from_a_share_on(section):
    """Two of 40 are 5 % and allowed, three are not."""

    def without(count):
        values = section.scores.column("value").to_pylist()
        outcomes = section.scores.column("outcome").to_pylist()
        values[:count] = [None] * count
        outcomes[:count] = ["instrument failed"] * count
        table = section.scores
        for name, column in (("value", values), ("outcome", outcomes)):
            at = table.column_names.index(name)
            table = table.set_column(at, name, pa.array(column, table.schema.field(name).type))
        return table

    assert admitted(section.record, without(2))
    refused(section.record, without(3), r"held-out: 7\.5% of the answers could not be scored")


def test_saturation_does_not_pass_unnoticed(perfect):
    """A model without a mistake is refused, unless that is said to be meant."""
    refused(perfect.record, perfect.scores, "--saturated-ok")
    assert admitted(perfect.record, perfect.scores, saturated_ok=True)


def test_reference_instruments_may_be_perfect(perfect):
    """That is what the oracle is for."""
    record = replace(perfect.record, model="reference/oracle")
    assert admitted(record, perfect.scores)


def test_other_harnesses_runs_are_refused(section):
    """Their problems cannot be made again."""
    record = replace(section.record, origin={"harness": "other"})
    refused(record, section.scores, "another harness")
