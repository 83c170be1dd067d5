"""The contract of every back end behind the OpenAI format, against a server that misbehaves."""

from __future__ import annotations

import asyncio
import re
import socket
import time
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from modelmetry.errors import BadInput, ModelmetryError, Unreachable
from modelmetry.models import Rejected, Transient, resolve

SECRET = "sk-never-to-be-seen-0123456789"
PROVIDERS = {"openai-api": "OPENAI_API_KEY", "vllm": "VLLM_API_KEY", "openai": "OPENAI_API_KEY"}


@pytest.fixture(params=PROVIDERS)
def provider(request, monkeypatch):
    """Each back end in turn, with its key in the environment."""
    monkeypatch.setenv(PROVIDERS[request.param], SECRET)
    return request.param


@pytest.fixture
def model(provider, stub):
    """The back end, pointed at the server."""
    return resolve(f"{provider}/stub", base_url=stub.url)


def test_a_chat_is_sent_and_its_answer_read(provider, model, stub, make_request, ask):
    """A chat item becomes one POST that says everything, and the reply becomes a response."""
    request = make_request(1, max_tokens=5, temperature=0.5, top_p=0.9, stop=("\n", "Q:"))
    (response,) = ask(model, request)
    ((path, headers, body),) = stub.seen
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {SECRET}"
    assert body == {
        "model": "stub",
        "messages": [{"role": "user", "content": "1 + 1 ="}],
        "max_tokens": 5,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["\n", "Q:"],
        "seed": request.seed,
    }
    assert (response.text, response.finish, response.error) == ("42", "stop", None)
    assert (response.input_tokens, response.output_tokens) == (7, 3)
    assert response.request_key == request.key
    assert 0 < response.latency_s < 5
    assert abs(response.received_at - time.time()) < 60


def test_a_completion_is_sent_as_one_prompt(model, stub, make_request, ask):
    """A completion item goes to /completions as a bare text, without what was not asked for."""
    (response,) = ask(model, make_request(1, format="completion"))
    ((path, _, body),) = stub.seen
    assert path == "/v1/completions"
    assert body["prompt"] == "1 + 1 ="
    assert body["max_tokens"] == 64
    assert not {"messages", "top_p", "stop", "logprobs"} & set(body)
    assert response.text == "42"


def test_every_repeat_sends_its_own_seed(model, stub, make_request, ask):
    """Repeats of an item differ in nothing but the sampling seed, which the server receives."""
    requests = [make_request(1, repeat=repeat) for repeat in range(4)]
    ask(model, *requests)
    assert {body["seed"] for _, _, body in stub.seen} == {request.seed for request in requests}
    assert len({str({**body, "seed": 0}) for _, _, body in stub.seen}) == 1
    assert len({body["seed"] for _, _, body in stub.seen}) == 4


def test_many_at_once_get_their_own_answers(model, stub, make_request, ask, reply_with):
    """Answers of 200 concurrent requests are not mixed up."""

    async def echo(request, asked):
        return web.json_response(reply_with(asked["messages"][0]["content"]))

    stub.reply = echo
    responses = ask(model, *map(make_request, range(200)))
    assert [response.text for response in responses] == [f"{n} + 1 =" for n in range(200)]


def test_prices_become_costs(provider, stub, make_request, ask):
    """Cost is tokens times the price per million of each kind."""
    options = {"price_input": "2", "price_output": "10"}
    (response,) = ask(
        resolve(f"{provider}/stub", base_url=stub.url, options=options), make_request()
    )
    assert response.cost_usd == pytest.approx((7 * 2 + 3 * 10) / 1e6)


