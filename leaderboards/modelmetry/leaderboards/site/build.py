"""Building the site: pages written into a new folder, which then takes the place of the old one."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelmetry.errors import BadInput, cannot_write
from modelmetry.leaderboards import store
from modelmetry.leaderboards.entry import seed_commitment
from modelmetry.leaderboards.site import pages
from modelmetry.leaderboards.site.boards import SuiteBoards, View, day, read_boards
from modelmetry.leaderboards.site.certificates import Given, edition_page
from modelmetry.leaderboards.site.history import (
    History,
    archive,
    histories,
    time_chart,
    whole_span,
)
from modelmetry.leaderboards.slugs import slug
from modelmetry.reports.figures import SHARE_TICKS
from modelmetry.reports.layout import rendered
from modelmetry.reports.samples import visible
from modelmetry.reports.words import count

TEMPLATES = Path(__file__).parent / "templates"

MARKER = "site.json"
"""The file that tells a folder that was built from any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A site on disk.

    Attributes:
        folder: Where it lies; `index.html` is the front page.
        suites: Number of suites.
        models: Number of models.
        entries: Number of entries in the leaderboard files.
        pages: Number of pages.
    """

    folder: Path
    suites: int
    models: int
    entries: int
    pages: int


@dataclass(slots=True)
class _Model:
    """What is gathered about a model while one suite after the other is read."""

    lines: list[pages.Line] = field(default_factory=list)
    histories: list[tuple[View, History, tuple[int, int]]] = field(default_factory=list)
    entries: int = 0


def build(data: Path, out: Path, editions: Sequence[Given] = ()) -> Built:
    """Build the site of all leaderboards in a folder.

    Args:
        data: Folder of one CSV file per suite.
        out: Folder of the site. A site that is there already is replaced, in one step.
        editions: Editions whose certificates are to be shown.

    Raises:
        BadInput: There is no leaderboard, one cannot be read, or the folder holds something else.
    """
    files = sorted(data.glob("*.csv")) if data.is_dir() else []
    if not files:
        raise BadInput(f"{data}: no leaderboard; allowed: a folder with at least one <suite>.csv")
    check_out(data, out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
        try:
            fresh.chmod(0o755)
            built = _Site(fresh, editions).write(files)
            _swap(fresh, out)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        raise cannot_write(out, error) from error
    return Built(folder=out, **built)


def check_out(data: Path, out: Path) -> None:
    """Refuse a folder that holds something else than a site, since building replaces it."""
    if out.resolve() == data.resolve() or data.resolve().is_relative_to(out.resolve()):
        raise BadInput(f"{out}: holds the leaderboards themselves; allowed: another folder")
    if out.exists() and not out.is_dir():
        raise BadInput(f"{out}: is a file; allowed: a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / MARKER).is_file():
        raise BadInput(
            f"{out}: holds something else than a site built before; allowed: a new or empty folder"
        )


def _swap(fresh: Path, out: Path) -> None:
    """Put the new site where the old one was."""
    old = fresh.with_name(f"{fresh.name}.old")
    if out.exists():
        out.rename(old)
    try:
        fresh.rename(out)
    except OSError:
        if old.exists():
            old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)


class _Site:
    """One site on its way into a folder."""

    def __init__(self, folder: Path, editions: Sequence[Given]) -> None:
        self._folder = folder
        self._given = {self._key(given): given for given in editions}
        self._models: defaultdict[str, _Model] = defaultdict(_Model)
        self._suites: list[pages.SuiteLine] = []
        self._pages = 0
        self._entries = 0
        self._last = 0

    def write(self, files: Sequence[Path]) -> dict[str, int]:
        """Write everything; returns how much of what."""
        for path in files:
            found = read_boards(path)
            if found is not None:
                self._suite(path, found)
        if not self._suites:
            raise BadInput(f"{files[0].parent}: no entries; allowed: leaderboards with entries")
        for given in self._given.values():
            name = f"editions/{self._edition_file(given)}"
            self._page(name, "edition.html.jinja", page=edition_page(given), root="../")
        front = [self._model(name, found) for name, found in sorted(self._models.items())]
        self._page(
            "index.html",
            "index.html.jinja",
            suites=self._suites,
            models=front,
            ticks=SHARE_TICKS,
            lead=self._lead(),
            root="",
        )
        marker = {"format": 1, "suites": len(self._suites), "last": day(self._last)}
        self._text(MARKER, json.dumps(marker) + "\n")
        return {
            "suites": len(self._suites),
            "models": len(self._models),
            "entries": self._entries,
            "pages": self._pages,
        }

    def _lead(self) -> str:
        return (
            f"{count(len(self._models), 'model')} on {count(len(self._suites), 'suite')}, "
            f"{count(self._entries, 'result')}; the last night is {day(self._last)}."
        )

    @staticmethod
    def _key(given: Given) -> tuple[str, str]:
        manifest = given.edition.manifest
        return manifest.suite.name, seed_commitment(manifest.suite.name, manifest.seed)

    @staticmethod
    def _edition_file(given: Given) -> str:
        # Not by its name, which holds the seed; and two editions of one seed can differ in their limits.
        manifest = given.edition.manifest
        return f"{slug(manifest.suite.name, manifest.digest)}.html"

    def _suite(self, path: Path, found: SuiteBoards) -> None:
        editions = {key: self._edition_file(given) for key, given in self._given.items()}
        folder = f"suites/{found.views[0].folder}"
        for view in found.views:
            past = archive(found, view)
            page = pages.board_page(found, view, past, editions)
            text = self._page(
                f"{folder}/{view.file}.html",
                "board.html.jinja",
                page=page,
                ticks=SHARE_TICKS,
                root="../../",
            )
            if view is found.views[0]:
                self._text(f"{folder}/index.html", text)
            for number, script in enumerate(past.files):
                self._text(f"data/{view.folder}/{view.file}-{number}.js", script)
            self._own_csv(path, found, view)
            self._gather(found, view)
        self._suites.append(pages.suite_line(found))
        self._entries += len(found.days)
        self._last = max(self._last, int(found.days.max()))
        self._whole_csv(path, found)

    def _gather(self, found: SuiteBoards, view: View) -> None:
        """Keep what the models' pages will need of a view."""
        span = whole_span(found, view.rows)
        model = found.texts["model"]
        newest: dict[str, tuple[int, Any, int]] = {}
        # Only boards of the view can hold a model's newest result; the newest board comes first.
        missing = set(model.codes[view.rows].tolist())
        for board in reversed(view.boards):
            for row in board.rows.tolist():
                name = model.of(row)
                at = int(found.days[row])
                if name not in newest or newest[name][0] < at:
                    newest[name] = (at, board, row)
                    missing.discard(int(model.codes[row]))
            if not missing:
                break
        for name, points in histories(found, view).items():
            gathered = self._models[name]
            _, board, row = newest[name]
            gathered.lines.append(pages.line_at(found, view, board, row, of_model=True))
            gathered.histories.append((view, points, span))
            gathered.entries += len(points.days)

    def _model(self, name: str, found: _Model) -> pages.ModelLine:
        """Write a model's page; its line on the front page."""
        charts = [
            time_chart(
                pages.view_name(view), f"../suites/{view.folder}/{view.file}.html", points, span
            )
            for view, points, span in found.histories
            if len(points.days) > 1
        ]
        page = pages.ModelPage(
            name=visible(name),
            lead=pages.model_lead(found.lines, found.entries),
            lines=found.lines,
            charts=charts,
            judged=any(line.judge for line in found.lines),
        )
        href = f"models/{slug(name)}.html"
        self._page(href, "model.html.jinja", page=page, ticks=SHARE_TICKS, root="../")
        return pages.ModelLine(
            name=visible(name),
            href=href,
            boards=f"{len(found.lines):,}",
            entries=f"{found.entries:,}",
            date=max(line.date for line in found.lines),
        )

    def _own_csv(self, path: Path, found: SuiteBoards, view: View) -> None:
        """The rows of a view's newest edition, in the columns of the whole file."""
        entries = [found.entry(int(row)) for row in view.latest.rows]
        self._text(f"suites/{view.folder}/{view.file}.csv", store.dumped(entries))

    def _whole_csv(self, path: Path, found: SuiteBoards) -> None:
        """The whole file, defused where it was not."""
        target = self._folder / "data" / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if found.risky:
            target.write_text(store.dumped(store.read(path)), encoding="utf-8", newline="")
        else:
            shutil.copyfile(path, target)

    def _page(self, name: str, template: str, **values: Any) -> str:
        text = rendered(template, folder=TEMPLATES, **values)
        self._text(name, text)
        self._pages += 1
        return text

    def _text(self, name: str, text: str) -> None:
        target = self._folder / name
        if target.exists():  # two names with one address would hide each other
            raise BadInput(f"{name}: two names lead to this address; allowed: names that differ")
        target.parent.mkdir(parents=True, exist_ok=True)
        # Names may hold halves of surrogate pairs, which UTF-8 does not.
        target.write_bytes(text.encode("utf-8", "replace"))
