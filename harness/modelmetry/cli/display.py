"""What the terminal shows: progress, result tables, listings; results on stdout, the rest on stderr."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.status import Status
from rich.table import Table

if TYPE_CHECKING:
    from modelmetry.items import Item
    from modelmetry.runs import RunRecord, Tally

# Results are read in narrow terminals and by `grep` in files: a long line is better than a cut value.
OUT = Console(highlight=False, soft_wrap=True, width=400)
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
        self._task = self._bar.add_task("preparing", total=None, rate="", notes="")
        self._began = self._shown = time.monotonic()
        self._first = 0
        self._folder: Path | None = None
        self._models: list[str] = []
        self._tallies: dict[int, Tally] = {}

    def __enter__(self) -> Self:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._draw()
        self._bar.stop()
        if kind is not None and self._folder is not None and self._folder.is_dir():
            command = shlex.join(["modelmetry", "run", str(self._folder), *self._again])
            _ERR.print(f"kept: {escape(str(self._folder))}; go on with:")
            _ERR.print(f"  {command}", markup=False)

    def started(self, folder: Path, record: RunRecord) -> None:
        """Say where the run is stored."""
        self._folder = folder
        self._began = time.monotonic()
        self._models.append(record.model)
        self._bar.update(self._task, description=escape(" and ".join(self._models)))
        asked = f"until {record.until.rule}" if record.until else f"{record.planned} requests"
        _ERR.print(
            f"{escape(record.suite.name)} {record.edition}, {asked} to "
            f"{escape(record.model)} -> {escape(str(folder))}"
        )

    def watch(self, tally: Tally, place: int = 0) -> None:
        """Take note of the progress of the model at a place; draws now and then."""
        if place not in self._tallies:
            self._tallies[place] = tally
            self._first += tally.answered
        moment = time.monotonic()
        pace = _REDRAW_S if _ERR.is_terminal else _LINE_S
        if moment - self._shown >= pace:
            self._shown = moment
            self._draw()

    def _draw(self) -> None:
        tallies = list(self._tallies.values())
        if not tallies:
            return
        seconds = max(1e-9, time.monotonic() - self._began)
        answered = sum(tally.answered for tally in tallies)
        planned = sum(tally.planned for tally in tallies)
        rate = f"{(answered - self._first) / seconds:.1f}/s"
        notes = _notes(tallies)
        if _ERR.is_terminal:
            self._bar.update(self._task, total=planned, completed=answered, rate=rate, notes=notes)
        else:
            _ERR.print(f"{answered}/{planned} answered, {rate} {notes}", markup=False)


def working(what: str) -> Status:
    """Says on a terminal what takes a while, for as long as it does; a context."""
    return _ERR.status(escape(what))


def _notes(tallies: Sequence[Tally]) -> str:
    failed = sum(tally.failed for tally in tallies)
    retried = sum(tally.retried for tally in tallies)
    tokens = sum(tally.input_tokens + tally.output_tokens for tally in tallies)
    cost = sum(tally.cost_usd for tally in tallies)
    waiting = next((tally.waiting for tally in tallies if tally.waiting), "")
    notes = [f"{failed} failed"] if failed else []
    if retried:
        notes.append(f"{retried} retried")
    if tokens:
        notes.append(f"{tokens:,} tokens")
    if cost:
        notes.append(f"${cost:.4f}")
    if waiting:
        notes.append(f"waiting: {waiting[:80]}")
    return escape(", ".join(notes))


def result(done: Any) -> None:
    """The headline of a finished run, and where its report lies."""
    from modelmetry.analyses.estimates import headline, primary
    from modelmetry.analyses.table import read_items

    OUT.print(f"[bold]{escape(done.record.suite.name)}[/] {escape(done.record.model)}")
    table = grid("split", "estimand", "value>", "95 % interval>", "problems>", "unscored>")
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
    OUT.print(table)
    labels = primary(done.record, read_items(done.scores))
    for label in labels:
        if label not in {row.split for row in rows}:
            OUT.print(f"{label}: the instrument could read none of the answers", markup=False)
    if any(task.scorer == "refusal" for task in done.record.suite.tasks):
        OUT.print(f"who is refused what: modelmetry guardrails {escape(str(done.folder))}")
    if any(task.scorer.startswith("continuation") for task in done.record.suite.tasks):
        OUT.print(f"what is memorized: modelmetry memorization {escape(str(done.folder))}")
    OUT.print(f"report: {escape(str(done.folder / 'report.html'))}")


def comparison(found: Any) -> None:
    """Paired comparisons, one line each, under the pair of models that they compare; then ranks."""
    OUT.print(
        f"paired on the same items; p corrected by {found.corrected_by} over all lines",
        markup=False,
    )
    pairs = dict.fromkeys((row.comparison.a, row.comparison.b) for row in found.rows)
    stated = found.rows[0].comparison.equivalence
    for a, b in pairs:
        OUT.print(f"[bold]{escape(a)}[/] minus [bold]{escape(b)}[/]")
        columns = ["split", "difference>", "95 % interval>", "p>", "detectable>", "verdict"]
        if stated:
            columns += ["90 % interval>", "p, equivalence>", f"margin {stated.margin:g}"]
        table = grid(*columns)
        for row in found.rows:
            if (row.comparison.a, row.comparison.b) == (a, b):
                table.add_row(*_pair_cells(row))
        OUT.print(table)
    for standing in found.standings:
        _standing(standing)
    for warning in found.warnings:
        OUT.print(f"note: {warning}", markup=False)


def _pair_cells(row: Any) -> list[str]:
    found, shown = row.comparison, row.comparison.equivalence
    cells = [
        escape(row.split),
        f"{found.difference.value:+.3f}",
        _interval(found.difference.low, found.difference.high),
        f"{found.p_adjusted:.2g}",
        f"{found.detectable:.3f}",
        escape(row.verdict),
    ]
    if shown is not None:
        cells += [_interval(shown.low, shown.high), f"{shown.p_adjusted:.2g}", row.equivalent]
    return cells


def _standing(standing: Any) -> None:
    """Three or more models on a split, best first, with the places that are left open."""
    ranks, test = standing.ranks, standing.omnibus
    OUT.print(
        f"[bold]{escape(standing.split)}[/]: Cochran's Q = {test.statistic:.1f}, p = {test.p:.2g} "
        f"({test.method}); ranks hold together at {100 * ranks.level:g} %"
    )
    table = grid("model", "mean>", "rank>", "places>", "tie group>")
    for i in sorted(range(len(ranks.rank)), key=lambda i: ranks.rank[i]):
        low, high = ranks.low[i], ranks.high[i]
        table.add_row(
            escape(standing.names[i]),
            _number(ranks.values[i]),
            str(ranks.rank[i]),
            str(low) if low == high else f"{low} to {high}",
            str(ranks.group[i]),
        )
    OUT.print(table)


def grid(*columns: str) -> Table:
    """A plain table; a column whose name ends in `>` is set to the right."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        justify = "right" if name.endswith(">") else "left"
        table.add_column(name.removesuffix(">"), justify=justify, no_wrap=True)
    return table


