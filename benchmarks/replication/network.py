"""A small transformer that answers questions about scenes, and how it is trained."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from modelmetry.scenes.kinds import KINDS, TYPES, VALUES

from .pools import ANSWERS, BINS, HEIGHT, NONE, WIDTH, WORDS, Problems

LENGTH = 8.0
"""Length of every kind's code."""

WARMUP = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How large a network is and how it is trained; the same for every amount of data.

    Attributes:
        width: Of the tokens.
        layers: How many.
        heads: Of attention.
        steps: Of the optimizer.
        batch: Problems per step.
        rate: Highest learning rate.
        device: As torch names it.
    """

    width: int
    layers: int
    heads: int
    steps: int
    batch: int
    rate: float
    device: str


def codes(coding: str) -> np.ndarray:
    """What the network is given of each kind of object: fixed vectors, shape (kinds, any).

    Args:
        coding: `factored`, a 1 for each of the four values, so that attributes come for free;
            `entangled`, the sum of a random vector for each of the 15 sets of its values: 4 are
            the values themselves, the others belong to values together, so that a held-out pair
            looks new and attributes must be learned, as from a picture; `holistic`, a name of its
            own for each kind, from which nothing can be told of a kind never seen.
    """
    if coding == "holistic":
        return LENGTH * np.eye(len(KINDS))
    if coding == "factored":
        rows = [[value in kind for type_ in TYPES for value in VALUES[type_]] for kind in KINDS]
        return LENGTH / 2 * np.array(rows, dtype=np.float64)
    rng = np.random.default_rng(0)
    found = np.zeros((len(KINDS), int(LENGTH**2)))
    for size in range(1, len(TYPES) + 1):
        for which in combinations(range(len(TYPES)), size):
            parts = [tuple(kind[i] for i in which) for kind in KINDS]
            vectors = {part: rng.standard_normal(found.shape[1]) for part in dict.fromkeys(parts)}
            found += np.array([vectors[part] for part in parts])
    return LENGTH * found / np.linalg.norm(found, axis=1, keepdims=True)


class Objects(nn.Module):
    """A token per object: its kind's code and its place."""

    codes: torch.Tensor

    def __init__(self, coding: str, width: int) -> None:
        super().__init__()
        fixed = np.vstack([codes(coding), np.zeros((1, codes(coding).shape[1]))])
        self.register_buffer("codes", torch.tensor(fixed, dtype=torch.float32))
        self.kind = nn.Linear(fixed.shape[1], width, bias=False)
        self.right, self.front = nn.Embedding(BINS, width), nn.Embedding(BINS, width)
        nn.init.normal_(self.kind.weight, std=0.5 / LENGTH)
        nn.init.normal_(self.right.weight, std=0.1)
        nn.init.normal_(self.front.weight, std=0.1)

    def forward(self, data: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens, shape (b, objects, width), and which of them are objects."""
        place = self.right(data.places[..., 0]) + self.front(data.places[..., 1])
        return self.kind(self.codes[data.kinds]) + place, data.kinds != NONE


class Patches(nn.Module):
    """A token per 8 x 8 pixels of a picture, by three convolutions of stride 2."""

    def __init__(self, width: int) -> None:
        super().__init__()
        sizes = (3, width // 4, width // 2, width)
        layers: list[nn.Module] = []
        for a, b in pairwise(sizes):
            layers += [nn.Conv2d(a, b, 3, stride=2, padding=1), nn.GELU()]
        self.convolutions = nn.Sequential(*layers[:-1])
        self.places = nn.Parameter(0.1 * torch.randn(HEIGHT // 8 * (WIDTH // 8), width))

    def forward(self, data: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens, shape (b, patches, width), all of which count."""
        pixels = data.pictures.permute(0, 3, 1, 2).float() / 127.5 - 1
        tokens = self.convolutions(pixels).flatten(2).transpose(1, 2) + self.places
        return tokens, torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)


