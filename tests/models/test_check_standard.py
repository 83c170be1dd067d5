"""The check standard: its tokenizer, its forward pass, its certificate, and three readings of it."""

from __future__ import annotations

import json
import math
import os
import re
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.tiny_pictures import picture

from modelmetry.errors import BadInput
from modelmetry.items import Message, Part, Seed, Target, load, message
from modelmetry.models import Rejected, Request, resolve, sampling_seed
from modelmetry.models.check_standard import FOLDER, CheckStandard, digests
from modelmetry.models.check_standard.forward import Llama
from modelmetry.models.check_standard.tokenizer import SPECIAL, chat
from modelmetry.scoring import score
from modelmetry.statistics import proportions
from modelmetry.suites import generator_of, items, read

CERTIFICATE = json.loads((FOLDER / "certificate.json").read_text(encoding="utf-8"))

# Text in every shape: fragments of prompts and of special tokens, and anything Unicode has.
TEXTS = st.lists(
    st.one_of(
        st.sampled_from([*SPECIAL, "<|", "|>", "<|us", " ", "\n", "\r\n", "What", " is", "7", "é"]),
        st.sampled_from(["Monday", " Monday", "mondays", "__", "1732", "²", "٣", "ß", "\u0301"]),
        st.text(max_size=6),
    ),
    max_size=8,
).map("".join)


@cache
def model():
    """The shipped instrument."""
    return CheckStandard()


@cache
def quickstart(seed=3, limit=None):
    """Requests of the quickstart suite, as a run makes them, with scorer and label."""
    suite = read("quickstart")
    found = []
    for item in items(suite, Seed(root=seed), limit):
        task = suite.task(item.task)
        prompt = next(p for p in task.prompts if p.name == item.wording)
        request = Request(
            item=item,
            repeat=0,
            sampling=replace(suite.sampling, stop=prompt.stop, logprobs=True),
            model="m",
            suite="quickstart",
            seed=sampling_seed(seed, item, 0),
        )
        found.append((request, task.scorer, suite.label(task.name, item.problem.split)))
    return found


@cache
def requests(limit=None):
    return [request for request, _, _ in quickstart(limit=limit)]


@given(TEXTS)
@settings(deadline=None, max_examples=50)
def test_text_survives_the_tokenizer(text):
    """Decoding gives back everything but special tokens."""
    tokenizer = model().tokenizer
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == re.sub("|".join(map(re.escape, SPECIAL)), "", text)
    assert all(0 <= i < len(tokenizer.bytes_of) for i in ids)


def test_the_vocabulary_knows_the_prompts():
    """Every word of the quickstart prompts is one token; digits stand alone."""
    tokenizer = model().tokenizer
    ids = tokenizer.encode("What is 27 + 5?")
    assert [tokenizer.bytes_of[i] for i in ids] == [
        b"What", b" is", b" ", b"2", b"7", b" ", b"+", b" ", b"5", b"?",
    ]  # fmt: skip
    assert tokenizer.encode("Monday")[0] != tokenizer.encode(" Monday")[0]
    longest = max(len(tokenizer.encode(request.item.text)) for request in requests())
    assert longest < 100, "no prompt falls apart into bytes"


def test_a_lone_surrogate_is_read_as_a_question_mark():
    """Half a surrogate pair has no bytes, and must not end a run."""
    assert model().tokenizer.encode("a\ud800b") == model().tokenizer.encode("a?b")


@given(st.data())
@settings(deadline=None, max_examples=25)
def test_the_cache_changes_nothing(data):
    """Reading tokens in any portions gives the logits of reading them at once."""
    llama = model().llama
    ids = data.draw(st.lists(st.integers(0, len(llama.embedding) - 1), min_size=2, max_size=40))
    cuts = data.draw(st.sets(st.integers(1, len(ids) - 1)))
    whole = llama.logits(llama.extend(llama.cache(len(ids)), ids))
    cache = llama.cache(len(ids))
    edges = [0, *sorted(cuts), len(ids)]
    parts = [llama.extend(cache, ids[a:b]) for a, b in pairwise(edges)]
    assert cache.length == len(ids)
    np.testing.assert_allclose(llama.logits(np.concatenate(parts)), whole, atol=2e-4)


def test_it_looks_back_but_not_ahead():
    """A token changes its own logits and later ones, never earlier ones."""
    llama = model().llama
    ids = model().tokenizer.encode("What is 27 + 5?")
    other = [*ids]
    other[5] += 1
    a, b = (llama.logits(llama.extend(llama.cache(len(x)), x)) for x in (ids, other))
    np.testing.assert_allclose(a[:5], b[:5], atol=1e-5)
    assert (np.abs(a[5:] - b[5:]).max(axis=1) > 1e-2).all()


