"""Exports: training data with right answers, and tasks that other harnesses run as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import modelmetry.suites as suites
from modelmetry.api.making import checked_limit, read_suite
from modelmetry.items import Seed
from modelmetry.suites import Exported, Form, Suite


def export(
    suite: str | Path | Suite,
    *,
    to: Form,
    out: str | Path,
    split: str | None = None,
    seed: int = 0,
    limit: int | None = None,
    wordings: Sequence[str] = (),
    inline: bool = False,
    suite_options: Mapping[str, Any] | None = None,
) -> Exported:
    """Write problems in the files of trainers, or of other people's harnesses.

    For training they are a split's problems with their right answers. Afterwards the tuned model is
    scored like any other, as in `modelmetry run clevr-hope --model vllm/<its name>`, on other splits or
    under another seed. For a harness they are what a run asks, with the scorer that a run has.

    Args:
        suite: Name, path or suite.
        to: For training `chat` for JSON Lines (LLaMA-Factory, ms-swift; with `inline` OpenAI), or
            `datasets` for a folder that `datasets.load_dataset` opens (TRL), or `clevr` for scenes,
            questions with their programs, and pictures in the files of the original CLEVR. To ask
            `inspect` for a task file of Inspect, or `lm-eval` for tasks of lm-evaluation-harness.
        out: The folder to make; it is there whole or not at all.
        split: The split. For training by name, whether or not the suite asks it; None for train. For a
            harness by name or label; None for all that the suite asks.
        seed: Root seed.
        limit: Most problems, for training per task (None for the suite's own number, or 10,000 where
            it has none), for a harness per split (None for the suite's own numbers).
        wordings: Only these, as `wording` or `task/wording`; none for all that fit. None for `clevr`.
        inline: Whether the pictures of `chat` and `inspect` are data URIs within it, and not files
            beside it.
        suite_options: Options of the suite's generators in place of its own, as text or as values.

    Returns:
        How much was written, what the other harness calls it, and which wordings were left out.

    Raises:
        BadInput: The folder is not empty, or there is no such suite, split or wording, or the form
            cannot hold what was asked for.
    """
    checked_limit(limit)
    return suites.export(
        Path(out),
        read_suite(suite, suite_options),
        Seed(root=seed),
        to=to,
        split=split,
        limit=limit,
        wordings=wordings,
        inline=inline,
    )
