"""OpenAI's own service and Azure's, through the openai package."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from modelmetry.errors import BadInput
from modelmetry.models import faults
from modelmetry.models.model import Model
from modelmetry.models.served import Served, environment
from modelmetry.models.wire import Reply

_OPENAI_HOST = "api.openai.com"


@dataclass(frozen=True, kw_only=True)
class OpenAI(Served):
    """A model asked with OpenAI's own client (`openai/<model>`, `openai/azure/<deployment>`).

    The address is `base_url` or OPENAI_BASE_URL, by default api.openai.com; the key is
    OPENAI_API_KEY, which another address can do without.

    Attributes:
        limit: The body's field for a chat's token limit; `auto` is `max_completion_tokens` at
            api.openai.com and `max_tokens`, which every other server knows, elsewhere.
    """

    limit: Literal["auto", "max_tokens", "max_completion_tokens"] = "auto"
    # `Any`, because the openai package is imported only when a server is asked.
    _client: Any = field(init=False, repr=False, compare=False)

    provider: ClassVar[str] = "openai"
    url_env: ClassVar[tuple[str, ...]] = ("OPENAI_BASE_URL",)
    key_env: ClassVar[tuple[str, ...]] = ("OPENAI_API_KEY",)
    default_url: ClassVar[str | None] = f"https://{_OPENAI_HOST}/v1"

    @classmethod
    def kind(cls, name: str) -> type[Model]:
        return Azure if name.startswith("azure/") else cls

    @property
    def limit_field(self) -> str:
        if self.limit != "auto":
            return self.limit
        ours = urlsplit(self.url).hostname == _OPENAI_HOST
        return "max_completion_tokens" if ours else "max_tokens"

    async def open(self) -> Self:
        url, key = self.url, self.key()
        if not key and url == self.default_url:
            raise BadInput(f"{self.spec}: no key; set {self.key_env[0]}")
        object.__setattr__(self, "_client", self._connect(url, key))
        return self

    def _connect(self, url: str, key: str) -> Any:
        import openai

        # The client insists on a key even where the server wants none.
        return openai.AsyncOpenAI(base_url=url, api_key=key or "none", **self._settings())

    def _settings(self) -> dict[str, Any]:
        """What every client is built with: retries are the caller's, redirects keep the key."""
        import openai

        transport = openai.DefaultAioHttpClient(follow_redirects=False, timeout=self.timeout_s)
        return {"max_retries": 0, "timeout": self.timeout_s, "http_client": transport}

    async def close(self) -> None:
        if "_client" in vars(self):
            await self._client.close()

    async def post(self, path: str, body: dict[str, Any]) -> Reply:
        chat = path == "/chat/completions"
        endpoint = self._client.chat.completions if chat else self._client.completions
        asked = "messages" if chat else "prompt"
        named = {key: body.pop(key) for key in ("model", asked) if key in body}
        return await self._exchange(endpoint.with_raw_response.create(**named, extra_body=body))

    async def models(self) -> Reply:
        return await self._exchange(self._client.models.with_raw_response.list())

    async def _exchange(self, call: Awaitable[Any]) -> Reply:
        import openai

        try:
            # The client's own time-out is per read, which a slow trickle never reaches.
            async with asyncio.timeout(self.timeout_s):
                reply = (await call).http_response
        except openai.APIStatusError as error:
            reply = error.response
        except (openai.APIConnectionError, OSError) as error:
            raise faults.lost(error, url=self.url, timeout_s=self.timeout_s) from None
        return Reply(reply.status_code, reply.headers, reply.content)


@dataclass(frozen=True, kw_only=True)
class Azure(OpenAI):
    """A deployment at Azure OpenAI (`openai/azure/<deployment>`).

    The address is `base_url`, AZURE_OPENAI_ENDPOINT or AZUREAI_OPENAI_BASE_URL, without the
    deployment; the key is AZURE_OPENAI_API_KEY or AZUREAI_OPENAI_API_KEY.

    Attributes:
        api_version: Azure's API version; empty takes AZUREAI_OPENAI_API_VERSION or
            OPENAI_API_VERSION, and without those `default_version`.
    """

    api_version: str = ""

    url_env: ClassVar[tuple[str, ...]] = ("AZURE_OPENAI_ENDPOINT", "AZUREAI_OPENAI_BASE_URL")
    key_env: ClassVar[tuple[str, ...]] = ("AZURE_OPENAI_API_KEY", "AZUREAI_OPENAI_API_KEY")
    default_url: ClassVar[str | None] = None
    default_path: ClassVar[str] = ""
    # The newest dated version of Azure's interface that is not a preview.
    default_version: ClassVar[str] = "2024-10-21"

    @property
    def served_name(self) -> str:
        return self.name.removeprefix("azure/")

    async def open(self) -> Self:
        if not self.key():
            raise BadInput(f"{self.spec}: no key; set {self.key_env[0]}")
        return await super().open()

    def _connect(self, url: str, key: str) -> Any:
        import openai

        named = environment(("AZUREAI_OPENAI_API_VERSION", "OPENAI_API_VERSION"))
        return openai.AsyncAzureOpenAI(
            azure_endpoint=url,
            azure_deployment=self.served_name,
            api_key=key,
            api_version=self.api_version or named or self.default_version,
            **self._settings(),
        )

    async def models(self) -> Reply:
        # Azure lists the models it could deploy, not the deployments that answer.
        return Reply(404, {}, b"")
