"""The check standard's tokenizer in plain Python, read from the same `tokenizer.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Self

from modelmetry.items import Message

END = "<|end|>"
SPECIAL = (END, "<|system|>", "<|user|>", "<|assistant|>")

PIECES = " ?[A-Za-z]+|[0-9]|[^A-Za-z0-9]"
"""Words with the space before them, single digits, and every other character by itself."""

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
"""What `chat` does, in the language that transformers and vLLM read."""


@cache
def byte_letters() -> tuple[str, ...]:
    """The printable letter that stands for each byte in `tokenizer.json`, as in GPT-2."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    letters = {byte: chr(byte) for byte in shown}
    letters |= {byte: chr(256 + rank) for rank, byte in enumerate(hidden)}
    return tuple(letters[byte] for byte in range(256))


def chat(messages: Iterable[Message]) -> str:
    """A conversation as the one text that the model continues with its answer."""
    turns = "".join(f"<|{turn.role}|>{turn.text}{END}" for turn in messages)
    return f"{turns}<|assistant|>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenizer:
    """Whole words where the vocabulary has them, bytes where it has not.

    Attributes:
        words: UTF-8 bytes of a piece of text -> its id; holds every single byte.
        special: Special token -> its id; text that spells one is read as one, as everywhere.
        bytes_of: The bytes that each id stands for; empty for special tokens.
    """

    words: dict[bytes, int]
    special: dict[str, int]
    bytes_of: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read `tokenizer.json` as written by `definition`."""
        data = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        special = {token["content"]: token["id"] for token in data["added_tokens"]}
        byte_of = {letter: byte for byte, letter in enumerate(byte_letters())}
        words = {
            bytes(byte_of[letter] for letter in word): number
            for word, number in data["model"]["vocab"].items()
            if word not in special
        }
        names = {number: word for word, number in words.items()}
        bytes_of = tuple(names.get(i, b"") for i in range(len(words) + len(special)))
        return cls(words=words, special=special, bytes_of=bytes_of)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text; nothing is put before or after it."""
        ids: list[int] = []
        for part in _SPECIAL.split(text):
            if part in self.special:
                ids.append(self.special[part])
                continue
            for piece in _PIECES.findall(part):
                # A lone half of a surrogate pair has no UTF-8 form; it becomes a question mark.
                data = piece.encode("utf-8", errors="replace")
                known = self.words.get(data)
                ids += [known] if known is not None else [self.words[bytes([b])] for b in data]
        return ids

    def starts(self, ids: Sequence[int]) -> list[int]:
        """How many bytes of UTF-8 stand before each token."""
        named = {number: len(token) for token, number in self.special.items()}
        return [0, *accumulate(named.get(i, len(self.bytes_of[i])) for i in ids[:-1])]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, special tokens left out; broken UTF-8 becomes U+FFFD."""
        return b"".join(self.bytes_of[i] for i in ids).decode("utf-8", errors="replace")


_PIECES = re.compile(PIECES)
_SPECIAL = re.compile(f"({'|'.join(map(re.escape, SPECIAL))})")


def definition(words: Iterable[str]) -> dict[str, object]:
    """The content of `tokenizer.json` for a vocabulary of whole words.

    Byte-pair encoding without merges: a piece that is in the vocabulary is one token, any other
    falls apart into its bytes.

    Args:
        words: Pieces of text of two or more bytes, with their leading space where they have one.
    """
    letters = byte_letters()
    spelled = ["".join(letters[byte] for byte in word.encode()) for word in words]
    names = [*SPECIAL, *letters, *spelled]
    special = [
        {
            "id": rank,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for rank, token in enumerate(SPECIAL)
    ]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False}
    split = {"type": "Split", "pattern": {"Regex": PIECES}, "behavior": "Isolated", "invert": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [split, {**byte_level, "use_regex": False}],
        },
        "post_processor": None,
        "decoder": {**byte_level, "use_regex": False},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": True,
            "vocab": {name: rank for rank, name in enumerate(names)},
            "merges": [],
        },
    }
