"""Which samples a report shows, and how their texts are made safe to read."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.reports.samples import Sample, choose_rows, embedded, pick, visible


def _sample(text, prompt="q"):
    return Sample(
        item="t/1/w",
        split="s",
        wording="w",
        prompt=prompt,
        response=text,
        expected="1",
        answer="",
        value=None,
        outcome="instrument failed",
        reason="r",
    )


def _kinds(section, rows):
    columns = ("split", "wording", "outcome", "value")
    table = section.scores.select(columns).take(rows).to_pylist()
    return Counter(tuple(row.values()) for row in table)


def test_every_kind_of_answer_is_among_the_chosen(section):
    """However rare, each split, wording, outcome and worth is represented."""
    everything = _kinds(section, list(range(section.scores.num_rows)))
    chosen = _kinds(section, choose_rows(section.scores, 60))
    assert set(chosen) == set(everything)


def test_rare_kinds_are_shown_in_full(section):
    """No kind is cut short while another one takes more rows than it has."""
    everything = _kinds(section, list(range(section.scores.num_rows)))
    chosen = _kinds(section, choose_rows(section.scores, 100))
    largest = max(chosen.values())
    assert all(n == everything[kind] or n >= largest - 1 for kind, n in chosen.items())


@settings(deadline=None, max_examples=30)
@given(most=st.integers(0, 500))
def test_rows_are_distinct_rising_and_as_many_as_asked(section, most):
    """Never more rows than asked for, never the same one twice, in the order of the run."""
    rows = choose_rows(section.scores, most)
    assert len(rows) == min(most, section.scores.num_rows)
    assert rows == sorted(set(rows))


def test_samples_come_from_a_function_or_from_a_stream():
    """A function gets the row numbers; a stream is read no further than needed."""
    samples = [_sample(str(i)) for i in range(5)]
    assert pick(lambda rows: [samples[i] for i in rows], [1, 3]) == [samples[1], samples[3]]
    stream = iter(samples)
    assert pick(stream, [1, 3]) == [samples[1], samples[3]]
    assert next(stream) is samples[4]


def test_hidden_characters_become_visible():
    """NUL, escape, direction overrides, zero-width characters and half surrogates can be seen."""
    assert visible("a\x00b\x1b[31m") == "a\u2400b\u241b[31m"
    assert visible("x\u202ey\u200b\ud800") == "x⟨U+202E⟩y⟨U+200B⟩⟨U+D800⟩"
    assert visible("two\nlines\tand é 漢 🙂") == "two\nlines\tand é 漢 🙂"


def test_long_texts_are_cut_and_say_so():
    """100 kB of text is cut to 2,000 characters, with the full length stated."""
    shown = visible("y" * 100_000)
    assert len(shown) < 2_100
    assert shown.endswith("[cut: 2,000 of 100,000 characters shown]")


@settings(deadline=None, max_examples=50)
@given(st.text(alphabet=st.characters(), max_size=30))
def test_no_text_can_leave_the_script_element(text):
    """Whatever was written, the embedded JSON holds no `<` and can be encoded and read back."""
    data = embedded([("m", _sample(f"</script><!--{text}"))])
    assert "<" not in data
    assert json.loads(data.encode("utf-8"))[0]["response"] == visible(f"</script><!--{text}")
