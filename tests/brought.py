"""What generators that need a user's data are given in tests: options by name, made once."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from modelmetry.memory.probing import Request, make

_HELD = tempfile.TemporaryDirectory(prefix="modelmetry-brought-")


def jsonl(path: Path, texts: list[str]) -> Path:
    """A JSONL file of texts."""
    path.write_bytes(b"".join(msgspec.json.encode({"text": text}) + b"\n" for text in texts))
    return path


def documents(seed: int, count: int, words: int, vocabulary: int = 300) -> list[str]:
    """Documents of random words, every fourth of which stands three times."""
    rng = random.Random(seed)
    drawn = [" ".join(f"w{rng.randrange(vocabulary)}" for _ in range(words)) for _ in range(count)]
    return [text for i, text in enumerate(drawn) for _ in range(1 if i % 4 else 3)]


@cache
def _extraction() -> Mapping[str, Any]:
    """Sequences of a corpus of words, and controls."""
    folder = Path(_HELD.name) / "extraction"
    folder.mkdir()
    corpus = jsonl(folder / "corpus.jsonl", documents(1, 200, 30))
    others = jsonl(folder / "held-out.jsonl", documents(2, 200, 30))
    request = Request(shards=(str(corpus),), tokenizer="words", n=700, k=4, held_out=(str(others),))
    make(request, folder / "probes")
    return {"probes": str(folder / "probes")}


BROUGHT: Mapping[str, Callable[[], Mapping[str, Any]]] = {"extraction": _extraction}
"""Generator -> its options."""
