"""What the pages of the site say, as data; the templates only lay it out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modelmetry.leaderboards.site.boards import (
    REFERENCE,
    Board,
    SuiteBoards,
    View,
    best,
    day,
)
from modelmetry.leaderboards.site.history import Archive, TimeChart, run_key
from modelmetry.leaderboards.slugs import slug
from modelmetry.reports.figures import Mark, share_mark
from modelmetry.reports.samples import visible
from modelmetry.reports.words import DASH, count, digits, interval, percent
from modelmetry.statistics import Estimate
from modelmetry.statistics.saturation import saturation

_SHOWN_BEST = 3
"""Models named as the best of a suite; the rest of a tie is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One entry on a page.

    Attributes:
        name: The model, or on a model's page the suite and split.
        href: Its page.
        note: Small print under the name.
        anchor: The row's fragment.
        link: Where the row stands, on its view's own page: which view a suite's page shows may change.
        rank: Its place.
        places: The places left open.
        group: Its tie group.
        mark: The estimate on its track.
        value: The estimate in words.
        interval: Its interval in words.
        items: Items that entered.
        cost: US dollars.
        judge: The judging model.
        date: ISO 8601.
    """

    name: str
    href: str
    note: str
    anchor: str
    link: str
    rank: int
    places: str
    group: int
    mark: Mark
    value: str
    interval: str
    items: str
    cost: str
    judge: str
    date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A way to another page."""

    text: str
    href: str
    here: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardPage:
    """The page of a view.

    Attributes:
        suite: The suite's name.
        title: Split, and the estimand where it is not the accuracy.
        lead: The best models in a sentence.
        notices: What a reader should beware of.
        views: The suite's other views.
        lines: The newest edition, best first.
        judged: Whether a judge read any answers.
        facts: (term, value) of the newest edition.
        edition: (text, href) of its page; None where the edition was not given.
        data: JSON for the script: editions and models, safe within a script element.
        history: Address of the files of earlier editions, up to their number.
        own: The view's own page, which stays.
        csv: Address of the whole file.
        own_csv: Address of the newest edition's rows.
    """

    suite: str
    title: str
    lead: str
    notices: list[str]
    views: list[Link]
    lines: list[Line]
    judged: bool
    facts: list[tuple[str, str]]
    edition: Link | None
    data: str
    history: str
    own: str
    csv: str
    own_csv: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPage:
    """The page of a model.

    Attributes:
        name: The model's spec.
        lead: What it was measured on.
        lines: Its newest result on every view.
        charts: Its results over the nights, where there are several.
        judged: Whether a judge read any answers.
    """

    name: str
    lead: str
    lines: list[Line]
    charts: list[TimeChart]
    judged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteLine:
    """One suite on the front page."""

    name: str
    href: str
    note: str
    mark: Mark
    value: str
    best: list[Link]
    tied: str
    models: str
    editions: str
    date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLine:
    """One model on the front page."""

    name: str
    href: str
    boards: str
    entries: str
    date: str


def estimate_at(found: SuiteBoards, row: int) -> Estimate:
    """The estimate of a row."""
    number = {name: float(column[row]) for name, column in found.numbers.items()}
    low, high, error = (
        None if np.isnan(number[name]) else number[name]
        for name in ("ci_low", "ci_high", "std_error")
    )
    return Estimate(
        value=number["value"],
        std_error=error,
        low=low,
        high=high,
        level=0.95,
        n=int(number["n_items"]),
        clusters=int(number["n_clusters"]),
        unscored=int(number["n_unscored"]),
        method=found.texts["ci_method"].of(row),
    )


def line_at(found: SuiteBoards, view: View, board: Board, row: int, *, of_model: bool) -> Line:
    """One entry, for its view's page or for its model's."""
    text = {name: column.of(row) for name, column in found.texts.items()}
    number = {name: int(found.numbers[name][row]) for name in ("rank", "rank_low", "rank_high")}
    estimate = estimate_at(found, row)
    model = visible(text["model"])
    page = f"{view.folder}/{view.file}.html"
    name = view_name(view) if of_model else model
    anchor = f"edition={board.key}&run={run_key(text['run_digest'])}"
    revision = visible(text["model_revision"])
    role = "reference instrument" if text["model"].startswith(REFERENCE) else revision
    low, high = number["rank_low"], number["rank_high"]
    return Line(
        name=name,
        href=f"../suites/{page}" if of_model else f"../../models/{slug(text['model'])}.html",
        note="" if of_model else role,
        anchor=anchor,
        link=f"../suites/{page}#{anchor}" if of_model else f"{view.file}.html#{anchor}",
        rank=number["rank"],
        places=f"{low}" if low == high else f"{low} to {high}",
        group=int(found.numbers["tie_group"][row]),
        mark=share_mark(name, estimate),
        value=percent(estimate.value, digits(estimate)),
        interval=interval(estimate),
        items=f"{estimate.n:,}",
        cost=dollars(float(found.numbers["cost_usd"][row])),
        judge=text["judge"],
        date=text["date"],
    )


def dollars(cost: float) -> str:
    """A price; a dash where it is unknown."""
    if not cost > 0:
        return DASH
    return f"${cost:,.2f}" if cost >= 0.1 else f"${cost:.2g}"


