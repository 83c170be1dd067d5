"""A model spread over the workers of Ray: each holds a copy of it, and requests go where fewest wait.

The run stays where it is: it draws, asks, stores and resumes as with any other model, so that what a
lost worker had not answered yet is asked again, of another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from modelmetry.errors import BadInput, ModelmetryError
from modelmetry.items import Picture, Problem
from modelmetry.items.cluster import connected
from modelmetry.models.model import Model, Request, Response, Sampling, Transient


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """Pictures on their way to a worker, which need not be painted there; stands for a gallery."""

    pictures: Mapping[str, bytes]

    async def png(self, picture: Picture) -> bytes:
        return self.pictures[picture.address]


class _Worker:
    """One copy of a model, in a process of Ray's; opened when it is first needed, also after a crash."""

    def __init__(self, model: Model, problems: list[Problem]) -> None:
        self._model, self._problems = model, problems
        self._opening: asyncio.Task[None] | None = None

    async def _opened(self) -> None:
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._open())
        await asyncio.shield(self._opening)

    async def _open(self) -> None:
        await self._model.open()
        if self._problems:
            self._model.study(self._problems)

    async def found(self) -> dict[str, str]:
        await self._opened()
        return dict(self._model.found())

    async def answer(self, request: Request) -> Response:
        await self._opened()
        return await self._model.answer(request)


@dataclass(frozen=True, kw_only=True)
class Spread(Model):
    """Copies of a model in processes of Ray's; to the run it is that model.

    Attributes:
        model: The model, not opened.
        workers: How many copies; None for one per GPU of the cluster where it has some and the model
            would use one, else one per processor.
    """

    model: Model
    workers: int | None = None
    _open: ExitStack = field(init=False, repr=False, compare=False, default_factory=ExitStack)
    _ray: Any = field(init=False, repr=False, compare=False, default=None)
    _actors: list[Any] = field(init=False, repr=False, compare=False, default_factory=list)
    _waiting: list[int] = field(init=False, repr=False, compare=False, default_factory=list)

    provider: ClassVar[str] = "ray"

    def __post_init__(self) -> None:
        """Check the number, and take over what the model says of its kind."""
        if self.workers is not None and self.workers < 1:
            raise BadInput(f"workers: {self.workers}; allowed: from 1")
        object.__setattr__(self, "studies", self.model.studies)
        object.__setattr__(self, "scores_texts", self.model.scores_texts)

    @property
    def spec(self) -> str:
        return self.model.spec

    def identity(self) -> Mapping[str, object]:
        return self.model.identity()

    def found(self) -> Mapping[str, str]:
        return vars(self).get("_found", {})

    def check_sampling(self, sampling: Sampling) -> None:
        self.model.check_sampling(sampling)

    async def open(self) -> Self:
        # Starting takes seconds, and must not hold up a model that is asked beside it.
        ray = await asyncio.to_thread(self._open.enter_context, connected())
        object.__setattr__(self, "_ray", ray)
        try:
            count, options = self._shares(ray)
            worker = ray.remote(_Worker).options(max_restarts=-1, **options)
            # What is studied is known later, and a worker that is started anew has to know it, too.
            object.__setattr__(self, "_begin", lambda problems: worker.remote(self.model, problems))
            self._start(count, [])
            object.__setattr__(self, "_found", await self._told(self._actors[0].found.remote()))
        except BaseException:
            await self.close()
            raise
        return self

    def _shares(self, ray: Any) -> tuple[int, dict[str, Any]]:
        """How many workers, and what each takes of the cluster.

        Processors are shared, as models may be asked beside each other; a GPU is one worker's own.

        Raises:
            BadInput: The cluster has no room for so many.
        """
        gpus = "GPU" in ray.cluster_resources() and hasattr(self.model, "device")
        kind, left = "CPU", ray.cluster_resources()
        if gpus:
            kind, left = "GPU", ray.available_resources()
        room = int(left.get(kind, 0))
        count = self.workers or max(1, room)
        if count > room:
            raise BadInput(f"workers: {count}; allowed: at most {room}, the cluster's free {kind}s")
        return count, {"num_cpus": 0, "num_gpus": int(gpus), "scheduling_strategy": "SPREAD"}

    def _start(self, count: int, problems: list[Problem]) -> None:
        begin = vars(self)["_begin"]
        self._actors[:] = [begin(problems) for _ in range(count)]
        self._waiting[:] = [0] * count
        object.__setattr__(self, "max_connections", count * self.model.max_connections)

    def study(self, problems: Iterable[Problem]) -> None:
        for actor in self._actors:
            self._ray.kill(actor)
        self._start(len(self._actors), list(problems))

    async def answer(self, request: Request) -> Response:
        shown = _Sent(pictures=await request.pictures()) if request.item.pictures else None
        place = self._waiting.index(min(self._waiting))
        self._waiting[place] += 1
        try:
            sent = replace(request, gallery=shown)  # pyright: ignore[reportArgumentType]
            return await self._told(self._actors[place].answer.remote(sent))
        finally:
            self._waiting[place] -= 1

    async def _told(self, reference: Any) -> Any:
        """What a worker answers, its own error, or that it was lost."""
        lost = self._ray.exceptions.RayActorError
        try:
            return await reference
        except self._ray.exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, ModelmetryError):
                raise cause from None
            raise
        except lost as error:
            raise Transient(
                f"{self.spec}: a worker was lost: {str(error).splitlines()[0]}"
            ) from None

    async def close(self) -> None:
        for actor in self._actors:
            self._ray.kill(actor)
        self._actors.clear()
        await asyncio.to_thread(self._open.close)
