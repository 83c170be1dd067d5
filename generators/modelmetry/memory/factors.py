"""Factors of memorization that are statistics of a sequence's tokens: their frequencies and perplexities."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelmetry.errors import BadInput

Values = NDArray[np.float64]


class FrequencyStatistics(NamedTuple):
    """How common a sequence's tokens are in the corpus; each of shape (sequences,).

    Attributes:
        maximum: Frequency of its commonest token.
        mean: Mean over its tokens, each counted as often as it occurs in the sequence.
        minimum: Frequency of its rarest token.
        median: Interpolated, as are the quartiles, linearly between the two nearest.
        p25: Lower quartile.
        p75: Upper quartile.
    """

    maximum: Values
    mean: Values
    minimum: Values
    median: Values
    p25: Values
    p75: Values


class Perplexities(NamedTuple):
    """exp of the mean negative log-probability per token, >= 1; each of shape (sequences,).

    Attributes:
        prompt: Over the prompt's tokens.
        continuation: Over the continuation's tokens, given what precedes them.
        whole: Over all tokens.
    """

    prompt: Values
    continuation: Values
    whole: Values


def frequency_statistics(tokens: ArrayLike, frequencies: ArrayLike) -> FrequencyStatistics:
    """Statistics of the corpus frequencies of a sequence's tokens.

    Args:
        tokens: Token numbers, shape (sequences, length).
        frequencies: How often each token occurs in the corpus, >= 0, shape (vocabulary,).

    Returns:
        Six columns.

    Raises:
        BadInput: If a token is not in the table, as where the corpus was counted under another
            tokenizer, or the table is not of counts.
    """
    rows, table = np.asarray(tokens), np.asarray(frequencies)
    if rows.ndim != 2 or not rows.shape[1] or rows.dtype.kind not in "iu":
        raise BadInput(
            f"frequencies: tokens of shape {rows.shape} and type {rows.dtype}; "
            "allowed: integers of shape (sequences, length), length from 1"
        )
    if table.ndim != 1 or table.dtype.kind not in "iuf":
        raise BadInput(
            f"frequencies: table of shape {table.shape} and type {table.dtype}; "
            "allowed: numbers of shape (vocabulary,)"
        )
    if not (np.isfinite(table) & (table >= 0)).all():
        raise BadInput("frequencies: a token's count is negative or not finite; allowed: from 0")
    if rows.size and not 0 <= rows.min() <= rows.max() < len(table):
        raise BadInput(
            f"frequencies: tokens from {rows.min()} to {rows.max()}; allowed: 0 to "
            f"{len(table) - 1}, those that were counted (is the tokenizer the corpus's?)"
        )
    found = table[rows].astype(np.float64)
    p25, median, p75 = np.quantile(found, (0.25, 0.5, 0.75), axis=1)
    return FrequencyStatistics(
        found.max(axis=1), found.mean(axis=1), found.min(axis=1), median, p25, p75
    )


def perplexities(
    prompt_sums: ArrayLike,
    prompt_tokens: ArrayLike,
    continuation_sums: ArrayLike,
    continuation_tokens: ArrayLike,
) -> Perplexities:
    """Perplexities of prompt, continuation and whole, each over its own number of tokens.

    The source's code divides both halves by the length of the whole, which gives about the square
    roots of these.

    Args:
        prompt_sums: Sum of the natural log-probabilities of the prompt's tokens, each given all
            before it, shape (sequences,); NaN where none is known.
        prompt_tokens: Of how many tokens: the first of a text has none.
        continuation_sums: Likewise of the continuation's tokens.
        continuation_tokens: Of how many.

    Returns:
        Three columns; infinite where a token's probability is 0, NaN where a part that is needed is
        not known or has no tokens.

    Raises:
        BadInput: If the shapes differ, a sum is above 0, or a number of tokens is negative.
    """
    try:
        sums = np.array([prompt_sums, continuation_sums], np.float64)
        tokens = np.array([prompt_tokens, continuation_tokens], np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(f"perplexity: {error}; allowed: a number for each sequence") from None
    if sums.ndim != 2 or sums.shape != tokens.shape:
        raise BadInput(
            f"perplexity: sums of shape {sums.shape[1:]} and tokens of shape {tokens.shape[1:]}; "
            "allowed: a number for each sequence"
        )
    if (tokens < 0).any():
        raise BadInput(f"perplexity: {np.nanmin(tokens):g} tokens; allowed: from 0")
    # A back end's rounding may put a certain token's a little above 0.
    if (sums > 1e-3 * np.maximum(tokens, 1)).any():
        raise BadInput(f"perplexity: a log-probability is {np.nanmax(sums):.4g}; allowed: up to 0")
    sums = np.minimum(sums, 0.0)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        parts = np.exp(-sums / np.where(tokens > 0, tokens, np.nan))
        whole = np.exp(-sums.sum(axis=0) / np.where(tokens[1] > 0, tokens.sum(axis=0), np.nan))
    return Perplexities(parts[0], parts[1], whole)
