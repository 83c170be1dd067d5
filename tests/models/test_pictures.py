"""Questions with pictures: sent in order, painted aside, refused in one line by who cannot see."""

from __future__ import annotations

import asyncio
import base64
import time
from dataclasses import replace

import pytest
from aiohttp import web
from tests.tiny_pictures import paint, picture

from modelmetry.errors import BadInput
from modelmetry.items import Gallery, Message, Part, message
from modelmetry.models import Rejected, resolve

PROVIDERS = {"openai-api": "OPENAI_API_KEY", "vllm": "VLLM_API_KEY", "openai": "OPENAI_API_KEY"}


@pytest.fixture(params=PROVIDERS)
def model(request, stub, monkeypatch):
    """Each back end in turn, pointed at the server."""
    monkeypatch.setenv(PROVIDERS[request.param], "sk-test")
    return resolve(f"{request.param}/stub", base_url=stub.url)


def shown(dots, place=0):
    """The part that shows a picture."""
    return Part(kind="image", text="[picture]", image=picture(dots, place))


@pytest.fixture
def question(make_request):
    """`question(*parts)`: a request of two turns of text and one of the given parts."""

    def build(*parts, gallery=None):
        request = make_request()
        turns = (
            message("user", "1?"),
            message("assistant", "1"),
            Message(role="user", parts=parts),
        )
        item = replace(request.item, messages=turns)
        return replace(request, item=item, gallery=gallery)

    return build


def uri(dots, place=0):
    data = base64.b64encode(paint(picture(dots, place).recipe)).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


def test_pictures_are_sent_in_their_places(model, stub, question, ask, painted):
    """A turn with pictures is a list of parts in order; turns without are texts as ever."""
    ask(model, question(Part(text="Look:"), shown(2), Part(text="How many?"), shown(3)))
    ((_, _, body),) = stub.seen
    assert body["messages"] == [
        {"role": "user", "content": "1?"},
        {"role": "assistant", "content": "1"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look:"},
                uri(2),
                {"type": "text", "text": "How many?"},
                uri(3),
            ],
        },
    ]


def test_a_gallery_changes_no_byte_and_no_key(stub, question, ask, painted, tmp_path):
    """With a gallery the same is sent, each picture is painted once, and the key is the same."""
    model = resolve("vllm/stub", base_url=stub.url)
    parts = (shown(2), Part(text="?"), shown(2), shown(4))
    with Gallery(tmp_path / "pictures", 2) as gallery:
        requests = [question(*parts, gallery=gallery) for _ in range(6)]
        ask(model, *requests)
    assert len(painted.read_text().splitlines()) == 2
    sent = [body["messages"] for _, _, body in stub.seen]
    assert sent == [sent[0]] * 6
    stub.seen.clear()
    plain = question(*parts)
    ask(model, plain)
    assert stub.seen[0][2]["messages"] == sent[0]
    assert plain.key == requests[0].key
    assert plain == requests[0]


def test_painting_holds_nobody_up(stub, question, ask, painted, tmp_path, monkeypatch):
    """While pictures are painted, the event loop turns and texts are answered."""
    model = resolve("vllm/stub", base_url=stub.url)
    paused = []

    async def watch():
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            paused.append(time.perf_counter() - before)

    async def session(gallery):
        await model.open()
        watcher = asyncio.create_task(watch())
        try:
            seeing = [model.answer(question(shown(1, n), gallery=gallery)) for n in range(40)]
            await asyncio.gather(*seeing, *[model.answer(question(Part(text="?")))] * 1)
        finally:
            watcher.cancel()
            await model.close()

    with Gallery(tmp_path / "pictures", 1) as gallery:
        asyncio.run(session(gallery))
    assert max(paused) < 0.2


BLIND = [
    (400, {"object": "error", "message": "stub is not a multimodal model", "code": 400}),
    (400, {"error": {"message": "stub is not a multimodal model None", "code": 400}}),
    (400, {"error": {"message": "At most 0 image(s) may be provided in one prompt."}}),
    (400, {"error": {"message": "Invalid content type. image_url is only supported by certain models."}}),
    (400, {"error": {"message": "this model does not support image input"}}),
    (500, {"error": {"code": 500, "message": "image input is not supported by this server"}}),
    (500, {"error": {"message": 'Failed to parse messages: Unsupported content part type: "image_url"'}}),
    (400, {"error": {"message": "messages.content.type is invalid, allowed values: ['text']"}}),
    (422, {"detail": [{"loc": ["body", "messages"], "msg": "Input should be 'text'"}]}),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body"), BLIND)
def test_a_text_only_server_is_one_line(model, stub, question, ask, painted, status, body):
    """Whatever its words, the line names the model and says what is allowed; nothing is retried."""
    stub.says(body, status=status)
    with pytest.raises(BadInput) as error:
        ask(model, question(shown(1)))
    line = str(error.value)
    assert line.startswith(
        f"{model.spec} at {stub.url}: a picture was asked of a text-only model: "
    )
    assert line.endswith("; allowed: a model that reads pictures, or prompts without them")
    assert "\n" not in line
    assert len(stub.seen) == 1


def test_too_many_pictures_is_another_line(model, stub, question, ask, painted):
    """A server that takes fewer pictures than examples show says so, and how many."""
    said = "At most 1 image(s) may be provided in one prompt. Set `--limit-mm-per-prompt`"
    stub.says({"error": {"message": said}}, status=400)
    with pytest.raises(BadInput, match=r"more pictures than the server is set up for: 'At most 1"):
        ask(model, question(shown(1), shown(2)))


@pytest.mark.parametrize(
    "said",
    [
        "You uploaded an unsupported image. Please make sure your image is valid.",
        "This model's maximum context length is 512 tokens",
        "The image was flagged by our safety system",
    ],
)
def test_one_refused_picture_is_given_up_alone(model, stub, question, ask, painted, said):
    """What a server says about this one request does not end the run."""
    stub.says({"error": {"message": said}}, status=400)
    with pytest.raises(Rejected):
        ask(model, question(shown(1)))


def test_words_about_pictures_mean_nothing_without_one(model, stub, question, ask):
    """A refusal of a text is a refusal of that text, whatever it mentions."""
    stub.says({"error": {"message": "stub is not a multimodal model"}}, status=400)
    with pytest.raises(Rejected):
        ask(model, question(Part(text="?")))


def test_what_cannot_be_painted_ends_the_run(stub, question, ask, painted):
    """A painter that is not there is bad input, before anything is sent."""
    part = Part(kind="image", image=replace(picture(1), painter="oil"))
    with pytest.raises(BadInput, match="unknown painter 'oil'"):
        ask(resolve("vllm/stub", base_url=stub.url), question(part))
    assert not stub.seen


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_large_picture_passes(stub, question, ask, painted):
    """Bodies of megabytes arrive whole."""
    size = []

    async def reply(request: web.Request, asked):
        size.append(len(str(asked)))
        return web.json_response({"choices": [{"message": {"content": "1"}}]})

    stub.reply = reply
    ask(resolve("vllm/stub", base_url=stub.url), question(*[shown(n % 7, n) for n in range(900)]))
    assert size[0] > 100_000
