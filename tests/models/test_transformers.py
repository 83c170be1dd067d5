"""Models in this process: batches change nothing, streams are each request's own."""

from __future__ import annotations

import asyncio
import importlib.util
import math
from collections import Counter
from dataclasses import replace

import pytest

from modelmetry.errors import BadInput
from modelmetry.items import message
from modelmetry.models import Rejected, resolve

TEMPLATE = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}<assistant>"
N = 24


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed here")
def test_missing_torch_is_one_line(make_request, ask):
    """Without the extra the line says what to install."""
    with pytest.raises(BadInput, match=r'pip install "modelmetry\[local\]"'):
        ask(resolve("hf/anything"), make_request())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny Llama with random weights over ASCII, and its own ideas about sampling."""
    torch = pytest.importorskip("torch")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    path = tmp_path_factory.mktemp("tiny")
    letters = [*map(chr, range(33, 127)), "Ġ", "Ċ"]  # printable ASCII, space and line feed
    vocab = {text: n for n, text in enumerate(["<end>", *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>")
    fast.chat_template = TEMPLATE
    fast.save_pretrained(path)
    torch.set_num_threads(1)  # a tiny model gains nothing from more
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=len(vocab), hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
        eos_token_id=0, bos_token_id=None, initializer_range=0.5,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    # As many checkpoints do; none of it was asked for.
    model.generation_config.update(do_sample=True, temperature=0.1, repetition_penalty=9.0)
    model.save_pretrained(path)
    return path


@pytest.fixture
def questions(make_request):
    """Requests of very different lengths."""

    def build(n=N, text="", **changes):
        requests = [make_request(i, **changes) for i in range(n)]
        return [
            replace(
                r,
                item=replace(
                    r.item, messages=(message("user", text or f"{i} + {7 * i} = " * (1 + i % 5)),)
                ),
            )
            for i, r in enumerate(requests)
        ]

    return build


def texts(responses):
    return [response.text for response in responses]


@pytest.mark.torch
@pytest.mark.parametrize(
    "asked",
    [
        {"format": "chat", "max_tokens": 12},
        {"format": "completion", "max_tokens": 12},
        {"format": "chat", "max_tokens": 40, "temperature": 1.5},
    ],
)
def test_a_batch_answers_like_one_by_one(asked, folder, questions, ask):
    """Answers, token counts and log-probabilities do not depend on the batch, sampled or not."""
    requests = questions(logprobs=True, **asked)
    together = ask(resolve(f"hf/{folder}"), *requests)
    alone = ask(resolve(f"hf/{folder}", options={"batch_size": "1"}), *requests)
    assert texts(together) == texts(alone)
    assert len(set(texts(together))) > N / 2, "the model tells the questions apart"
    for a, b in zip(together, alone, strict=True):
        assert a.logprobs == pytest.approx(b.logprobs, abs=1e-4)
        assert len(a.logprobs) == a.output_tokens <= asked["max_tokens"]
        assert (a.output_tokens == asked["max_tokens"]) or a.finish == "stop"
        assert (a.finish, a.input_tokens, a.output_tokens) == (
            b.finish, b.input_tokens, b.output_tokens,
        )  # fmt: skip
    if "temperature" in asked:
        assert {a.finish for a in together} == {"stop", "length"}, "both kinds of end are seen"


@pytest.mark.torch
def test_greedy_is_the_models_own_argmax(folder, questions, ask):
    """Against a plain loop: argmax by argmax, with the log-probability of each step."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    (response,) = ask(resolve(f"hf/{folder}"), *questions(1, "2 + 2 =", max_tokens=8, format="completion", logprobs=True))  # fmt: skip
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    ids = tokenizer("2 + 2 =", return_tensors="pt").input_ids
    start, expected = ids.shape[1], []
    with torch.no_grad():
        for _ in range(8):
            step = model(ids).logits[0, -1].log_softmax(-1)
            expected.append(step.max().item())
            ids = torch.cat([ids, step.argmax().view(1, 1)], dim=1)
            if ids[0, -1] == 0:
                break
    assert response.text == tokenizer.decode(ids[0, start:], skip_special_tokens=True)
    assert response.logprobs == pytest.approx(expected, abs=1e-4)
    assert response.input_tokens == start


