"""What the terminal shows of memorization studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.markup import escape

from modelmetry.analyses.memorization.growth import Growth
from modelmetry.analyses.memorization.predictions import why_none
from modelmetry.analyses.memorization.study import MemorizationStudy, TaskStudy
from modelmetry.cli.display import OUT, grid
from modelmetry.reports.memorization.plain import in_copies, plain_span, short
from modelmetry.reports.words import p_value
from modelmetry.statistics import Estimate

_NOT_TOLD = "-"
_FEATURES = 12
"""Features shown of a task."""


def show(name: str, study: MemorizationStudy) -> None:
    """Print the main tables of a study.

    Args:
        name: What the run is called.
        study: The run's study.
    """
    from modelmetry.reports.memorization.words import has_logprobs

    for task in study.tasks:
        probes = task.probes
        OUT.print(
            f"[bold]{escape(name)}[/] {escape(task.task)}: {len(probes):,} sequences, {probes.k:,} tokens "
            f"shown and to follow, wording {escape(probes.wording)}; recitation: more than "
            f"{study.threshold} copies",
            soft_wrap=True,
        )
        _rates(task)
        _shares(task)
        _halfway(task)
        _exposure(task)
        _predictions(task)
        _dependence(task)
        if not has_logprobs(task):
            OUT.print(
                "text alone: exposure and perplexities need --logprobs target and a model with completions",
                markup=False,
            )
        for warning in dict.fromkeys(_warnings(task)):
            OUT.print(f"note: {warning}", markup=False)


def _warnings(task: TaskStudy) -> list[str]:
    models = task.predictions.warnings if task.predictions else ()
    return [*map(in_copies, [*task.warnings, *task.probes.warnings]), *models]


def _rates(task: TaskStudy) -> None:
    """Shares extracted in percent, and what is owed to exposure in points."""
    compared = {(each.by, each.level): each for each in task.counterfactual}
    others = {(rate.by, rate.level): rate.extracted for rate in task.rates if not rate.inserted}
    lines = grid(
        "extracted, %", "planted>", "95 % interval>", "not planted>", "95 % interval>", "owed, points>",
        "95 % interval>", "p>",
    )  # fmt: skip
    for rate in task.rates:
        if not rate.inserted:
            continue
        by = "copies" if rate.by == "duplicates" else rate.by
        name = rate.level if by in ("all", "category") else f"{by} {rate.level}"
        cells = [escape(name), _share(rate.extracted), _interval(rate.extracted)]
        found = compared.get((rate.by, rate.level))
        if found is None:
            other = others.get((rate.by, rate.level))
            cells += [_share(other), _interval(other) if other else _NOT_TOLD, *[_NOT_TOLD] * 3]
        else:
            cells += [
                _share(found.twins),
                _interval(found.twins),
                f"{100 * found.difference.value:+.1f}",
                _interval(found.difference, sign="+"),
                p_value(found.p),
            ]
        lines.add_row(*cells)
    OUT.print(lines)


def _shares(task: TaskStudy) -> None:
    known = [(each.category, each.share) for each in task.shares if each.share is not None]
    if not known:
        return
    lines = grid("of what was extracted", "%>", "95 % interval>")
    for name, share in known:
        lines.add_row(escape(name), _share(share), _interval(share))
    OUT.print(lines)


def _halfway(task: TaskStudy) -> None:
    if not task.halfway:
        return
    lines = grid("half extracted at", "copies>", "95 % interval>", "")
    for each in task.halfway:
        est = each.duplicates
        lines.add_row(
            escape(each.kind),
            _NOT_TOLD if est is None else short(est.value),
            _NOT_TOLD if est is None else plain_span(est, brief=True),
            escape(in_copies(each.warnings[0]) if each.warnings else ""),
        )
    OUT.print(lines)


def _exposure(task: TaskStudy) -> None:
    if not task.exposure:
        return
    lines = grid("canaries with", "exposure, bits>", "95 % interval>", "at most>", "p>")
    for each in task.exposure:
        lines.add_row(
            f"{each.duplicates:,} copies" if each.duplicates != 1 else "1 copy",
            f"{each.bits.value:.2f}",
            plain_span(each.bits, brief=True),
            f"{each.most:.2f}",
            p_value(each.p),
        )
    OUT.print(lines)


def _predictions(task: TaskStudy) -> None:
    found = task.predictions
    if found is None:
        if why := why_none(task.probes):
            OUT.print(why, markup=False)
        return
    value = {(each.model, each.metric): each.value for each in found.qualities}
    lines = grid("held-out", "models", "values>", "difference>", "95 % interval>", "p>")
    for each in found.gains:
        sides = [value.get((name, each.metric)) for name in (each.a, each.b)]
        lines.add_row(
            escape(each.metric),
            escape(f"{each.a} - {each.b}"),
            " - ".join("?" if side is None else f"{side.value:.3f}" for side in sides),
            f"{each.difference.value:+.3f}",
            _decimals(each.difference),
            p_value(each.p),
        )
    OUT.print(lines)


def _dependence(task: TaskStudy) -> None:
    """The features of all sequences, those that tell most first."""
    told = [(e, e.auc) for e in task.dependence if e.category == "all" and e.auc is not None]
    if not told:
        return
    lines = grid("feature", "AUC>", "95 % interval>", "p, Holm>")
    for each, auc in sorted(told, key=lambda pair: -abs(pair[1].value - 0.5))[:_FEATURES]:
        interval = plain_span(auc, brief=True)
        lines.add_row(escape(each.feature), f"{auc.value:.3f}", interval, p_value(each.p))
    OUT.print(lines)
    if len(told) > _FEATURES:
        OUT.print(
            f"the {_FEATURES} of {len(told)} features that tell most; the report has all of them",
            markup=False,
        )


def growth(found: Growth) -> None:
    """Rates and shares of every run, then the last less the first; in tables of 100 columns."""
    OUT.print(f"[bold]{escape(found.task)}[/] along {escape(found.axis)}")
    axis, at = escape(found.axis), [f"{run.at:,.12g}" for run in found.runs]
    # Runs of one model have long names: they stand once, and the places below stand for them.
    lines = grid(f"{axis}>", "run")
    for place, run in zip(at, found.runs, strict=True):
        lines.add_row(place, escape(run.name))
    OUT.print(lines)
    lines = grid(f"{axis}>", "all, %>", "twins, %>", "half at, copies>")
    for place, run in zip(at, found.runs, strict=True):
        half = _NOT_TOLD
        if run.halfway is not None:
            half = f"{short(run.halfway.value)} ({plain_span(run.halfway, brief=True)})"
        sides = [_with_interval(each) for each in (run.rates.get("all"), run.twins)]
        lines.add_row(place, *sides, half)
    OUT.print(lines)
    _by_category("extracted, %", at, [run.rates for run in found.runs])
    _by_category("share of it, %", at, [run.shares for run in found.runs])
    lines = grid("last less first", "of", "points>", "95 % interval>", "p, Holm>")
    for each in found.changes:
        lines.add_row(
            escape(each.category),
            each.of,
            f"{100 * each.difference.value:+.1f}",
            _interval(each.difference, sign="+"),
            p_value(each.p),
        )
    OUT.print(lines)
    for warning in found.warnings:
        OUT.print(f"note: {warning}", markup=False)


def _by_category(
    head: str, at: Sequence[str], runs: Sequence[Mapping[str, Estimate | None]]
) -> None:
    """One number of each category and run."""
    names = [name for name in dict.fromkeys(n for of in runs for n in of) if name != "all"]
    if not names:
        return
    lines = grid(f"{head}>", *(f"{escape(name)}>" for name in names))
    for place, of in zip(at, runs, strict=True):
        lines.add_row(place, *(_with_interval(of.get(name)) for name in names))
    OUT.print(lines)


def _share(found: Estimate | None) -> str:
    return _NOT_TOLD if found is None else f"{100 * found.value:.1f}"


def _with_interval(found: Estimate | None) -> str:
    return _NOT_TOLD if found is None else f"{_share(found)} ({_interval(found)})"


def _interval(found: Estimate, sign: str = "") -> str:
    if found.low is None or found.high is None:
        return "none"
    return f"{100 * found.low:{sign}.1f} to {100 * found.high:{sign}.1f}"


def _decimals(found: Estimate) -> str:
    if found.low is None or found.high is None:
        return "none"
    return f"{found.low:+.3f} to {found.high:+.3f}"