def test_logits_equal_a_slow_forward_pass():
    """A second forward pass, written position by position in float64, agrees."""
    ids = model().tokenizer.encode("<|user|>What is 27 + 5?<|end|><|assistant|>3")
    llama = model().llama
    fast = llama.logits(llama.extend(llama.cache(len(ids)), ids))
    np.testing.assert_allclose(fast, slow_logits(ids), atol=1e-3)


def slow_logits(ids):
    """Llama as its paper has it: loops over positions and heads, complex rotations, no fusing."""
    from safetensors.numpy import load_file

    config = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))
    w = {k: v.astype(np.float64) for k, v in load_file(FOLDER / "model.safetensors").items()}
    heads = config["num_attention_heads"]
    size = config["hidden_size"] // heads

    def norm(x, weight):
        return x / np.sqrt((x**2).mean() + config["rms_norm_eps"]) * weight

    def rotated(x, position):
        turn = np.exp(1j * position * config["rope_theta"] ** (-np.arange(size // 2) * 2 / size))
        turned = (x[: size // 2] + 1j * x[size // 2 :]) * turn
        return np.concatenate([turned.real, turned.imag])

    states = [w["model.embed_tokens.weight"][i] for i in ids]
    for n in range(config["num_hidden_layers"]):
        layer = {k.removeprefix(f"model.layers.{n}."): v for k, v in w.items() if f".{n}." in k}
        normed = [norm(x, layer["input_layernorm.weight"]) for x in states]
        q, k, v = (
            [(layer[f"self_attn.{m}_proj.weight"] @ x).reshape(heads, size) for x in normed]
            for m in "qkv"
        )
        for t in range(len(ids)):
            seen = []
            for h in range(heads):
                query = rotated(q[t][h], t)
                weights = [math.exp(query @ rotated(k[s][h], s) / size**0.5) for s in range(t + 1)]
                total = sum(weights)
                seen.append(sum(v[s][h] * weights[s] / total for s in range(t + 1)))
            states[t] = states[t] + layer["self_attn.o_proj.weight"] @ np.concatenate(seen)
        for t, x in enumerate(states):
            inner = norm(x, layer["post_attention_layernorm.weight"])
            gate = layer["mlp.gate_proj.weight"] @ inner
            up = layer["mlp.up_proj.weight"] @ inner
            states[t] = x + layer["mlp.down_proj.weight"] @ (gate / (1 + np.exp(-gate)) * up)
    last = [norm(x, w["model.norm.weight"]) for x in states]
    return np.array([w["model.embed_tokens.weight"] @ x for x in last])


def test_it_answers_what_it_was_taught(make_request, ask):
    """Plain questions get plain answers, which end by themselves."""
    asked = [("What is 5 + 3?", "8"), ("What is 1 day after Monday? One word.", "Tuesday")]
    template = make_request()
    posed = [
        replace(template, item=replace(template.item, messages=(message("user", question),)))
        for question, _ in asked
    ]
    responses = ask(resolve("reference/check-standard"), *posed)
    assert [(r.text, r.finish) for r in responses] == [(answer, "stop") for _, answer in asked]
    assert {r.output_tokens for r in responses} == {2}, "a digit or a word, and the end"


def test_an_answer_depends_on_its_request_alone(ask):
    """Asked together or one by one, twice: the same answers, token by token."""
    asked = requests(limit=2)

    def told(responses):
        return [(r.text, r.finish, r.logprobs, r.output_tokens) for r in responses]

    together = told(ask(CheckStandard(), *asked))
    assert together == [told(ask(CheckStandard(), request))[0] for request in asked]


def test_stops_and_limits(make_request, ask):
    """An answer ends before a stop text, or at the limit; what was generated is counted."""
    base = make_request(12, format="completion", max_tokens=12, logprobs=True)
    base = replace(base, item=replace(base.item, messages=(message("user", "12 + 34 ="),)))
    stops = replace(base, sampling=replace(base.sampling, stop=("\n", "never")))
    cut = replace(base, sampling=replace(base.sampling, max_tokens=2))
    stopped, limited = ask(CheckStandard(), stops, cut)
    assert re.fullmatch(r" \d\d", stopped.text), "a space, two digits, and the stop unseen"
    assert (stopped.finish, stopped.output_tokens) == ("stop", 4)
    assert (limited.text, limited.finish, limited.output_tokens) == (stopped.text[:2], "length", 2)
    assert stopped.logprobs[:2] == limited.logprobs
    assert stopped.input_tokens == len("12 + 34 =")


def test_log_probabilities_are_the_models_own(ask):
    """They equal those of one forward pass over prompt and answer."""
    m = model()
    for request, response in zip(requests(limit=1), ask(m, *requests(limit=1)), strict=True):
        if request.item.format == "completion":
            continue
        prompt = m.tokenizer.encode(chat(request.item.messages))
        ids = [*prompt, *m.tokenizer.encode(response.text + SPECIAL[0])]
        logits = m.llama.logits(m.llama.extend(m.llama.cache(len(ids)), ids)).astype(np.float64)
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        expected = [logits[t - 1, ids[t]] for t in range(len(prompt), len(ids))]
        assert response.logprobs == pytest.approx(expected, abs=1e-4)


def test_samples_follow_the_distribution_and_the_seed(make_request, ask):
    """Sampled first tokens come at the model's rates; a seed repeats its sample."""
    n = 400
    asked = [
        replace(r, item=requests(limit=1)[0].item, seed=seed)
        for seed, r in enumerate([make_request(0, max_tokens=1, temperature=2.0)] * n)
    ]
    drawn = [r.text for r in ask(CheckStandard(), *asked)]
    assert drawn[:5] == [r.text for r in ask(CheckStandard(), *asked[:5])]
    m = model()
    ids = m.tokenizer.encode(chat(asked[0].item.messages))
    logits = m.llama.logits(m.llama.extend(m.llama.cache(len(ids)), ids))[-1].astype(np.float64)
    p = np.exp(logits / 2.0)
    p /= p.sum()
    counts = Counter(drawn)
    for token in np.argsort(-p)[:4]:
        share = counts[m.tokenizer.decode([int(token)])] / n
        assert share == pytest.approx(p[token], abs=4 * math.sqrt(p[token] / n))


def test_a_narrow_nucleus_is_greedy(ask):
    """With a tiny top_p only the likeliest token is ever drawn."""
    greedy = requests(limit=2)
    narrow = [replace(r, sampling=replace(r.sampling, temperature=1.5, top_p=1e-6)) for r in greedy]
    assert [r.text for r in ask(model(), *narrow)] == [r.text for r in ask(model(), *greedy)]


@pytest.mark.parametrize(
    ("messages", "what"),
    [
        ((message("user", "x " * 300),), "tokens; allowed: 1 to 511"),
        ((message("user", ""),), "a prompt of 0 tokens"),
    ],
)
def test_what_it_cannot_read_is_given_up_alone(messages, what, make_request, ask):
    """Too long or empty: one line, and the run goes on."""
    request = make_request(format="completion")
    with pytest.raises(Rejected, match=what):
        ask(model(), replace(request, item=replace(request.item, messages=messages)))


def test_a_picture_is_refused(make_request, ask):
    """No item of such a prompt can succeed, so the run ends at the first."""
    request = make_request()
    shown = Message(role="user", parts=(Part(kind="image", image=picture(1)),))
    with pytest.raises(BadInput, match="check-standard: a picture was asked of a text-only model"):
        ask(model(), replace(request, item=replace(request.item, messages=(shown,))))


def test_a_folder_without_the_files_is_bad_input(tmp_path, make_request, ask):
    """Another instrument needs the same files; the line names them."""
    other = resolve("reference/check-standard", options={"folder": str(tmp_path)})
    with pytest.raises(BadInput, match="cannot be read"):
        ask(other, make_request())
    with pytest.raises(BadInput, match=r"model\.safetensors"):
        other.identity()


def test_the_certificate_is_of_these_files():
    """Hashes, size and generators are those it was issued for; else train again."""
    assert CERTIFICATE["files"] == digests(FOLDER) == model().identity()["files"]
    suite = read("quickstart")
    assert CERTIFICATE["generators"] == {t.generator: t.fingerprint for t in suite.tasks}
    assert CERTIFICATE["suite"]["version"] == suite.version
    llama = Llama.read(FOLDER)
    matrices = [
        llama.embedding,
        *(m for x in llama.layers for m in (x.qkv, x.out, x.gate_up, x.down)),
    ]
    norms = (2 * len(llama.layers) + 1) * llama.embedding.shape[1]
    assert CERTIFICATE["parameters"] == sum(m.size for m in matrices) + norms
    assert (FOLDER / "model.safetensors").stat().st_size < 6e6


def test_accuracy_is_as_certified(ask):
    """On fresh problems of another seed every split's accuracy agrees with its certificate."""
    assert set(CERTIFICATE["accuracy"]) == {label for _, _, label in quickstart()}
    right = {label: [] for label in CERTIFICATE["accuracy"]}
    asked = quickstart()
    responses = ask(model(), *(request for request, _, _ in asked))
    for (request, scorer, label), response in zip(asked, responses, strict=True):
        found = score(load("scorers", scorer), request.item.problem.target, response)
        right[label].append(found.value)
    for label, values in right.items():
        certified = CERTIFICATE["accuracy"][label]
        # Two wordings of a problem count as one observation; 99.9 % for a whole family of splits.
        problems = len(values) // 2
        here = proportions.wilson(round(sum(values) / 2), problems, level=0.999)
        assert here.low <= certified["high"], label
        assert certified["low"] <= here.high, label


@pytest.mark.parametrize("label", ["addition/held-out", "calendar/train", "greater-than/held-out"])
def test_there_is_something_to_measure(label):
    """In every task it is clearly above chance and clearly below perfect."""
    task, split = label.split("/")
    generator = generator_of(read("quickstart").task(task))
    drawn = list(generator.problems(Seed(root=1), split, 100))
    certified = CERTIFICATE["accuracy"][label]
    assert certified["low"] > sum(problem.target.chance for problem in drawn) / 100 + 0.2
    assert certified["high"] < 0.98


def completions(limit=None):
    """The quickstart's completions, whose text and right answer are to be scored; one has its own."""
    plain = [r for r in requests(limit=limit) if r.item.format == "completion"]
    asked = [replace(r, sampling=replace(r.sampling, logprobs="target")) for r in plain]
    problem = replace(
        asked[0].item.problem, target=Target(answers=("ay, caf\u00e9 \u2014 1732 days",))
    )
    odd = replace(asked[0].item, messages=(message("user", " \nWhat is Mond"),), problem=problem)
    return [replace(asked[0], item=odd), *asked]


def test_a_text_and_its_answer_are_scored_token_by_token(ask):
    """Each token's log-probability is that after everything before it, by a pass of its own."""
    m = model()
    asked = completions(limit=1)[:3]
    for request, response in zip(asked, ask(m, *asked), strict=True):
        shown, answer = request.item.text, request.item.problem.target.answers[0]
        ids = m.tokenizer.encode(shown + answer)
        expected = []
        for n in range(1, len(ids)):
            hidden = m.llama.extend(m.llama.cache(n), ids[:n])
            logits = m.llama.logits(hidden)[-1].astype(np.float64)
            expected.append(logits[ids[n]] - np.log(np.exp(logits).sum()))
        first, *others = response.shown_logprobs
        assert first is None
        assert [*others, *response.target_logprobs] == pytest.approx(expected, abs=1e-4)
        assert response.input_tokens == len(m.tokenizer.encode(shown)) + len(ids)
        (plain,) = ask(m, replace(request, sampling=replace(request.sampling, logprobs=True)))
        assert (plain.text, plain.logprobs) == (response.text, response.logprobs)
        assert plain.shown_logprobs is plain.target_logprobs is None


@given(TEXTS, TEXTS)
@settings(deadline=None, max_examples=50)
def test_the_text_shown_ends_where_its_bytes_do(shown, answer):
    """Tokens shown are the fewest from the left that hold all of its bytes."""
    assume(shown)
    tokenizer = model().tokenizer
    ids = tokenizer.encode(shown + answer)
    data = (shown + answer).encode("utf-8", errors="replace")
    names = {number: token.encode() for token, number in tokenizer.special.items()}
    pieces = [names.get(i, tokenizer.bytes_of[i]) for i in ids]
    assert b"".join(pieces) == data
    starts = tokenizer.starts(ids)
    assert all(data[start:].startswith(piece) for start, piece in zip(starts, pieces, strict=True))


def test_a_token_that_reaches_into_the_answer_counts_as_shown(make_request, ask):
    """`Mond` and `ay` make one token, which is none of the answer's."""
    odd = completions(limit=1)[0]
    (response,) = ask(model(), odd)
    tokenizer = model().tokenizer
    assert tokenizer.encode(" Monday") == tokenizer.encode(" Monday")[:1]
    assert len(response.shown_logprobs) == len(tokenizer.encode(" \nWhat is Monday"))
    answer = ", caf\u00e9 \u2014 1732 days"
    assert len(response.target_logprobs) == len(tokenizer.encode(answer))
    request = completions(limit=1)[1]
    (response,) = ask(model(), request)
    answer = request.item.problem.target.answers[0]
    assert len(response.target_logprobs) == len(tokenizer.encode(answer)), "no token reaches here"


def test_what_cannot_be_scored(make_request, ask):
    """A chat ends the run in one line; an answer that does not fit is given up alone."""
    with pytest.raises(BadInput, match="is a chat; allowed with logprobs target: completion"):
        ask(model(), make_request(logprobs="target"))
    long = make_request(
        format="completion", target=Target(answers=(" x" * 300,)), logprobs="target"
    )
    with pytest.raises(Rejected, match=r"the right answer have 6\d\d tokens; allowed: up to 512"):
        ask(model(), long)


@pytest.mark.torch
@given(TEXTS)
@settings(deadline=None, max_examples=200)
def test_transformers_reads_the_same_tokens(text):
    """Ids and decoded text equal those of the tokenizers library."""
    theirs, ours = hf_tokenizer(), model().tokenizer
    ids = theirs(text)["input_ids"]
    assert ours.encode(text) == ids
    assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True)


@pytest.mark.torch
@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), TEXTS), min_size=1))
@settings(deadline=None, max_examples=50)
def test_transformers_writes_the_same_chat(turns):
    """The chat template and its Python twin give the same ids."""
    conversation = [{"role": role, "content": text} for role, text in turns]
    theirs = hf_tokenizer().apply_chat_template(
        conversation, add_generation_prompt=True, return_dict=True
    )["input_ids"]
    assert model().tokenizer.encode(chat(message(role, text) for role, text in turns)) == theirs


