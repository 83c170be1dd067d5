"""Small runs to ask, and models that misbehave on purpose."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest

from modelmetry.items import Seed
from modelmetry.models import Model, Request, Response, resolve
from modelmetry.runs import prepare
from modelmetry.suites import Suite, edition, items, read


@dataclass(frozen=True, kw_only=True)
class Scripted(Model):
    """A model that answers by calling a function; the seam's smallest real implementation."""

    script: Callable[[Request], Awaitable[str]]
    name: str = "scripted"
    provider: ClassVar[str] = "test"

    async def answer(self, request: Request) -> Response:
        text = await self.script(request)
        return Response(
            request_key=request.key,
            text=text,
            finish="stop",
            output_tokens=1,
            cost_usd=self.cost(0, 1_000_000),
        )


@pytest.fixture(scope="session")
def small_suite() -> Suite:
    """The addition suite with one split of eight problems."""
    suite = read("addition")
    (task,) = suite.tasks
    task = replace(task, splits={"held-out": 8})
    return replace(suite, tasks=(task,), primary=("held-out",), contrasts=())


MakeRun = Callable[..., Path]


@pytest.fixture
def make_run(tmp_path: Path, small_suite: Suite) -> MakeRun:
    """A function that prepares a run of the small suite for a model."""

    def make(model: Model | str, *, repeats: int = 1, log_dir: Path = tmp_path / "runs") -> Path:
        asked = resolve(model) if isinstance(model, str) else model
        return prepare(
            log_dir,
            items(small_suite, Seed(root=0)),
            suite=small_suite,
            seed=0,
            edition=edition(small_suite, Seed(root=0)),
            model=asked,
            sampling=small_suite.sampling,
            repeats=repeats,
        )

    return make
