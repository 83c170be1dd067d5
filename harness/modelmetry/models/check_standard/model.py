"""`reference/check-standard`: the shipped language model, answering without torch."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from threadpoolctl import threadpool_limits

from modelmetry.errors import BadInput
from modelmetry.items import Item
from modelmetry.models.check_standard.forward import Array, Llama
from modelmetry.models.check_standard.tokenizer import END, Tokenizer, chat
from modelmetry.models.model import (
    Finish,
    Model,
    Rejected,
    Request,
    Response,
    Sampling,
    text_only,
)

FOLDER = Path(__file__).parent / "weights"
"""Weights, configuration, tokenizer and certificate, as transformers and vLLM read them."""

FILES = ("config.json", "model.safetensors", "tokenizer.json")
"""What an answer depends on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """What the model wrote.

    Attributes:
        text: Without special tokens and without the stop text.
        finish: `stop` or `length`.
        logprobs: Natural-log probability of each token under the model itself, before temperature
            and nucleus; the token that ended the answer is included.
    """

    text: str
    finish: Finish
    logprobs: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class CheckStandard(Model):
    """A Llama of about a million parameters, trained on the train splits of the quickstart suite.

    Its answers depend on the request alone: requests are answered one by one, in float32, and
    sampling draws from a stream keyed by the request's seed.

    Attributes:
        folder: Where its files lie; another one, as `benchmarks/train_check_standard.py` writes
            it, makes another instrument. Empty for the shipped one.
    """

    name: str = "check-standard"
    folder: str = ""

    provider: ClassVar[str] = "reference"
    max_connections: ClassVar[int] = 4
    scores_texts: ClassVar[bool] = True

    @cached_property
    def llama(self) -> Llama:
        """The network, read once."""
        return Llama.read(self._path)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer, read once."""
        return Tokenizer.read(self._path)

    @property
    def _path(self) -> Path:
        return Path(self.folder) if self.folder else FOLDER

    @cached_property
    def _worker(self) -> ThreadPoolExecutor:
        # One thread: the arithmetic holds the interpreter, so more would only take turns.
        return ThreadPoolExecutor(1, "check-standard")

    def identity(self) -> Mapping[str, object]:
        return {"model": self.spec, "files": digests(self._path)}

    async def open(self) -> Self:
        try:
            _ = self.llama, self.tokenizer
        except (OSError, ValueError, KeyError) as error:
            what = str(error).splitlines()[0]
            raise BadInput(
                f"{self.spec}: {self._path} cannot be read: {what}; allowed: the files that "
                "benchmarks/train_check_standard.py writes"
            ) from error
        # On matrices this small, threads that wait for each other cost more than they do: where
        # another process wants the cores, two of them were measured 20 times slower than one.
        vars(self)["_limits"] = threadpool_limits(limits=1, user_api="blas")
        return self

    async def answer(self, request: Request) -> Response:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._worker, self.respond, request)

    async def close(self) -> None:
        worker = vars(self).pop("_worker", None)
        if worker is not None:
            worker.shutdown()
        limits = vars(self).pop("_limits", None)
        if limits is not None:
            limits.restore_original_limits()

    def respond(self, request: Request) -> Response:
        """Answer now, in this thread.

        Raises:
            BadInput: The prompt shows a picture, or is a chat whose log-probabilities are asked for.
            Rejected: The prompt is empty, or leaves no room for an answer; or the right answer has none.
        """
        started = time.perf_counter()
        laid = self._laid(request) if request.sampling.logprobs == "target" else None
        ids = self.tokenizer.encode(prompt(request.item))
        if not 0 < len(ids) < self.llama.context:
            raise Rejected(
                f"{self.spec}: a prompt of {len(ids)} tokens; allowed: 1 to {self.llama.context - 1}"
            )
        done = self.generate(ids, request.sampling, request.seed)
        given = len(ids) + (len(laid[0]) if laid else 0)
        shown, target = self.score(*laid) if laid else (None, None)
        return Response(
            request_key=request.key,
            text=done.text,
            finish=done.finish,
            logprobs=done.logprobs if request.sampling.logprobs else None,
            shown_logprobs=shown,
            target_logprobs=target,
            latency_s=time.perf_counter() - started,
            input_tokens=given,
            output_tokens=len(done.logprobs),
            cost_usd=self.cost(given, len(done.logprobs)),
            received_at=time.time(),
        )

    def _laid(self, request: Request) -> tuple[list[int], int]:
        """Tokens of the text shown and the right answer, and how many of them are not of the answer."""
        whole = request.scored_text
        ids = self.tokenizer.encode(whole)
        if len(ids) > self.llama.context:
            raise Rejected(
                f"{self.spec}: the text shown and the right answer have {len(ids)} tokens; allowed: up to "
                f"{self.llama.context}"
            )
        size = len(request.item.text.encode("utf-8", errors="replace"))
        return ids, sum(start < size for start in self.tokenizer.starts(ids))

    def score(
        self, ids: list[int], first: int
    ) -> tuple[tuple[float | None, ...], tuple[float, ...]]:
        """Log-probability of each token before the place `first`, and of each from there on.

        The first token of all has none, as nothing precedes it.
        """
        llama = self.llama
        logits = llama.logits(llama.extend(llama.cache(len(ids)), ids)[:-1])
        values = [
            float(_log_softmax(row)[token]) for row, token in zip(logits, ids[1:], strict=True)
        ]
        return (None, *values[: first - 1]), tuple(values[first - 1 :])

    def generate(self, ids: list[int], sampling: Sampling, seed: int) -> Generated:
        """Continue token ids until the end token, a stop text, `max_tokens` or a full context."""
        llama, tokenizer = self.llama, self.tokenizer
        rng = np.random.default_rng(seed)
        most = min(sampling.max_tokens, llama.context - len(ids))
        cache = llama.cache(len(ids) + most)
        end = tokenizer.special[END]
        written: list[int] = []
        logprobs: list[float] = []
        while len(written) < most:
            logits = llama.logits(llama.extend(cache, written[-1:] or ids)[-1:])[0]
            token = choose(logits, sampling, rng)
            logprobs.append(float(_log_softmax(logits)[token]))
            written.append(token)
            text = tokenizer.decode(written)
            cut = min((at for stop in sampling.stop if (at := text.find(stop)) >= 0), default=None)
            if token == end or cut is not None:
                return Generated(text=text[:cut], finish="stop", logprobs=tuple(logprobs))
        return Generated(text=tokenizer.decode(written), finish="length", logprobs=tuple(logprobs))


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 (hex) of each file that shapes an answer.

    Raises:
        BadInput: One of them cannot be read.
    """
    try:
        return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES}
    except OSError as error:
        raise BadInput(f"reference/check-standard: {error}; allowed: {', '.join(FILES)}") from error


def prompt(item: Item) -> str:
    """The one text that the model continues.

    Raises:
        BadInput: A message shows a picture.
    """
    if item.pictures:
        raise text_only("reference/check-standard")
    if item.format == "chat":
        return chat(item.messages)
    return "".join(turn.text for turn in item.messages)


def choose(logits: Array, sampling: Sampling, rng: np.random.Generator) -> int:
    """The next token: the likeliest at temperature 0, else a draw from the nucleus `top_p`."""
    if sampling.temperature == 0:
        return int(logits.argmax())
    p = np.exp(_log_softmax(logits / sampling.temperature))
    order = np.argsort(-p, kind="stable")
    total = np.cumsum(p[order])
    # The nucleus is the shortest head of the order that holds `top_p`; one token at least.
    size = int(np.searchsorted(total, sampling.top_p or 1.0)) + 1
    total = total[:size]
    return int(order[np.searchsorted(total, rng.random() * total[-1], side="right")])


def _log_softmax(logits: Array) -> Array:
    shifted = logits.astype(np.float64) - logits.max()
    return shifted - np.log(np.exp(shifted).sum())
