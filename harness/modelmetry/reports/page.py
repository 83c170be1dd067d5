"""The page: everything a report shows, in the order shown; the templates only lay it out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from modelmetry.analyses.estimates import Analysis, primary, split_labels
from modelmetry.analyses.saturation import saturations
from modelmetry.analyses.table import OTHER_OUTCOMES, labels
from modelmetry.reports import curves as charts
from modelmetry.reports import provenance, sections
from modelmetry.reports.budgets import budget_forest, budget_notes
from modelmetry.reports.figures import Forest
from modelmetry.reports.guardrails.section import GuardrailPart, guardrail_part
from modelmetry.reports.guardrails.words import study_headlines
from modelmetry.reports.headlines import Headline, Notice, headlines, notices
from modelmetry.reports.memorization import words as memorized
from modelmetry.reports.memorization.section import MemorizationPart, memorization_part
from modelmetry.reports.provenance import Fact
from modelmetry.reports.systematicity import GapsPart, gaps_part
from modelmetry.reports.tables import estimate_cells
from modelmetry.reports.together import Together
from modelmetry.reports.words import points
from modelmetry.suites import Prompt, Suite


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFacts:
    """One task of the suite, for the table of generators."""

    name: str
    generator: str
    fingerprint: str
    options: str
    scorer: str
    wordings: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPart:
    """The sections of one run; forests that would be empty are None."""

    anchor: str
    title: str
    headlines: list[Headline]
    notices: list[Notice]
    guardrails: GuardrailPart | None
    memorization: MemorizationPart | None
    accuracy: Forest
    accuracy_notes: list[str]
    contrasts: Forest | None
    gaps: GapsPart | None
    curves: list[charts.Chart]
    levels: Forest | None
    wordings: Forest | None
    outcomes: sections.Outcomes
    residues: Forest | None
    budget: Forest | None
    budget_notes: list[str]
    population: list[str]
    intervals: list[str]
    facts: list[Fact]
    tasks: list[TaskFacts]
    commands: list[str]
    estimates: list[tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The sample browser's contents: JSON ready for the page, and what share it is."""

    json: str = "[]"
    pictures: str = "{}"
    shown: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A whole report.

    Attributes:
        title: Suite and model, or suite and number of models.
        questions: What the suites measure, in their own words.
        version: Version of modelmetry.
        runs: One part per run.
        comparison: The runs side by side; None for one run.
        samples: The sample browser.
        contents: (anchor, text) of the table of contents.
    """

    title: str
    questions: list[str]
    version: str
    runs: list[RunPart]
    comparison: Together | None = None
    samples: Shown = field(default_factory=Shown)

    @property
    def contents(self) -> list[tuple[str, str]]:
        """Where the reader may want to jump."""
        found = [("comparison", "Comparison")] if self.comparison else []
        if len(self.runs) > 1:
            found += [(run.anchor, run.title) for run in self.runs]
        else:
            found += _sections(self.runs[0])
        return found + ([("samples", "Samples")] if self.samples.shown else [])


def _sections(run: RunPart) -> list[tuple[str, str]]:
    parts = [
        ("guardrails", "Guardrails", run.guardrails),
        ("memorization", "Memorization", run.memorization),
        ("accuracy", "Accuracy", True),
        ("contrasts", "Contrasts", run.contrasts),
        ("systematicity", "Systematicity", run.gaps),
        ("difficulty", "Difficulty", run.curves),
        ("levels", "Levels", run.levels and not run.curves),
        ("wordings", "Wordings", run.wordings),
        ("outcomes", "Outcomes", True),
        ("residues", "Errors", run.residues),
        ("uncertainty", "Uncertainty", run.budget),
        ("provenance", "Provenance", True),
    ]
    return [(f"{run.anchor}-{name}", text) for name, text, there in parts if there]


def run_part(found: Analysis, anchor: str) -> RunPart:
    """Everything that the report says about one run."""
    record, items, suite = found.record, found.items, found.record.suite
    rows = sections.Rows(found.rows)
    shown = split_labels(record, items)
    answers = found.scores.num_rows
    return RunPart(
        anchor=anchor,
        title=record.model,
        headlines=_first_lines(found),
        notices=notices(record, found.rows, answers, int(items.unscored.sum())),
        guardrails=guardrail_part(found.guardrails),
        memorization=memorization_part(found.memorization),
        accuracy=sections.accuracy_forest(rows, shown, provenance.split_meanings(suite)),
        accuracy_notes=[*_methods(rows), *_room(found)],
        contrasts=sections.contrast_forest(rows),
        gaps=gaps_part(found.systematicity),
        curves=[charts.chart(curve) for curve in found.curves],
        levels=sections.level_forest(rows, shown),
        wordings=sections.wording_forest(rows, shown),
        outcomes=sections.outcome_bars(items, shown, _reasons(found.scores)),
        residues=sections.residue_forest(found.residues),
        budget=budget_forest(found.budgets),
        budget_notes=budget_notes(record, found.budgets),
        population=provenance.population(suite, items),
        intervals=provenance.intervals(record),
        facts=provenance.facts(record, answers),
        tasks=_tasks(suite),
        commands=provenance.commands(record),
        estimates=[estimate_cells(record, row)[4:] for row in found.rows],
    )


def _first_lines(found: Analysis) -> list[Headline]:
    """What a persona or memorization study found where there is one, else the accuracies."""
    if found.guardrails is not None:
        return study_headlines(found.guardrails)
    if found.memorization is not None:
        return memorized.study_headlines(found.memorization)
    return headlines(found.record, found.items, found.rows)


def _methods(rows: sections.Rows) -> list[str]:
    """How the accuracies and their intervals were made, each method once."""
    methods = dict.fromkeys(row.estimate.method for row in rows.all("accuracy"))
    return [f"Intervals: {'; '.join(methods)}."]


def _room(found: Analysis) -> list[str]:
    """How much better a model could be on the headline's splits, and how much of it would be seen."""
    labels = primary(found.record, found.items)
    said = [
        f"{label} {points(room.headroom.value).lstrip('+')} points, of which "
        f"{points(room.detectable).lstrip('+')} are enough"
        for label, room in saturations(found.rows, labels)
        if room.detectable is not None
    ]
    if not said:
        return []
    how = "to be seen with 80\u00a0% power, by a model that is right wherever this one is"
    return [f"Headroom: {'; '.join(said)} {how}."]


