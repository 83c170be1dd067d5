"""Results for models' repositories: what the Hub's own client reads back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from modelmetry.analyses import Row, estimate
from modelmetry.errors import BadInput
from modelmetry.hub.eval_results import eval_results
from modelmetry.reports import Section
from modelmetry.runs.record import Until


@pytest.fixture(scope="module")
def rows(section: Section) -> list[Row]:
    """The run's estimates."""
    return estimate(section.record, section.scores)


def results(section: Section, rows: list[Row], **settings: Any) -> list[dict[str, Any]]:
    """The entries of a run."""
    return yaml.safe_load(eval_results(section.record, rows, dataset="lab/addition", **settings))


def test_the_hubs_client_reads_every_entry(section: Section, rows: list[Row]) -> None:
    """`parse_eval_result_entries` of huggingface_hub gives back what was written."""
    huggingface_hub = pytest.importorskip("huggingface_hub")
    url = "https://example.org/run"
    entries = results(section, rows, revision="v1", url=url, digest="d" * 64)
    parsed = huggingface_hub.parse_eval_result_entries(entries)
    assert huggingface_hub.eval_result_entries_to_yaml(parsed) == entries
    assert sorted(entry.task_id for entry in parsed) == [
        *("addition_carry", "addition_held_out", "addition_longer"),
    ]
    assert {(e.dataset_id, e.dataset_revision, e.source_url) for e in parsed} == {
        ("lab/addition", "v1", url)
    }
    assert {entry.date for entry in parsed} == {section.record.ended_at}


def test_the_value_is_the_accuracy_and_the_notes_hold_its_uncertainty(
    section: Section, rows: list[Row]
) -> None:
    """Interval, items, clusters, unscored answers, edition and digest are those of the run."""
    shares = {row.split: row.estimate for row in rows if row.estimand == "accuracy"}
    entries = {
        entry["dataset"]["task_id"]: entry for entry in results(section, rows, digest="d" * 64)
    }
    assert len(entries) == len(shares) == 3
    for split, found in shares.items():
        entry = entries[f"addition_{split.replace('-', '_')}"]
        assert entry["value"] == pytest.approx(found.value, abs=1e-6)
        notes = entry["notes"]
        assert f"95% interval {found.low:.4f} to {found.high:.4f} ({found.method})" in notes
        assert f"{found.n} items in {found.clusters} clusters, each asked once" in notes
        assert f"{found.unscored} unscored" in notes
        assert f"edition {section.record.edition}" in notes
        assert f"run {'d' * 64}" in notes
    assert any(found.unscored for found in shares.values())


def test_what_is_not_known_is_left_out(section: Section, rows: list[Row]) -> None:
    """Without address there is no source, without revision none, without interval the notes say so."""
    assert not {"source", "revision"} & {
        *results(section, rows)[0],
        *results(section, rows)[0]["dataset"],
    }
    changed = [replace(row, estimate=replace(row.estimate, low=None, high=None)) for row in rows]
    text = eval_results(section.record, changed, dataset="lab/addition")
    assert "no interval" in yaml.safe_load(text)[0]["notes"]


def test_the_same_run_gives_the_same_bytes(section: Section, rows: list[Row]) -> None:
    """Nothing of today is in it."""
    assert results(section, rows) == results(section, rows)


def test_names_with_yaml_in_them_stay_one_text(section: Section, rows: list[Row]) -> None:
    """A method or warning with line breaks and markup opens no key of its own."""
    hostile = "x\n- dataset: {id: evil/evil}\n<script> : '\""
    changed = [
        replace(row, estimate=replace(row.estimate, method=hostile, warnings=(hostile,)))
        for row in rows
    ]
    entries = yaml.safe_load(eval_results(section.record, changed, dataset="lab/addition"))
    assert {entry["dataset"]["id"] for entry in entries} == {"lab/addition"}
    assert all("\n" not in entry["notes"] and "<script>" in entry["notes"] for entry in entries)


def test_runs_that_measured_no_edition_are_refused(section: Section, rows: list[Row]) -> None:
    """Unfinished runs, runs that chose their problems, and runs without an accuracy."""
    levels = {"addition": ((1.0, 0.0),)}
    until = Until(rule="threshold<0.5", strata={}, peers=(), models=(), levels=levels)
    for record, given, line in (
        (replace(section.record, status="interrupted"), rows, "interrupted; allowed as results"),
        (replace(section.record, until=until), rows, "depend on the answers"),
        (section.record, [], "no accuracy on any split"),
    ):
        with pytest.raises(BadInput, match=line):
            eval_results(record, given, dataset="lab/addition")
