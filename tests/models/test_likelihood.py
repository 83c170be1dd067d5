"""Log-probabilities of texts under models in this process, against a plain loop over tokens."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.tiny_pictures import picture

from modelmetry.errors import BadInput
from modelmetry.items import Message, Part, Target, message
from modelmetry.models import Rejected, resolve
from modelmetry.models.check_standard.tokenizer import byte_letters

pytestmark = pytest.mark.torch

WORDS = [
    "the cat sat on the mat",
    "one two three four",
    "a dog and a cat",
    "the mat",
    "café au lait",
]
PAIRS = [
    ("the cat sat", " on the mat"),
    (" the", " cat"),
    ("a dog and a cat", " sat on a mat the mat the cat and one two three four"),
    ("one ", "two three"),
    ("th", "e cat"),
    ("one thr", "ee four"),
    ("the cat and a do", "g sat"),
    ("caf", "é au lait"),
    ("café", " au"),
    ("  the \n", "\n\ncat "),
]
"""Shown and right answer; in some a token reaches from the one into the other."""


def tokenizer(kind, more=()):
    """A byte-level one with merges, with and without a beginning and an end; or one of words.

    Args:
        kind: Of `KINDS`.
        more: Texts that one with merges is trained on besides.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import ByT5Tokenizer, PreTrainedTokenizerFast

    if kind == "bytes, slow":
        return ByT5Tokenizer(extra_ids=400 - 259)  # as many tokens as the models have
    special = ["<end>", "<begin>", "<unk>"]
    if kind == "words":
        made = Tokenizer(models.WordLevel(unk_token="<unk>"))
        made.pre_tokenizer = pre_tokenizers.Whitespace()
        trainer = trainers.WordLevelTrainer(special_tokens=special, show_progress=False)
        made.train_from_iterator(WORDS, trainer)
    else:
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        letters = pre_tokenizers.ByteLevel.alphabet()
        made.train_from_iterator(
            [*WORDS, *more] * 9,
            trainers.BpeTrainer(
                vocab_size=330,
                special_tokens=special,
                initial_alphabet=letters,
                show_progress=False,
            ),
        )
        made.post_processor = processors.ByteLevel(trim_offsets="trimmed" in kind)
        if "begin" in kind:
            ends = [("<begin>", 1), ("<end>", 0)]
            made.post_processor = processors.TemplateProcessing(
                single="<begin> $A <end>", special_tokens=ends
            )
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<end>", unk_token="<unk>")


KINDS = ["bytes, trimmed", "bytes", "bytes, begin and end", "words", "bytes, slow"]


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def network(request):
    """A tiny random model with rotary or with learned positions."""
    torch = pytest.importorskip("torch")
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    torch.set_num_threads(1)
    torch.manual_seed(3)
    if request.param == "llama":
        config = LlamaConfig(
            vocab_size=400, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
            eos_token_id=0, bos_token_id=None, initializer_range=0.5,
        )  # fmt: skip
        return LlamaForCausalLM(config).eval()
    config = GPT2Config(
        vocab_size=400, n_embd=32, n_layer=2, n_head=4, n_positions=128, eos_token_id=0,
        bos_token_id=None, initializer_range=0.5,
    )  # fmt: skip
    return GPT2LMHeadModel(config).eval()


@pytest.fixture
def saved(network, tmp_path):
    """`saved(kind)`: a folder with the model and a tokenizer of that kind."""

    def build(kind):
        network.save_pretrained(tmp_path)
        tokenizer(kind).save_pretrained(tmp_path)
        return tmp_path

    return build


@pytest.fixture
def asking(make_request):
    """Requests to go on with texts whose right answers are known."""

    def build(pairs=PAIRS, **changes):
        changes = {"logprobs": "target", "format": "completion", "max_tokens": 3, **changes}
        made = []
        for n, (shown, answer) in enumerate(pairs):
            request = make_request(n, target=Target(answers=(answer,)), **changes)
            item = replace(request.item, messages=(message("user", shown),))
            made.append(replace(request, item=item))
        return made

    return build


def plainly(network, ids):
    """Log-probability of each token but the first: one forward pass for each, nothing shared."""
    import torch

    values = []
    with torch.no_grad():
        for n in range(1, len(ids)):
            logits = network(input_ids=torch.tensor([ids[:n]])).logits[0, -1]
            values.append(float(logits.double().log_softmax(-1)[ids[n]]))
    return values


def flat(response):
    """All log-probabilities of a response, in order; the first of all has none."""
    first, *others = response.shown_logprobs
    assert first is None
    return [*others, *response.target_logprobs]


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_those_of_a_plain_loop(kind, network, saved, asking, ask):
    """Asked together, in batches of texts of very different lengths: padding changes nothing."""
    folder, made = saved(kind), tokenizer(kind)
    requests = asking()
    responses = ask(resolve(f"hf/{folder}", options={"batch_size": "8"}), *requests)
    for (shown, answer), response in zip(PAIRS, responses, strict=True):
        ids = made(shown + answer)["input_ids"]
        if "end" in kind or "slow" in kind:
            ids = ids[:-1]  # what the tokenizer puts after a text is neither shown nor answer
        assert flat(response) == pytest.approx(plainly(network, ids), abs=1e-4)
        prompt = made(shown)["input_ids"]
        assert response.input_tokens == len(prompt) + len(ids)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_scores_like_one_by_one(kind, saved, asking, ask):
    """The neighbors in a batch do not matter, nor does asking for what the model says alone."""
    model = f"hf/{saved(kind)}"
    together = ask(resolve(model, options={"batch_size": "8"}), *asking())
    for response, request in zip(together, asking(), strict=True):
        (alone,) = ask(resolve(model, options={"batch_size": "1"}), request)
        assert flat(response) == pytest.approx(flat(alone), abs=1e-4)
        assert len(response.shown_logprobs) == len(alone.shown_logprobs)
    for response, plain in zip(together, ask(resolve(model), *asking(logprobs=True)), strict=True):
        assert (response.text, response.finish) == (plain.text, plain.finish)
        assert response.logprobs == pytest.approx(plain.logprobs, abs=1e-4)
        assert plain.shown_logprobs is plain.target_logprobs is None


