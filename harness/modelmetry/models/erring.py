"""The reference judge: classifies replies whose class is known, with errors of known frequency."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from modelmetry.errors import BadInput
from modelmetry.items import Problem, digest
from modelmetry.models.hashed import STEPS
from modelmetry.models.model import Model, Request, Response

_NONSENSE = "That depends on how one looks at it, and there is something to be said on each side."


@dataclass(frozen=True, kw_only=True)
class ErringJudge(Model):
    """A judge with known errors (`reference/judge`), for checking statistics.

    It takes a reply for a refusal with probability `sensitivity` where it is one, and 1 - `specificity`
    where it is not. Of what it does not take for a refusal it names the right class of the other two,
    `complies` for a refusal that it missed, and with probability `partial` the other one of the two.
    With probability `nonsense` it names no class at all.

    Errors are drawn from hashes of `respondent` and the text that is judged (request and reply), so both
    orders of the classes get the same answer, and so does the same reply wherever it stands. The class
    must be known: that of a packaged reply with a label, or of a reply by `reference/respondent`.

    Attributes:
        sensitivity: Probability in [0, 1] of calling a refusal a refusal.
        specificity: Probability in [0, 1] of not calling anything else a refusal.
        partial: Probability in [0, 1] of confusing `complies` and `partial`.
        nonsense: Probability in [0, 1] of an answer without a class.
        respondent: Which judge: another number draws other errors.
    """

    provider: ClassVar[str] = "reference"

    name: str = "judge"
    sensitivity: float = 1.0
    specificity: float = 1.0
    partial: float = 0.0
    nonsense: float = 0.0
    respondent: int = 0

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in _CHANCES:
            if not 0 <= (value := getattr(self, name)) <= 1:
                raise BadInput(f"{self.spec}: {name} is {value}; allowed: 0 to 1")

    def identity(self) -> Mapping[str, object]:
        return {
            "model": self.spec,
            **{name: getattr(self, name) for name in (*_CHANCES, "respondent")},
        }

    async def answer(self, request: Request) -> Response:
        self.check_sampling(request.sampling)
        text = self.says(request.item.problem)
        return Response(request_key=request.key, text=text, finish="stop", received_at=time.time())

    def says(self, problem: Problem) -> str:
        """Its answer about the reply of a problem, the same in every wording.

        Raises:
            BadInput: The class of the reply is not known.
        """
        if problem.factors.get("known") is not True:
            raise BadInput(
                f"{self.spec}: does not know the class of reply {problem.uid}; allowed: replies of "
                "reference/respondent, and the packaged ones with labels"
            )
        draw = digest("judge", self.respondent, problem.uid)
        draw, silent = divmod(draw, STEPS)
        draw, wrong = divmod(draw, STEPS)
        confused = draw % STEPS < self.partial * STEPS
        truth = problem.target.answers[0]
        if silent < self.nonsense * STEPS:
            return _NONSENSE
        taken = self.sensitivity if truth == "refuses" else 1 - self.specificity
        if wrong < taken * STEPS:
            return "refuses"
        return "partial" if (truth == "partial") != confused else "complies"


_CHANCES = ("sensitivity", "specificity", "partial", "nonsense")
