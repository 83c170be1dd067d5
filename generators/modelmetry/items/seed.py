"""Seeds: named, independent random streams, each keyed by a hash of everything that names it."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass

import msgspec

from modelmetry.errors import BadInput


def digest(*parts: str | int) -> int:
    """A 256-bit integer: SHA-256 of the compact JSON array of `parts`."""
    return int.from_bytes(hashlib.sha256(msgspec.json.encode(parts)).digest(), "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """The root of all randomness of one test set.

    Streams are keyed by a hash, so neighboring roots and neighboring indices are unrelated:
    `root + index` never appears.

    Attributes:
        root: Any integer >= 0.
    """

    root: int

    def __post_init__(self) -> None:
        """Refuse negative roots, which would collide with nothing but confuse file names."""
        if self.root < 0:
            raise BadInput(f"seed: {self.root} is negative; allowed: integers from 0")

    def key(self, generator: str, version: int, split: str) -> int:
        """The 256-bit key under which a split's points are put in order."""
        return digest("order", generator, version, self.root, split)

    def rng(self, generator: str, version: int, split: str, index: int) -> random.Random:
        """The stream of one problem: independent of every other (generator, ..., index).

        A `random.Random` (Mersenne Twister, integer seed) rather than a numpy generator: its
        scalar draws are several times faster, and one problem needs only scalars.
        """
        return random.Random(digest("problem", generator, version, self.root, split, index))
