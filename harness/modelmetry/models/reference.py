"""Reference instruments: respondents whose reading is known before they are measured."""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import ClassVar

from modelmetry.errors import BadInput, offered
from modelmetry.items import Generator, Problem, Target, digest, load
from modelmetry.models.erring import ErringJudge
from modelmetry.models.hashed import STEPS, logistic, normal
from modelmetry.models.model import Model, Request, Response
from modelmetry.models.respondent import Respondent

_HEARD = "Thank you, I have read that."  # what is said before the turn that is scored
_SPREAD = 9  # a wrong number is off by 1 to this where a target names no alternatives


@dataclass(frozen=True, kw_only=True)
class Reference(Model):
    """A respondent that needs no server; `kind` finds the one that a name stands for."""

    provider: ClassVar[str] = "reference"

    @classmethod
    def kind(cls, name: str) -> type[Model]:
        if name == "check-standard":
            from modelmetry.models.check_standard import CheckStandard

            return CheckStandard
        if name not in _KINDS:
            known = sorted([*_KINDS, "check-standard"])
            raise BadInput(f"model: unknown reference {name!r}{offered(name, known)}")
        return _KINDS[name]

    async def answer(self, request: Request) -> Response:
        self.check_sampling(request.sampling)
        # Their reading is that of the scored turn; before it they take note and say nothing.
        return await self.reply(request) if request.last else _response(request.key, _HEARD)

    @abstractmethod
    async def reply(self, request: Request) -> Response:
        """The last reply of a conversation, or the only one."""


@dataclass(frozen=True, kw_only=True)
class Oracle(Reference):
    """Always right: gives the canonical answer (`reference/oracle`)."""

    name: str = "oracle"

    async def reply(self, request: Request) -> Response:
        return _response(request.key, request.item.problem.target.answers[0])


@dataclass(frozen=True, kw_only=True)
class Chance(Reference):
    """Guesses uniformly among the answers that the question admits (`reference/chance`).

    Its expected score on an item is `target.chance`. Where the target states neither choices nor
    a domain there is nothing to guess among, and it answers with an empty text.
    """

    name: str = "chance"

    async def reply(self, request: Request) -> Response:
        key = request.key
        return _response(key, guess(request.item.problem.target, int(key, 16)))


@dataclass(frozen=True, kw_only=True)
class Majority(Reference):
    """Gives the commonest right answer of the item's generator and split (`reference/majority`).

    What is gained by knowing the answers' marginal distribution and reading nothing. Ties go to
    the answer that sorts first.
    """

    name: str = "majority"
    _commonest: dict[tuple[str, str], str] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    studies: ClassVar[bool] = True

    def study(self, problems: Iterable[Problem]) -> None:
        counts: dict[tuple[str, str], Counter[str]] = {}
        for problem in problems:
            place = counts.setdefault((problem.generator, problem.split), Counter())
            place[problem.target.answers[0]] += 1
        for where, answers in counts.items():
            most = max(answers.values())
            self._commonest[where] = min(text for text, n in answers.items() if n == most)

    async def reply(self, request: Request) -> Response:
        problem = request.item.problem
        text = self._commonest.get((problem.generator, problem.split))
        if text is None:
            raise BadInput(
                f"{self.spec}: has not studied {problem.generator}/{problem.split}; "
                "allowed: problems given to study() first"
            )
        return _response(request.key, text)