@pytest.mark.torch
def test_samples_follow_the_distribution_and_the_seed(folder, questions, ask):
    """Sampled tokens come at the model's rates; a seed gives one sample in any batch."""
    requests = questions(
        1500, "2 + 2 =", max_tokens=1, temperature=1.5, format="completion", logprobs=True
    )
    model = resolve(f"hf/{folder}", options={"batch_size": "250"})
    responses = ask(model, *requests)
    drawn = texts(responses)
    few = ask(resolve(f"hf/{folder}", options={"batch_size": "3"}), *requests[10:20])
    assert texts(few) == drawn[10:20]
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    logits = AutoModelForCausalLM.from_pretrained(folder)(
        **tokenizer("2 + 2 =", return_tensors="pt")
    ).logits[0, -1]
    p = torch.softmax(logits / 1.5, -1)
    counts = Counter(drawn)
    for token in p.topk(5).indices.tolist():
        text = tokenizer.decode([token], skip_special_tokens=True)
        if text.isascii() and text:
            own = next(r for r in responses if r.text == text).logprobs
            assert own == pytest.approx([logits.log_softmax(-1)[token].item()], abs=1e-4)
            share, wanted = counts[text] / 1500, p[token].item()
            assert share == pytest.approx(wanted, abs=4 * math.sqrt(wanted / 1500))


@pytest.mark.torch
def test_top_p_keeps_the_likely(folder, questions, ask):
    """With a tiny top_p only the likeliest token is ever drawn."""
    greedy = texts(ask(resolve(f"hf/{folder}"), *questions(max_tokens=6)))
    requests = questions(max_tokens=6, temperature=1.0, top_p=0.001)
    assert texts(ask(resolve(f"hf/{folder}"), *requests)) == greedy


@pytest.mark.torch
def test_stop_texts_end_the_answer(folder, questions, ask):
    """An answer ends before its stop text, tokens after it are not generated."""
    whole = ask(resolve(f"hf/{folder}"), *questions(max_tokens=12))
    stop = whole[0].text[3:5]
    cut = ask(resolve(f"hf/{folder}"), *questions(max_tokens=12, stop=(stop,)))
    assert cut[0].text == whole[0].text[: whole[0].text.find(stop)]
    assert cut[0].finish == "stop"
    assert cut[0].output_tokens == len(cut[0].text + stop), "one token per letter"
    for a, b in zip(cut, whole, strict=True):
        assert a.text == b.text.partition(stop)[0]
        assert a.finish == ("stop" if stop in b.text else b.finish)


@pytest.mark.torch
def test_mixed_sampling_is_sorted_into_batches(folder, questions, ask):
    """Requests with different limits that wait together each get their own."""
    short, long = questions(max_tokens=2), questions(max_tokens=9)
    mixed = [request for pair in zip(short, long, strict=True) for request in pair]
    responses = ask(resolve(f"hf/{folder}"), *mixed)
    assert max(r.output_tokens for r in responses[::2]) == 2
    assert max(r.output_tokens for r in responses[1::2]) == 9


@pytest.mark.torch
def test_a_prompt_that_does_not_fit(folder, questions, ask):
    """A prompt beyond the context is given up alone, with the figures."""
    (request,) = questions(1, "x" * 120, max_tokens=9)
    with pytest.raises(Rejected, match="the model's context holds 128"):
        ask(resolve(f"hf/{folder}"), request)


@pytest.mark.torch
def test_a_model_without_chat_template(folder, tmp_path, questions, ask):
    """A chat item needs a template; a completion does not."""
    for file in folder.iterdir():
        if file.name != "chat_template.jinja":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(BadInput, match="no chat template; allowed: a chat model, or prompts of"):
        ask(resolve(f"hf/{tmp_path}"), *questions(1))
    assert ask(resolve(f"hf/{tmp_path}"), *questions(1, format="completion"))


@pytest.mark.torch
def test_a_folder_that_is_no_model(tmp_path, questions, ask):
    """What cannot be loaded is one line."""
    with pytest.raises(BadInput, match="the model cannot be loaded") as caught:
        ask(resolve(f"hf/{tmp_path}"), *questions(1))
    assert "\n" not in str(caught.value)


@pytest.mark.torch
def test_closing_leaves_nobody_waiting(folder, questions):
    """Closing in the middle of a long batch ends it and every request that waits."""

    async def session():
        model = await resolve(f"hf/{folder}", options={"batch_size": "2"}).open()
        tasks = [asyncio.create_task(model.answer(r)) for r in questions(8, max_tokens=60)]
        await asyncio.sleep(0.05)
        await model.close()
        return await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)

    ended = asyncio.run(session())
    assert any(isinstance(end, asyncio.CancelledError) for end in ended)


@pytest.mark.torch
def test_the_identity_says_what_was_loaded(folder, questions, ask):
    """Type of weights and name are in the identity; the batch size, which changes nothing, not."""
    model = resolve(f"hf/{folder}", options={"batch_size": "4"})
    assert model.identity() == {"model": f"hf/{folder}", "dtype": "auto", "revision": None}

    async def opened():
        await model.open()
        try:
            return dict(model.found())
        finally:
            await model.close()

    assert asyncio.run(opened())["dtype"] == "float32"
