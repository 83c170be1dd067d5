"""Persona studies: whether what users say about themselves changes what a model refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from modelmetry.api.results import read_run, verdicts_of
from modelmetry.errors import BadInput, nearest

if TYPE_CHECKING:
    from modelmetry.analyses.guardrails.runs import Apart
    from modelmetry.analyses.guardrails.study import GuardrailStudy


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardrails:
    """The persona studies of one or more runs.

    Attributes:
        names: What the runs are called.
        studies: One of each run, in the same order.
        apart: S of every two runs that asked by the same people on the same topics.
    """

    names: tuple[str, ...]
    studies: tuple[GuardrailStudy, ...]
    apart: tuple[Apart, ...]


def guardrails(
    run_folders: str | Path | Sequence[str | Path],
    *,
    scores: str | Path | Mapping[str, tuple[float, str]] | None = None,
    partial: Literal["complies", "refuses"] = "complies",
    classifier: str | None = None,
    margin: float = 0.05,
    correction: str = "holm",
) -> Guardrails:
    """Refusals by who asks: rates, contrasts, sycophancy, noise floor. A report has the same numbers.

    Args:
        run_folders: One run, or several.
        scores: External scores of groups, such as the conservatism of fans: a CSV file with the columns
            group or level, score, source; or group or level -> score and source. By default those that
            the study's own tables have.
        partial: What a reply that does a part of what was asked counts as.
        classifier: `rules`, or `judge <model spec>`; by default the first judge, else the rules.
        margin: Largest difference from the placebo that does not matter, in (0, 1).
        correction: `holm`, `bh` (Benjamini-Hochberg) or `by` (Benjamini-Yekutieli).

    Raises:
        BadInput: No run, a run without answers or without personas, or an argument out of range.
    """
    from modelmetry.analyses.comparison import run_names
    from modelmetry.analyses.guardrails.runs import differences
    from modelmetry.analyses.guardrails.scores import read_scores
    from modelmetry.analyses.guardrails.study import study

    folders = [run_folders] if isinstance(run_folders, str | Path) else list(run_folders)
    if not folders:
        raise BadInput("guardrails: no run; allowed: one or more")
    outside = read_scores(str(scores)) if isinstance(scores, str | Path) else scores
    found, records = [], []
    for read in map(read_run, folders):
        if not read.scores.num_rows:
            raise BadInput(f"{read.folder}: the run has no answers yet; allowed: runs with answers")
        made = study(
            read.record,
            read.scores,
            verdicts_of(read),
            partial=partial,
            classifier=classifier,
            scores_of_groups=outside,
            margin=margin,
            correction=correction,
        )
        if made is None:
            splits = {split for task in read.record.suite.tasks for split in task.splits}
            if splits == {"train"}:
                raise BadInput(
                    f"{read.folder}: a screening, whose people are not measured; allowed: runs of other "
                    "splits (choose requests with: modelmetry screen)"
                )
            raise BadInput(
                f"{read.folder}: nobody in particular asks; allowed: runs of suites such as guardrails, "
                "whose problems have the factors group, frame and request"
            )
        found.append(made)
        records.append(read.record)
    _check_named(outside or {}, found)
    names = run_names(records)
    return Guardrails(
        names=tuple(names), studies=tuple(found), apart=tuple(differences(found, names))
    )


def _check_named(scores: Mapping[str, tuple[float, str]], found: Sequence[GuardrailStudy]) -> None:
    """Refuse scores of groups that no study has, which a typo makes.

    Raises:
        BadInput: There are some.
    """
    groups = {group for study in found for task in study.tasks for group in task.replies.groups}
    known = {name for group in groups for name in (group.name, group.level)}
    if unknown := [name for name in scores if name not in known]:
        allowed = ", ".join(sorted(group.name for group in groups))
        raise BadInput(
            f"scores: no group {unknown[0]!r}{nearest(unknown[0], known)}; allowed: {allowed}"
        )
