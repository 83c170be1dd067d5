"""Plans of a run: the designs that find an effect on one split, what they take, and the cheapest.

The number planned for is an accuracy: its difference between two models asked the same problems, as
`compare` tests it, or one model's against a known number. Wordings are those of the suite: the
promise is for the accuracy over the wordings that are asked, not over all there could be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from modelmetry.analyses.pilot import Basis
from modelmetry.errors import BadInput, offered
from modelmetry.statistics import planning
from modelmetry.statistics.clustered import FEW_CLUSTERS
from modelmetry.statistics.distributions import two_sided
from modelmetry.statistics.planning import Design
from modelmetry.suites import Suite, Task, generator_of

REPEATS = (1, 2, 4, 8)
"""Repeats that are tried."""

_TIMES = (1, 2, 4, 10)
"""Sizes that are shown where no effect is wanted, in units of the suite's own."""

_CURVE = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
"""Effects of the power curve, in units of the one planned for."""

_WORTH = 0.8
"""A design with more answers to each problem is listed if it needs at most this share of problems."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One design, with what it finds and what it takes.

    Attributes:
        design: Clusters, wordings and repeats.
        problems: Problems of the split: `modelmetry run --limit`.
        detectable: Smallest effect found with the wanted power; None below two clusters.
        half_width: Expected half-width of the interval; None below two clusters.
        power: Of finding the wanted effect; None where none is wanted.
        requests: Of all models together.
        input_tokens: Of all models together.
        output_tokens: Of all models together.
        usd: Of all models together; None where no price is known.
        hours: Of all models, one after the other; None where unknown.
        lacking: What stands against it, in words; empty if nothing does.
    """

    design: Design
    problems: int
    detectable: float | None
    half_width: float | None
    power: float | None
    requests: int
    input_tokens: int
    output_tokens: int
    usd: float | None
    hours: float | None
    lacking: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Designs for one split of a suite, cheapest first.

    Attributes:
        suite: The suite's name.
        split: The split's label.
        models: 2 for a paired difference, 1 for one model against a known number.
        effect: The difference to be found; None to see what the suite as it stands can find.
        power: Wanted probability of finding it.
        level: One minus the two-sided error rate of the test.
        basis: Where variances and costs come from.
        options: The designs.
        recommended: Place of the recommended one among them; None where none will do.
        curve: (effect, power) at the design `shown`.
        notes: What to know, one sentence each.
    """

    suite: str
    split: str
    models: int
    effect: float | None
    power: float
    level: float
    basis: Basis
    options: tuple[Option, ...]
    recommended: int | None
    curve: tuple[tuple[float, float], ...]
    notes: tuple[str, ...]

    @property
    def shown(self) -> Option:
        """The recommended design, or else the last: what the space or the budget allows."""
        return self.options[-1 if self.recommended is None else self.recommended]


def plan(
    suite: Suite,
    split: str,
    basis: Basis,
    *,
    models: int = 2,
    effect: float | None = None,
    power: float = 0.8,
    level: float = 0.95,
    budget: float | None = None,
) -> Plan:
    """The designs that find an effect on a split, or what the suite as it stands can find.

    For every number of wordings and repeats the fewest problems are looked for; recommended is the
    cheapest that the suite can ask: in all its wordings, within its space and the budget.

    Args:
        suite: The suite.
        split: The split's label.
        basis: Variances and costs.
        models: 2 for a paired difference, 1 for one model against a known number.
        effect: The difference to be found, above 0; None to see what the suite can find.
        power: Wanted probability of finding it, in (1 - level, 1).
        level: One minus the two-sided error rate of the test, in (0, 1).
        budget: US dollars for all models together; None for no limit.

    Raises:
        BadInput: There is no such split, a number is outside its range, or there is a budget but
            no price.
    """
    if budget is not None and basis.cost.usd is None:
        raise BadInput(
            "budget: prices are unknown; allowed: a pilot with prices, or --price-input and "
            "--price-output"
        )
    task, name = find_split(suite, split)
    planner = _Planner(
        basis=basis,
        models=models,
        effect=effect,
        power=power,
        level=level,
        budget=budget,
        wordings=len(task.prompts),
        space=generator_of(task).count(name),
    )
    asked = task.splits[name]
    if effect is None:
        found = [planner.of(max(1, int(n * asked / basis.problems)), suite.repeats) for n in _TIMES]
    else:
        found = planner.finding(effect)
    found += planner.bought(suite.repeats)
    options = [planner.option(design) for design in dict.fromkeys(found)]
    fit = [i for i, option in enumerate(options) if not option.lacking]
    shown = options[fit[0] if fit else -1]
    unit = effect or shown.detectable or 0.0
    curve = tuple(
        (e, planner.power_of(shown.design, e)) for e in (unit * x for x in _CURVE) if e <= 1
    )
    return Plan(
        suite=suite.name,
        split=split,
        models=models,
        effect=effect,
        power=power,
        level=level,
        basis=basis,
        options=tuple(options),
        recommended=fit[0] if fit else None,
        curve=curve,
        notes=tuple(_notes(suite, planner, shown, asked)),
    )


def find_split(suite: Suite, split: str) -> tuple[Task, str]:
    """The task and the split's name behind a label.

    Raises:
        BadInput: There is no such split.
    """
    known = {
        suite.label(task.name, name): (task, name) for task in suite.tasks for name in task.splits
    }
    if split not in known:
        raise BadInput(f"{suite.name}: no split {split!r}{offered(split, known)}")
    return known[split]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planner:
    """What is the same for every design of a plan."""

    basis: Basis
    models: int
    effect: float | None
    power: float
    level: float
    budget: float | None
    wordings: int
    space: int

    @property
    def clusters(self) -> int:
        """Clusters that the space holds."""
        return max(1, int(self.space / self.basis.problems))

    def finding(self, effect: float) -> list[Design]:
        """The cheapest designs that find an effect, and the largest the space allows if none fits."""
        parts = self.basis.variances
        most = {1, self.wordings, 2 * self.wordings} if parts.wording else {self.wordings}
        found = planning.designs(
            effect,
            parts,
            wordings=sorted(most),
            repeats=REPEATS if parts.noise else (1,),
            power=self.power,
            level=self.level,
            paired=self.models == 2,
        )
        listed = [design for design in found if not self._idle(design, found)]
        own = [design for design in listed if design.wordings == self.wordings]
        if all(design.clusters > self.clusters for design in own):
            repeats = REPEATS if parts.noise else (1,)
            listed += [self.of(self.clusters, k) for k in (repeats[0], repeats[-1])]
        return listed

    def _idle(self, design: Design, others: list[Design]) -> bool:
        """Whether fewer answers to each problem do nearly as well, with problems that there are."""
        return any(
            other.clusters <= self.clusters
            and other.per_cluster < design.per_cluster
            and other.wordings <= design.wordings
            and other.repeats <= design.repeats
            and (other.wordings == design.wordings or design.wordings > self.wordings)
            and design.clusters > _WORTH * other.clusters
            for other in others
        )

    def of(self, clusters: int, repeats: int) -> Design:
        """A design in the suite's own wordings."""
        return Design(clusters=clusters, wordings=self.wordings, repeats=repeats)

    def bought(self, repeats: int) -> list[Design]:
        """The largest design that the budget pays for, if it pays for one."""
        if self.budget is None or not self.basis.cost.usd:
            return []
        each = self.basis.cost.usd * self.basis.problems * self.wordings * repeats
        clusters = min(self.clusters, int(self.budget / each + 1e-9))
        return [self.of(clusters, repeats)] if clusters > 1 else []

    def power_of(self, design: Design, effect: float) -> float:
        """Probability that a design finds an effect."""
        return planning.power(
            effect, self.basis.variances, design, level=self.level, paired=self.models == 2
        )

    def option(self, design: Design) -> Option:
        """A design with what it finds and takes."""
        parts, cost = self.basis.variances, self.basis.cost
        problems = math.ceil(design.clusters * self.basis.problems - 1e-9)
        answers = problems * design.per_cluster
        error = math.sqrt(parts.of_mean(design) / design.clusters)
        usd = None if cost.usd is None else cost.usd * answers
        power = None if self.effect is None else self.power_of(design, self.effect)
        return Option(
            design=design,
            problems=problems,
            detectable=planning.detectable(
                parts, design, power=self.power, level=self.level, paired=self.models == 2
            ),
            half_width=two_sided(self.level, design.clusters - 1) * error
            if design.clusters > 1
            else None,
            power=power,
            requests=answers * self.models,
            input_tokens=round(cost.input_tokens * answers),
            output_tokens=round(cost.output_tokens * answers),
            usd=usd,
            hours=None if cost.seconds is None else cost.seconds * answers / 3600,
            lacking="; ".join(self._lacking(design, problems, usd, power)),
        )

    def _lacking(
        self, design: Design, problems: int, usd: float | None, power: float | None
    ) -> list[str]:
        found = []
        if problems > self.space:
            found.append(f"the split holds {self.space} problems")
        if design.wordings < self.wordings:
            found.append(f"leaves out {self.wordings - design.wordings} of the suite's wordings")
        if design.wordings > self.wordings:
            found.append(f"the suite has {self.wordings} wordings")
        if power is not None and power < self.power:
            found.append(f"power {power:.2f}")
        if self.budget is not None and usd is not None and usd > self.budget * (1 + 1e-9):
            found.append("over the budget")
        return found


def _notes(suite: Suite, planner: _Planner, shown: Option, asked: int) -> list[str]:
    found = list(planner.basis.notes)
    effect = planner.effect or shown.detectable
    against = effect and planning.against(effect, planner.basis.variances, shown.design.clusters)
    if planner.models == 2 and against is not None and against < planning.FEW_AGAINST:
        found.append(
            f"only about {against:.1f} problems would speak for the worse model: the power is rough"
        )
    if shown.design.clusters < FEW_CLUSTERS:
        found.append(f"only {shown.design.clusters} independent problems: the power is rough")
    splits = sum(len(task.splits) for task in suite.tasks)
    if planner.models == 2 and splits > 1:
        family = 1 - (1 - planner.level) / splits
        found.append(
            f"`compare` corrects for the suite's {splits} splits: with --level {family:.4g} the "
            "promise holds after it too"
        )
    if shown.problems > asked:
        found.append(
            f"the suite asks {asked} problems of this split: raise `splits` in its file to "
            f"{shown.problems}; its other splits are asked beside, and not counted here"
        )
    return found
