"""Vision models in this process: what is in a picture decides, and text is answered as ever."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.tiny_pictures import picture

from modelmetry.errors import BadInput
from modelmetry.items import Message, Part, message
from modelmetry.models import resolve

pytestmark = pytest.mark.torch

TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}>"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for p in m['content'] %}"
    "{% if p['type'] == 'image' %}<image>{% else %}{{ p['text'] }}{% endif %}{% endfor %}"
    "{% endif %}{% endfor %}<assistant>"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny LLaVA with random weights over ASCII."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("PIL")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )

    path = tmp_path_factory.mktemp("seeing")
    letters = ["<end>", "<image>", *map(chr, range(33, 127)), "Ġ", "Ċ"]
    vocab = {text: n for n, text in enumerate(letters)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>",
        extra_special_tokens={"image_token": "<image>"},
    )  # fmt: skip
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessor(size={"height": 28, "width": 28}, do_center_crop=False),
        tokenizer=fast, patch_size=14, vision_feature_select_strategy="default",
        num_additional_image_tokens=1, chat_template=TEMPLATE,
    )  # fmt: skip
    fast.chat_template = TEMPLATE
    processor.save_pretrained(path)
    fast.save_pretrained(path)
    torch.set_num_threads(1)
    torch.manual_seed(3)
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
            image_size=28, patch_size=14, initializer_factor=20.0,
        ),
        text_config=LlamaConfig(
            vocab_size=len(vocab), hidden_size=32, intermediate_size=48, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
            eos_token_id=0, bos_token_id=None, initializer_range=0.5,
        ),
        image_token_index=1, image_token_id=1, vision_feature_layer=-1,
    )  # fmt: skip
    LlavaForConditionalGeneration(config).save_pretrained(path)
    return path


@pytest.fixture
def question(make_request):
    """`question(dots, ...)`: a request that shows pictures of so many dots."""

    def build(*dots, **asked):
        parts = [Part(kind="image", text="[picture]", image=picture(n)) for n in dots]
        request = make_request(max_tokens=12, logprobs=True, **asked)
        turns = (
            message("user", "1?"),
            message("assistant", "1"),
            Message(role="user", parts=(*parts, Part(text="How many?"))),
        )
        return replace(request, item=replace(request.item, messages=turns))

    return build


def test_what_is_seen_decides(folder, question, ask, painted):
    """Other pictures, other answers; the same again is the same, in any company."""
    model = f"hf/{folder}"
    asked = [question(n) for n in range(7)] + [question(2, 3), question(), question(0)]
    together = ask(resolve(model), *asked)
    alone = [ask(resolve(model, options={"batch_size": "1"}), each)[0] for each in asked]
    assert [r.text for r in together] == [r.text for r in alone]
    for a, b in zip(together, alone, strict=True):
        assert a.logprobs == pytest.approx(b.logprobs, abs=1e-4)
    assert together[0].logprobs == together[-1].logprobs
    assert len({r.logprobs for r in together[:7]}) == 7, "each number of dots is seen"
    tokens = [r.input_tokens for r in together]
    assert tokens[:7] == [tokens[0]] * 7
    assert tokens[7] - tokens[0] == 4, "a picture is four patches"
    assert tokens[0] - tokens[8] == 4


def test_against_the_models_own_generation(folder, question, ask, painted):
    """The processor and `generate`, called as their documentation does, give the same tokens."""
    import io

    from PIL import Image
    from tests.tiny_pictures import paint
    from transformers import AutoModelForImageTextToText, AutoProcessor

    (response,) = ask(resolve(f"hf/{folder}"), question(3))
    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder)
    image = Image.open(io.BytesIO(paint(picture(3).recipe)))
    text = "<user>1?<assistant>1<user><image>How many?<assistant>"
    inputs = processor(text=[text], images=[image], return_tensors="pt")
    output = model.generate(**inputs, max_new_tokens=12, do_sample=False)
    tokens = output[0, inputs["input_ids"].shape[1] :]
    assert response.text == processor.tokenizer.decode(tokens, skip_special_tokens=True)
    assert response.input_tokens == inputs["input_ids"].shape[1]


def test_a_model_without_eyes_is_one_line(folder, question, ask, painted, tmp_path):
    """A causal language model says that it reads text alone."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.save_pretrained(tmp_path / "blind")
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2, eos_token_id=0, bos_token_id=None,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(tmp_path / "blind")
    with pytest.raises(BadInput, match=r"hf/.*blind: a picture was asked of a text-only model; "):
        ask(resolve(f"hf/{tmp_path / 'blind'}"), question(1))


def test_a_long_prompt_counts_its_pictures(folder, question, ask, painted):
    """What does not fit the context is given up alone, pictures counted."""
    from modelmetry.models import Rejected

    with pytest.raises(Rejected, match=r"the prompt has \d+ tokens"):
        ask(resolve(f"hf/{folder}"), question(*range(7), *range(7), *range(7)))
