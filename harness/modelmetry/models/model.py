"""The one seam to language models: a request in, a response out."""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Self

from msgspec import UNSET, UnsetType

from modelmetry.errors import BadInput, ModelmetryError
from modelmetry.items import Gallery, Item, Problem, content_hash, digest

Finish = Literal["stop", "length", "filter", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How an answer is decoded.

    Attributes:
        temperature: >= 0; 0 asks for greedy decoding, which a server need not make repeatable.
        top_p: In (0, 1]; None leaves it to the back end.
        max_tokens: Most tokens to generate, >= 1.
        stop: Texts at which generation ends; not part of the answer.
        logprobs: Whether to ask for log-probabilities of the generated tokens; `target` asks for
            those of the text shown and of the right answer after it besides, which a completion has.
    """

    temperature: float = 0.0
    top_p: float | None = None
    max_tokens: int = 64
    stop: tuple[str, ...] = ()
    logprobs: bool | Literal["target"] = False

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 0 <= self.temperature < math.inf:
            raise BadInput(f"temperature: {self.temperature}; allowed: numbers from 0")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise BadInput(f"top_p: {self.top_p}; allowed: numbers above 0, up to 1")
        if not 1 <= self.max_tokens < 2**31:
            raise BadInput(f"max_tokens: {self.max_tokens}; allowed: integers from 1 to 2^31 - 1")
        if "" in self.stop:
            raise BadInput("stop: an empty text; allowed: texts of one character or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question to one model, once.

    Attributes:
        item: What is shown.
        repeat: Which repetition, from 0.
        sampling: How to decode.
        model: The model's identity: its spec and everything that can change its answers.
        suite: The suite's name, version and seed.
        seed: Sampling seed sent to the back end, in [0, 2**31); differs between repeats.
        gallery: Where its pictures are painted and kept; None paints each when it is asked for.
        turn: Which of the model's replies in the conversation this asks for, from 0.
        turns: How often the model speaks in the conversation, >= 1.
    """

    item: Item
    repeat: int
    sampling: Sampling
    model: str
    suite: str
    seed: int
    gallery: Gallery | None = field(default=None, repr=False, compare=False)
    turn: int = 0
    turns: int = 1

    @property
    def scored_text(self) -> str:
        """The text shown with the canonical right answer after it, for `target` log-probabilities.

        Raises:
            BadInput: A chat has no such text, nor has what shows a picture.
        """
        item = self.item
        what = "is a chat" if item.format != "completion" else "shows a picture"
        if item.format != "completion" or item.pictures:
            raise BadInput(
                f"{item.uid}: prompt {item.task}/{item.wording} {what}; allowed with logprobs target: "
                "completion prompts only, of text alone"
            )
        return item.text + item.problem.target.answers[0]

    @property
    def last(self) -> bool:
        """Whether the reply asked for is the one that is scored, rather than one on the way to it."""
        return self.turn == self.turns - 1

    async def pictures(self) -> dict[str, bytes]:
        """The PNG bytes of every picture shown, by address; painted away from the event loop.

        Raises:
            BadInput: A painter is missing or cannot read its recipe.
        """
        shown = {picture.address: picture for picture in self.item.pictures}
        if not shown:
            return {}
        if self.gallery is None:
            painted = [await asyncio.to_thread(picture.png) for picture in shown.values()]
        else:
            painted = await asyncio.gather(*map(self.gallery.png, shown.values()))
        return dict(zip(shown, painted, strict=True))

    @property
    def key(self) -> str:
        """SHA-256 (hex) of everything that can change the answer.

        What the model said before is among the messages, so the turn's number need not be.
        """
        return content_hash(
            [
                self.suite,
                self.model,
                self.item.uid,
                self.item.format,
                self.item.messages,
                self.repeat,
                self.sampling,
                self.seed,
            ]
        )


def sampling_seed(root: int, item: Item, repeat: int, turn: int | None = None) -> int:
    """The sampling seed of a request: a hash, so that no two repeats replay one stream.

    Args:
        root: The run's seed.
        item: What is asked.
        repeat: Which repetition, from 0.
        turn: Which of the replies before the last, from 0; None for the last, or the only one.
    """
    names = ("sampling", root, item.uid, repeat)
    return digest(*names if turn is None else (*names, turn)) % 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What another harness made of an answer, as its log says.

    Attributes:
        value: What it is worth, in [0, 1]; None where the other harness has no score of it.
        outcome: What kind of answer it was, in the words of `scoring.Score`.
        reason: Why it is not an ordinary answer; empty for `answered`.
        answer: The answer as the other harness read it; empty where it does not say.
    """

    value: float | None
    outcome: str = "answered"
    reason: str = ""
    answer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back, or why nothing did.

    Of a conversation with several turns of the model, the stored one: attempts, latency, tokens and
    cost are sums over its turns, everything else is that of the last.

    Attributes:
        request_key: The request's key; of a conversation, that of its script.
        text: The answer; None when there is none.
        finish: `stop`, `length` (cut at max_tokens), `filter` (withheld), `error` (no answer).
        error: Why there is no answer, in one line without secrets; None otherwise.
        logprobs: Natural-log probability of each generated token, when asked for and given.
        shown_logprobs: Of each token of the text shown, given all before it, when `target` was asked
            for; the first is None where nothing precedes it.
        target_logprobs: Of each token of the canonical right answer after the text shown, likewise. A
            token that reaches from the one into the other counts as shown.
        latency_s: Seconds from sending to the last byte, of the attempt that ended it.
        attempts: How often it was sent, >= 1.
        input_tokens: Prompt tokens as the back end counts them, cached ones included; 0 if unknown.
        output_tokens: Generated tokens, reasoning included; 0 if unknown.
        cost_usd: Price in US dollars by the prices given; 0.0 without prices.
        received_at: Unix time in seconds.
        replies: What the model said before, in order; empty for a single turn, and for a failure.
            Fewer than the script asks for where one came back empty or was withheld, which ends
            the conversation: that one is `text` then.
        recorded: What another harness made of it; unset for an answer that we asked for ourselves.
    """

    request_key: str
    text: str | None
    finish: Finish
    error: str | None = None
    logprobs: tuple[float, ...] | None = None
    shown_logprobs: tuple[float | None, ...] | None = None
    target_logprobs: tuple[float, ...] | None = None
    latency_s: float = 0.0
    attempts: int = 1
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    received_at: float = 0.0
    replies: tuple[str, ...] = ()
    recorded: Recorded | UnsetType = UNSET


class Transient(ModelmetryError):
    """A fault that may pass: too many requests, a server error, a dropped connection, a time-out.

    Attributes:
        retry_after_s: Seconds that the server asked to wait, or None.
        unreachable: Whether no server answered at all.
    """

    def __init__(
        self, message: str, *, retry_after_s: float | None = None, unreachable: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.unreachable = unreachable


class Rejected(ModelmetryError):
    """The server refused this one request for good, such as a prompt that is too long."""


def unscored(where: str, said: str = "") -> BadInput:
    """The line for a back end that gives no log-probabilities of a text that it is shown.

    Args:
        where: Names the model.
        said: What it did instead, in its own words where there are any.
    """
    return BadInput(
        f"{where}: gives no log-probabilities of the text shown{said and f' ({said})'}; allowed: a back "
        "end that gives log-probabilities of prompts, such as vllm/ or hf/, or without --logprobs target"
    )


def text_only(where: str, said: str = "") -> BadInput:
    """The line for a picture that was asked of a model which reads text alone.

    Args:
        where: Names the model.
        said: The server's own words, where there is one.
    """
    return BadInput(
        f"{where}: a picture was asked of a text-only model{said and f': {said}'}; "
        "allowed: a model that reads pictures, or prompts without them"
    )


@dataclass(frozen=True, kw_only=True)
class Model(ABC):
    """A language model that answers requests.

    A subclass is a frozen dataclass whose extra fields are the options of `-M key=value`.

    Attributes:
        name: The model's name at its back end: what follows the first `/` of the spec.
        base_url: Server address, or None for the back end's default.
        price_input: US dollars per million input tokens.
        price_output: US dollars per million output tokens.
        scores_texts: Whether it gives log-probabilities of a text that it is shown.
    """

    name: str
    base_url: str | None = None
    price_input: float = 0.0
    price_output: float = 0.0

    provider: ClassVar[str]
    max_connections: ClassVar[int] = 64
    studies: ClassVar[bool] = False
    scores_texts: ClassVar[bool] = False

    @classmethod
    def kind(cls, name: str) -> type[Model]:  # noqa: ARG003 (overrides pick by it)
        """The class that answers under `name`; a provider with several kinds picks one.

        Raises:
            BadInput: The provider has no model of that name.
        """
        return cls

    @property
    def spec(self) -> str:
        """`provider/name`."""
        return f"{self.provider}/{self.name}"

    def identity(self) -> Mapping[str, object]:
        """Everything besides the request that can change an answer; no secrets, no addresses."""
        return {"model": self.spec}

    def found(self) -> Mapping[str, str]:
        """What the back end turned out to be once opened, such as its revision and dtype.

        For the record only: `identity` alone decides whether two runs asked the same model.
        """
        return {}

    def check_sampling(self, sampling: Sampling) -> None:
        """Refuse what no request to this back end can be given.

        Raises:
            BadInput: Log-probabilities of the text shown are asked for, and it has none.
        """
        if sampling.logprobs == "target" and not self.scores_texts:
            raise unscored(self.spec)

    def study(self, problems: Iterable[Problem]) -> None:
        """Look at a run's problems before it starts; called only where `studies` is true."""

    async def open(self) -> Self:
        """Get ready to answer.

        Raises:
            BadInput: The key is missing, or the model cannot be loaded.
        """
        return self

    @abstractmethod
    async def answer(self, request: Request) -> Response:
        """Ask once.

        Raises:
            Transient: The fault may pass; the caller asks again.
            Rejected: The server refused this request for good.
            BadInput: Nothing asked this way can succeed: a wrong key or model name.
            Unreachable: What answers is not a model server.
        """

    async def close(self) -> None:
        """Let go of connections and memory."""

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        """Price of one answer in US dollars."""
        return (input_tokens * self.price_input + output_tokens * self.price_output) / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """When to ask again.

    Attributes:
        attempts: Most attempts per request, >= 1.
        first_wait_s: Longest wait before the second attempt; doubles with each further one.
        longest_wait_s: Cap of a wait that the server did not ask for.
    """

    attempts: int = 6
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
