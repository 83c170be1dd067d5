"""The Markdown summary of a night: short enough for a chat message, readable in a CI log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from modelmetry.nightly import telling
from modelmetry.nightly.night import Night, Reading, Verdict
from modelmetry.nightly.telling import Place, Score
from modelmetry.reports.samples import visible
from modelmetry.reports.words import count, points
from modelmetry.reports.words import markdown as escaped

LONGEST = 3_500
"""Most characters of a summary, so that it fits into one message of common chat programs."""

_LONGEST_NAME = 60
_LONGEST_SENTENCE = 300
_SHRINKING = ((10, 12, 5), (5, 8, 4), (3, 5, 3), (2, 3, 2), (1, 1, 1))
"""Failed gates and cells, models, and suites that are shown, tried in turn until the text fits."""

_SIGNS = {"failed": "\u274c FAILED", "passed": "\u2705 PASSED", "not decided": "\u23f3 NOT DECIDED"}


def markdown(night: Night, history: Iterable[Reading]) -> str:
    """The night as Markdown: the verdict first, then what failed, the scores and what was paid.

    Everything from outside is escaped, so that it is shown as text. What does not fit is counted.

    Args:
        night: The night.
        history: Readings of earlier nights; those of this night or later ones are passed over.
    """
    past = list(history)
    date = telling.before(past, night)
    then = telling.scores(reading for reading in past if reading.date == date)
    text = ""
    for lines, models, suites in _SHRINKING:
        parts = [
            _first(night),
            _failed(night, lines),
            _table(night, date, then, models, suites),
            _rest(night, lines),
        ]
        text = "\n\n".join(part for part in parts if part) + "\n"
        if len(text) <= LONGEST:
            break
    return text


def _first(night: Night) -> str:
    sign = _SIGNS[telling.outcome(night)]
    said = f"**{sign}** {_name(night.name)}, {night.date}: {telling.verdict_words(night)}"
    if missing := telling.unfinished(night):
        said += f", {len(missing)} of {count(len(night.cells), 'run')} did not finish"
    return f"{said}."


def _failed(night: Night, most: int) -> str:
    lines = [f"- {_gate(verdict)}" for verdict in night.failed[:most]]
    return "\n".join([*lines, *_left(len(night.failed) - most, "failed gate")])


def _gate(verdict: Verdict) -> str:
    about = ", ".join(_name(part) for part in (verdict.model, verdict.suite, verdict.split) if part)
    return f"**{escaped(verdict.gate)}**{f' ({about})' if about else ''}: {_sentence(verdict.says)}"


def _table(
    night: Night, date: str, then: dict[Place, Score], most_models: int, most_suites: int
) -> str:
    """Models by suites: tonight's score, and in brackets its change since the night before."""
    now = telling.scores(night.readings)
    suites, models = telling.names(night)
    columns = [(suite, kind) for suite in suites for kind in telling.kinds(now, suite)[:1]]
    if not columns:
        return ""
    shown = columns[:most_suites]
    heads = [_name(suite) + (" (anchors)" if kind == "anchor" else "") for suite, kind in shown]
    lines = [f"| Model | {' | '.join(heads)} |", f"|---|{'---:|' * len(shown)}"]
    for model in models[:most_models]:
        places = [(suite, model, kind) for suite, kind in shown]
        cells = [_cell(now.get(place), then.get(place)) for place in places]
        lines.append(f"| {_name(model)} | {' | '.join(cells)} |")
    note = "Right answers, mean over a suite's primary splits, \u00b1 half of the 95 % interval"
    if date:
        note += f"; in brackets the change since {date} in percentage points, chance included"
    left = [
        *_left(len(models) - most_models, "model"),
        *_left(len(columns) - most_suites, "suite"),
    ]
    return "\n".join(lines) + f"\n\n{note}.{''.join(f' {line}' for line in left)}"


def _cell(now: Score | None, then: Score | None) -> str:
    if now is None:
        return "\u2013"
    moved = telling.change(now, then)
    return now.words if moved is None else f"{now.words} ({points(moved)})"


def _rest(night: Night, most: int) -> str:
    """What did not run, what is not decided, what it cost, and where the rest is."""
    missing, parts = telling.unfinished(night), []
    # The gate `coverage`, where it failed, has said it already.
    if missing and not any(verdict.gate == "coverage" for verdict in night.failed):
        lines = [
            f"- {_name(cell.model)}, {_name(cell.suite)} ({telling.KIND_WORDS[cell.kind]}):"
            f" {_sentence(telling.reason(cell))}"
            for cell in missing[:most]
        ]
        left = _left(len(missing) - most, "unfinished run")
        parts.append("\n".join(["Did not finish:\n", *lines, *left]))
    parts.append(f"Cost: {telling.cost_words(night.cells)}. The whole night: `report.html`.")
    return "\n\n".join(parts)


def _left(number: int, noun: str) -> Sequence[str]:
    return [f"{count(number, f'more {noun}')} in `report.html`."] if number > 0 else []


def _name(text: str) -> str:
    return _plain(text, _LONGEST_NAME)


def _sentence(text: str) -> str:
    return _plain(text, _LONGEST_SENTENCE)


def _plain(text: str, longest: int) -> str:
    """One line, cut, with nothing in it that is markup or mentions somebody."""
    line = " ".join(text.split())
    short = line if len(line) <= longest else f"{line[: longest - 1]}\u2026"
    found = escaped(visible(short, longest))
    # A word joiner, which is not seen, where chat programs would make a link or alert somebody.
    for sign, harmless in (("@", "@\u2060"), ("://", ":\u2060//"), ("www.", "www\u2060.")):
        found = found.replace(sign, harmless)
    return found
