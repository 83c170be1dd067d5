"""What the terminal shows: progress, result tables, listings; results on stdout, the rest on stderr."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from modelmetry.items import Item
from modelmetry.runs import RunRecord, Tally

# Results are read in narrow terminals and by `grep` in files: a long line is better than a cut value.
_OUT = Console(highlight=False, soft_wrap=True, width=400)
_ERR = Console(stderr=True, highlight=False, soft_wrap=True)

_REDRAW_S = 0.1
_LINE_S = 30.0


class Progress:
    """A progress bar on a terminal, a line every half minute elsewhere.

    Args:
        again: Flags that a command which goes on with the run has to repeat.
    """

    def __init__(self, again: Sequence[str]) -> None:
        self._again = again
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[notes]}"),
            console=_ERR,
            disable=not _ERR.is_terminal,
        )
        self._task = self._bar.add_task("", total=None, rate="", notes="")
        self._began = self._shown = time.monotonic()
        self._first = -1
        self._folder: Path | None = None
        self._last: Tally | None = None

    def __enter__(self) -> Self:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._last is not None:
            self._draw(self._last)
        self._bar.stop()
        if kind is not None and self._folder is not None and self._folder.is_dir():
            command = shlex.join(["modelmetry", "run", str(self._folder), *self._again])
            _ERR.print(f"kept: {escape(str(self._folder))}; go on with:")
            _ERR.print(f"  {command}", markup=False)

    def started(self, folder: Path, record: RunRecord) -> None:
        """Say where the run is stored."""
        self._folder = folder
        self._began = time.monotonic()
        self._bar.update(self._task, description=escape(record.model))
        _ERR.print(
            f"{escape(record.suite.name)} {record.edition}, {record.planned} requests to "
            f"{escape(record.model)} -> {escape(str(folder))}"
        )

    def watch(self, tally: Tally) -> None:
        """Take note of progress; draws now and then."""
        self._last = tally
        if self._first < 0:
            self._first = tally.answered
        moment = time.monotonic()
        pace = _REDRAW_S if _ERR.is_terminal else _LINE_S
        if moment - self._shown >= pace:
            self._shown = moment
            self._draw(tally)

    def _draw(self, tally: Tally) -> None:
        seconds = max(1e-9, time.monotonic() - self._began)
        rate = f"{(tally.answered - max(0, self._first)) / seconds:.1f}/s"
        notes = _notes(tally)
        if _ERR.is_terminal:
            self._bar.update(
                self._task, total=tally.planned, completed=tally.answered, rate=rate, notes=notes
            )
        else:
            _ERR.print(f"{tally.answered}/{tally.planned} answered, {rate} {notes}", markup=False)


def _notes(tally: Tally) -> str:
    notes = [f"{tally.failed} failed"] if tally.failed else []
    if tally.retried:
        notes.append(f"{tally.retried} retried")
    if tally.input_tokens or tally.output_tokens:
        notes.append(f"{tally.input_tokens + tally.output_tokens:,} tokens")
    if tally.cost_usd:
        notes.append(f"${tally.cost_usd:.4f}")
    if tally.waiting:
        notes.append(f"waiting: {tally.waiting[:80]}")
    return escape(", ".join(notes))


def result(done: Any) -> None:
    """The headline of a finished run, and where its report lies."""
    from modelmetry.analyses.estimates import headline, primary
    from modelmetry.analyses.table import read_items

    _OUT.print(f"[bold]{escape(done.record.suite.name)}[/] {escape(done.record.model)}")
    table = _table("split", "estimand", "value>", "95 % interval>", "problems>", "unscored>")
    rows = headline(done.record, done.scores)
    for row in rows:
        table.add_row(
            escape(row.split),
            escape(row.estimand),
            _number(row.value),
            _interval(row.ci_low, row.ci_high),
            str(row.n_clusters),
            str(row.n_unscored),
        )
    _OUT.print(table)
    labels = primary(done.record, read_items(done.scores))
    for label in labels:
        if label not in {row.split for row in rows}:
            _OUT.print(f"{label}: the instrument could read none of the answers", markup=False)
    _OUT.print(f"report: {escape(str(done.folder / 'report.html'))}")


def comparison(rows: Sequence[Any]) -> None:
    """Paired comparisons, one line each, under the pair of models that they compare."""
    _OUT.print("paired on the same items; p adjusted by Holm over all lines", markup=False)
    pairs = dict.fromkeys((row.comparison.a, row.comparison.b) for row in rows)
    for a, b in pairs:
        _OUT.print(f"[bold]{escape(a)}[/] minus [bold]{escape(b)}[/]")
        table = _table("split", "difference>", "95 % interval>", "p>", "detectable>", "verdict")
        for row in rows:
            found = row.comparison
            if (found.a, found.b) == (a, b):
                table.add_row(
                    escape(row.split),
                    f"{found.difference.value:+.3f}",
                    _interval(found.difference.low, found.difference.high),
                    f"{found.p_adjusted:.2g}",
                    f"{found.detectable:.3f}",
                    escape(row.verdict),
                )
        _OUT.print(table)


def _table(*columns: str) -> Table:
    """A plain table; a column whose name ends in `>` is set to the right."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        justify = "right" if name.endswith(">") else "left"
        table.add_column(name.removesuffix(">"), justify=justify, no_wrap=True)
    return table