def plan(planned: Mapping[str, Any]) -> None:
    """What a dry run would ask."""
    OUT.print("nothing was asked; the run would be:", markup=False)
    for name, value in planned.items():
        OUT.print(f"  {name}: {value}", markup=False)


def files(paths: Sequence[Path]) -> None:
    """Files written, one per line."""
    for path in paths:
        OUT.print(str(path), markup=False)


def listing(rows: Sequence[Mapping[str, str]], *, as_json: bool) -> None:
    """Names with one line about each."""
    if as_json:
        print(json.dumps(list(rows), ensure_ascii=False))  # noqa: T201
        return
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(f"[bold]{escape(row['name'])}[/]", escape(row["about"]))
    # On a terminal long lines are folded into the column; elsewhere each name stays on its line.
    (Console(highlight=False) if OUT.is_terminal else OUT).print(table)


def items(shown: Sequence[Item]) -> None:
    """Items as a model sees them, each with its answer."""
    from modelmetry.items import as_text, is_model_turn

    for item in shown:
        OUT.print(f"[bold]{escape(item.uid)}[/]  split {escape(item.problem.split)}, {item.format}")
        for turn in item.messages:
            label = turn.role if item.format == "chat" else "text"
            said = "(the model replies)" if is_model_turn(turn) else as_text(turn.parts)
            OUT.print(f"  {label}: {said}", markup=False)
        target = item.problem.target
        accepted = (
            f"any number from {target.interval[0]:g} to {target.interval[1]:g}"
            if target.interval
            else " | ".join(target.answers)
        )
        levels = ", ".join(f"{name}={level}" for name, level in item.problem.factors.items())
        OUT.print(f"  right: {accepted}   ({levels}; chance {target.chance:.3g})\n", markup=False)


