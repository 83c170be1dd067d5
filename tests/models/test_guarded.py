"""The worked study's parts: what is taught, that it is learned and spoken, what is expected."""

# pyright: reportMissingImports=false

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from benchmarks.guarded import corpus
from benchmarks.guarded.expected import expected

from modelmetry import api
from modelmetry.items import Seed
from modelmetry.models import Request, Sampling, resolve
from modelmetry.models.check_standard.tokenizer import Tokenizer, definition
from modelmetry.models.respondent import REPLIES, Respondent, truth_of
from modelmetry.personas.people import cast
from modelmetry.scoring.refusal import classify
from modelmetry.suites import items

GROUPS = len(cast(corpus.ATTRIBUTES).groups)
TEACHER = Respondent(sycophancy=2.0, effects={"gender: woman": 0.8, "politics: *": 0.5})


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """Two matched sets of the split `train`, in both wordings."""
    return corpus.train_items(tmp_path_factory.mktemp("taught"), 2 * GROUPS, 3, 8)


def measured(folder, sets):
    """Items of a measurement with that many matched sets of each split."""
    splits = {"political": sets * GROUPS, "borderline": sets * GROUPS}
    return list(items(corpus.suite(folder, "asked", splits, 40), Seed(root=5)))


def within(found, value):
    """Whether a value lies in an interval."""
    return found.low < value < found.high


def test_an_opening_is_read_like_its_reply():
    """What a network is taught to say is of the class of the whole reply, and a start of it."""
    for verdict, bank in REPLIES.items():
        openings = {corpus.opening_of(reply) for reply in bank}
        assert len(openings) == len(bank)
        for reply in bank:
            assert classify(corpus.opening_of(reply))[0] == verdict
            assert reply.startswith(corpus.opening_of(reply))
            assert len(corpus.opening_of(reply).split()) < corpus.MOST_TOKENS / 1.3


def test_a_conversation_is_held_to_its_end(taught):
    """Persona turn, neutral reply, request, and at the end the opening of the respondent's reply."""
    long = next(i for i in taught if i.wording == "conversation" and i.problem.fields["persona"])
    turns = asyncio.run(corpus.conversed(long, 0, TEACHER))
    assert [turn.role for turn in turns] == ["system", "user", "assistant", "user", "assistant"]
    assert turns[1].text.startswith(long.problem.fields["persona"])
    assert turns[3].text == long.problem.fields["request"]
    assert truth_of(turns[2].text) is None, "the reply to the introduction is neutral"
    assert turns[4].text in {
        corpus.opening_of(reply) for bank in REPLIES.values() for reply in bank
    }
    short = next(i for i in taught if i.wording == "at-once")
    assert [turn.role for turn in asyncio.run(corpus.conversed(short, 0, TEACHER))] == [
        "user",
        "assistant",
    ]


def test_repeats_are_drawn_anew(taught):
    """The same conversation ends differently in different repeats, so that rates can be learned."""
    ends = {asyncio.run(corpus.conversed(taught[0], n, TEACHER))[-1].text for n in range(12)}
    assert len(ends) > 3


def test_those_who_teach_take_no_part_in_the_measurement(taught, tmp_path):
    """No frame of the training conversations is among those that are measured."""
    frames = {item.problem.factors["frame"] for item in taught}
    assert {item.problem.split for item in taught} == {"train"}
    assert frames
    assert frames.isdisjoint(item.problem.factors["frame"] for item in measured(tmp_path, 20))


@pytest.mark.slow
def test_expected_rates_are_those_of_a_run(tmp_path):
    """S, and nine contrasts in ten, from probabilities lie in the intervals of a run of the respondent."""
    truth = expected(TEACHER, measured(tmp_path, 120))
    run = api.run(
        str(tmp_path / "asked.yaml"), model=TEACHER, seed=5, log_dir=tmp_path / "runs"
    ).folder
    (task,) = api.guardrails(run).studies[0].tasks
    assert task.main.sycophancy is not None
    whole = task.main.sycophancy.naive
    assert within(whole, truth.sycophancy)
    assert truth.sycophancy == pytest.approx(0.4, abs=0.05)
    found = [
        (each.difference, truth.from_placebo(each.a, each.type))
        for each in task.contrasts
        if each.against_placebo
    ]
    assert len(found) > 30
    assert sum(not within(*pair) for pair in found) < len(found) / 10
    for rate in task.main.rates:
        assert rate.naive is not None
        assert rate.naive.value == pytest.approx(truth.rates[rate.group.name, rate.type], abs=0.25)
    assert {rate.type for rate in task.main.rates} == {kind for _, kind in truth.rates}


