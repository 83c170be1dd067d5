"""The report on contamination: what can be said of each model in words, tables and forests."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelmetry.analyses.contamination.frozen import ALL
from modelmetry.analyses.contamination.study import ALPHA, ContaminationStudy, Published
from modelmetry.errors import cannot_write
from modelmetry.reports.figures import (
    SHARE_TICKS,
    Forest,
    ForestRow,
    difference_mark,
    difference_scale,
    share_mark,
)
from modelmetry.reports.heat_map import Table
from modelmetry.reports.layout import rendered
from modelmetry.reports.words import (
    DASH,
    NBSP,
    count,
    digits,
    interval,
    listed,
    number,
    p_value,
    percent,
    points,
    points_interval,
    span,
)
from modelmetry.runs.cells import defused
from modelmetry.statistics import Estimate
from modelmetry.statistics.ordering import OrderTest

CSV_COLUMNS = (
    *(
        "edition",
        "model",
        "part",
        "of",
        "quantity",
        "value",
        "ci_low",
        "ci_high",
        "p",
        "detectable",
    ),
    *("n", "method"),
)
"""Columns of `estimates.csv`; shares are in [0, 1], log-probabilities in nats, exposure in bits."""

_BITS = 122
"""Random bits of an identifier."""


def conclusion(study: ContaminationStudy) -> str:
    """What all tests of a model come to, in a sentence or two, with what they could have shown."""
    name, edition = study.model, study.edition
    came_back = study.canary is not None and study.canary.came_back
    if came_back:
        return (
            f"{name} has seen edition {edition}, or a text that holds its canary: it goes on with the "
            f"identifier, {_BITS} random bits, word for word. How much that helped it is what the scores say."
        )
    shown = [_shown(study, signal.test) for signal in study.shown]
    if shown:
        return (
            f"{name} is not like a model that has never seen edition {edition}: {listed(shown)} (p by Holm "
            f"over {count(len(study.signals), 'test')}). That it read the edition itself, rather than "
            "something made from it or like it, no test here can say; "
            "and of models that never saw it one in twenty is told so, too."
        )
    if not study.signals and study.canary is None and not study.rows:
        return f"Of {name} nothing can be said: no test could be made."
    seen = list(_detectable(study))
    could = f" Would have been shown, most likely: {listed(seen)}." if seen else ""
    return f"Nothing shows that {name} has seen edition {edition}, which is not to say that it has not.{could}"


def _shown(study: ContaminationStudy, test: str) -> str:
    p = next(signal.p_adjusted for signal in study.signals if signal.test == test)
    said = f"p {_is(p)}"
    if test == "score":
        found = study.frozen[0].comparison.difference
        return f"it scores {points(found.value).lstrip('+')} points higher on it than on fresh ones ({said})"
    if test == "canary" and study.canary is not None:
        return (
            f"it ranks the canary's identifier {study.canary.rank} of {study.canary.references + 1:,} "
            f"({said})"
        )
    if test == "rows" and study.rows[0].comparison is not None:
        found = study.rows[0].comparison.difference
        return f"it goes on with {points(found.value).lstrip('+')} points more of its rows ({said})"
    return f"it finds its rows likelier in the published order ({said})"


def _is(p: float) -> str:
    text = p_value(p)
    return text if text.startswith("<") else f"= {text}"


def _detectable(study: ContaminationStudy) -> Iterator[str]:
    """What each test would have shown with 80 % power, by itself at 5 %."""
    if study.frozen:
        least = study.frozen[0].comparison.detectable
        yield f"scores {points(least).lstrip('+')} points higher than on fresh editions"
    if study.canary is not None:
        if study.canary.p is not None and 1 / (study.canary.references + 1) < ALPHA:
            yield f"an exposure of the canary from {-math.log2(ALPHA):.1f} bits on"
        else:
            yield "the canary's identifier word for word"
    if study.rows and study.rows[0].comparison is not None:
        least = study.rows[0].comparison.detectable
        yield f"{points(least).lstrip('+')} points more rows word for word than of fresh ones"
    main = study.order.main if study.order is not None else None
    if main is not None and main.detectable is not None:
        yield f"a gain of {number(main.detectable)} nats per block in published order"


def sentences(study: ContaminationStudy) -> list[str]:
    """One line on each part that could be measured, with interval, p and what could have been seen."""
    said = []
    for each in study.frozen[:1]:
        found = each.comparison
        splits = "all primary splits" if each.split == ALL else each.split
        said.append(
            f"Published less fresh score on {splits}: {points(found.difference.value)} points "
            f"({points_interval(found.difference)}), p {_is(found.p)} two-sided, smallest detectable "
            f"{points(found.detectable).lstrip('+')}; {count(each.editions, 'fresh edition')}."
        )
    if study.canary is not None:
        back = "came back" if study.canary.came_back else "did not come back"
        line = f"The canary's identifier {back} in the text."
        if study.canary.bits is not None and study.canary.p is not None:
            line += (
                f" Exposure {study.canary.bits:.2f} of at most {study.canary.most:.2f} bits: rank "
                f"{study.canary.rank} of {study.canary.references + 1:,}, p {_is(study.canary.p)}."
            )
        said.append(line)
    for each in study.rows[:1]:
        line = (
            f"Rows that came back word for word: {percent(each.published.value)} of the published"
        )
        if each.fresh is not None and each.comparison is not None:
            found = each.comparison
            line += (
                f", {percent(each.fresh.value)} of fresh ones, which can only be guessed; difference "
                f"{points(found.difference.value)} points ({points_interval(found.difference)}), "
                f"p {_is(found.p)} two-sided, smallest detectable {points(found.detectable).lstrip('+')}"
            )
        said.append(f"{line}.")
    if study.order is not None and (main := study.order.main) is not None:
        beyond = ", beyond that of fresh blocks" if study.order.beyond is not None else ""
        p = "no test" if main.p is None else f"p {_is(main.p)} one-sided"
        said.append(
            f"Gain of a block in published order over {study.order.orders} random ones{beyond}: "
            f"{number(main.gain.value)} nats ({span(main.gain)}), {p}; "
            f"{count(main.gain.n, 'block')}."
        )
    return said


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPart:
    """One model on the page; what there is none of is None or empty."""

    anchor: str
    title: str
    lead: str
    sentences: list[str]
    missing: list[str]
    warnings: list[str]
    scores: Forest | None
    rows: Forest | None
    tests: Table | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContaminationPage:
    """A whole report on one edition."""

    title: str
    edition: str
    question: str
    models: list[ModelPart]


def contamination_page(
    studies: Sequence[ContaminationStudy], edition: Published
) -> ContaminationPage:
    """The report as data."""
    return ContaminationPage(
        title=f"{edition.suite.name} {edition.name}: contamination",
        edition=edition.name,
        question=edition.suite.question,
        models=[_part(study, f"model-{i}") for i, study in enumerate(studies, start=1)],
    )


def _part(study: ContaminationStudy, anchor: str) -> ModelPart:
    return ModelPart(
        anchor=anchor,
        title=study.model,
        lead=conclusion(study),
        sentences=sentences(study),
        missing=[f"{text[0].upper()}{text[1:]}." for text in study.missing],
        warnings=[f"{text[0].upper()}{text[1:]}." for text in study.warnings],
        scores=_scores(study),
        rows=_rows(study),
        tests=_tests(study),
    )


def _scores(study: ContaminationStudy) -> Forest | None:
    if not study.frozen:
        return None
    scale, ticks = difference_scale([each.comparison.difference for each in study.frozen])
    lines = []
    for each in study.frozen:
        found = each.comparison.difference
        lines.append(
            ForestRow(
                name=each.split,
                value=points(found.value, digits(found)),
                mark=difference_mark(each.split, found, scale, ticks),
                facts=(
                    points_interval(found),
                    p_value(each.comparison.p_adjusted),
                    points(each.comparison.detectable).lstrip("+"),
                    percent(each.published.value),
                    percent(each.fresh.value),
                    f"{found.n:,}",
                ),
            )
        )
    columns = (
        *(f"95{NBSP}% interval", "p, corrected", "detectable", "published", "fresh", "items"),
    )
    return Forest(head="split", value="points", columns=columns, axis=ticks, rows=tuple(lines))


def _rows(study: ContaminationStudy) -> Forest | None:
    lines = []
    for each in study.rows:
        sides: tuple[tuple[str, Estimate | None], ...] = (
            ("published", each.published),
            ("fresh", each.fresh),
        )
        for place, (name, found) in enumerate(sides):
            if found is not None:
                lines.append(
                    ForestRow(
                        name=name,
                        group=each.wording if not place else "",
                        value=percent(found.value, digits(found)),
                        mark=share_mark(f"{each.wording}, {name}", found),
                        facts=(interval(found), f"{found.n:,}", f"{found.clusters:,}"),
                    )
                )
    columns = (f"95{NBSP}% interval", "rows", "clusters")
    rows = tuple(lines)
    forest = Forest(head="rows", value="extracted", columns=columns, axis=SHARE_TICKS, rows=rows)
    return forest if rows else None


_TESTS = {
    "score": "score, published less fresh",
    "canary": "rank of the canary",
    "rows": "rows extracted, published less fresh",
    "order": "published order",
}


def _tests(study: ContaminationStudy) -> Table | None:
    if not study.signals:
        return None
    rows = tuple(
        (_TESTS[s.test], p_value(s.p), p_value(s.p_adjusted), "shown" if s.shown else DASH)
        for s in study.signals
    )
    caption = "Tests of a model that has not seen the edition, one-sided; p corrected by Holm."
    return Table(caption=caption, columns=("test", "p", "p, corrected", ""), rows=rows)


def estimates_csv(studies: Sequence[ContaminationStudy]) -> str:
    """Every number as CSV text with a header."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for study in studies:
        for row in _numbers(study):
            writer.writerow(map(_cell, (study.edition, study.model, *row)))
    return out.getvalue()