def certificate(made: Any) -> None:
    """A certificate as a table, and its verdict."""
    OUT.print(f"[bold]{escape(made.suite)}[/]: independent verification")
    table = grid(
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
    OUT.print(table)
    for check in made.splits:
        for line in check.failures:
            OUT.print(f"FAILED: {check.split}: {line}", markup=False)
        for line in check.warnings:
            OUT.print(f"note: {check.split}: {line}", markup=False)
    for overlap in made.overlaps:
        if overlap.shared:
            OUT.print(
                f"FAILED: {overlap.a} and {overlap.b} share {overlap.shared} problems",
                markup=False,
            )
    OUT.print("passed" if made.passed else "FAILED", markup=False)


def design(made: Any) -> None:
    """The designs of a plan, what they take, and how often the recommended one finds an effect."""
    what = "difference of two models" if made.models == 2 else "one model and a known number"
    wanted = "" if made.effect is None else f" of {made.effect:g}"
    line = f"{what}{wanted}, power {made.power:g}, level {made.level:g}; nothing was asked"
    OUT.print(f"[bold]{escape(made.suite)}[/] {escape(made.split)}: {line}")
    OUT.print(made.basis.about, markup=False)
    both = " (both models)" if made.models == 2 else ""
    table = grid(
        "", "problems>", "wordings>", "repeats>", "power>", "detectable>", "interval +->",
        f"requests{both}>", "tokens in>", "tokens out>", "USD>", "hours>", "but",
    )  # fmt: skip
    for place, option in enumerate(made.options):
        table.add_row(
            "->" if place == made.recommended else "",
            f"{option.problems:,}",
            str(option.design.wordings),
            str(option.design.repeats),
            _number(option.power),
            _number(option.detectable),
            _number(option.half_width),
            f"{option.requests:,}",
            f"{option.input_tokens:,}",
            f"{option.output_tokens:,}",
            "-" if option.usd is None else f"{option.usd:,.2f}",
            "-" if option.hours is None else f"{max(0.01, option.hours):,.2f}",
            escape(option.lacking),
        )
    OUT.print(table)
    if made.recommended is None:
        OUT.print("none of these will do as the suite stands", markup=False)
    curve = ", ".join(f"{effect:.3f}: {power:.2f}" for effect, power in made.curve)
    size = f"{made.shown.problems:,} problems x {made.shown.design.wordings}"
    OUT.print(f"power by effect, {size} x {made.shown.design.repeats}: {curve}", markup=False)
    if made.basis.cost.about:
        OUT.print(f"tokens: {made.basis.cost.about}", markup=False)
    for note in made.notes:
        OUT.print(f"note: {note}", markup=False)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(low: float | None, high: float | None) -> str:
    return "none" if low is None or high is None else f"{low:.3f} to {high:.3f}"