def plan(planned: Mapping[str, Any]) -> None:
    """What a dry run would ask."""
    _OUT.print("nothing was asked; the run would be:", markup=False)
    for name, value in planned.items():
        _OUT.print(f"  {name}: {value}", markup=False)


def files(paths: Sequence[Path]) -> None:
    """Files written, one per line."""
    for path in paths:
        _OUT.print(str(path), markup=False)


def listing(rows: Sequence[Mapping[str, str]], *, as_json: bool) -> None:
    """Names with one line about each."""
    if as_json:
        print(json.dumps(list(rows), ensure_ascii=False))  # noqa: T201
        return
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(f"[bold]{escape(row['name'])}[/]", escape(row["about"]))
    # On a terminal long lines are folded into the column; elsewhere each name stays on its line.
    (Console(highlight=False) if _OUT.is_terminal else _OUT).print(table)


def items(shown: Sequence[Item]) -> None:
    """Items as a model sees them, each with its answer."""
    for item in shown:
        _OUT.print(
            f"[bold]{escape(item.uid)}[/]  split {escape(item.problem.split)}, {item.format}"
        )
        for turn in item.messages:
            label = turn.role if item.format == "chat" else "text"
            _OUT.print(f"  {label}: {turn.text}", markup=False)
        target = item.problem.target
        accepted = (
            f"any number from {target.interval[0]:g} to {target.interval[1]:g}"
            if target.interval
            else " | ".join(target.answers)
        )
        levels = ", ".join(f"{name}={level}" for name, level in item.problem.factors.items())
        _OUT.print(f"  right: {accepted}   ({levels}; chance {target.chance:.3g})\n", markup=False)


def certificate(made: Any) -> None:
    """A certificate as a table, and its verdict."""
    _OUT.print(f"[bold]{escape(made.suite)}[/]: independent verification")
    table = _table(
        "split", "problems>", "space>", "disagreements>", "duplicates>", "oracle>", "chance>",
        "best constant>", "bag of words>",
    )  # fmt: skip
    for check in made.splits:
        table.add_row(
            escape(check.split),
            str(check.problems),
            f"{check.space:.4g}",
            str(check.disagreements),
            str(check.duplicates),
            _number(check.oracle),
            _number(check.chance),
            _number(check.constant.value),
            _number(check.bag_of_words.value),
        )
    _OUT.print(table)
    for check in made.splits:
        for line in check.failures:
            _OUT.print(f"FAILED: {check.split}: {line}", markup=False)
        for line in check.warnings:
            _OUT.print(f"note: {check.split}: {line}", markup=False)
    for overlap in made.overlaps:
        if overlap.shared:
            _OUT.print(
                f"FAILED: {overlap.a} and {overlap.b} share {overlap.shared} problems",
                markup=False,
            )
    _OUT.print("passed" if made.passed else "FAILED", markup=False)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(low: float | None, high: float | None) -> str:
    return "none" if low is None or high is None else f"{low:.3f} to {high:.3f}"