def _numbers(study: ContaminationStudy) -> Iterator[tuple[object, ...]]:
    for each in study.frozen:
        yield _line("score", each.split, "published", each.published)
        yield _line("score", each.split, "fresh", each.fresh)
        found = each.comparison
        yield _line("score", each.split, "difference", found.difference, found.p, found.detectable)
    if study.canary is not None:
        for wording, share in study.canary.extracted.items():
            yield ("canary", wording, "extracted", share, *[None] * 6)
        if study.canary.bits is not None:
            n = study.canary.references + 1
            yield (
                "canary",
                "",
                "exposure",
                study.canary.bits,
                None,
                None,
                study.canary.p,
                None,
                n,
                "",
            )
    for each in study.rows:
        yield _line("rows", each.wording, "published", each.published)
        if each.fresh is not None and each.comparison is not None:
            found = each.comparison
            yield _line("rows", each.wording, "fresh", each.fresh)
            yield _line(
                "rows", each.wording, "difference", found.difference, found.p, found.detectable
            )
    if study.order is not None:
        tests: dict[str, OrderTest | None] = {
            "published": study.order.published,
            "fresh": study.order.fresh,
            "difference": study.order.beyond,
        }
        for name, test in tests.items():
            if test is not None:
                yield _line("order", "", name, test.gain, test.p, test.detectable)


def _line(
    part: str,
    of: str,
    quantity: str,
    found: Estimate,
    p: float | None = None,
    detectable: float | None = None,
) -> tuple[object, ...]:
    ends = (found.value, found.low, found.high)
    return (part, of, quantity, *ends, p, detectable, found.n, found.method)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return defused(value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def write_contamination_report(
    out: Path, studies: Sequence[ContaminationStudy], edition: Published
) -> list[Path]:
    """Write report.html, report.md and estimates.csv; the same studies give the same bytes.

    Args:
        out: Folder to write in; made if missing.
        studies: One per model.
        edition: The edition that they are about.

    Returns:
        The files written, report.html first.

    Raises:
        BadInput: The folder cannot be written.
    """
    page = contamination_page(studies, edition)
    texts = {
        "report.html": rendered("contamination.html.jinja", page=page),
        "report.md": rendered("contamination.md.jinja", page=page),
        "estimates.csv": estimates_csv(studies),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (out / name).write_bytes(text.encode("utf-8", "replace"))
    except OSError as error:
        raise cannot_write(out, error) from error
    return [out / name for name in texts]