def view_name(view: View) -> str:
    """Suite and split in words."""
    return f"{visible(view.suite)}, {_split(view)}"


def _split(view: View) -> str:
    estimand = "" if view.estimand == "accuracy" else f", {visible(view.estimand)}"
    return f"{visible(view.split)}{estimand}"


def board_page(
    found: SuiteBoards, view: View, past: Archive, editions: Mapping[tuple[str, str], str]
) -> BoardPage:
    """The page of a view.

    Args:
        found: The suite's file.
        view: The view.
        past: Its earlier editions.
        editions: Pages of editions that were given: (suite, commitment) -> file name.
    """
    board = view.latest
    lines = [line_at(found, view, board, int(row), of_model=False) for row in board.rows]
    held = editions.get((view.suite, board.seed_commitment))
    hrefs = [slug(name) for name in past.models]
    data = {
        "editions": past.editions,
        "models": [[visible(n), h] for n, h in zip(past.models, hrefs, strict=True)],
        "reference": REFERENCE,
    }
    newest = max(other.version for other in found.views)
    return BoardPage(
        suite=visible(view.suite),
        title=_split(view),
        lead=_lead(found, board),
        notices=_notices(found, board),
        views=[
            Link(
                text=_split(other)
                + ("" if other.version == newest else f" (version {other.version})"),
                href=f"{other.file}.html",
                here=other is view,
            )
            for other in found.views
        ],
        lines=lines,
        judged=any(line.judge for line in lines),
        facts=_facts(found, view),
        edition=Link(text="its page", href=f"../../editions/{held}") if held else None,
        data=json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
        history=f"../../data/{view.folder}/{view.file}-",
        own=f"{view.file}.html",
        csv=f"../../data/{visible(view.suite)}.csv",
        own_csv=f"{view.file}.csv",
    )


def _lead(found: SuiteBoards, board: Board) -> str:
    rows = best(found, board)
    name = visible(found.texts["model"].of(rows[0]))
    estimate = estimate_at(found, rows[0])
    said = f"{name}: {percent(estimate.value, digits(estimate))} ({interval(estimate)})"
    if len(rows) == 1:
        return f"{said}, told apart from every other model."
    return f"{said}; not told apart from {count(len(rows) - 1, 'other model')}."


def _notices(found: SuiteBoards, board: Board) -> list[str]:
    """Whether the best model could still be beaten visibly; for this its chance is not needed."""
    row = best(found, board)[0]
    if found.texts["model"].of(row).startswith(REFERENCE):
        return []
    estimate = estimate_at(found, row)
    if not 0 <= estimate.value <= 1 or estimate.std_error is None:
        return []
    if saturation(estimate, 0.0).improvable:
        return []
    return [
        "Saturated: on this many items not even a perfect model would be told apart from the best one."
    ]


def _facts(found: SuiteBoards, view: View) -> list[tuple[str, str]]:
    board = view.latest
    row = int(board.rows[0])
    number = {
        name: int(found.numbers[name][row]) for name in ("n_items", "n_clusters", "n_repeats")
    }
    versions = {found.texts["harness_version"].of(int(r)) for r in board.rows}
    asked = day(board.first) + ("" if board.first == board.last else f" to {day(board.last)}")
    return [
        ("Suite", f"{view.suite}, version {view.version}"),
        ("Asked", asked),
        (
            "Items",
            (
                f"{number['n_items']:,} in {count(number['n_clusters'], 'independent unit')}, "
                f"each asked {count(number['n_repeats'], 'time')}"
            ),
        ),
        ("Seed commitment", board.seed_commitment),
        ("Generator hash", board.generator_hash),
        ("Interval", found.texts["ci_method"].of(row)),
        ("Asked by", f"modelmetry {', '.join(sorted(versions))}"),
    ]


def suite_line(found: SuiteBoards) -> SuiteLine:
    """One suite on the front page: the best models of the view that its page begins with."""
    view = found.views[0]
    rows = best(found, view.latest)
    estimate = estimate_at(found, rows[0])
    names = [found.texts["model"].of(row) for row in rows]
    more = len(rows) - _SHOWN_BEST
    models = len(np.unique(found.texts["model"].codes))
    boards = len({(b.generator_hash, b.seed_commitment) for v in found.views for b in v.boards})
    return SuiteLine(
        name=visible(found.name),
        href=f"suites/{view.folder}/index.html",
        note=_split(view),
        mark=share_mark(f"{visible(names[0])} on {view_name(view)}", estimate),
        value=percent(estimate.value, digits(estimate)),
        best=[
            Link(text=visible(name), href=f"models/{slug(name)}.html")
            for name in names[:_SHOWN_BEST]
        ],
        tied=f"and {more} more, not told apart" if more > 0 else "",
        models=f"{models:,}",
        editions=f"{boards:,}",
        date=day(max(v.latest.last for v in found.views)),
    )


def model_lead(lines: Sequence[Line], entries: int) -> str:
    """What a model was measured on."""
    last = max(line.date for line in lines)
    return (
        f"{count(entries, 'result')} on {count(len(lines), 'board')}, the last on {last}. Each row "
        "is the newest result."
    )