class Layer(nn.Module):
    """Attention of some tokens to all, then a step for each of the some."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.found = nn.Linear(width, width), nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.step = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: torch.Tensor, there: torch.Tensor, some: int) -> torch.Tensor:
        """The first `some` tokens, shape (b, some, width), from all that are there."""
        every, x = self.before(x), x[:, :some]
        query = self.query(every[:, :some]).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        key, value = self.key_value(every).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=there[:, None, None, :]
        )
        x = x + self.found(seen.transpose(1, 2).flatten(2))
        return x + self.step(self.between(x))


class Network(nn.Module):
    """A transformer over a scene's and a question's tokens; logits of all answers."""

    def __init__(self, coding: str, longest: int, recipe: Recipe) -> None:
        super().__init__()
        width = recipe.width
        self.scene = Patches(width) if coding == "pictures" else Objects(coding, width)
        self.words = nn.EmbeddingBag(len(WORDS), width, mode="sum", padding_idx=0)
        nn.init.normal_(self.words.weight, std=0.5)
        self.positions = nn.Parameter(0.02 * torch.randn(longest, width))
        self.read = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.layers = nn.ModuleList([Layer(width, recipe.heads) for _ in range(recipe.layers)])
        self.norm, self.answer = nn.LayerNorm(width), nn.Linear(width, len(ANSWERS))

    def forward(self, data: Batch) -> torch.Tensor:
        """Logits, shape (b, answers)."""
        scene, there = self.scene(data)
        b, tokens, _ = data.words.shape
        question = self.words(data.words.flatten(0, 1)).unflatten(0, (b, tokens))
        x = torch.cat([self.read.expand(b, 1, -1), scene, question + self.positions[:tokens]], 1)
        there = torch.cat([there.new_ones(b, 1), there, data.words[..., 0] > 0], 1)
        for left, layer in zip(range(len(self.layers) - 1, -1, -1), self.layers, strict=True):
            x = layer(x, there, x.shape[1] if left else 1)  # of the last, one token is read
        return self.answer(self.norm(x[:, 0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Problems as tensors; see `Problems`. There is a picture per problem, or none."""

    kinds: torch.Tensor
    places: torch.Tensor
    words: torch.Tensor
    pictures: torch.Tensor
    answers: torch.Tensor


class Tensors:
    """Problems on a device, from which batches are taken."""

    def __init__(self, problems: Problems, device: str) -> None:
        self.size = len(problems.answers)
        self.kinds, self.places, self.words, self.pictures, self.answers, self.scenes = (
            torch.from_numpy(each).to(device)
            for each in (
                *(problems.kinds, problems.places, problems.words),
                *(problems.pictures, problems.answers, problems.scenes),
            )
        )

    def at(self, which: np.ndarray) -> Batch:
        """The chosen problems, by index."""
        rows = torch.from_numpy(which).to(self.kinds.device)
        painted = len(self.pictures) > 0
        return Batch(
            kinds=self.kinds[rows],
            places=self.places[rows],
            words=self.words[rows],
            pictures=self.pictures[self.scenes[rows]] if painted else self.pictures,
            answers=self.answers[rows],
        )


def train(
    problems: Problems, coding: str, recipe: Recipe, seed: int, longest: int
) -> tuple[Network, float]:
    """A network trained on the problems, and its mean loss over the last tenth of the steps."""
    torch.manual_seed(seed)
    network = Network(coding, longest, recipe).to(recipe.device)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    data, late = Tensors(problems, recipe.device), []
    order = _order(data.size, recipe.batch, np.random.default_rng(seed))
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = _rate(step, recipe)
        batch = data.at(next(order))
        loss = functional.cross_entropy(network(batch), batch.answers)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if step >= 0.9 * recipe.steps:
            late.append(loss.detach())
    return network.eval(), float(torch.stack(late).mean())


def _order(size: int, batch: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Endless batches: all problems in random order, then again in another."""
    left = np.zeros(0, dtype=np.int64)
    while True:
        while len(left) < batch:
            left = np.concatenate([left, rng.permutation(size)])
        yield left[:batch]
        left = left[batch:]


def _rate(step: int, recipe: Recipe) -> float:
    """A linear rise, then half a cosine down to a hundredth."""
    down = (1 + math.cos(math.pi * step / recipe.steps)) / 2
    return recipe.rate * min(1.0, (step + 1) / WARMUP) * (0.01 + 0.99 * down)


@torch.no_grad()
def answers(network: Network, problems: Problems, recipe: Recipe) -> np.ndarray:
    """Index of the answer given to each problem, shape (n,)."""
    data = Tensors(problems, recipe.device)
    parts = np.array_split(np.arange(data.size), max(1, data.size // 512))
    return np.concatenate([network(data.at(part)).argmax(1).cpu().numpy() for part in parts])
