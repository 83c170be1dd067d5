"""Strata of a split: which problem came from which, and accuracies that weigh them as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modelmetry import api
from modelmetry.analyses.estimates import analyze
from modelmetry.analyses.strata import strata_of


def test_strata_take_turns_until_they_are_used_up() -> None:
    """Places deal out to strata in turn; a small one drops out."""
    stratum, turn = strata_of(np.arange(7), [2, 9])
    assert stratum.tolist() == [0, 1, 0, 1, 1, 1, 1]
    assert turn.tolist() == [0, 0, 1, 1, 2, 3, 4]


def test_known_weights_give_the_accuracy_over_the_space(tmp_path: Path) -> None:
    """Equal weights are the mean over lengths; the whole space is nearly all of the longest."""
    run = api.run(
        "addition",
        model="reference/simulated",
        model_options={"ability": 9.0, "slope": 2.0},
        log_dir=tmp_path,
    )
    rows = {
        row.of: row.estimate
        for row in analyze(run.record, run.scores).rows
        if row.kind == "stratified accuracy" and row.split == "longer"
    }
    frame = run.frame()
    means = frame[frame.split == "longer"].groupby("difficulty")["value"].mean()
    assert rows["strata equal"].value == pytest.approx(means.mean())
    longest = means.loc[6.0]
    assert rows["whole space"].value == pytest.approx(longest, abs=0.01)
    assert rows["whole space"].value < rows["strata equal"].value - 0.2
    equal = rows["strata equal"]
    plain = next(
        row.estimate
        for row in analyze(run.record, run.scores).rows
        if row.kind == "accuracy" and row.split == "longer"
    )
    assert equal.std_error is not None
    assert plain.std_error is not None
    assert equal.std_error < 0.9 * plain.std_error