@pytest.mark.parametrize("kind", ["bytes, trimmed", "bytes", "bytes, begin and end"])
def test_tokens_are_told_apart_where_the_shown_text_ends(kind, saved, asking, ask):
    """Tokens shown are the fewest from the left whose bytes hold the whole text shown."""
    made = tokenizer(kind)
    responses = ask(resolve(f"hf/{saved(kind)}"), *asking())
    reaching = 0
    for (shown, answer), response in zip(PAIRS, responses, strict=True):
        pieces = in_bytes(made, shown + answer)
        size, first = 0, 0
        while size < len(shown.encode()):
            size += len(pieces[first])
            first += 1
        reaching += size > len(shown.encode()) and len(made.tokenize(shown)) != first
        assert len(response.shown_logprobs) == first + ("begin" in kind)
        assert len(response.target_logprobs) == len(pieces) - first
    assert reaching, "in some pairs a token reaches into the answer, and counting would be wrong"


def in_bytes(made, text):
    """The bytes of each token of a byte-level tokenizer, from its letters."""
    byte_of = {letter: byte for byte, letter in enumerate(byte_letters())}
    return [bytes(byte_of[letter] for letter in token) for token in made.tokenize(text)]


def test_a_token_that_begins_where_the_shown_text_ends_is_of_the_answer():
    """Two line ends are one token at the end of a text and two before a word, which is no part of it."""
    from modelmetry.models import likelihood

    made = tokenizer("bytes", ["the cat\n\n"])
    shown, answer = "the cat\n\n", "sat"
    found = likelihood.lay(made, shown, shown + answer)
    pieces = in_bytes(made, shown + answer)
    assert len(in_bytes(made, shown)) == found.first - 1
    assert b"".join(pieces[: found.first]) == shown.encode()


def test_words_without_their_blanks(saved, asking, ask):
    """A tokenizer that drops blanks: the words shown are shown, wherever the blank stands."""
    pairs = [("one two", " three four"), ("one two ", "three four")]
    for response in ask(resolve(f"hf/{saved('words')}"), *asking(pairs)):
        assert (len(response.shown_logprobs), len(response.target_logprobs)) == (2, 2)


def test_without_offsets_the_tokens_shown_are_counted(saved, asking, ask):
    """A slow tokenizer knows no offsets; here every byte is a token."""
    responses = ask(resolve(f"hf/{saved('bytes, slow')}"), *asking())
    for (shown, answer), response in zip(PAIRS, responses, strict=True):
        assert len(response.shown_logprobs) == len(shown.encode())
        assert len(response.target_logprobs) == len(answer.encode())


def test_long_texts_are_read_in_parts(saved, network, asking, ask, monkeypatch):
    """As few at once as memory needs, and normalized piece by piece: the same values."""
    from modelmetry.models import likelihood

    model = f"hf/{saved('bytes')}"
    whole = [flat(response) for response in ask(resolve(model), *asking())]
    read = []
    forward = likelihood._forward

    def counted(model, texts, pad):
        read.append(len(texts))
        return forward(model, texts, pad)

    monkeypatch.setattr(likelihood, "_forward", counted)
    monkeypatch.setattr(likelihood, "_LOGITS", 400 * 20)
    monkeypatch.setattr(likelihood, "_POSITIONS", 2)
    parts = [flat(response) for response in ask(resolve(model), *asking())]
    assert len(read) > 2
    assert max(read) > 1
    assert sum(read) == len(PAIRS)
    for a, b in zip(whole, parts, strict=True):
        assert a == pytest.approx(b, abs=1e-4)


def test_what_cannot_be_scored(saved, asking, ask):
    """Chats and pictures end the run in one line; a text that does not fit is given up alone."""
    model = f"hf/{saved('bytes')}"
    with pytest.raises(BadInput, match="is a chat; allowed with logprobs target: completion"):
        ask(resolve(model), *asking(PAIRS[:1], format="chat"))
    (request,) = asking(PAIRS[:1])
    shown = Message(role="user", parts=(Part(kind="image", text="x", image=picture(1)),))
    with pytest.raises(BadInput, match=r"shows a picture; allowed .* of text alone"):
        ask(resolve(model), replace(request, item=replace(request.item, messages=(shown,))))
    with pytest.raises(Rejected, match=r"the right answer have \d+ tokens; .* context holds 128"):
        ask(resolve(model), *asking([("a", " !?" * 99)]))


def test_the_number_of_weights_is_found(network, saved):
    """So that runs of several sizes can be put in order; weights that layers share count once."""
    model = resolve(f"hf/{saved('bytes')}")

    async def found():
        await model.open()
        try:
            return dict(model.found())
        finally:
            await model.close()

    distinct = {id(weights): weights.numel() for weights in network.parameters()}
    assert asyncio.run(found())["parameters"] == str(sum(distinct.values()))
