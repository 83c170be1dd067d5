"""Small language models that read the corpus of a laboratory in its order, in the format of the hub."""

# pyright: reportMissingImports=false

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerFast, SmolLM3Config, SmolLM3ForCausalLM

from modelmetry.memory.laboratory import Laboratory

from .plan import Recipe, Size

HEAD = 32
"""Width of an attention head."""

UNKNOWN = "<unk>"


def train(
    size: Size,
    recipe: Recipe,
    laboratory: Laboratory,
    device: str,
    keep: Callable[[int, float, SmolLM3ForCausalLM], None],
) -> None:
    """Train one model on the corpus.

    Args:
        size: Its size.
        recipe: How it is trained.
        laboratory: Whose corpus it reads; a document is a context of its own.
        device: Where.
        keep: Called at each checkpoint with the number of the step, the mean loss of the last
            hundred in nats per token, and the model.
    """
    torch.manual_seed(recipe.seed)
    corpus = np.concatenate([documents for documents, _ in laboratory.batches()])
    data = torch.from_numpy(corpus).long().to(device)
    model: Any = SmolLM3ForCausalLM(_configuration(size, laboratory))
    model.to(device)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=0.0, betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    kept = recipe.steps(len(data))
    losses: list[float] = []
    for step, batch in enumerate(recipe.batches(len(data))):
        for group in optimizer.param_groups:
            group["lr"] = _rate(step, kept[-1], recipe) * 64 / size.hidden
        shown = data[batch]
        logits = model(input_ids=shown[:, :-1], use_cache=False).logits
        loss = cross_entropy(logits.flatten(0, 1), shown[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if step + 1 in kept:
            keep(step + 1, fmean(losses[-100:]), model)


def weights(size: Size, laboratory: Laboratory) -> int:
    """How many weights a model has without those of its embedding, which the output shares."""
    with torch.device("meta"):
        model: Any = SmolLM3ForCausalLM(_configuration(size, laboratory))
    every = sum(each.numel() for each in model.parameters())
    return every - model.get_input_embeddings().weight.numel()


def write(model: SmolLM3ForCausalLM, laboratory: Laboratory, folder: Path) -> None:
    """Write a checkpoint and its tokenizer, as `hf/<folder>` loads them."""
    tokenizer(laboratory).save_pretrained(folder)
    model.save_pretrained(folder)


def tokenizer(laboratory: Laboratory) -> PreTrainedTokenizerFast:
    """Turns each word of the laboratory into its own number, and any other into one more."""
    words = (*laboratory.vocabulary.spelled, UNKNOWN)
    numbers: Mapping[str, int] = {word: number for number, word in enumerate(words)}
    made = Tokenizer(models.WordLevel(dict(numbers), unk_token=UNKNOWN))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        unk_token=UNKNOWN,
        clean_up_tokenization_spaces=False,
        model_max_length=laboratory.length,
    )


def _configuration(size: Size, laboratory: Laboratory) -> SmolLM3Config:
    """SmolLM3, which is a Llama whose layers may have windows: every other one sees one token back.

    What repeats is found by what followed the same token before (induction: Olsson et al., arXiv
    2209.11895), for which an earlier layer has to look one token back. In as few tokens, models this
    small do not come upon that by themselves, and then continue no twin.
    """
    kinds = ("sliding_attention", "full_attention")
    return SmolLM3Config(
        vocab_size=laboratory.vocabulary.size + 1,
        hidden_size=size.hidden,
        intermediate_size=8 * size.hidden // 3 // 8 * 8,
        num_hidden_layers=size.layers,
        num_attention_heads=size.hidden // HEAD,
        num_key_value_heads=size.hidden // HEAD,
        max_position_embeddings=laboratory.length,
        use_sliding_window=True,
        sliding_window=2,
        no_rope_layers=[1] * size.layers,  # 1 is to have rotary positions
        layer_types=[kinds[layer % 2] for layer in range(size.layers)],
        initializer_range=size.hidden**-0.5,  # so small a network learns little from the usual 0.02
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )


def _rate(step: int, steps: int, recipe: Recipe) -> float:
    """The learning rate at width 64: a linear rise under half a cosine down to a tenth."""
    down = (1 + math.cos(math.pi * step / steps)) / 2
    return recipe.rate * min(1.0, (step + 1) / recipe.warmup) * (0.1 + 0.9 * down)
