"""Log-probabilities of texts under a model in this process: which tokens are shown, one forward pass."""

# pyright: reportMissingImports=false
# torch comes with the extra `local`; nothing else imports this file before it.

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import Any

import torch

from modelmetry.models import wire

_LOGITS = 2**28
"""Most logits made at once, 1 GB in float32; one text makes as many as it needs."""

_POSITIONS = 256
"""Positions whose logits are normalized at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """A text and the right answer after it, as tokens.

    Attributes:
        ids: Token ids of the whole, with what the tokenizer puts before a text.
        first: Place of the first token that is of the answer alone, from 0.
    """

    ids: list[int]
    first: int


def lay(tokenizer: Any, shown: str, whole: str) -> Laid:
    """The tokens of a text, and where those of its beginning end.

    A token that reaches from the text shown into the answer counts as shown.

    Args:
        tokenizer: Of the transformers library; a fast one knows which characters a token stands for.
        shown: The text shown.
        whole: It and the answer.
    """
    alone = _bare(tokenizer(shown, return_special_tokens_mask=True))
    made = tokenizer(
        whole, return_special_tokens_mask=True, return_offsets_mapping=tokenizer.is_fast
    )
    ids = _bare(made)
    first = min(len(alone), len(ids))
    if tokenizer.is_fast and ids[:first] != alone:
        # The beginning falls into other tokens where more follows it.
        spans = made["offset_mapping"][: len(ids)]
        reached = [0, *accumulate((end for _, end in spans[:-1]), max)]
        # Spans may leave out the blank that a token begins with: it begins where the last one ended.
        starts = (min(start, before) for (start, _), before in zip(spans, reached, strict=True))
        first = sum(start < len(shown) for start in starts)
    return Laid(ids=ids, first=first)


def _bare(made: Any) -> list[int]:
    """Token ids without those that the tokenizer puts after a text."""
    ids, special = list(made["input_ids"]), made["special_tokens_mask"]
    while ids and special[len(ids) - 1]:
        ids.pop()
    return ids


def score(
    model: Any, texts: Sequence[Laid], pad: int
) -> Iterator[tuple[tuple[float | None, ...], tuple[float, ...]]]:
    """Natural-log probability of each token shown, the first without one, and of each of the answer.

    Texts that are read together are padded at their ends, where nothing before them can see it.

    Args:
        model: A causal language model of the transformers library.
        texts: What to score.
        pad: A token id to fill up with.
    """
    vocabulary = model.config.get_text_config().vocab_size
    start = 0
    while start < len(texts):
        widths = accumulate((len(text.ids) for text in texts[start:]), max)
        fits = (rows * width * vocabulary <= _LOGITS for rows, width in enumerate(widths, start=1))
        count = max(1, sum(takewhile(bool, fits)))
        together = texts[start : start + count]
        for text, values in zip(together, _forward(model, together, pad), strict=True):
            finite = [wire.finite(value) for value in values]
            # The first token of all has nothing before it to be predicted from.
            yield (None, *finite[: text.first - 1]), tuple(finite[text.first - 1 :])
        start += count


def _forward(model: Any, texts: Sequence[Laid], pad: int) -> list[list[float]]:
    """Log-probabilities of all tokens but the first, one list per text."""
    width = max(len(text.ids) for text in texts)
    rows = [text.ids + [pad] * (width - len(text.ids)) for text in texts]
    mask = [[1] * len(text.ids) + [0] * (width - len(text.ids)) for text in texts]
    device = model.device
    with torch.inference_mode():
        ids = torch.tensor(rows, device=device)
        logits = model(
            input_ids=ids, attention_mask=torch.tensor(mask, device=device), use_cache=False
        ).logits
        # Normalized piece by piece, since a copy of all logits in float32 may not fit beside them.
        found = [
            torch.cat(
                [
                    block.gather(1, taken[:, None])[:, 0] - block.logsumexp(-1)
                    for block, taken in zip(
                        map(torch.Tensor.float, logits[row, : len(text.ids) - 1].split(_POSITIONS)),
                        ids[row, 1 : len(text.ids)].split(_POSITIONS),
                        strict=True,
                    )
                ]
            )
            for row, text in enumerate(texts)
        ]
    return [values.tolist() for values in found]
