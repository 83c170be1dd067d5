"""Models of the transformers library in this process, asked in batches."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, ClassVar, Literal, Self

from modelmetry.errors import BadInput
from modelmetry.models.model import Model, Request, Response


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """A request that waits for its batch."""

    request: Request
    prompt: Any  # a `decoding.Prompt`, which is imported only when the model is loaded
    laid: Any  # a `likelihood.Laid`, likewise; None where no text is to be scored
    answer: asyncio.Future[Response]


@dataclass(frozen=True, kw_only=True)
class Transformers(Model):
    """A causal language model in this process (`hf/<hub id or folder>`).

    Requests that wait at the same time and ask for the same sampling are answered together, those
    with pictures one by one. Each request has its own random stream, seeded with its own seed, whatever batch it falls in.
    Latencies are those of the batch.

    Attributes:
        batch_size: Most requests answered together, >= 1.
        dtype: Type of the weights; `auto` takes the checkpoint's own.
        device: `auto` (a GPU where there is one), `cpu`, `cuda`, `cuda:1`, ...
        revision: Branch, tag or commit at the hub; None takes the main branch.
    """

    batch_size: int = 16
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    device: str = "auto"
    revision: str | None = None
    # `Any`, because torch is imported only when the model is loaded.
    _decoder: Any = field(init=False, repr=False, compare=False)
    _queue: asyncio.Queue[_Job] = field(init=False, repr=False, compare=False)
    _worker: asyncio.Task[None] = field(init=False, repr=False, compare=False)

    provider: ClassVar[str] = "hf"
    scores_texts: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check the options."""
        if self.batch_size < 1:
            raise BadInput(f"{self.spec}: batch_size is {self.batch_size}; allowed: from 1")
        # Enough in flight that the next batch stands ready when one ends.
        object.__setattr__(self, "max_connections", max(64, 2 * self.batch_size))

    def identity(self) -> Mapping[str, object]:
        return {"model": self.spec, "dtype": self.dtype, "revision": self.revision}

    def found(self) -> Mapping[str, str]:
        decoder = vars(self).get("_decoder")
        if decoder is None:
            return {}
        return {
            "dtype": decoder.dtype,
            "revision": decoder.commit or self.revision or "",
            "parameters": str(decoder.parameters),
        }

    async def open(self) -> Self:
        decoder = await asyncio.to_thread(self._load)
        object.__setattr__(self, "_decoder", decoder)
        object.__setattr__(self, "_queue", asyncio.Queue())
        object.__setattr__(self, "_worker", asyncio.create_task(self._work()))
        return self

    def _load(self) -> Any:
        try:
            decoding = importlib.import_module("modelmetry.models.decoding")
        except ImportError as error:
            raise BadInput(
                f"{self.spec}: {error.name} cannot be imported; "
                'install it with: pip install "modelmetry[local]"'
            ) from None
        return decoding.Decoder(
            self.name, dtype=self.dtype, device=self.device, revision=self.revision
        )

    async def answer(self, request: Request) -> Response:
        laid = self._decoder.lay(request) if request.sampling.logprobs == "target" else None
        pictures = await request.pictures()
        if pictures:
            prompt = await asyncio.to_thread(self._decoder.encode, request, pictures)
        else:
            prompt = self._decoder.encode(request, pictures)
        job = _Job(
            request=request,
            prompt=prompt,
            laid=laid,
            answer=asyncio.get_running_loop().create_future(),
        )
        self._queue.put_nowait(job)
        return await job.answer

    async def close(self) -> None:
        if "_worker" not in vars(self):
            return
        self._decoder.stop()
        self._worker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._worker
        while not self._queue.empty():
            self._queue.get_nowait().answer.cancel()
        object.__delattr__(self, "_decoder")

    async def _work(self) -> None:
        """Answer what waits, batch by batch; the longest-waiting request picks the sampling."""
        waiting: list[_Job] = []
        try:
            while True:
                if not waiting:
                    waiting.append(await self._queue.get())
                await asyncio.sleep(0)  # whoever is about to ask may still join this batch
                while not self._queue.empty():
                    waiting.append(self._queue.get_nowait())
                waiting = [job for job in waiting if not job.answer.done()]
                if waiting:
                    await self._run(_batch(waiting, self.batch_size))
        finally:
            for job in waiting:
                job.answer.cancel()

    async def _run(self, batch: list[_Job]) -> None:
        """Answer a batch, with the error if there is one: nobody is left waiting."""
        started = time.perf_counter()
        texts = [job.laid for job in batch if job.laid is not None]
        try:
            decoded = await asyncio.to_thread(
                self._decoder.decode,
                [job.prompt for job in batch],
                [job.request.seed for job in batch],
                batch[0].request.sampling,
            )
            scored = await asyncio.to_thread(self._decoder.score, texts)
        except Exception as error:  # noqa: BLE001 (those who asked have to hear of every error)
            for job in batch:
                if not job.answer.done():
                    job.answer.set_exception(error)
            return
        latency = time.perf_counter() - started
        # All of a batch have the same sampling: either each has a text to be scored or none.
        pairs = scored or [(None, None)] * len(batch)
        for job, out, pair in zip(batch, decoded, pairs, strict=True):
            if not job.answer.done():
                job.answer.set_result(self._response(job, out, pair, latency))

    def _response(self, job: _Job, out: Any, pair: Any, latency: float) -> Response:
        given = len(job.prompt.ids) + (len(job.laid.ids) if job.laid else 0)
        return Response(
            request_key=job.request.key,
            text=out.text,
            finish=out.finish,
            logprobs=out.logprobs,
            shown_logprobs=pair[0],
            target_logprobs=pair[1],
            latency_s=latency,
            input_tokens=given,
            output_tokens=out.tokens,
            cost_usd=self.cost(given, out.tokens),
            received_at=time.time(),
        )


def _batch(waiting: list[_Job], size: int) -> list[_Job]:
    """The first jobs in line that ask for the same sampling as the very first; a picture alone."""
    first = waiting[0]
    if first.prompt.seen:
        return [first]
    sampling = first.request.sampling
    alike = (job for job in waiting if job.request.sampling == sampling and not job.prompt.seen)
    return list(islice(alike, size))
