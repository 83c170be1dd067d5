"""Planning runs: how much to ask for an effect to be found, and what it takes; asks nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import modelmetry.suites as suites
from modelmetry.api.asking import PER_TOKEN, sendings
from modelmetry.api.making import read_suite
from modelmetry.api.results import Run, read_run
from modelmetry.errors import BadInput
from modelmetry.items import Item, Seed
from modelmetry.suites import Suite

if TYPE_CHECKING:
    from modelmetry.analyses.pilot import Cost
    from modelmetry.analyses.planning import Plan

_LOOKED_AT = 100
"""Problems whose length stands for all, where no pilot counted tokens."""


def plan(
    suite: str | Path | Suite,
    *,
    effect: float | None = None,
    power: float = 0.8,
    level: float = 0.95,
    pilots: Sequence[str | Path] = (),
    split: str | None = None,
    one: bool = False,
    accuracy: float | None = None,
    correlation: float | None = None,
    budget: float | None = None,
    price_input: float | None = None,
    price_output: float | None = None,
    requests_per_second: float | None = None,
    suite_options: Mapping[str, Any] | None = None,
) -> Plan:
    """The cheapest way to find an effect: problems, wordings, repeats, tokens, money and hours.

    Args:
        suite: Name, path or suite.
        effect: Difference in accuracy to be found, in (0, 1); None to see what the suite can find.
        power: Wanted probability of finding it, in (1 - level, 1).
        level: One minus the two-sided error rate of the test, in (0, 1).
        pilots: Folders of one run, or of one run of each of the two models on the same items.
        split: The split's label; None for the suite's first primary one.
        one: Plan for one model against a known number, not for two models.
        accuracy: Expected accuracy, in (0, 1), where there is no pilot; None for 0.5, the worst.
        correlation: Of the two models' scores on an item, in [-1, 1), where it is not measured;
            None for 0.3.
        budget: US dollars for all models together; needs prices.
        price_input: US dollars per million input tokens, >= 0; None for the pilot's cost.
        price_output: US dollars per million output tokens, >= 0.
        requests_per_second: Answers a second, > 0; None for the pilot's.
        suite_options: Options of the suite's generators in place of its own, as text or as values.

    Returns:
        The plan, a `modelmetry.analyses.planning.Plan`.

    Raises:
        BadInput: A number is outside its range, or a pilot cannot be used.
    """
    from modelmetry.analyses import pilot
    from modelmetry.analyses.planning import find_split
    from modelmetry.analyses.planning import plan as plan_suite

    _check(effect, power, level, accuracy, correlation, budget)
    _check_rates(price_input, price_output, requests_per_second)
    if pilots and accuracy is not None:
        raise BadInput("accuracy: a pilot is given, which measures it; allowed: either of the two")
    chosen = read_suite(suite, suite_options)
    label = split or (chosen.primary or _labels(chosen))[0]
    find_split(chosen, label)
    seconds = None if requests_per_second is None else 1 / requests_per_second
    known = _guessed(chosen, label, seconds)
    models = 1 if one else 2
    alike = pilot.CORRELATION if correlation is None else correlation
    if pilots:
        runs = [_pilot(folder, chosen) for folder in pilots]
        read = [(run.record, run.scores) for run in runs]
        basis = pilot.piloted(read, label, alike, known, models=models)
    else:
        expected = 0.5 if accuracy is None else accuracy
        basis = pilot.stated(expected, alike, known, models=models, effect=effect or 0.0)
    if price_input is not None or price_output is not None:
        basis = replace(basis, cost=basis.cost.priced(price_input or 0.0, price_output or 0.0))
    return plan_suite(
        chosen,
        label,
        basis,
        models=models,
        effect=effect,
        power=power,
        level=level,
        budget=budget,
    )


def _check(
    effect: float | None,
    power: float,
    level: float,
    accuracy: float | None,
    correlation: float | None,
    budget: float | None,
) -> None:
    """Refuse numbers outside their ranges, NaN included."""
    for name, value in (("effect", effect), ("accuracy", accuracy), ("level", level)):
        if value is not None and not 0 < value < 1:
            raise BadInput(f"{name}: {value:g}; allowed: between 0 and 1, both excluded")
    if not 1 - level < power < 1:
        raise BadInput(
            f"power: {power:g}; allowed: between {1 - level:g}, the test's error rate, and 1, both "
            "excluded"
        )
    if correlation is not None and not -1 <= correlation < 1:
        raise BadInput(f"correlation: {correlation:g}; allowed: from -1 to below 1")
    if budget is not None and not 0 < budget < math.inf:
        raise BadInput(f"budget: {budget:g}; allowed: US dollars above 0")


def _check_rates(
    price_input: float | None, price_output: float | None, requests_per_second: float | None
) -> None:
    for name, price in (("price-input", price_input), ("price-output", price_output)):
        if price is not None and not 0 <= price < math.inf:
            raise BadInput(f"{name}: {price:g}; allowed: US dollars per million tokens, from 0")
    if requests_per_second is not None and not 0 < requests_per_second < math.inf:
        raise BadInput(f"requests-per-second: {requests_per_second:g}; allowed: numbers above 0")


def _labels(suite: Suite) -> list[str]:
    return [suite.label(task.name, split) for task in suite.tasks for split in task.splits]


def _pilot(folder: str | Path, suite: Suite) -> Run:
    """A run of the suite, scored.

    Raises:
        BadInput: It is no run, of another suite, or of another version.
    """
    run = read_run(folder)
    asked = run.record.suite
    if (asked.name, asked.version) != (suite.name, suite.version):
        raise BadInput(
            f"pilot: {folder} asked {asked.name} version {asked.version}; "
            f"allowed: runs of {suite.name} version {suite.version}"
        )
    return run


def _guessed(suite: Suite, label: str, seconds: float | None) -> Cost:
    """What an answer takes as far as the suite's texts tell: four characters a token."""
    from modelmetry.analyses.pilot import Cost

    kept = (
        item for item in suites.items(suite, Seed(root=0), _LOOKED_AT) if _in(suite, item, label)
    )
    asked = list(islice(kept, _LOOKED_AT))
    most = suite.sampling.max_tokens
    lengths = [length for item in asked for _, length in sendings(item, most)]
    besides = ", pictures not counted" if any(item.pictures for item in asked) else ""
    return Cost(
        input_tokens=sum(lengths) / len(asked) / PER_TOKEN,
        output_tokens=most * len(lengths) / len(asked),
        seconds=seconds,
        about=f"four characters a token in{besides}, at most max_tokens out",
    )


def _in(suite: Suite, item: Item, label: str) -> bool:
    return suite.label(item.task, item.problem.split) == label
