"""Log-probabilities of the text shown and the right answer, from a server that echoes as vLLM does."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmetry.errors import BadInput, Unreachable
from modelmetry.items import Target, message
from modelmetry.models import Rejected, Transient, echo, resolve

PROVIDERS = {"openai-api": "OPENAI_API_KEY", "vllm": "VLLM_API_KEY", "openai": "OPENAI_API_KEY"}
SHOWN, ANSWER = " the cat sat on", " the mat."
ALLOWED = r"allowed: a back end that gives .* such as vllm/ or hf/, or without --logprobs target$"


def words(text):
    """Words with the blank before them, as byte-level tokenizers have them."""
    return re.findall(r"\s?[^\s.]+|\.|\s", text)


@pytest.fixture(params=PROVIDERS)
def model(request, stub, monkeypatch):
    """Each back end in turn, pointed at the server."""
    monkeypatch.setenv(PROVIDERS[request.param], "sk-test")
    prices = {"price_input": 2.0, "price_output": 10.0}
    return resolve(f"{request.param}/stub", base_url=stub.url, options=prices)


@pytest.fixture
def asking(make_request):
    """A request to go on with a text, whose right answer is known."""

    def build(shown=SHOWN, answer=ANSWER, format="completion", **sampling):  # noqa: A002
        sampling = {"logprobs": "target", **sampling}
        request = make_request(format=format, target=Target(answers=(answer, "other")), **sampling)
        return replace(request, item=replace(request.item, messages=(message("user", shown),)))

    return build


def test_the_text_and_its_answer_are_scored_in_a_second_query(model, stub, asking, ask):
    """The model goes on as always; then the whole is echoed, greedily, and its tokens told apart."""
    known = stub.echoes(words)
    request = asking(max_tokens=7, temperature=0.5, stop=("\n",))
    (response,) = ask(model, request)
    (first, _, asked), (second, _, scored) = stub.seen
    assert (first, second) == ("/v1/completions", "/v1/completions")
    assert asked == {
        "model": "stub",
        "prompt": SHOWN,
        "max_tokens": 7,
        "temperature": 0.5,
        "stop": ["\n"],
        "seed": request.seed,
        "logprobs": 1,
    }
    assert scored == {
        "model": "stub",
        "prompt": SHOWN + ANSWER,
        "echo": True,
        "logprobs": 1,
        "max_tokens": 1,
        "temperature": 0.0,
    }
    assert (response.text, response.finish, response.logprobs) == (" 42", "stop", (-0.5,))
    assert response.shown_logprobs == (None, *(known[word] for word in words(SHOWN)[1:]))
    assert response.target_logprobs == (known[" the"], known[" mat"], known["."])
    assert response.request_key == request.key


def test_both_queries_are_paid(model, stub, asking, ask):
    """Tokens and cost are sums; the second reads the text and its answer and generates one token."""
    stub.echoes(words)
    (response,) = ask(model, asking())
    assert (response.input_tokens, response.output_tokens) == (4 + 7, 1 + 1)
    assert response.cost_usd == pytest.approx((11 * 2 + 2 * 10) / 1e6)
    assert 0 < response.latency_s < 5


def test_without_target_nothing_is_echoed(model, stub, asking, ask):
    """One query, and no log-probabilities of what is shown."""
    stub.echoes(words)
    for logprobs in (False, True):
        stub.seen.clear()
        (response,) = ask(model, asking(logprobs=logprobs))
        assert len(stub.seen) == 1
        assert (response.shown_logprobs, response.target_logprobs) == (None, None)


def test_a_chat_is_refused_before_anything_is_asked(model, stub, asking, ask):
    """What a template puts around a text is no text shown."""
    with pytest.raises(
        BadInput, match=r"prompt addition/plain is a chat; .*: completion prompts only"
    ):
        ask(model, asking(format="chat"))
    assert stub.seen == []


def read(tokens, shown, answer, *, counted=0, before="", drop=(), **changes):
    """What `echo.read` makes of what a server says of these tokens; each has its own number."""
    tokens = [before] * bool(before) + tokens
    offsets = [sum(map(len, tokens[:i])) for i in range(len(tokens))]
    said = {
        "tokens": tokens,
        "token_logprobs": [None, *(-float(i) for i in range(1, len(tokens)))],
        "text_offset": offsets,
    }
    said = {key: value for key, value in {**said, **changes}.items() if key not in drop}
    content = {
        "choices": [{"text": "".join(tokens), "logprobs": said, "finish_reason": "length"}],
        "usage": {"prompt_tokens": len(tokens) - 1, "completion_tokens": 1},
    }
    if "usage" in drop:
        del content["usage"]
    raw = json.dumps(content).encode()
    return echo.read(raw, shown=shown, whole=shown + answer, counted=counted)


@given(
    st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=2),
    st.data(),
    st.sampled_from(["", "<s>", "<|begin_of_text|>"]),
)
def test_every_token_is_on_its_side(tokens, data, before):
    """Whatever the tokens and wherever the text is cut: those that begin in it are shown, no other."""
    whole = "".join(tokens)
    cut = data.draw(st.integers(1, len(whole)))
    drop = data.draw(st.sampled_from([(), ("usage",), ("text_offset",)]))
    found = read([*tokens, "!"], whole[:cut], whole[cut:], before=before, drop=drop)
    starts = [sum(map(len, tokens[:i])) for i in range(len(tokens))]
    first = sum(start < cut for start in starts) + bool(before)
    count = len(tokens) + bool(before)
    assert found.shown == (None, *(-float(i) for i in range(1, first)))
    assert found.target == tuple(-float(i) for i in range(first, count))


def test_a_token_that_reaches_into_the_answer_is_shown():
    """One that holds the end of the text and the beginning of the answer."""
    found = read(["the", " ca", "tch", "!"], "the cat", "ch")
    assert found.shown == (None, -1.0, -2.0)
    assert found.target == ()


@pytest.mark.parametrize("before", ["", "<s>"])
@pytest.mark.parametrize(
    ("tokens", "shown", "answer", "first"),
    [
        (["caf", "\ufffd", "\ufffd", " au", " lait"], "café", " au lait", 3),
        (["caf", "\ufffd", "\ufffd", " au", " lait"], "caf", "é au lait", 1),
        (["\ufffd", "\ufffd", "a", "\ufffd", "\ufffd", "\ufffd", " b"], "éa", "€ b", 3),
        (["x", "\ufffd", " y", "\ufffd", "\ufffd"], "x€", " yé", 2),
        (["x", "\ufffd", "\ufffd"], "x", "é", 1),
        (["", "", "é", " a", " é", " a", "\ufffd", "a"], "é a", " é aüa", 4),
        (["\ufffd", "x\ufffd", "\ufffd", "a"], "éx", "éa", None),
        (["\ufffd", "a", "b"], "éa", "c", None),
        (["a", "\ufffd", "b"], "a", "c", None),
    ],
)
def test_tokens_that_share_a_character_stand_between_others(before, tokens, shown, answer, first):
    """Whatever the server adds up their lengths to; None where they do not tell, or do not fit."""
    if first is None:
        with pytest.raises(echo.Unscored):
            read([*tokens, "!"], shown, answer, before=before, text_offset=None)
        return
    found = read([*tokens, "!"], shown, answer, before=before, counted=99)
    assert len(found.shown) == first + bool(before)
    assert len(found.target) == len(tokens) - first


@given(
    st.lists(st.text(st.sampled_from(" aé€😀"), min_size=1, max_size=4), min_size=2, max_size=8),
    st.data(),
)
def test_any_bytes_that_become_tokens_are_on_their_side_or_told_by_count(texts, data):
    """A text cut into tokens anywhere in its UTF-8: shown are those that begin in it, if at all told."""
    whole = "".join(texts)
    raw = whole.encode()
    ends = sorted({*data.draw(st.sets(st.integers(1, len(raw)))), len(raw)})
    pieces = [raw[a:b] for a, b in pairwise([0, *ends])]
    tokens = [piece.decode(errors="replace") for piece in pieces]
    cut = data.draw(st.integers(1, len(whole)))
    first = sum(start < len(whole[:cut].encode()) for start in [0, *ends[:-1]])
    found = read([*tokens, "!"], whole[:cut], whole[cut:], text_offset=None, counted=first)
    # A broken piece may hold a whole character besides, and then may be taken for a neighbor's.
    if not any("\ufffd" in token and len(token) > 1 for token in tokens):
        assert len(found.shown) == first
    assert len(found.shown) + len(found.target) == len(tokens)


BYTES = ["\ufffd", "\ufffd", "\ufffd", "\ufffd", " x", "!"]
"""Two characters that four tokens share: the text shown ends somewhere between."""


def test_where_tokens_do_not_tell_offsets_do():
    """If they are those of the text, in order, up to its end."""
    found = read(BYTES, "é", "ü x", text_offset=[0, 0, 1, 1, 2, 4])
    assert found.shown == (None, -1.0)
    assert found.target == (-2.0, -3.0, -4.0)
    bare = read(["a", " b", " c", "!"], "a b", " c", drop=("tokens",))
    assert (bare.shown, bare.target) == ((None, -1.0), (-2.0,))


@pytest.mark.parametrize(
    "offsets",
    [
        [0, 1, 2, 3, 4, 6],  # as vLLM adds them up: beyond the text
        [0, 0, 1, 1, 2, 3],  # short of the text's end
        [1, 1, 1, 1, 2, 4],
        [0, 1, 0, 1, 2, 4],
        [0, 0, 1, 1, 2, None],
        [0, 0, 1],
        "0",
        None,
    ],
)
def test_odd_offsets_give_way_to_the_count_of_tokens(offsets):
    """As many as the text shown has by itself are those shown; without that number there is no telling."""
    found = read(BYTES, "é", "ü x", text_offset=offsets, counted=2)
    assert found.shown == (None, -1.0)
    assert found.target == (-2.0, -3.0, -4.0)
    for counted in (0, 6, 7):
        with pytest.raises(echo.Unscored, match="not those of the text"):
            read(BYTES, "é", "ü x", text_offset=offsets, counted=counted)


def test_counts_that_do_not_fit_are_not_used():
    """A server whose number of prompt tokens is another than that of its log-probabilities."""
    with pytest.raises(echo.Unscored, match="not those of the text"):
        read(BYTES, "é", "ü x", text_offset=None, counted=2, drop=("usage",))


def test_more_log_probabilities_than_tokens_are_not_used():
    """Beyond those of the text there is one at most, of the token generated."""
    for beyond in (0, 1, 2):
        told = {"counted": 2, "token_logprobs": [None, -1.0, -2.0, *[-3.0] * beyond]}
        if beyond < 2:
            found = read(
                ["a", " b", " c", "!"], "a b", " c", drop=("tokens", "text_offset"), **told
            )
            assert (found.shown, found.target) == ((None, -1.0), (-2.0,))
            continue
        with pytest.raises(echo.Unscored, match="not those of the text"):
            read(["a", " b", " c", "!"], "a b", " c", drop=("tokens", "text_offset"), **told)


def test_minus_infinity_is_a_number(model, stub, asking, ask):
    """What servers cannot write in JSON: null beyond the first token."""
    stub.echoes(words, token_logprobs=[None, -1.0, None, -2.0, None, -3.0, -4.0, -5.0])
    (response,) = ask(model, asking())
    assert response.shown_logprobs == (None, -1.0, -9999.0, -2.0)
    assert response.target_logprobs == (-9999.0, -3.0, -4.0)


def test_a_beginning_that_is_counted_shows_in_the_first_query_too(stub, asking, ask):
    """Where a server puts a token before every text, it stands first, and has no probability."""
    known = stub.echoes(words, before="<s>")
    model = resolve("vllm/stub", base_url=stub.url)
    (response,) = ask(model, asking())
    assert response.shown_logprobs == (None, *(known[word] for word in words(SHOWN)))
    assert response.target_logprobs == (known[" the"], known[" mat"], known["."])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"token_logprobs": None}, "its reply has no token_logprobs"),
        ({"token_logprobs": []}, "its reply has no token_logprobs"),
        ({"tokens": 3, "text_offset": 3, "token_logprobs": [None, -1.0]}, "not those of the text"),
    ],
)
def test_a_server_that_echoes_nothing_is_one_line(changes, said, model, stub, asking, ask):
    """What it did, where, and what is allowed."""
    stub.echoes(words, **changes)
    with pytest.raises(BadInput, match=rf"stub at http.*{said}.*{ALLOWED}") as caught:
        ask(model, asking())
    assert "\n" not in str(caught.value)


def test_log_probabilities_of_the_generated_token_alone_are_none(
    model, stub, asking, ask, reply_with
):
    """A server that knows no `echo` gives those of what it generated."""
    alone = {"tokens": ["x"], "token_logprobs": [-0.1], "text_offset": [0]}
    stub.says(reply_with("x", logprobs=alone))
    with pytest.raises(BadInput, match=rf"those of the generated token alone.*{ALLOWED}"):
        ask(model, asking())


def refusing(stub, status, error):
    """A server that answers, and refuses to echo."""

    async def reply(request, asked):
        stub.says(
            {"error": error} if asked.get("echo") else GOOD, status if asked.get("echo") else 200
        )
        try:
            return await stub.reply(request, asked)
        finally:
            stub.reply = reply

    stub.reply = reply


GOOD = {"choices": [{"text": "x", "finish_reason": "stop"}]}


@pytest.mark.parametrize(
    ("status", "words_", "expected"),
    [
        (400, "Setting 'echo' and 'logprobs' at the same time is not supported", BadInput),
        (400, "extra fields not permitted", BadInput),
        (422, "echo: unexpected keyword", BadInput),
        (500, "prompt_logprobs are not supported here", BadInput),
        (500, "the engine has died", Transient),
        (501, "logprobs of the prompt: not implemented", BadInput),
        (400, "This model's maximum context length is 8 tokens", Rejected),
        (413, "too large", Rejected),
        (429, "slow down with your echo", Transient),
        (503, "busy", Transient),
        (402, "pay first", Unreachable),
        (401, "no echo for you", BadInput),
    ],
)
def test_a_refusal_of_the_kind_of_query_ends_the_run(
    status, words_, expected, model, stub, asking, ask
):
    """And a refusal of this one text, or a passing fault, does not."""
    refusing(stub, status, {"message": words_})
    with pytest.raises(expected) as caught:
        ask(model, asking())
    assert type(caught.value) is expected
    line = str(caught.value)
    assert "\n" not in line
    assert (re.search(ALLOWED, line) is not None) == (expected is BadInput and status != 401)


def test_an_answer_without_a_choice_may_pass(model, stub, asking, ask):
    """As for any other answer."""
    refusing(stub, 200, None)
    with pytest.raises(Transient, match="without a choice"):
        ask(model, asking())


def test_extra_fields_go_with_both_queries(stub, asking, ask):
    """What a user adds to every body, and what a null takes out."""
    stub.echoes(words)
    options = {"extra_body": {"add_special_tokens": False, "temperature": None}}
    ask(resolve("vllm/stub", base_url=stub.url, options=options), asking())
    for _, _, body in stub.seen:
        assert body["add_special_tokens"] is False
        assert "temperature" not in body


@pytest.mark.parametrize(
    "name", ["oracle", "chance", "majority", "simulated", "respondent", "judge"]
)
def test_references_have_no_probabilities(name, asking, ask):
    """They are refused in one line rather than answered without."""
    with pytest.raises(BadInput, match=rf"reference/{name}: gives no log-probabilities.*{ALLOWED}"):
        ask(resolve(f"reference/{name}"), asking())