def _reasons(scores: pa.Table) -> list[tuple[str, str, int]]:
    """(outcome, reason, answers) of everything that is not an ordinary answer, common ones first."""
    outcome = labels(scores, "outcome")
    found: list[tuple[str, str, int]] = []
    for kind in OTHER_OUTCOMES:
        if outcome.at(kind).any():
            part = labels(scores.filter(pa.array(outcome.at(kind))), "reason")
            counts = np.bincount(part.codes, minlength=len(part.names)).tolist()
            here = [(kind, name, n) for name, n in zip(part.names, counts, strict=True)]
            found += sorted(here, key=lambda row: (-row[2], row[1]))
    return found


def _tasks(suite: Suite) -> list[TaskFacts]:
    return [
        TaskFacts(
            name=task.name,
            generator=task.generator,
            fingerprint=task.fingerprint,
            options=", ".join(f"{k}={v}" for k, v in task.options.items()) or "as given",
            scorer=task.scorer,
            wordings="; ".join(f"{p.name} ({_form(p)})" for p in task.prompts),
        )
        for task in suite.tasks
    ]


def _form(prompt: Prompt) -> str:
    """How a wording asks, in a few words."""
    if prompt.earlier:
        return f"{prompt.format}, {len(prompt.earlier) + 1} turns"
    return f"{prompt.format}, {prompt.shots or 'no'} examples"
