"""The gates of a night but drift: check standard, coverage, regression and cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelmetry.nightly.job import Cost, Regression
from modelmetry.nightly.marks import Loss
from modelmetry.nightly.night import Cell, Kind, Outcome, Reading, Verdict
from modelmetry.statistics import holm

CHECK = "check standard"
COVERAGE = "coverage"
REGRESSION = "regression"
DRIFT = "drift"
COST = "cost"

_DIGITS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A model on one split, compared with what it is held against.

    Attributes:
        suite: The suite.
        model: The model.
        kind: Fresh problems or anchors.
        split: The split's label.
        against: The night or the model that it is held against.
        loss: The test; None where there is none.
        why: Why there is none; empty otherwise.
    """

    suite: str
    model: str
    kind: Kind
    split: str
    against: str
    loss: Loss | None = None
    why: str = ""


def check_standard(
    tonight: Sequence[Reading], before: Sequence[Reading], told: dict[str, str] | None = None
) -> list[Verdict]:
    """Whether the check standard's anchors are scored exactly as on their first night.

    It is deterministic: whatever differs is the instrument's doing (software, numbers, template, scorer).

    Args:
        tonight: The check standard's readings of the anchors.
        before: Its readings of earlier nights.
        told: Suite -> what is known of the items that changed.
    """
    first = {
        (r.suite, r.suite_version, r.edition): r for r in reversed(before) if r.kind == "anchor"
    }
    verdicts = []
    for reading in {r.suite: r for r in tonight if r.kind == "anchor"}.values():
        known = first.get((reading.suite, reading.suite_version, reading.edition))
        outcome: Outcome = "passed"
        if known is None:
            outcome = "not decided"
            says = "first night of these anchors; later nights are held against it"
        elif known.run_digest == reading.run_digest:
            says = f"every answer and score is that of {known.date}"
        else:
            outcome = "failed"
            more = (told or {}).get(reading.suite, "")
            says = f"the instrument moved: answers or scores are not those of {known.date}{more}"
        verdicts.append(
            Verdict(
                gate=CHECK, suite=reading.suite, model=reading.model, outcome=outcome, says=says
            )
        )
    return verdicts


def unchecked(suite: str, model: str) -> Verdict:
    """The verdict of a suite on which the check standard's anchors did not finish."""
    says = "its anchors did not finish, so that nobody knows whether the instrument moved"
    return Verdict(gate=CHECK, suite=suite, model=model, outcome="not decided", says=says)


def coverage(
    cells: Sequence[Cell], *, named: Sequence[str] = (), blocked: str = ""
) -> list[Verdict]:
    """What was to run and did not.

    Args:
        cells: All cells of the night.
        named: Suites that a gate names.
        blocked: Status note of cells that were held back on purpose, which one line stands for.
    """
    missing = [cell for cell in cells if cell.status != "finished"]
    held = [cell for cell in missing if blocked and cell.note == blocked]
    verdicts = []
    for cell in missing:
        if cell in held:
            continue
        gates = ", although a gate names the suite" if cell.suite in named else ""
        what = "fresh problems" if cell.kind == "fresh" else "anchors"
        verdicts.append(
            Verdict(
                gate=COVERAGE,
                suite=cell.suite,
                model=cell.model,
                outcome="failed",
                says=f"{what} did not finish ({cell.status}){gates}: {cell.note or 'no reason was left'}",
            )
        )
    if held:
        says = f"{len(held)} of {len(cells)} cells were not asked: {blocked}"
        verdicts.append(Verdict(gate=COVERAGE, outcome="failed", says=says))
    if not missing:
        says = f"all {len(cells)} cells finished"
        verdicts.append(Verdict(gate=COVERAGE, outcome="passed", says=says))
    return verdicts


def regression(compared: Sequence[Compared], gate: Regression) -> list[Verdict]:
    """Which losses are real: one family over all comparisons of the night, corrected by Holm.

    Args:
        compared: Every comparison of the night.
        gate: False-alarm rate and margin.
    """
    tested = [each for each in compared if each.loss is not None]
    corrected = holm([each.loss.p for each in tested if each.loss]) if tested else []
    adjusted = {id(each): float(p) for each, p in zip(tested, corrected, strict=True)}
    return [_regressed(each, adjusted.get(id(each)), len(tested), gate) for each in compared]


def _regressed(each: Compared, p: float | None, family: int, gate: Regression) -> Verdict:
    outcome: Outcome = "not decided"
    if each.loss is None or p is None:
        says = f"{_kind(each.kind)} against {each.against}: {each.why}"
    else:
        outcome = "failed" if p < gate.false_alarm_rate else "passed"
        says = f"{_kind(each.kind)} against {each.against}: {_found(each.loss, p, family, gate)}"
    return Verdict(
        gate=REGRESSION,
        suite=each.suite,
        model=each.model,
        split=each.split,
        outcome=outcome,
        says=says,
        p=p,
    )


def _found(found: Loss, p: float, family: int, gate: Regression) -> str:
    mean = found.paired.mean
    ends = found.paired.bounds(0.95)
    interval = f" (95 % interval {_points(ends[0])} to {_points(ends[1])})" if ends else ""
    alpha = gate.false_alarm_rate / family
    beyond = f", margin {100 * gate.margin:.1f}" if gate.margin else ""
    left = f", {found.left_out} items left out" if found.left_out else ""
    least = min(1.0, gate.margin + found.detectable(alpha))
    return (
        f"{_points(found.value)} points{interval}{beyond}; {mean.n} items in {mean.clusters} clusters{left}; "
        f"p = {p:.{_DIGITS}g} after Holm over {family}, limit {gate.false_alarm_rate:g}; "
        f"a loss of {100 * least:.1f} points would be found 4 times in 5"
    )


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"


def _kind(kind: Kind) -> str:
    return "fresh problems" if kind == "fresh" else "anchors"


def cost(cells: Sequence[Cell], gate: Cost) -> list[Verdict]:
    """What the night cost, in all and by model, against the limits.

    Args:
        cells: All cells of the night.
        gate: The limits.
    """
    spent: dict[str, float] = {}
    for cell in cells:
        spent[cell.model] = spent.get(cell.model, 0.0) + cell.cost_usd
    verdicts = []
    if gate.night is not None:
        verdicts.append(_priced("", sum(spent.values()), gate.night))
    if gate.model is not None:
        verdicts += [_priced(model, money, gate.model) for model, money in spent.items()]
    return verdicts


def _priced(model: str, spent: float, limit: float) -> Verdict:
    unpriced = "; 0 where no prices are given" if spent == 0 else ""
    return Verdict(
        gate=COST,
        model=model,
        outcome="failed" if spent > limit else "passed",
        says=f"{spent:.4f} USD, limit {limit:g} USD{unpriced}",
    )