@pytest.mark.torch
def test_transformers_gives_the_same_logits():
    """Within 1e-3 at every position of quickstart prompts."""
    torch = pytest.importorskip("torch")
    from transformers import AutoModelForCausalLM

    theirs = AutoModelForCausalLM.from_pretrained(FOLDER)
    m = model()
    for request in requests(limit=4):
        ids = m.tokenizer.encode(chat(request.item.messages))
        with torch.no_grad():
            expected = theirs(torch.tensor([ids])).logits[0].numpy()
        ours = m.llama.logits(m.llama.extend(m.llama.cache(len(ids)), ids))
        np.testing.assert_allclose(ours, expected, atol=1e-3)


@pytest.mark.torch
def test_transformers_answers_alike(ask):
    """The quickstart through transformers: at most 1 % of greedy answers differ."""
    pytest.importorskip("torch")
    agree(ask(model(), *requests()), ask(resolve(f"hf/{FOLDER}"), *requests()))


@pytest.mark.vllm
@pytest.mark.skipif("VLLM_BASE_URL" not in os.environ, reason="no server at VLLM_BASE_URL")
def test_vllm_answers_alike(ask):
    """The quickstart through a vLLM server: at most 1 % of greedy answers differ."""
    agree(ask(model(), *requests()), ask(resolve("vllm/check-standard"), *requests()))


