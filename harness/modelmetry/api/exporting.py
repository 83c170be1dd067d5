"""Exports for fine-tuning: a split's solved problems as chats, as a data set or as CLEVR's files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import modelmetry.suites as suites
from modelmetry.api.making import checked_limit, read_suite
from modelmetry.items import Seed
from modelmetry.suites import Form, Suite


def export(
    suite: str | Path | Suite,
    *,
    to: Form,
    out: str | Path,
    split: str = "train",
    seed: int = 0,
    limit: int | None = None,
    wordings: Sequence[str] = (),
    inline: bool = False,
) -> int:
    """Write a split's problems with their right answers, to fine-tune a model on them.

    Afterwards the tuned model is scored like any other, as in `modelmetry run clevr-hope --model
    vllm/<its name>`, on other splits or under another seed.

    Args:
        suite: Name, path or suite.
        to: `chat` for JSON Lines (LLaMA-Factory, ms-swift; with `inline` OpenAI), or `datasets` for
            a folder that `datasets.load_dataset` opens (TRL), or `clevr` for scenes, questions with their
            programs, and pictures in the files of the original CLEVR.
        out: The folder to make; it is there whole or not at all.
        split: The split, which the suite need not ask itself.
        seed: Root seed.
        limit: Most problems per task; None for the suite's own number, or 10,000 where it has none.
        wordings: Only these, as `wording` or `task/wording`; none for all prompts of format chat.
            None for `clevr`.
        inline: Whether the pictures of `chat` are data URIs within it, and not files beside it.

    Returns:
        How many examples were written.

    Raises:
        BadInput: The folder is not empty, or there is no such suite, split or wording, or for
            `clevr` no scene.
    """
    checked_limit(limit)
    return suites.export(
        Path(out),
        read_suite(suite),
        Seed(root=seed),
        to=to,
        split=split,
        limit=limit,
        wordings=wordings,
        inline=inline,
    )