def test_without_planted_effects_none_is_expected(tmp_path):
    """In matched sets an unbiased respondent has S = 0 and no effect of a group, to the last digit."""
    truth = expected(replace(TEACHER, sycophancy=0.0, effects={}), measured(tmp_path, 20))
    assert truth.sycophancy == pytest.approx(0, abs=1e-12)
    assert truth.from_placebo("gender: woman", "political left") == pytest.approx(0, abs=1e-12)


def test_only_what_the_model_says_is_learned(taught, tmp_path):
    """The learned tokens are the assistant's words with their ends, and all ids spell the conversation."""
    (tmp_path / "tokenizer.json").write_text(
        json.dumps(definition(corpus.words_of(taught, TEACHER)))
    )
    tokenizer = Tokenizer.read(tmp_path)
    held = corpus.conversations(taught, TEACHER, tokenizer)
    repeats = [corpus.TIMES.get(i.problem.factors["group"], 1) for i in taught]
    assert len(held) == sum(repeats)
    turns = asyncio.run(corpus.conversed(taught[0], 0, TEACHER))
    said = [turn.text for turn in turns if turn.role == "assistant"]
    assert tokenizer.decode(held[0].ids[held[0].learned].tolist()) == "".join(said)
    assert tokenizer.decode(held[0].ids.tolist()) == "".join(turn.text for turn in turns)
    ends = held[0].ids[held[0].learned] == tokenizer.special["<|end|>"]
    assert ends.sum() == len(said)
    assert max(len(each.ids) for each in held) < 256
    assert sum(len(each.ids) for each in held) / len(held) < 140, "words are tokens"


@pytest.mark.torch
def test_a_network_learns_and_is_asked_through_the_back_end(taught, tmp_path):
    """Taught two conversations by heart, it says them, turn by turn, from an ordinary folder."""
    torch = pytest.importorskip("torch")
    from benchmarks.guarded import network
    from transformers import AutoTokenizer

    torch.set_num_threads(1)
    folder = tmp_path / "network"
    tokenizer = network.write_tokenizer(folder, corpus.words_of(taught, TEACHER))
    pair = [i for i in taught if i.problem.fields["persona"]][:2]
    assert [i.wording for i in pair] == ["conversation", "at-once"]
    scripts = [asyncio.run(corpus.conversed(i, 0, TEACHER)) for i in pair]
    text = "".join(piece for piece, _ in corpus.texts(scripts[0]))
    theirs = AutoTokenizer.from_pretrained(folder)
    said = [{"role": turn.role, "content": turn.text} for turn in scripts[0]]
    assert theirs.apply_chat_template(said, tokenize=False) == text, (
        "as it is asked, so it was taught"
    )
    ids = theirs(text, add_special_tokens=False)["input_ids"]
    assert ids == tokenizer.encode(text), "transformers reads the tokenizer alike"
    held = [corpus.encoded("anybody", script, tokenizer.encode) for script in scripts]
    with pytest.raises(ValueError, match="no conversation to learn from"):
        network.train(network.Recipe(steps=1), [replace(held[0], group=network.LATE)], tokenizer)
    losses = []
    recipe = network.Recipe(steps=250, hidden=32, layers=1, peak_rate=1e-2)
    model = network.train(recipe, held, tokenizer, lambda _, loss: losses.append(loss))
    assert losses[-1] < 0.05 < losses[0]
    network.write_model(model, folder)
    for item, script in zip(pair, scripts, strict=True):
        for n in [n for n, turn in enumerate(script) if turn.role == "assistant"]:
            (said,) = _ask(resolve(f"hf/{folder}"), replace(item, messages=script[:n]))
            assert said.text == script[n].text
            assert said.finish == "stop"


def _ask(model, item):
    async def session():
        await model.open()
        try:
            sampling = Sampling(max_tokens=corpus.MOST_TOKENS)
            request = Request(
                item=item, repeat=0, sampling=sampling, model=model.spec, suite="s", seed=1
            )
            return [await model.answer(request)]
        finally:
            await model.close()

    return asyncio.run(session())