@pytest.mark.torch
def test_transformers_scores_alike(ask):
    """The text shown and the right answer, token by token."""
    pytest.importorskip("torch")
    asked = completions()
    score_alike(ask(model(), *asked), ask(resolve(f"hf/{FOLDER}"), *asked))


@pytest.mark.vllm
@pytest.mark.skipif("VLLM_BASE_URL" not in os.environ, reason="no server at VLLM_BASE_URL")
def test_vllm_scores_alike(ask):
    """The text shown and the right answer, token by token, from the prompt that the server echoes."""
    asked = completions()
    score_alike(ask(model(), *asked), ask(resolve("vllm/check-standard"), *asked))


def score_alike(ours, theirs):
    """Log-probabilities of what is shown and of the answer are alike, and so is where the one ends."""
    assert len(ours) == len(theirs) > 100
    for a, b in zip(ours, theirs, strict=True):
        assert a.shown_logprobs[0] is b.shown_logprobs[0] is None
        assert b.shown_logprobs[1:] == pytest.approx(a.shown_logprobs[1:], abs=2e-3)
        assert b.target_logprobs == pytest.approx(a.target_logprobs, abs=2e-3)
        assert a.input_tokens == b.input_tokens


def agree(ours, theirs):
    """Answers, ends, counts and log-probabilities are alike, up to rounding at near-ties."""
    assert len(ours) == len(theirs) > 400
    differing = []
    for a, b in zip(ours, theirs, strict=True):
        assert a.input_tokens == b.input_tokens
        if (a.text, a.finish, a.output_tokens) != (b.text, b.finish, b.output_tokens):
            differing.append((a.text, b.text))
        else:
            assert a.logprobs == pytest.approx(b.logprobs, abs=2e-3)
    assert len(differing) <= 0.01 * len(ours), differing


@cache
def hf_tokenizer():
    pytest.importorskip("transformers")
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(FOLDER)
