"""The commands that a report offers: they ask exactly what was asked."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

from modelmetry import api
from modelmetry.reports.provenance import commands


def test_the_line_that_asks_again_names_options_of_the_suite_and_log_probabilities(
    tmp_path: Path,
) -> None:
    """What was given with -T and --logprobs stands in it, and asking so plans the same edition."""
    options = {"corpus": "4", "duplicates": "[1, 2]"}
    record = api.run(
        "memorization", model="reference/oracle", limit=2, suite_options=options, log_dir=tmp_path
    ).record
    words = shlex.split(commands(record)[0])
    given = dict(words[i + 1].split("=") for i, word in enumerate(words) if word == "-T")
    assert given == {"corpus": "4", "duplicates": "[1,2]"}
    assert "--logprobs" not in words
    again = api.dry_run("memorization", model="reference/oracle", limit=2, suite_options=given)
    assert again["edition"] == record.edition
    asked = replace(record, sampling=replace(record.sampling, logprobs="target"))
    assert commands(asked)[0].endswith("--logprobs target")
