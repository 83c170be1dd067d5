"""The uncertainty budget as a table of marks, and the sentences that say what it leaves out."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from modelmetry.analyses.budgets import SplitBudget
from modelmetry.reports.figures import SHARE_TICKS, SHARES, Forest, ForestRow, Mark
from modelmetry.reports.provenance import model_options, suite_word
from modelmetry.reports.words import DASH, count, listed, number, percent, points
from modelmetry.runs.record import RunRecord
from modelmetry.statistics.budget import Budget, Line
from modelmetry.statistics.designs import Extra

_NAMES = {
    "problem": "problems drawn",
    "cluster": "clusters drawn",
    "wording": "wordings chosen",
    "problem:wording": "problems that suit a wording",
    "edition": "editions (seeds)",
    "back end": "back ends",
    "residual": "decoding",
}


def budget_forest(budgets: Sequence[SplitBudget]) -> Forest | None:
    """Every contribution to the uncertainty of the headline's accuracies; None without any."""
    lines: list[ForestRow] = []
    for found in budgets:
        group = f"{found.split}: {_combined(found)}"
        for line in found.whole.lines:
            lines.append(_row(found.split, line, group))
            group = ""
    columns = ("share", "spread of one", "averaged over", "df")
    rows = tuple(lines)
    forest = Forest(head="source", value="u, points", columns=columns, axis=SHARE_TICKS, rows=rows)
    return forest if rows else None


def _row(split: str, line: Line, group: str) -> ForestRow:
    name = _NAMES.get(line.name, line.name)
    held = [_NAMES.get(other, other) for other in line.includes]
    share = percent(line.share)
    return ForestRow(
        name=name,
        note=f"with {listed(held)}" if held else "",
        group=group,
        value=points(line.std_uncertainty, 2).lstrip("+"),
        mark=Mark(
            says=f"{split}, {name}: {share} of the variance",
            ticks=SHARE_TICKS,
            x=SHARES.at(line.share),
            low=SHARES.at(0.0),
            high=SHARES.at(line.share),
        ),
        facts=(
            share,
            DASH if line.std_dev is None else points(line.std_dev).lstrip("+"),
            DASH if line.effective is None else f"{round(line.effective):,}",
            DASH if line.df is None else number(line.df),
        ),
    )


def _combined(found: SplitBudget) -> str:
    """The value with its expanded uncertainties, in points."""
    whole, narrow = _plus_minus(found.whole), _plus_minus(found.narrow)
    if not whole or not narrow:
        return f"{percent(found.whole.value)}; no score differs from another"
    return (
        f"{percent(found.whole.value)} {narrow} for these wordings, {whole} for any of their kind"
    )


def _plus_minus(part: Budget) -> str:
    if part.expanded is None or part.coverage_factor is None:
        return ""
    return f"\u00b1 {points(part.expanded).lstrip('+')} (k = {part.coverage_factor:.2f})"


def budget_notes(record: RunRecord, budgets: Sequence[SplitBudget]) -> list[str]:
    """What the budget leaves out, the cheapest runs that would show it, and reasons for care."""
    missing: dict[str, list[str]] = {}
    extras: dict[str, Extra] = {}
    cautions: dict[str, list[str]] = {}
    for found in budgets:
        for part in found.whole.unidentified:
            missing.setdefault(_missing(part.name, part.part_of), []).append(found.split)
        for extra in found.whole.extras:
            extras.setdefault(extra.factor, extra)
        for warning in found.whole.warnings:
            if "the uncertainty leaves out" not in warning and "negative" not in warning:
                cautions.setdefault(warning, []).append(found.split)
    notes = [f"Not seen in this design: {'; '.join(missing)}."] if missing else []
    if not record.origin:
        notes += [_advice(record, extra) for extra in extras.values()]
    if (
        budgets
        and not record.origin
        and not any(line.name == "back end" for line in budgets[0].whole.lines)
    ):
        notes.append(
            "To see what the back end adds: the same model through another one, and modelmetry grr "
            "--back-ends with both runs."
        )
    notes += [f"{listed(where)}: {warning}." for warning, where in cautions.items()]
    return notes


def _missing(name: str, part_of: str | None) -> str:
    said = _NAMES.get(name, name)
    if part_of is None:
        return f"{said}, of which there is one"
    return f"{said}, counted with {_NAMES.get(part_of, part_of)}"


def _advice(record: RunRecord, extra: Extra) -> str:
    shown = listed([_NAMES.get(name, name) for name in extra.components])
    more = "" if extra.extra == 1 else f"{extra.extra:g} times "
    cost = f"{more}as many answers again"
    command = ["modelmetry", "run", suite_word(record.suite), "--model", record.model]
    command += model_options(record)
    if extra.factor == "repeat":
        how = shlex.join([*command, "--seed", str(record.seed), "--epochs", str(extra.wanted)])
    elif extra.factor == "edition":
        how = shlex.join([*command, "--seed", str(record.seed + 1)])
        how += ", and modelmetry grr with both runs"
    elif extra.factor == "back end":
        how = (
            "the same model through another back end, and modelmetry grr --back-ends with both runs"
        )
    elif extra.factor == "wording":
        how = f"{count(extra.wanted, 'prompt')} in the suite's file"
    else:
        how = f"{extra.wanted} levels of {extra.factor} in place of {extra.present}"
    return f"To see {shown}: {how} ({cost})."
