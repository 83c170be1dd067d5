"""What is trained on what, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelmetry import api
from modelmetry.memory.laboratory import Laboratory
from modelmetry.memory.memorization import Memorization
from modelmetry.suites import Suite


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How all models are trained.

    Attributes:
        kept: After which passes over the corpus a checkpoint is kept, rising; the last is the trained
            model. All passes are in the corpus's own order.
        batch: Documents in a step; consecutive ones.
        rate: Highest learning rate of a model of width 64; of others inversely as their width.
        warmup: Steps until it is reached, under half a cosine down to a tenth.
        seed: Of the weights.
    """

    kept: tuple[int, ...] = (1, 2, 4, 6)
    batch: int = 16
    rate: float = 6e-3
    warmup: int = 100
    seed: int = 1

    def steps(self, documents: int) -> tuple[int, ...]:
        """After how many steps each checkpoint is kept."""
        return tuple(passes * (documents // self.batch) for passes in self.kept)

    def batches(self, documents: int) -> Iterator[slice]:
        """Which documents are read in each step; a batch that would not be full is left out."""
        for _ in range(self.kept[-1]):
            for first in range(0, documents - self.batch + 1, self.batch):
                yield slice(first, first + self.batch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A model's size.

    Attributes:
        name: What it is called.
        hidden: Width.
        layers: Transformer blocks.
    """

    name: str
    hidden: int
    layers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is trained, on what.

    Attributes:
        options: Of the laboratory, as options of the suite's generator.
        sizes: Of the models, ascending.
        recipe: How they are trained.
    """

    options: Mapping[str, Any]
    sizes: tuple[Size, ...]
    recipe: Recipe

    @property
    def suite(self) -> Suite:
        """The suite `memorization` with this laboratory."""
        return api.read_suite("memorization", self.options)

    @property
    def laboratory(self) -> Laboratory:
        """Where the sequences are planted."""
        return Memorization(**self.options).laboratory


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """One size after so many steps.

    Attributes:
        size: It.
        weights: Without those of the embedding, which the output shares.
        step: Optimizer steps so far.
        passes: Over the corpus so far.
        tokens: Read so far.
        loss: Mean of the last hundred steps, in nats per token.
        cpu_s: CPU seconds of training so far.
        model: Its folder, from --out.
        run: The folder of its run, likewise; empty before it was asked.
    """

    size: Size
    weights: int
    step: int
    passes: int
    tokens: int
    loss: float
    cpu_s: float
    model: str
    run: str = ""
