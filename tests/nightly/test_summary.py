"""The Markdown summary of a night."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.nightly.hand_made import cell, day, night, reading, verdict

from modelmetry.nightly import telling
from modelmetry.nightly.summary import LONGEST, markdown


def test_the_verdict_is_in_the_first_line():
    """The first line alone says what the night came to, and by how many gates."""
    failed = night(verdicts=(verdict(), verdict(outcome="failed")))
    assert markdown(night(), []).splitlines()[0] == (
        "**\u2705 PASSED** demo, 2026-01-06: the one gate passed."
    )
    assert markdown(failed, []).splitlines()[0] == (
        "**\u274c FAILED** demo, 2026-01-06: 1 of 2 gates failed."
    )


def test_what_is_undecided_is_not_called_passed():
    """A first night, on which no gate can decide, is neither passed nor failed."""
    first = markdown(night(verdicts=(verdict(outcome="not decided"),)), [])
    assert first.startswith("**\u23f3 NOT DECIDED** demo, 2026-01-06: none of 1 gate could")
    mixed = night(verdicts=(verdict(), verdict(outcome="not decided")))
    assert "PASSED** demo, 2026-01-06: 1 of 2 gates passed, 1 not decided yet." in markdown(
        mixed, []
    )


def test_failed_gates_come_before_the_table():
    """What failed stands under the verdict, with whom it is about and the sentence."""
    text = markdown(night(verdicts=(verdict(outcome="failed", says="lost 8 points"),)), [])
    line = (
        "- **regression** (reference/check-standard, quickstart, addition/held-out): lost 8 points"
    )
    assert text.index(line) < text.index("| Model |")


def test_the_change_is_to_the_night_before():
    """In brackets stands the difference to the latest earlier night, not to any other or to itself."""
    history = [reading(0, 0.5), reading(2, 0.75), reading(4, 0.80), reading(5, 0.1)]
    text = markdown(night(4, readings=(reading(4, 0.80),)), history)
    assert "80.0\u00a0% ± 4.0 (+5.0)" in text
    assert f"since {day(2)}" in text


def test_scores_of_another_version_are_not_compared():
    """Where the suite changed between the nights, no change is given."""
    text = markdown(night(1), [reading(0, 0.5, suite_version=2)])
    assert "80.0\u00a0% ± 4.0 |" in text


def test_the_mean_is_over_primary_splits():
    """A split that the suite does not count as its headline does not move the score."""
    two = (reading(1, 0.8), reading(1, 0.0, split="other", primary=False))
    assert "| 80.0\u00a0% ± 4.0 |" in markdown(night(1, readings=two), [])
    both = (reading(1, 0.8), reading(1, 0.0, split="other"))
    assert "| 40.0\u00a0% ± 2.2 |" in markdown(night(1, readings=both), [])


def test_fresh_problems_count_before_anchors():
    """A suite asked both ways shows the fresh score; one with anchors alone says so."""
    both = (reading(1, 0.3, kind="anchor"), reading(1, 0.8))
    assert "| 80.0\u00a0% ± 4.0 |" in markdown(night(1, readings=both), [])
    anchors = markdown(night(1, readings=both[:1]), [])
    assert "quickstart (anchors)" in anchors
    assert "| 30.0\u00a0% ± 4.0 |" in anchors


def test_what_did_not_finish_is_told_once():
    """With its reason, under the table; or by the gate on coverage where that failed."""
    cells = (cell(status="unreachable", note="connection refused"),)
    assert "fresh problems): unreachable: connection refused" in markdown(night(cells=cells), [])
    gates = (verdict(gate="coverage", outcome="failed", says="unreachable: connection refused"),)
    text = markdown(night(cells=cells, verdicts=gates), [])
    assert text.count("connection refused") == 1


def test_what_was_paid_stands_at_the_end():
    """Price and time of all runs."""
    cells = (cell(cost_usd=1.5, wall_s=100), cell(kind="anchor", cost_usd=0.25, wall_s=100))
    assert "Cost: 1.75 USD, 3 min 20 s of asking." in markdown(night(cells=cells), [])


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a|b", "a\\|b"),
        ("<img src=x>", "\\<img src=x\\>"),
        ("`code`", "\\`code\\`"),
        ("two\nlines | x", "two lines \\| x"),
        ("[a](b)", "\\[a\\](b)"),
        ("@everyone", "@\u2060everyone"),
        ("https://x.example", "https:\u2060//x.example"),
        ("a\u202eb", "a\u27e8U+202E\u27e9b"),
    ],
)
def test_names_are_text(name, shown):
    """What is markup, a link, a mention or a trick in a model's name is shown as it is."""
    text = markdown(night(readings=(reading(1, model=name),), cells=(cell(model=name),)), [])
    row = next(line for line in text.splitlines() if "80.0" in line)
    assert row == f"| {shown} | 80.0\u00a0% ± 4.0 |"


def test_much_is_counted_and_not_shown():
    """Two hundred failed gates over fifty models and twenty suites still are one message."""
    models = [f"provider/a-rather-long-name-of-a-model-{n}" for n in range(50)]
    suites = [f"suite-{n}" for n in range(20)]
    readings = [reading(1, suite=s, model=m) for s in suites for m in models]
    gates = [verdict(outcome="failed", model=models[n % 50], says="x" * 400) for n in range(200)]
    text = markdown(night(1, readings=tuple(readings), verdicts=tuple(gates)), [])
    assert len(text) <= LONGEST
    shown = sum(line.startswith("- **regression**") for line in text.splitlines())
    assert f"{200 - shown} more failed gates in `report.html`." in text
    rows = sum(line.startswith("| provider") for line in text.splitlines())
    assert f"{50 - rows} more models in `report.html`." in text


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=400), st.text(max_size=900), st.integers(1, 40))
def test_it_is_always_short_and_a_table_whole(name, says, many):
    """Whatever names and notes hold, the text fits, and each row has as many cells as the head."""
    cells = tuple(cell(model=f"{name}{n}", status="failed", note=says) for n in range(many))
    readings = tuple(reading(1, model=f"{name}{n}", suite=name or "s") for n in range(many))
    gates = tuple(verdict(outcome="failed", model=name, says=says) for _ in range(many))
    text = markdown(night(1, name=name, cells=cells, readings=readings, verdicts=gates), [])
    assert len(text) <= LONGEST
    rows = [line for line in text.split("\n") if line.startswith("| ")]
    assert {row.replace("\\\\", "").replace("\\|", "").count("|") for row in rows} == {3}


def test_the_error_of_a_mean_over_splits_is_smaller_than_that_of_one() -> None:
    """Of two independent intervals of half-width h the mean has h / sqrt(2); without an interval it has none."""
    parts = [replace(reading(split=name), ci_low=0.7, ci_high=0.9) for name in ("a", "b")]
    (score,) = telling.scores(parts).values()
    assert score.half == pytest.approx(0.1 / 2**0.5)
    (bare,) = telling.scores([parts[0], replace(parts[1], ci_low=None)]).values()
    assert bare.half is None
    assert "±" not in bare.words