DATE = "a date 30 s from now"
FAULTS = {
    "429 with seconds": (429, {"Retry-After": "2.5"}, Transient, 2.5),
    "429 with milliseconds": (429, {"retry-after-ms": "1500", "Retry-After": "2"}, Transient, 1.5),
    "429 with a date": (429, {"Retry-After": DATE}, Transient, 30),
    "429 with nonsense": (429, {"Retry-After": "soon"}, Transient, None),
    "429 that waited already": (429, {"Retry-After": "-3"}, Transient, 0),
    "429": (429, {}, Transient, None),
    "408": (408, {}, Transient, None),
    "409": (409, {}, Transient, None),
    "500": (500, {}, Transient, None),
    "503": (503, {"Retry-After": "1"}, Transient, 1),
    "400": (400, {}, Rejected, None),
    "413": (413, {}, Rejected, None),
    "422": (422, {}, Rejected, None),
    "401": (401, {}, BadInput, None),
    "403": (403, {}, BadInput, None),
    "402": (402, {}, Unreachable, None),
    "301": (301, {"Location": "/elsewhere"}, Unreachable, None),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_status_becomes_its_fault(name, provider, model, stub, make_request, ask):
    """A status says whether to ask again, give up this request, or stop; one line, no secret."""
    status, headers, expected, wait = FAULTS[name]
    sent = {key: value for key, value in headers.items() if value is not DATE}
    if len(sent) < len(headers):
        moment = datetime.now(UTC) + timedelta(seconds=30)
        sent["Retry-After"] = format_datetime(moment, usegmt=True)
    # The worst server repeats the key it was sent.
    words = f"no\nluck with {SECRET}: " + "x" * 1000
    stub.says({"error": {"message": words, "code": None}}, status, **sent)
    with pytest.raises(expected) as caught:
        ask(model, make_request())
    assert type(caught.value) is expected
    assert len(stub.seen) == 1, "asking again is the caller's"
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 500
    assert str(status) in line or status == 402
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    if isinstance(caught.value, Transient):
        assert not caught.value.unreachable
        assert caught.value.retry_after_s == (pytest.approx(wait, abs=3) if wait else wait)
    if isinstance(caught.value, BadInput):
        assert PROVIDERS[provider] in line


def test_a_used_up_quota_is_not_asked_again(model, stub, make_request, ask):
    """A 429 that means "pay first" ends the run instead of being retried."""
    stub.says({"error": {"message": "quota", "code": "insufficient_quota"}}, 429)
    with pytest.raises(Unreachable, match="quota"):
        ask(model, make_request())


def test_an_unknown_model_is_named_with_the_known_ones(provider, stub, make_request, ask):
    """A 404 for a model lists what the server has."""
    stub.says({"error": {"message": "no such model"}}, 404)
    with pytest.raises(BadInput, match=r"no model 'absent'; the server has: stub, other"):
        ask(resolve(f"{provider}/absent", base_url=stub.url), make_request())


def test_a_wrong_path_is_named(provider, stub, make_request, ask):
    """A 404 for every path points at the base URL."""
    stub.says({"detail": "Not Found"}, 404)
    wrong = stub.url.replace("/v1", "/wrong")
    with pytest.raises(BadInput, match=r"check the model's name and the base URL"):
        ask(resolve(f"{provider}/stub", base_url=wrong), make_request())


@pytest.mark.parametrize("mid", [False, True])
def test_a_dropped_connection_may_pass(mid, model, stub, make_request, ask):
    """A connection that breaks before or within the answer is transient; the server is there."""

    async def drop(request, asked):
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        if mid:
            await response.prepare(request)
            await response.write(b'{"choices": [')
        request.transport.abort()
        return response

    stub.reply = drop
    with pytest.raises(Transient, match="broke") as caught:
        ask(model, make_request())
    assert not caught.value.unreachable
    assert len(stub.seen) == 1


def test_a_refused_connection_is_unreachable(provider, make_request, ask):
    """Where nothing listens, the fault says so and names the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(Transient, match=re.escape(f"no server answers at {url}")) as caught:
        ask(resolve(f"{provider}/stub", base_url=url), make_request())
    assert caught.value.unreachable


@pytest.mark.parametrize("trickle", [False, True])
def test_a_slow_answer_times_out(trickle, provider, stub, make_request, ask):
    """Neither silence nor a trickle of bytes holds a request longer than its time-out."""

    async def slow(request, asked):
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        if trickle:
            await response.prepare(request)
        for _ in range(12):
            await asyncio.sleep(0.1)
            if trickle:
                await response.write(b" ")
        return response

    stub.reply = slow
    model = resolve(f"{provider}/stub", base_url=stub.url, options={"timeout_s": "0.3"})
    started = time.perf_counter()
    with pytest.raises(Transient, match=r"no answer within 0\.3 s") as caught:
        ask(model, make_request())
    assert time.perf_counter() - started < 1
    assert not caught.value.unreachable


@pytest.mark.parametrize(
    ("body", "expected", "words"),
    [
        (b"<html><b>It works!</b>\x00\x1b[31m" + b"x" * 999, Unreachable, "It works!"),
        (b"hello", Unreachable, "ends in /v1"),
        (b'"hello"', Unreachable, "ends in /v1"),
        (b"[1, 2]", Unreachable, "ends in /v1"),
        (b'{"choices": 5}', Unreachable, "ends in /v1"),
        (b"[" * 100_000, Unreachable, "ends in /v1"),
        (b"", Transient, "cut off"),
        (b'{"choices": [{"message": {"cont', Transient, "cut off"),
        (b'{"choices": []}', Transient, "without a choice"),
        (b"{}", Transient, "without a choice"),
        (b'{"error": {"message": "busy", "code": 429}}', Transient, "429"),
        (b'{"error": {"message": "too long", "code": 400}}', Rejected, "too long"),
        (b'{"choices": [{"finish_reason": "abort"}]}', Transient, "broke off"),
    ],
)
def test_a_200_that_is_no_answer(body, expected, words, model, stub, make_request, ask):
    """A body that is not an answer is told apart: not a model server, cut off, or an error."""
    stub.says(body)
    with pytest.raises(ModelmetryError, match=re.escape(words)) as caught:
        ask(model, make_request())
    assert type(caught.value) is expected
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("kind", ["chat", "completion"])
@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", ""),
        (None, ""),
        ("x" * 100_000, "x" * 100_000),
        ("a\0b", "a\0b"),
        ("a\ud800b\udfffc", "a\ufffdb\ufffdc"),
        ("\U0001f600 é", "\U0001f600 é"),
        ("<b>&amp;</b>\r\n", "<b>&amp;</b>\r\n"),
    ],
)
def test_texts_arrive_as_they_are(kind, text, read, model, stub, make_request, ask, reply_with):
    """Empty, huge, NUL and broken texts are answers; only half surrogates are replaced."""
    stub.says(reply_with(text))
    (response,) = ask(model, make_request(format=kind))
    assert response.text == read
    assert response.text.encode().decode() == read
    assert response.finish == "stop"


def test_a_stray_byte_is_replaced(model, stub, make_request, ask):
    """A body that is not quite UTF-8 is read with U+FFFD in place of the stray byte."""
    stub.says(b'{"choices": [{"message": {"content": "a\xffb"}}]}')
    assert ask(model, make_request())[0].text == "a\ufffdb"


@pytest.mark.parametrize(
    ("content", "read"),
    [
        ({"content": "4", "reasoning_content": "2 + 2"}, "4"),
        ({"content": None, "reasoning": "2 + 2"}, ""),
        ({"content": None, "refusal": "I will not."}, "I will not."),
        ({"content": [{"type": "thinking", "text": "2"}, {"type": "text", "text": "4"}]}, "4"),
    ],
)
def test_reasoning_is_not_the_answer(content, read, model, stub, make_request, ask, reply_with):
    """Reasoning beside the text is left out, though its tokens are counted; a refusal is read."""
    stub.says(reply_with(message=content))
    (response,) = ask(model, make_request())
    assert response.text == read
    assert response.output_tokens == 3


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("stop", "stop"), (None, "stop"), ("length", "length"), ("content_filter", "filter")],
)
def test_finish_reasons(reason, finish, model, stub, make_request, ask, reply_with):
    """The server's finish reason becomes one of ours."""
    stub.says(reply_with("4", finish_reason=reason))
    assert ask(model, make_request())[0].finish == finish


def test_a_filtered_prompt_is_an_answer_of_its_kind(model, stub, make_request, ask):
    """A 400 of a content filter is what the model said, not a fault of the instrument."""
    stub.says({"error": {"message": "policy", "code": "content_filter"}}, 400)
    (response,) = ask(model, make_request())
    assert (response.finish, response.text, response.error) == ("filter", "", None)


def test_logprobs_are_asked_for_and_read(model, stub, make_request, ask, reply_with):
    """Log-probabilities come as one number per token from chats and completions."""
    chat = {"content": [{"token": "4", "logprob": -0.5}, {"token": "2", "logprob": -9999.0}]}
    stub.says(reply_with(logprobs=chat))
    (response,) = ask(model, make_request(logprobs=True))
    assert stub.seen[-1][2]["logprobs"] is True
    assert response.logprobs == (-0.5, -9999.0)
    stub.says(reply_with(logprobs={"token_logprobs": [-0.25, None]}))
    (response,) = ask(model, make_request(logprobs=True, format="completion"))
    assert stub.seen[-1][2]["logprobs"] == 1
    assert response.logprobs == (-0.25, -9999.0)
    assert ask(model, make_request())[0].logprobs is None


def test_extra_body_adds_and_removes_fields(provider, stub, make_request, ask):
    """`extra_body` sets fields of the body, and a null takes one out; the identity tells."""
    options = {"extra_body": '{"top_k": 1, "temperature": null, "seed": null}'}
    model = resolve(f"{provider}/stub", base_url=stub.url, options=options)
    ask(model, make_request())
    body = stub.seen[0][2]
    assert body["top_k"] == 1
    assert not {"temperature", "seed"} & set(body)
    plain = resolve(f"{provider}/stub", base_url=stub.url)
    assert model.identity() != plain.identity()


def test_nothing_secret_is_kept(provider, model, make_request, ask):
    """Key and address appear neither in the model's text form nor in its identity."""
    ask(model, make_request())
    assert SECRET not in f"{model!r} {model.identity()}"
    assert "127.0.0.1" not in str(model.identity())


@pytest.mark.parametrize("key", [SECRET, "half/key+other/half=="])
@pytest.mark.parametrize("status", [200, 404, 500])
def test_a_key_that_the_server_repeats(
    status, key, provider, model, stub, monkeypatch, make_request, ask
):
    """A server that shows the key in its page does not bring it into an error, not even half."""
    monkeypatch.setenv(PROVIDERS[provider], key)
    for padding in (0, 66, 72, 286, 292):  # across the ends of what messages quote
        page = "<p>" + "x" * padding + key.replace("/", "\\/") + "</p>" + key
        stub.says(page.encode(), status)
        with pytest.raises(ModelmetryError) as caught:
            ask(model, make_request())
        assert key[:4] not in "".join(traceback.format_exception(caught.value))


def test_a_key_that_no_header_can_hold(provider, stub, monkeypatch, make_request, ask):
    """A key with a line break, as from a file, is refused without being shown."""
    monkeypatch.setenv(PROVIDERS[provider], f"{SECRET}\nsecond line")
    with pytest.raises(BadInput, match="no key can hold") as caught:
        ask(resolve(f"{provider}/stub", base_url=stub.url), make_request())
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_base_urls_with_and_without_v1(ending, provider, stub, make_request, ask):
    """The address works as people paste it."""
    url = stub.url.removesuffix("/v1") + ending
    ask(resolve(f"{provider}/stub", base_url=url), make_request())
    assert stub.seen[0][0] == "/v1/chat/completions"


@pytest.mark.parametrize(
    "url",
    ["localhost:8000", "ftp://host/v1", "http://", f"http://me:{SECRET}@host/v1",
     f"http://host/v1?key={SECRET}"],
)  # fmt: skip
def test_bad_base_urls(url, provider):
    """An address that cannot work, or that holds a secret, is refused and no secret shown."""
    with pytest.raises(BadInput, match=r"allowed: http\(s\)://host") as caught:
        resolve(f"{provider}/stub", base_url=url)
    assert SECRET not in str(caught.value)


def test_addresses_come_from_the_environment(provider, stub, monkeypatch, make_request, ask):
    """Without an option the address is the provider's own environment variable."""
    variable = "VLLM_BASE_URL" if provider == "vllm" else "OPENAI_BASE_URL"
    monkeypatch.setenv(variable, stub.url)
    assert ask(resolve(f"{provider}/stub"), make_request())[0].text == "42"


@pytest.mark.parametrize("provider", ["openai-api", "vllm"])
def test_a_missing_address_is_one_line(provider, monkeypatch, ask, make_request):
    """Without any address the line names the variable to set."""
    for name in ("VLLM_BASE_URL", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(BadInput, match=r"no server address; set (VLLM|OPENAI)_BASE_URL"):
        ask(resolve(f"{provider}/stub"), make_request())


@pytest.mark.parametrize("spec", ["openai/gpt-4o", "openai/azure/mine"])
def test_a_missing_key_is_one_line(spec, monkeypatch, ask, make_request):
    """OpenAI and Azure need a key, and the line names its variable."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AZURE_OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com")
    with pytest.raises(BadInput, match=r"no key; set (AZURE_)?OPENAI_API_KEY"):
        ask(resolve(spec), make_request())


def test_a_server_without_keys_gets_none(stub, monkeypatch, make_request, ask):
    """Without a key in the environment no Authorization header is sent."""
    monkeypatch.delenv("VLLM_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    ask(resolve("vllm/stub", base_url=stub.url), make_request())
    assert "Authorization" not in stub.seen[0][1]
    assert SECRET not in str(stub.seen)


def test_openai_takes_its_own_limit_field(stub, make_request, ask):
    """`max_completion_tokens` is for api.openai.com and for whoever asks for it."""
    assert resolve("openai/gpt-4o").limit_field == "max_completion_tokens"
    assert resolve("openai/x", base_url=stub.url).limit_field == "max_tokens"
    options = {"limit": "max_completion_tokens"}
    ask(resolve("openai/x", base_url=stub.url, options=options), make_request(max_tokens=9))
    body = stub.seen[0][2]
    assert body["max_completion_tokens"] == 9
    assert "max_tokens" not in body


def test_azure_asks_the_deployment(stub, monkeypatch, make_request, ask):
    """`openai/azure/<deployment>` asks that deployment with Azure's header and API version."""
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", stub.url.removesuffix("/v1"))
    monkeypatch.setenv("AZUREAI_OPENAI_API_VERSION", "2024-10-21")
    (response,) = ask(resolve("openai/azure/mine"), make_request())
    path, headers, _ = stub.seen[0]
    assert path == "/openai/deployments/mine/chat/completions?api-version=2024-10-21"
    assert headers["api-key"] == SECRET
    assert response.text == "42"
    stub.says({"error": {"message": "gone", "code": "DeploymentNotFound"}}, 404)
    with pytest.raises(BadInput, match="'mine': 'gone'"):
        ask(resolve("openai/azure/mine"), make_request())
