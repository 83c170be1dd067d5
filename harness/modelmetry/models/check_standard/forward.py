"""A Llama forward pass in numpy: one sequence at a time, in float32, with a key-value cache."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
"""Holds float32; what numpy infers of mixed expressions is wider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One transformer block; matrices act from the right on row vectors.

    Attributes:
        qkv: Query, key and value projections side by side, shape (hidden, 3 * hidden), rows
            scaled by the weights of the normalization before them.
        out: Output projection of the attention, shape (hidden, hidden).
        gate_up: Both inputs of the gated unit, shape (hidden, 2 * inner), scaled likewise.
        down: Its output projection, shape (inner, hidden).
    """

    qkv: Array
    out: Array
    gate_up: Array
    down: Array


class Cache:
    """Keys and values of the tokens read so far.

    Attributes:
        keys: Shape (layers, heads, capacity, head size), rotated; `values` likewise.
        length: How many tokens have been read.
    """

    __slots__ = ("keys", "length", "values")

    def __init__(self, layers: int, heads: int, capacity: int, head_size: int) -> None:
        shape = (layers, heads, capacity, head_size)
        self.keys: Array = np.empty(shape, np.float32)
        self.values: Array = np.empty(shape, np.float32)
        self.length = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Llama:
    """A Llama model with tied embeddings and as many key as query heads.

    Attributes:
        embedding: Token embeddings, shape (vocabulary, hidden).
        head: From the last hidden state to logits, shape (hidden, vocabulary), rows scaled by the
            weights of the last normalization.
        layers: The blocks, first to last.
        heads: Attention heads.
        epsilon: Added to the mean square in every normalization.
        cosine: Of the rotary angles, shape (context, head size); both halves alike.
        sine: Likewise, with the sign of the rotation: minus in the first half.
    """

    embedding: Array
    head: Array
    layers: tuple[Layer, ...]
    heads: int
    epsilon: float
    cosine: Array
    sine: Array

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read `config.json` and `model.safetensors` as transformers writes them."""
        from safetensors.numpy import load_file

        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        weights = load_file(folder / "model.safetensors")
        heads = config["num_attention_heads"]
        embedding = weights["model.embed_tokens.weight"]
        cosine, sine = _rotary(
            config["max_position_embeddings"], config["hidden_size"] // heads, config["rope_theta"]
        )
        return cls(
            embedding=embedding,
            head=_joined([embedding], weights["model.norm.weight"]),
            layers=tuple(_layer(weights, i) for i in range(config["num_hidden_layers"])),
            heads=heads,
            epsilon=config["rms_norm_eps"],
            cosine=cosine,
            sine=sine,
        )

    @property
    def context(self) -> int:
        """Most tokens of a sequence, prompt and answer together."""
        return len(self.cosine)

    def cache(self, capacity: int) -> Cache:
        """An empty cache for up to `capacity` tokens."""
        return Cache(len(self.layers), self.heads, capacity, self.cosine.shape[1])

    def extend(self, cache: Cache, ids: Sequence[int]) -> Array:
        """Read further tokens.

        Args:
            cache: What has been read; the new tokens are added to it.
            ids: Token ids, at least one; no more than the cache has room for.

        Returns:
            The last block's output for each new token, shape (len(ids), hidden).
        """
        past, now = cache.length, cache.length + len(ids)
        cosine, sine = self.cosine[past:now], self.sine[past:now]
        # A single new token may look at everything before it, so it needs no mask.
        mask = None
        if len(ids) > 1:
            mask = np.triu(np.full((len(ids), now), -np.inf, np.float32), k=past + 1)
        x = self.embedding[np.asarray(ids)]
        for layer, keys, values in zip(self.layers, cache.keys, cache.values, strict=True):
            split = (len(ids), 3, self.heads, -1)
            q, k, v = (self._norm(x) @ layer.qkv).reshape(split).transpose(1, 2, 0, 3)
            keys[:, past:now] = _rotate(k, cosine, sine)
            values[:, past:now] = v
            seen = _attend(_rotate(q, cosine, sine), keys[:, :now], values[:, :now], mask)
            x = x + seen @ layer.out
            gate, up = np.split(self._norm(x) @ layer.gate_up, 2, axis=1)
            x = x + (gate / (1 + np.exp(-gate)) * up) @ layer.down
        cache.length = now
        return x

    def logits(self, hidden: Array) -> Array:
        """Scores of every next token, shape (n, vocabulary), from `extend`'s (n, hidden)."""
        return self._norm(hidden) @ self.head

    def _norm(self, x: Array) -> Array:
        """Root-mean-square normalization; its weights are part of the matrix that follows."""
        square = np.einsum("ij,ij->i", x, x)[:, None] / np.float32(x.shape[1])
        return x / np.sqrt(square + np.float32(self.epsilon))


def _attend(q: Array, keys: Array, values: Array, mask: Array | None) -> Array:
    """Scaled dot-product attention: (heads, n, size) queries to (n, heads * size) outputs."""
    scores = q @ keys.transpose(0, 2, 1) / np.sqrt(np.float32(q.shape[2]))
    if mask is not None:
        scores += mask
    scores = np.exp(scores - scores.max(axis=2, keepdims=True))
    out = (scores / scores.sum(axis=2, keepdims=True)) @ values
    return out.transpose(1, 0, 2).reshape(q.shape[1], -1)


def _rotate(x: Array, cosine: Array, sine: Array) -> Array:
    """Rotary position embedding (Su et al., arXiv 2104.09864), halves paired as in Llama."""
    half = x.shape[2] // 2
    swapped = np.concatenate([x[:, :, half:], x[:, :, :half]], axis=2)
    return x * cosine + swapped * sine


def _rotary(context: int, size: int, base: float) -> tuple[Array, Array]:
    """Cosine and signed sine of the rotary angles, each of shape (context, size)."""
    frequency = base ** -(np.arange(0, size, 2, dtype=np.float64) / size)
    angle = np.arange(context)[:, None] * frequency
    cosine, sine = np.cos(angle), np.sin(angle)
    return (
        np.hstack([cosine, cosine]).astype(np.float32),
        np.hstack([-sine, sine]).astype(np.float32),
    )


def _layer(weights: Mapping[str, Array], index: int) -> Layer:
    """The matrices of one block, fused and oriented for row vectors."""
    at = f"model.layers.{index}."
    attention = [weights[f"{at}self_attn.{name}_proj.weight"] for name in "qkv"]
    gated = [weights[f"{at}mlp.{name}_proj.weight"] for name in ("gate", "up")]
    plain = np.float32(1)
    return Layer(
        qkv=_joined(attention, weights[f"{at}input_layernorm.weight"]),
        out=_joined([weights[f"{at}self_attn.o_proj.weight"]], plain),
        gate_up=_joined(gated, weights[f"{at}post_attention_layernorm.weight"]),
        down=_joined([weights[f"{at}mlp.down_proj.weight"]], plain),
    )


def _joined(matrices: Sequence[Array], scale: Array | np.float32) -> Array:
    """(out, in) matrices as one (in, total out) matrix in row order, its rows scaled."""
    return np.ascontiguousarray((np.concatenate(matrices) * scale).T)