@dataclass(frozen=True, kw_only=True)
class Simulated(Reference):
    """A respondent of known ability (`reference/simulated`), for checking statistics.

    With probability (1 - lapse) * logistic(eta) it knows the answer and gives it; otherwise it
    guesses like `reference/chance`. So it is right with probability k + (1 - k) * target.chance,
    where k = (1 - lapse) * logistic(eta) and

        eta = ability - slope * difficulty + shift + wording_sd * w + cluster_sd * c

    with the problem's level of its generator's difficulty factor, the sum of the `split_shift` whose
    pattern its split's name matches, and standard normal numbers w
    (one per task and wording) and c (one per cluster), drawn from hashes of `respondent` and
    their names. Repeats of an item share eta and are independent given it.

    Attributes:
        ability: Logit of knowing an item of difficulty 0, without wording and cluster effects.
        slope: Logits lost per unit of the difficulty factor.
        lapse: Probability in [0, 1] of guessing whatever the ability.
        wording_sd: Standard deviation, in logits, of the effects of wordings; >= 0.
        cluster_sd: Standard deviation, in logits, of the effects of clusters; >= 0.
        split_shift: Pattern of `split` or `task/split`, with `*` for anything -> logits gained there,
            such as `{"*-ood": -1.0}` for a respondent with a gap.
        respondent: Which respondent: another number draws other effects and answers.
    """

    name: str = "simulated"
    ability: float = 1.0
    slope: float = 0.0
    lapse: float = 0.0
    wording_sd: float = 0.0
    cluster_sd: float = 0.0
    split_shift: Mapping[str, float] = field(default_factory=dict)
    respondent: int = 0

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 0 <= self.lapse <= 1:
            raise BadInput(f"{self.spec}: lapse is {self.lapse}; allowed: 0 to 1")
        for name in ("wording_sd", "cluster_sd"):
            if not 0 <= (value := getattr(self, name)) < math.inf:
                raise BadInput(f"{self.spec}: {name} is {value}; allowed: from 0")
        if not math.isfinite(self.ability) or not math.isfinite(self.slope):
            raise BadInput(
                f"{self.spec}: ability {self.ability}, slope {self.slope}; allowed: finite numbers"
            )
        for pattern, shift in self.split_shift.items():
            if not math.isfinite(shift):
                raise BadInput(
                    f"{self.spec}: split_shift of {pattern!r} is {shift}; allowed: finite numbers"
                )

    def identity(self) -> Mapping[str, object]:
        options = (
            "ability",
            "slope",
            "lapse",
            "wording_sd",
            "cluster_sd",
            "split_shift",
            "respondent",
        )
        return {"model": self.spec, **{name: getattr(self, name) for name in options}}

    def knows(self, request: Request) -> float:
        """Probability in [0, 1] that the answer is known rather than guessed."""
        item = request.item
        eta = self.ability
        if self.slope:
            eta -= self.slope * _difficulty(item.problem)
        for pattern, shift in self.split_shift.items():
            split = item.problem.split
            if any(fnmatchcase(name, pattern) for name in (split, f"{item.task}/{split}")):
                eta += shift
        if self.wording_sd:
            eta += self.wording_sd * normal("wording", self.respondent, item.task, item.wording)
        if self.cluster_sd:
            eta += self.cluster_sd * normal("cluster", self.respondent, item.problem.cluster)
        return (1 - self.lapse) * logistic(eta)

    async def reply(self, request: Request) -> Response:
        key = request.key
        target = request.item.problem.target
        draw = digest("simulated", self.respondent, key)
        draw, uniform = divmod(draw, STEPS)
        if uniform < self.knows(request) * STEPS:
            return _response(key, target.answers[0])
        return _response(key, guess(target, draw) or _off(target.answers[0], draw))


_KINDS: dict[str, type[Model]] = {
    "chance": Chance,
    "judge": ErringJudge,
    "majority": Majority,
    "oracle": Oracle,
    "respondent": Respondent,
    "simulated": Simulated,
}


def guess(target: Target, draw: int) -> str:
    """The admitted answer that a large random integer picks; empty when none are stated.

    Numbers have leading zeros, up to the canonical answer's length, if the canonical one has.
    """
    if target.choices:
        return target.choices[draw % len(target.choices)]
    if target.domain is None:
        return ""
    low, high = target.domain
    text = str(low + draw % (high - low + 1))
    canonical = target.answers[0]
    padded = len(canonical) > 1 and canonical[0] == "0" and canonical.isdecimal()
    return text.zfill(len(canonical)) if padded else text


def _off(canonical: str, draw: int) -> str:
    """A wrong number near a right one; empty when the right answer is no integer."""
    try:
        return str(int(canonical) + 1 + draw % _SPREAD)
    except ValueError:
        return ""


def _response(key: str, text: str) -> Response:
    return Response(request_key=key, text=text, finish="stop", received_at=time.time())


def _difficulty(problem: Problem) -> float:
    """The problem's level of its generator's difficulty factor."""
    generator: type[Generator] = load("generators", problem.generator)
    level = problem.factors.get(generator.difficulty)
    if not isinstance(level, int | float):
        raise BadInput(
            f"reference/simulated: {problem.generator} states no number for its difficulty "
            f"{generator.difficulty!r}; allowed: slope=0"
        )
    return float(level)
