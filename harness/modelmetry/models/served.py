"""What back ends behind the OpenAI wire format share, whatever carries their requests."""

from __future__ import annotations

import os
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

import msgspec

from modelmetry.errors import BadInput, ModelmetryError, Unreachable
from modelmetry.models import echo, faults, wire
from modelmetry.models.model import Model, Request, Response, Transient, unscored
from modelmetry.models.wire import Reply

T = TypeVar("T")

_LISTED = 10  # names of served models that fit a line


@dataclass(frozen=True, kw_only=True)
class Served(Model):
    """A model behind an OpenAI-compatible server; subclasses carry the bytes.

    Attributes:
        timeout_s: Seconds from sending to the last byte after which a request is given up.
        extra_body: Added to the body of every request; a null takes a field out, as in
            `{"temperature": null}` for a model that refuses one.
    """

    timeout_s: float = 600.0
    extra_body: Mapping[str, Any] = field(default_factory=dict)

    url_env: ClassVar[tuple[str, ...]]
    key_env: ClassVar[tuple[str, ...]]
    default_url: ClassVar[str | None] = None
    default_path: ClassVar[str] = "/v1"
    scores_texts: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check the options that can be checked without asking anybody."""
        if not self.name:
            raise BadInput(f"model: {self.spec!r} names no model; allowed: {self.provider}/<model>")
        if not self.timeout_s > 0:
            raise BadInput(f"{self.spec}: timeout_s is {self.timeout_s}; allowed: above 0")
        if self.base_url is not None:
            wire.normal_url(self.base_url, self.spec, self.default_path)

    def identity(self) -> Mapping[str, object]:
        extra = {"extra_body": dict(self.extra_body)} if self.extra_body else {}
        return {"model": self.spec, **extra}

    @property
    def url(self) -> str:
        """The server's base URL: the option, the environment, or the back end's default.

        Raises:
            BadInput: There is none, or it is not an http address.
        """
        url = self.base_url or environment(self.url_env) or self.default_url
        if url is None:
            raise BadInput(
                f"{self.spec}: no server address; set {self.url_env[0]} or --model-base-url, "
                "such as http://localhost:8000/v1"
            )
        return wire.normal_url(url, self.spec, self.default_path)

    def key(self) -> str:
        """The API key from the environment, or an empty text; read when needed, never kept.

        Raises:
            BadInput: It holds a character that no header can carry.
        """
        key = environment(self.key_env) or ""
        if not (key.isascii() and key.isprintable()):
            raise BadInput(f"{self.spec}: {self.key_env[0]} holds a character no key can hold")
        return key

    @property
    def served_name(self) -> str:
        """The model's name at the server."""
        return self.name

    @property
    def limit_field(self) -> str:
        """The body's field for a chat's token limit."""
        return "max_tokens"

    @property
    def where(self) -> str:
        """The model and its server, for messages."""
        return f"{self.spec} at {self.url}"

    @abstractmethod
    async def post(self, path: str, body: dict[str, Any]) -> Reply:
        """Send one request; every status is a reply.

        Raises:
            Transient: No reply came.
        """

    @abstractmethod
    async def models(self) -> Reply:
        """What the server answers to `GET /models`.

        Raises:
            Transient: No reply came.
        """

    async def answer(self, request: Request) -> Response:
        if request.sampling.logprobs != "target":
            return await self._answer(request)
        whole = request.scored_text
        response = await self._answer(request)
        started = time.perf_counter()
        scored = await self._echo(request.item.text, whole, response.input_tokens)
        return replace(
            response,
            shown_logprobs=scored.shown,
            target_logprobs=scored.target,
            latency_s=response.latency_s + time.perf_counter() - started,
            input_tokens=response.input_tokens + scored.input_tokens,
            output_tokens=response.output_tokens + scored.output_tokens,
            cost_usd=response.cost_usd + self.cost(scored.input_tokens, scored.output_tokens),
            received_at=time.time(),
        )

    async def _answer(self, request: Request) -> Response:
        pictures = await request.pictures()
        path, body = wire.body(
            request, self.served_name, self.limit_field, dict(self.extra_body), pictures
        )
        started = time.perf_counter()
        reply = await self.post(path, body)
        if reply.status == 200:
            return self._read(reply, lambda body: wire.read(self, request, body, started))
        reply = self._without_key(reply)
        if reply.status in (404, 405):
            raise await self._missing(path, reply)
        if reply.status == 400 and faults.refusal(reply).code == "content_filter":
            return Response(
                request_key=request.key,
                text="",
                finish="filter",
                latency_s=time.perf_counter() - started,
                received_at=time.time(),
            )
        if pictures and (blind := faults.blind(reply, where=self.where)) is not None:
            raise blind
        raise self._fault(reply)

    async def _echo(self, shown: str, whole: str, counted: int) -> echo.Echo:
        """Log-probabilities of a text and of what comes after it; see `echo.read`."""
        reply = await self.post(
            echo.PATH, echo.body(self.served_name, whole, dict(self.extra_body))
        )
        if reply.status == 200:
            try:
                return self._read(
                    reply, lambda body: echo.read(body, shown=shown, whole=whole, counted=counted)
                )
            except echo.Unscored as error:
                raise unscored(self.where, str(error)) from None
        reply = self._without_key(reply)
        if reply.status in (404, 405):
            raise await self._missing(echo.PATH, reply)
        if echo.refuses(reply):
            said = faults.refusal(reply).message
            raise unscored(self.where, f"the server answered {reply.status}: {said}")
        raise self._fault(reply)

    def _read(self, reply: Reply, read: Callable[[bytes], T]) -> T:
        try:
            return read(reply.content)
        except (Transient, Unreachable):
            reply = self._without_key(reply)
        # Gateways wrap a back end's error in a 200, with its own status as the code.
        code = faults.refusal(reply).code
        if code.isdecimal() and 400 <= int(code) < 600:
            raise self._fault(reply._replace(status=int(code)))
        try:
            return read(reply.content)
        except Unreachable as error:
            raise Unreachable(f"{self.where}: {error}") from None

    def _without_key(self, reply: Reply) -> Reply:
        """The reply, should the server have repeated the key in it, with the key struck out."""
        content = reply.content
        if key := self.key():
            for written in (key, key.replace("/", "\\/")):
                content = content.replace(written.encode(), b"***")
        return reply._replace(content=content)

    def _fault(self, reply: Reply) -> ModelmetryError:
        return faults.fault(reply, where=self.where, key_env=self.key_env[0])

    async def _missing(self, path: str, reply: Reply) -> ModelmetryError:
        """The line for a 404: the model is unknown to the server, or the path is."""
        try:
            names = _names(await self.models())
        except Transient:
            names = None
        if names is not None and self.served_name not in names:
            listed = ", ".join(names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")
            return BadInput(
                f"{self.where}: no model {self.served_name!r}; the server has: {listed or 'none'}"
            )
        said = faults.refusal(reply).message
        return BadInput(
            f"{self.where}: the server answered {reply.status} to {path} for model "
            f"{self.served_name!r}: {said}; check the model's name and the base URL, "
            "which usually ends in /v1"
        )


def environment(names: tuple[str, ...]) -> str | None:
    """The first of these environment variables that is set and not empty."""
    return next((value for name in names if (value := os.environ.get(name, "").strip())), None)


class _Named(msgspec.Struct):
    id: str


class _Listing(msgspec.Struct):
    data: list[_Named]


def _names(reply: Reply) -> list[str] | None:
    """The names in an answer to `GET /models`, or None when it is no listing."""
    if reply.status != 200:
        return None
    try:
        return [model.id for model in msgspec.json.decode(reply.content, type=_Listing).data]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
