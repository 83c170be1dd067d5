"""A small server that speaks the OpenAI format and misbehaves on request, and items to ask."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import pytest
from aiohttp import web

from modelmetry.items import Item, Problem, Target, message
from modelmetry.models import Model, Request, Response, Sampling, sampling_seed

Behavior = Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]


def answer(text: Any = "42", **changes: Any) -> dict[str, Any]:
    """The body of an ordinary answer, to a chat and to a completion at once."""
    choice = {"message": {"content": text}, "text": text, "finish_reason": "stop"} | changes
    return {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}


@dataclass(kw_only=True)
class Stub:
    """A server in a thread of its own.

    Attributes:
        reply: What it does with a request.
        seen: Path with query, headers and body of every POST so far.
        url: Its base URL, ending in /v1.
    """

    reply: Behavior | None = None
    seen: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    url: str = ""

    def says(self, body: object, status: int = 200, **headers: str) -> None:
        """Answer everything with this body: bytes as they are, anything else as JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}

        async def reply(request: web.Request, asked: dict[str, Any]) -> web.StreamResponse:
            return web.Response(
                body=raw, status=status, headers={"Content-Type": "application/json"} | sent
            )

        self.reply = reply

    def echoes(
        self, split: Callable[[str], list[str]], before: str = "", **changes: Any
    ) -> dict[str, float]:
        """Answer as vLLM does: requests with `echo` by the log-probabilities of what was sent.

        Args:
            split: From a text to its tokens, as the server decodes each of them by itself.
            before: A token that it puts before a text.
            changes: Of what it says about the tokens.

        Returns:
            Token -> log-probability, filled while it answers; that of a token is the same everywhere.
        """
        known: dict[str, float] = {}

        async def reply(_request: web.Request, asked: dict[str, Any]) -> web.StreamResponse:
            tokens = [before] * bool(before) + split(asked["prompt"])
            sent = len(tokens)
            if not asked.get("echo"):
                body = answer(" 42", logprobs={"token_logprobs": [-0.5]})
                body["usage"] = {"prompt_tokens": sent, "completion_tokens": 1}
                return web.json_response(body)
            for token in tokens:
                known.setdefault(token, -1.0 - len(known) / 16)
            tokens += [" 42"] * asked["max_tokens"]
            offsets = [0, *accumulate(map(len, tokens[:-1]))]
            said = {
                "tokens": tokens,
                "token_logprobs": [None, *(known.get(token, -9.5) for token in tokens[1:])],
                "text_offset": offsets,
                "top_logprobs": [None, *({token: -0.25} for token in tokens[1:])],
            }
            body = answer(asked["prompt"] + " 42", logprobs=said | changes)
            body["usage"] = {"prompt_tokens": sent, "completion_tokens": asked["max_tokens"]}
            return web.json_response(body)

        self.reply = reply
        return known

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            if request.path != "/v1/models":
                return web.json_response({"detail": "Not Found"}, status=404)
            return web.json_response({"data": [{"id": "stub"}, {"id": "other"}]})
        asked = await request.json()
        self.seen.append((request.path_qs, dict(request.headers), asked))
        if self.reply is None:
            return web.json_response(answer())
        return await self.reply(request, asked)

    def serve(self, ready: threading.Event, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        loop.run_until_complete(runner.setup())
        loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
        host, port = runner.addresses[0]
        self.url = f"http://{host}:{port}/v1"
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()


@pytest.fixture(scope="session")
def _server() -> Iterator[Stub]:
    stub, ready, loop = Stub(), threading.Event(), asyncio.new_event_loop()
    thread = threading.Thread(target=stub.serve, args=(ready, loop), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield stub
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


@pytest.fixture
def stub(_server: Stub) -> Stub:
    """The server, behaving well and remembering nothing."""
    _server.reply = None
    _server.seen.clear()
    return _server


def make_request(
    n: int = 0,
    *,
    target: Target | None = None,
    format: str = "chat",  # noqa: A002 (the item's own word)
    repeat: int = 0,
    wording: str = "plain",
    cluster: str | None = None,
    level: int = 1,
    model: str = "m",
    **sampling: Any,
) -> Request:
    """A request about problem number `n`."""
    problem = Problem(
        uid=f"{n:016x}",
        generator="addition",
        version=1,
        split="held-out",
        index=n,
        fields={"a": n, "b": 1},
        target=target or Target(answers=(str(n + 1),), domain=(0, 9)),
        factors={"digits": level},
        cluster=cluster or f"{n:016x}",
    )
    item = Item(
        task="addition",
        wording=wording,
        format=format,  # pyright: ignore[reportArgumentType]
        messages=(message("user", f"{n} + 1 ="),),
        problem=problem,
    )
    return Request(
        item=item,
        repeat=repeat,
        sampling=Sampling(**sampling),
        model=model,
        suite="suite",
        seed=sampling_seed(1, item, repeat),
    )


def ask(model: Model, *requests: Request) -> list[Response]:
    """Open the model, ask everything at once, close it."""

    async def session() -> list[Response]:
        await model.open()
        try:
            return list(await asyncio.gather(*map(model.answer, requests)))
        finally:
            await model.close()

    return asyncio.run(session())


@pytest.fixture(name="make_request")
def _make_request() -> Callable[..., Request]:
    return make_request


@pytest.fixture(name="ask")
def _ask() -> Callable[..., list[Response]]:
    return ask


@pytest.fixture(name="reply_with")
def _reply_with() -> Callable[..., dict[str, Any]]:
    return answer
