"""Drawing without replacement by index alone: keyed permutations, and strata taken in turn."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import Any

from modelmetry.errors import BadInput
from modelmetry.spaces.space import Space

_TABLE_LIMIT = 4096
_ROUNDS = 8


class Permutation:
    """A bijection of range(size) chosen by a key, evaluated at one index in constant memory.

    Up to 4096 elements it is a Fisher-Yates shuffle; beyond, a Feistel network of eight rounds
    of keyed BLAKE2b over the enclosing power of two, walked until it lands inside (Black and
    Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002).

    Args:
        size: Number of elements, >= 1.
        key: Any integer in [0, 2**256).
    """

    __slots__ = ("_high", "_key", "_low", "_table", "size")

    def __init__(self, size: int, key: int) -> None:
        self.size = size
        self._table: list[int] | None = None
        if size <= _TABLE_LIMIT:
            self._table = list(range(size))
            random.Random(key).shuffle(self._table)
            return
        bits = (size - 1).bit_length()
        self._low = bits // 2
        self._high = bits - self._low
        self._key = key.to_bytes(32, "big")

    def __getitem__(self, index: int) -> int:
        if not 0 <= index < self.size:
            raise IndexError(f"index {index} of a permutation of {self.size}")
        if self._table is not None:
            return self._table[index]
        while True:
            index = self._once(index)
            if index < self.size:
                return index

    def _once(self, value: int) -> int:
        left, right = value >> self._low, value & ((1 << self._low) - 1)
        left_bits, right_bits = self._high, self._low
        for turn in range(_ROUNDS):
            length = (left_bits + 7) // 8
            data = right.to_bytes((right_bits + 7) // 8, "big")
            mixed = _bytes(self._key, turn, data, length)
            left ^= int.from_bytes(mixed, "big") & ((1 << left_bits) - 1)
            left, right = right, left
            left_bits, right_bits = right_bits, left_bits
        # An even number of rounds leaves the halves in their own places.
        return (left << self._low) | right


def _bytes(key: bytes, turn: int, data: bytes, length: int) -> bytes:
    """`length` pseudo-random bytes from a key, a round number and data."""
    person = turn.to_bytes(16, "big")
    out = b""
    block = 0
    while len(out) < length:
        tail = block.to_bytes(4, "big") if block else b""
        out += hashlib.blake2b(data + tail, key=key, person=person).digest()
        block += 1
    return out[:length]


class Strata:
    """Disjoint spaces from which points are taken in turn, without replacement.

    Index i belongs to stratum i mod m while all m strata last; a stratum that is used up drops
    out and the others go on. Any leading part of the sequence is therefore as balanced over the
    strata as their sizes allow.

    Args:
        spaces: The strata, in order; at least one, none empty, pairwise disjoint.
    """

    __slots__ = ("_cache", "_phases", "count", "spaces")

    def __init__(self, spaces: Sequence[Space]) -> None:
        self.spaces = tuple(spaces)
        if not self.spaces or any(not space.count for space in self.spaces):
            raise BadInput("split: it is empty; allowed: strata with one or more points each")
        self.count = sum(space.count for space in self.spaces)
        # One phase per distinct size: (first index, first round, strata still alive).
        self._phases: list[tuple[int, int, tuple[int, ...]]] = []
        start = first_round = 0
        for size in sorted({space.count for space in self.spaces}):
            alive = tuple(i for i, space in enumerate(self.spaces) if space.count >= size)
            self._phases.append((start, first_round, alive))
            start += (size - first_round) * len(alive)
            first_round = size
        self._cache: tuple[int, list[Permutation]] | None = None

    def place(self, index: int) -> tuple[int, int]:
        """The stratum of an index, and how many of its points came before."""
        phase = max(p for p in self._phases if p[0] <= index)
        turn, seat = divmod(index - phase[0], len(phase[2]))
        return phase[2][seat], phase[1] + turn

    def at(self, key: int, index: int) -> dict[str, Any]:
        """The point at an index of the order that `key` chooses.

        Args:
            key: 256-bit integer; every stratum is ordered by a key of its own derived from it.
            index: In range(count).
        """
        if self._cache is None or self._cache[0] != key:
            orders = [
                Permutation(space.count, key ^ (i + 1)) for i, space in enumerate(self.spaces)
            ]
            self._cache = (key, orders)
        stratum, rank = self.place(index)
        return self.spaces[stratum].at(self._cache[1][stratum][rank])
