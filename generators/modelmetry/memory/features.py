"""Features of sequences: what memorization may depend on besides how often a sequence stands in a corpus."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelmetry.errors import BadInput
from modelmetry.memory.code_length import huffman, shannon
from modelmetry.memory.embedding import Embedder
from modelmetry.memory.factors import frequency_statistics
from modelmetry.memory.similarity import matches
from modelmetry.memory.templates import is_incrementing, is_repeating

Values = NDArray[np.float64]

_DIGITS = re.compile(r"\d+")

SAMPLES = 4096
"""Samples of a corpus that are enough, where a caller has no reason for another number."""


def describe(
    tokens: ArrayLike,
    texts: Sequence[str],
    *,
    wholes: Sequence[str] | None = None,
    frequencies: ArrayLike | None = None,
    samples: Sequence[str] | None = None,
    embedder: Embedder | None = None,
) -> dict[str, Values]:
    """The features of Prashanth et al. (arXiv 2406.17746) that need no model, as far as can be told.

    | names | over | source, and what differs from its code |
    |---|---|---|
    | `frequency_` and `maximum`, `mean`, `minimum`, `median`, `p25`, `p75` | all tokens | quartiles interpolated, not approximate (`factors`) |
    | `semantic_matches` | prompts | cosines to samples of the corpus >= 0.8 (`similarity`); needs no download unless an `embedder` does |
    | `textual_matches` | prompts | among these, 1 to 19 edits; prompts beyond ASCII have theirs as well |
    | `huffman` | characters | bits per character under Huffman's own code (`code_length`) |
    | `shannon` | characters | what the source calls Huffman coding length |
    | `repeating`, `incrementing` | the text | 1 or 0; concave triples do not count (`templates`) |

    Args:
        tokens: Token numbers, shape (n, 2k).
        texts: Text of each prompt, the first k tokens.
        wholes: Text of each whole sequence, for characters and templates, as in the source; None to
            take the prompts' instead.
        frequencies: How often each token occurs in the corpus, shape (vocabulary,); None to leave
            out what needs them.
        samples: Texts of windows of k tokens of the corpus; None likewise. Time is in proportion to
            their number: see `SAMPLES`.
        embedder: None for `HashedNgrams` fitted to the samples.

    Returns:
        Name -> values, shape (n,).

    Raises:
        BadInput: If there are not as many texts as sequences, a text is empty, tokens and
            frequencies do not belong together, or the embedder gives other than unit vectors.
    """
    rows = np.asarray(tokens)
    wholes = texts if wholes is None else wholes
    if rows.ndim != 2 or not len(rows) == len(texts) == len(wholes):
        raise BadInput(
            f"features: tokens of shape {rows.shape}, {len(texts)} prompts and {len(wholes)} texts; "
            "allowed: (number, length), and as many of each"
        )
    found: dict[str, Values] = {}
    if frequencies is not None:
        columns = frequency_statistics(rows, frequencies)._asdict()
        found |= {f"frequency_{name}": column for name, column in columns.items()}
    if samples is not None:
        columns = matches(texts, samples, embedder)._asdict()
        found |= {f"{name}_matches": column.astype(float) for name, column in columns.items()}
    measures = {
        "huffman": huffman,
        "shannon": shannon,
        "repeating": _repeats,
        "incrementing": _increments,
    }
    for name, measure in measures.items():
        found[name] = np.array([measure(text) for text in wholes], dtype=np.float64)
    return found


def _repeats(text: str) -> bool:
    """`is_repeating`, after a look whether the first half comes again at all."""
    return text[: len(text) - len(text) // 2] in text[1:] and is_repeating(text)


def _increments(text: str) -> bool:
    """`is_incrementing`, after a look whether there are three numbers at all."""
    return len(_DIGITS.findall(text)) >= 3 and is_incrementing(text)
