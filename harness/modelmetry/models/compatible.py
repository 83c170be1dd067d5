"""The lean path to any OpenAI-compatible server, vLLM's among them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec

from modelmetry.models import faults
from modelmetry.models.served import Served
from modelmetry.models.wire import Reply

# Below the 5 s after which uvicorn, which serves vLLM, drops an idle connection: a request never
# meets a connection that is just being closed.
_KEEP_ALIVE_S = 4.0


@dataclass(frozen=True, kw_only=True)
class Compatible(Served):
    """A model behind any server that speaks the OpenAI format (`openai-api/<model>`).

    The address is `base_url` or OPENAI_BASE_URL, with or without `/v1`; the key, where the server
    wants one, is OPENAI_API_KEY. Proxies are taken from the environment.
    """

    # `Any`, because aiohttp is imported only when a server is asked.
    _session: Any = field(init=False, repr=False, compare=False)
    _base: str = field(init=False, repr=False, compare=False)

    provider: ClassVar[str] = "openai-api"
    url_env: ClassVar[tuple[str, ...]] = ("OPENAI_BASE_URL",)
    key_env: ClassVar[tuple[str, ...]] = ("OPENAI_API_KEY",)

    async def open(self) -> Self:
        import aiohttp

        headers = {"Content-Type": "application/json", "User-Agent": "modelmetry"}
        if key := self.key():
            headers["Authorization"] = f"Bearer {key}"
        url = self.url
        session = aiohttp.ClientSession(
            # The caller bounds what is in flight; a second bound would only hide a queue.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_S),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=self.timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=_proxy(url),
        )
        object.__setattr__(self, "_session", session)
        object.__setattr__(self, "_base", url)
        return self

    async def close(self) -> None:
        if "_session" in vars(self):
            await self._session.close()

    async def post(self, path: str, body: dict[str, Any]) -> Reply:
        return await self._exchange("POST", path, msgspec.json.encode(body))

    async def models(self) -> Reply:
        return await self._exchange("GET", "/models", None)

    async def _exchange(self, method: str, path: str, data: bytes | None) -> Reply:
        import aiohttp

        try:
            # A redirect would carry the key to another address, so it is an answer like any.
            async with self._session.request(
                method, self._base + path, data=data, allow_redirects=False
            ) as reply:
                return Reply(reply.status, reply.headers, await reply.read())
        except (aiohttp.ClientError, OSError) as error:
            raise faults.lost(error, url=self.url, timeout_s=self.timeout_s) from None


@dataclass(frozen=True, kw_only=True)
class VLLM(Compatible):
    """A model behind a vLLM server that is already running (`vllm/<served model name>`).

    The address is `base_url` or VLLM_BASE_URL, with or without `/v1`; the key, where the server
    was started with one, is VLLM_API_KEY.
    """

    provider: ClassVar[str] = "vllm"
    url_env: ClassVar[tuple[str, ...]] = ("VLLM_BASE_URL",)
    key_env: ClassVar[tuple[str, ...]] = ("VLLM_API_KEY",)


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for `url`; looked up once, not for every request."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get(parts.scheme)
