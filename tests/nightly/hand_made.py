"""Nights made by hand: what the pages, the summary and the JUnit file are tested with."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np

from modelmetry.nightly.night import Cell, Night, Reading, Verdict
from modelmetry.nightly.series import SeriesChart
from modelmetry.statistics.charts import baseline, control_chart

FIRST = date(2026, 1, 5)


def day(number: int) -> str:
    """The date of a night, from 0."""
    return (FIRST + timedelta(days=number)).isoformat()


def reading(number: int = 0, value: float = 0.8, **given) -> Reading:
    """One estimate, with an interval of 4 points to either side."""
    found: dict[str, Any] = {
        "date": day(number),
        "suite": "quickstart",
        "suite_version": 1,
        "model": "reference/check-standard",
        "kind": "fresh",
        "split": "addition/held-out",
        "estimand": "accuracy",
        "value": value,
        "std_error": 0.02,
        "ci_low": max(0.0, value - 0.04),
        "ci_high": min(1.0, value + 0.04),
        "ci_method": "cluster-robust t",
        "n_items": 400,
        "n_clusters": 200,
        "n_unscored": 0,
        "edition": f"quickstart-v1-{number}",
        "seed_commitment": f"{number:064x}",
        "run_digest": "d" * 64,
    }
    return Reading(**found | given)


def cell(**given) -> Cell:
    """A run that finished."""
    found: dict[str, Any] = {
        "suite": "quickstart",
        "model": "reference/check-standard",
        "kind": "fresh",
        "status": "finished",
        "run": "runs/1",
        "wall_s": 12.5,
        "cost_usd": 0.25,
    }
    return Cell(**found | given)


def verdict(**given) -> Verdict:
    """A gate that passed."""
    found: dict[str, Any] = {
        "gate": "regression",
        "suite": "quickstart",
        "model": "reference/check-standard",
        "split": "addition/held-out",
        "outcome": "passed",
        "says": "anchors against 2026-01-05: +0.3 points; limit 0.01",
    }
    return Verdict(**found | given)


def night(number: int = 1, **given) -> Night:
    """A night of one cell and one gate, which passed."""
    found: dict[str, Any] = {
        "name": "demo",
        "date": day(number),
        "started_at": f"{day(number)}T02:00:00+00:00",
        "ended_at": f"{day(number)}T02:03:20+00:00",
        "cells": (cell(),),
        "readings": (reading(number),),
        "verdicts": (verdict(),),
        "config_digest": "c" * 64,
        "harness_version": "0.1.0",
    }
    return Night(**found | given)


def walk(nights: int, *, center: float = 0.8, fall: float = 0.0, since: int = 0, seed: int = 0):
    """Values of a number that stays, or falls by so much from one night on."""
    rng = np.random.default_rng(seed)
    values = center + rng.normal(0, 0.02, nights)
    values[since:] -= fall
    return np.clip(values, 0, 1)


def series(nights, /, *, before: int = 20, **given) -> SeriesChart:
    """A series with its control chart, of which the first nights are the baseline."""
    errors = np.full(len(nights), 0.02)
    reference = baseline(nights[:before], errors[:before])
    chart = control_chart(
        nights[before:],
        errors[before:],
        reference=reference,
        rng=np.random.default_rng(0),
        runs=200,
    )
    found: dict[str, Any] = {
        "suite": "quickstart",
        "model": "reference/check-standard",
        "kind": "fresh",
        "split": "addition/held-out",
        "dates": tuple(day(number) for number in range(len(nights))),
        "values": tuple(nights.tolist()),
        "errors": tuple(errors.tolist()),
        "chart": chart,
        "baseline": reference,
    }
    return SeriesChart(**found | given)
